"""Scheme B: what is done times what one saves, against the goals that the notice states, from raw events."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from geo.errors import ChigaiError
from planning import programme as programmes
from tracking import chain, ledger, measures
from tracking.ledger import Event, append
from tracking.store import Store

JIXI = programmes.load("jixi-2020-8")
MISHAN, HULIN, MASHAN, JIGUAN = "230382", "230381", "230307", "230302"
DAY = date(2021, 11, 15)
NOW = datetime(2022, 6, 1, tzinfo=UTC)
CHINA = timezone(timedelta(hours=8))
KG = {"soil_test": 0.5, "deep_placement": 2.85, "aerial_spraying": 0.01, "nozzles": 30 * 0.03}
IN_BOTH = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def done(
    measure: str = "nozzles", county: str | None = MISHAN, units: float | None = 100.0,
    on: datetime = datetime(2021, 5, 1, tzinfo=UTC), **fields: Any,
) -> Event:  # fmt: skip
    fields = {"id": uuid.uuid4(), "plan_id": JIXI.id, "actor": "field", "block_id": ""} | fields
    return Event(kind="measure", happened=on, measure=measure, county=county, units=units, **fields)


def right(report: Event, after_h: float = 1.0, **figures: Any) -> Event:
    moment = report.happened + timedelta(hours=after_h)
    return Event(
        uuid.uuid4(), "correction", "", report.plan_id, "planner", moment, corrects=report.id, **figures
    )


def send(store: Store, *events: Event, **options: Any) -> list[str]:
    return [r.code or r.status for r in append(store, events, now=NOW, **options)]


def city(store: Store, measure: str = "nozzles", as_of: date = DAY) -> measures.MeasureTarget:
    rows, _ = measures.table(store, JIXI, as_of)
    return next(row for row in rows if row.measure == measure and row.county is None)


def test_the_targets_done_in_full_are_the_goals_of_the_notice(store: Store) -> None:
    assert JIXI.scheme_b is not None
    every = [
        done(m.id, county, target) for m in JIXI.scheme_b.measures for county, target in m.targets.items()
    ]
    assert set(send(store, *every)) == {"accepted"}
    rows, goals = measures.table(store, JIXI, DAY)
    whole = {row.measure: row for row in rows if row.county is None}
    assert {name: row.saved_t for name, row in whole.items()} == pytest.approx(
        {"soil_test": 350, "deep_placement": 855, "aerial_spraying": 20, "nozzles": 14.4}
    )
    assert [row.share for row in rows] == [pytest.approx(1.0)] * len(rows)
    assert [(g.ids, g.goal_t, g.reached) for g in goals] == [
        (("fertiliser",), 1205, True),
        (("pesticide", "herbicide"), pytest.approx(34.4), True),
    ]


REPORTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(KG)),
        st.sampled_from([MISHAN, HULIN, MASHAN, JIGUAN]),
        st.floats(0, 100_000),
        st.datetimes(datetime(2020, 12, 30), datetime(2022, 1, 3)),
        st.lists(st.none() | st.floats(0, 100_000), max_size=2),
    ),
    max_size=12,
)


@IN_BOTH
@given(REPORTS, st.randoms(use_true_random=False), st.dates(date(2020, 12, 29), date(2022, 1, 5)))
def test_tonnes_are_the_raw_events_units_times_the_effect_of_one(
    store: Store,
    reports: list[tuple[str, str, float, datetime, list[float | None]]],
    chance: Any,
    as_of: date,
) -> None:
    made = [done(m, c, n, t.replace(tzinfo=UTC)) for m, c, n, t, _ in reports]
    batches = [
        [one, *(right(one, k + 1, units=u) for k, u in enumerate(put_right))]
        for one, (*_, put_right) in zip(made, reports, strict=True)
    ]
    # other reports come between a report and its corrections, whose own order stays
    while any(batches):
        batch = chance.choice([b for b in batches if b])
        assert send(store, batch.pop(0)) == ["accepted"]

    mine = {one.id for one in made}
    raw = ledger.events(store, plan_id=JIXI.id).to_dict("records")
    last = {e["corrects"]: e["units"] for e in reversed(raw) if e["kind"] == "correction"}
    counted = [
        (e["measure"], e["county"], last.get(e["id"], e["units"]))
        for e in raw
        if e["kind"] == "measure"
        and e["happened"].astimezone(CHINA).date() <= as_of
        and e["happened"].astimezone(CHINA).year == 2021
    ]
    sums: dict[tuple[str, str | None], float] = {}
    for measure, county, units in counted:
        for place in (county, None):
            sums[measure, place] = sums.get((measure, place), 0.0) + (0.0 if units != units else units)
    rows, goals = measures.table(store, JIXI, as_of)
    assert mine <= {e["id"] for e in raw}
    for row in rows:
        units = sums.pop((row.measure, row.county), 0.0)
        assert row.done == pytest.approx(units)
        assert row.saved_t == pytest.approx(units * KG[row.measure] / 1000)
        assert row.goal_t == pytest.approx(row.target * KG[row.measure] / 1000)
    assert not any(sums.values()), "what is done is shown, whoever owes it"
    whole = {row.measure: row.saved_t for row in rows if row.county is None}
    assert [g.saved_t for g in goals] == pytest.approx(
        [whole["soil_test"] + whole["deep_placement"], whole["aerial_spraying"] + whole["nozzles"]]
    )


def test_a_report_counts_once_is_put_right_and_taken_back(store: Store) -> None:
    first = done()
    assert send(store, first, first) == ["accepted", "repeated"]
    assert send(store, replace(first, units=7.0), replace(first, county=HULIN)) == ["content", "content"]
    assert city(store).done == 100
    assert send(store, right(first, 1, units=60.0), right(first, 2, units=70.0)) == ["accepted"] * 2
    assert city(store).done == 70
    assert send(store, right(first, 3)) == ["accepted"]
    assert city(store).done == 0
    assert chain.verify(store) is None


def test_what_was_done_in_another_year_is_told_and_does_not_count(store: Store) -> None:
    eve = datetime(2021, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert send(store, done(on=eve), done(on=eve + timedelta(seconds=1), units=5.0)) == ["accepted"] * 2
    row = city(store, as_of=date(2022, 5, 1))
    assert (row.done, row.other_years) == (100, 5)
    assert city(store, as_of=date(2021, 12, 30)).done == 0
    assert city(store, as_of=date(2021, 12, 31)).done == 100


def test_a_county_that_owes_nothing_is_shown_once_it_did_something(store: Store) -> None:
    rows, _ = measures.table(store, JIXI, DAY)
    assert (JIGUAN, "deep_placement") not in {(r.county, r.measure) for r in rows}
    assert send(store, done("deep_placement", JIGUAN, 10.0)) == ["accepted"]
    rows, _ = measures.table(store, JIXI, DAY)
    own = next(r for r in rows if (r.county, r.measure) == (JIGUAN, "deep_placement"))
    assert (own.target, own.done, own.share) == (0, 10, None)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"measure": "magic"}, "measure"),
        ({"county": "110000"}, "county"),
        ({"county": None}, "missing"),
        ({"units": -1.0}, "number"),
        ({"units": float("nan")}, "number"),
        ({"units": None}, "missing"),
        ({"plan_id": "another"}, "programme"),
        ({"plan_id": "/etc/hosts.yml"}, "programme"),
        ({"block_id": "b1"}, "block"),
        ({"on": NOW + timedelta(days=1)}, "future"),
    ],
    ids=str,
)
def test_a_wrong_report_is_refused_and_leaves_nothing(
    store: Store, fields: dict[str, Any], code: str
) -> None:
    assert send(store, done(**fields)) == [code]
    assert ledger.events(store).empty


def test_a_county_reports_and_puts_right_its_own_alone(store: Store) -> None:
    mine, theirs = done(), done(county=HULIN)
    assert send(store, mine, theirs) == ["accepted"] * 2
    assert send(store, done(county=HULIN), counties={MISHAN}) == ["county"]
    assert send(store, right(theirs, units=1.0), counties={MISHAN}) == ["county"]
    assert send(store, done(), right(mine, units=1.0), counties={MISHAN}) == ["accepted"] * 2
    shown = ledger.events(store, county=MISHAN)
    assert set(shown["kind"]) == {"measure", "correction"} and len(shown) == 3


def test_another_programmes_reports_are_its_own(store: Store) -> None:
    other = JIXI.model_copy(update={"id": "other"})
    assert send(store, done(plan_id="other"), programmes=[other]) == ["accepted"]
    assert city(store).done == 0
    rows, _ = measures.table(store, other, DAY)
    assert sum(row.done for row in rows if row.county == MISHAN) == 100


def test_scheme_b_moves_no_block(followed: Store, season: Any) -> None:
    assert set(send(followed, *season())) == {"accepted"}
    before = ledger.states(followed, DAY)
    assert send(followed, done(), done(plan_id="p"), right(done())) == ["accepted", "programme", "corrects"]
    assert ledger.states(followed, DAY).equals(before)


def test_the_seal_covers_measure_and_units(store: Store) -> None:
    assert send(store, done()) == ["accepted"]
    with store.writing() as connection:
        if store.postgres:
            connection.execute(text("ALTER TABLE events DISABLE TRIGGER USER"))
        else:
            for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")):
                connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE events SET units = 999"))
        if store.postgres:
            connection.execute(text("ALTER TABLE events ENABLE TRIGGER USER"))
    broken = chain.verify(store)
    assert broken is not None and broken.seq == 1


def test_a_programme_without_scheme_b_says_so(store: Store) -> None:
    with pytest.raises(ChigaiError):
        measures.table(store, JIXI.model_copy(update={"scheme_b": None}), DAY)
