"""A backup of either home goes into either home, whole; a damaged one goes nowhere."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from geo.errors import ChigaiError
from tests.tracking.writer import opinion
from tracking import tables
from tracking.backup import KEPT, backup, look, restore
from tracking.ledger import Event, append, conflicts, events, states, verify
from tracking.register import change_block, register_plan
from tracking.store import Store


@pytest.fixture
def full(followed: Store, season: Callable[..., list[Event]]) -> Store:
    """A database with something in every table."""
    sent = season()
    append(followed, [*sent, opinion("b2"), replace(sent[1], note="other")])
    change_block(followed, "p", "b2", 1, {"village": "东村"}, "planner")
    return followed


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as connection:
        return {
            t.name: [tuple(r) for r in connection.execute(sa.select(t).order_by(*t.primary_key.columns))]
            for t in (*KEPT, tables.head)
        }


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_what_was_backed_up_is_there_again_in_the_other_home(
    full: Store, other: str, new_database: Callable[..., str], tmp_path: Path, report: Callable[..., Event]
) -> None:
    saved = backup(full, tmp_path / "b.zip")
    assert saved.rows == {"plans": 1, "blocks": 4, "block_history": 1, "events": 8, "conflicts": 1}
    target = Store(new_database(other, bare=True))
    found = restore(tmp_path / "b.zip", target)
    assert (found.rows, found.head, found.broken) == (saved.rows, saved.head, None)
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
    target.close()


def test_a_database_that_holds_something_is_not_overwritten_unless_told(
    full: Store, home: str, new_database: Callable[..., str], write_plan: Callable[..., Path], tmp_path: Path
) -> None:
    backup(full, tmp_path / "b.zip")
    target = Store(new_database(home))
    register_plan(target, write_plan((100.0,), plan_id="p"), "planner")
    append(target, [opinion() for _ in range(12)])
    assert len(states(target)) == 1
    with pytest.raises(ChigaiError) as caught:
        restore(tmp_path / "b.zip", target)
    assert caught.value.do_zh and caught.value.do_en
    assert len(events(target)) == 12
    restore(tmp_path / "b.zip", target, replace=True)
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
            box.writestr(n, change(data) if n == name else data)
    return out


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
    ],
)
def test_a_spoilt_backup_is_refused_and_changes_nothing(
    full: Store, new_database: Callable[..., str], tmp_path: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    backup(full, tmp_path / "b.zip")
    path = spoil(tmp_path / "b.zip", name, change)
    target = Store(new_database("sqlite"))
    for use in (lambda: restore(path, target), lambda: look(path)):
        with pytest.raises(ChigaiError) as caught:
            use()
        assert caught.value.do_zh and caught.value.do_en
    assert all(not rows for table, rows in everything(target).items() if table != "ledger_head")
    target.close()


@pytest.mark.parametrize("content", [None, b"", b"PK no zip", b"SQLite format 3\x00"])
def test_a_file_that_is_no_backup_is_refused(store: Store, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "b.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ChigaiError):
        restore(path, store)


def test_a_backup_is_the_owners_alone_and_takes_nobodys_place(full: Store, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "b.zip"
    saved = backup(full, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert look(path).head == saved.head and len(saved.sha256) == 64
    with pytest.raises(ChigaiError):
        backup(full, path)
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
    backup(full, tmp_path / "b.zip")
    target = Store(new_database("sqlite"))
    found = restore(tmp_path / "b.zip", target)
    assert found.broken is not None and found.broken.seq == 3
    target.close()
