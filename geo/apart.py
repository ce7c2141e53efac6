"""Which polygons may share ground: pairs whose boxes overlap and whose hulls no line parts, compiled."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import boxes, rectangles
from geo.compiled import kernel


def may_overlap(shapes: NDArray[np.object_], noise_m2: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (left < right) of shapes that may share more than noise_m2: all that do are among them.

    shapes: Polygons in metres. Left out is what a side of one convex hull parts from the other hull, or all but
    parts: what lies beyond it on both sides is too thin to hold so much ground.
    """
    points, at = rectangles.hulls_of(shapes)
    found: tuple[NDArray[np.int64], NDArray[np.int64]] = _may_overlap(
        points, at, shapely.bounds(shapes), noise_m2
    )
    return found


@kernel
def _parted(points, at, one, other, thin):
    """Whether a side of one hull, moved inwards by up to thin, has all of the other hull beyond it."""
    first, n = at[one], at[one + 1] - at[one]
    for i in range(n):
        px, py = points[first + i, 0], points[first + i, 1]
        j = first + (i + 1) % n
        ex, ey = points[j, 0] - px, points[j, 1] - py
        least = -thin * np.sqrt(ex * ex + ey * ey)
        beyond = True
        for k in range(at[other], at[other + 1]):
            # hulls run counterclockwise: what lies to the right of a side is outside
            if (points[k, 0] - px) * ey - (points[k, 1] - py) * ex < least:
                beyond = False
                break
        if beyond:
            return True
    return False


@kernel
def _may_overlap(points, at, box, noise):
    n = len(box)
    grid = boxes.grid(box)
    seen, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    left, right = np.empty(n // 8 + 64, np.int64), np.empty(n // 8 + 64, np.int64)
    total = 0
    for a in range(n):
        k = boxes.near(a, box[a, 0], box[a, 1], box[a, 2], box[a, 3], box, grid, seen, found)
        for f in range(k):
            b = np.int64(found[f])
            if b <= a:
                continue
            wide = min(box[a, 2], box[b, 2]) - max(box[a, 0], box[b, 0])
            high = min(box[a, 3], box[b, 3]) - max(box[a, 1], box[b, 1])
            if wide * high <= noise:
                continue
            thin = 0.5 * noise / np.hypot(wide, high)
            if _parted(points, at, a, b, thin) or _parted(points, at, b, a, thin):
                continue
            if total == len(left):
                left, right = np.concatenate((left, left)), np.concatenate((right, right))
            left[total], right[total] = a, b
            total += 1
    return left[:total], right[:total]
