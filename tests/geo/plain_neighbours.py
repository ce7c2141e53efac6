"""Neighbours by the plain way: every side looks at every other near it, one by one, nothing compiled and nothing shared.

What is asked is what `geo.neighbours` says: sides of two parcels that face each other within the gap with nothing
between. How it is answered has nothing in common with it but the figures of the rule.
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import shapely
from numpy.typing import NDArray

OVERLAP_M = 0.25
FLARE = 4 / 3
BEFORE_M = 1e-4
SAME_M = 1e-9


def plain_pairs(
    geoms: NDArray[np.object_], gap: float = 1.5, least: float = 1.0
) -> dict[tuple[int, int], float]:
    """{(a, b): metres along which they face each other}, a < b, for every pair of neighbours."""
    shapes = shapely.orient_polygons(np.asarray(geoms, dtype=object))
    rings, of_ring = shapely.get_rings(shapes, return_index=True)
    coords, ring = shapely.get_coordinates(rings, return_index=True)
    first = np.flatnonzero((ring[1:] == ring[:-1]) & (coords[1:] != coords[:-1]).any(axis=1))
    start, stop, owner = coords[first], coords[first + 1], of_ring[ring[first]]
    lines = shapely.linestrings(np.stack([start, stop], axis=1))
    reach = FLARE * gap
    side, other = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=reach + OVERLAP_M)
    others = np.split(
        other[np.argsort(side, kind="stable")], np.cumsum(np.bincount(side, minlength=len(lines)))[:-1]
    )
    view: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for i, near in enumerate(others):
        for seen, lo, hi, h_lo, h_hi in _seen(i, near, start, stop, owner, reach):
            long, ground = _within(lo, hi, max(h_lo, 0.0), max(h_hi, 0.0), gap)
            view[int(owner[i]), int(owner[seen])][0] += long
            view[int(owner[i]), int(owner[seen])][1] += ground
    girth = shapely.length(shapely.boundary(shapes))
    found = {}
    for (a, b), (long, ground) in view.items():
        back, ground_back = view.get((b, a), (0.0, 0.0))
        both = min(long, back)
        if a > b or both <= 0.0 or both < least:
            continue
        width = (ground + ground_back) / (long + back)
        # what the gap takes of the outline at both ends, less what a ridge of its width loses there
        whole = min(both + 2 * 0.92 * (gap + 0.05 - width), girth[a], girth[b])
        if whole - 2 * gap >= least:
            found[a, b] = both
    return found


def _seen(
    i: int,
    near: NDArray[np.int64],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    owner: NDArray[np.int64],
    reach: float,
) -> list[tuple[int, float, float, float, float]]:
    """What side i sees first, stretch by stretch, where that is a side that looks back: (side, from, to, how far)."""
    way = stop[i] - start[i]
    long = float(np.hypot(*way))
    along, out = way / long, np.array([way[1], -way[0]]) / long
    spans = []
    for u in near:
        if u == i:
            continue
        t = (np.array([start[u], stop[u]]) - start[i]) @ along
        h = (np.array([start[u], stop[u]]) - start[i]) @ out
        back = owner[u] != owner[i] and t[1] - t[0] <= -np.sqrt(0.5) * np.hypot(t[1] - t[0], h[1] - h[0])
        if t[0] > t[1]:
            t, h = t[::-1], h[::-1]
        if t[1] - t[0] < 1e-6:
            continue
        slope = (h[1] - h[0]) / (t[1] - t[0])
        lo, hi = max(t[0], 0.0), min(t[1], long)
        for limit, sign in ((-OVERLAP_M if back else BEFORE_M, 1.0), (reach, -1.0)):
            if slope == 0:
                if sign * (h[0] - limit) < 0:
                    hi = lo
            elif sign * slope > 0:
                lo = max(lo, t[0] + (limit - h[0]) / slope)
            else:
                hi = min(hi, t[0] + (limit - h[0]) / slope)
        if hi - lo >= 1e-6:
            spans.append((int(u), lo, hi, float(h[0] - slope * t[0]), slope, bool(back)))
    if not any(back for *_, back in spans):
        return []
    cuts = {v for _, lo, hi, *_ in spans for v in (lo, hi)}
    for k, (_, _, _, base, slope, _) in enumerate(spans):
        for _, _, _, base2, slope2, _ in spans[:k]:
            if slope != slope2:
                cuts.add((base2 - base) / (slope - slope2))
    found = []
    marks = sorted(cuts)
    for lo, hi in itertools.pairwise(marks):
        middle = (lo + hi) / 2
        here = [s for s in spans if s[1] <= middle <= s[2]]
        if not here or hi - lo < SAME_M:
            continue
        lowest = min(base + slope * middle for _, _, _, base, slope, _ in here)
        nearest = [s for s in here if s[3] + s[4] * middle <= lowest + SAME_M]
        u, _, _, base, slope, back = max(nearest, key=lambda s: s[5])
        if back:
            found.append((u, lo, hi, base + slope * lo, base + slope * hi))
    return found


def _within(lo: float, hi: float, h_lo: float, h_hi: float, gap: float) -> tuple[float, float]:
    """Length of a stretch that lies within the gap, and the ground before it."""
    least, most = min(h_lo, h_hi), max(h_lo, h_hi)
    if least >= gap:
        return 0.0, 0.0
    long = hi - lo
    if most > gap:
        long *= (gap - least) / (most - least)
        most = gap
    return long, long * (least + most) / 2
