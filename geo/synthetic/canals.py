"""Canals, drains, roads, shelterbelts and villages of an invented irrigation district."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.synthetic.layout import BRANCH, LATERAL, MAIN, Floats, Layout, Placed, Rng

_STEP = 25.0  # m between the points of a line, so that it follows the bend of the land


@dataclass(frozen=True)
class Barriers:
    """n barriers on the map: kind (text), fixed, width in metres (NaN for polygons), geometry."""

    kind: NDArray[np.object_]
    fixed: NDArray[np.bool_]
    width_m: Floats
    geometry: NDArray[np.object_]


def barriers(rng: Rng, plan: Layout, place: Placed) -> Barriers:
    """Everything in the gaps of the layout. Lines run along the middle of what they stand for."""
    parts: list[tuple[str, bool, Floats, Floats]] = []

    def add(kind: str, fixed: bool, width: float | Floats, ends: Floats) -> None:
        ends = np.asarray(ends, dtype=float).reshape(-1, 4)
        parts.append((kind, fixed, np.broadcast_to(np.asarray(width, dtype=float), len(ends)), ends))

    _trunks(rng, plan, add)
    _between_strips(rng, plan, add)
    _in_ridges(plan, add)
    kind, fixed, width, geometry = [], [], [], []
    for name, stays, widths, ends in parts:
        kind += [name] * len(ends)
        fixed += [stays] * len(ends)
        width.append(widths)
        geometry.append(_lines(ends, place))
    houses = plan.strips.take(plan.strips.village)
    rings = shapely.segmentize(shapely.box(houses.x0 + 8, houses.y0 + 5, houses.x1 - 8, houses.y1 - 5), _STEP)
    kind += ["village"] * len(rings)
    fixed += [True] * len(rings)
    width.append(np.full(len(rings), np.nan))
    geometry.append(shapely.transform(rings, place) if len(rings) else np.empty(0, dtype=object))
    return Barriers(
        np.array(kind, dtype=object),
        np.array(fixed, dtype=bool),
        np.concatenate(width),
        np.concatenate(geometry),
    )


def _lines(ends: Floats, place: Placed) -> NDArray[np.object_]:
    """Straight lines (x0, y0, x1, y1) in own metres, as they lie on the map."""
    if not len(ends):
        return np.empty(0, dtype=object)
    lines = shapely.segmentize(shapely.linestrings(ends.reshape(-1, 2, 2)), _STEP)
    return shapely.transform(lines, place)


def _trunks(rng: Rng, plan: Layout, add) -> None:
    """Main and branch canal, and a lateral canal with its farm road upstream of every panel."""
    strips = plan.strips
    top, bottom = strips.y1.max(), min(strips.y0.min(), -BRANCH)
    end = strips.x1.max() + LATERAL / 2
    add("main_canal", True, 8.0, [MAIN - 15, bottom - 6, MAIN - 15, top + 6])
    add("road", True, 5.0, [MAIN - 7, bottom - 6, MAIN - 7, top + 6])
    add("branch_canal", True, 5.0, [MAIN - 15, 4, end, 4])
    add("road", True, 5.0, [MAIN - 7, -4, end, -4])
    add("shelterbelt", True, 2.5, [MAIN, -9.5, end, -9.5])

    panel, first = np.unique(strips.panel, return_index=True)
    x = strips.x0[first] - LATERAL / 2
    belt = rng.random(len(panel)) < 0.6
    reach = np.array(
        [
            [
                min(strips.y0[strips.panel == p].min(), -BRANCH),
                max(strips.y1[strips.panel == p].max(), BRANCH),
            ]
            for p in panel
        ]
    )
    inner = panel > 0
    for kind, width, offset, some in (
        ("lateral_canal", 3.0, -4.5, inner),
        ("road", 4.5, 0.0, inner),
        ("shelterbelt", 3.0, 5.0, inner & belt),
        ("drain", 2.5, 5.0, inner & ~belt),
    ):
        at = x[some] + offset
        # a lateral serves the panels on both its sides: it runs as far as the longer of the two
        span = np.column_stack(
            [
                np.minimum(reach[:, 0], np.roll(reach[:, 0], 1)),
                np.maximum(reach[:, 1], np.roll(reach[:, 1], 1)),
            ]
        )[some]
        add(kind, True, width, np.column_stack([at, span[:, 0], at, span[:, 1]]))
    add("drain", True, 3.0, [end, bottom, end, top])


def _between_strips(rng: Rng, plan: Layout, add) -> None:
    """Field canals (every other one with a road) and drains in the gaps outwards of each strip."""
    s = plan.strips
    # the gap's middle; outwards is up on one side of the branch canal and down on the other
    y = np.where(s.side > 0, s.y1 + s.gap / 2, s.y0 - s.gap / 2)
    # a field canal begins at the lateral canal upstream, a drain ends at the drain downstream
    for kind, width, offset, before, after, which in (
        ("field_canal", 1.2, 0.0, 12.5, 0.0, s.gap_kind == 0),
        ("field_canal", 1.2, -1.8, 12.5, 0.0, s.gap_kind == 1),
        ("road", 3.0, 1.0, 8.0, 8.0, s.gap_kind == 1),
        ("drain", 1.8, 0.0, 0.0, 13.0, s.gap_kind == 2),
    ):
        at = (y + offset * s.side)[which]
        add(kind, True, width, np.column_stack([s.x0[which] - before, at, s.x1[which] + after, at]))


def _in_ridges(plan: Layout, add) -> None:
    """Ditches and small lined canals that run in the ridge between two rows of one strip."""
    r = plan.rows
    for kind, fixed, width, water in (("ditch", False, 0.5, 1), ("field_canal", True, 0.6, 2)):
        some = r.water == water
        strip = r.strip[some]
        x0, x1 = plan.strips.x0[strip], plan.strips.x1[strip]
        tilt = r.tilt_high[some] / 2
        y = r.high[some]
        add(kind, fixed, width, np.column_stack([x0, y - tilt, x1, y + tilt]))
