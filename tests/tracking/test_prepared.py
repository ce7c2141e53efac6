"""Files that lie ready: who sees and fetches them, how long they stay, and that rights are those of now."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from geo.errors import ChigaiError
from tracking import audit, prepared
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
ASKER = Person("a", "王规划", "planner", frozenset({HULIN, MISHAN}))
VIEWER = Person("v", "查看", "viewer", None)


def put(
    home: Path, name: str, rights: list[str], by: str | None = None, counties: list[str] | None = None
) -> Path:
    made = prepared.room(home, name)
    (made / "a.xlsx").write_bytes(name.encode())
    return prepared.put(home, made, "plan one", "xlsx", rights, counties, by)


def seen(store: Store, person: Person, home: Path) -> list[str]:
    return [one.id for one in prepared.listed(Desk(store, person, home), "plan one")]


def test_the_oldest_public_files_go(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "KEPT", 2)
    for number in range(4):
        put(tmp_path, f"j{number}", ["export"])
    assert seen(store, VIEWER, tmp_path) == ["j3", "j2"]
    gone = prepared.listed(Desk(store, VIEWER, tmp_path), "plan one")[0]
    gone.path.unlink()
    assert seen(store, VIEWER, tmp_path) == ["j2"]
    with pytest.raises(ChigaiError, match="cleared away"):
        prepared.fetch(Desk(store, VIEWER, tmp_path), gone)


def test_a_personal_file_is_gone_after_a_day_and_a_public_one_stays(store: Store, tmp_path: Path) -> None:
    put(tmp_path, "j0", ["export"])
    place = put(tmp_path, "j1", ["export_private"], ASKER.id, [HULIN])
    assert seen(store, ASKER, tmp_path) == ["j1", "j0"]
    for folder in (place, tmp_path / "exports" / "j0"):
        path = folder / prepared.MANIFEST
        then = datetime.now(UTC) - timedelta(hours=24, seconds=1)
        path.write_text(
            json.dumps(json.loads(path.read_text("utf-8")) | {"created": then.isoformat()}), "utf-8"
        )
    assert seen(store, ASKER, tmp_path) == ["j0"] and not place.exists()


@pytest.mark.parametrize("counties", [frozenset({HULIN}), frozenset({MISHAN})])
def test_who_lost_a_county_since_fetches_no_file_that_has_it(
    store: Store, tmp_path: Path, counties: frozenset[str]
) -> None:
    put(tmp_path, "j1", ["see_ledger", "export"], ASKER.id, [HULIN, MISHAN])
    put(tmp_path, "j2", ["see_ledger", "export"], ASKER.id, None)
    put(tmp_path, "j3", ["see_ledger", "export"], ASKER.id, [HULIN])
    ready = {one.id: one for one in prepared.listed(Desk(store, LOCAL, tmp_path), "plan one")}
    assert ready == {}
    whole = Person(ASKER.id, "王规划", "planner", None)
    ready = {one.id: one for one in prepared.listed(Desk(store, whole, tmp_path), "plan one")}
    assert set(ready) == {"j1", "j2", "j3"}
    less = Person(ASKER.id, "王规划", "planner", counties)
    assert seen(store, less, tmp_path) == (["j3"] if HULIN in counties else [])
    with pytest.raises(ForbiddenError):
        prepared.fetch(Desk(store, less, tmp_path), ready["j2"])
    assert audit.entries(store, LOCAL)["outcome"].tolist() == ["refused"]
    assert prepared.fetch(Desk(store, whole, tmp_path), ready["j2"]) == b"j2"


def test_a_half_made_file_is_never_listed(store: Store, tmp_path: Path) -> None:
    made = prepared.room(tmp_path, "j1")
    (made / "a.xlsx").write_bytes(b"half")
    assert seen(store, VIEWER, tmp_path) == []
