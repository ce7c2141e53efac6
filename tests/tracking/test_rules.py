"""The rules of reporting, one by one: order, area, time, place, and who may accept."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning import programme as programmes
from tracking import rules, soundness
from tracking.rules import AFTER, KINDS, STATES, Block, Event, Placed, Refusal, Standing

NOW = datetime(2021, 12, 1, tzinfo=UTC)
BLOCK = Block("p", "b1", "230381", 30.0, 1)
WAY = {
    "planned": (),
    "approved": ("plan_approved",),
    "started": ("plan_approved", "started"),
    "finished": ("plan_approved", "started", "finished"),
    "checked": ("plan_approved", "started", "finished", "passed"),
    "returned": ("plan_approved", "started", "finished", "failed"),
    "accepted": ("plan_approved", "started", "finished", "passed", "accepted"),
    "mapped": ("plan_approved", "started", "finished", "passed", "accepted", "mapped"),
}
FIGURES = {
    "progress": {"done_mu": 10.0},
    "passed": {"passed": True},
    "failed": {"passed": False, "reason": "不平"},
    "checked": {"passed": True},
    "accepted": {"measured_mu": 30.0, "actor": "planner"},
    "consent": {"operator": "张三", "given": True},
    "measure": {"block_id": "", "measure": "nozzles", "county": "230381", "units": 3.0},
}
SHORT = {"passed": "checked", "failed": "checked"}


def event(name: str, day: float = 0.0, **fields: object) -> Event:
    made = Event(uuid.uuid4(), SHORT.get(name, name), "b1", "p", "field", NOW - timedelta(days=60 - day))
    return replace(made, **(FIGURES.get(name, {}) | fields))  # type: ignore[arg-type]


def way(*names: str) -> list[Placed]:
    return [(event(name, day), day + 1) for day, name in enumerate(names)]


def refused(*names: str) -> Refusal | None:
    return rules.run(way(*names), BLOCK)[1]


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_reached_by_its_way(state: str) -> None:
    standing, refusal, _ = rules.run(way(*WAY[state]), BLOCK)
    assert refusal is None and standing.state == state


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("correction", "consent", "measure")])
def test_a_kind_of_event_comes_after_its_states_and_after_no_other(kind: str, state: str) -> None:
    refusal = refused(*WAY[state], kind)
    assert (refusal is None) == (state in AFTER[kind])
    if refusal is not None:
        assert refusal.code == "order" and rules.STATE_ZH[state] in refusal.zh and state in refusal.en


@pytest.mark.parametrize("state", STATES)
def test_an_operators_opinion_may_come_at_any_time_and_moves_nothing(state: str) -> None:
    standing, refusal, _ = rules.run(way(*WAY[state], "consent"), BLOCK)
    assert refusal is None and standing.state == state


def test_a_block_that_was_returned_is_worked_on_and_checked_again() -> None:
    assert refused(*WAY["returned"], "progress", "finished", "passed", "accepted", "mapped") is None
    assert refused(*WAY["returned"], "started", "finished", "passed") is None


@pytest.mark.parametrize(("area", "code"), [(31.5, None), (31.51, "area")])
def test_area_done_and_area_measured_stay_within_the_block(area: float, code: str | None) -> None:
    for before, last in (
        ("started", event("progress", 50, done_mu=area)),
        ("checked", event("accepted", 50, measured_mu=area)),
    ):
        refusal = rules.run([*way(*WAY[before]), (last, 99)], BLOCK)[1]
        assert (refusal.code if refusal else None) == code


def test_the_area_done_is_a_total_and_does_not_fall() -> None:
    history = [
        *way(*WAY["started"]),
        (event("progress", 10, done_mu=8.0), 8),
        (event("progress", 11, done_mu=7.9), 9),
    ]
    refusal = rules.run(history, BLOCK)[1]
    assert refusal is not None and refusal.code == "less" and "8" in refusal.zh and "7.9" in refusal.en


@pytest.mark.parametrize("name", sorted(rules.REPORTS))
def test_who_reported_does_not_accept(name: str) -> None:
    names = ("plan_approved", "started", "progress", "finished", "passed")
    history = [(event(n, d, actor="planner" if n == name else "field"), d + 1) for d, n in enumerate(names)]
    refusal = rules.run([*history, (event("accepted", 9), 10)], BLOCK)[1]
    assert refusal is not None and refusal.code == "same"
    assert rules.run([*history, (event("accepted", 9, actor="other"), 10)], BLOCK)[1] is None


def test_who_puts_a_report_right_answers_for_it() -> None:
    history = way(*WAY["started"], "progress", "finished", "passed")
    right = event("correction", 20, actor="planner", corrects=history[2][0].id, done_mu=11.0)
    standing, refusal, at = rules.run([*history, (right, 20), (event("accepted", 21), 21)], BLOCK)
    assert refusal is not None and refusal.code == "same" and at is not None and at.kind == "accepted"
    assert standing.done_mu == 11.0


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (event("started", 60.003), None),
        (event("started", 60.01), "future"),
        (event("started", -9000), "past"),
        (event("harvested"), "kind"),
        (event("progress", done_mu=None), "missing"),
        (event("progress", done_mu=-1.0), "number"),
        (event("progress", done_mu=float("nan")), "number"),
        (event("checked", passed=None), "missing"),
        (event("failed", reason="  "), "reason"),
        (event("accepted", measured_mu=None), "missing"),
        (event("accepted", measured_mu=0.0), "missing"),
        (event("accepted", level_points=-1), "number"),
        (event("correction"), "missing"),
        (event("consent", operator=None), "missing"),
        (event("consent", given=None), "missing"),
        (event("measure"), None),
        (event("measure", units=0.0), None),
        (event("measure", units=None), "missing"),
        (event("measure", measure=None), "missing"),
        (event("measure", county=""), "missing"),
        (event("measure", units=-1.0), "number"),
        (event("measure", block_id="b1"), "block"),
        (event("measure", done_mu=3.0), "figures"),
        (event("started", measure="nozzles"), "figures"),
        (event("started", county="230381"), "figures"),
        (event("started", units=1.0), "figures"),
        (event("started", done_mu=3.0), "figures"),
        (event("started", operator="张三"), "figures"),
        (event("started", corrects=uuid.uuid4()), "corrects"),
        (event("started", note="长" * 2001), "text"),
        (event("started", actor=""), "who"),
        (event("started", files=("a",) * 51), "files"),
        (event("started", happened=datetime(2021, 10, 1)), "zone"),
    ],
    ids=lambda v: v.kind if isinstance(v, Event) else str(v),
)
def test_an_event_is_sound_by_itself_or_says_why_not(made: Event, code: str | None) -> None:
    refusal = soundness.in_itself(made, NOW)
    assert (refusal.code if refusal else None) == code
    assert refusal is None or (refusal.zh and refusal.en)


def test_no_refusal_repeats_an_operators_name() -> None:
    for made in (
        event("consent", given=None),
        event("started", operator="张三"),
        event("consent", note="x" * 3000),
    ):
        refusal = soundness.in_itself(made, NOW)
        assert refusal is not None and "张三" not in refusal.zh + refusal.en


@pytest.mark.parametrize(
    ("made", "block", "counties", "code"),
    [
        (event("started"), BLOCK, None, None),
        (event("started"), BLOCK, {"230381"}, None),
        (event("started"), BLOCK, {"230382"}, "county"),
        (event("started"), BLOCK, set(), "county"),
        (event("started"), None, None, "block"),
        (event("started", block_id=""), None, None, "block"),
        (event("plan_approved", block_id=""), None, None, None),
        (event("plan_approved", block_id=""), None, {"230381"}, "county"),
        (event("started"), replace(BLOCK, withdrawn=True), None, "withdrawn"),
        (event("consent"), replace(BLOCK, withdrawn=True), None, None),
    ],
)
def test_an_event_is_about_a_block_of_ones_own(
    made: Event, block: Block | None, counties: set[str] | None, code: str | None
) -> None:
    refusal = rules.place(made, block, counties)
    assert (refusal.code if refusal else None) == code


def test_a_refusal_names_the_county_as_people_do() -> None:
    refusal = rules.place(event("started"), BLOCK, {"230382"})
    assert refusal is not None and "虎林市" in refusal.zh and "Hulin" in refusal.en


@pytest.mark.parametrize(
    ("counties", "code"), [(None, None), ({"230381"}, None), ({"230382"}, "county"), (set(), "county")]
)
def test_a_report_of_scheme_b_is_about_a_county_of_ones_own(
    counties: set[str] | None, code: str | None
) -> None:
    refusal = rules.place(event("measure"), None, counties, "230381")
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, None), ({"measure": "magic"}, "measure"), ({"county": "110000"}, "county")],
)
def test_a_report_of_scheme_b_is_about_a_measure_and_a_county_of_its_programme(
    fields: dict[str, Any], code: str | None
) -> None:
    jixi = programmes.load("jixi-2020-8")
    refusal = rules.measure(event("measure", **fields), jixi)
    assert (refusal.code if refusal else None) == code
    for without in (None, jixi.model_copy(update={"scheme_b": None})):
        refusal = rules.measure(event("measure", **fields), without)
        assert refusal is not None and refusal.code == "programme"


@pytest.mark.parametrize(
    ("target", "fields", "code"),
    [
        (event("progress"), {"done_mu": 3.0}, None),
        (event("progress"), {}, None),
        (event("progress"), {"measured_mu": 3.0}, "figures"),
        (event("progress", block_id="b2"), {}, "corrects"),
        (event("correction"), {}, "corrects"),
        (event("accepted"), {"measured_mu": 0.0}, "missing"),
        (event("passed"), {"passed": False}, "reason"),
        (event("passed"), {"passed": False, "reason": "渗漏"}, None),
        (event("measure"), {"units": 3.0, "block_id": ""}, None),
        (event("measure"), {"block_id": ""}, None),
        (event("measure"), {"units": -3.0, "block_id": ""}, "number"),
        (event("measure"), {"done_mu": 3.0, "block_id": ""}, "figures"),
        (event("progress"), {"units": 3.0}, "figures"),
        (None, {}, "corrects"),
    ],
    ids=lambda v: v.kind if isinstance(v, Event) else str(v),
)
def test_a_correction_names_an_event_of_its_block_and_leaves_it_sound(
    target: Event | None, fields: dict[str, Any], code: str | None
) -> None:
    named = target.id if target else uuid.uuid4()
    refusal = soundness.correction(event("correction", corrects=named, **fields), target)
    assert (refusal.code if refusal else None) == code


NAMES = st.sampled_from(
    ["plan_approved", "started", "progress", "finished", "passed", "failed", "accepted", "mapped"]
)


@given(st.lists(NAMES, max_size=12), st.randoms())
def test_the_order_of_arrival_does_not_matter_only_the_order_of_happening(
    names: list[str], chance: object
) -> None:
    history = way(*names)
    mixed = list(history)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    first, again = rules.run(history, BLOCK), rules.run(mixed, BLOCK)
    assert (first[0], first[2]) == (again[0], again[2])


@given(st.lists(NAMES, max_size=12))
def test_following_step_by_step_leads_where_following_from_the_beginning_leads(names: list[str]) -> None:
    taken: list[Placed] = []
    standing = Standing()
    for made, number in way(*names):
        if rules.step(standing, made, BLOCK) is None:
            taken.append((made, number))
    assert rules.run(taken, BLOCK) == (standing, None, None)


@given(st.lists(NAMES, max_size=10))
def test_a_refused_step_leaves_the_standing_as_it_was(names: list[str]) -> None:
    standing = Standing()
    for made, _ in way(*names):
        before = (standing.state, standing.done_mu, set(standing.reporters))
        if rules.step(standing, made, BLOCK) is not None:
            assert (standing.state, standing.done_mu, standing.reporters) == before


def test_every_kind_and_state_has_its_words() -> None:
    assert set(KINDS) <= set(rules.ZH) and set(KINDS) <= set(rules.EN) and set(STATES) <= set(rules.STATE_ZH)


def test_the_fixture_and_the_rules_agree(season: Callable[..., list[Event]]) -> None:
    assert all(soundness.in_itself(e, NOW) is None for e in season())
