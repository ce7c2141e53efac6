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
    n = len(polygons)
    coords, of = shapely.get_coordinates(polygons, return_index=True)
    length = np.bincount(of, minlength=n)
    count = (length > 0).astype(np.int64)
    # only these have to be taken apart: each part, each ring becomes an object of its own
    several = shapely.get_type_id(polygons) > shapely.GeometryType.POLYGON
    several |= shapely.get_num_interior_rings(polygons) > 0
    parts, part_of = shapely.get_parts(polygons[several], return_index=True)
    ring, ring_of = shapely.get_rings(parts, return_index=True)
    some = ~shapely.is_empty(ring)
    ring, ring_of = ring[some], ring_of[some]
    polygon = np.flatnonzero(several)[part_of[ring_of]]
    count[several] = np.bincount(polygon, minlength=n)[several]
    at = _starts(count)
    long, hole = np.empty(at[-1], np.int64), np.zeros(at[-1], bool)
    simple = ~several & (length > 0)
    long[at[:-1][simple]] = length[simple]
    place = at[polygon] + np.arange(len(ring)) - np.searchsorted(polygon, polygon)
    long[place] = shapely.get_num_coordinates(ring)
    hole[place] = np.r_[False, ring_of[1:] == ring_of[:-1]][: len(ring)]
    return Rings(coords, _starts(long), at, hole)


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
