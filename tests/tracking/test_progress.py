"""The target table says what the raw events say, whatever they are and in whichever order they came."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from planning import programme as programmes
from planning.programme import Counting, Programme
from tracking import ledger, progress, reports, tables
from tracking.ledger import Event
from tracking.progress import CountyTarget
from tracking.store import Store

JIXI = programmes.load("jixi-2020-8")
HULIN, MISHAN, LISHU, JIGUAN = "230381", "230382", "230305", "230302"
CHINA = timezone(timedelta(hours=8))
DEADLINE = date(2022, 4, 20)
OUTLINE = shapely.to_wkb(shapely.MultiPolygon([shapely.box(131.0, 45.0, 131.001, 45.001)]))
BLOCKS = [
    {"block_id": "h1", "county": HULIN, "site_id": "s1", "area_mu": 20.0, "meets": True, "site_meets": True},
    {"block_id": "h2", "county": HULIN, "site_id": "s1", "area_mu": 8.0, "meets": True, "site_meets": True},
    {"block_id": "h3", "county": HULIN, "site_id": "s2", "area_mu": 9.0, "meets": True, "site_meets": False},
    {"block_id": "h4", "county": HULIN, "site_id": None, "area_mu": 4.0, "meets": False, "site_meets": False},
    {
        "block_id": "l1",
        "county": LISHU,
        "site_id": "s3",
        "area_mu": 2500.0,
        "meets": True,
        "site_meets": True,
    },
    {"block_id": "j1", "county": JIGUAN, "site_id": None, "area_mu": 6.0, "meets": True, "site_meets": False},
]
NAMES = itertools.count()
IN_BOTH = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


# A ledger of raw events, and the few lines that count them another way


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Raw events of any kind at any time of a season, in no order that a rule would ask for."""
    minutes = draw(st.lists(st.integers(0, 260 * 24 * 60), min_size=1, max_size=40, unique=True))
    found: list[dict[str, Any]] = []
    for minute in minutes:
        kinds = [
            "started",
            "progress",
            "finished",
            "finished",
            "checked",
            "accepted",
            "consent",
            "correction",
        ]
        event: dict[str, Any] = {
            "id": uuid.UUID(int=minute + 1),
            "kind": draw(st.sampled_from(kinds)),
            "block_id": draw(st.sampled_from([b["block_id"] for b in BLOCKS])),
            "happened": datetime(2021, 9, 1, tzinfo=UTC) + timedelta(minutes=minute),
            "done_mu": None, "passed": None, "measured_mu": None, "corrects": None,
        }  # fmt: skip
        event["received"] = event["happened"] + timedelta(minutes=draw(st.integers(0, 20_000)))
        if event["kind"] == "progress":
            event["done_mu"] = draw(st.floats(0, 30))
        elif event["kind"] == "checked":
            event["passed"] = draw(st.booleans())
        elif event["kind"] == "accepted":
            event["measured_mu"] = draw(st.floats(1, 30))
        elif event["kind"] == "correction":
            named = {e["corrects"] for e in found}
            open_ = [e for e in found if e["kind"] != "correction" and e["id"] not in named]
            if not open_:
                continue
            target = draw(st.sampled_from(open_))
            event |= {"corrects": target["id"], "block_id": target["block_id"]}
            if draw(st.booleans()):
                figures = {
                    "progress": {"done_mu": 3.0},
                    "checked": {"passed": True},
                    "accepted": {"measured_mu": 7.0},
                }
                event |= figures.get(target["kind"], {})
        found.append(event)
    return found


def keep(store: Store, history: list[dict[str, Any]], programme: str = JIXI.id, created: int = 0) -> str:
    """Put blocks and raw events into the database as they are, without the rules; gives the plan's id."""
    plan = f"p{next(NAMES)}"
    moment = datetime(2021, 8, 1, tzinfo=UTC) + timedelta(days=created)
    with store.writing() as connection:
        row = {"id": plan, "programme": programme, "created": moment, "name": plan, "sha": plan}
        connection.execute(insert(tables.plans), row | {"registered": moment, "actor": "planner"})
        connection.execute(
            insert(tables.blocks),
            [
                {
                    "plan_id": plan, "block_id": b["block_id"], "county": b["county"], "irrigation_district": None,
                    "village": None, "site_id": b["site_id"], "area_mu": b["area_mu"], "meets_minimum": b["meets"],
                    "site_meets_minimum": b["site_meets"], "withdrawn": False, "version": 1, "geometry": OUTLINE,
                }
                for b in BLOCKS
            ],
        )  # fmt: skip
        start = next(SEQUENCE) * 1000
        counties = {b["block_id"]: b["county"] for b in BLOCKS}
        rows = [
            # an id stands once in the ledger; the plans of the examples share it
            e | {"id": _own(plan, e["id"]), "corrects": e["corrects"] and _own(plan, e["corrects"])}
            | {"seq": start + i, "plan_id": plan, "county": counties[e["block_id"]], "actor": "field"}
            | {"note": "", "files": "[]", "hash": "0" * 64}
            for i, e in enumerate(history, 1)
        ]  # fmt: skip
        if rows:
            connection.execute(insert(tables.events), rows)
    return plan


SEQUENCE = itertools.count()


def _own(plan: str, event_id: uuid.UUID) -> uuid.UUID:
    return uuid.uuid5(event_id, plan)


def plainly(history: list[dict[str, Any]], county: str, as_of: date) -> dict[str, float]:
    """The areas of a county by hand: event by event, block by block."""
    sums = dict.fromkeys(("planned", "started", "finished", "accepted", "counted", "done"), 0.0)
    corrections = {e["corrects"]: e for e in history if e["kind"] == "correction"}
    for block in BLOCKS:
        if block["county"] != county:
            continue
        began = finished = received = measured = None
        done = 0.0
        for event in sorted(history, key=lambda e: e["happened"]):
            if event["block_id"] != block["block_id"] or event["happened"].astimezone(CHINA).date() > as_of:
                continue
            correction = corrections.get(event["id"], {})
            figures = {n: correction.get(n) for n in ("done_mu", "passed", "measured_mu")}
            if correction and all(v is None for v in figures.values()):
                continue
            event = event | {n: v for n, v in figures.items() if v is not None}
            if event["kind"] in ("started", "progress", "finished"):
                began = began or event["happened"]
            if event["kind"] == "progress":
                done = max(done, event["done_mu"])
            if event["kind"] == "finished":
                finished = finished or event["happened"]
                received = min(received or event["received"], event["received"])
            elif event["kind"] == "accepted":
                measured = min(measured or event["measured_mu"], event["measured_mu"])
            elif event["kind"] == "checked" and not event["passed"]:
                finished = received = measured = None
        area = block["area_mu"]
        sums["planned"] += area
        sums["started"] += area if began else 0
        sums["finished"] += area if finished else 0
        sums["done"] += area if finished else min(done, area)
        sums["accepted"] += min(measured, area) if measured else 0
        late = finished and as_of > DEADLINE and received.astimezone(CHINA).date() > DEADLINE
        if county != JIGUAN and block["meets"] and block["site_meets"] and finished and not late:
            true = min(measured, area) if measured else area
            minimum = 5 if county == HULIN else 3
            sums["counted"] += true if not measured or true >= minimum else 0
    return sums


def heard_last(history: list[dict[str, Any]], county: str, as_of: date) -> date | None:
    """The day of the county's last report up to a day; one that was taken back is none."""
    figures = ("done_mu", "passed", "measured_mu")
    void = {e["corrects"] for e in history if e["corrects"] and all(e[name] is None for name in figures)}
    blocks = {b["block_id"] for b in BLOCKS if b["county"] == county}
    days = [
        e["happened"].astimezone(CHINA).date()
        for e in history
        if e["block_id"] in blocks and e["kind"] != "correction" and e["id"] not in void
    ]
    return max((day for day in days if day <= as_of), default=None)


def of(rows: list[CountyTarget], county: str) -> CountyTarget:
    return next(row for row in rows if row.county == county)


DAYS = st.dates(date(2021, 8, 30), date(2022, 6, 30))


@IN_BOTH
@given(history=histories(), as_of=DAYS)
def test_the_areas_are_those_of_the_raw_events(
    store: Store, history: list[dict[str, Any]], as_of: date
) -> None:
    rows = progress.targets(store, JIXI, as_of, keep(store, history))
    assert [row.county for row in rows] == [unit.adcode for unit in JIXI.units]
    for row in rows:
        expected = plainly(history, row.county, as_of)
        found = {name: getattr(row, f"{name}_mu") for name in expected}
        assert found == pytest.approx(expected), row.county
        assert row.last_report == heard_last(history, row.county, as_of)


@IN_BOTH
@given(history=histories(), as_of=DAYS)
def test_what_counts_and_what_does_not_make_up_the_plan(
    store: Store, history: list[dict[str, Any]], as_of: date
) -> None:
    for row in progress.targets(store, JIXI, as_of, keep(store, history)):
        assert 0 <= row.counted_mu <= row.finished_mu <= row.started_mu <= row.planned_mu
        assert row.counted_mu + sum(row.why_mu.values()) == pytest.approx(row.planned_mu)
        assert row.counted_mu + sum(row.why_finished_mu.values()) == pytest.approx(row.finished_mu)
        assert set(row.why_mu) <= set(progress.WHY)
        assert row.done_mu <= row.planned_mu
        if row.forecast_mu is not None:
            assert row.counted_mu <= row.forecast_low_mu <= row.forecast_mu <= row.forecast_high_mu
            assert row.forecast_high_mu <= row.planned_mu


@IN_BOTH
@given(history=histories(), as_of=DAYS, seed=st.integers(0, 1000))
def test_the_order_of_arrival_has_no_say(
    store: Store, history: list[dict[str, Any]], as_of: date, seed: int
) -> None:
    shuffled = random.Random(seed).sample(history, len(history))
    first = progress.targets(store, JIXI, as_of, keep(store, history))
    assert progress.targets(store, JIXI, as_of, keep(store, shuffled)) == first


@IN_BOTH
@given(history=histories(), days=st.lists(DAYS, min_size=2, max_size=3))
def test_areas_only_grow_with_the_day_while_nothing_is_returned(
    store: Store, history: list[dict[str, Any]], days: list[date]
) -> None:
    history = [e for e in history if e["kind"] not in ("checked", "accepted")]
    plan = keep(store, [e for e in history if e["corrects"] is None or e["done_mu"] is None])
    seen = [progress.targets(store, JIXI, day, plan) for day in sorted(days)]
    for before, after in itertools.pairwise(seen):
        for a, b in zip(before, after, strict=True):
            assert a.started_mu <= b.started_mu and a.finished_mu <= b.finished_mu
            # the deadline over, what was received too late no longer counts
            assert a.counted_mu <= b.counted_mu or (b.days_left or 0) < 0 <= (a.days_left or 0)


@IN_BOTH
@given(history=histories(), as_of=DAYS)
def test_the_curve_ends_where_the_table_stands(
    store: Store, history: list[dict[str, Any]], as_of: date
) -> None:
    plan = keep(store, history)
    reported = reports.by_block(store, JIXI.id, as_of, plan)
    curve = progress.daily(reported, JIXI, as_of)
    for row in progress.count(reported, JIXI, as_of):
        last = curve[curve["county"] == row.county].tail(1)
        for name in ("started_mu", "finished_mu", "accepted_mu", "counted_mu"):
            assert (last[name].sum() if len(last) else 0.0) == pytest.approx(getattr(row, name))


# The ledger itself


def test_what_is_sent_twice_counts_once(
    followed: Store, season: Callable[..., list[Event]], report: Callable[..., Event]
) -> None:
    way = season("b1")
    ledger.append(followed, way[:4])
    before = of(progress.targets(followed, JIXI, date(2021, 10, 1)), HULIN)
    assert (before.finished_mu, before.counted_mu) == pytest.approx((30.0, 30.0))
    again = ledger.append(followed, way[:4])
    assert {r.status for r in again} == {"repeated"}
    assert of(progress.targets(followed, JIXI, date(2021, 10, 1)), HULIN) == before
    ledger.append(followed, way[4:])
    after = of(progress.targets(followed, JIXI, date(2021, 10, 1)), HULIN)
    assert (after.finished_mu, after.accepted_mu, after.counted_mu) == pytest.approx((30.0, 29.5, 29.5))
    assert after.why_finished_mu == pytest.approx({"measured_less": 0.5})


def test_a_correction_takes_back_what_it_names(followed: Store, report: Callable[..., Event]) -> None:
    finished = report("finished", 5, "b1")
    ledger.append(followed, [report("plan_approved", 0, ""), report("started", 1, "b1"), finished])
    assert of(progress.targets(followed, JIXI, date(2021, 10, 1)), HULIN).finished_mu == pytest.approx(30)
    taken_back = ledger.append(followed, [report("correction", 20, "b1", corrects=finished.id)])
    assert taken_back[0].status == "accepted"
    row = of(progress.targets(followed, JIXI, date(2021, 10, 1)), HULIN)
    assert (row.finished_mu, row.counted_mu, row.started_mu) == pytest.approx((0, 0, 30))


def test_the_table_agrees_with_the_states_of_the_blocks(
    followed: Store, season: Callable[..., list[Event]], report: Callable[..., Event]
) -> None:
    ledger.append(
        followed, [*season("b1"), report("started", 2, "b2"), report("progress", 3, "b2", done_mu=12.0)]
    )
    for days in range(12):
        as_of = date(2021, 9, 20) + timedelta(days=days)
        states = ledger.states(followed, as_of)
        states = states[states["county"] == HULIN]
        row = of(progress.targets(followed, JIXI, as_of), HULIN)
        begun, area = ~states["state"].isin(["planned", "approved"]), states["area_mu"]
        assert row.started_mu == pytest.approx(area[begun].sum())
        assert row.finished_mu == pytest.approx(area[begun & (states["state"] != "started")].sum())
        assert row.done_mu == pytest.approx(states["done_mu"].sum())


# Single facts


def raw(
    kind: str, block: str, happened: datetime, received: datetime | None = None, **figures: Any
) -> dict[str, Any]:
    empty = dict.fromkeys(("done_mu", "passed", "measured_mu", "corrects"))
    event = {"id": uuid.uuid4(), "kind": kind, "block_id": block, "happened": happened}
    return event | empty | {"received": received or happened} | figures


def at(day: str, clock: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=CHINA)


def way(block: str, start: datetime, end: datetime, received: datetime | None = None) -> list[dict[str, Any]]:
    return [raw("started", block, start), raw("finished", block, end, received)]


def test_a_day_ends_at_midnight_in_shanghai(store: Store) -> None:
    plan = keep(store, way("h1", at("2021-10-06"), at("2021-10-08", "23:59")))
    assert of(progress.targets(store, JIXI, date(2021, 10, 7), plan), HULIN).finished_mu == 0
    assert of(progress.targets(store, JIXI, date(2021, 10, 8), plan), HULIN).finished_mu == 20
    early = keep(store, way("h1", at("2021-10-06"), at("2021-10-09", "00:01")))
    assert of(progress.targets(store, JIXI, date(2021, 10, 8), early), HULIN).finished_mu == 0


def test_the_deadline_counts_to_its_end_and_receipt_decides(store: Store) -> None:
    last = at("2022-04-20", "23:59")
    in_time = keep(store, way("l1", at("2022-04-10"), last))
    on_the_day = of(progress.targets(store, JIXI, DEADLINE, in_time), LISHU)
    after = of(progress.targets(store, JIXI, date(2022, 4, 21), in_time), LISHU)
    assert (on_the_day.state, on_the_day.days_left, on_the_day.counted_mu) == ("reached", 0, 2500)
    assert (after.state, after.days_left, after.counted_mu, after.ahead_mu) == ("reached", -1, 2500, 400)

    too_late = keep(store, way("l1", at("2022-04-10"), last, at("2022-04-21", "00:00")))
    after = of(progress.targets(store, JIXI, date(2022, 4, 21), too_late), LISHU)
    assert (after.state, after.counted_mu, after.finished_mu, after.ahead_mu) == ("missed", 0, 2500, -2100)
    assert after.why_mu == {"late": 2500}


def test_nothing_is_missed_on_the_deadline_itself(store: Store) -> None:
    plan = keep(store, [])
    assert of(progress.targets(store, JIXI, DEADLINE, plan), HULIN).state == "at_risk"
    assert of(progress.targets(store, JIXI, date(2022, 4, 21), plan), HULIN).state == "missed"


def test_what_does_not_count_says_why(store: Store) -> None:
    start, end = at("2021-10-06"), at("2021-10-08")
    history = [
        *way("h1", start, end),
        *way("h3", start, end),
        *way("h4", start, end),
        raw("started", "h2", start),
    ]
    back = raw("checked", "h1", at("2021-10-12"), passed=False)
    row = of(progress.targets(store, JIXI, date(2021, 11, 1), keep(store, [*history, back])), HULIN)
    assert row.why_mu == {
        "block_below_minimum": 4, "site_below_minimum": 9, "under_way": 8, "returned": 20,
    }  # fmt: skip
    assert row.why_finished_mu == {"block_below_minimum": 4, "site_below_minimum": 9}
    again = raw("finished", "h1", at("2021-10-20"))
    row = of(progress.targets(store, JIXI, date(2021, 11, 1), keep(store, [*history, back, again])), HULIN)
    assert (row.counted_mu, row.site_open_mu) == (20, 20)


def test_a_programme_may_count_accepted_work_alone(store: Store) -> None:
    only = Counting(counts_from="accepted", source="test", confidence="W", confirm=True)
    strict: Programme = JIXI.model_copy(update={"counting": only})
    history = way("h1", at("2021-10-06"), at("2021-10-08"))
    plan = keep(store, history)
    row = of(progress.targets(store, strict, date(2021, 11, 1), plan), HULIN)
    assert (row.counted_mu, row.why_finished_mu) == (0, {"not_accepted": 20})
    plan = keep(store, [*history, raw("accepted", "h1", at("2021-10-10"), measured_mu=4.5)])
    row = of(progress.targets(store, strict, date(2021, 11, 1), plan), HULIN)
    assert (row.accepted_mu, row.counted_mu) == (4.5, 0)
    assert row.why_finished_mu == {"measured_below_minimum": 20}


def test_a_county_without_target_has_neither_state_nor_forecast(store: Store) -> None:
    row = of(progress.targets(store, JIXI, date(2021, 11, 15), keep(store, [])), JIGUAN)
    assert row.state == "no_target"
    assert (row.floor_mu, row.days_left, row.needed_mu_per_day, row.forecast_mu) == (None, None, None, None)
    assert row.missed_cutoff is None


def test_pace_is_what_counts_by_working_day_since_the_work_began(store: Store) -> None:
    plan = keep(
        store,
        [*way("h1", at("2021-10-06"), at("2021-10-09")), *way("h2", at("2021-10-07"), at("2021-10-12"))],
    )
    row = of(progress.targets(store, JIXI, date(2021, 10, 15), plan), HULIN)
    assert row.pace_mu_per_day == pytest.approx(28 / 10)
    left = 21 + 16
    assert (row.working_days_left, row.days_left) == (left, 187)
    assert row.needed_mu_per_day == pytest.approx((40_000 - 28) / left)
    assert row.forecast_mu == 28, "no more than the plan holds"


def test_a_county_that_sent_nothing_since_the_cut_off_before_is_listed(store: Store) -> None:
    plan = keep(store, [raw("started", "h1", at("2021-10-14")), raw("started", "l1", at("2021-10-16"))])
    rows = progress.targets(store, JIXI, date(2021, 11, 15), plan)
    assert of(rows, HULIN).missed_cutoff == date(2021, 10, 31)
    assert of(rows, LISHU).missed_cutoff is None
    assert of(rows, MISHAN).missed_cutoff == date(2021, 10, 31)
    assert of(rows, HULIN).last_report == date(2021, 10, 14)
    # sent in late is not sent by then, as long as it was not there
    late = keep(store, [raw("started", "h1", at("2021-10-20"), at("2021-11-20"))])
    assert of(progress.targets(store, JIXI, date(2021, 11, 15), late), HULIN).missed_cutoff == date(
        2021, 10, 31
    )
    assert of(progress.targets(store, JIXI, date(2021, 11, 21), late), HULIN).missed_cutoff is None


def test_plans_over_each_other_count_once(store: Store) -> None:
    programme = JIXI.model_copy(update={"id": f"own{next(NAMES)}"})
    old = keep(store, way("h1", at("2021-10-06"), at("2021-10-08")), programme.id, created=0)
    new = keep(store, way("l1", at("2021-10-06"), at("2021-10-08")), programme.id, created=1)
    rows = progress.targets(store, programme, date(2021, 11, 15))
    # Hulin reports on the old plan, Lishu on the new one; the others have the newest
    assert (of(rows, HULIN).planned_mu, of(rows, HULIN).finished_mu) == (41, 20)
    assert (of(rows, LISHU).planned_mu, of(rows, LISHU).finished_mu) == (2500, 2500)
    reported = reports.by_block(store, programme.id, date(2021, 11, 15))
    assert dict(reported.groupby("county")["plan_id"].first()) == {HULIN: old, LISHU: new, JIGUAN: new}


def test_a_newer_plan_changes_no_day_before_work_on_it_began_and_no_finished_area_vanishes_in_silence(
    store: Store,
) -> None:
    programme = JIXI.model_copy(update={"id": f"own{next(NAMES)}"})
    keep(store, way("h1", at("2021-10-06"), at("2021-10-08")), programme.id, created=0)
    keep(store, [raw("started", "h2", at("2021-11-01"))], programme.id, created=1)
    before = of(progress.targets(store, programme, date(2021, 10, 31)), HULIN)
    assert (before.finished_mu, before.counted_mu, before.withdrawn_mu) == (20, 20, 0)
    after = of(progress.targets(store, programme, date(2021, 11, 1)), HULIN)
    assert (after.planned_mu, after.finished_mu, after.withdrawn_mu) == (41, 0, 20)
    assert after.last_report == date(2021, 11, 1)


def test_only_work_that_was_not_taken_back_puts_a_newer_plan_in_force(store: Store) -> None:
    programme = JIXI.model_copy(update={"id": f"own{next(NAMES)}"})
    keep(store, way("h1", at("2021-10-06"), at("2021-10-08")), programme.id, created=0)
    begun = raw("started", "h2", at("2021-10-09"))
    taken_back = raw("correction", "h2", at("2021-10-10")) | {"corrects": begun["id"]}
    keep(store, [raw("consent", "h1", at("2021-10-07")), begun, taken_back], programme.id, created=1)
    row = of(progress.targets(store, programme, date(2021, 11, 15)), HULIN)
    assert (row.finished_mu, row.withdrawn_mu) == (20, 0)


def test_without_a_plan_there_is_a_table_of_nothing(store: Store) -> None:
    programme = JIXI.model_copy(update={"id": "nobody-planned"})
    rows = progress.targets(store, programme, date(2021, 11, 15))
    assert [row.county for row in rows] == [unit.adcode for unit in programme.units]
    assert {row.planned_mu for row in rows} == {0.0}


def test_the_json_has_the_fields_that_were_agreed(store: Store) -> None:
    row = of(
        progress.targets(
            store, JIXI, date(2021, 11, 15), keep(store, way("h1", at("2021-10-06"), at("2021-10-08")))
        ),
        HULIN,
    )
    assert list(row.as_json()) == [
        "county", "name", "floor_mu", "ceiling_mu", "deadline", "planned_mu", "started_mu", "finished_mu",
        "accepted_mu", "counted_mu", "days_left", "pace_mu_per_day", "needed_mu_per_day", "forecast_mu",
        "forecast_low_mu", "forecast_high_mu", "state", "last_report",
    ]  # fmt: skip
    assert (row.as_json()["deadline"], row.as_json()["last_report"]) == ("2022-04-20", "2021-10-08")
