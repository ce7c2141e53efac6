"""The direction that the sides of a field unit run in, and parcels' extents along and across it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

from geo import rectangles

Floats = npt.NDArray[np.float64]


def directions(geoms: npt.NDArray[np.object_], unit: npt.NDArray[np.integer]) -> Floats:
    """Direction of each unit's sides, radians in [-π/4, π/4): float64[units].

    geoms: Polygon[n]; unit: int[n], 0..units-1. The mean of all sides' angles, weighted by length, with
    angles a quarter turn apart taken as the same (the mean of e^{4iθ}).
    """
    coords, part = shapely.get_coordinates(geoms, return_index=True)
    step = np.diff(coords, axis=0)
    same = part[1:] == part[:-1]
    along = (step[:, 0] + 1j * step[:, 1])[same]
    length = np.abs(along)
    quarter = np.zeros_like(along)
    np.divide(along**4, length**3, out=quarter, where=length > 0)
    of = np.asarray(unit)[part[1:][same]]
    n = int(unit.max()) + 1 if len(unit) else 0
    total = np.bincount(of, quarter.real, n) + 1j * np.bincount(of, quarter.imag, n)
    return np.angle(total) / 4


def boxes(geoms: npt.NDArray[np.object_], angle: Floats) -> Floats:
    """Extent (u0, v0, u1, v1) of each polygon in axes turned by its `angle`, m: float64[n, 4].

    u runs along the angle, v a quarter turn left of it. Units far from the origin keep millimetres.
    """
    coords, part = shapely.get_coordinates(geoms, return_index=True)
    c, s = np.cos(angle)[part], np.sin(angle)[part]
    u = coords[:, 0] * c + coords[:, 1] * s
    v = coords[:, 1] * c - coords[:, 0] * s
    first = np.searchsorted(part, np.arange(len(geoms)))
    return np.column_stack(
        [
            f.reduceat(x, first)
            for f, x in ((np.minimum, u), (np.minimum, v), (np.maximum, u), (np.maximum, v))
        ]
    )


def rectangularity(geoms: npt.NDArray[np.object_]) -> Floats:
    """Area of each polygon over that of its least rectangle, 0 to 1: float64[n]; 1 for what has no area."""
    return filled(shapely.area(geoms), rectangles.least_rectangles(*rectangles.hulls_of(geoms)))


def filled(area_m2: Floats, corners: Floats) -> Floats:
    """The part of its rectangle that each shape fills: float64[n]. corners: float64[n, 4, 2]."""
    box = rectangles.areas(corners)
    return np.clip(np.divide(area_m2, box, out=np.ones_like(area_m2), where=box > 0), 0, 1)
