"""A backup of either home goes into either home, whole; a damaged one goes nowhere."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from geo.errors import ChigaiError
from planning.editing.changes import Asked
from tests.tracking.camera import photo
from tests.tracking.writer import opinion
from tracking import journal, people, photos, tables
from tracking.backup import KEPT, backup, look, restore
from tracking.ledger import Event, append, conflicts, events, states, verify
from tracking.register import change_block, register_plan
from tracking.store import Store

START = datetime(2021, 9, 20, tzinfo=UTC)


@pytest.fixture
def full(followed: Store, season: Callable[..., list[Event]], tmp_path: Path) -> Store:
    """A database with something in every table, and two photos in the data folder."""
    shown, beside = (
        photos.keep(followed, photo((131.5, 45.5), shade=i), "field", tmp_path / "home").sha for i in range(2)
    )
    sent = season()
    sent[1] = replace(sent[1], files=(shown,))
    append(followed, [*sent, opinion("b2"), replace(sent[1], note="other", files=(beside,))])
    change_block(followed, "p", "b2", 1, {"village": "东村"}, "planner")
    people.add_user(followed, people.LOCAL, "李四", "li@example.org", "field", ["230381"])
    with followed.writing() as connection:
        draft = journal.create(connection, "p", "手改", "planner")
        placed = {"a": ("B1", False, False)}
        sums = {"230381": {"blocks": 1, "cost_yuan": 0.1 + 0.2}}
        journal.append(connection, draft, 7, ["230381"], "planner", Asked("lock", ("a",)), placed, sums)
        row = {"plan": "p", "programme": "jixi-2020-8", "sha256": "0" * 64, "at": START, "actor": "planner"}
        connection.execute(sa.insert(tables.approvals), row)
    return followed


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All rows, but for what the audit says of backups themselves."""
    with store.reading() as connection:
        found = {
            t.name: [tuple(r) for r in connection.execute(sa.select(t).order_by(*t.primary_key.columns))]
            for t in (*KEPT, tables.head)
        }
    about = list(tables.audit.c.keys()).index("action")
    found["audit"] = [row for row in found["audit"] if row[about] not in ("backup", "restore")]
    return found


def pictures(home: Path) -> dict[str, bytes]:
    return {p.stem: p.read_bytes() for p in (home / "files").rglob("*.jpg")}


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_what_was_backed_up_is_there_again_in_the_other_home(
    full: Store, other: str, new_database: Callable[..., str], tmp_path: Path, report: Callable[..., Event]
) -> None:
    saved = backup(full, tmp_path / "b.zip", tmp_path / "home")
    assert saved.rows == {
        "plans": 1, "blocks": 4, "block_history": 1, "events": 8, "conflicts": 1, "users": 1, "files": 2, "audit": 1,
        "drafts": 1, "draft_changes": 1, "draft_units": 1, "approvals": 1,
    }  # fmt: skip
    target = Store(new_database(other, bare=True))
    found = restore(tmp_path / "b.zip", target, tmp_path / "other")
    assert (found.rows, found.head, found.broken) == (saved.rows, saved.head, None)
    assert saved.lost == found.lost == ()
    assert (
        pictures(tmp_path / "other") == pictures(tmp_path / "home") and len(pictures(tmp_path / "home")) == 2
    )
    assert everything(target) == everything(full)
    pd.testing.assert_frame_equal(states(target), states(full))
    assert verify(target, saved.head) is None
    # and work goes on there
    (receipt,) = append(target, [report("started", 1, "b3")])
    assert (receipt.status, receipt.seq) == ("accepted", 9)
    sent = opinion("b3")
    append(target, [sent, replace(sent, given=False)])
    assert conflicts(target)["no"].tolist() == [2, 1]
    assert verify(target, saved.head) is None
    assert change_block(target, "p", "b2", 2, {"village": "西村"}, "planner") == 3
    people.add_user(target, people.LOCAL, "王五", "wang@example.org", "viewer", None)
    sha = photos.keep(target, photo(shade=9), "field", tmp_path / "other").sha
    (receipt,) = append(target, [report("progress", 2, "b3", done_mu=1.0, files=(sha,))])
    assert receipt.status == "accepted"
    target.close()


def test_a_database_that_holds_something_is_not_overwritten_unless_told(
    full: Store, home: str, new_database: Callable[..., str], write_plan: Callable[..., Path], tmp_path: Path
) -> None:
    backup(full, tmp_path / "b.zip", tmp_path / "home")
    target = Store(new_database(home))
    register_plan(target, write_plan((100.0,), plan_id="p"), "planner")
    append(target, [opinion() for _ in range(12)])
    assert len(states(target)) == 1
    with pytest.raises(ChigaiError) as caught:
        restore(tmp_path / "b.zip", target, tmp_path / "other")
    assert caught.value.do_zh and caught.value.do_en
    assert len(events(target)) == 12
    restore(tmp_path / "b.zip", target, tmp_path / "other", replace=True)
    assert everything(target) == everything(full)
    # what was kept in memory of the ledger before is forgotten
    pd.testing.assert_frame_equal(states(target), states(full))
    with pytest.raises(ChigaiError, match="additions only"), target.writing() as connection:
        connection.execute(sa.text("DELETE FROM events"))
    target.close()


def spoil(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of the backup with one of its files changed."""
    with zipfile.ZipFile(path) as box:
        parts = {n: box.read(n) for n in box.namelist()}
    out = path.with_name("spoilt.zip")
    with zipfile.ZipFile(out, "w") as box:
        for n, data in parts.items():
            box.writestr(n, change(data) if n == name or (name == "photos/" and n.startswith(name)) else data)
    return out


def without(table: str) -> Callable[[bytes], bytes]:
    """A manifest that does not speak of a table."""

    def change(data: bytes) -> bytes:
        manifest = json.loads(data)
        del manifest["tables"][table]
        return json.dumps(manifest).encode()

    return change


def newer(data: bytes) -> bytes:
    return json.dumps(json.loads(data) | {"schema": "9999"}).encode()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("events.jsonl", lambda d: d.replace(b"29.5", b"39.5")),
        ("events.jsonl", lambda d: d.splitlines(True)[0]),
        ("blocks.jsonl", lambda d: b""),
        ("manifest.json", lambda d: b"{}"),
        ("manifest.json", lambda d: b"no json"),
        ("manifest.json", newer),
        ("manifest.json", without("events")),
        ("manifest.json", without("files")),
        ("manifest.json", lambda d: json.dumps(json.loads(d) | {"photos": []}).encode()),
        ("files.jsonl", lambda d: b""),
        ("users.jsonl", lambda d: d.replace(b"field", b"planner")),
        ("photos/", lambda d: d + b"x"),
    ],
)
def test_a_spoilt_backup_is_refused_and_changes_nothing(
    full: Store, new_database: Callable[..., str], tmp_path: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    backup(full, tmp_path / "b.zip", tmp_path / "home")
    path = spoil(tmp_path / "b.zip", name, change)
    target = Store(new_database("sqlite"))
    for use in (lambda: restore(path, target, tmp_path / "other"), lambda: look(path)):
        with pytest.raises(ChigaiError) as caught:
            use()
        assert caught.value.do_zh and caught.value.do_en
    assert all(not rows for table, rows in everything(target).items() if table != "ledger_head")
    assert pictures(tmp_path / "other") == {}
    target.close()


@pytest.mark.parametrize("content", [None, b"", b"PK no zip", b"SQLite format 3\x00"])
def test_a_file_that_is_no_backup_is_refused(store: Store, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "b.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ChigaiError):
        restore(path, store, tmp_path / "other")


def test_a_backup_is_the_owners_alone_and_takes_nobodys_place(full: Store, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "b.zip"
    saved = backup(full, path, tmp_path / "home")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert look(path).head == saved.head and len(saved.sha256) == 64
    with pytest.raises(ChigaiError):
        backup(full, path, tmp_path / "home")
    assert [p.name for p in path.parent.iterdir()] == ["b.zip"]


def test_a_ledger_that_was_tampered_with_is_brought_back_and_told(
    full: Store, new_database: Callable[..., str], tmp_path: Path
) -> None:
    with full.writing() as connection:
        if full.postgres:
            connection.execute(sa.text("ALTER TABLE events DISABLE TRIGGER USER"))
        else:
            connection.execute(sa.text("DROP TRIGGER events_no_update"))
        connection.execute(sa.text("UPDATE events SET note = 'x' WHERE seq = 3"))
    backup(full, tmp_path / "b.zip", tmp_path / "home")
    target = Store(new_database("sqlite"))
    found = restore(tmp_path / "b.zip", target, tmp_path / "other")
    assert found.broken is not None and found.broken.seq == 3
    target.close()


def older(path: Path) -> Path:
    """The backup as a chigai without photos, people and scheme B would have written it."""
    with zipfile.ZipFile(path) as box:
        parts = {n: box.read(n) for n in box.namelist()}
    manifest = json.loads(parts["manifest.json"])
    lines = [json.loads(line) for line in parts["events.jsonl"].splitlines()]
    for line in lines:
        del line["measure"], line["units"]
    parts["events.jsonl"] = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
    manifest["tables"]["events"]["sha256"] = hashlib.sha256(parts["events.jsonl"]).hexdigest()
    manifest["schema"] = "0001"
    for name in ("users", "files", "audit"):
        del manifest["tables"][name]
    del manifest["photos"]
    parts["manifest.json"] = json.dumps(manifest).encode()
    out = path.with_name("older.zip")
    with zipfile.ZipFile(out, "w") as box:
        for name, data in parts.items():
            if not name.startswith(("users", "files", "audit", "photos")):
                box.writestr(name, data)
    return out


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_an_older_backup_without_photos_and_people_is_restored(
    followed: Store,
    season: Callable[..., list[Event]],
    other: str,
    new_database: Callable[..., str],
    tmp_path: Path,
) -> None:
    append(followed, season())
    saved = backup(followed, tmp_path / "b.zip", tmp_path / "home")
    path = older(tmp_path / "b.zip")
    assert look(path).head == saved.head
    target = Store(new_database(other))
    found = restore(path, target, tmp_path / "other")
    assert found.head == saved.head and found.broken is None and found.lost == ()
    assert everything(target) == everything(followed)
    target.close()


@pytest.mark.parametrize("spoilt", [None, b"spoilt"])
def test_a_photo_whose_bytes_are_lost_does_not_keep_the_rest_from_being_backed_up(
    full: Store, new_database: Callable[..., str], tmp_path: Path, spoilt: bytes | None
) -> None:
    gone, left = sorted(pictures(tmp_path / "home"))
    path = photos.path(tmp_path / "home", gone)
    path.unlink() if spoilt is None else path.write_bytes(spoilt)
    saved = backup(full, tmp_path / "b.zip", tmp_path / "home")
    assert saved.lost == look(tmp_path / "b.zip").lost == (gone,)
    target = Store(new_database("sqlite"))
    assert restore(tmp_path / "b.zip", target, tmp_path / "other").lost == (gone,)
    assert set(pictures(tmp_path / "other")) == {left}
    assert everything(target) == everything(full)
    target.close()


def test_who_is_signed_in_stays_behind(full: Store, new_database: Callable[..., str], tmp_path: Path) -> None:
    with full.writing() as connection:
        user = connection.scalar(sa.select(tables.users.c.id))
        moment = START
        connection.execute(
            sa.insert(tables.sessions),
            {"key": "k", "user_id": user, "opened": moment, "seen": moment, "expires": moment},
        )
    backup(full, tmp_path / "b.zip", tmp_path / "home")
    target = Store(new_database("sqlite"))
    restore(tmp_path / "b.zip", target, tmp_path / "other")
    with target.reading() as connection:
        assert connection.execute(sa.select(tables.sessions)).all() == []
        assert connection.scalar(sa.select(tables.users.c.id)) == user
    target.close()


def test_backups_and_restores_are_put_down(
    full: Store, new_database: Callable[..., str], tmp_path: Path
) -> None:
    backup(full, tmp_path / "b.zip", tmp_path / "home", actor="u1")
    target = Store(new_database("sqlite"))
    restore(tmp_path / "b.zip", target, tmp_path / "other", actor="u2")
    for store, said in ((full, ("u1", "backup")), (target, ("u2", "restore"))):
        with store.reading() as connection:
            query = sa.select(tables.audit.c.actor, tables.audit.c.action).order_by(tables.audit.c.no.desc())
            assert connection.execute(query).first() == said
    target.close()
