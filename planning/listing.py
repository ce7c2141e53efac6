"""Groups of a part that may be a block, each found once below its lowest parcel: all of them, or the better ones.

Where shares of the parcels are given, only groups worth more than their shares are looked for, and what a group can
still become is bounded (planning.ceiling).
"""

from __future__ import annotations

import numpy as np

from geo.compiled import inlined, kernel, lean
from planning.ceiling import at_most, part_of_more
from planning.columns import enlarged, no_columns
from planning.cost import block_value
from planning.walk import (
    AREA,
    BOX,
    HIGHEST,
    LOWEST,
    MOMENT,
    OUTSIDE,
    PROFIT,
    RIDGE,
    SAVED,
    add_ways,
    set_bands,
    walk_of,
)

BROKEN_OFF, LIMITED, WHOLE, FULL = 0, 1, 2, 3


@inlined
def _earned(u, w, d, rule, least):
    """What the group at depth d saves less what it costs, yuan; something no more than `least` where it is no more."""
    f = w.figure
    if f[d, OUTSIDE] > 0.0:
        most = rule.prices.ridge_yuan_per_m * (f[d, SAVED] + f[d, OUTSIDE] / 2)
        return most if most <= least else part_of_more(u, w, d, rule)
    box = (f[d, BOX + 2] - f[d, BOX]) * (f[d, BOX + 3] - f[d, BOX + 1])
    whole = f[d, AREA] + f[d, RIDGE]
    flat = block_value(d + 1, whole, f[d, SAVED], 0.0, box, float(w.operators[d, 0]), rule.prices)
    if d == 0 or flat <= least:
        return flat
    level = f[d, MOMENT] / f[d, AREA]
    cut = 0.0
    for i in range(d, -1, -1):
        above = u.z[w.level[i]] - level
        if above <= 0.0:
            break
        cut += u.area[w.level[i]] * above
    return flat - rule.prices.earthwork_yuan_per_m3 * cut


@lean
def _store(w, d, net, c):
    """Make the group at depth d the next column; there is room for it."""
    count = c.held[0]
    used = c.start[count]
    for i in range(d + 1):
        c.member[used + i] = w.group[i]
    c.start[count + 1] = used + d + 1
    c.first[count] = w.group[0]
    c.area[count] = w.figure[d, AREA]
    c.net[count] = net
    c.held[0] = count + 1


@lean
def groups_below(r, u, outside, rule, limit, worth, y, keep, climb, most, c, w):
    """(tried, keep, left, state): the groups whose lowest parcel is r, added to the columns c.

    limit: largest group looked at, m² (one parcel alone may be larger); most: groups tried before it gives up.
    keep: only groups worth more than their shares y by this much [yuan] are added; -inf: all, and y is not
    looked at. climb: each one that is added raises keep. left: where it gave up, what those not tried are not
    worth more than beyond their shares. state: FULL where c has no room (nothing was added), BROKEN_OFF,
    LIMITED or WHOLE.
    """
    minimum, maximum, step = rule.minimum, rule.maximum, rule.step
    bounded = keep > -np.inf
    upper = min(maximum, limit)
    begun = c.held[0]
    state = WHOLE
    left = -np.inf
    tried = 0
    f = w.figure
    w.mark[r] = True
    w.inside[r] = True
    w.group[0] = r
    w.level[0] = r
    f[0, AREA] = u.area[r]
    f[0, MOMENT] = u.area[r] * u.z[r]
    f[0, RIDGE] = 0.0
    f[0, SAVED] = 0.0
    f[0, LOWEST] = u.z[r]
    f[0, HIGHEST] = u.z[r]
    for i in range(4):
        f[0, BOX + i] = u.box[r, i]
    f[0, OUTSIDE] = outside[r]
    f[0, PROFIT] = worth * u.area[r] - y[r] if bounded else 0.0
    w.operators[0, 0] = 1 if w.who[r] >= 0 else 0
    if w.who[r] >= 0:
        w.taken[w.who[r]] = 1
    w.operators[0, 1] = w.operators[0, 0] if w.here[r] else 0
    if bounded:
        set_bands(w, u.z[r], step)
        add_ways(u, w, 0, r)
    k = 0
    for e in range(u.ptr[r], u.ptr[r + 1]):
        q = u.nbr[e]
        if q > r and not w.mark[q]:
            w.mark[q] = True
            w.near[k] = q
            k += 1
    w.at[0] = 0
    w.first[0] = 0
    w.last[0] = k
    d = 0
    fresh = True
    while d >= 0:
        if fresh:
            fresh = False
            tried += 1
            if f[d, AREA] + f[d, RIDGE] >= minimum or f[d, OUTSIDE] > 0.0:
                net = _earned(u, w, d, rule, keep - f[d, PROFIT])
                if f[d, PROFIT] + net > keep:
                    if c.held[0] == c.net.shape[0] or c.start[c.held[0]] + d + 1 > c.member.shape[0]:
                        state = FULL
                    else:
                        _store(w, d, net, c)
                        if climb:
                            keep = f[d, PROFIT] + net
            if not bounded:
                if tried > most:
                    state = BROKEN_OFF
            elif state != FULL:
                top = at_most(r, u, outside, w, d, rule, np.inf if tried > most else keep)
                if top <= keep:
                    w.at[d] = w.last[d]
                elif tried > most:
                    left = max(left, top)
                    state = BROKEN_OFF
                    w.at[d] = w.last[d]
            if state == FULL or (state == BROKEN_OFF and not bounded):
                for i in range(d + 1):
                    for j in range(w.first[i], w.last[i]):
                        w.mark[w.near[j]] = False
                    w.inside[w.group[i]] = False
                    if w.who[w.group[i]] >= 0:
                        w.taken[w.who[w.group[i]]] = 0
                break
        if w.at[d] == w.last[d]:
            for i in range(w.first[d], w.last[d]):
                w.mark[w.near[i]] = False
            w.inside[w.group[d]] = False
            if w.who[w.group[d]] >= 0:
                w.taken[w.who[w.group[d]]] -= 1
            i = 0
            while w.level[i] != w.group[d]:
                i += 1
            while i < d:
                w.level[i] = w.level[i + 1]
                i += 1
            d -= 1
            continue
        q = w.near[w.at[d]]
        w.at[d] += 1
        low = min(f[d, LOWEST], u.z[q])
        high = max(f[d, HIGHEST], u.z[q])
        if high - low > step:
            continue
        ridge = f[d, RIDGE]
        saved = f[d, SAVED]
        for e in range(u.ptr[q], u.ptr[q + 1]):
            if w.inside[u.nbr[e]]:
                ridge += u.ridge[e]
                saved += u.facing[e]
        if f[d, AREA] + u.area[q] + ridge > upper:
            if f[d, AREA] + u.area[q] + ridge <= maximum and state == WHOLE:
                state = LIMITED
            continue
        known = w.who[q] < 0 or w.taken[w.who[q]] > 0
        if w.who[q] >= 0:
            w.taken[w.who[q]] += 1
        w.operators[d + 1, 0] = w.operators[d, 0] + (0 if known else 1)
        w.operators[d + 1, 1] = w.operators[d, 1] + (0 if known or not w.here[q] else 1)
        k = w.last[d]
        w.at[d + 1] = w.at[d]
        w.first[d + 1] = k
        for e in range(u.ptr[q], u.ptr[q + 1]):
            p = u.nbr[e]
            if p > r and not w.mark[p]:
                w.mark[p] = True
                w.near[k] = p
                k += 1
        w.last[d + 1] = k
        d += 1
        w.group[d] = q
        w.inside[q] = True
        i = d
        while i > 0 and u.z[w.level[i - 1]] > u.z[q]:
            w.level[i] = w.level[i - 1]
            i -= 1
        w.level[i] = q
        f[d, AREA] = f[d - 1, AREA] + u.area[q]
        f[d, MOMENT] = f[d - 1, MOMENT] + u.area[q] * u.z[q]
        f[d, RIDGE] = ridge
        f[d, SAVED] = saved
        f[d, LOWEST] = low
        f[d, HIGHEST] = high
        f[d, BOX] = min(f[d - 1, BOX], u.box[q, 0])
        f[d, BOX + 1] = min(f[d - 1, BOX + 1], u.box[q, 1])
        f[d, BOX + 2] = max(f[d - 1, BOX + 2], u.box[q, 2])
        f[d, BOX + 3] = max(f[d - 1, BOX + 3], u.box[q, 3])
        f[d, OUTSIDE] = f[d - 1, OUTSIDE] + outside[q]
        if bounded:
            f[d, PROFIT] = f[d - 1, PROFIT] + worth * u.area[q] - y[q]
            add_ways(u, w, d, q)
        fresh = True
    w.mark[r] = False
    w.inside[r] = False
    if state == FULL:
        c.held[0] = begun
    return tried, keep, left, state


@kernel
def listing(u, outside, here, overlap, rule, limit, most):
    """(Columns, state): groups of connected parcels within the hard rules; state BROKEN_OFF, LIMITED or WHOLE.

    limit: largest group looked at, m² (one parcel alone may be larger); most: groups tried before it gives up.
    outside: m of ridge from each parcel to parcels beyond those of `u`. A group with such a ridge stands for
    any block that has just these parcels here: it needs no minimum, saves half of those ridges, and pays
    no more than this part of such a block must (`planning.ceiling.part_of_more`). here, overlap: of `walk_of`.
    """
    n = u.area.shape[0]
    w = walk_of(u, here, overlap)
    c = no_columns(min(most, 256) + 1, 2048 + n)
    none = np.zeros(0)
    spent = 0
    state = WHOLE
    r = 0
    while r < n:
        tried, _, _, now = groups_below(
            r, u, outside, rule, limit, 0.0, none, -np.inf, False, most - spent, c, w
        )
        if now == FULL:
            c = enlarged(c)
            continue
        spent += tried
        if now == BROKEN_OFF:
            return c, BROKEN_OFF
        state = min(state, now)
        r += 1
    return c, state
