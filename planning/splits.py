"""The union of two groups split anew: every split where it is small, else sweeps across it, moves and swaps.

A split is looked at in full only where it could be better: what it saves and its box are known at once, the earth
that its two sides move is not, and is taken as none at first.
"""

from __future__ import annotations

import numpy as np

from geo.compiled import inlined, lean
from planning.cost import block_value
from planning.pairs import bit, first_bits, low, part_of, worth, worth_parts

FLAT_M = 1e-6
"""Levels closer than this are one level."""


@lean
def best_exact(k, t, rule, best, both):
    """The best split of k gathered parcels among all whose one side is connected: (value, mask).

    both: only splits into two blocks can be better, as both groups are blocks already; that prunes by area.
    """
    full = first_bits(k)
    chosen = np.uint64(0)
    whole = 0.0
    for i in range(k):
        whole += t.value[i, 0]
    ridges = 0.0
    for e in range(t.ptr[k]):
        ridges += t.ridge[e, 1]
    whole += ridges
    t.stack[0, 0] = np.uint64(1)
    t.stack[0, 1] = np.uint64(0)
    t.stack[0, 2] = t.mask[0, 0]
    t.bound[0, 0] = t.value[0, 0]
    t.bound[0, 1] = t.value[0, 1]
    t.bound[0, 2] = t.value[0, 1]
    top = 1
    while top > 0:
        top -= 1
        inside = t.stack[top, 0]
        banned = t.stack[top, 1]
        around = t.stack[top, 2]
        area = t.bound[top, 0]
        zl = t.bound[top, 1]
        zh = t.bound[top, 2]
        edge = around & ~inside & ~banned
        if edge == 0:
            if inside != full and not (both and area + ridges < rule.minimum):
                b = worth_parts(full & ~inside, t, rule)
                if b > -np.inf:
                    a, _ = worth(inside, t, rule)
                    if a + b > best:
                        best = a + b
                        chosen = inside
            continue
        new = edge & (~edge + np.uint64(1))
        i = low(new)
        t.stack[top, 1] = banned | new
        top += 1
        zl = min(zl, t.value[i, 1])
        zh = max(zh, t.value[i, 1])
        if zh - zl <= rule.step and not (both and whole - area - t.value[i, 0] < rule.minimum):
            t.stack[top, 0] = inside | new
            t.stack[top, 1] = banned
            t.stack[top, 2] = around | t.mask[i, 0]
            t.bound[top, 0] = area + t.value[i, 0]
            t.bound[top, 1] = zl
            t.bound[top, 2] = zh
            top += 1
    return best, chosen


@inlined
def _at_most(n, area, ridge, saved, moment, square, low, high, box, rule):
    """Most yuan that a connected group can be worth, whoever works it; -inf against a rule.

    moment, square: Σ A·z [m³] and Σ A·z² [m⁴] of its parcels; low, high: their levels [m], all from one base.
    The earth is at least what these leave: Σ A·(z − z*)² is no more than twice the cut times the farthest |z − z*|.
    """
    if high - low > rule.step or (n > 1 and area + ridge > rule.maximum):
        return -np.inf
    if area + ridge < rule.minimum:
        return rule.pull * rule.worth * area * (area + ridge) / rule.minimum
    level = moment / area
    far = max(high - level, level - low)
    cut = max(square - moment * level, 0.0) / (2.0 * far) if far > FLAT_M else 0.0
    return rule.worth * area + block_value(n, area + ridge, saved, cut, box, 1.0, rule.prices)


@lean
def _attempt(mask, full, t, rule, best, chosen):
    """(best, chosen), or those of splitting `full` into `mask` and the rest where that is worth more."""
    if part_of(mask, t) == mask:
        value, _ = worth(mask, t, rule)
    else:
        value = worth_parts(mask, t, rule)
    if value > -np.inf:
        value += worth_parts(full & ~mask, t, rule)
        if value > best:
            return value, mask
    return best, chosen


@lean
def _sweep(k, way, t, rule, best, chosen):
    """(best, chosen) after all cuts of the k parcels in one order: along u, v or level."""
    full = first_bits(k)
    base = t.value[0, 1]
    s = t.sweep
    for i in range(k):
        key = t.value[i, 1] if way == 2 else t.value[i, 2 + way] + t.value[i, 4 + way]
        j = i - 1
        while j >= 0 and s[j, 0] > key:
            s[j + 1, 0] = s[j, 0]
            t.order[j + 1, 0] = t.order[j, 0]
            j -= 1
        s[j + 1, 0] = key
        t.order[j + 1, 0] = i
    for i in range(k):
        t.order[t.order[i, 0], 1] = i
        s[i, 1] = 0.0
        s[i, 2] = 0.0
        s[i, 3] = 0.0
        s[i, 4] = 0.0
    # ridges wholly before a place, and wholly after it
    for i in range(k):
        for e in range(t.ptr[i], t.ptr[i + 1]):
            a, b = t.order[i, 1], t.order[t.nbr[e], 1]
            lo, hi = min(a, b), max(a, b)
            s[hi, 1] += t.ridge[e, 0]
            s[hi, 2] += t.ridge[e, 1]
            s[lo, 3] += t.ridge[e, 0]
            s[lo, 4] += t.ridge[e, 1]
    for i in range(1, k):
        s[i, 1] += s[i - 1, 1]
        s[i, 2] += s[i - 1, 2]
    area, moment, square = 0.0, 0.0, 0.0
    lowest, highest = np.inf, -np.inf
    u0, v0, u1, v1 = np.inf, np.inf, -np.inf, -np.inf
    for i in range(k - 1, 0, -1):
        p = t.order[i, 0]
        if i < k - 1:
            s[i, 3] += s[i + 1, 3]
            s[i, 4] += s[i + 1, 4]
        z = t.value[p, 1] - base
        area += t.value[p, 0]
        moment += t.value[p, 0] * z
        square += t.value[p, 0] * z * z
        lowest, highest = min(lowest, z), max(highest, z)
        u0, v0 = min(u0, t.value[p, 2]), min(v0, t.value[p, 3])
        u1, v1 = max(u1, t.value[p, 4]), max(v1, t.value[p, 5])
        box = (u1 - u0) * (v1 - v0)
        s[i, 5] = _at_most(k - i, area, s[i, 4], s[i, 3], moment, square, lowest, highest, box, rule)
        if highest - lowest > rule.step:
            for j in range(1, i):
                s[j, 5] = -np.inf
            break
    area, moment, square = 0.0, 0.0, 0.0
    lowest, highest = np.inf, -np.inf
    u0, v0, u1, v1 = np.inf, np.inf, -np.inf, -np.inf
    mask = np.uint64(0)
    for i in range(k - 1):
        p = t.order[i, 0]
        mask |= bit(p)
        z = t.value[p, 1] - base
        area += t.value[p, 0]
        moment += t.value[p, 0] * z
        square += t.value[p, 0] * z * z
        lowest, highest = min(lowest, z), max(highest, z)
        if highest - lowest > rule.step:
            break
        u0, v0 = min(u0, t.value[p, 2]), min(v0, t.value[p, 3])
        u1, v1 = max(u1, t.value[p, 4]), max(v1, t.value[p, 5])
        if s[i + 1, 5] == -np.inf:
            continue
        box = (u1 - u0) * (v1 - v0)
        most = _at_most(i + 1, area, s[i, 2], s[i, 1], moment, square, lowest, highest, box, rule)
        if most + s[i + 1, 5] > best:
            best, chosen = _attempt(mask, full, t, rule, best, chosen)
    return best, chosen


@lean
def _sides(k, mine, t):
    """Figures of `mine` (row 0) and the rest (row 1), and what each parcel has on either side, into t.sweep.

    t.side: number, area, ridge, saved, Σ A·z and Σ A·z² from the first parcel's level; t.least: least of each key, the next one, whose the least is.
    """
    base = t.value[0, 1]
    for h in range(2):
        t.side[h, :6] = 0.0
        t.least[h, :2] = np.inf
        t.least[h, 2] = -1.0
    for i in range(k):
        h = 0 if mine & bit(i) else 1
        t.side[h, 0] += 1.0
        z = t.value[i, 1] - base
        t.side[h, 1] += t.value[i, 0]
        t.side[h, 4] += t.value[i, 0] * z
        t.side[h, 5] += t.value[i, 0] * z * z
        for x in range(6):
            v = t.key[i, x]
            if v < t.least[h, 0, x]:
                t.least[h, 1, x] = t.least[h, 0, x]
                t.least[h, 0, x] = v
                t.least[h, 2, x] = i
            elif v < t.least[h, 1, x]:
                t.least[h, 1, x] = v
        t.sweep[i, :4] = 0.0
    for i in range(k):
        hi = 0 if mine & bit(i) else 1
        for e in range(t.ptr[i], t.ptr[i + 1]):
            j = t.nbr[e]
            hj = 0 if mine & bit(j) else 1
            f, r = t.ridge[e, 0], t.ridge[e, 1]
            t.sweep[i, 2 * hj] += f
            t.sweep[i, 2 * hj + 1] += r
            t.sweep[j, 2 * hi] += f
            t.sweep[j, 2 * hi + 1] += r
            if hi == hj:
                t.side[hi, 2] += r
                t.side[hi, 3] += f


@inlined
def _least(h, x, out, new, t):
    """Least of key x on side h once `out` has left it and `new` has come (-1: none)."""
    v = t.least[h, 1, x] if t.least[h, 2, x] == out else t.least[h, 0, x]
    return min(v, t.key[new, x]) if new >= 0 else v


@inlined
def _changed(h, out, new, facing, ridge, t, rule):
    """Most yuan that side h can be worth once `out` has left it and `new` has come (-1: none).

    facing, ridge: of the pair out–new, which is in neither side afterwards.
    """
    n, area, ridges, saved = t.side[h, 0], t.side[h, 1], t.side[h, 2], t.side[h, 3]
    moment, square = t.side[h, 4], t.side[h, 5]
    base = t.value[0, 1]
    if out >= 0:
        n -= 1.0
        z = t.value[out, 1] - base
        area -= t.value[out, 0]
        moment -= t.value[out, 0] * z
        square -= t.value[out, 0] * z * z
        saved -= t.sweep[out, 2 * h]
        ridges -= t.sweep[out, 2 * h + 1]
    if new >= 0:
        n += 1.0
        z = t.value[new, 1] - base
        area += t.value[new, 0]
        moment += t.value[new, 0] * z
        square += t.value[new, 0] * z * z
        saved += t.sweep[new, 2 * h] - facing
        ridges += t.sweep[new, 2 * h + 1] - ridge
    low, high = _least(h, 0, out, new, t) - base, -_least(h, 1, out, new, t) - base
    if high - low > rule.step:
        return -np.inf
    width = -_least(h, 2, out, new, t) - _least(h, 4, out, new, t)
    height = -_least(h, 3, out, new, t) - _least(h, 5, out, new, t)
    return _at_most(n, area, ridges, saved, moment, square, low, high, width * height, rule)


@lean
def _moves(k, mine, t, rule, best, chosen):
    """(best, chosen) after giving one parcel to the other side, and after swapping two."""
    full = first_bits(k)
    _sides(k, mine, t)
    rest = full & ~mine
    for i in range(k):
        h = 0 if mine & bit(i) else 1
        own = mine if h == 0 else rest
        if not t.mask[i, 0] & ~own or own == bit(i):
            continue
        most = _changed(h, i, -1, 0.0, 0.0, t, rule)
        if most > -np.inf:
            most += _changed(1 - h, -1, i, 0.0, 0.0, t, rule)
            if most > best:
                best, chosen = _attempt(mine ^ bit(i), full, t, rule, best, chosen)
        if h == 1:
            continue
        for j in range(k):
            if mine & bit(j) or not t.mask[j, 0] & mine:
                continue
            facing = 0.0
            ridge = 0.0
            if t.mask[i, 0] & bit(j):
                a, b = min(i, j), max(i, j)
                for e in range(t.ptr[a], t.ptr[a + 1]):
                    if t.nbr[e] == b:
                        facing = t.ridge[e, 0]
                        ridge = t.ridge[e, 1]
            most = _changed(0, i, j, facing, ridge, t, rule)
            if most > -np.inf:
                most += _changed(1, j, i, facing, ridge, t, rule)
                if most > best:
                    best, chosen = _attempt(mine ^ bit(i) ^ bit(j), full, t, rule, best, chosen)
    return best, chosen


@lean
def best_sweep(k, mine, t, rule, best):
    """The best split of k gathered parcels by sweeps across them, single moves and swaps: (value, mask).

    mine: mask of the first group, all ones where a single group is split. mask is 0 where none beats `best`.
    """
    chosen = np.uint64(0)
    for way in range(3):
        best, chosen = _sweep(k, way, t, rule, best, chosen)
    if mine != first_bits(k):
        best, chosen = _moves(k, mine, t, rule, best, chosen)
    return best, chosen
