"""A county's season as lines: what is due by each day, what was done, what is still needed, what is to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from planning.programme import Programme
from tracking import forecast
from tracking.forecast import Amounts, Days, State
from tracking.progress import OPEN, CountyTarget

SEASON = timedelta(days=365)
"""A season is the working days in the year before the deadline."""
MARGIN = timedelta(days=5)
"""Shown before the season and after its end."""
POINTS_IN_RUN = 6
"""Points of the fan in one stretch of working days."""
DONE = ("started_mu", "finished_mu", "accepted_mu", "counted_mu")
WORST: tuple[State, ...] = ("missed", "at_risk", "on_course", "reached")
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Curve:
    """Lines of one county, each a frame with `day` (datetime64) and mu.

    done: day and DONE, as it stood at the end of the day, from 0 to as_of · due: mu, the floor spread evenly over
    the season's working days · needed: mu, from what is counted to the floor; empty where nothing is needed or
    the deadline is over · fan: low_mu, middle_mu, high_mu; empty where there is no forecast · windows: first and
    last day of each stretch of working days · first, last: the days that all of it lies between.
    """

    done: pd.DataFrame
    due: pd.DataFrame
    needed: pd.DataFrame
    fan: pd.DataFrame
    windows: list[tuple[date, date]]
    first: date
    last: date


def curve(target: CountyTarget, daily: pd.DataFrame, programme: Programme, as_of: date) -> Curve | None:
    """The lines of a county on a day; None where the programme asks nothing of it.

    daily: `progress.daily` of that day. The fan ends at the deadline in exactly the target's forecast and range:
    it is drawn from the same history in the same way.
    """
    if target.floor_mu is None or target.deadline is None:
        return None
    mine = daily.loc[daily["county"] == target.county].sort_values("day")
    season = forecast.working_days(programme.working_windows, target.deadline - SEASON, target.deadline)
    begun = [season[0].item()] if len(season) else [target.deadline]
    begun += [pd.Timestamp(day).date() for day in mine["day"].head(1)]
    first = min(begun) - MARGIN
    rises = [pd.Timestamp(day).date() for day in mine["day"].tail(1)]
    last = (
        max(target.deadline, *(min(day, as_of) for day in rises)) + MARGIN
        if rises
        else target.deadline + MARGIN
    )
    left = forecast.working_days(programme.working_windows, as_of, target.deadline)
    shown = forecast.working_days(programme.working_windows, first - timedelta(days=1), last)
    return Curve(
        done=_done(mine, first, min(as_of, last)),
        due=_due(season, target.floor_mu, first, target.deadline),
        needed=_needed(target, left, as_of),
        fan=_fan(target, mine, left, programme, as_of),
        windows=[(run[0].item(), run[-1].item()) for run in _runs(shown)],
        first=first,
        last=last,
    )


def furthest_behind(rows: Sequence[CountyTarget]) -> CountyTarget | None:
    """The county in most danger: by its state, then by how little of the floor the low end of its forecast is."""
    asked = [row for row in rows if row.floor_mu]
    return min(
        asked,
        key=lambda r: (WORST.index(r.state), (r.forecast_low_mu or r.counted_mu) / (r.floor_mu or 1.0)),
        default=None,
    )


def _done(mine: pd.DataFrame, first: date, until: date) -> pd.DataFrame:
    start = pd.DataFrame([{"day": pd.Timestamp(first)} | dict.fromkeys(DONE, 0.0)])
    frame = pd.concat([start, mine[["day", *DONE]]], ignore_index=True) if len(mine) else start
    if until > frame["day"].iloc[-1].date():
        frame = pd.concat([frame, frame.tail(1).assign(day=pd.Timestamp(until))], ignore_index=True)
    frame["day"] = frame["day"].astype("datetime64[s]")
    return frame


def _due(season: Days, floor_mu: float, first: date, deadline: date) -> pd.DataFrame:
    if not len(season):
        return _line([(np.datetime64(first, "D"), 0.0), (np.datetime64(deadline, "D"), floor_mu)])
    corners = [(day, floor_mu * k / len(season)) for day, k in _corners(season, first)]
    return _line([*corners, (np.datetime64(deadline, "D"), floor_mu)])


def _needed(target: CountyTarget, left: Days, as_of: date) -> pd.DataFrame:
    pace = target.needed_mu_per_day
    if not pace:
        return _line([])
    return _line([(day, target.counted_mu + pace * k) for day, k in _corners(left, as_of)])


def _fan(
    target: CountyTarget, mine: pd.DataFrame, left: Days, programme: Programme, as_of: date
) -> pd.DataFrame:
    names = ["low_mu", "middle_mu", "high_mu"]
    deadline = target.deadline
    if deadline is None or target.forecast_mu is None or not len(left):
        return pd.DataFrame(columns=["day", *names])
    history = _history(mine, programme, min(as_of, deadline))
    most = target.counted_mu + sum(target.why_mu.get(why, 0.0) for why in OPEN)
    rows = []
    for day, k in _corners(left, as_of, POINTS_IN_RUN):
        view = forecast.outlook(history, k, target.counted_mu, most, seed=int(target.county))
        rows.append((day, view.low_mu, view.forecast_mu, view.high_mu))
    frame = pd.DataFrame(rows, columns=["day", *names])
    frame["day"] = frame["day"].astype("datetime64[s]")
    return frame


def _history(mine: pd.DataFrame, programme: Programme, until: date) -> Amounts:
    """mu counted a working day since work began, as the target table has it."""
    begun = mine.loc[mine["started_mu"] > 0, "day"]
    if not len(begun):
        return np.zeros(0)
    days = mine["day"].to_numpy("datetime64[D]")
    rises = np.diff(mine["counted_mu"].to_numpy(float), prepend=0.0)
    first = pd.Timestamp(begun.iloc[0]).date()
    some = rises > forecast.ROUNDING_MU
    return forecast.increments(days[some], rises[some], programme.working_windows, first, until)


def _runs(days: Days) -> list[Days]:
    """The days in stretches without a gap."""
    return [run for run in np.split(days, np.flatnonzero(np.diff(days) > _DAY) + 1) if len(run)]


def _corners(days: Days, start: date, inside: int = 1) -> list[tuple[Any, int]]:
    """Where a line that rises on these days alone bends: the day, and how many of the days are over by its end.

    inside: points in each stretch of days, its end among them.
    """
    corners: list[tuple[Any, int]] = [(np.datetime64(start, "D"), 0)]
    before = 0
    for run in _runs(days):
        if run[0] - _DAY > corners[-1][0]:
            corners.append((run[0] - _DAY, before))
        for k in np.unique(np.linspace(0, len(run), inside + 1).round().astype(int)[1:]):
            corners.append((run[k - 1], before + int(k)))
        before += len(run)
    return corners


def _line(points: list[tuple[Any, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(points, columns=["day", "mu"])
    frame["day"] = frame["day"].astype("datetime64[s]")
    return frame
