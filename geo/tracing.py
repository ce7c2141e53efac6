"""The compiled walk round a block: along its parcels' sides, and over the ends of the ridges between them.

Ridges are quads between a side of one parcel and a side of another. Walk along a parcel with it on the left;
where a quad begins step over its end to the other parcel and walk on. Every walk comes back: the longest is
the outline, the others are the holes where ridges cross. No two coordinates are ever compared.
"""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel

_OFF_M = 1e-3
"""Corners of quads lie on their parcels' sides this exactly, or the walk is not to be trusted."""

_ON_M = 1e-6
"""A side this near is the one sought, m."""

_CLIP_M = 0.5
"""Two quads of one pair may run over each other this far, at a bend; the former then ends where the latter begins."""

_AT = 1e-9
"""Places along a ring, counted in sides, that differ by less are one."""


@kernel
def oriented(coords, ring_at, hole):
    """The closed rings, outer ones counterclockwise and holes clockwise: the parcel lies to their left."""
    out = coords.copy()
    for r in range(len(ring_at) - 1):
        first, last = ring_at[r], ring_at[r + 1]
        twice = 0.0
        for i in range(first, last - 1):
            ax, ay = coords[i, 0] - coords[first, 0], coords[i, 1] - coords[first, 1]
            bx, by = coords[i + 1, 0] - coords[first, 0], coords[i + 1, 1] - coords[first, 1]
            twice += ax * by - bx * ay
        if (twice < 0) != hole[r]:
            for i in range(first, last):
                out[i, 0], out[i, 1] = coords[first + last - 1 - i, 0], coords[first + last - 1 - i, 1]
    return out


@kernel
def _placed(coords, ring_at, ring_first, ring_stop, last, hint, ax, ay, bx, by):
    """Ring on which the stretch from a to b lies, and where it begins and ends, in sides; ring -1: on none.

    last: the ring found last; hint: int64[rings], the side of each found last: the next is mostly near it.
    """
    x, y = 0.5 * (ax + bx), 0.5 * (ay + by)
    best, best_ring, best_side = _OFF_M, -1, -1
    for k in range(ring_stop - ring_first):
        r = ring_first + (last - ring_first + k) % (ring_stop - ring_first)
        n = ring_at[r + 1] - ring_at[r] - 1
        for j in range(n):
            i = ring_at[r] + (hint[r] + ((j + 1) // 2 if j % 2 else -(j // 2))) % n  # to and fro
            px, py = coords[i, 0], coords[i, 1]
            ex, ey = coords[i + 1, 0] - px, coords[i + 1, 1] - py
            square = ex * ex + ey * ey
            if square == 0.0:
                continue
            t = min(max(((x - px) * ex + (y - py) * ey) / square, 0.0), 1.0)
            off = np.hypot(x - px - t * ex, y - py - t * ey)
            if off < best:
                best, best_ring, best_side = off, r, i
            if best < _ON_M:
                break
        if best < _ON_M:
            break
    if best_ring < 0:
        return -1, 0.0, 0.0
    hint[best_ring] = best_side - ring_at[best_ring]
    px, py = coords[best_side, 0], coords[best_side, 1]
    ex, ey = coords[best_side + 1, 0] - px, coords[best_side + 1, 1] - py
    square = ex * ex + ey * ey
    begin = min(max(((ax - px) * ex + (ay - py) * ey) / square, 0.0), 1.0)
    end = min(max(((bx - px) * ex + (by - py) * ey) / square, 0.0), 1.0)
    if (
        max(
            np.hypot(ax - px - begin * ex, ay - py - begin * ey),
            np.hypot(bx - px - end * ex, by - py - end * ey),
        )
        > _OFF_M
        or begin > end
    ):
        return -1, 0.0, 0.0
    base = best_side - ring_at[best_ring]
    return best_ring, base + begin, base + end


@kernel
def _side_of(ring_at, ring, begin):
    """The side that a place along a ring lies on, among the sides of all rings."""
    return min(ring_at[ring] + np.int64(begin), ring_at[ring + 1] - 2)


@kernel
def walks(coords, ring_at, parcel_ring, parcel_block, quads, left, right, blocks):
    """All closed walks of all blocks.

    coords, ring_at: oriented closed rings; parcel_ring: int64[parcels + 1], where each parcel's rings begin;
    parcel_block: int64[parcels]; quads: float64[q, 4, 2]; left, right: int64[q], the parcels of each quad, of
    one block; blocks: their number.
    Returns points float64[k, 2] and at int64[w + 1] (the walks as closed rings), block int64[w], area
    float64[w] (m², negative round a hole), bad bool[blocks] (not to be trusted: quads overlap or lie off).
    """
    rings, sides = len(ring_at) - 1, 2 * len(quads)
    bad = np.zeros(blocks, np.bool_)
    ring_block = np.empty(rings, np.int64)
    for p in range(len(parcel_block)):
        for r in range(parcel_ring[p], parcel_ring[p + 1]):
            ring_block[r] = parcel_block[p]
    # 1. the stretch that each quad takes on either parcel: 2q on the left one, 2q + 1 on the right one
    on, begin, end = np.empty(sides, np.int64), np.empty(sides), np.empty(sides)
    many, hint, last = np.zeros(len(coords) + 1, np.int64), np.zeros(rings, np.int64), parcel_ring[:-1].copy()
    for s in range(sides):
        q, v = s // 2, 2 * (s % 2)
        p = left[q] if s % 2 == 0 else right[q]
        on[s], begin[s], end[s] = _placed(
            coords,
            ring_at,
            parcel_ring[p],
            parcel_ring[p + 1],
            last[p],
            hint,
            quads[q, v, 0],
            quads[q, v, 1],
            quads[q, v + 1, 0],
            quads[q, v + 1, 1],
        )
        if on[s] < 0:
            bad[parcel_block[p]] = True
        else:
            last[p] = on[s]
            many[_side_of(ring_at, on[s], begin[s]) + 1] += 1
    # 2. stretches in walking order, ring by ring and side by side
    for i in range(len(coords)):
        many[i + 1] += many[i]
    order, place, filled = np.empty(sides, np.int64), np.full(sides, -1, np.int64), many[:-1].copy()
    for s in range(sides):
        if on[s] < 0:
            continue
        i = _side_of(ring_at, on[s], begin[s])
        j = filled[i]
        filled[i] += 1
        while j > many[i] and (
            begin[order[j - 1]] > begin[s] or (begin[order[j - 1]] == begin[s] and end[order[j - 1]] > end[s])
        ):
            order[j] = order[j - 1]
            j -= 1
        order[j] = s
    close = np.empty((sides, 2))  # where each stretch ends
    for s in range(sides):
        close[s, 0], close[s, 1] = quads[s // 2, 2 * (s % 2) + 1, 0], quads[s // 2, 2 * (s % 2) + 1, 1]
    for j in range(many[len(coords)]):
        s = order[j]
        place[s] = j
        if j + 1 == many[ring_at[on[s] + 1]] or begin[order[j + 1]] >= end[s] - _AT:
            continue
        after = order[j + 1]
        x, y = quads[after // 2, 2 * (after % 2), 0], quads[after // 2, 2 * (after % 2), 1]
        one_pair = left[s // 2] == left[after // 2] and right[s // 2] == right[after // 2]
        if one_pair and np.hypot(close[s, 0] - x, close[s, 1] - y) <= _CLIP_M:
            end[s] = begin[after]
            close[s, 0], close[s, 1] = x, y
        else:
            bad[ring_block[on[s]]] = True
    # 3. walk
    points = np.empty((len(coords) + 4 * sides + 16, 2))
    at, block, area = (
        np.zeros(rings + sides + 1, np.int64),
        np.empty(rings + sides, np.int64),
        np.zeros(rings + sides),
    )
    done = np.zeros(sides, np.bool_)
    k, w = 0, 0
    for r in range(rings):
        if bad[ring_block[r]]:
            continue
        if many[ring_at[r]] == many[ring_at[r + 1]]:  # a ring that no quad touches
            for i in range(ring_at[r], ring_at[r + 1]):
                points[k, 0], points[k, 1] = coords[i, 0], coords[i, 1]
                k += 1
            block[w] = ring_block[r]
            w += 1
            at[w] = k
            continue
        for j in range(many[ring_at[r]], many[ring_at[r + 1]]):
            s = order[j]
            if done[s]:
                continue
            while not done[s]:
                done[s] = True
                over = s + 1 if s % 2 == 0 else s - 1
                points[k, 0], points[k, 1] = quads[s // 2, 2 * (s % 2), 0], quads[s // 2, 2 * (s % 2), 1]
                points[k + 1, 0], points[k + 1, 1] = close[over, 0], close[over, 1]
                k += 2
                # along the other parcel to where its next stretch begins
                ring = on[over]
                first, n = ring_at[ring], ring_at[ring + 1] - ring_at[ring] - 1
                after = place[over] + 1
                if after == many[ring_at[ring + 1]]:
                    after = many[first]
                s = order[after]
                stop = begin[s] if begin[s] >= end[over] - _AT else begin[s] + n
                i = int(np.floor(end[over] + _AT)) + 1
                while i < stop - _AT:
                    points[k, 0], points[k, 1] = coords[first + i % n, 0], coords[first + i % n, 1]
                    k += 1
                    i += 1
            points[k, 0], points[k, 1] = points[at[w], 0], points[at[w], 1]
            k += 1
            block[w] = ring_block[r]
            w += 1
            at[w] = k
    for i in range(w):
        x, y = points[at[i], 0], points[at[i], 1]
        for j in range(at[i], at[i + 1] - 1):
            area[i] += 0.5 * (
                (points[j, 0] - x) * (points[j + 1, 1] - y) - (points[j + 1, 0] - x) * (points[j, 1] - y)
            )
    return points[:k], at[: w + 1], block[:w], area[:w], bad
