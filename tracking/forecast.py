"""From daily progress to the deadline: working days, pace, and a forecast with its range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Amounts = NDArray[np.float64]
State = Literal["reached", "on_course", "at_risk", "missed", "no_target"]
STATES: tuple[State, ...] = ("reached", "on_course", "at_risk", "missed", "no_target")
"""reached: the floor is counted · on_course: even the low end of the forecast reaches it · at_risk: it does not ·
missed: the deadline is over and the floor was not reached · no_target: the programme asks nothing."""

HISTORY_DAYS = 60
"""Working days that the pace and the range look back on: more than one year's windows of the notice."""
RUN_DAYS = 5
"""Length of the runs that are drawn: good and bad weather come in runs of days, not one by one."""
DRAWS = 2000
LOW, HIGH = 0.1, 0.9
"""The range holds eight seasons of ten."""
ROUNDING_MU = 1e-6
"""What a sum of areas may lack of the floor: the error of adding, less than a square metre."""
_DAY = np.timedelta64(1, "D")


class Window(Protocol):
    """Days of the year, both included, as MM-DD; a window whose end lies before its start spans the new year."""

    @property
    def from_day(self) -> str: ...
    @property
    def to_day(self) -> str: ...


@dataclass(frozen=True)
class Outlook:
    """What the deadline will find. Areas in mu, pace in mu a working day; None where there is no history."""

    pace_mu_per_day: float
    forecast_mu: float | None
    low_mu: float | None
    high_mu: float | None


def in_windows(days: Days, windows: Iterable[Window]) -> NDArray[np.bool_]:
    """Which days lie in a working window; all of them where the programme names none."""
    named = [(_number(w.from_day), _number(w.to_day)) for w in windows]
    if not named:
        return np.ones(len(days), dtype=bool)
    months = days.astype("datetime64[M]")
    of_year = (months.astype(int) % 12 + 1) * 100 + (days - months.astype("datetime64[D]")).astype(int) + 1
    inside = np.zeros(len(days), dtype=bool)
    for first, last in named:
        after, before = of_year >= first, of_year <= last
        inside |= (after & before) if first <= last else (after | before)
    return inside


def _number(month_day: str) -> int:
    month, day = month_day.split("-")
    return int(month) * 100 + int(day)


def working_days(windows: Iterable[Window], after: date, until: date) -> Days:
    """The days in a working window later than `after` and not later than `until`, which itself counts."""
    days = np.arange(np.datetime64(after, "D") + _DAY, np.datetime64(until, "D") + _DAY)
    return days[in_windows(days, windows)]


def increments(days: Days, areas: Amounts, windows: Iterable[Window], first: date, as_of: date) -> Amounts:
    """mu a working day from `first` to `as_of`, both included, oldest first, the latest HISTORY_DAYS of them.

    days, areas: when which area was done; what was done outside the span is left out. A day in a window on
    which nothing was done is a working day of 0; a day outside the windows is one only if work was done on it.
    """
    start, end = np.datetime64(first, "D"), np.datetime64(as_of, "D")
    span = np.arange(start, end + _DAY)
    if not len(span):
        return np.zeros(0)
    days = np.asarray(days, dtype="datetime64[D]")
    inside = (days >= start) & (days <= end)
    done = np.zeros(len(span))
    np.add.at(done, (days[inside] - start).astype(int), np.asarray(areas, float)[inside])
    return done[in_windows(span, windows) | (done > 0)][-HISTORY_DAYS:]


def outlook(history: Amounts, days: int, counted_mu: float, most_mu: float, seed: int = 0) -> Outlook:
    """The area counted at the deadline, with `days` working days left, never more than `most_mu`.

    The forecast is what is counted now plus the mean of `history` (mu a working day) times the days left. Its
    range comes from the same history by a block bootstrap: of 2,000 seasons, each is put together from runs of
    five days in succession drawn from the history (days after the last are the first ones again), and its pace
    is moved by the error that the mean of so short a history has, drawn in the same way. Low and high are the
    10 % and the 90 % point of their sums. The draws are seeded: the same history gives the same range.

    With less than one run of history the range is open: from what is counted to all that the plan holds. With
    none there is no forecast.
    """
    most_mu = max(most_mu, counted_mu)
    pace = float(history.mean()) if len(history) else 0.0
    if days <= 0:
        return Outlook(pace, counted_mu, counted_mu, counted_mu)
    if not len(history):
        return Outlook(pace, None, None, None)
    middle = min(counted_mu + pace * days, most_mu)
    if len(history) < RUN_DAYS:
        return Outlook(pace, middle, counted_mu, most_mu)
    random = np.random.default_rng(seed)
    seasons = _drawn(history, days, random).sum(axis=1)
    error = _drawn(history, len(history), random).mean(axis=1) - pace
    low, high = np.quantile(counted_mu + np.maximum(seasons + error * days, 0), [LOW, HIGH])
    return Outlook(pace, middle, min(float(low), middle), max(min(float(high), most_mu), middle))


def _drawn(history: Amounts, days: int, random: np.random.Generator) -> Amounts:
    """DRAWS rows of `days` days, put together from runs of the history."""
    n = len(history)
    starts = random.integers(0, n, size=(DRAWS, -(-days // RUN_DAYS), 1))
    picked = (starts + np.arange(RUN_DAYS)) % n
    return history[picked.reshape(DRAWS, -1)[:, :days]]


def needed(counted_mu: float, floor_mu: float, days: int) -> float | None:
    """mu a working day that still reach the floor: 0 where it is reached, None where no working day is left."""
    gap = floor_mu - counted_mu
    if gap <= ROUNDING_MU:
        return 0.0
    return gap / days if days > 0 else None


def state(
    counted_mu: float, floor_mu: float | None, low_mu: float | None, deadline: date | None, as_of: date
) -> State:
    """How a county stands; the deadline counts to its end, so nothing is missed on that day."""
    if floor_mu is None or deadline is None:
        return "no_target"
    if counted_mu + ROUNDING_MU >= floor_mu:
        return "reached"
    if as_of > deadline:
        return "missed"
    return "on_course" if low_mu is not None and low_mu + ROUNDING_MU >= floor_mu else "at_risk"
