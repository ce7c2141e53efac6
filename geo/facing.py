"""The compiled kernel under geo.neighbours: which stretches of which parcels' sides see each other.

Every side of a parcel looks straight out of it. What it sees first within the gap, stretch by stretch,
is what it faces: a parcel behind another one is never faced, however near it lies.
"""

from __future__ import annotations

import numpy as np
from numba import njit

RUN = 16
"""Sides per run. A run is the unit of the grid, so one parcel of 100,000 corners stays as cheap as many small."""

_MANY_CELLS = 1024
"""A run over more cells than this is tried against every other instead of being entered in all of them."""

_OPPOSITE = -np.sqrt(0.5)
"""Two sides face each other when their directions (interior to the left) differ by 135° to 225°."""

_TINY = 1e-9


@njit(cache=True, nogil=True)
def runs(coords, ring_at, ring_parcel, ring_hole):
    """Cut rings into runs of at most RUN sides.

    coords: float64[k, 2], closed rings one after the other; ring_at: int64[rings + 1], where each begins;
    ring_parcel: int32[rings], ascending; ring_hole: bool[rings].
    Returns start, stop (sides i..stop-1 go from coords[i] to coords[i + 1]), parcel, turned (the parcel
    lies to the right of its sides), box (x and y least, x and y most).
    """
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
        for i in range(first, last, RUN):
            start[c], stop[c] = i, min(i + RUN, last)
            parcel[c], turned[c] = ring_parcel[r], turn
            box[c, 0] = box[c, 1] = np.inf
            box[c, 2] = box[c, 3] = -np.inf
            for j in range(start[c], stop[c] + 1):
                box[c, 0], box[c, 1] = min(box[c, 0], coords[j, 0]), min(box[c, 1], coords[j, 1])
                box[c, 2], box[c, 3] = max(box[c, 2], coords[j, 0]), max(box[c, 3], coords[j, 1])
            c += 1
    return start, stop, parcel, turned, box


@njit(cache=True, nogil=True)
def _grid(box):
    """Runs by hashed cell: (corner x, corner y, cell, mask, bucket_at, entries, big). Sums of extents set the cell."""
    n = len(box)
    x0, y0, extent = np.inf, np.inf, 0.0
    for c in range(n):
        x0, y0 = min(x0, box[c, 0]), min(y0, box[c, 1])
        extent += box[c, 2] - box[c, 0] + box[c, 3] - box[c, 1]
    cell = max(extent / max(n, 1), 1.0)
    mask = 1
    while mask < 2 * n:
        mask *= 2
    mask -= 1
    at = np.zeros(mask + 2, np.int64)
    big = np.zeros(n, np.bool_)
    for c in range(n):
        i0, i1 = int((box[c, 0] - x0) / cell), int((box[c, 2] - x0) / cell)
        j0, j1 = int((box[c, 1] - y0) / cell), int((box[c, 3] - y0) / cell)
        if (i1 - i0 + 1) * (j1 - j0 + 1) > _MANY_CELLS:
            big[c] = True
            continue
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                at[((i * 73856093) ^ (j * 19349663)) & mask] += 1
    total = 0
    for b in range(mask + 2):
        total += at[b]
        at[b] = total
    entries = np.empty(total, np.int32)
    for c in range(n - 1, -1, -1):
        if big[c]:
            continue
        i0, i1 = int((box[c, 0] - x0) / cell), int((box[c, 2] - x0) / cell)
        j0, j1 = int((box[c, 1] - y0) / cell), int((box[c, 3] - y0) / cell)
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                b = ((i * 73856093) ^ (j * 19349663)) & mask
                at[b] -= 1
                entries[at[b]] = c
    return x0, y0, cell, mask, at, entries, big


@njit(cache=True, nogil=True)
def facing(coords, start, stop, parcel, turned, box, n, gap, overlap):
    """All stretches that see each other, summed from each parcel to each other one.

    n: number of parcels; gap: farthest that a side sees, m; overlap: how far a side may lie inside the
    parcel that it faces, m.
    Returns indptr int64[n + 1], other int32[], length float64[] (m of the parcel's sides that face the
    other), area float64[] (m² before those sides), girth float64[n] (perimeter, m), and quads
    float64[q, 4, 2] with near, far int32[q]: first two corners on parcel near, last two on parcel far, and
    near < far. Quads are made from the longer of two sides that face, so none comes twice.
    """
    x0, y0, cell, mask, at, entries, big = _grid(box)
    bigs = np.flatnonzero(big)
    m = len(start)
    seen = np.full(m, -1, np.int32)
    girth = np.zeros(n)
    indptr = np.zeros(n + 1, np.int64)
    room = 8 * n + 16
    other, length, area = np.empty(room, np.int32), np.empty(room), np.empty(room)
    qroom = 4 * n + 16
    quads, near, far = np.empty((qroom, 4, 2)), np.empty(qroom, np.int32), np.empty(qroom, np.int32)
    count, qcount = 0, 0
    # sides near the run at hand
    ax, ay, bx, by = np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    owner = np.empty(64, np.int32)
    # what one side sees
    t0, t1, h0, h1 = np.empty(64), np.empty(64), np.empty(64), np.empty(64)
    side, faces = np.empty(64, np.int64), np.empty(64, np.bool_)
    cuts = np.empty(128)
    won, won_from, won_to = np.empty(128, np.int64), np.empty(128), np.empty(128)

    first = 0  # where this parcel's sums begin
    for c in range(m):
        p = parcel[c]
        if c == 0 or parcel[c - 1] != p:
            first = count
        # 1. the sides of every run, its own too, that come within the gap of this run's box
        lx, ly, ux, uy = box[c, 0] - gap, box[c, 1] - gap, box[c, 2] + gap, box[c, 3] + gap
        sides = 0
        i0, i1 = int(np.floor((lx - x0) / cell)), int(np.floor((ux - x0) / cell))
        j0, j1 = int(np.floor((ly - y0) / cell)), int(np.floor((uy - y0) / cell))
        cells = 1 if big[c] else (i1 - i0 + 1) * (j1 - j0 + 1)
        for k in range(-1, cells):
            if k >= 0 and not big[c]:
                b = (((i0 + k // (j1 - j0 + 1)) * 73856093) ^ ((j0 + k % (j1 - j0 + 1)) * 19349663)) & mask
                e0, e1 = at[b], at[b + 1]
            elif k >= 0:
                e0, e1 = 0, m
            else:
                e0, e1 = 0, len(bigs)
            for e in range(e0, e1):
                d = bigs[e] if k < 0 else (e if big[c] else entries[e])
                if seen[d] == c:
                    continue
                seen[d] = c
                if box[d, 0] > ux or box[d, 2] < lx or box[d, 1] > uy or box[d, 3] < ly:
                    continue
                for i in range(start[d], stop[d]):
                    px, py, qx, qy = coords[i, 0], coords[i, 1], coords[i + 1, 0], coords[i + 1, 1]
                    if max(px, qx) < lx or min(px, qx) > ux or max(py, qy) < ly or min(py, qy) > uy:
                        continue
                    if px == qx and py == qy:
                        continue
                    if sides == len(ax):
                        ax, ay = np.concatenate((ax, ax)), np.concatenate((ay, ay))
                        bx, by = np.concatenate((bx, bx)), np.concatenate((by, by))
                        owner = np.concatenate((owner, owner))
                        t0, t1 = np.concatenate((t0, t0)), np.concatenate((t1, t1))
                        h0, h1 = np.concatenate((h0, h0)), np.concatenate((h1, h1))
                        side, faces = np.concatenate((side, side)), np.concatenate((faces, faces))
                        cuts, won = np.concatenate((cuts, cuts)), np.concatenate((won, won))
                        won_from = np.concatenate((won_from, won_from))
                        won_to = np.concatenate((won_to, won_to))
                    if turned[d]:
                        ax[sides], ay[sides], bx[sides], by[sides] = qx, qy, px, py
                    else:
                        ax[sides], ay[sides], bx[sides], by[sides] = px, py, qx, qy
                    owner[sides] = parcel[d]
                    sides += 1
        # 2. what each side of the run sees
        for i in range(start[c], stop[c]):
            if turned[c]:
                px, py, qx, qy = coords[i + 1, 0], coords[i + 1, 1], coords[i, 0], coords[i, 1]
            else:
                px, py, qx, qy = coords[i, 0], coords[i, 1], coords[i + 1, 0], coords[i + 1, 1]
            long = np.sqrt((qx - px) ** 2 + (qy - py) ** 2)
            if long == 0.0:
                continue
            girth[p] += long
            ex, ey = (qx - px) / long, (qy - py) / long
            slx, sly, sux, suy = min(px, qx) - gap, min(py, qy) - gap, max(px, qx) + gap, max(py, qy) + gap
            k = 0
            any_faces = False
            for u in range(sides):
                if max(ax[u], bx[u]) < slx or min(ax[u], bx[u]) > sux:
                    continue
                if max(ay[u], by[u]) < sly or min(ay[u], by[u]) > suy:
                    continue
                # along (t) and outward (h) of both ends, in this side's own frame
                ta = (ax[u] - px) * ex + (ay[u] - py) * ey
                ha = (ax[u] - px) * ey - (ay[u] - py) * ex
                tb = (bx[u] - px) * ex + (by[u] - py) * ey
                hb = (bx[u] - px) * ey - (by[u] - py) * ex
                run = np.sqrt((tb - ta) ** 2 + (hb - ha) ** 2)
                is_face = owner[u] != p and tb - ta <= _OPPOSITE * run
                if ta > tb:
                    ta, tb, ha, hb = tb, ta, hb, ha
                if tb - ta < 1e-6 or tb <= 0.0 or ta >= long:
                    continue
                slope = (hb - ha) / (tb - ta)
                lo, hi = max(ta, 0.0), min(tb, long)
                least = -overlap if is_face else 1e-4  # only what truly stands before this side hides others
                if slope == 0.0:
                    if ha < least or ha > gap:
                        continue
                else:
                    cut_a, cut_b = ta + (least - ha) / slope, ta + (gap - ha) / slope
                    lo, hi = max(lo, min(cut_a, cut_b)), min(hi, max(cut_a, cut_b))
                if hi - lo < 1e-6:
                    continue
                t0[k], t1[k] = lo, hi
                h0[k], h1[k] = ha + slope * (lo - ta), ha + slope * (hi - ta)
                side[k], faces[k] = u, is_face
                any_faces = any_faces or is_face
                k += 1
            if not any_faces:
                continue
            # 3. stretch by stretch, the nearest wins
            wins = 0
            if k == 1:
                won[0], won_from[0], won_to[0] = 0, t0[0], t1[0]
                wins = 1
            else:
                for s in range(k):
                    for w in range(2):
                        value = t0[s] if w == 0 else t1[s]
                        j = 2 * s + w
                        while j > 0 and cuts[j - 1] > value:
                            cuts[j] = cuts[j - 1]
                            j -= 1
                        cuts[j] = value
                for j in range(2 * k - 1):
                    if cuts[j + 1] - cuts[j] < 1e-7:
                        continue
                    mid = 0.5 * (cuts[j] + cuts[j + 1])
                    best, lowest = -1, np.inf
                    for s in range(k):
                        if t0[s] <= mid <= t1[s]:
                            h = h0[s] + (h1[s] - h0[s]) * (mid - t0[s]) / (t1[s] - t0[s])
                            if h < lowest - _TINY or (h < lowest + _TINY and faces[s] and not faces[best]):
                                best, lowest = s, h
                    if best < 0:
                        continue
                    if wins and won[wins - 1] == best and cuts[j] - won_to[wins - 1] < 1e-6:
                        won_to[wins - 1] = cuts[j + 1]
                    else:
                        won[wins], won_from[wins], won_to[wins] = best, cuts[j], cuts[j + 1]
                        wins += 1
            # 4. add up, and keep the ground between
            for w in range(wins):
                s = won[w]
                if not faces[s]:
                    continue
                u = side[s]
                q = owner[u]
                lo, hi = won_from[w], won_to[w]
                rise = (h1[s] - h0[s]) / (t1[s] - t0[s])
                hlo, hhi = h0[s] + rise * (lo - t0[s]), h0[s] + rise * (hi - t0[s])
                ground = 0.5 * (max(hlo, 0.0) + max(hhi, 0.0)) * (hi - lo)
                at_q = -1
                for j in range(first, count):
                    if other[j] == q:
                        at_q = j
                        break
                if at_q < 0:
                    if count == len(other):
                        other, length = np.concatenate((other, other)), np.concatenate((length, length))
                        area = np.concatenate((area, area))
                    at_q = count
                    while at_q > first and other[at_q - 1] > q:
                        other[at_q], length[at_q] = other[at_q - 1], length[at_q - 1]
                        area[at_q] = area[at_q - 1]
                        at_q -= 1
                    other[at_q], length[at_q], area[at_q] = q, 0.0, 0.0
                    count += 1
                length[at_q] += hi - lo
                area[at_q] += ground
                run = np.sqrt((bx[u] - ax[u]) ** 2 + (by[u] - ay[u]) ** 2)
                if long < run or (long == run and (px < ax[u] or (px == ax[u] and py < ay[u]))):
                    continue
                # corners a (at lo) and b (at hi) on this side, d and e across from them
                qlo, qhi = lo, hi
                elo = max(hlo, 0.0)
                ehi = max(hhi, 0.0)
                dx, dy = px + ex * lo + ey * elo, py + ey * lo - ex * elo
                fx, fy = px + ex * hi + ey * ehi, py + ey * hi - ex * ehi
                # Where one side ends a little before the other the ground ends from corner to corner,
                # unless something else is faced from what is left over.
                if w == 0 or owner[side[won[w - 1]]] == q:
                    if lo <= 1e-6:
                        if np.hypot(bx[u] - dx, by[u] - dy) <= gap:
                            dx, dy = bx[u], by[u]
                    elif w == 0 and lo <= gap and np.hypot(bx[u] - dx, by[u] - dy) < 1e-3:
                        qlo = 0.0
                if w == wins - 1 or owner[side[won[w + 1]]] == q:
                    if hi >= long - 1e-6:
                        if np.hypot(ax[u] - fx, ay[u] - fy) <= gap:
                            fx, fy = ax[u], ay[u]
                    elif w == wins - 1 and long - hi <= gap and np.hypot(ax[u] - fx, ay[u] - fy) < 1e-3:
                        qhi = long
                if qcount == len(near):
                    quads = np.concatenate((quads, quads))
                    near, far = np.concatenate((near, near)), np.concatenate((far, far))
                v = 0 if p < q else 2
                quads[qcount, v, 0], quads[qcount, v, 1] = px + ex * qlo, py + ey * qlo
                quads[qcount, v + 1, 0], quads[qcount, v + 1, 1] = px + ex * qhi, py + ey * qhi
                quads[qcount, (v + 2) % 4, 0], quads[qcount, (v + 2) % 4, 1] = fx, fy
                quads[qcount, (v + 3) % 4, 0], quads[qcount, (v + 3) % 4, 1] = dx, dy
                near[qcount], far[qcount] = min(p, q), max(p, q)
                qcount += 1
        indptr[p + 1] = count
    for i in range(1, n + 1):
        indptr[i] = max(indptr[i], indptr[i - 1])
    return (
        indptr,
        other[:count],
        length[:count],
        area[:count],
        girth,
        quads[:qcount],
        near[:qcount],
        far[:qcount],
    )
