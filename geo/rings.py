"""Polygons as one array of corners and where each ring begins, and their centroids, without an object for each ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.compiled import kernel

Shapes = NDArray[np.object_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rings:
    """Closed rings of n polygons, one after the other: of each part the outer one first, then its holes.

    coords: float64[k, 2]; at: int64[rings + 1], where each ring begins; polygon: int64[n + 1], the first ring of
    each polygon, one that is empty or missing has none; hole: bool[rings].
    """

    coords: NDArray[np.float64]
    at: Ints
    polygon: Ints
    hole: NDArray[np.bool_]

    @property
    def of(self) -> Ints:
        """The polygon of each ring, int64[rings]."""
        return np.repeat(np.arange(len(self.polygon) - 1), np.diff(self.polygon))


def rings(polygons: Shapes) -> Rings:
    """The rings of Polygons and MultiPolygons (empty and missing ones too); z is left out."""
    n, parts, part_of = len(polygons), polygons, np.arange(len(polygons))
    if (shapely.get_type_id(polygons) > shapely.GeometryType.POLYGON).any():
        parts, part_of = shapely.get_parts(polygons, return_index=True)
    coords, of = shapely.get_coordinates(parts, return_index=True)
    length = np.bincount(of, minlength=len(parts))
    holes = np.maximum(shapely.get_num_interior_rings(parts), 0)
    count = (length > 0) + holes
    first = np.cumsum(count) - count
    long, hole = np.empty(int(count.sum()), np.int64), np.ones(int(count.sum()), bool)
    hole[first[length > 0]] = False
    long[first[length > 0]] = length[length > 0]
    some = np.flatnonzero(holes)
    if len(some):  # only these have to be taken apart
        inner, inner_of = shapely.get_rings(parts[some], return_index=True)
        place = np.arange(len(inner)) - np.searchsorted(inner_of, inner_of)
        long[first[some[inner_of]] + place] = shapely.get_num_coordinates(inner)
    return Rings(coords, _starts(long), _starts(np.bincount(part_of, count, n).astype(np.int64)), hole)


def centroids(polygons: Shapes) -> NDArray[np.float64]:
    """Centroid of each polygon, float64[n, 2], holes left out; NaN for one without area.

    About each one's first corner, so that large coordinates lose nothing.
    """
    found = rings(polygons)
    middle: NDArray[np.float64] = _centroids(found.coords, found.at, found.polygon, found.hole)
    return middle


def _starts(count: Ints) -> Ints:
    at = np.zeros(len(count) + 1, np.int64)
    np.cumsum(count, out=at[1:])
    return at


@kernel
def _centroids(coords, at, polygon, hole):
    n = len(polygon) - 1
    out = np.full((n, 2), np.nan)
    for p in range(n):
        if polygon[p] == polygon[p + 1]:
            continue
        ox, oy = coords[at[polygon[p]]]
        whole, sum_x, sum_y = 0.0, 0.0, 0.0
        for r in range(polygon[p], polygon[p + 1]):
            twice, rx, ry = 0.0, 0.0, 0.0
            for i in range(at[r], at[r + 1] - 1):
                ax, ay, bx, by = (
                    coords[i, 0] - ox,
                    coords[i, 1] - oy,
                    coords[i + 1, 0] - ox,
                    coords[i + 1, 1] - oy,
                )
                cross = ax * by - bx * ay
                twice += cross
                rx += (ax + bx) * cross
                ry += (ay + by) * cross
            # an outer ring adds and a hole takes away, whichever way they run
            sign = 1.0 if (twice >= 0) != hole[r] else -1.0
            whole += sign * twice
            sum_x += sign * rx
            sum_y += sign * ry
        if whole > 0:
            out[p, 0], out[p, 1] = ox + sum_x / (3 * whole), oy + sum_y / (3 * whole)
    return out
