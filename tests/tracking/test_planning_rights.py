"""Whose are uploads, checks and plans: of those who plan the counties that the data lie in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.page_home import checked_parcels
from tracking import audit, files, jobs
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
PLANNER = Person("p", "王规划", "planner", None)
OF_HULIN = Person("h", "虎林", "planner", frozenset({HULIN}))
OF_MISHAN = Person("m", "密山", "planner", frozenset({MISHAN}))
OTHERS = [
    Person("f", "施工", "field", frozenset({HULIN})),
    Person("o", "领导", "official", None),
    Person("v", "查看", "viewer", None),
]
GPKG = {"a.gpkg": b"SQLite format 3\x00"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of jobs that were begun, without beginning any."""
    kinds: list[str] = []
    monkeypatch.setattr(jobs, "start", lambda kind, request, home: kinds.append(kind) or "job")
    monkeypatch.setattr(jobs, "cancel", lambda job_id, home: kinds.append("stop"))
    return kinds


@pytest.mark.parametrize("person", [PLANNER, OF_HULIN, LOCAL])
def test_planners_of_the_county_upload_check_and_plan(
    store: Store, person: Person, tmp_path: Path, started: list[str]
) -> None:
    desk, made = Desk(store, person, tmp_path), checked_parcels(tmp_path)
    assert [m["id"] for m in desk.checked()] == [made]
    assert desk.keep_upload(GPKG, 1, files.SUFFIXES).endswith("/a.gpkg")
    assert desk.start("check", {}) == desk.start("plan", {"parcels": made}) == "job"
    desk.stop(jobs.create("plan", {}, tmp_path).name)
    assert started == ["check", "plan", "stop"]


def test_a_planner_of_another_county_neither_sees_nor_plans_them(
    store: Store, tmp_path: Path, started: list[str]
) -> None:
    desk, made = Desk(store, OF_MISHAN, tmp_path), checked_parcels(tmp_path)
    assert desk.checked() == []
    for refused in (lambda: desk.start("plan", {"parcels": made}), lambda: desk.require_checked(made)):
        with pytest.raises(ForbiddenError):
            refused()
    assert started == []
    told = audit.entries(store, PLANNER)
    assert told["outcome"].tolist() == ["refused", "refused"]
    assert set(told["actor"]) == {"m"}


def test_data_of_two_counties_are_for_who_plans_both(store: Store, tmp_path: Path) -> None:
    made = checked_parcels(tmp_path)
    manifest = tmp_path / "parcels" / made / files.MANIFEST
    held = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps(held | {"counties": {HULIN: 1.0, MISHAN: 1.0}}), "utf-8")
    both = Person("b", "两县", "planner", frozenset({HULIN, MISHAN}))
    seen = {p.id: len(Desk(store, p, tmp_path).checked()) for p in (PLANNER, OF_HULIN, OF_MISHAN, both)}
    assert seen == {"p": 1, "h": 0, "m": 0, "b": 1}


@pytest.mark.parametrize("person", OTHERS, ids=lambda p: p.role)
def test_nobody_else_uploads_checks_plans_or_stops(
    store: Store, person: Person, tmp_path: Path, started: list[str]
) -> None:
    desk, made = Desk(store, person, tmp_path), checked_parcels(tmp_path)
    assert desk.checked() == []
    for refused in (
        lambda: desk.keep_upload(GPKG, 1, files.SUFFIXES),
        lambda: desk.start("check", {}),
        lambda: desk.start("plan", {"parcels": made}),
        lambda: desk.stop("job"),
        lambda: desk.require_checked(made),
    ):
        with pytest.raises(ForbiddenError):
            refused()
    assert started == []
