"""A reader of boundary-point text as land platforms have them: every variant that goes round, told by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import shapely

HEADS = (9, 12, 13)


@dataclass(frozen=True)
class Plot:
    """One plot: the fields of its head line, its shape (east, north, without zone prefix), and its zone, 0 unknown."""

    head: list[str]
    shape: shapely.Polygon
    zone: int


def read(path: Path) -> tuple[dict[str, str], list[Plot]]:
    """The head of the file, and its plots."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    head, _, body = text.partition("[地块坐标]")
    said = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    plots: list[Plot] = []
    points: list[tuple[int, float, float]] = []
    first: list[str] = []
    for line in [*(line.strip() for line in body.splitlines() if line.strip()), "@"]:
        fields = line.split(",")
        if fields[-1] != "@":
            name, ring, a, b = fields
            assert re.fullmatch(r"J?\d+", name), line
            points.append((int(ring), float(a), float(b)))
            continue
        if first:
            assert int(first[0]) == len(points), "the head counts other points than there are"
            plots.append(_plot(first, points))
        assert line == "@" or len(fields) in HEADS, line
        first, points = fields, []
    return said, plots


def _plot(head: list[str], points: list[tuple[int, float, float]]) -> Plot:
    rings: dict[int, list[tuple[float, float]]] = {}
    zones = set()
    for ring, a, b in points:
        # a northing of China has seven digits, an easting six, or eight with its zone
        north, east = (b, a) if not 1e6 <= a < 1e7 else (a, b)
        zones.add(int(east // 1e6))
        rings.setdefault(ring, []).append((east % 1e6, north))
    assert list(rings) == list(range(1, len(rings) + 1)) and len(zones) == 1
    outer, *holes = rings.values()
    return Plot(head, shapely.Polygon(outer, holes), zones.pop())
