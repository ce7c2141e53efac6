"""The burn-up chart of a county: what is done against what was due, what is needed, and what is to be expected."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from tracking.curves import Curve
from tracking.progress import CountyTarget
from ui import numbers
from ui.text import Words

INK, SOFT, BAND, GRID = "#1B2733", "#5B6B7A", "#EDF1F4", "#E6EBEE"
LOOKS: dict[str, tuple[str, list[int], float]] = {
    "counted": ("#0072B2", [1, 0], 3.2),
    "finished": ("#8C9AA5", [1, 0], 1.4),
    "due": ("#5B6B7A", [2, 3], 1.6),
    "needed": ("#D55E00", [7, 4], 2.4),
    "forecast": ("#56B4E9", [1, 0], 2.0),
}
"""Colour, dash and width of each line."""
STEPS = ("counted", "finished")
"""Lines that rise on the day of a report and stand until the next."""
HEIGHT = 360
FONT = 13
IDLE = 0.12
"""Width of a day outside the working seasons, against one inside: nothing moves in winter."""


class Across:
    """Where a day lies from left to right: a working day is one wide, any other IDLE."""

    def __init__(self, curve: Curve) -> None:
        self.first = np.datetime64(curve.first, "D")
        days = np.arange(self.first, np.datetime64(curve.last, "D") + np.timedelta64(1, "D"))
        width = np.full(len(days), IDLE)
        for start, end in curve.windows:
            width[(days >= np.datetime64(start, "D")) & (days <= np.datetime64(end, "D"))] = 1.0
        self.edges = np.concatenate([[0.0], np.cumsum(width)])

    def end(self, days: Iterable[Any]) -> np.ndarray:
        """The right edges of days."""
        return self.edges[self._number(days) + 1].round(3)

    def start(self, days: Iterable[Any]) -> np.ndarray:
        """Their left edges."""
        return self.edges[self._number(days)].round(3)

    def _number(self, days: Iterable[Any]) -> np.ndarray:
        found = (np.array(list(days), dtype="datetime64[D]") - self.first).astype(int)
        return np.clip(found, 0, len(self.edges) - 2)


def chart(row: CountyTarget, curve: Curve, as_of: date, t: Words) -> alt.LayerChart:
    """All lines of one county, from 350 px of width on; the county must owe something."""
    across = Across(curve)
    floor, ceiling = row.floor_mu or 0.0, row.ceiling_mu or row.floor_mu or 0.0
    highest = [
        ceiling,
        *curve.fan["high_mu"].tail(1),
        *curve.done[["finished_mu", "counted_mu"]].tail(1).to_numpy()[0],
    ]
    top = 1.12 * max(highest)
    lines = _lines(curve, across, t)
    x, y = _axes(curve, across, top, t)
    encoded = _encoding(lines, t) | {"x": x, "y": y}
    steps = {t(f"targets.line_{key}") for key in STEPS}
    step = lines["line"].isin(steps)
    layers = [
        _windows(curve, across),
        *_fan(curve, across, t),
        *_levels(floor, ceiling, t),
        alt.Chart(lines[~step]).mark_line().encode(**encoded),
        alt.Chart(lines[step]).mark_line(interpolate="step-after").encode(**encoded),
        *_days(row, across, as_of, top, t),
    ]
    soft: dict[str, Any] = {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "labelFontSize": FONT,
        "titleFontSize": FONT,
    }
    return (
        alt.layer(*layers)
        .properties(height=HEIGHT, width="container")
        .configure_axis(**soft, gridColor=GRID, domainColor="#C5CED5", tickColor="#C5CED5")
        .configure_legend(labelFontSize=FONT, labelColor=INK)
        .configure_view(stroke=None)
    )


def _axes(curve: Curve, across: Across, top: float, t: Words) -> tuple[alt.X, alt.Y]:
    """Days are named where a working season begins and ends."""
    names = {}
    for start, end in curve.windows:
        names[float(across.start([start])[0])] = f"{start:%m-%d}"
        names[float(across.end([end])[0])] = f"{end:%m-%d}"
    told = json.dumps({f"{place:.3f}": name for place, name in names.items()})
    x = alt.X(
        "x:Q",
        title=None,
        scale=alt.Scale(domain=[0, float(across.edges[-1])], nice=False),
        axis=alt.Axis(
            values=list(names), labelExpr=f"{told}[format(datum.value, '.3f')]", grid=False, labelOverlap="greedy",
        ),
    )  # fmt: skip
    y = alt.Y(
        "mu:Q",
        title=t("targets.axis"),
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(
            tickCount=5,
            format=",.0f",
            titleAngle=0,
            titleAlign="right",
            titleAnchor="end",
            titleX=-8,
            titleY=-6,
        ),
    )
    return x, y


def _encoding(lines: pd.DataFrame, t: Words) -> dict[str, Any]:
    """Colour, dash and width by line, with one legend above that names those that are there."""
    there = {t(f"targets.line_{key}"): look for key, look in LOOKS.items()}
    there = {name: look for name, look in there.items() if name in set(lines["line"])}

    def by(place: int) -> alt.Scale:
        return alt.Scale(domain=list(there), range=[look[place] for look in there.values()])

    legend = alt.Legend(
        title=None, orient="top", direction="horizontal", columns=3, symbolType="stroke", symbolStrokeWidth=3,
        symbolSize=220, labelLimit=150, offset=14, columnPadding=14,
    )  # fmt: skip
    return {
        "color": alt.Color("line:N", scale=by(0), legend=legend),
        "strokeDash": alt.StrokeDash("line:N", scale=by(1)),
        "strokeWidth": alt.StrokeWidth("line:N", scale=by(2), legend=None),
        "tooltip": [
            alt.Tooltip("line:N", title=" "),
            alt.Tooltip("date:N", title=t("targets.day")),
            alt.Tooltip("told:N", title=t("targets.axis")),
        ],
    }


def _lines(curve: Curve, across: Across, t: Words) -> pd.DataFrame:
    """Every line as points: line, x, mu, and what hovering tells: date, told."""
    columns = ["day", "mu"]
    # what comes later lies on top
    parts = {
        "finished": curve.done[["day", "finished_mu"]].set_axis(columns, axis=1),
        "counted": curve.done[["day", "counted_mu"]].set_axis(columns, axis=1),
        "due": curve.due,
        "needed": curve.needed,
        "forecast": curve.fan[["day", "middle_mu"]].set_axis(columns, axis=1),
    }
    found = pd.concat(
        [part.assign(line=t(f"targets.line_{key}")) for key, part in parts.items() if len(part)]
    )
    days = found["day"].to_numpy("datetime64[D]")
    return pd.DataFrame(
        {
            "line": found["line"].to_numpy(),
            "x": across.end(days),
            "mu": found["mu"].to_numpy(float).round(1),
            "date": days.astype(str),
            "told": [numbers.plain(mu, numbers.area_digits(mu)) for mu in found["mu"]],
        }
    )


def _windows(curve: Curve, across: Across) -> alt.Chart:
    starts, ends = zip(*curve.windows, strict=True) if curve.windows else ((), ())
    frame = pd.DataFrame({"from": across.start(starts), "to": across.end(ends)})
    return alt.Chart(frame).mark_rect(color=BAND).encode(x="from:Q", x2="to:Q")


def _fan(curve: Curve, across: Across, t: Words) -> list[alt.Chart]:
    if curve.fan.empty:
        return []
    days = curve.fan["day"].to_numpy("datetime64[D]")
    low, high = curve.fan["low_mu"].astype(float).round(1), curve.fan["high_mu"].astype(float).round(1)
    told = [f"{numbers.plain(a)}–{numbers.plain(b)}" for a, b in zip(low, high, strict=True)]
    frame = pd.DataFrame(
        {"x": across.end(days), "low": low, "high": high, "date": days.astype(str), "told": told}
    )
    tooltip = [
        alt.Tooltip("date:N", title=t("targets.day")),
        alt.Tooltip("told:N", title=t("targets.range")),
    ]
    area = alt.Chart(frame).mark_area(color=LOOKS["forecast"][0], opacity=0.32)
    return [area.encode(x="x:Q", y="low:Q", y2="high:Q", tooltip=tooltip)]


def _levels(floor: float, ceiling: float, t: Words) -> list[alt.Chart]:
    """Floor and ceiling as lines across, named at the left, where little is drawn."""
    levels = {floor: t("targets.line_floor", mu=numbers.plain(floor))}
    if ceiling > floor:
        levels[ceiling] = t("targets.line_ceiling", mu=numbers.plain(ceiling))
    base = alt.Chart(pd.DataFrame({"mu": list(levels), "name": list(levels.values()), "x": 0.0}))
    words = base.mark_text(align="left", baseline="bottom", dx=6, dy=-4, color=INK, fontSize=FONT)
    return [
        base.mark_rule(color=INK, strokeWidth=1.2).encode(y="mu:Q"),
        words.encode(x="x:Q", y="mu:Q", text="name:N"),
    ]


def _days(row: CountyTarget, across: Across, as_of: date, top: float, t: Words) -> list[alt.Chart]:
    """The deadline's end as a line down, and a point on the day up to which reports count."""
    if row.deadline is None:
        return []
    name = t("targets.line_deadline", day=f"{row.deadline:%m-%d}")
    base = alt.Chart(pd.DataFrame({"x": across.end([row.deadline]), "mu": [top], "name": [name]}))
    words = base.mark_text(
        align="right", baseline="top", dx=-6, dy=3, color=INK, fontSize=FONT, fontWeight=600
    )
    drawn = [
        base.mark_rule(color=INK, strokeWidth=2).encode(x="x:Q"),
        words.encode(x="x:Q", y="mu:Q", text="name:N"),
    ]
    if as_of < row.deadline:
        now = pd.DataFrame({"x": across.end([as_of]), "mu": [round(row.counted_mu, 1)]})
        point = alt.Chart(now).mark_point(
            filled=True, size=110, color=LOOKS["counted"][0], stroke="white", strokeWidth=2, opacity=1
        )
        drawn.append(point.encode(x="x:Q", y="mu:Q"))
    return drawn
