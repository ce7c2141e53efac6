"""Facts about variants: planned with other parameters, and the approved plan frozen with its checksum."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from geo import frozen, plans
from geo.errors import ChigaiError
from planning.editing.writing import write
from tests.page_home import checked_parcels
from tracking import audit, jobs, states, variants
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
PLANNER = Person("p", "王规划", "planner", None)
OF_HULIN = Person("h", "李虎林", "planner", frozenset({HULIN}))


@pytest.fixture
def house(plan_folder: Path, tmp_path: Path) -> Path:
    for name in ("P", "Q"):
        shutil.copytree(plan_folder, tmp_path / "plans" / name)
        path = tmp_path / "plans" / name / "plan.json"
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"id": name}), "utf-8")
    return tmp_path


@pytest.fixture
def desk(store: Store, house: Path) -> Desk:
    return Desk(store, PLANNER, house)


def test_the_approved_plan_is_frozen_with_its_checksum(desk: Desk, house: Path) -> None:
    folder = house / "plans" / "P"
    before = frozen.checksum(folder)
    made = variants.approve(desk, "P")
    assert made.sha256 == before == frozen.checksum(folder)
    assert frozen.mark(folder)["sha256"] == before  # type: ignore[index]
    assert variants.history(desk)[0] == made.__class__(**{**made.__dict__, "by": "p"})
    assert set(states.states(desk.store, plan_id="P").state) == {"approved"}
    told = audit.entries(desk.store, PLANNER)
    assert told[told.detail == f"sha256={before}"].outcome.tolist() == ["done"]
    with pytest.raises(ChigaiError):
        variants.approve(desk, "P")
    with pytest.raises(ChigaiError) as error:
        write(house / "plans" / "Q", {}, folder, {})
    assert "冻结" in error.value.zh
    assert frozen.checksum(folder) == before
    assert write(folder, {}, house / "plans" / "copy", {})["totals"] == plans.read_meta(folder)["totals"]


def test_a_plan_that_the_ledger_has_approved_already_is_frozen_all_the_same(desk: Desk, house: Path) -> None:
    desk.register(house / "plans" / "P")
    desk.approve("P")
    assert variants.approve(desk, "P").intact
    assert set(states.states(desk.store, plan_id="P").state) == {"approved"}


def test_a_changed_byte_is_told_and_a_later_approval_stands_first(desk: Desk, house: Path) -> None:
    variants.approve(desk, "P")
    variants.approve(desk, "Q")
    assert [(found.plan, found.intact) for found in variants.history(desk)] == [("Q", True), ("P", True)]
    path = house / "plans" / "P" / "plan.json"
    path.chmod(0o644)
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    assert [found.intact for found in variants.history(desk)] == [True, False]


def test_only_who_may_in_every_county_approves(store: Store, house: Path) -> None:
    for person in (OF_HULIN, Person("o", "主管", "official", None)):
        with pytest.raises(ForbiddenError):
            variants.approve(Desk(store, person, house), "P")
    assert frozen.mark(house / "plans" / "P") is None
    assert variants.history(Desk(store, PLANNER, house)) == []


def test_a_plan_is_planned_again_with_other_parameters(
    desk: Desk, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict[str, object]] = []
    monkeypatch.setattr(jobs, "start", lambda kind, request, home: begun.append(dict(request)) or "job")
    with pytest.raises(ChigaiError):
        variants.vary(desk, "P", {"max_step_m": 0.4})
    request = {
        "name": "n",
        "parcels": checked_parcels(house),
        "programme": "jixi-2020-8",
        "seed": 1,
        "effort": "quick",
    }
    (house / "jobs" / "P").mkdir(parents=True)
    job = {"kind": "plan", "request": request}
    (house / "jobs" / "P" / "request.json").write_text(json.dumps(job), "utf-8")
    assert variants.vary(desk, "P", {"max_step_m": 0.4}, " 放宽高差 ") == "job"
    assert begun[0]["overrides"] == {"max_step_m": 0.4} and begun[0]["variant_of"] == "P"
    assert begun[0]["title"] == "放宽高差"
    with pytest.raises(ChigaiError):
        variants.vary(desk, "P", {"max_step_m": 99.0})
    with pytest.raises(ForbiddenError):
        variants.vary(Desk(desk.store, Person("v", "v", "viewer", None), house), "P", {})


def test_two_or_three_plans_are_compared(desk: Desk, house: Path) -> None:
    assert [meta["id"] for meta in variants.compare(desk, ["P", "Q"])] == ["P", "Q"]
    for wrong in (["P"], ["P", "P"], ["P", "Q", "P", "R"]):
        with pytest.raises(ChigaiError):
            variants.compare(desk, wrong)
    with pytest.raises(ChigaiError):
        variants.compare(desk, ["P", "../P"])
    assert len(variants.hands(desk, "P", "Q")) == len(variants.hands_summed(desk, "P", "Q")) == 0


def test_an_approval_by_a_job_is_stopped_before_its_last_steps_or_not_at_all(
    desk: Desk, house: Path, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    monkeypatch.setenv("CHIGAI_DATABASE_URL", desk.store.url.render_as_string(hide_password=False))
    one = Desk(desk.store, LOCAL, house)
    whole = jobs.closing
    asked: list[str] = []

    def cancelled(job_id: str, home: Path) -> None:
        jobs.cancel(job_id, home)
        whole(job_id, home)

    monkeypatch.setattr(jobs, "closing", cancelled)
    job = jobs.status(variants.begin_approval(one, "P"), house)
    assert job.state == "cancelled" and frozen.mark(house / "plans" / "P") is None
    assert variants.history(one) == [] and set(one.states("P").state) == {"planned"}

    def late(job_id: str, home: Path) -> None:
        whole(job_id, home)
        jobs.cancel(job_id, home)
        asked.append(job_id)

    monkeypatch.setattr(jobs, "closing", late)
    job = jobs.status(variants.begin_approval(one, "P"), house)
    assert asked == [job.id] and (job.state, job.result) == ("done", "plans/P")
    assert [found.plan for found in variants.history(one)] == ["P"]
    with pytest.raises(ChigaiError, match="approved before"):
        variants.begin_approval(one, "P")


def test_no_job_approves_for_who_may_not_in_every_county(store: Store, house: Path) -> None:
    for person in (OF_HULIN, Person("o", "主管", "official", None)):
        with pytest.raises(ForbiddenError):
            variants.begin_approval(Desk(store, person, house), "P")
    assert jobs.recent(house) == []
