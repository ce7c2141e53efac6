"""Working days, pace and the range of the forecast: what must hold whatever a county has done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning import programme as programmes
from tracking import forecast

WINDOWS = programmes.load("jixi-2020-8").working_windows
HISTORIES = st.lists(st.floats(0, 2000), min_size=1, max_size=60).map(np.array)


@dataclass(frozen=True)
class Span:
    from_day: str
    to_day: str


def plainly_worked(day: date) -> bool:
    return (10, 5) <= (day.month, day.day) <= (11, 5) or (4, 5) <= (day.month, day.day) <= (4, 20)


# Working days


@given(st.dates(date(2019, 1, 1), date(2025, 1, 1)), st.integers(0, 500))
def test_working_days_are_those_of_the_windows_after_the_day_and_to_the_end_of_the_deadline(
    day: date, span: int
) -> None:
    until = day + timedelta(days=span)
    every = [day + timedelta(days=i) for i in range(1, span + 1)]
    found = forecast.working_days(WINDOWS, day, until)
    assert [d.item() for d in found] == [d for d in every if plainly_worked(d)]


def test_from_mid_november_the_spring_is_left() -> None:
    assert len(forecast.working_days(WINDOWS, date(2021, 11, 15), date(2022, 4, 20))) == 16
    assert len(forecast.working_days(WINDOWS, date(2022, 4, 19), date(2022, 4, 20))) == 1
    assert len(forecast.working_days(WINDOWS, date(2022, 4, 20), date(2022, 4, 20))) == 0
    assert len(forecast.working_days(WINDOWS, date(2022, 4, 21), date(2022, 4, 20))) == 0


def test_a_window_may_span_the_new_year_and_without_windows_every_day_is_worked() -> None:
    winter = [Span("12-30", "01-02")]
    assert len(forecast.working_days(winter, date(2021, 12, 1), date(2022, 1, 31))) == 4
    assert len(forecast.working_days([], date(2021, 12, 1), date(2021, 12, 31))) == 30
    leap = [Span("02-28", "02-29")]
    assert len(forecast.working_days(leap, date(2024, 2, 1), date(2024, 3, 31))) == 2
    assert len(forecast.working_days(leap, date(2023, 2, 1), date(2023, 3, 31))) == 1


# History


def test_idle_days_in_a_window_count_and_days_outside_only_when_worked() -> None:
    days = np.array(["2021-10-06", "2021-10-06", "2021-10-08", "2021-11-08"], dtype="datetime64[D]")
    done = forecast.increments(
        days, np.array([1.0, 2.0, 4.0, 8.0]), WINDOWS, date(2021, 10, 6), date(2021, 12, 1)
    )
    # 6 October to 5 November is 31 days; 8 November lies outside but was worked
    assert list(done[:3]) == [3.0, 0.0, 4.0]
    assert (len(done), done[-1], done.sum()) == (32, 8.0, 15.0)


def test_what_is_done_after_the_day_is_not_history() -> None:
    days = np.array(["2021-10-06", "2021-10-20"], dtype="datetime64[D]")
    done = forecast.increments(days, np.array([1.0, 2.0]), WINDOWS, date(2021, 10, 5), date(2021, 10, 10))
    assert list(done) == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert len(forecast.increments(days, np.ones(2), WINDOWS, date(2021, 10, 11), date(2021, 10, 10))) == 0


def test_the_history_looks_back_on_the_latest_sixty_working_days() -> None:
    days = np.array(["2019-10-10", "2021-10-10"], dtype="datetime64[D]")
    done = forecast.increments(days, np.ones(2), WINDOWS, date(2019, 10, 5), date(2021, 11, 5))
    assert (len(done), done.sum()) == (forecast.HISTORY_DAYS, 1.0)


# Outlook


@given(HISTORIES, st.integers(0, 60), st.floats(0, 50_000), st.floats(0, 100_000))
def test_the_forecast_lies_in_its_range_and_between_what_is_counted_and_what_is_planned(
    history: np.ndarray, days: int, counted: float, planned: float
) -> None:
    seen = forecast.outlook(history, days, counted, planned)
    most = max(counted, planned)
    rounding = 1e-9 * max(most, 1)
    assert counted - rounding <= seen.low_mu <= seen.forecast_mu <= seen.high_mu <= most + rounding, seen
    assert seen.forecast_mu == pytest.approx(min(counted + sum(history) / len(history) * days, most))
    assert seen == forecast.outlook(history, days, counted, planned)


@given(st.floats(0, 2000), st.integers(5, 60), st.integers(1, 60))
def test_a_county_that_does_the_same_every_day_has_no_range(pace: float, past: int, days: int) -> None:
    seen = forecast.outlook(np.full(past, pace), days, 100.0, 1e9)
    expected = pytest.approx(100 + pace * days)
    assert (seen.low_mu, seen.forecast_mu, seen.high_mu) == (expected, expected, expected)


def test_the_range_holds_about_eight_seasons_of_ten() -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(200):
        season = random.gamma(1.5, 600, 48)
        seen = forecast.outlook(season[:32], 16, 0.0, 1e9)
        held += seen.low_mu <= season[32:].sum() <= seen.high_mu
    assert 0.7 <= held / 200 <= 0.9


def test_steadier_work_has_a_narrower_range_and_a_longer_way_a_wider_one() -> None:
    steady, wild = np.tile([900.0, 1100.0], 16), np.tile([0.0, 0, 0, 3000, 0, 0, 0, 3000, 1000, 3000], 4)

    def width(history: np.ndarray, days: int) -> float:
        seen = forecast.outlook(history, days, 0.0, 1e9)
        return seen.high_mu - seen.low_mu

    assert width(steady, 16) < width(wild, 16) / 3
    assert width(wild, 8) < width(wild, 16) < width(wild, 32)


def test_little_history_leaves_the_range_open_and_none_gives_no_forecast() -> None:
    seen = forecast.outlook(np.array([100.0, 300.0]), 10, 400.0, 9000.0)
    assert (seen.low_mu, seen.forecast_mu, seen.high_mu) == (400.0, 2400.0, 9000.0)
    none = forecast.outlook(np.zeros(0), 10, 0.0, 9000.0)
    assert (none.pace_mu_per_day, none.low_mu, none.forecast_mu, none.high_mu) == (0.0, None, None, None)


# State


@pytest.mark.parametrize(
    ("counted", "low", "as_of", "expected"),
    [
        (40_000, 45_000, date(2021, 11, 15), "reached"),
        (39_999.9999999, None, date(2021, 11, 15), "reached"),
        (30_000, 40_000, date(2021, 11, 15), "on_course"),
        (30_000, 39_999, date(2021, 11, 15), "at_risk"),
        (0, None, date(2021, 11, 15), "at_risk"),
        (39_999, 39_999, date(2022, 4, 20), "at_risk"),
        (39_999, 39_999, date(2022, 4, 21), "missed"),
        (40_000, 40_000, date(2022, 4, 21), "reached"),
    ],
)
def test_states(counted: float, low: float | None, as_of: date, expected: str) -> None:
    assert forecast.state(counted, 40_000, low, date(2022, 4, 20), as_of) == expected
    assert forecast.state(counted, None, low, None, as_of) == "no_target"


def test_the_pace_needed() -> None:
    assert forecast.needed(30_000, 40_000, 16) == 625
    assert forecast.needed(40_000, 40_000, 16) == 0
    assert forecast.needed(30_000, 40_000, 0) is None
