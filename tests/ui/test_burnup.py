"""The curve of a county: its words, what its lines say, and where days lie on it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking.test_curves import DEADLINE, of
from ui import burnup
from ui.text import LANGUAGES, Words

AS_OF = date(2021, 11, 15)
WORK = [(k, 600.0 + 40 * (k % 5)) for k in range(0, 28, 2)]


def spec(as_of: date = AS_OF, lang: str = "zh", work: list[tuple[int, float]] = WORK) -> dict[str, Any]:
    row, curve = of(work, as_of)
    return burnup.chart(row, curve, as_of, Words(lang)).to_dict()


def points(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The points of every line by its name."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for rows in found["datasets"].values():
        for row in rows:
            if "line" in row:
                lines.setdefault(row["line"], []).append(row)
    return lines


def test_plan_actual_needed_and_forecast_are_all_there_and_end_where_the_table_says() -> None:
    row, _ = of(WORK, AS_OF)
    lines = points(spec())
    assert set(lines) == {"计入任务", "完工", "按期应完成", "需要的进度", "预测"}
    assert lines["计入任务"][-1]["mu"] == pytest.approx(row.counted_mu, abs=0.1)
    assert lines["按期应完成"][-1]["mu"] == lines["需要的进度"][-1]["mu"] == row.floor_mu
    assert lines["预测"][-1]["mu"] == pytest.approx(row.forecast_mu, abs=0.1)
    fan = [r for rows in spec()["datasets"].values() for r in rows if "low" in r]
    assert (fan[-1]["low"], fan[-1]["high"]) == pytest.approx(
        (row.forecast_low_mu, row.forecast_high_mu), abs=0.1
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_is_in_the_pages_language_and_nothing_is_asked_of_another_host(lang: str) -> None:
    found = spec(lang=lang)
    texts = json.dumps(found, ensure_ascii=False)
    t = Words(lang)
    for key in ("line_counted", "line_due", "line_needed", "line_forecast", "axis"):
        assert t(f"targets.{key}") in texts
    assert t("targets.line_deadline", day="04-20") in texts
    assert t("targets.line_floor", mu="40,000") in texts and t("targets.line_ceiling", mu="50,000") in texts
    addresses = texts.replace(found["$schema"], "")
    assert "http" not in addresses


def test_after_the_deadline_only_what_was_done_and_what_was_due_is_left() -> None:
    assert set(points(spec(DEADLINE + timedelta(days=30)))) == {"计入任务", "完工", "按期应完成"}


def test_before_any_work_the_curve_is_drawn_all_the_same() -> None:
    lines = points(spec(date(2021, 9, 1), work=[(50, 10.0)]))
    assert {row["mu"] for row in lines["计入任务"]} == {0}


def test_the_scale_holds_all_that_is_drawn() -> None:
    found = spec()
    for layer in found["layer"]:
        scale = layer.get("encoding", {}).get("y", {}).get("scale")
        if scale:
            assert scale["domain"][0] == 0
            assert scale["domain"][1] >= max(r["mu"] for rows in points(found).values() for r in rows)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 200), st.integers(1, 60))
def test_a_later_day_lies_further_right_and_a_working_day_is_wider(after: int, more: int) -> None:
    _, curve = of(WORK, AS_OF)
    across = burnup.Across(curve)
    day = min(curve.first + timedelta(days=after), curve.last - timedelta(days=61))
    start, end = across.start([day])[0], across.end([day])[0]
    later = across.end([day + timedelta(days=more)])[0]
    working = any(a <= day <= b for a, b in curve.windows)
    assert start < end < later
    assert end - start == pytest.approx(1.0 if working else burnup.IDLE, abs=2e-3)
