"""Scheme B (三减) on the page 任务: units done and tonnes saved, in the city or in one county."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from planning.programme import Programme
from tracking.measures import GoalStanding, MeasureTarget
from ui import numbers, parts, safe
from ui.parts import Column
from ui.text import Words


def show(
    found: tuple[Sequence[MeasureTarget], Sequence[GoalStanding]], programme: Programme, county: str, t: Words
) -> None:
    """Scheme B: each measure in the city, or in one county, and the city's goals in tonnes."""
    rows, goals = found
    zh = t.lang == "zh"
    shown = [row for row in rows if row.county == (county or None)]
    lines = [
        [
            f"<b>{safe.text(row.name_zh if zh else row.name_en)}</b>",
            f"{numbers.plain(row.target)} {safe.text(t(f'targets.unit_{row.counted_in}'))}",
            numbers.plain(row.done) + parts.share_bar(row.done, row.target, row.target),
            numbers.percent(row.share),
            numbers.plain(row.goal_t, 2),
            numbers.plain(row.saved_t, 2),
        ]
        for row in shown
    ]
    if not county:
        lines += [
            [
                f"<b>{safe.text(t('targets.city_goal'))}</b> {safe.text(goal.name_zh if zh else goal.name_en)}",
                "",
                "",
                numbers.percent(goal.saved_t / goal.goal_t if goal.goal_t else None),
                numbers.plain(goal.goal_t, 2),
                numbers.plain(goal.saved_t, 2),
            ]
            for goal in goals
        ]
    heads = ("measure", "measure_target", "measure_done", "measure_share", "measure_goal", "measure_saved")
    parts.table([Column(t(f"targets.{key}"), i > 0) for i, key in enumerate(heads)], lines)
    scheme = programme.scheme_b
    for row in shown:
        if row.other_years and scheme is not None:
            amount = f"{numbers.plain(row.other_years)} {t(f'targets.unit_{row.counted_in}')}"
            label = row.name_zh if zh else row.name_en
            st.caption(t("targets.other_years", name=label, n=amount, year=scheme.year))
