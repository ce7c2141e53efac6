"""The burn-up chart of a county: what is done against what was due, what is needed, and what is to be expected."""

from __future__ import annotations

from datetime import date
from typing import Any

import altair as alt
import pandas as pd

from tracking.curves import Curve
from tracking.progress import CountyTarget
from ui import numbers
from ui.text import Words

INK, SOFT, BAND = "#1B2733", "#5B6B7A", "#EEF2F4"
COUNTED, FINISHED, FORECAST, NEEDED = "#0072B2", "#8C9AA5", "#56B4E9", "#D55E00"
HEIGHT = 360
FONT = 13


def chart(row: CountyTarget, curve: Curve, as_of: date, t: Words) -> alt.LayerChart:
    """All lines of one county; readable from 350 px on, as every line bears its name in the legend above."""
    assert row.floor_mu is not None and row.deadline is not None
    top = 1.12 * max(
        row.ceiling_mu or 0.0,
        row.floor_mu,
        float(curve.fan["high_mu"].max()) if len(curve.fan) else 0.0,
        float(curve.done[["finished_mu", "counted_mu"]].to_numpy().max()),
    )
    x = alt.X(
        "day:T",
        title=None,
        scale=alt.Scale(domain=[_iso(curve.first), _iso(curve.last)]),
        axis=alt.Axis(
            format=t("targets.axis_month"),
            tickCount="month",
            labelFlush=True,
            labelOverlap="greedy",
            grid=False,
        ),
    )
    y = alt.Y(
        "mu:Q",
        title=t("targets.axis"),
        scale=alt.Scale(domain=[0, top], nice=False, zero=True),
        axis=alt.Axis(
            titleAngle=0,
            titleAlign="left",
            titleAnchor="end",
            titleX=-4,
            titleY=-10,
            tickCount=5,
            format=",",
            grid=True,
        ),
    )
    lines = _lines(curve, t)
    names = [t(f"targets.line_{key}") for key in LOOKS]
    shown = [name for name in names if name in set(lines["line"])]
    looks = [LOOKS[key] for key, name in zip(LOOKS, names, strict=True) if name in shown]
    colour = alt.Color(
        "line:N",
        scale=alt.Scale(domain=shown, range=[look[0] for look in looks]),
        legend=alt.Legend(
            title=None,
            orient="top",
            direction="horizontal",
            columns=3,
            symbolType="stroke",
            symbolStrokeWidth=3,
            labelLimit=140,
            offset=18,
        ),
    )
    dash = alt.StrokeDash(
        "line:N", scale=alt.Scale(domain=shown, range=[look[1] for look in looks]), legend=None
    )
    width = alt.StrokeWidth(
        "line:N", scale=alt.Scale(domain=shown, range=[look[2] for look in looks]), legend=None
    )
    tooltip = [
        alt.Tooltip("line:N", title=" "),
        alt.Tooltip("day:T", title=t("targets.day"), format="%Y-%m-%d"),
        alt.Tooltip("told:N", title=t("targets.axis")),
    ]
    drawn = (
        alt.Chart(lines)
        .mark_line(interpolate="linear")
        .encode(x=x, y=y, color=colour, strokeDash=dash, strokeWidth=width, tooltip=tooltip)
    )
    layers: list[Any] = [
        _windows(curve),
        *_fan(curve, x, t),
        *_levels(row, curve, t),
        drawn,
        *_days(row, as_of, top, t),
    ]
    return (
        alt.layer(*layers)
        .properties(height=HEIGHT, width="container")
        .configure_axis(
            labelFontSize=FONT,
            titleFontSize=FONT,
            labelColor=SOFT,
            titleColor=SOFT,
            gridColor="#E6EBEE",
            domainColor="#C5CED5",
            tickColor="#C5CED5",
        )
        .configure_legend(labelFontSize=FONT, labelColor=INK)
        .configure_view(stroke=None)
    )


LOOKS: dict[str, tuple[str, list[int], float]] = {
    "counted": (COUNTED, [1, 0], 3.2),
    "finished": (FINISHED, [1, 0], 1.4),
    "due": (SOFT, [2, 3], 1.6),
    "needed": (NEEDED, [7, 4], 2.4),
    "forecast": (FORECAST, [1, 0], 2.0),
}
"""Colour, dash and width of each line."""


def _iso(day: date) -> str:
    return day.isoformat()


def _lines(curve: Curve, t: Words) -> pd.DataFrame:
    parts = {
        "counted": curve.done[["day", "counted_mu"]].set_axis(["day", "mu"], axis=1),
        "finished": curve.done[["day", "finished_mu"]].set_axis(["day", "mu"], axis=1),
        "due": curve.due,
        "needed": curve.needed,
        "forecast": curve.fan[["day", "middle_mu"]].set_axis(["day", "mu"], axis=1),
    }
    found = pd.concat(
        [part.assign(line=t(f"targets.line_{key}")) for key, part in parts.items() if len(part)]
    )
    return found.assign(
        told=[numbers.plain(mu, numbers.area_digits(mu)) for mu in found["mu"]], mu=found["mu"].round(1)
    )


def _windows(curve: Curve) -> alt.Chart:
    frame = pd.DataFrame(curve.windows, columns=["from", "to"]).astype("datetime64[s]")
    frame["to"] += pd.Timedelta(days=1)
    return alt.Chart(frame).mark_rect(color=BAND, clip=True).encode(x="from:T", x2="to:T")


def _fan(curve: Curve, x: alt.X, t: Words) -> list[alt.Chart]:
    if curve.fan.empty:
        return []
    frame = curve.fan.round({"low_mu": 1, "middle_mu": 1, "high_mu": 1})
    frame["told"] = [
        f"{numbers.plain(a)}–{numbers.plain(b)}"
        for a, b in zip(frame["low_mu"], frame["high_mu"], strict=True)
    ]
    tooltip = [
        alt.Tooltip("day:T", title=t("targets.day"), format="%Y-%m-%d"),
        alt.Tooltip("told:N", title=t("targets.range")),
    ]
    area = alt.Chart(frame).mark_area(color=FORECAST, opacity=0.3)
    return [area.encode(x=x, y=alt.Y("low_mu:Q", title=None), y2="high_mu:Q", tooltip=tooltip)]


def _levels(row: CountyTarget, curve: Curve, t: Words) -> list[alt.Chart]:
    """Floor and ceiling as lines across, named at the left where nothing is drawn yet."""
    floor, ceiling = row.floor_mu or 0.0, row.ceiling_mu
    levels = [(floor, t("targets.line_floor", mu=numbers.plain(floor)), "bottom")]
    if ceiling is not None and ceiling > floor:
        levels.append((ceiling, t("targets.line_ceiling", mu=numbers.plain(ceiling)), "bottom"))
    frame = pd.DataFrame(levels, columns=["mu", "name", "side"]).assign(day=pd.Timestamp(curve.first))
    base = alt.Chart(frame)
    rules = base.mark_rule(color=INK, strokeWidth=1.2).encode(y="mu:Q")
    words = base.mark_text(align="left", baseline="bottom", dx=4, dy=-3, color=INK, fontSize=FONT).encode(
        x="day:T", y="mu:Q", text="name:N"
    )
    return [rules, words]


def _days(row: CountyTarget, as_of: date, top: float, t: Words) -> list[alt.Chart]:
    """The deadline, and the day up to which reports count, as lines down."""
    assert row.deadline is not None
    day = pd.Timestamp(row.deadline) + pd.Timedelta(days=1)
    frame = pd.DataFrame(
        [(day, t("targets.line_deadline", day=f"{row.deadline:%m-%d}"), top)], columns=["day", "name", "mu"]
    )
    base = alt.Chart(frame)
    drawn = [
        base.mark_rule(color=INK, strokeWidth=2).encode(x="day:T"),
        base.mark_text(
            align="right", baseline="top", dx=-5, dy=2, color=INK, fontSize=FONT, fontWeight=600
        ).encode(x="day:T", y="mu:Q", text="name:N"),
    ]
    if as_of < row.deadline:
        now = pd.DataFrame([(pd.Timestamp(as_of), row.counted_mu)], columns=["day", "mu"])
        drawn.append(
            alt.Chart(now)
            .mark_point(filled=True, size=90, color=COUNTED, stroke="#fff", strokeWidth=2, opacity=1)
            .encode(x="day:T", y="mu:Q")
        )
    return drawn
