"""The compiled kernel under geo.neighbours: which stretches of which parcels' sides see each other.

Every side of a parcel looks straight out of it. What it sees first within the gap, stretch by stretch,
is what it faces: a parcel behind another one is never faced, however near it lies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo import boxes
from geo.compiled import kernel, lean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RUN = 16
"""Sides per run. A run is the unit of the grid, so one parcel of 100,000 corners stays as cheap as many small."""

_OPPOSITE = -np.sqrt(0.5)
"""Two sides face each other when their directions (interior to the left) differ by 135° to 225°."""

_SHARP = np.cos(np.radians(40))
"""Where a parcel's outline turns by more than 40° one of its sides ends; by less, it is one bent side."""

_BEFORE = 1e-4
"""Only what stands this far before a side, m, hides others from it."""

_SHORT = 1e-6
"""Stretches shorter than this are rounding, m."""

_SAME = 1e-9
"""Distances that differ by less are the same, m."""


@kernel
def runs(coords, ring_at, ring_parcel, ring_hole):
    """Cut rings into runs of at most RUN sides.

    coords: float64[k, 2], closed rings one after the other; ring_at: int64[rings + 1], where each begins;
    ring_parcel: int32[rings], ascending; ring_hole: bool[rings].
    Returns start, stop (sides i..stop-1 go from coords[i] to coords[i + 1]), parcel, turned (the parcel
    lies to the right of its sides), box (x and y least, x and y most), and bool[k]: which corners are sharp.
    """
    sharp = np.zeros(len(coords), np.bool_)
    n = 0
    for r in range(len(ring_parcel)):
        n += (ring_at[r + 1] - ring_at[r] - 1 + RUN - 1) // RUN
    start, stop = np.empty(n, np.int64), np.empty(n, np.int64)
    parcel, turned = np.empty(n, np.int32), np.empty(n, np.bool_)
    box = np.empty((n, 4))
    c = 0
    for r in range(len(ring_parcel)):
        first, last = ring_at[r], ring_at[r + 1] - 1
        twice = 0.0
        for i in range(first, last):
            ax, ay = coords[i, 0] - coords[first, 0], coords[i, 1] - coords[first, 1]
            bx, by = coords[i + 1, 0] - coords[first, 0], coords[i + 1, 1] - coords[first, 1]
            twice += ax * by - bx * ay
        turn = (twice < 0) != ring_hole[r]
        for i in range(first, last):
            j = i - 1 if i > first else last - 1
            ax, ay = coords[i, 0] - coords[j, 0], coords[i, 1] - coords[j, 1]
            bx, by = coords[i + 1, 0] - coords[i, 0], coords[i + 1, 1] - coords[i, 1]
            sharp[i] = ax * bx + ay * by < _SHARP * np.sqrt((ax * ax + ay * ay) * (bx * bx + by * by))
        sharp[last] = sharp[first]
        for i in range(first, last, RUN):
            start[c], stop[c] = i, min(i + RUN, last)
            parcel[c], turned[c] = ring_parcel[r], turn
            box[c, 0] = box[c, 1] = np.inf
            box[c, 2] = box[c, 3] = -np.inf
            for j in range(start[c], stop[c] + 1):
                box[c, 0], box[c, 1] = min(box[c, 0], coords[j, 0]), min(box[c, 1], coords[j, 1])
                box[c, 2], box[c, 3] = max(box[c, 2], coords[j, 0]), max(box[c, 3], coords[j, 1])
            c += 1
    return start, stop, parcel, turned, box, sharp


@lean
def _sides_near(c, found, k, coords, start, stop, parcel, turned, box, sharp, gap, near, ends, owner):
    """Sides of the runs found that come within the gap of run c's box, parcel to their left; their number.

    near: from and to; ends: whether the corner at either is sharp; owner: the parcel.
    """
    lx, ly, ux, uy = box[c, 0] - gap, box[c, 1] - gap, box[c, 2] + gap, box[c, 3] + gap
    sides = 0
    for f in range(k):
        d = found[f]
        for i in range(start[d], stop[d]):
            px, py, qx, qy = coords[i, 0], coords[i, 1], coords[i + 1, 0], coords[i + 1, 1]
            if (
                (px < lx and qx < lx)
                or (px > ux and qx > ux)
                or (py < ly and qy < ly)
                or (py > uy and qy > uy)
            ):
                continue
            ends[sides, 0], ends[sides, 1] = sharp[i], sharp[i + 1]
            if turned[d]:
                px, py, qx, qy = qx, qy, px, py
                ends[sides, 0], ends[sides, 1] = sharp[i + 1], sharp[i]
            near[sides, 0], near[sides, 1], near[sides, 2], near[sides, 3] = px, py, qx, qy
            owner[sides] = parcel[d]
            sides += 1
    return sides


@lean
def _sees(px, py, ex, ey, long, p, near, owner, sides, gap, overlap, span, side, faces):
    """All that stands within the gap before the side from (px, py) along (ex, ey); how many, 0 where none faces it.

    span[i]: from and to along the side, and how far out at either; side[i]: which of near; faces[i]: whether
    it is a side of another parcel that looks back.
    """
    k = 0
    one_faces = False
    for u in range(sides):
        ha = (near[u, 0] - px) * ey - (near[u, 1] - py) * ex
        hb = (near[u, 2] - px) * ey - (near[u, 3] - py) * ex
        if (ha > gap and hb > gap) or (ha < -overlap and hb < -overlap):
            continue
        if owner[u] == p and ha < _BEFORE and hb < _BEFORE:
            continue
        ta = (near[u, 0] - px) * ex + (near[u, 1] - py) * ey
        tb = (near[u, 2] - px) * ex + (near[u, 3] - py) * ey
        if (ta <= 0.0 and tb <= 0.0) or (ta >= long and tb >= long):
            continue
        looks_back = owner[u] != p and tb - ta <= _OPPOSITE * np.sqrt((tb - ta) ** 2 + (hb - ha) ** 2)
        if ta > tb:
            ta, tb, ha, hb = tb, ta, hb, ha
        if tb - ta < _SHORT:
            continue
        slope = (hb - ha) / (tb - ta)
        lo, hi = max(ta, 0.0), min(tb, long)
        least = -overlap if looks_back else _BEFORE
        if slope == 0.0:
            if ha < least or ha > gap:
                continue
        else:
            cut_a, cut_b = ta + (least - ha) / slope, ta + (gap - ha) / slope
            lo, hi = max(lo, min(cut_a, cut_b)), min(hi, max(cut_a, cut_b))
        if hi - lo < _SHORT:
            continue
        span[k, 0], span[k, 1] = lo, hi
        span[k, 2], span[k, 3] = ha + slope * (lo - ta), ha + slope * (hi - ta)
        side[k], faces[k] = u, looks_back
        one_faces = one_faces or looks_back
        k += 1
    return k if one_faces else 0


@lean
def _first_seen(span, faces, k, cuts, won, won_span):
    """Stretch by stretch, the nearest of k spans: won[i] from won_span[i, 0] to won_span[i, 1]; their number."""
    if k == 1:
        won[0], won_span[0, 0], won_span[0, 1] = 0, span[0, 0], span[0, 1]
        return 1
    for i in range(2 * k):
        value = span[i // 2, i % 2]
        j = i
        while j > 0 and cuts[j - 1] > value:
            cuts[j] = cuts[j - 1]
            j -= 1
        cuts[j] = value
    wins = 0
    for j in range(2 * k - 1):
        lo, hi = cuts[j], cuts[j + 1]
        if hi - lo < _SHORT:
            continue
        mid = 0.5 * (lo + hi)
        best, lowest = -1, np.inf
        for s in range(k):
            if span[s, 0] <= mid <= span[s, 1]:
                rise = (span[s, 3] - span[s, 2]) / (span[s, 1] - span[s, 0])
                h = span[s, 2] + rise * (mid - span[s, 0])
                if best < 0 or h < lowest - _SAME or (h < lowest + _SAME and faces[s] and not faces[best]):
                    best, lowest = s, h
        if best < 0:
            continue
        if wins > 0 and won[wins - 1] == best and lo - won_span[wins - 1, 1] < _SHORT:
            won_span[wins - 1, 1] = hi
        else:
            won[wins], won_span[wins, 0], won_span[wins, 1] = best, lo, hi
            wins += 1
    return wins


@lean
def _crossed(ax, ay, bx, by, near, sides):
    """Whether the link from a to b, its ends left out, runs through one of the sides near."""
    for u in range(sides):
        cx, cy, dx, dy = near[u, 0], near[u, 1], near[u, 2], near[u, 3]
        ex, ey, fx, fy = bx - ax, by - ay, dx - cx, dy - cy
        turn = ex * fy - ey * fx
        if turn == 0.0:
            continue
        t = ((cx - ax) * fy - (cy - ay) * fx) / turn
        w = ((cx - ax) * ey - (cy - ay) * ex) / turn
        if 0.01 < t < 0.99 and 0.0 <= w <= 1.0:
            return True
    return False


@lean
def _ground(
    quads, place, p_first, px, py, qx, qy, lo, hi, hlo, hhi, across, loose_lo, loose_hi, reach, near, sides
):
    """Corners of the ground between a side, from lo to hi along it, and the side across from it: quads[place].

    Where one of the two ends up to reach before the other the ground ends from corner to corner, so that no
    notch is left; unless (not loose) a corner is not sharp or something else is faced from what is left over,
    or something stands in between.
    """
    tx, ty, ux, uy = near[across, 0], near[across, 1], near[across, 2], near[across, 3]
    long = np.sqrt((qx - px) ** 2 + (qy - py) ** 2)
    ex, ey = (qx - px) / long, (qy - py) / long
    loose_lo, loose_hi = (
        loose_lo and hlo > 1e-3,
        loose_hi and hhi > 1e-3,
    )  # where they touch there is no notch
    hlo, hhi = max(hlo, 0.0), max(hhi, 0.0)
    ax, ay, bx, by = px + ex * lo, py + ey * lo, px + ex * hi, py + ey * hi
    dx, dy, fx, fy = ax + ey * hlo, ay - ex * hlo, bx + ey * hhi, by - ex * hhi
    at_p, at_q = lo <= _SHORT, hi >= long - _SHORT
    if at_p:
        ax, ay = px, py
    if at_q:
        bx, by = qx, qy
    rest = np.hypot(ux - dx, uy - dy)
    if rest < 1e-3 and not at_p:
        dx, dy = ux, uy
        if loose_lo and lo <= reach and not _crossed(px, py, dx, dy, near, sides):
            ax, ay = px, py
    elif rest < 1e-3 or (at_p and loose_lo and rest <= reach and not _crossed(ax, ay, ux, uy, near, sides)):
        dx, dy = ux, uy
    rest = np.hypot(tx - fx, ty - fy)
    if rest < 1e-3 and not at_q:
        fx, fy = tx, ty
        if loose_hi and long - hi <= reach and not _crossed(qx, qy, fx, fy, near, sides):
            bx, by = qx, qy
    elif rest < 1e-3 or (at_q and loose_hi and rest <= reach and not _crossed(bx, by, tx, ty, near, sides)):
        fx, fy = tx, ty
    v = 0 if p_first else 2
    quads[place, v, 0], quads[place, v, 1], quads[place, v + 1, 0], quads[place, v + 1, 1] = ax, ay, bx, by
    v = 2 - v
    quads[place, v, 0], quads[place, v, 1], quads[place, v + 1, 0], quads[place, v + 1, 1] = fx, fy, dx, dy


@lean
def _add(sums, j, lo, hi, hlo, hhi, gap):
    """Add the stretch from lo (hlo away) to hi (hhi away): its length and ground within the gap, all its ground."""
    least, most = max(min(hlo, hhi), 0.0), max(hlo, hhi, 0.0)
    sums[j, 2] += 0.5 * (least + most) * (hi - lo)
    if least >= gap:
        return
    long = hi - lo
    if most > gap:
        long *= (gap - least) / (most - least)
        most = gap
    sums[j, 0] += long
    sums[j, 1] += 0.5 * (least + most) * long


@lean
def _entry(other, sums, first, count, q):
    """Where parcel q stands among the sums from first to count, which stay ascending, and the new count."""
    j = count
    while j > first and other[j - 1] >= q:
        j -= 1
    if j < count and other[j] == q:
        return j, count
    for i in range(count, j, -1):
        other[i] = other[i - 1]
        sums[i, 0], sums[i, 1], sums[i, 2] = sums[i - 1, 0], sums[i - 1, 1], sums[i - 1, 2]
    other[j] = q
    sums[j, 0], sums[j, 1], sums[j, 2] = 0.0, 0.0, 0.0
    return j, count + 1


def facing(
    coords: Floats, start: Ints, stop: Ints, parcel: NDArray[np.int32], turned: Bools, box: Floats,
    sharp: Bools, n: int, gap: float, reach: float, overlap: float,
) -> tuple[Ints, NDArray[np.int32], Floats, Floats, Floats, NDArray[np.int32]]:  # fmt: skip
    """All stretches that see each other, summed from each parcel to each other one.

    coords, start, stop, parcel, turned, box, sharp: as from runs; n: number of parcels; gap: how far apart sides may
    lie to count, m; reach: how far a side sees, m, at least the gap; overlap: how far a side may lie inside
    the parcel that it faces, m.
    Returns indptr int64[n + 1], other int32[], sums float64[, 3] (m of the parcel's sides that face the other
    within the gap, m² before those, m² before all that face it within reach), girth float64[n] (perimeter,
    m), and quads float64[q, 4, 2] with pairs int32[q, 2]: first two corners on the first parcel, last two on
    the second, whose number is greater. Quads are made from the longer of two sides that face, so none comes twice.
    """
    grid = boxes.grid(box)
    seen, found = np.full(len(start), -1, np.int32), np.empty(len(start), np.int32)
    girth, indptr = np.zeros(n), np.zeros(n + 1, np.int64)
    other, sums = np.empty(5 * n + 64, np.int32), np.empty((5 * n + 64, 3))
    quads, pairs = np.empty((3 * n + 64, 4, 2)), np.empty((3 * n + 64, 2), np.int32)
    at, count, qcount, room = 0, 0, 0, 256
    while True:
        near = np.empty((room, 4)), np.empty(room, np.int32), np.empty((room, 2), np.bool_)
        spans = np.empty((room, 4)), np.empty(room, np.int64), np.empty(room, np.bool_)
        wins = np.empty(2 * room), np.empty(2 * room, np.int64), np.empty((2 * room, 2))
        at, count, qcount, sides = _facing(
            at, count, qcount, coords, start, stop, parcel, turned, box, sharp, gap, reach, overlap, grid, seen, found,
            *near, *spans, *wins, indptr, girth, other, sums, quads, pairs,
        )  # fmt: skip
        if at == len(start):
            break
        # compiled code whose arrays never change their place is a third quicker: so they are enlarged out here
        seen[:], room = -1, max(room, 2 * sides)
        if count + 2 * sides > len(other):
            other = np.concatenate((other, np.empty(len(other) // 2 + 2 * sides, np.int32)))
            sums = np.concatenate((sums, np.empty((len(other) - len(sums), 3))))
        if qcount + 2 * sides > len(pairs):
            pairs = np.concatenate((pairs, np.empty((len(pairs) // 2 + 2 * sides, 2), np.int32)))
            quads = np.concatenate((quads, np.empty((len(pairs) - len(quads), 4, 2))))
    indptr[1:] = np.maximum.accumulate(indptr[1:])  # parcels without any side
    return indptr, other[:count], sums[:count], girth, quads[:qcount], pairs[:qcount]


@lean
def _facing(
    at, count, qcount, coords, start, stop, parcel, turned, box, sharp, gap, reach, overlap, grid, seen, found,
    near, owner, ends, span, side, faces, cuts, won, won_span, indptr, girth, other, sums, quads, pairs,
):  # fmt: skip
    """Run by run from `at`, the first of a parcel, until all are done or there is too little room for one.

    Returns the run to go on with, the counts before it, and how many sides are near the run that found no room.
    """
    first, before, qbefore = count, count, qcount
    for c in range(at, len(start)):
        p = parcel[c]
        if c == at or parcel[c - 1] != p:
            at, before, qbefore, first = c, count, qcount, count
            girth[p] = 0.0
        k = boxes.near(
            c,
            box[c, 0] - reach,
            box[c, 1] - reach,
            box[c, 2] + reach,
            box[c, 3] + reach,
            box,
            grid,
            seen,
            found,
        )
        sides = 0
        for f in range(k):
            sides += stop[found[f]] - start[found[f]]
        need = 2 * sides * (stop[c] - start[c])
        if sides > len(owner) or count + need > len(other) or qcount + need > len(pairs):
            return at, before, qbefore, max(sides, need // 2)
        sides = _sides_near(
            c, found, k, coords, start, stop, parcel, turned, box, sharp, reach, near, ends, owner
        )
        for i in range(start[c], stop[c]):
            a, b = (i + 1, i) if turned[c] else (i, i + 1)
            px, py, qx, qy = coords[a, 0], coords[a, 1], coords[b, 0], coords[b, 1]
            long = np.sqrt((qx - px) ** 2 + (qy - py) ** 2)
            if long == 0.0:
                continue
            girth[p] += long
            ex, ey = (qx - px) / long, (qy - py) / long
            k = _sees(px, py, ex, ey, long, p, near, owner, sides, reach, overlap, span, side, faces)
            if k == 0:
                continue
            wins = _first_seen(span, faces, k, cuts, won, won_span)
            for w in range(wins):
                s = won[w]
                if not faces[s]:
                    continue
                lo, hi = won_span[w, 0], won_span[w, 1]
                rise = (span[s, 3] - span[s, 2]) / (span[s, 1] - span[s, 0])
                hlo, hhi = span[s, 2] + rise * (lo - span[s, 0]), span[s, 2] + rise * (hi - span[s, 0])
                u = side[s]
                q = owner[u]
                j, count = _entry(other, sums, first, count, q)
                _add(sums, j, lo, hi, hlo, hhi, gap)
                run = np.sqrt((near[u, 2] - near[u, 0]) ** 2 + (near[u, 3] - near[u, 1]) ** 2)
                if long < run or (
                    long == run and (px < near[u, 0] or (px == near[u, 0] and py < near[u, 1]))
                ):
                    continue
                loose_lo = sharp[a] and ends[u, 1] and (w == 0 or owner[side[won[w - 1]]] == q)
                loose_hi = sharp[b] and ends[u, 0] and (w == wins - 1 or owner[side[won[w + 1]]] == q)
                _ground(
                    quads, qcount, p < q, px, py, qx, qy, lo, hi, hlo, hhi, u, loose_lo, loose_hi, gap,
                    near, sides,
                )  # fmt: skip
                pairs[qcount, 0], pairs[qcount, 1] = min(p, q), max(p, q)
                qcount += 1
        indptr[p + 1] = count
    return len(start), count, qcount, 0
