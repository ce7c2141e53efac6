"""The invented season: one county ahead, one behind, one that fell silent; the same seed tells the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from planning import programme as programmes
from tracking import history, ledger, measures, progress
from tracking.register import register_plan
from tracking.store import Store

JIXI = programmes.load("jixi-2020-8")
NOVEMBER = date(2021, 11, 15)


@pytest.fixture
def told(new_database: Callable[..., str], demo_plan: tuple[str, Path]) -> Store:
    """A database with the demo region's plan and the season up to mid November."""
    store = Store(new_database("sqlite"))
    register_plan(store, demo_plan[1], "planner")
    history.make(store, JIXI, demo_plan[0], until=NOVEMBER)
    return store


@pytest.fixture(scope="module")
def demo_plan(plan_folder_of_demo: Path) -> tuple[str, Path]:
    return plan_folder_of_demo.name, plan_folder_of_demo


@pytest.fixture(scope="module")
def plan_folder_of_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from geo import synthetic
    from geo.reading import Source
    from planning import pipeline

    folder = tmp_path_factory.mktemp("season")
    demo = synthetic.make(folder / "demo", parcels=2000, seed=1)
    request = pipeline.Request(
        source=Source(demo / "parcels.gpkg"),
        barriers=None,
        dem=None,
        programme="jixi-2020-8",
        overrides={},
        seed=1,
    )
    pipeline.run(request, folder / "season-plan")
    return folder / "season-plan"


def test_the_ledger_takes_every_report_and_a_second_telling_changes_nothing(
    new_database: Callable[..., str], demo_plan: tuple[str, Path]
) -> None:
    store = Store(new_database("sqlite"))
    register_plan(store, demo_plan[1], "planner")
    first = history.make(store, JIXI, demo_plan[0], until=NOVEMBER)
    assert set(first) == {"accepted"}
    table = progress.targets(store, JIXI, NOVEMBER, demo_plan[0])
    again = history.make(store, JIXI, demo_plan[0], until=NOVEMBER)
    assert again == {"repeated": first["accepted"]}
    assert progress.targets(store, JIXI, NOVEMBER, demo_plan[0]) == table
    assert ledger.verify(store) is None


def test_one_is_ahead_one_behind_and_one_silent(told: Store, demo_plan: tuple[str, Path]) -> None:
    hulin, mishan, jidong = progress.targets(told, JIXI, NOVEMBER, demo_plan[0])[:3]
    share = [row.finished_mu / row.planned_mu for row in (hulin, mishan, jidong)]
    assert share[0] > 1.3 * share[1] and share[1] > 1.3 * share[2] > 0
    assert [row.missed_cutoff for row in (hulin, mishan, jidong)] == [None, None, date(2021, 10, 31)]
    assert jidong.last_report is not None and jidong.last_report <= date(2021, 10, 12)
    assert hulin.accepted_mu > 0


def test_scheme_b_has_one_ahead_one_behind_and_one_silent_too(told: Store) -> None:
    rows, goals = measures.table(told, JIXI, NOVEMBER)
    soil = {row.county: row for row in rows if row.measure == "soil_test"}
    hulin, mishan, jidong = (soil[code].share or 0.0 for code in ("230381", "230382", "230321"))
    assert hulin > 1.2 and 0.5 < mishan < 0.7 and 0.0 < jidong < 0.6
    assert all(goal.goal_t * 0.5 < goal.saved_t < goal.goal_t * 1.3 for goal in goals)


def test_nothing_is_received_after_the_day_asked_for(told: Store) -> None:
    seen = ledger.events(told)
    assert seen["received"].max().date() <= NOVEMBER
    assert {"plan_approved", "started", "progress", "finished", "checked", "accepted", "measure"} <= set(
        seen["kind"]
    )
    assert (seen["happened"] <= seen["received"]).all()
