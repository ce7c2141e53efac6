"""Lines over a logarithmic axis as an SVG that needs nothing to be looked at but a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDE, HIGH, LEFT, RIGHT, TOP, GAP = 720, 300, 70, 130, 50, 60
COLOURS = ("#0b6e99", "#d1495b", "#edae49", "#66a182", "#5b3f8c", "#8d5524", "#3d405b", "#c05299")


class Line(NamedTuple):
    """A named line through points; x above 0."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def drawn(title: str, panels: Sequence[tuple[str, Sequence[Line]]], x_title: str) -> str:
    """Panels one above the other, each a title and its lines, over one logarithmic axis."""
    parts = []
    for k, (name, lines) in enumerate(panels):
        parts.append(_panel(name, lines, TOP + k * (HIGH + GAP), x_title if k == len(panels) - 1 else ""))
    whole = TOP + len(panels) * (HIGH + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + RIGHT} {whole}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )


def _panel(name: str, lines: Sequence[Line], top: float, x_title: str) -> str:
    xs, ys = [x for line in lines for x in line.x], [y for line in lines for y in line.y]
    low, high = math.log10(min(xs)), math.log10(max(xs))
    most = max(ys, default=0.0) or 1.0
    step = 10 ** math.floor(math.log10(most))
    step = next(s for s in (step / 5, step / 2, step) if most / s <= 6 or s == step)

    def across(x: float) -> float:
        return LEFT + (WIDE * (math.log10(x) - low) / (high - low) if high > low else WIDE / 2)

    def up(y: float) -> float:
        return top + HIGH * (1 - y / (most * 1.05))

    out = [f'<text x="{LEFT}" y="{top - 8:.0f}" font-weight="bold">{escape(name)}</text>']
    for k in range(int(most / step) + 1):
        y = up(k * step)
        out.append(f'<line x1="{LEFT}" x2="{LEFT + WIDE}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{k * step:,.6g}</text>')
    for x in sorted(set(xs)):
        out.append(
            f'<text x="{across(x):.1f}" y="{top + HIGH + 18:.0f}" text-anchor="middle">{x:,.0f}</text>'
        )
    if x_title:
        out.append(
            f'<text x="{LEFT + WIDE / 2:.0f}" y="{top + HIGH + 36:.0f}" text-anchor="middle">{escape(x_title)}</text>'
        )
    beside = sorted(range(len(lines)), key=lambda i: -lines[i].y[-1])
    place = top
    for rank, i in enumerate(beside):
        line, colour = lines[i], COLOURS[i % len(COLOURS)]
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(line.x, line.y, strict=True))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [
            f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>'
            for x, y in zip(line.x, line.y, strict=True)
        ]
        # names stand below one another, and none below the panel
        place = min(max(place + 14, up(line.y[-1]) + 4), top + HIGH - 14 * (len(lines) - 1 - rank))
        out.append(
            f'<text x="{LEFT + WIDE + 10}" y="{place:.1f}" fill="{colour}">{escape(line.name)} {line.y[-1]:,.1f}</text>'
        )
    return "".join(out)
