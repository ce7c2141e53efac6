"""The frontier chart of a county: what more and more area in sites costs, its bound, the target, and the choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from ui import numbers
from ui.text import Words

INK, SOFT, GRID = "#1B2733", "#5B6B7A", "#E6EBEE"
LOOKS = {"cost": ("#0072B2", [1, 0]), "bound": ("#5B6B7A", [5, 4])}
CHOSEN, TARGET = "#D55E00", "#8C9AA5"
HEIGHT = 320
FONT = 13


def chart(points: pd.DataFrame, county: Mapping[str, Any], t: Words) -> alt.LayerChart:
    """points: the county's rows of the frontier, areas rising; county: as plan.json tells of it."""
    lang = t.lang
    unit = 10_000 if lang == "zh" else 1_000
    lines = points.melt(["area_mu", "yuan_per_next_mu"], ["cost_yuan", "cost_bound_yuan"], "which", "yuan")
    lines["line"] = lines["which"].map(
        {"cost_yuan": t("plan.line_cost"), "cost_bound_yuan": t("plan.line_bound")}
    )
    lines["money"] = lines["yuan"] / unit
    lines["area_told"] = [numbers.mu(a, lang) for a in lines["area_mu"]]
    lines["cost_told"] = [numbers.money(y, lang) for y in lines["yuan"]]
    lines["next_told"] = [
        t("plan.no_more") if pd.isna(y) else numbers.plain(y) for y in lines["yuan_per_next_mu"]
    ]
    lines = lines.drop(columns="yuan_per_next_mu")
    goals = {
        name: county[key]
        for key, name in (("floor_mu", t("plan.line_floor")), ("ceiling_mu", t("plan.line_ceiling")))
        if county.get(key)
    }
    if len(set(goals.values())) == 1:
        goals = dict([next(iter(goals.items()))])
    # a target far beyond all that is possible would press the line into a corner
    whole = float(points["area_mu"].max())
    goals = {name: mu for name, mu in goals.items() if mu <= 2.5 * whole}
    right = 1.05 * max([whole, county["chosen_mu"], *goals.values()])
    names = [t("plan.line_cost"), t("plan.line_bound")]
    x = alt.X(
        "area_mu:Q",
        title=t("plan.axis_area"),
        scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(format=",.0f", tickCount=5, grid=False),
    )
    y = alt.Y(
        "money:Q",
        title=t("plan.axis_cost"),
        scale=alt.Scale(domain=[0, 1.12 * max(float(lines["money"].max()), 1e-6)], nice=False),
        axis=alt.Axis(
            format=",.0f",
            tickCount=5,
            titleAngle=0,
            titleAlign="left",
            titleAnchor="end",
            titleX=-34,
            titleY=-10,
        ),
    )
    legend = alt.Legend(
        title=None, orient="top", direction="horizontal", symbolType="stroke", symbolSize=220, offset=20
    )
    tips = [
        alt.Tooltip("line:N", title=" "),
        alt.Tooltip("area_told:N", title=t("plan.axis_area")),
        alt.Tooltip("cost_told:N", title=t("plan.axis_cost")),
        alt.Tooltip("next_told:N", title=t("plan.next_mu")),
    ]
    base = alt.Chart(lines).encode(
        x=x,
        y=y,
        color=alt.Color("line:N", scale=alt.Scale(domain=names, range=[c for c, _ in LOOKS.values()]), legend=legend),
        strokeDash=alt.StrokeDash("line:N", scale=alt.Scale(domain=names, range=[d for _, d in LOOKS.values()]), legend=None),
        tooltip=tips,
    )  # fmt: skip
    layers: list[Any] = [*_goals(goals), base.mark_line(strokeWidth=2.4)]
    layers.append(base.transform_filter(alt.datum.which == "cost_yuan").mark_point(filled=True, size=60))
    layers += _budget(county.get("budget_yuan"), unit, float(lines["money"].max()), t)
    layers += _chosen(county, unit, t)
    soft: dict[str, Any] = {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "labelFontSize": FONT,
        "titleFontSize": FONT,
        "titleFontWeight": "normal",
    }
    return (
        alt.layer(*layers)
        .properties(height=HEIGHT, width="container")
        .configure_axis(**soft, gridColor=GRID, domainColor="#C5CED5", tickColor="#C5CED5")
        .configure_legend(labelFontSize=FONT, labelColor=INK)
        .configure_view(stroke=None)
    )


def _goals(goals: Mapping[str, float]) -> list[alt.Chart]:
    """The target's ends as lines with their names."""
    if not goals:
        return []
    frame = pd.DataFrame({"name": list(goals), "area_mu": list(goals.values())})
    base = alt.Chart(frame).encode(x="area_mu:Q")
    rule = base.mark_rule(color=TARGET, strokeDash=[2, 3], strokeWidth=1.5)
    words = base.mark_text(align="right", baseline="top", dx=-4, dy=2, color=SOFT, fontSize=FONT)
    return [rule, words.encode(text="name:N", y=alt.value(0))]


def _budget(yuan: float | None, unit: float, highest: float, t: Words) -> list[alt.Chart]:
    """The county's money, where it is less than what all would cost."""
    if yuan is None or yuan / unit > highest:
        return []
    frame = pd.DataFrame({"money": [yuan / unit], "name": [t("plan.line_budget")]})
    base = alt.Chart(frame).encode(y="money:Q")
    rule = base.mark_rule(color=TARGET, strokeWidth=1.5)
    words = base.mark_text(align="left", baseline="bottom", dx=4, dy=-3, color=SOFT, fontSize=FONT)
    return [rule, words.encode(text="name:N", x=alt.value(0))]


def _chosen(county: Mapping[str, Any], unit: float, t: Words) -> list[alt.Chart]:
    """Where the plan stands now."""
    if not county["chosen_mu"]:
        return []
    frame = pd.DataFrame(
        {
            "area_mu": [county["chosen_mu"]],
            "money": [county["chosen_cost_yuan"] / unit],
            "name": [t("plan.line_chosen")],
        }
    )
    base = alt.Chart(frame).encode(x="area_mu:Q", y="money:Q")
    dot = base.mark_point(filled=True, size=170, color=CHOSEN, shape="diamond", opacity=1)
    return [
        dot,
        base.mark_text(align="right", dx=-10, dy=-12, color=CHOSEN, fontSize=FONT).encode(text="name:N"),
    ]
