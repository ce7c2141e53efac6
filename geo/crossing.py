"""Which ridges a fixed barrier runs through: pairs that face each other, yet may not be joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import boxes
from geo.compiled import kernel

if TYPE_CHECKING:
    from geo.neighbours import Neighbours

_PIECE_M = 50.0
"""Barriers are looked at in pieces no longer than this: a long canal's box holds half the county."""

_BESIDE_M = 1.0
"""How far inside the parcels a barrier's line may lie and still be looked at: lines are drawn with a hand."""

_ENDS = 0.05
"""Share of the facing length left out at either end: canals run past the ends of most ridges."""

_ALONG = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
"""Where along each piece of ridge a link from parcel to parcel is tried."""

_OVER_M = 0.05
"""Links reach this far into both parcels, so that parcels which touch have one too."""

_NEAR_M = 2.0
"""Of a bent ridge the middle is the centroid of what of one parcel's outline lies this near the other."""


def crossing(
    nb: Neighbours, geoms: NDArray[np.object_], barriers: NDArray[np.object_] | None
) -> NDArray[np.bool_]:
    """bool[m]: True where a barrier runs through the ridge between the two parcels of a pair.

    barriers: lines or polygons of the fixed barriers, same CRS as geoms (projected metres); None or empty:
    nothing is barred. A pair is barred where the link in the middle of its facing length meets a barrier, or
    most links along it do. A barrier that cuts a parcel itself, away from the ridge, bars nothing.
    """
    out = np.zeros(len(nb), bool)
    fixed = np.asarray(barriers if barriers is not None else [], dtype=object)
    fixed = fixed[~(shapely.is_missing(fixed) | shapely.is_empty(fixed))]
    if len(fixed) == 0 or len(nb) == 0:
        return out
    out[_linked(nb, np.asarray(geoms, dtype=object), fixed, _near(nb, fixed))] = True
    return out


def _near(nb: Neighbours, fixed: NDArray[np.object_]) -> NDArray[np.int64]:
    """Pairs whose ridge, its ends left out, has a barrier in it or close beside it."""
    parts = shapely.get_parts(fixed)
    areal = parts[shapely.get_dimensions(parts) == 2]
    lines = np.concatenate([parts[shapely.get_dimensions(parts) == 1], shapely.get_rings(areal)])
    near = np.zeros(len(nb), bool)
    if len(lines):
        coords, line = shapely.get_coordinates(shapely.segmentize(lines, _PIECE_M), return_index=True)
        first = np.flatnonzero(line[1:] == line[:-1])
        _beside(nb.quads, nb.quad_pair, coords, first, _BESIDE_M, _ENDS, near)
    if len(areal):  # a barrier so wide that its outline is far from the ridge
        near[nb.quad_pair[_covered(nb.quads.mean(axis=1), areal)]] = True
    return np.flatnonzero(near)


def _covered(points: NDArray[np.float64], areal: NDArray[np.object_]) -> NDArray[np.int64]:
    """Which of the points lie in one of the polygons, some perhaps more than once."""
    point, shape = boxes.meeting(np.hstack([points, points]), shapely.bounds(areal))
    shapely.prepare(areal)
    return point[shapely.intersects_xy(areal[shape], points[point, 0], points[point, 1])]


@kernel
def _beside(quads, quad_pair, coords, first, beside, ends, near):
    """Mark the pairs within whose ridge, widened by beside and shortened by ends, a piece of a barrier runs.

    The ridge of a pair is the box round its quads, turned as the longest of them. coords[first[i]] to
    coords[first[i] + 1] is piece i.
    """
    box = np.empty((len(first), 4))
    for i in range(len(first)):
        j = first[i]
        box[i, 0], box[i, 1] = min(coords[j, 0], coords[j + 1, 0]), min(coords[j, 1], coords[j + 1, 1])
        box[i, 2], box[i, 3] = max(coords[j, 0], coords[j + 1, 0]), max(coords[j, 1], coords[j + 1, 1])
    grid = boxes.grid(box)
    seen, found = np.full(len(first) + 1, -1, np.int32), np.empty(len(first) + 1, np.int32)
    q = 0
    while q < len(quads):
        pair, begin, long = np.int64(quad_pair[q]), q, -1.0
        ex, ey = 1.0, 0.0
        lx, ly, ux, uy = np.inf, np.inf, -np.inf, -np.inf
        while q < len(quads) and quad_pair[q] == pair:
            dx, dy = quads[q, 1, 0] - quads[q, 0, 0], quads[q, 1, 1] - quads[q, 0, 1]
            run = np.sqrt(dx * dx + dy * dy)
            if run > long and run > 0:
                long, ex, ey = run, dx / run, dy / run
            for v in range(4):
                lx, ly = min(lx, quads[q, v, 0]), min(ly, quads[q, v, 1])
                ux, uy = max(ux, quads[q, v, 0]), max(uy, quads[q, v, 1])
            q += 1
        k = boxes.near(pair, lx - beside, ly - beside, ux + beside, uy + beside, box, grid, seen, found)
        if k == 0:
            continue
        ox, oy = quads[begin, 0, 0], quads[begin, 0, 1]
        t0, t1, h0, h1 = np.inf, -np.inf, np.inf, -np.inf
        for j in range(begin, q):
            for v in range(4):
                x, y = quads[j, v, 0] - ox, quads[j, v, 1] - oy
                t, h = x * ex + y * ey, x * ey - y * ex
                t0, t1, h0, h1 = min(t0, t), max(t1, t), min(h0, h), max(h1, h)
        cut = ends * (t1 - t0)
        t0, t1, h0, h1 = t0 + cut, t1 - cut, h0 - beside, h1 + beside
        for f in range(k):
            i = first[found[f]]
            ax, ay = coords[i, 0] - ox, coords[i, 1] - oy
            bx, by = coords[i + 1, 0] - ox, coords[i + 1, 1] - oy
            ta, ha, tb, hb = ax * ex + ay * ey, ax * ey - ay * ex, bx * ex + by * ey, bx * ey - by * ex
            lo, hi = 0.0, 1.0  # the part of the piece inside the box
            if tb != ta:
                c0, c1 = (t0 - ta) / (tb - ta), (t1 - ta) / (tb - ta)
                lo, hi = max(lo, min(c0, c1)), min(hi, max(c0, c1))
            elif ta < t0 or ta > t1:
                continue
            if hb != ha:
                c0, c1 = (h0 - ha) / (hb - ha), (h1 - ha) / (hb - ha)
                lo, hi = max(lo, min(c0, c1)), min(hi, max(c0, c1))
            elif ha < h0 or ha > h1:
                continue
            if lo <= hi:
                near[pair] = True
                break


def _linked(
    nb: Neighbours, geoms: NDArray[np.object_], fixed: NDArray[np.object_], pairs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Those of pairs whose middle link, or most of whose links, meet a barrier."""
    at = np.searchsorted(nb.quad_pair, pairs)
    to = np.searchsorted(nb.quad_pair, pairs, side="right")
    which = np.repeat(np.arange(len(pairs)), to - at)
    rows = np.arange(len(which)) + np.repeat(at - np.cumsum(np.r_[0, (to - at)[:-1]]), to - at)
    quads = nb.quads[rows]
    side = quads[:, 1] - quads[:, 0]
    long = np.maximum(np.hypot(side[:, 0], side[:, 1]), 1e-9)
    share = _ALONG[None, :, None]
    start = quads[:, None, 0] * (1 - share) + quads[:, None, 1] * share
    stop = quads[:, None, 3] * (1 - share) + quads[:, None, 2] * share
    outward = np.stack([side[:, 1], -side[:, 0]], axis=1) / long[:, None]  # left lies to the left of its side
    over = outward[:, None, :] * _OVER_M
    links = shapely.linestrings(np.stack([start - over, stop + over], axis=2).reshape(-1, 2, 2))
    hit = np.zeros(len(links), bool)
    hit[shapely.STRtree(links).query(fixed, predicate="intersects")[1]] = True
    hit_along = hit.reshape(-1, len(_ALONG))
    weight = np.bincount(which, long, len(pairs))
    share_hit = np.bincount(which, long * hit_along.mean(axis=1), len(pairs)) / weight
    longest = np.lexsort((-long, which))[np.searchsorted(np.sort(which), np.arange(len(pairs)))]
    barred = (share_hit >= 0.5) | hit_along[longest, len(_ALONG) // 2]
    left = pairs[~barred]
    one, other = geoms[nb.left[left]], geoms[nb.right[left]]
    links = np.concatenate([_shortest(one, other), _shortest(other, one)])
    met = shapely.STRtree(links).query(fixed, predicate="intersects")[1] % max(len(left), 1)
    return np.concatenate([pairs[barred], left[met]])


def _shortest(one: NDArray[np.object_], other: NDArray[np.object_]) -> NDArray[np.object_]:
    """The shortest link to the other parcel from the middle of all that lies near it of one's outline."""
    near = shapely.intersection(shapely.boundary(one), shapely.buffer(other, _NEAR_M, quad_segs=2))
    return shapely.shortest_line(shapely.centroid(near), other)
