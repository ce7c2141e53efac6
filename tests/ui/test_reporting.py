"""A report that is being made: sent twice it is one, its day is never ahead, and a browser may answer anything."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking import rules
from ui import position, reporting
from ui.position import Position
from ui.reporting import Draft, Shelf

NOW = datetime(2021, 10, 8, 6, 32, tzinfo=UTC)
AREAS = st.floats(0.1, 500)


@given(st.sampled_from(rules.STATES), st.floats(0, 1), AREAS)
def test_what_comes_next_is_what_the_rules_take(state: str, share: float, area: float) -> None:
    first = reporting.next_kind(state, share * area, area)
    assert (first is None) == (state == "mapped")
    assert first is None or state in rules.AFTER[first]


@given(st.sampled_from(rules.STATES), st.sets(st.sampled_from(rules.KINDS)))
def test_one_is_offered_what_the_rules_and_the_rights_allow_what_comes_next_first(
    state: str, allowed: set[str]
) -> None:
    offered = reporting.kinds(state, 0.0, 10.0, allowed.__contains__)
    turn = {kind for kind, states in rules.AFTER.items() if state in states}
    assert set(offered) == allowed & (turn | {"consent", "correction"})
    first = reporting.next_kind(state, 0.0, 10.0)
    assert first not in offered or offered[0] == first


def test_a_block_that_is_nearly_done_is_to_be_finished() -> None:
    assert reporting.next_kind("started", 9.4, 10.0) == "progress"
    assert reporting.next_kind("started", 9.6, 10.0) == "finished"


def draft(**typed: Any) -> Draft:
    return Draft(uuid4(), "p", "b1", "progress", 1, typed)


def test_the_same_report_sent_again_later_is_the_same_event_to_the_microsecond() -> None:
    one = draft(done_mu=3.0, note="北头")
    first = one.event("me", NOW)
    assert one.event("me", NOW + timedelta(minutes=3)) == first
    one.typed["done_mu"] = 4.0
    assert one.event("me", NOW + timedelta(minutes=4)).happened == NOW + timedelta(minutes=4)


def test_a_report_that_was_refused_happens_when_it_is_sent_again() -> None:
    one = draft(done_mu=3.0)
    one.event("me", NOW)
    one.answered()
    assert one.event("me", NOW + timedelta(hours=1)).happened == NOW + timedelta(hours=1)


def test_an_event_carries_only_what_its_kind_takes() -> None:
    one = Draft(
        uuid4(),
        "p",
        "b1",
        "checked",
        2,
        {"passed": False, "reason": "不平", "done_mu": 3.0, "named_day": "0"},
    )
    made = one.event("me", NOW)
    assert (made.passed, made.reason, made.done_mu, made.block_version) == (False, "不平", None, 2)


@given(
    st.datetimes(datetime(2021, 1, 1), datetime(2022, 12, 31), timezones=st.just(UTC)),
    st.integers(0, 400),
    st.sampled_from(rules.KINDS),
)
def test_it_never_happened_in_the_future_and_on_the_day_that_was_named(
    now: datetime, days: int, kind: str
) -> None:
    day = reporting.days_before(now, days)
    at = reporting.happened(day, kind, now)
    assert at <= now
    assert at.astimezone(reporting.LOCAL).date() == day
    assert reporting.happened(None, kind, now) == now


@given(AREAS, st.floats(0, 1))
def test_shares_that_are_offered_are_more_than_is_done_and_end_with_the_whole(
    area: float, share: float
) -> None:
    offered = reporting.quick(area, share * area)
    assert offered[-1] == (100, round(area, 2))
    assert all(mu > share * area for _, mu in offered[:-1])


def test_a_page_that_is_loaded_again_finds_what_was_typed_and_nobody_else_does() -> None:
    shelf = Shelf()
    mine = shelf.take("me", None, "p", "b1", "progress")
    mine.typed["done_mu"] = 5.0
    assert shelf.take("me", str(mine.id), "p", "b1", "progress") is mine
    other = shelf.take("you", str(mine.id), "p", "b1", "progress")
    assert other.typed == {}
    assert shelf.take("me", str(mine.id), "p", "b2", "progress").id != mine.id
    assert shelf.take("me", "no id", "p", "b1", "progress") is not mine
    shelf.drop("me", mine)
    assert shelf.take("me", str(mine.id), "p", "b1", "progress").typed == {}


def test_an_id_of_the_address_is_kept_where_the_server_has_forgotten_it() -> None:
    named = uuid4()
    assert Shelf().take("me", str(named), "p", "b1", "started").id == named


def test_a_shelf_is_not_endless() -> None:
    shelf = Shelf(most=3)
    first = shelf.take("me", None, "p", "b1", "started")
    for i in range(3):
        shelf.take("me", None, "p", f"c{i}", "started")
    assert shelf.take("me", str(first.id), "p", "b1", "started") is not first


def test_a_report_of_its_own_has_another_id() -> None:
    shelf = Shelf()
    one = shelf.take("me", None, "p", "b1", "progress")
    before = one.id
    shelf.again("me", one)
    assert one.id != before
    assert shelf.take("me", str(one.id), "p", "b1", "progress") is one


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_none(text: str) -> None:
    assert isinstance(reporting.as_id(text), UUID | None)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    JSON
    | st.fixed_dictionaries(
        {n: st.floats() | st.text(max_size=5) | st.none() for n in ("lon", "lat", "accuracy")}
    )
)
def test_whatever_a_browser_answers_is_a_place_on_earth_or_what_went_wrong(answer: Any) -> None:
    found = position.read(answer)
    if isinstance(found, Position):
        assert abs(found.lon) <= 180 and abs(found.lat) <= 90 and math.isfinite(found.accuracy_m)
    else:
        assert found is None or found in position.ERRORS


@pytest.mark.parametrize("error", position.ERRORS)
def test_what_went_wrong_has_its_words(error: str) -> None:
    from ui.text import TEXTS

    assert position.read({"error": error}) == error
    assert f"field.where_{error}" in TEXTS
