"""The desk: each does what the role allows in the own counties, and every refusal is put down."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planning import programme as programmes
from tests.tracking.desk.conftest import HULIN, MISHAN, NOW, PRIVATE, At, Report, codes, picture, told
from tracking import ledger, people, progress, states
from tracking.desk import ACTION_OF
from tracking.people import ROLES, ForbiddenError
from tracking.register import ChangedError
from tracking.rules import KINDS
from tracking.store import Store

# reporting

FIGURES: dict[str, dict[str, Any]] = {
    "progress": {"done_mu": 3.0}, "checked": {"passed": True}, "accepted": {"measured_mu": 29.0},
    "correction": {"corrects": uuid.UUID(int=1)}, "consent": {"operator": PRIVATE, "given": True},
}  # fmt: skip


@pytest.mark.usefixtures("approved")
def test_every_kind_of_report_takes_its_right_in_the_block_s_county(at: At, report: Report) -> None:
    kinds = [kind for kind in KINDS if kind != "measure"]
    for role, kind in itertools.product([*ROLES, "nobody"], kinds):
        desk = at(role, HULIN)
        own, other = desk.report(
            [report(kind, 1, block, **FIGURES.get(kind, {})) for block in ("b1", "b3")], NOW
        )
        allowed = people.may(desk.person, ACTION_OF[kind], HULIN)
        # what the role may not do is refused for that; what it may, by the rules, if at all
        assert (own.code == "right") is not allowed, (role, kind)
        assert own.code != "county"
        assert other.code == ("county" if allowed else "right"), (role, kind)
        assert other.status == "refused" and other.zh and other.en


def test_a_report_on_a_measure_takes_its_right_in_the_county_it_names(at: At, report: Report) -> None:
    rules = programmes.load("jixi-2020-8")
    assert rules.scheme_b is not None
    figures = {"plan_id": rules.id, "measure": rules.scheme_b.measures[0].id, "units": 2.0}
    sent = [report("measure", 1, "", **figures, county=county) for county in (HULIN, MISHAN)]
    assert codes(at("field", HULIN).report(sent, NOW)) == ["accepted", "county"]
    assert codes(at("official", HULIN).report(sent[1:], NOW)) == ["right"]


def test_a_kind_that_nobody_knows_is_refused(at: At, report: Report) -> None:
    assert codes(at(who="chief").report([report("dance", 1)], NOW)) == ["kind"]


@pytest.mark.usefixtures("approved")
def test_whoever_reports_is_the_one_at_the_desk_whatever_the_report_says(
    at: At, report: Report, followed: Store
) -> None:
    at("field", HULIN, "u7").report([report("started", 1, actor="somebody else")], NOW)
    assert list(ledger.events(followed, kinds=["started"])["actor"]) == ["u7"]


@pytest.mark.usefixtures("approved")
def test_the_one_who_accepts_is_not_the_one_who_reported(at: At, report: Report) -> None:
    planner, field, official = (
        at("planner", HULIN, "u1"),
        at("field", HULIN, "u2"),
        at("official", None, "u3"),
    )
    assert codes(planner.report([report("started", 1, actor="u9")], NOW)) == ["accepted"]
    assert codes(field.report([report("finished", 2, actor="u1")], NOW)) == ["accepted"]
    assert codes(official.report([report("checked", 3, passed=True)], NOW)) == ["accepted"]
    # saying that one is somebody else helps nobody
    claimed = report("accepted", 4, actor="u3", measured_mu=29.0)
    assert codes(planner.report([claimed], NOW)) == ["same"]
    assert codes(official.report([claimed], NOW)) == ["accepted"]


@pytest.mark.usefixtures("approved")
def test_one_batch_is_answered_row_by_row_in_its_order(at: At, report: Report) -> None:
    sent = [
        report("started", 1, "b3"), report("started", 1, "b1"), report("checked", 1, "b1", passed=True),
        report("finished", 2, "b1"), report("started", 1, "nowhere"),
    ]  # fmt: skip
    receipts = at("field", HULIN).report(sent, NOW)
    assert codes(receipts) == ["county", "accepted", "right", "accepted", "block"]
    assert [r.id for r in receipts] == [e.id for e in sent]
    assert codes(at("field", HULIN).report(sent, NOW))[1] == "repeated"


@pytest.mark.usefixtures("approved")
def test_refused_reports_are_in_the_audit_and_those_that_rules_refuse_are_not(
    at: At, report: Report, followed: Store
) -> None:
    at("field", HULIN, "u7").report(
        [report("started", 1, "b3"), report("started", 2, "b4"), report("mapped", 3), report("finished", 1)],
        NOW,
    )
    assert told(followed) == [
        ("u7", "report", "refused", None, "p b3", "started × 2"),
        ("u7", "map", "refused", None, "p b1", "mapped × 1"),
    ]


@given(
    st.sampled_from([*ROLES, "nobody"]),
    st.none() | st.sampled_from([HULIN, MISHAN]),
    st.lists(
        st.tuples(
            st.sampled_from([k for k in KINDS if k != "measure"]),
            st.sampled_from(["b1", "b3", "", "b9"]),
            st.integers(0, 9),
        ),
        max_size=8,
    ),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_gets_into_the_ledger_that_its_sender_may_not_send(
    at: At, report: Report, followed: Store, role: str, county: str | None, sent: list[tuple[str, str, int]]
) -> None:
    desk = at(role, county, f"u{uuid.uuid4().hex}")
    desk.report([report(kind, day, block, **FIGURES.get(kind, {})) for kind, block, day in sent], NOW)
    for row in ledger.events(followed, actor=desk.person.id).to_dict("records"):
        assert people.may(desk.person, ACTION_OF[row["kind"]], row["county"])


# plans and blocks


def test_a_plan_is_registered_by_who_plans_in_each_of_its_counties(
    at: At, write_plan: Callable[..., Path], store: Store
) -> None:
    folder = write_plan((100.0,) * 4, plan_id="q")
    for desk in (at("planner", HULIN), at("official"), at("viewer")):
        with pytest.raises(ForbiddenError):
            desk.register(folder)
    assert [t[:3] for t in told(store)] == [
        (d, "plan", "refused") for d in ("u-planner", "u-official", "u-viewer")
    ]
    assert at().register(folder) == 4
    # a plan of the own county alone needs no right anywhere else
    alone = write_plan((100.0,), plan_id="r")
    assert at("planner", HULIN).register(alone) == 1


def test_a_planner_of_every_county_approves_the_whole_plan(at: At, followed: Store) -> None:
    assert codes(at().approve("p")) == ["accepted"]
    assert list(ledger.events(followed)["block_id"]) == [""]
    assert set(at().states("p")["state"]) == {"approved"}


def test_a_planner_of_one_county_approves_its_blocks_alone(at: At) -> None:
    desk = at("planner", HULIN)
    assert codes(desk.approve("p")) == ["accepted"] * 2
    state = desk.states("p").set_index("block_id")["state"]
    assert list(state) == ["approved", "approved", "planned", "planned"]
    assert desk.approve("p") == []


def test_nobody_else_approves(at: At) -> None:
    for role in ("field", "official", "viewer"):
        with pytest.raises(ForbiddenError):
            at(role).approve("p")


def test_a_block_is_changed_where_one_may_and_the_second_is_told(at: At, followed: Store) -> None:
    desk = at("planner", HULIN)
    assert desk.change_block("p", "b1", 1, {"village": "东村"}) == 2
    with pytest.raises(ChangedError) as error:
        at(who="u2").change_block("p", "b1", 1, {"village": "西村"})
    assert "东村" in error.value.zh and error.value.typed == {"village": "西村"}
    for block, changes in (("b3", {"village": "东村"}), ("b1", {"county": MISHAN}), ("b9", {})):
        with pytest.raises(ForbiddenError):
            desk.change_block("p", block, 2, changes)
    with pytest.raises(ForbiddenError):
        at("field", HULIN).change_block("p", "b1", 2, {"village": "东村"})
    assert [t[1:3] for t in told(followed)] == [("edit_block", "refused")] * 4


# what everybody signed in sees


def test_public_figures_are_for_all_who_are_signed_in_and_for_nobody_else(at: At, followed: Store) -> None:
    rules, day = programmes.load("jixi-2020-8"), date(2021, 11, 1)
    for role in ROLES:
        desk = at(role, HULIN)
        assert desk.targets(rules, day) == progress.targets(followed, rules, day)
        pd.testing.assert_frame_equal(desk.states("p"), states.states(followed, plan_id="p"))
        assert list(desk.plans()["id"]) == ["p"]
        assert desk.daily(rules, day).empty
    for look in (
        lambda d: d.targets(rules, day), lambda d: d.daily(rules, day), lambda d: d.states(), lambda d: d.plans(),
        lambda d: d.blocks("p"), lambda d: d.villages("p"), lambda d: d.events(), lambda d: d.conflicts(),
        lambda d: d.verify(), lambda d: d.export_ledger(), lambda d: d.exported("plan p"),
        lambda d: d.add_photo(picture()), lambda d: d.photo("0" * 64),
    ):  # fmt: skip
        with pytest.raises(ForbiddenError):
            look(at("nobody"))
    assert all(t[2] == "refused" for t in told(followed)) and len(told(followed)) == 13


def test_a_field_team_sees_the_blocks_and_villages_of_its_county(at: At) -> None:
    desk = at("field", MISHAN)
    assert list(desk.blocks("p")["block_id"]) == ["b3", "b4"]
    assert set(desk.villages("p")["county"]) == {MISHAN}
    assert desk.blocks("p", block_id="b1").empty
    assert list(at("field").blocks("p")["block_id"]) == ["b1", "b2", "b3", "b4"]
