"""The best set of disjoint groups, parcel by parcel along the frontier, guided and cut short by the shares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import kernel, lean
from planning.columns import Columns, by_first, slack


class States(NamedTuple):
    """Sets of parcels that are settled; head[p] leads along nxt to those whose first open parcel is p."""

    mask: np.ndarray  # uint64[room, words]
    paid: np.ndarray  # float64[room]: loss so far, yuan
    came: np.ndarray  # int32[room]: state before
    by: np.ndarray  # int64[room]: column taken then, -1: the parcel stayed loose
    nxt: np.ndarray  # int32[room]
    table: np.ndarray  # int32[4 × room]: an open table of the masks
    held: np.ndarray  # int64[1]


@kernel
def _room(room, words):
    return States(
        np.zeros((room, words), np.uint64),
        np.empty(room),
        np.empty(room, np.int32),
        np.empty(room, np.int64),
        np.empty(room, np.int32),
        np.full(4 * room, -1, np.int32),
        np.zeros(1, np.int64),
    )


@lean
def _find(s, mask):
    """Slot of `mask` in the table: the one that holds it, or the free one where it belongs."""
    words = mask.shape[0]
    h = np.uint64(1469598103934665603)
    for w in range(words):
        h ^= mask[w]
        h *= np.uint64(1099511628211)
        h ^= h >> np.uint64(29)
    size = np.uint64(s.table.shape[0] - 1)
    slot = h & size
    while True:
        t = s.table[slot]
        if t < 0:
            return np.int64(slot)
        same = True
        for w in range(words):
            if s.mask[t, w] != mask[w]:
                same = False
                break
        if same:
            return np.int64(slot)
        slot = (slot + np.uint64(1)) & size


@kernel
def _enlarged(s):
    """The same states with twice the room."""
    count = s.held[0]
    out = _room(2 * s.paid.shape[0], s.mask.shape[1])
    out.mask[:count] = s.mask[:count]
    out.paid[:count] = s.paid[:count]
    out.came[:count] = s.came[:count]
    out.by[:count] = s.by[:count]
    out.nxt[:count] = s.nxt[:count]
    out.held[0] = count
    for t in range(count):
        out.table[_find(out, out.mask[t])] = t
    return out


@lean
def _go_on(p, n, line, good, first, bits, loss, y, best, most, s, head, mask):
    """(best, dropped, whether there was room): every way to settle parcel p after each state of `line`.

    best: least loss of a whole packing so far; dropped: least loss so far of a state that was not kept.
    """
    words = mask.shape[0]
    dropped = np.inf
    for a in range(line.shape[0]):
        t = line[a]
        for i in range(first[p] - 1, first[p + 1]):
            # once each: the parcel stays loose, then every column that begins with it
            cost = s.paid[t] + (y[p] if i < first[p] else loss[good[i]])
            if cost >= best:
                if i < first[p]:
                    continue
                break
            if i < first[p]:
                for w in range(words):
                    mask[w] = s.mask[t, w]
                mask[p >> 6] |= np.uint64(1) << np.uint64(p & 63)
            else:
                apart = True
                for w in range(words):
                    if s.mask[t, w] & bits[i, w]:
                        apart = False
                        break
                if not apart:
                    continue
                for w in range(words):
                    mask[w] = s.mask[t, w] | bits[i, w]
            q = p + 1
            while q < n and mask[q >> 6] >> np.uint64(q & 63) & np.uint64(1):
                q += 1
            slot = _find(s, mask)
            found = np.int64(s.table[slot])
            if found < 0:
                if s.held[0] >= most:
                    dropped = min(dropped, cost)
                    continue
                if s.held[0] == s.paid.shape[0]:
                    return best, dropped, False
                found = s.held[0]
                s.held[0] += 1
                for w in range(words):
                    s.mask[found, w] = mask[w]
                s.nxt[found] = head[q]
                head[q] = found
                s.table[slot] = found
            elif cost >= s.paid[found]:
                continue
            s.paid[found] = cost
            s.came[found] = t
            s.by[found] = good[i] if i >= first[p] else -1
            if q == n:
                best = cost
    return best, dropped, True


@kernel
def cover(c: Columns, n, worth, y, allowed, width, most):
    """(chosen columns, their loss, least loss of what was left out): the best packing found of n parcels.

    y: shares, `planning.relaxation`; a packing's value is sum(y) less its loss, the sum of the slack of its
    columns and the shares of the parcels in none. Only packings of a loss below `allowed` are looked for; none
    gives no columns and the loss inf. width: states kept at each parcel; the best are kept, and the third figure
    is inf where none was dropped: then nothing better exists. most: states in all.
    """
    words = (n + 63) // 64
    order, root = by_first(c, n)
    # columns that could be part of a better packing, the least slack first below each parcel
    loss = np.empty(c.held[0])
    good = np.empty(c.held[0], np.int64)
    kept = 0
    first = np.zeros(n + 1, np.int64)
    for p in range(n):
        first[p] = kept
        for k in range(root[p], root[p + 1]):
            i = order[k]
            v = slack(c, i, worth, y)
            loss[i] = max(v, 0.0)
            if v < allowed:
                good[kept] = i
                kept += 1
        part = good[first[p] : kept]
        good[first[p] : kept] = part[np.argsort(loss[part], kind="mergesort")]
    first[n] = kept
    bits = np.zeros((kept, words), np.uint64)
    for i in range(kept):
        for k in range(c.start[good[i]], c.start[good[i] + 1]):
            m = c.member[k]
            bits[i, m >> 6] |= np.uint64(1) << np.uint64(m & 63)
    s = _room(1024, words)
    head = np.full(n + 1, -1, np.int32)
    mask = np.zeros(words, np.uint64)
    s.paid[0] = 0.0
    s.came[0] = -1
    s.by[0] = -1
    s.nxt[0] = -1
    s.held[0] = 1
    head[0] = 0
    s.table[_find(s, mask)] = 0
    dropped = np.inf
    best = allowed
    line = np.empty(256, np.int32)
    for p in range(n):
        k = 0
        t = head[p]
        while t >= 0:
            if k == line.shape[0]:
                longer = np.empty(2 * k, np.int32)
                longer[:k] = line
                line = longer
            line[k] = t
            k += 1
            t = s.nxt[t]
        if k > width:
            ranked = np.argsort(s.paid[line[:k]], kind="mergesort")
            dropped = min(dropped, s.paid[line[ranked[width]]])
            line[:width] = line[ranked[:width]]
            k = width
        while True:
            best, lost, room = _go_on(p, n, line[:k], good, first, bits, loss, y, best, most, s, head, mask)
            dropped = min(dropped, lost)
            if room:
                break
            # what was found is found again, at the same loss
            s = _enlarged(s)
    chosen = np.empty(n, np.int64)
    k = 0
    t = head[n]
    if t >= 0:
        total = s.paid[t]
        while t >= 0:
            if s.by[t] >= 0:
                chosen[k] = s.by[t]
                k += 1
            t = s.came[t]
        return chosen[:k], total, dropped
    return chosen[:0], np.inf, dropped
