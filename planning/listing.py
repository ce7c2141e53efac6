"""All groups of a part that may be a block, each listed once below its first parcel, with what it earns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import kernel, lean
from planning.cost import block_value

BROKEN_OFF, LIMITED, WHOLE = 0, 1, 2


class Columns(NamedTuple):
    """Groups as columns: those whose first parcel is p are root[p]..root[p + 1]; members by start."""

    root: np.ndarray  # int64[n + 1]
    start: np.ndarray  # int64[count + 1]
    member: np.ndarray  # int16[...]
    net: np.ndarray  # float64[count]: ridges saved less cost, yuan
    area: np.ndarray  # float64[count]: m² of the parcels


@lean
def _least_cut(area, z, group, k):
    """Cut of any larger block that falls to these k parcels at the least, m³: half the way to their median."""
    least = np.inf
    for i in range(k):
        way = 0.0
        for j in range(k):
            way += area[group[j]] * abs(z[group[j]] - z[group[i]])
        least = min(least, way)
    return least / 2


@kernel
def listing(u, outside, rule, limit, most):
    """(Columns, state): groups of connected parcels within the hard rules; state BROKEN_OFF, LIMITED or WHOLE.

    limit: largest group looked at, m² (one parcel alone may be larger); most: groups tried before it gives up.
    outside: m of ridge from each parcel to parcels beyond those of `u`. A group with such a ridge stands for
    any block that has just these parcels here: it needs no minimum, saves half of those ridges, and pays
    no more than this part of such a block must (a block's cut is at least the sum over its parts of
    `_least_cut`, as its level is no nearer to a part's parcels than their median).
    """
    # taken out of their tuples once: each time would be a counted reference, and these loops do little else
    p_area, z, op, extent, ptr, nbr, facing, p_ridge = u
    minimum, maximum, step, prices = rule.minimum, rule.maximum, rule.step, rule.prices
    n = p_area.shape[0]
    capacity = 256
    width = 2048
    start = np.zeros(capacity + 1, np.int64)
    net = np.empty(capacity)
    area = np.empty(capacity)
    member = np.empty(width, np.int16)
    root = np.zeros(n + 1, np.int64)
    mark = np.zeros(n, np.bool_)
    inside = np.zeros(n, np.bool_)
    near = np.empty(n + 1, np.int32)
    group = np.empty(n + 1, np.int32)
    at = np.zeros(n + 1, np.int32)
    first = np.zeros(n + 1, np.int32)
    last = np.zeros(n + 1, np.int32)
    f = np.zeros((n + 1, 11))  # area, area·z, ridge, saved, lowest, highest, box, ridge to the outside
    ops = np.zeros(n + 1, np.int32)
    count = 0
    used = 0
    tried = 0
    upper = min(maximum, limit)
    state = WHOLE
    for r in range(n):
        root[r] = count
        mark[r] = True
        inside[r] = True
        group[0] = r
        f[0, 0] = p_area[r]
        f[0, 1] = p_area[r] * z[r]
        f[0, 2] = 0.0
        f[0, 3] = 0.0
        f[0, 4] = z[r]
        f[0, 5] = z[r]
        for i in range(4):
            f[0, 6 + i] = extent[r, i]
        f[0, 10] = outside[r]
        ops[0] = 1 if op[r] >= 0 else 0
        k = 0
        for e in range(ptr[r], ptr[r + 1]):
            q = nbr[e]
            if q > r and not mark[q]:
                mark[q] = True
                near[k] = q
                k += 1
        at[0] = 0
        first[0] = 0
        last[0] = k
        d = 0
        fresh = True
        while d >= 0:
            if fresh:
                fresh = False
                tried += 1
                if f[d, 0] + f[d, 2] >= minimum or f[d, 10] > 0.0:
                    if count == capacity:
                        capacity *= 2
                        start2 = np.zeros(capacity + 1, np.int64)
                        start2[: count + 1] = start[: count + 1]
                        start = start2
                        net2 = np.empty(capacity)
                        net2[:count] = net[:count]
                        net = net2
                        area2 = np.empty(capacity)
                        area2[:count] = area[:count]
                        area = area2
                    if used + d + 1 > width:
                        width *= 2
                        member2 = np.empty(width, np.int16)
                        member2[:used] = member[:used]
                        member = member2
                    level = f[d, 1] / f[d, 0]
                    cut = 0.0
                    for i in range(d + 1):
                        p = group[i]
                        member[used] = p
                        used += 1
                        above = z[p] - level
                        if above > 0.0:
                            cut += p_area[p] * above
                    if f[d, 10] > 0.0:
                        net[count] = prices.ridge_yuan_per_m * (
                            f[d, 3] + f[d, 10] / 2
                        ) - prices.earthwork_yuan_per_m3 * _least_cut(p_area, z, group, d + 1)
                    else:
                        box = (f[d, 8] - f[d, 6]) * (f[d, 9] - f[d, 7])
                        net[count] = block_value(
                            d + 1, f[d, 0] + f[d, 2], f[d, 3], cut, box, float(ops[d]), prices
                        )
                    area[count] = f[d, 0]
                    count += 1
                    start[count] = used
                if tried > most:
                    root[r + 1 :] = count
                    return Columns(
                        root, start[: count + 1], member[:used], net[:count], area[:count]
                    ), BROKEN_OFF
            if at[d] == last[d]:
                for i in range(first[d], last[d]):
                    mark[near[i]] = False
                inside[group[d]] = False
                d -= 1
                continue
            q = near[at[d]]
            at[d] += 1
            low = min(f[d, 4], z[q])
            high = max(f[d, 5], z[q])
            if high - low > step:
                continue
            ridge = f[d, 2]
            saved = f[d, 3]
            for e in range(ptr[q], ptr[q + 1]):
                if inside[nbr[e]]:
                    ridge += p_ridge[e]
                    saved += facing[e]
            if f[d, 0] + p_area[q] + ridge > upper:
                if f[d, 0] + p_area[q] + ridge <= maximum:
                    state = LIMITED
                continue
            known = op[q] < 0
            if not known:
                for i in range(d + 1):
                    if op[group[i]] == op[q]:
                        known = True
                        break
            ops[d + 1] = ops[d] + (0 if known else 1)
            k = last[d]
            at[d + 1] = at[d]
            first[d + 1] = k
            for e in range(ptr[q], ptr[q + 1]):
                p = nbr[e]
                if p > r and not mark[p]:
                    mark[p] = True
                    near[k] = p
                    k += 1
            last[d + 1] = k
            d += 1
            group[d] = q
            inside[q] = True
            f[d, 0] = f[d - 1, 0] + p_area[q]
            f[d, 1] = f[d - 1, 1] + p_area[q] * z[q]
            f[d, 2] = ridge
            f[d, 3] = saved
            f[d, 4] = low
            f[d, 5] = high
            f[d, 6] = min(f[d - 1, 6], extent[q, 0])
            f[d, 7] = min(f[d - 1, 7], extent[q, 1])
            f[d, 8] = max(f[d - 1, 8], extent[q, 2])
            f[d, 9] = max(f[d - 1, 9], extent[q, 3])
            f[d, 10] = f[d - 1, 10] + outside[q]
            fresh = True
    root[n] = count
    return Columns(root, start[: count + 1], member[:used], net[:count], area[:count]), state
