"""Boxes in a hashed grid of cells, compiled: which of them meet another box."""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel, lean

_MANY_CELLS = 1024
"""A box over more cells than this is tried against every other instead of being entered in all of them."""

_PRIME_X, _PRIME_Y = 73856093, 19349663


@kernel
def grid(box):
    """Boxes float64[n, 4] (x and y least, x and y most) entered in every cell that they touch.

    Returns corner x and y, cell size, mask of the hash, where each bucket begins, its entries, and the boxes
    that are too big to be entered. The cell is as wide as a box on average; a hash instead of a table, so that
    one parcel far off costs nothing.
    """
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
        big[c] = (i1 - i0 + 1) * (j1 - j0 + 1) > _MANY_CELLS
        if not big[c]:
            for i in range(i0, i1 + 1):
                for j in range(j0, j1 + 1):
                    at[((i * _PRIME_X) ^ (j * _PRIME_Y)) & mask] += 1
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
                b = ((i * _PRIME_X) ^ (j * _PRIME_Y)) & mask
                at[b] -= 1
                entries[at[b]] = c
    return x0, y0, cell, mask, at, entries, np.flatnonzero(big)


@lean
def near(key, lx, ly, ux, uy, box, cells, seen, found):
    """Boxes that meet the box (lx, ly, ux, uy): their number k, and they themselves in found[:k].

    cells: as from grid(box). seen: int[n], filled with -1 before the first call; key: another number ≥ 0
    for every call. found: int[n].
    """
    x0, y0, cell, mask, at, entries, bigs = cells
    i0, i1 = int(np.floor((lx - x0) / cell)), int(np.floor((ux - x0) / cell))
    j0, j1 = int(np.floor((ly - y0) / cell)), int(np.floor((uy - y0) / cell))
    k = 0
    if (i1 - i0 + 1) * (j1 - j0 + 1) > len(box):  # fewer boxes than cells to look into
        for d in range(len(box)):
            if box[d, 0] <= ux and box[d, 2] >= lx and box[d, 1] <= uy and box[d, 3] >= ly:
                found[k] = d
                k += 1
        return k
    for b in range(len(bigs)):
        d = bigs[b]
        if box[d, 0] <= ux and box[d, 2] >= lx and box[d, 1] <= uy and box[d, 3] >= ly:
            found[k] = d
            k += 1
    for i in range(i0, i1 + 1):
        for j in range(j0, j1 + 1):
            b = ((i * _PRIME_X) ^ (j * _PRIME_Y)) & mask
            for e in range(at[b], at[b + 1]):
                d = entries[e]
                if seen[d] == key:
                    continue
                seen[d] = key
                if box[d, 0] <= ux and box[d, 2] >= lx and box[d, 1] <= uy and box[d, 3] >= ly:
                    found[k] = d
                    k += 1
    return k


@kernel
def meeting(one, other):
    """Pairs of a box of one and a box of other that meet, in the order of one: int64[k], int64[k].

    one, other: float64[n, 4] and float64[m, 4], x and y least, x and y most. Quick where those of one are not much
    larger than those of other, whose size the cells have.
    """
    cells = grid(other)
    seen, found = np.full(len(other), -1, np.int32), np.empty(len(other), np.int32)
    left, right = np.empty(64, np.int64), np.empty(64, np.int64)
    total = 0
    for a in range(len(one)):
        k = near(a, one[a, 0], one[a, 1], one[a, 2], one[a, 3], other, cells, seen, found)
        if total + k > len(left):
            left = np.concatenate((left, np.empty(len(left) + k, np.int64)))
            right = np.concatenate((right, np.empty(len(right) + k, np.int64)))
        for f in range(k):
            left[total], right[total] = a, found[f]
            total += 1
    return left[:total], right[:total]
