"""Along which stretch of its outline each polygon has a line or another polygon's edge beside it, compiled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import boxes
from geo.compiled import kernel
from geo.rings import rings

_PIECE_M = 20.0
"""Short sides of a line are looked for together up to this length, or a canal of many corners would fill the grid."""

_SAME_M = 1e-9
"""Stretches nearer to each other than this are one."""


@dataclass(frozen=True)
class Beside:
    """Pairs of a shape and a line that comes near its outline, by shape and then by line."""

    shape: NDArray[np.int64]
    line: NDArray[np.int64]
    along_m: NDArray[np.float64]
    """The longest stretch of the shape's outline within reach of the line, m: corners are no ends, gaps are."""
    heading: NDArray[np.float64]
    """Mean direction of the line where it passes the shape (within reach of its box), radians in [0, π)."""


def stretches(
    shapes: NDArray[np.object_], lines: NDArray[np.object_], reach_m: NDArray[np.float64]
) -> Beside:
    """Which of the lines run beside which shapes, and how far.

    shapes: Polygons in projected metres; lines: lines or polygons, of which the edges count; reach_m: float64[lines],
    how far from each line an outline may lie. Pairs without a stretch are left out.
    """
    outlines = rings(shapes)
    segments, segment_line = _segments(lines)
    reach, most = np.asarray(reach_m, float), float(np.max(reach_m, initial=0.0))
    return Beside(
        *_beside(outlines.coords, outlines.at, outlines.polygon, segments, segment_line, reach, most)
    )


def _segments(lines: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Every straight piece of the lines and edges, from and to, float64[k, 4], and the line that it is of, ascending."""
    parts, line = shapely.get_parts(lines, return_index=True)
    areal = shapely.get_dimensions(parts) == 2
    edges, of = shapely.get_rings(parts[areal], return_index=True)
    line = np.concatenate([line[~areal], line[areal][of]])
    coords, of = shapely.get_coordinates(np.concatenate([parts[~areal], edges]), return_index=True)
    first = np.flatnonzero(of[1:] == of[:-1])
    order = np.argsort(line[of[first]], kind="stable")
    first = first[order]
    return np.hstack([coords[first], coords[first + 1]]), line[of[first]].astype(np.int64)


@kernel
def _within(px, py, ux, uy, long, ax, ay, bx, by, reach):
    """Where along the side from (px, py) in direction (ux, uy) the segment from a to b is within reach: from, to.

    All that lies within reach of a segment is convex, so this is one stretch: what the strip along the segment
    and the discs round its ends take of the side. The first is above the second where there is none.
    """
    lo, hi = np.inf, -np.inf
    for end in range(2):
        x, y = (px - ax, py - ay) if end == 0 else (px - bx, py - by)
        along = x * ux + y * uy
        across = x * uy - y * ux
        square = reach * reach - across * across
        if square >= 0.0:
            half = np.sqrt(square)
            lo, hi = min(lo, -along - half), max(hi, -along + half)
    ex, ey = bx - ax, by - ay
    run = np.sqrt(ex * ex + ey * ey)
    if run > 0.0:
        ex, ey = ex / run, ey / run
        x, y = px - ax, py - ay
        t0, t1 = 0.0, long
        for axis in range(2):
            if axis == 0:
                here, slope, least, most = x * ex + y * ey, ux * ex + uy * ey, 0.0, run
            else:
                here, slope, least, most = x * ey - y * ex, ux * ey - uy * ex, -reach, reach
            if slope == 0.0:
                if here < least or here > most:
                    t1 = -np.inf
            else:
                c0, c1 = (least - here) / slope, (most - here) / slope
                t0, t1 = max(t0, min(c0, c1)), min(t1, max(c0, c1))
        if t0 < t1:
            lo, hi = min(lo, t0), max(hi, t1)
    return max(lo, 0.0), min(hi, long)


@kernel
def _longest(coords, first, last, segments, own, count, reach, lo, hi):
    """The longest stretch of a closed ring within reach of some segments, m; lo, hi: room for count numbers."""
    best, run, begun, closed = 0.0, 0.0, 0.0, False
    for i in range(first, last - 1):
        px, py = coords[i, 0], coords[i, 1]
        ux, uy = coords[i + 1, 0] - px, coords[i + 1, 1] - py
        long = np.sqrt(ux * ux + uy * uy)
        if long == 0.0:
            continue
        ux, uy = ux / long, uy / long
        x0, x1 = min(px, coords[i + 1, 0]) - reach, max(px, coords[i + 1, 0]) + reach
        y0, y1 = min(py, coords[i + 1, 1]) - reach, max(py, coords[i + 1, 1]) + reach
        k = 0
        for f in range(count):
            ax, ay, bx, by = segments[own[f]]
            if (
                (ax < x0 and bx < x0)
                or (ax > x1 and bx > x1)
                or (ay < y0 and by < y0)
                or (ay > y1 and by > y1)
            ):
                continue
            start, stop = _within(px, py, ux, uy, long, ax, ay, bx, by, reach)
            if start >= stop:
                continue
            j = k
            while j > 0 and lo[j - 1] > start:
                lo[j], hi[j] = lo[j - 1], hi[j - 1]
                j -= 1
            lo[j], hi[j] = start, stop
            k += 1
        place = 0.0  # up to where along the side the present stretch goes
        for j in range(k):
            if hi[j] <= place:
                continue
            if lo[j] > place + _SAME_M:
                best = max(best, run)
                if not closed:
                    begun, closed = run, True
                run, place = 0.0, lo[j]
            run += hi[j] - place
            place = hi[j]
        if place < long - _SAME_M:
            best = max(best, run)
            if not closed:
                begun, closed = run, True
            run = 0.0
    # a ring has no end: what goes up to its last corner goes on at its first
    return max(best, run + begun if closed else run)


@kernel
def _course(segments, own, count, x0, y0, x1, y1):
    """Sums of the doubled directions of some segments inside a box, by length."""
    c, s = 0.0, 0.0
    for f in range(count):
        ax, ay, bx, by = segments[own[f]]
        dx, dy = bx - ax, by - ay
        t0, t1 = 0.0, 1.0
        for axis in range(2):
            here, step, least, most = (ax, dx, x0, x1) if axis == 0 else (ay, dy, y0, y1)
            if step == 0.0:
                if here < least or here > most:
                    t1 = -1.0
            else:
                c0, c1 = (least - here) / step, (most - here) / step
                t0, t1 = max(t0, min(c0, c1)), min(t1, max(c0, c1))
        square = dx * dx + dy * dy
        if t0 < t1 and square > 0.0:
            part = (t1 - t0) / np.sqrt(square)
            c += (dx * dx - dy * dy) * part
            s += 2 * dx * dy * part
    return c, s


@kernel
def _pieces(segments, segment_line):
    """Segments of one line gathered into pieces: where each piece begins, int64[p + 1], and its box, float64[p, 4]."""
    n = len(segments)
    at, box = np.zeros(n + 1, np.int64), np.empty((n, 4))
    p, long = -1, np.inf
    for i in range(n):
        ax, ay, bx, by = segments[i]
        if long >= _PIECE_M or segment_line[i] != segment_line[i - 1]:
            p, long = p + 1, 0.0
            at[p] = i
            box[p, 0] = box[p, 1] = np.inf
            box[p, 2] = box[p, 3] = -np.inf
        box[p, 0], box[p, 1] = min(box[p, 0], ax, bx), min(box[p, 1], ay, by)
        box[p, 2], box[p, 3] = max(box[p, 2], ax, bx), max(box[p, 3], ay, by)
        long += np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    at[p + 1] = n
    return at[: p + 2], box[: p + 1]


@kernel
def _beside(coords, ring_at, shape_ring, segments, segment_line, reach, most):
    n = len(shape_ring) - 1
    at, box = _pieces(segments, segment_line)
    grid = boxes.grid(box)
    seen, found = np.full(len(box) + 1, -1, np.int32), np.empty(len(box) + 1, np.int32)
    own = np.empty(len(segments) + 1, np.int64)
    lo, hi = np.empty(len(segments) + 1), np.empty(len(segments) + 1)
    shape, line = np.empty(n + 64, np.int64), np.empty(n + 64, np.int64)
    along, heading = np.empty(n + 64), np.empty(n + 64)
    total = 0
    for g in range(n):
        begin, end = ring_at[shape_ring[g]], ring_at[shape_ring[g + 1]]
        x0, y0, x1, y1 = np.inf, np.inf, -np.inf, -np.inf
        for i in range(begin, end):
            x0, y0 = min(x0, coords[i, 0]), min(y0, coords[i, 1])
            x1, y1 = max(x1, coords[i, 0]), max(y1, coords[i, 1])
        if begin == end:
            continue
        k = boxes.near(g, x0 - most, y0 - most, x1 + most, y1 + most, box, grid, seen, found)
        found[:k].sort()
        f = 0
        while f < k:
            which, count = segment_line[at[found[f]]], 0
            while f < k and segment_line[at[found[f]]] == which:
                for i in range(at[found[f]], at[found[f] + 1]):
                    own[count] = i
                    count += 1
                f += 1
            far, longest = reach[which], 0.0
            for r in range(shape_ring[g], shape_ring[g + 1]):
                longest = max(
                    longest,
                    _longest(coords, ring_at[r], ring_at[r + 1], segments, own, count, far, lo, hi),
                )
            if longest == 0.0:
                continue
            if total == len(shape):
                shape, line = np.concatenate((shape, shape)), np.concatenate((line, line))
                along, heading = np.concatenate((along, along)), np.concatenate((heading, heading))
            c, s = _course(segments, own, count, x0 - far, y0 - far, x1 + far, y1 + far)
            shape[total], line[total], along[total] = g, which, longest
            heading[total] = 0.5 * np.arctan2(s, c) % np.pi
            total += 1
    return shape[:total], line[:total], along[:total], heading[:total]
