"""Which groups of shapes come within a distance of each other, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo import boxes
from geo.compiled import kernel
from geo.rings import rings

Ints = NDArray[np.int64]

_SAME_M = 1e-9
"""Distances that differ by less are the same, m."""


def near(shapes: NDArray[np.object_], owner: Ints, kind: Ints, gap_m: float) -> tuple[Ints, Ints]:
    """Pairs of owners of one kind that have shapes at most gap_m apart: left < right, sorted, each once.

    shapes: polygons in metres, of which none lies inside another; owner: int64[n], 0.., whose each is; kind:
    int64[n], the same for all shapes of an owner.
    """
    order = np.argsort(owner, kind="stable")
    found = rings(shapes[order])
    left, right = _near(
        found.coords,
        found.at,
        found.polygon,
        owner[order].astype(np.int64),
        kind[order].astype(np.int64),
        gap_m,
    )
    sorted_ = np.lexsort((right, left))
    return left[sorted_], right[sorted_]


@kernel
def _square(px, py, ax, ay, bx, by):
    """Squared distance of a point from the segment from a to b."""
    ex, ey, dx, dy = bx - ax, by - ay, px - ax, py - ay
    long = ex * ex + ey * ey
    t = min(max((dx * ex + dy * ey) / long, 0.0), 1.0) if long > 0.0 else 0.0
    dx, dy = dx - t * ex, dy - t * ey
    return dx * dx + dy * dy


@kernel
def _side(ax, ay, bx, by, px, py):
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@kernel
def _within(coords, at, one, other, box, gap):
    """Whether a side of one's rings comes within the gap of a side of the other's; one, other: (first ring, last)."""
    square = gap * gap
    for r in range(one[0], one[1]):
        for i in range(at[r], at[r + 1] - 1):
            ax, ay, bx, by = coords[i, 0], coords[i, 1], coords[i + 1, 0], coords[i + 1, 1]
            x0, x1, y0, y1 = min(ax, bx) - gap, max(ax, bx) + gap, min(ay, by) - gap, max(ay, by) + gap
            if x1 < box[0] or x0 > box[2] or y1 < box[1] or y0 > box[3]:
                continue
            for s in range(other[0], other[1]):
                for j in range(at[s], at[s + 1] - 1):
                    cx, cy, dx, dy = coords[j, 0], coords[j, 1], coords[j + 1, 0], coords[j + 1, 1]
                    if (
                        (cx < x0 and dx < x0)
                        or (cx > x1 and dx > x1)
                        or (cy < y0 and dy < y0)
                        or (cy > y1 and dy > y1)
                    ):
                        continue
                    if (
                        _square(ax, ay, cx, cy, dx, dy) <= square
                        or _square(bx, by, cx, cy, dx, dy) <= square
                        or _square(cx, cy, ax, ay, bx, by) <= square
                        or _square(dx, dy, ax, ay, bx, by) <= square
                    ):
                        return True
                    if (_side(ax, ay, bx, by, cx, cy) > 0) != (_side(ax, ay, bx, by, dx, dy) > 0) and (
                        _side(cx, cy, dx, dy, ax, ay) > 0
                    ) != (_side(cx, cy, dx, dy, bx, by) > 0):
                        return True
    return False


@kernel
def _near(coords, at, polygon, owner, kind, gap):
    """The same for shapes in the order of their owners."""
    n = len(owner)
    reach = gap + _SAME_M
    box = np.empty((n, 4))
    for p in range(n):
        box[p, 0] = box[p, 1] = np.inf
        box[p, 2] = box[p, 3] = -np.inf
        for i in range(at[polygon[p]], at[polygon[p + 1]]):
            box[p, 0], box[p, 1] = min(box[p, 0], coords[i, 0]), min(box[p, 1], coords[i, 1])
            box[p, 2], box[p, 3] = max(box[p, 2], coords[i, 0]), max(box[p, 3], coords[i, 1])
    grid = boxes.grid(box)
    seen, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    known = np.full(owner[-1] + 1 if n else 0, -1, np.int64)  # the owner that each was last found near to
    left, right = np.empty(n + 64, np.int64), np.empty(n + 64, np.int64)
    total = 0
    for a in range(n):
        own = owner[a]
        k = boxes.near(
            a,
            box[a, 0] - reach,
            box[a, 1] - reach,
            box[a, 2] + reach,
            box[a, 3] + reach,
            box,
            grid,
            seen,
            found,
        )
        for f in range(k):
            b = found[f]
            if owner[b] <= own or kind[b] != kind[a] or known[owner[b]] == own:
                continue
            if not _within(
                coords, at, (polygon[a], polygon[a + 1]), (polygon[b], polygon[b + 1]), box[b], reach
            ):
                continue
            known[owner[b]] = own
            if total == len(left):
                left, right = np.concatenate((left, left)), np.concatenate((right, right))
            left[total], right[total] = own, owner[b]
            total += 1
    return left[:total], right[:total]
