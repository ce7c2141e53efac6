"""A county's lines: they end where the target table says, and rise only where work can be done."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning import programme as programmes
from tracking import curves, forecast, progress
from tracking.curves import Curve
from tracking.progress import CountyTarget

JIXI = programmes.load("jixi-2020-8")
HULIN, JIGUAN = "230381", "230302"
DEADLINE = date(2022, 4, 20)
FIRST = date(2021, 10, 5)
DAYS = ("started", "finished", "accepted", "last", "finished_in", "accepted_in", "last_in")


def blocks(finished: list[tuple[int, float]]) -> pd.DataFrame:
    """Blocks of Hulin as tracking.reports gives them: finished so many days after FIRST, of so many mu."""
    rows: list[dict[str, Any]] = []
    for i, (after, area) in enumerate(finished):
        day = np.datetime64(FIRST + timedelta(days=after), "s")
        rows.append({"block_id": f"b{i}", "area_mu": area, "done_mu": area} | dict.fromkeys(DAYS, day))
        rows[-1] |= {"accepted": None, "accepted_in": None}
    rows.append({"block_id": "open", "area_mu": 50_000.0, "done_mu": 0.0} | dict.fromkeys(DAYS))
    frame = pd.DataFrame(rows).assign(
        plan_id="p", county=HULIN, irrigation_district=None, village=None, site_id="s", meets_minimum=True,
        site_meets_minimum=True, withdrawn=False, measured_mu=np.nan, returned=False,
    )  # fmt: skip
    frame[list(DAYS)] = frame[list(DAYS)].astype("datetime64[s]")
    return frame


def of(finished: list[tuple[int, float]], as_of: date) -> tuple[CountyTarget, Curve]:
    known = [(after, area) for after, area in finished if FIRST + timedelta(days=after) <= as_of]
    reported = blocks(known)
    row = next(r for r in progress.count(reported, JIXI, as_of) if r.county == HULIN)
    curve = curves.curve(row, progress.daily(reported, JIXI, as_of), JIXI, as_of)
    assert curve is not None
    return row, curve


SEASONS = st.lists(st.tuples(st.integers(0, 190), st.floats(3, 3000)), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None)
@given(SEASONS, st.integers(0, 205))
def test_the_lines_end_where_the_table_says(finished: list[tuple[int, float]], after: int) -> None:
    as_of = FIRST + timedelta(days=after)
    row, curve = of(finished, as_of)
    assert curve.done["counted_mu"].iloc[-1] == pytest.approx(row.counted_mu)
    assert curve.done["counted_mu"].is_monotonic_increasing
    assert curve.due["mu"].iloc[-1] == row.floor_mu
    assert curve.due["day"].iloc[-1].date() == DEADLINE
    if len(curve.needed):
        assert curve.needed["mu"].iloc[-1] == pytest.approx(row.floor_mu)
    if len(curve.fan):
        last = curve.fan.iloc[-1]
        assert last["low_mu"] == pytest.approx(row.forecast_low_mu)
        assert last["middle_mu"] == pytest.approx(row.forecast_mu)
        assert last["high_mu"] == pytest.approx(row.forecast_high_mu)
        assert (curve.fan["low_mu"] <= curve.fan["middle_mu"]).all()
        assert (curve.fan["middle_mu"] <= curve.fan["high_mu"]).all()
        assert curve.fan[["low_mu", "high_mu"]].iloc[0].tolist() == pytest.approx([row.counted_mu] * 2)
    assert curve.first <= FIRST and curve.last >= DEADLINE


def test_nothing_rises_outside_the_working_seasons() -> None:
    _, curve = of([(k, 400.0) for k in range(20)], date(2021, 11, 20))
    assert curve.windows == [
        (date(2021, 10, 5), date(2021, 11, 5)),
        (date(2022, 4, 5), date(2022, 4, 20)),
    ]
    for frame, name in ((curve.due, "mu"), (curve.needed, "mu"), (curve.fan, "middle_mu")):
        on = frame.set_index(frame["day"].dt.date)[name]
        winter = on[(on.index >= date(2021, 11, 5)) & (on.index < date(2022, 4, 5))]
        assert len(winter) and winter.max() == pytest.approx(winter.min())


def test_what_is_due_is_the_floor_shared_out_over_the_working_days() -> None:
    _, curve = of([(0, 10.0)], date(2021, 10, 6))
    season = forecast.working_days(JIXI.working_windows, DEADLINE - curves.SEASON, DEADLINE)
    autumn = sum(day <= np.datetime64("2021-11-05") for day in season)
    on = curve.due.set_index(curve.due["day"].dt.date)["mu"]
    assert on[date(2021, 11, 5)] == pytest.approx(40_000 * autumn / len(season))


def test_after_the_deadline_there_is_no_fan_and_nothing_is_needed() -> None:
    _, curve = of([(0, 10.0)], date(2022, 6, 1))
    assert curve.fan.empty and curve.needed.empty


def test_a_county_that_owes_nothing_has_no_lines() -> None:
    reported = blocks([(0, 10.0)]).assign(county=JIGUAN)
    as_of = date(2021, 11, 1)
    row = next(r for r in progress.count(reported, JIXI, as_of) if r.county == JIGUAN)
    assert curves.curve(row, progress.daily(reported, JIXI, as_of), JIXI, as_of) is None


def test_furthest_behind_is_by_state_first_and_by_the_forecast_then() -> None:
    as_of = date(2021, 11, 1)
    rows = progress.count(blocks([(k, 2500.0) for k in range(16)]), JIXI, as_of)
    found = curves.furthest_behind(rows)
    assert found is not None and found.state == "at_risk" and found.county != HULIN
    assert curves.furthest_behind([row for row in rows if row.floor_mu is None]) is None
