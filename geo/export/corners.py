"""The corners of blocks as they are numbered in every export: J1 is the north-western one, on clockwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

PRECISION = 3
"""Decimals of a coordinate in metres that are handed out: a millimetre."""


@dataclass(frozen=True)
class Corners:
    """k corners, those of a block together and in the order of their numbers; no closing point.

    block: int64[k], which of the shapes; ring: int64[k], 1 the outer, 2 and up holes; number: int64[k], from 1 in
    each block; x, y: float64[k], east and north as the shapes have them, rounded to PRECISION. at: int64[n + 1],
    where each shape's corners begin.
    """

    block: NDArray[np.int64]
    ring: NDArray[np.int64]
    number: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    at: NDArray[np.int64]


def corners(shapes: NDArray[np.object_]) -> Corners:
    """The corners of Polygons, in metres; points that fall together are one, and holes that vanish go with them.

    The outer ring runs clockwise, holes the other way; each begins at its north-western corner.
    """
    n = len(shapes)
    lines, owner = shapely.get_rings(shapely.orient_polygons(shapes, exterior_cw=True), return_index=True)
    points, line = shapely.get_coordinates(lines, return_index=True)
    points = points.round(PRECISION)
    same = np.zeros(len(points), bool)
    same[1:] = (line[1:] == line[:-1]) & (points[1:] == points[:-1]).all(axis=1)
    points, line = points[~same], line[~same]
    count = np.bincount(line, minlength=len(lines))
    last = np.zeros(len(points), bool)
    last[np.cumsum(count)[count > 0] - 1] = True
    kept = ~last & (count >= 4)[line]  # fewer are no area
    points, line = points[kept], line[kept]

    count = np.bincount(line, minlength=len(lines))
    there = np.flatnonzero(count)
    begin = np.concatenate([[0], np.cumsum(count[there])]).astype(np.int64)
    ring = np.repeat(np.arange(len(there)), count[there])
    place = np.arange(len(points)) - begin[ring]
    north_west = points[:, 1] - points[:, 0]
    top = np.maximum.reduceat(north_west, begin[:-1]) if len(there) else np.empty(0)
    first = np.flatnonzero(north_west == top[ring])
    start = place[first[np.unique(ring[first], return_index=True)[1]]]
    turned = (place - start[ring]) % count[there][ring]
    order = np.empty(len(points), np.int64)
    order[begin[ring] + turned] = np.arange(len(points))
    points = points[order]

    block = owner[there][ring]
    at = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(block, minlength=n), out=at[1:])
    first_ring = np.searchsorted(owner[there], np.arange(n))
    return Corners(
        block,
        ring - first_ring[block] + 1,
        np.arange(len(points)) - at[block] + 1,
        points[:, 0],
        points[:, 1],
        at,
    )
