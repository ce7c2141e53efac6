"""Machine time by the size and shape of a field, from published speeds: what joining saves in hours and yuan a year.

A pass takes 0.25 s/m² in a rectangle or trapezoid and 0.30 s/m² in other shapes once a field has 7,000 m² or more;
from small paddies to such fields efficiency rises by 15–20 % and then no more (published figures). Two curves between
the published points are assumptions: other shapes go from 0.25 to 0.30 as their rectangularity falls from 1 to a
triangle's 0.5, as in the price of an irregular shape; below 7,000 m² the time per m² rises with 1/√A, as turns at the
short side do, so that a paddy of one mu takes 17.5 % more than one of 7,000 m².
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from geo.frames import rectangularity
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

TRIANGLE = 0.5
"""Rectangularity of a triangle."""

ALIKE = 0.95
"""Share of its convex hull that a shape, and the quadrilateral of its corners, fill at least to be taken for one."""
PARALLEL_DEG = 5.0
SHORTEST = 0.1
"""Shortest side of a trapezoid over the root of its area: with less it is a triangle."""


def plain(shapes: Shapes) -> npt.NDArray[np.bool_]:
    """Which polygons are rectangles or trapezoids, but for a few per cent of their area: bool[n].

    The four corners are the points nearest those of the least rectangle round the shape.
    """
    n = len(shapes)
    if n == 0:
        return np.zeros(0, bool)
    hull = shapely.convex_hull(shapes)
    box = shapely.get_coordinates(shapely.oriented_envelope(hull)).reshape(n, 5, 2)[:, :4]
    coords, of = shapely.get_coordinates(hull, return_index=True)
    first = np.searchsorted(of, np.arange(n))
    corner = np.empty((n, 4, 2))
    for c in range(4):
        far = np.hypot(*(coords - box[of, c]).T)
        nearest = np.flatnonzero(far <= np.minimum.reduceat(far, first)[of])
        corner[:, c] = coords[nearest[np.searchsorted(of[nearest], np.arange(n))]]
    side = np.roll(corner, -1, axis=1) - corner
    length = np.hypot(side[..., 0], side[..., 1])
    a, b = side[:, :2], side[:, 2:]
    with np.errstate(invalid="ignore", divide="ignore"):
        sine = np.abs(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]) / (length[:, :2] * length[:, 2:])
    area = shapely.area(hull)
    x, y = corner[..., 0] - corner[:, :1, 0], corner[..., 1] - corner[:, :1, 1]
    held = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2
    return np.asarray(
        (np.nan_to_num(sine, nan=1.0).min(axis=1) <= np.sin(np.radians(PARALLEL_DEG)))
        & (length.min(axis=1) >= SHORTEST * np.sqrt(area))
        & (held >= ALIKE * area)
        & (shapely.area(shapes) >= ALIKE * area)
    )


def crookedness(shapes: Shapes) -> Floats:
    """0 for a rectangle or trapezoid, 1 for a triangle's rectangularity or less: float64[n]."""
    crooked = np.minimum((1 - rectangularity(shapes)) / (1 - TRIANGLE), 1.0)
    return np.where(plain(shapes), 0.0, crooked)


def seconds_per_m2(area_m2: Floats, crooked: Floats) -> Floats:
    """Time of one pass over a field, s/m²: float64[n]. area_m2 above 0; crooked: 0–1."""
    base = PLAIN_S_PER_M2 + (OTHER_S_PER_M2 - PLAIN_S_PER_M2) * crooked
    return base + TURN_S_PER_M * np.maximum(area_m2**-0.5 - FLAT_M2**-0.5, 0.0)


def hours(shapes: Shapes, passes: float) -> Floats:
    """Machine hours a year on each field: float64[n]. passes: a year."""
    area = shapely.area(shapes)
    return passes * area * seconds_per_m2(area, crookedness(shapes)) / 3600


def saved(
    parcels: Shapes, label: Ints, outline: Shapes, parameters: Parameters
) -> dict[str, npt.NDArray[Any]]:
    """Whether each block is a rectangle or trapezoid, the machine hours a year before and after, and their worth.

    label: int[parcels], block of each, -1 none. A block is worked whole, the ridges that went included.
    """
    passes = parameters.machine_passes_per_year.value
    inside = label >= 0
    before = np.bincount(label[inside], hours(parcels[inside], passes), len(outline)).astype(float)
    after = hours(outline, passes)
    worth = (before - after) * parameters.machine_yuan_per_h.value
    return {
        "plain": plain(outline),
        "machine_before_h": before,
        "machine_after_h": after,
        "machine_saved_yuan": worth,
    }


def told(layout: pd.DataFrame, blocks: pd.DataFrame) -> dict[str, Any]:
    """For plan.json: machine hours a year before and after, the money they save, and the planted land gained.

    plain_share: of the blocks' area, what lies in rectangles and trapezoids.
    planted_gained_mu is land under removed ridges (their length × width): planted area, not cultivated-land area.
    """
    before, after = float(layout.machine_before_h.sum()), float(layout.machine_after_h.sum())
    return {
        "before_h_per_year": before,
        "after_h_per_year": after,
        "saved_yuan_per_year": float(layout.machine_saved_yuan.sum()),
        "faster": 1 - after / before if before else 0.0,
        "plain_share": float(
            blocks.area_mu[layout.plain.to_numpy()].sum() / max(blocks.area_mu.sum(), 1e-12)
        ),
        "planted_gained_mu": float(blocks.gained_mu.sum()),
    }
