"""Figures on screen: units, thousands, and never a share rounded to what it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui import numbers


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (129_100, "129,100 亩", "129,100 mu"),
        (99.94, "99.9 亩", "99.9 mu"),
        (0.2, "0.20 亩", "0.20 mu"),
        (0, "0 亩", "0 mu"),
        (None, "–", "–"),
        (float("nan"), "–", "–"),
    ],
)
def test_areas(value: float | None, zh: str, en: str) -> None:
    assert (numbers.mu(value, "zh"), numbers.mu(value, "en")) == (zh, en)


def test_ranges_of_areas() -> None:
    assert numbers.mu_range(40_000, 50_000, "zh") == "40,000–50,000 亩"
    assert numbers.mu_range(2_000, 2_000, "zh") == "2,000 亩"
    assert numbers.mu_range(None, None, "zh") == "–"


def test_money_is_in_wan_in_chinese_and_in_thousands_in_english() -> None:
    assert numbers.money(10_000_000, "zh") == "1,000 万元"
    assert numbers.money(1_234_567, "zh") == "123.5 万元"
    assert numbers.money(1_234_567, "en") == "1,235 k yuan"


@given(st.floats(0, 1, allow_nan=False))
def test_a_share_shows_all_or_nothing_only_when_it_is(share: float) -> None:
    shown = numbers.percent(share)
    assert (shown == "100 %") == (share == 1)
    assert (shown == "0 %") == (share == 0)
    assert shown not in ("0.0 %", "100.0 %")


@given(st.floats(-1e9, 1e9, allow_nan=False), st.integers(0, 3))
def test_a_number_reads_back_as_it_was_rounded(value: float, digits: int) -> None:
    shown = numbers.plain(value, digits)
    assert float(shown.replace(",", "")) == pytest.approx(round(value, digits), abs=1e-9)
    assert not shown.startswith("-0") or float(shown.replace(",", "")) != 0


def test_moments_and_spans_are_told_in_local_time() -> None:
    assert numbers.moment("2022-04-20T16:30:00+00:00") == "2022-04-21 00:30"
    assert numbers.span("2022-04-20T16:30:00+00:00", "2022-04-20T16:31:05+00:00", "zh") == "1 分 5 秒"
    assert numbers.span("2022-04-20T16:30:00+00:00", "2022-04-20T16:30:05+00:00", "en") == "5 s"
