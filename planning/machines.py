"""Machine time by the size and shape of a field, from published speeds: what joining saves in hours and yuan a year.

A pass takes 0.25 s/m² in a rectangle or trapezoid and 0.30 s/m² in other shapes once a field has 7,000 m² or more;
from small paddies to such fields efficiency rises by 15–20 % and then no more (published figures). Two curves between
the published points are assumptions: other shapes go from 0.25 to 0.30 as their rectangularity falls from 1 to a
triangle's 0.5, as in the price of an irregular shape; below 7,000 m² the time per m² rises with 1/√A, as turns at the
short side do, so that a paddy of one mu takes 17.5 % more than one of 7,000 m².
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from geo import rectangles
from geo.compiled import kernel
from geo.frames import filled
from geo.schemas import MU_M2
from planning.parameters import Parameters

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Shapes = npt.NDArray[np.object_]

PLAIN_S_PER_M2 = 0.25
OTHER_S_PER_M2 = 0.30
FLAT_M2 = 7000.0
GAIN = 0.175
"""Middle of 15–20 %."""
TURN_S_PER_M = GAIN * PLAIN_S_PER_M2 / (MU_M2**-0.5 - FLAT_M2**-0.5)

ROWS = 100_000
"""Polygons that are looked at in one go."""

TRIANGLE = 0.5
"""Rectangularity of a triangle."""

ALIKE = 0.95
"""Share of its convex hull that a shape, and the quadrilateral of its corners, fill at least to be taken for one."""
PARALLEL = np.sin(np.radians(5.0))
"""Sine of the angle between two sides up to which they are parallel."""
SHORTEST = 0.1
"""Shortest side of a trapezoid over the root of its area: with less it is a triangle."""


@dataclass(frozen=True)
class Seen:
    """What is seen of n polygons: area, part of its least rectangle that each fills (0–1), and whether it is plain.

    Plain: a rectangle or trapezoid, but for a few per cent of its area. The four corners are the points nearest
    those of the least rectangle round the shape.
    """

    area_m2: Floats
    rectangularity: Floats
    plain: npt.NDArray[np.bool_]

    @property
    def crookedness(self) -> Floats:
        """0 for a rectangle or trapezoid, 1 for a triangle's rectangularity or less: float64[n]."""
        return np.where(self.plain, 0.0, np.minimum((1 - self.rectangularity) / (1 - TRIANGLE), 1.0))

    def hours(self, passes: float) -> Floats:
        """Machine hours a year on each field: float64[n]. passes: a year."""
        return passes * self.area_m2 * seconds_per_m2(self.area_m2, self.crookedness) / 3600


def seen(shapes: Shapes) -> Seen:
    """Looks at polygons, some at a time: the corners of a whole city's take gigabytes."""
    area = shapely.area(shapes)
    rectangular, is_plain = np.empty(len(shapes)), np.empty(len(shapes), bool)
    for i in range(0, len(shapes), ROWS):
        some = slice(i, i + ROWS)
        points, at = rectangles.hulls_of(shapes[some])
        box = rectangles.least_rectangles(points, at)
        rectangular[some] = filled(area[some], box)
        is_plain[some] = _is_plain(points, at, box, area[some])
    return Seen(area, rectangular, is_plain)


@kernel
def _is_plain(points, at, box, area):
    """points, at: the hulls; box: float64[n, 4, 2], their least rectangles; area: of the shapes, m²."""
    n = len(at) - 1
    out = np.zeros(n, np.bool_)
    x, y, long = np.empty(4), np.empty(4), np.empty(4)
    for g in range(n):
        first, count = at[g], at[g + 1] - at[g]
        if count < 3:
            continue
        ox, oy = points[first, 0], points[first, 1]
        hull = 0.0
        for i in range(count):
            j = first + (i + 1) % count
            hull += 0.5 * (
                (points[first + i, 0] - ox) * (points[j, 1] - oy)
                - (points[j, 0] - ox) * (points[first + i, 1] - oy)
            )
        for c in range(4):
            least = np.inf
            for i in range(first, first + count):
                far = np.hypot(points[i, 0] - box[g, c, 0], points[i, 1] - box[g, c, 1])
                if far < least:
                    least = far
                    x[c], y[c] = points[i, 0] - ox, points[i, 1] - oy
        held = 0.0
        for c in range(4):
            d = (c + 1) % 4
            long[c] = np.hypot(x[d] - x[c], y[d] - y[c])
            held += 0.5 * (x[c] * y[d] - x[d] * y[c])
        if long.min() < SHORTEST * np.sqrt(hull) or abs(held) < ALIKE * hull or area[g] < ALIKE * hull:
            continue
        for c in range(2):  # whether two sides across from each other run alike
            ex, ey = x[c + 1] - x[c], y[c + 1] - y[c]
            fx, fy = x[(c + 3) % 4] - x[c + 2], y[(c + 3) % 4] - y[c + 2]
            sine = abs(ex * fy - ey * fx) / max(long[c] * long[c + 2], 1e-300)
            out[g] = out[g] or sine <= PARALLEL
    return out


def seconds_per_m2(area_m2: Floats, crooked: Floats) -> Floats:
    """Time of one pass over a field, s/m²: float64[n]. area_m2 above 0; crooked: 0–1."""
    base = PLAIN_S_PER_M2 + (OTHER_S_PER_M2 - PLAIN_S_PER_M2) * crooked
    return base + TURN_S_PER_M * np.maximum(area_m2**-0.5 - FLAT_M2**-0.5, 0.0)


def saved(parcels: Seen, label: Ints, blocks: Seen, parameters: Parameters) -> dict[str, npt.NDArray[Any]]:
    """Whether each block is a rectangle or trapezoid, the machine hours a year before and after, and their worth.

    label: int[parcels], block of each, -1 none. A block is worked whole, the ridges that went included.
    """
    passes = parameters.machine_passes_per_year.value
    inside = label >= 0
    before = np.bincount(label[inside], parcels.hours(passes)[inside], len(blocks.plain)).astype(float)
    after = blocks.hours(passes)
    worth = (before - after) * parameters.machine_yuan_per_h.value
    return {
        "plain": blocks.plain,
        "machine_before_h": before,
        "machine_after_h": after,
        "machine_saved_yuan": worth,
    }


def sums(layout: pd.DataFrame, blocks: pd.DataFrame) -> dict[str, float]:
    """Of some blocks, what `told` makes its figures of: such sums may be added."""
    area = blocks.area_mu.to_numpy(float)
    return {
        "before_h_per_year": float(layout.machine_before_h.sum()),
        "after_h_per_year": float(layout.machine_after_h.sum()),
        "saved_yuan_per_year": float(layout.machine_saved_yuan.sum()),
        "plain_mu": float(area[layout.plain.to_numpy(bool)].sum()),
        "blocks_mu": float(area.sum()),
        "planted_gained_mu": float(blocks.gained_mu.sum()),
    }


def told(of: Mapping[str, Any]) -> dict[str, Any]:
    """For plan.json: machine hours a year before and after, the money they save, and the planted land gained.

    From `sums`. plain_share: of the blocks' area, what lies in rectangles and trapezoids.
    planted_gained_mu is land under removed ridges (their length × width): planted area, not cultivated-land area.
    """
    before, after = of["before_h_per_year"], of["after_h_per_year"]
    return {
        "before_h_per_year": before,
        "after_h_per_year": after,
        "saved_yuan_per_year": of["saved_yuan_per_year"],
        "faster": 1 - after / before if before else 0.0,
        "plain_share": of["plain_mu"] / max(of["blocks_mu"], 1e-12),
        "planted_gained_mu": of["planted_gained_mu"],
    }
