"""What a job does: the demo region is made whole, once, and not at all where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from geo.errors import CancelledError
from tests.page_home import checked_parcels
from tracking import files, register, runs
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store


def test_the_demo_region_is_made_whole_and_only_once(tmp_path: Path) -> None:
    told: list[float] = []
    made = runs.demo({"paddies": 60}, tmp_path, "one", lambda stage, fraction: told.append(fraction))
    assert set(files.demo(tmp_path)) == {"parcels", "barriers", "dem"}
    assert told == sorted(told) and told[-1] == 1.0
    first = (made / "parcels.gpkg").stat().st_mtime_ns
    again = runs.demo({"paddies": 60}, tmp_path, "two", lambda stage, fraction: None)
    assert again == made and (made / "parcels.gpkg").stat().st_mtime_ns == first


def test_a_demo_that_is_stopped_leaves_no_region(tmp_path: Path) -> None:
    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.5:
            raise CancelledError

    with pytest.raises(CancelledError):
        runs.demo({"paddies": 60}, tmp_path, "one", stop)
    assert files.demo(tmp_path) == {}


@pytest.fixture
def house(
    store: Store, write_plan: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A home with the plan q, which nobody follows yet."""
    monkeypatch.setenv("CHIGAI_DATABASE_URL", store.url.render_as_string(hide_password=False))
    write_plan(plan_id="q", name="plans")
    return tmp_path


def test_a_plan_is_registered_in_the_name_of_the_one_who_asked(house: Path, store: Store) -> None:
    told: list[float] = []
    made = runs.register({"plan": "q", "by": "local"}, house, "j1", lambda stage, done: told.append(done))
    assert made == house / "plans" / "q" and told == sorted(told) and told[-1] == 1.0
    desk = Desk(store, LOCAL, house)
    assert list(desk.plans()["id"]) == ["q"] and len(desk.states("q")) == 4


@pytest.mark.parametrize("until", [0.0, 0.4, 0.5, 0.75, 1.0])
def test_a_registering_that_is_stopped_leaves_the_database_as_it_was(
    house: Path, store: Store, monkeypatch: pytest.MonkeyPatch, until: float
) -> None:
    monkeypatch.setattr(register, "PART", 1)

    def stop(stage: str, fraction: float) -> None:
        if fraction >= until:
            raise CancelledError

    with pytest.raises(CancelledError):
        runs.register({"plan": "q", "by": "local"}, house, "j1", stop)
    desk = Desk(store, LOCAL, house)
    assert len(desk.plans()) == 0 and len(desk.states("q")) == 0


def test_a_job_in_the_name_of_nobody_known_does_nothing(house: Path, store: Store) -> None:
    with pytest.raises(ForbiddenError):
        runs.register({"plan": "q", "by": "u0"}, house, "j1", lambda stage, fraction: None)
    assert len(Desk(store, LOCAL, house).plans()) == 0


def test_who_does_not_plan_every_county_begins_no_registering(house: Path, store: Store) -> None:
    with pytest.raises(ForbiddenError):
        Desk(store, Person("h", "h", "planner", frozenset({"230381"})), house).start(
            "register", {"plan": "q"}
        )
    assert not (house / "jobs").exists()


def test_the_elevation_model_of_a_draft_is_that_of_the_plan_beneath(tmp_path: Path) -> None:
    parcels = checked_parcels(tmp_path)
    dem = files.keep(tmp_path, {"dem.tif": b"x"}, 1, files.RASTERS)
    path = tmp_path / "parcels" / parcels / files.MANIFEST
    told = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(told | {"request": told["request"] | {"dem": dem}}), "utf-8")
    for name, kind, asked in (("P", "plan", {"parcels": parcels}), ("Q", "draft", {"plan": "P"})):
        (tmp_path / "jobs" / name).mkdir(parents=True)
        request = json.dumps({"kind": kind, "request": asked})
        (tmp_path / "jobs" / name / "request.json").write_text(request, "utf-8")
    assert files.dem_of(tmp_path, "P") == files.dem_of(tmp_path, "Q") == files.path(tmp_path, dem)
    files.path(tmp_path, dem).unlink()
    assert files.dem_of(tmp_path, "P") is files.dem_of(tmp_path, "Q") is files.dem_of(tmp_path, "R") is None
