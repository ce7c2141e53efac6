"""The best blocks of one part: list its groups, bound their packings, pick the best one; bounds where that is too much.

A part (planning.quality) of up to `MOST_PARCELS` parcels is taken as a whole. If all its groups can be listed,
the linear relaxation of the set packing gives each parcel a share; the packing is then searched along the
frontier with these shares, and what comes out is proven to be the best unless states had to be left out.
Otherwise groups up to a lesser area are listed; the bound is then taken over cells of the part, in which groups
that reach the cell's rim stand for all that lies beyond it.
"""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel, lean
from planning.columns import enlarged, no_columns
from planning.cost import block_value
from planning.cover import cover
from planning.groups import Unit
from planning.listing import BROKEN_OFF, WHOLE, listing

MOST_PARCELS = 240
"""Parcels of a part that is taken as a whole: the relaxation works on a square of them."""
GROWTH = (1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, np.inf)
"""Largest blocks listed where not all can be, as multiples of the minimum, the next only if the last was little."""


@kernel
def take(u, rows, place):
    """(Unit, outside): the parcels `rows` of u in that order, and m of ridge from each to all others of u.

    place: int32[parcels of u], all -1; it is left so.
    """
    n = rows.shape[0]
    pairs = 0
    for i in range(n):
        place[rows[i]] = i
        pairs += u.ptr[rows[i] + 1] - u.ptr[rows[i]]
    area, z, op = np.empty(n), np.empty(n), np.empty(n, np.int32)
    box = np.empty((n, 4))
    ptr = np.zeros(n + 1, np.int32)
    nbr, facing, ridge = np.empty(pairs, np.int32), np.empty(pairs), np.empty(pairs)
    outside = np.zeros(n)
    k = 0
    for i in range(n):
        p = rows[i]
        area[i] = u.area[p]
        z[i] = u.z[p]
        op[i] = u.op[p]
        box[i] = u.box[p]
        for e in range(u.ptr[p], u.ptr[p + 1]):
            q = place[u.nbr[e]]
            if q < 0:
                outside[i] += u.facing[e]
            else:
                nbr[k] = q
                facing[k] = u.facing[e]
                ridge[k] = u.ridge[e]
                k += 1
        ptr[i + 1] = k
    for i in range(n):
        place[rows[i]] = -1
    return Unit(area, z, op, box, ptr, nbr[:k], facing[:k], ridge[:k]), outside


@kernel
def frontier(ptr, nbr, rows, place):
    """The parcels `rows` in breadth-first order from a far end: neighbours stand near each other, rims are short.

    place: int32[parcels], all -1; it is left so.
    """
    n = rows.shape[0]
    for i in range(n):
        place[rows[i]] = -2
    order = np.empty(n, np.int32)
    count = 0
    for i in range(n):
        if place[rows[i]] != -2:
            continue
        begin = count
        start = rows[i]
        for _sweep in range(3):
            for k in range(begin, count):
                place[order[k]] = -2
            count = begin + 1
            order[begin] = start
            place[start] = -3
            head = begin
            while head < count:
                p = order[head]
                head += 1
                for e in range(ptr[p], ptr[p + 1]):
                    q = nbr[e]
                    if place[q] == -2:
                        place[q] = -3
                        order[count] = q
                        count += 1
            start = order[count - 1]
    for i in range(n):
        place[rows[i]] = -1
    return order


@lean
def _earns(u, members, rule):
    """(net, area) of one block: ridges saved less what it costs [yuan], and m² of its parcels."""
    n = members.shape[0]
    area, moment, ridge, saved = 0.0, 0.0, 0.0, 0.0
    u0, v0, u1, v1 = np.inf, np.inf, -np.inf, -np.inf
    operators = 0
    for i in range(n):
        p = members[i]
        area += u.area[p]
        moment += u.area[p] * u.z[p]
        u0, v0 = min(u0, u.box[p, 0]), min(v0, u.box[p, 1])
        u1, v1 = max(u1, u.box[p, 2]), max(v1, u.box[p, 3])
        known = u.op[p] < 0
        for j in range(i):
            known = known or u.op[members[j]] == u.op[p]
        if not known:
            operators += 1
        for e in range(u.ptr[p], u.ptr[p + 1]):
            for j in range(i):
                if members[j] == u.nbr[e]:
                    ridge += u.ridge[e]
                    saved += u.facing[e]
    cut = 0.0
    for i in range(n):
        cut += u.area[members[i]] * max(u.z[members[i]] - moment / area, 0.0)
    box = (u1 - u0) * (v1 - v0)
    return block_value(n, area + ridge, saved, cut, box, float(operators), rule.prices), area


@lean
def _next_block(labels, order, i):
    """Where the run of one label ends in `order`, which begins at i."""
    k = i
    while k < order.shape[0] and labels[order[k]] == labels[order[i]]:
        k += 1
    return k


@kernel
def value(u, labels, rule):
    """Yuan that the blocks of `labels` are worth: area in them, ridges saved, less what they cost."""
    order = np.argsort(labels, kind="mergesort").astype(np.int32)
    n = labels.shape[0]
    total = 0.0
    i = 0
    while i < n:
        k = _next_block(labels, order, i)
        if labels[order[i]] < 0:
            i = k
            continue
        net, area = _earns(u, order[i:k], rule)
        total += rule.worth * area + net
        i = k
    return total


@kernel
def with_blocks(c, u, labels, rule):
    """The columns c and the blocks of `labels`."""
    order = np.argsort(labels, kind="mergesort").astype(np.int32)
    n = labels.shape[0]
    i = 0
    while i < n:
        k = _next_block(labels, order, i)
        if labels[order[i]] < 0:
            i = k
            continue
        at = c.held[0]
        used = c.start[at]
        if at == c.net.shape[0] or used + k - i > c.member.shape[0]:
            c = enlarged(c)
            continue
        c.net[at], c.area[at] = _earns(u, order[i:k], rule)
        c.member[used : used + k - i] = order[i:k]
        c.first[at] = order[i]
        c.start[at + 1] = used + k - i
        c.held[0] = at + 1
        i = k
    return c


@kernel
def pack(columns, n, worth, y, least, width, states):
    """(labels, value, most): the best packing of the columns worth more than `least`, and what none is above.

    y: shares of the n parcels that hold for all columns. A block is labelled by its first parcel, -1 loose; value
    is `least` where nothing better was found. width: states kept at each parcel, widened to it step by step until
    none is left out; states: in all, at once.
    """
    total = y.sum()
    labels = np.full(n, -1, np.int32)
    loss = total - least
    now = min(8, width)
    while True:
        chosen, found, dropped = cover(columns, n, worth, y, loss, now, states)
        if found < loss:
            loss = found
            labels[:] = -1
            for i in range(chosen.shape[0]):
                a, b = columns.start[chosen[i]], columns.start[chosen[i] + 1]
                for k in range(a, b):
                    labels[columns.member[k]] = columns.member[a]
        if dropped >= loss or now >= width:
            break
        now = min(now * 8, width)
    return labels, total - loss, total - min(loss, dropped)


@kernel
def listed(u, rule, most):
    """(Columns, whether they are all): all groups, if these are no more than `most`."""
    n = u.area.shape[0]
    columns, state = listing(u, np.zeros(n), np.ones(n, np.bool_), 0.0, rule, np.inf, most)
    return columns, state == WHOLE


@kernel
def small_groups(u, outside, here, overlap, rule, most):
    """(Columns, whether they are all): groups up to the largest block of GROWTH for which they are no more than `most`.

    outside, here, overlap: of `planning.listing.listing`.
    """
    columns = no_columns(1, 1)
    for factor in GROWTH:
        further, state = listing(u, outside, here, overlap, rule, factor * rule.minimum, most)
        if state == BROKEN_OFF:
            break
        columns = further
        if state == WHOLE:
            return columns, True
        if 2 * columns.held[0] > most:
            break
    return columns, False


@kernel
def arranged(bounds, rows, ptr, nbr):
    """`rows` with each part rows[bounds[i] : bounds[i + 1]] in the order of its frontier; ptr, nbr: of all parcels."""
    place = np.full(ptr.shape[0] - 1, -1, np.int32)
    out = np.empty_like(rows)
    for i in range(bounds.shape[0] - 1):
        a, b = bounds[i], bounds[i + 1]
        out[a:b] = frontier(ptr, nbr, rows[a:b], place)
    return out
