"""What a group can still become worth: a bound on every block that holds it.

Every parcel that could still come in is taken at the best it could bring, layer by layer around the group (who
wants a far one takes a nearer one too), and what must be paid whatever comes in is paid: earth for the levels that
are in already, operators, ridges to parcels that cannot come in, and the ground inside the group's rectangle that
they hold. Where the parcels at hand are a cell of more, `outside` tells their ridges to what lies beyond: a group
with such a ridge stands for any block that has just these parcels here.
"""

from __future__ import annotations

import numpy as np

from geo.compiled import lean
from geo.schemas import MU_M2
from planning.walk import (
    AREA,
    BANDS,
    BOX,
    HIGHEST,
    LOWEST,
    OUTSIDE,
    PROFIT,
    RIDGE,
    SAVED,
    least_cut,
    median_of,
)


@lean
def blocked_by_others(u, w, d):
    """Ground of parcels that cannot come in, inside the rectangle of the group at depth d, m²: some of it.

    Neighbours of the group that are stamped as seen may come in.
    """
    u0, v0, u1, v1 = w.figure[d, BOX], w.figure[d, BOX + 1], w.figure[d, BOX + 2], w.figure[d, BOX + 3]
    area, ridge = w.figure[d, AREA], w.figure[d, RIDGE]
    # what the group leaves of its rectangle may be ridges alone: no block is crooked for that
    if d == 0 or (u1 - u0) * (v1 - v0) - area <= w.overlap[0] * (area + ridge):
        return 0.0
    stamp = w.stamp[0]
    ground = 0.0
    for i in range(d + 1):
        p = w.group[i]
        for e in range(u.ptr[p], u.ptr[p + 1]):
            q = u.nbr[e]
            if w.seen[q] == stamp or w.seen[q] == stamp - 1:
                continue
            w.seen[q] = stamp - 1
            width = min(u1, u.box[q, 2]) - max(u0, u.box[q, 0])
            height = min(v1, u.box[q, 3]) - max(v0, u.box[q, 1])
            if width > 0.0 and height > 0.0:
                beyond = (u.box[q, 2] - u.box[q, 0]) * (u.box[q, 3] - u.box[q, 1]) - width * height
                ground += max(0.0, u.area[q] - beyond)
    return ground


@lean
def _crooked(area, blocked, overlap):
    """Least of area × (1 − rectangularity), m², of a block of `area` m² with `blocked` m² of others in its box.

    The box holds the block's parcels, at least area × (1 − overlap), and what is blocked.
    """
    return area * max(0.0, blocked - overlap * area) / (area * (1.0 - overlap) + blocked)


@lean
def part_of_more(u, w, d, rule):
    """Most that a block can earn by what it holds of these parcels, the group at depth d, yuan.

    What several parts of a block pay is no more than the block does: its cut is at least the sum of their least
    ones; its box holds what is blocked in each of theirs, and the crookedness that follows grows at least as
    their sum; each counts those operators that are nowhere else, less the one that is free.
    """
    prices = rule.prices
    w.stamp[0] += 2
    for i in range(d + 1):
        w.seen[w.group[i]] = w.stamp[0]
    whole = w.figure[d, AREA] + w.figure[d, RIDGE]
    blocked = blocked_by_others(u, w, d)
    return (
        prices.ridge_yuan_per_m * (w.figure[d, SAVED] + w.figure[d, OUTSIDE] / 2)
        - prices.earthwork_yuan_per_m3 * least_cut(u, w, d)
        - prices.operator_yuan * max(w.operators[d, 1] - 1, 0)
        - prices.shape_yuan_per_mu / MU_M2 * _least_crooked(blocked, whole, rule.maximum, w.overlap[0])
    )


@lean
def _least_crooked(blocked, least, most, overlap):
    """Least of area × (1 − rectangularity), m², of a block of `least` to `most` m² with `blocked` m² in its box."""
    if blocked == 0.0:
        return 0.0
    # between the two it is no less than at the worse end
    return min(_crooked(least, blocked, overlap), _crooked(most, blocked, overlap))


@lean
def at_most(r, u, outside, w, d, rule, enough):
    """Most that a block with the group at depth d and more can be worth beyond its shares, yuan.

    Some of what it can be worth once that is more than `enough`: the rest is not looked at. Members come after parcel r; `w.base` has what each parcel brings by itself.
    """
    prices = rule.prices
    f = w.figure
    whole = f[d, AREA] + f[d, RIDGE]
    spare = rule.maximum - whole
    low, high = f[d, HIGHEST] - rule.step, f[d, LOWEST] + rule.step
    w.stamp[0] += 2
    stamp = w.stamp[0]
    for i in range(d + 1):
        w.seen[w.group[i]] = stamp
    m = 0
    for i in range(w.at[d], w.last[d]):
        q = w.near[i]
        if low <= u.z[q] <= high and u.area[q] <= spare:
            w.seen[q] = stamp
            w.queue[m] = q
            m += 1
    if m == 0:
        return -np.inf
    area = whole
    far = f[d, OUTSIDE]
    fixed = (
        f[d, PROFIT]
        + prices.ridge_yuan_per_m * (f[d, SAVED] + far / 2)
        - prices.operator_yuan * max(w.operators[d, 1] - 1, 0)
    )
    earth = prices.earthwork_yuan_per_m3 / 2
    run, gain, best = w.band[0], w.band[1], w.band[2]
    median = median_of(u, w, d)
    for b in range(BANDS):
        gain[b], best[b] = 0.0, -np.inf
        if w.edge[b + 1] < low or w.edge[b] > high:
            run[b] = -np.inf
        elif median < w.edge[b]:
            run[b] = fixed - earth * w.way[d, b]
        elif median > w.edge[b + 1]:
            run[b] = fixed - earth * w.way[d, b + 1]
        else:
            run[b] = fixed - 2.0 * earth * least_cut(u, w, d)
    shape = prices.shape_yuan_per_mu / MU_M2
    blocked = -1.0
    most = -np.inf
    layer = m
    k = 0
    while k < m:
        q = w.queue[k]
        k += 1
        g = w.base[q]
        area += u.area[q]
        far += outside[q]
        for e in range(u.ptr[q], u.ptr[q + 1]):
            p = u.nbr[e]
            if w.seen[p] != stamp:
                if p <= r or w.mark[p] or not low <= u.z[p] <= high or u.area[p] > spare:
                    continue
                w.seen[p] = stamp
                w.queue[m] = p
                m += 1
            # with a parcel that may come in or not, each of the two takes half of what its ridge saves
            area += u.ridge[e]
            g += prices.ridge_yuan_per_m * u.facing[e] * (1.0 if w.inside[p] else 0.5)
        if w.who[q] >= 0 and w.here[q] and w.taken[w.who[q]] == 0:
            g -= prices.operator_yuan / w.owned[w.who[q]]
        z = u.z[q]
        pay = earth * u.area[q]
        for b in range(BANDS):
            way = w.edge[b] - z if w.edge[b] > z else z - w.edge[b + 1]
            v = g - pay * way if way > 0.0 else g
            best[b] = v if v > best[b] else best[b]
            gain[b] += v if v > 0.0 else 0.0
        if k == layer:
            top = -np.inf
            for b in range(BANDS):
                run[b] += gain[b] if gain[b] > 0.0 else best[b]
                top = run[b] if run[b] > top else top
                gain[b], best[b] = 0.0, -np.inf
            if (area >= rule.minimum or far > 0.0) and top > most:
                most = top
                if most > enough:
                    if blocked < 0.0:
                        blocked = blocked_by_others(u, w, d)
                    sure = most - shape * _least_crooked(blocked, whole, rule.maximum, w.overlap[0])
                    if sure > enough:
                        return sure
            layer = m
    if most > -np.inf:
        largest = rule.maximum if far > 0.0 else min(rule.maximum, area)
        if blocked < 0.0:
            blocked = blocked_by_others(u, w, d)
        most -= shape * _least_crooked(blocked, whole, largest, w.overlap[0])
    return most
