"""Convex hulls and least rectangles of many shapes at once, compiled."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.compiled import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FEW = 64
"""Up to so many points are put in order one by one, which is quicker than a sort."""


def hulls(coords: Floats, at: Ints) -> tuple[Floats, Ints]:
    """Convex hull of each group of points, counterclockwise and not closed.

    coords: float64[k, 2]; at: int64[n + 1], where each group begins. Returns points float64[m, 2] and int64[n + 1].
    Points on a straight side of a hull are left out; a group of points in a line keeps its two ends.
    """
    points, hull_at = _hulls(np.ascontiguousarray(coords), at)
    return points, hull_at


def hulls_of(shapes: NDArray[np.object_]) -> tuple[Floats, Ints]:
    """The same for the corners of geometries, object[n]."""
    coords, of = shapely.get_coordinates(shapes, return_index=True)
    at = np.zeros(len(shapes) + 1, np.int64)
    np.cumsum(np.bincount(of, minlength=len(shapes)), out=at[1:])
    return hulls(coords, at)


def least_rectangles(points: Floats, at: Ints) -> Floats:
    """The rectangle of least area round each hull: corners in order, float64[n, 4, 2]; NaN round an empty one.

    points, at: as from `hulls`. One side of a least rectangle lies along a side of the hull (H. Freeman, R. Shapira,
    Determining the minimum-area encasing rectangle, 1975), so every side is tried.
    """
    found: Floats = _least(points, at)
    return found


def areas(corners: Floats) -> Floats:
    """Area of rectangles float64[n, 4, 2], m²: float64[n], 0 where there is none."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    return np.nan_to_num(np.hypot(first[:, 0], first[:, 1]) * np.hypot(second[:, 0], second[:, 1]))


@kernel
def _hulls(coords, at):
    """Monotone chains, each about its group's first point: sums of large coordinates lose millimetres."""
    n = len(at) - 1
    points, hull_at = np.empty((len(coords) + n, 2)), np.zeros(n + 1, np.int64)
    most = 0
    for g in range(n):
        most = max(most, at[g + 1] - at[g])
    order, chain = np.empty(most, np.int64), np.empty(2 * most + 1, np.int64)
    total = 0
    for g in range(n):
        first, count = at[g], at[g + 1] - at[g]
        if count > _FEW:
            by_y = np.argsort(coords[first : first + count, 1], kind="mergesort")
            order[:count] = by_y[np.argsort(coords[first + by_y, 0], kind="mergesort")]
        else:
            for i in range(count):
                x, y = coords[first + i, 0], coords[first + i, 1]
                j = i
                while j > 0 and (
                    coords[first + order[j - 1], 0] > x
                    or (coords[first + order[j - 1], 0] == x and coords[first + order[j - 1], 1] > y)
                ):
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = i
        k = 0
        for way in range(2):
            base = k
            for i in range(count):
                o = order[i] if way == 0 else order[count - 1 - i]
                x, y = coords[first + o, 0] - coords[first, 0], coords[first + o, 1] - coords[first, 1]
                while k > base:
                    bx = coords[first + chain[k - 1], 0] - coords[first, 0]
                    by = coords[first + chain[k - 1], 1] - coords[first, 1]
                    if bx == x and by == y:
                        k -= 1
                        continue
                    if k - base < 2:
                        break
                    ax = coords[first + chain[k - 2], 0] - coords[first, 0]
                    ay = coords[first + chain[k - 2], 1] - coords[first, 1]
                    if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                        break
                    k -= 1
                chain[k] = o
                k += 1
            k -= 1  # the end of either chain begins the other
        if count > 0 and k == 0:  # all points are one
            k = 1
        for i in range(k):
            points[total, 0], points[total, 1] = coords[first + chain[i], 0], coords[first + chain[i], 1]
            total += 1
        hull_at[g + 1] = total
    return points[:total], hull_at


@kernel
def _farthest(points, first, count, k, ux, uy):
    """The corner of a hull farthest in a direction, sought from corner k on as long as it rises."""
    ox, oy = points[first, 0], points[first, 1]
    value = (points[first + k, 0] - ox) * ux + (points[first + k, 1] - oy) * uy
    for _ in range(count):
        after = (k + 1) % count
        further = (points[first + after, 0] - ox) * ux + (points[first + after, 1] - oy) * uy
        if further < value:
            break
        k, value = after, further
    return k


@kernel
def _least(points, at):
    n = len(at) - 1
    out = np.full((n, 4, 2), np.nan)
    for g in range(n):
        first, count = at[g], at[g + 1] - at[g]
        if count == 0:
            continue
        ox, oy = points[first, 0], points[first, 1]
        least = np.inf
        # the farthest along, across and back of the present side: they go round with it
        far, top, back = 1 % count, 1 % count, 1 % count
        for i in range(count):
            px, py = points[first + i, 0] - ox, points[first + i, 1] - oy
            j = (i + 1) % count
            ex, ey = points[first + j, 0] - ox - px, points[first + j, 1] - oy - py
            long = np.sqrt(ex * ex + ey * ey)
            if long == 0.0:
                ex, ey = 1.0, 0.0
            else:
                ex, ey = ex / long, ey / long
            far = _farthest(points, first, count, far, ex, ey)
            top = _farthest(points, first, count, top, -ey, ex)
            back = _farthest(points, first, count, top if i == 0 else back, -ex, -ey)
            t0 = (points[first + back, 0] - ox) * ex + (points[first + back, 1] - oy) * ey
            t1 = (points[first + far, 0] - ox) * ex + (points[first + far, 1] - oy) * ey
            h0 = -px * ey + py * ex
            h1 = -(points[first + top, 0] - ox) * ey + (points[first + top, 1] - oy) * ex
            area = (t1 - t0) * (h1 - h0)
            if area < least:
                least = area
                for v in range(4):
                    t = t1 if v == 1 or v == 2 else t0
                    h = h1 if v >= 2 else h0
                    out[g, v, 0], out[g, v, 1] = ox + t * ex - h * ey, oy + t * ey + h * ex
    return out
