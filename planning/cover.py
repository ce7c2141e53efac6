"""The best set of disjoint groups, parcel by parcel along the frontier, guided and cut short by the shares."""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel


@kernel
def _find(table, masks, words, mask):
    """Slot of `mask` in the open table: the one that holds it, or the free one where it belongs."""
    h = np.uint64(1469598103934665603)
    for w in range(words):
        h ^= mask[w]
        h *= np.uint64(1099511628211)
        h ^= h >> np.uint64(29)
    size = np.uint64(table.shape[0] - 1)
    slot = h & size
    while True:
        s = table[slot]
        if s < 0:
            return np.int64(slot)
        same = True
        for w in range(words):
            if masks[s, w] != mask[w]:
                same = False
                break
        if same:
            return np.int64(slot)
        slot = (slot + np.uint64(1)) & size


@kernel
def cover(columns, worth, y, allowed, width, most):
    """(chosen columns, their loss, least loss of what was left out): the best packing found.

    y: shares, `planning.relaxation`; a packing's value is sum(y) less its loss, the sum of the slack of its columns and
    the shares of the parcels in none. Only packings of a loss below `allowed` are looked for; none gives no
    columns and the loss inf. width: states kept at each parcel; the best are kept, and the third figure is inf
    where none was dropped: then nothing better exists. most: states in all.
    """
    root, start, member = columns.root, columns.start, columns.member
    n = root.shape[0] - 1
    words = (n + 63) // 64
    count = columns.net.shape[0]
    # columns that could be part of a better packing, the least slack first below each parcel
    loss = np.empty(count)
    good = np.empty(count, np.int64)
    kept = 0
    first = np.zeros(n + 1, np.int64)
    for p in range(n):
        first[p] = kept
        for c in range(root[p], root[p + 1]):
            v = -(columns.net[c] + worth * columns.area[c])
            for k in range(start[c], start[c + 1]):
                v += y[member[k]]
            loss[c] = max(v, 0.0)
            if v < allowed:
                good[kept] = c
                kept += 1
        part = good[first[p] : kept]
        order = np.argsort(loss[part], kind="mergesort")
        good[first[p] : kept] = part[order]
    first[n] = kept
    bits = np.zeros((kept, words), np.uint64)
    for i in range(kept):
        c = good[i]
        for k in range(start[c], start[c + 1]):
            m = member[k]
            bits[i, m >> 6] |= np.uint64(1) << np.uint64(m & 63)
    capacity = 1024
    masks = np.zeros((capacity, words), np.uint64)
    paid = np.empty(capacity)
    came = np.empty(capacity, np.int32)
    by = np.empty(capacity, np.int64)
    nxt = np.empty(capacity, np.int32)
    table = np.full(4 * capacity, -1, np.int32)
    head = np.full(n + 1, -1, np.int32)
    states = 1
    masks[0] = 0
    paid[0] = 0.0
    came[0] = -1
    by[0] = -1
    nxt[0] = -1
    head[0] = 0
    mask = np.zeros(words, np.uint64)
    table[_find(table, masks, words, mask)] = 0
    dropped = np.inf
    best = allowed
    line = np.empty(256, np.int32)
    for p in range(n):
        k = 0
        s = head[p]
        while s >= 0:
            if k == line.shape[0]:
                longer = np.empty(2 * k, np.int32)
                longer[:k] = line
                line = longer
            line[k] = s
            k += 1
            s = nxt[s]
        if k > width:
            order = np.argsort(paid[line[:k]], kind="mergesort")
            dropped = min(dropped, paid[line[order[width]]])
            line[:width] = line[order[:width]]
            k = width
        for a in range(k):
            s = line[a]
            for i in range(first[p] - 1, first[p + 1]):
                # once each: the parcel stays loose, then every column that begins with it
                cost = paid[s] + (y[p] if i < first[p] else loss[good[i]])
                if cost >= best:
                    if i < first[p]:
                        continue
                    break
                if i < first[p]:
                    mask[:] = masks[s]
                    mask[p >> 6] |= np.uint64(1) << np.uint64(p & 63)
                else:
                    apart = True
                    for w in range(words):
                        if masks[s, w] & bits[i, w]:
                            apart = False
                            break
                    if not apart:
                        continue
                    for w in range(words):
                        mask[w] = masks[s, w] | bits[i, w]
                q = p + 1
                while q < n and mask[q >> 6] >> np.uint64(q & 63) & np.uint64(1):
                    q += 1
                slot = _find(table, masks, words, mask)
                t = table[slot]
                if t >= 0:
                    if cost < paid[t]:
                        paid[t] = cost
                        came[t] = s
                        by[t] = good[i] if i >= first[p] else -1
                        if q == n:
                            best = cost
                    continue
                if states >= most:
                    dropped = min(dropped, cost)
                    continue
                if states == capacity:
                    capacity *= 2
                    masks2 = np.zeros((capacity, words), np.uint64)
                    masks2[:states] = masks[:states]
                    masks = masks2
                    paid2 = np.empty(capacity)
                    paid2[:states] = paid[:states]
                    paid = paid2
                    came2 = np.empty(capacity, np.int32)
                    came2[:states] = came[:states]
                    came = came2
                    by2 = np.empty(capacity, np.int64)
                    by2[:states] = by[:states]
                    by = by2
                    nxt2 = np.empty(capacity, np.int32)
                    nxt2[:states] = nxt[:states]
                    nxt = nxt2
                    table = np.full(4 * capacity, -1, np.int32)
                    for o in range(states):
                        table[_find(table, masks, words, masks[o])] = o
                    slot = _find(table, masks, words, mask)
                t = states
                states += 1
                masks[t] = mask
                paid[t] = cost
                came[t] = s
                by[t] = good[i] if i >= first[p] else -1
                nxt[t] = head[q]
                head[q] = t
                table[slot] = t
                if q == n:
                    best = cost
    chosen = np.empty(n, np.int64)
    k = 0
    s = head[n]
    if s >= 0:
        total = paid[s]
        while s >= 0:
            if by[s] >= 0:
                chosen[k] = by[s]
                k += 1
            s = came[s]
        return chosen[:k], total, dropped
    return chosen[:0], np.inf, dropped
