"""The linear relaxation of the set packing over listed groups: shares of the parcels that bound every plan."""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel


@kernel
def _enter(c, first, last, member, t, n, alpha):
    """alpha = inverse basis times column c of parcels member[first:last]."""
    j = member[first]
    for i in range(n):
        alpha[i] = t[j, i]
    for k in range(first + 1, last):
        j = member[k]
        for i in range(n):
            alpha[i] += t[j, i]


@kernel
def relax(columns, worth, most_pivots):
    """Shares y of the parcels that bound every plan: float64[n], y >= 0 and over every column at least its value.

    columns: groups, `planning.listing`; a column's value is net + worth × area. The sum of y bounds the value of
    every set of disjoint columns, whether the simplex method came to its end or not: what is still violated is
    made good at the end. Returns (y, sum of y).
    """
    root, start, member = columns.root, columns.start, columns.member
    n = root.shape[0] - 1
    count = columns.net.shape[0]
    value = columns.net + worth * columns.area
    t = np.zeros((n, n))  # t[j] is column j of the inverse basis
    b = np.empty(n)
    x = np.empty(n)
    basic = np.full(n, -1, np.int64)  # -1 - p: the slack of parcel p
    seed = np.uint64(88172645463325252)
    for p in range(n):
        t[p, p] = 1.0
        basic[p] = -1 - p
        seed ^= seed << np.uint64(13)
        seed ^= seed >> np.uint64(7)
        seed ^= seed << np.uint64(17)
        # right sides a little apart keep the method from standing still
        b[p] = 1.0 + 1e-5 * (0.5 + float(seed >> np.uint64(40)) / 16777216.0)
        x[p] = b[p]
    y = np.zeros(n)
    alpha = np.empty(n)
    within = np.zeros(count, np.bool_)
    pool = np.empty(max(256, 8 * n), np.int64)
    held = 0
    tol = 1e-4
    pivots = 0
    while pivots < most_pivots:
        # the two worst columns below each parcel join the pool
        added = 0
        if held + 2 * n > pool.shape[0]:
            # drop what is far from entering
            keep = 0
            for i in range(held):
                c = pool[i]
                rc = value[c]
                for k in range(start[c], start[c + 1]):
                    rc -= y[member[k]]
                if rc > -300.0:
                    pool[keep] = c
                    keep += 1
                else:
                    within[c] = False
            held = keep
            if held + 2 * n > pool.shape[0]:
                bigger = np.empty(2 * pool.shape[0], np.int64)
                bigger[:held] = pool[:held]
                pool = bigger
        for p in range(n):
            one = -1
            two = -1
            rc1 = tol
            rc2 = tol
            for c in range(root[p], root[p + 1]):
                if within[c]:
                    continue
                rc = value[c]
                for k in range(start[c], start[c + 1]):
                    rc -= y[member[k]]
                if rc > rc1:
                    two = one
                    rc2 = rc1
                    one = c
                    rc1 = rc
                elif rc > rc2:
                    two = c
                    rc2 = rc
            if one >= 0:
                pool[held] = one
                within[one] = True
                held += 1
                added += 1
            if two >= 0:
                pool[held] = two
                within[two] = True
                held += 1
                added += 1
        if added == 0:
            slack = False
            for p in range(n):
                if y[p] < -tol:
                    slack = True
            if not slack:
                break
        while pivots < most_pivots:
            best = tol
            pick = -1
            kind = 0
            for i in range(held):
                c = pool[i]
                rc = value[c]
                for k in range(start[c], start[c + 1]):
                    rc -= y[member[k]]
                if rc > best:
                    best = rc
                    pick = c
                    kind = 1
            for p in range(n):
                if -y[p] > best:
                    best = -y[p]
                    pick = p
                    kind = 2
            if pick < 0:
                break
            if kind == 1:
                _enter(pick, start[pick], start[pick + 1], member, t, n, alpha)
            else:
                for i in range(n):
                    alpha[i] = t[pick, i]
            r = -1
            least = np.inf
            for i in range(n):
                if alpha[i] > 1e-9:
                    ratio = x[i] / alpha[i]
                    if ratio < least:
                        least = ratio
                        r = i
            if r < 0:
                break
            if least < 0.0:
                least = 0.0
            for i in range(n):
                x[i] -= least * alpha[i]
            x[r] = least
            step = best / alpha[r]
            for j in range(n):
                v = t[j, r]
                if v != 0.0:
                    y[j] += step * v
                    v /= alpha[r]
                    for i in range(n):
                        t[j, i] -= v * alpha[i]
                    t[j, r] = v
            basic[r] = pick if kind == 1 else -1 - pick
            pivots += 1
    _mend(columns, value, y)
    total = 0.0
    for p in range(n):
        total += y[p]
    return y, total


@kernel
def _mend(columns, value, y):
    """Raise y until it is at least 0 and over every column at least its value."""
    for p in range(y.shape[0]):
        if y[p] < 0.0:
            y[p] = 0.0
    for p in range(y.shape[0]):
        most = 0.0
        for c in range(columns.root[p], columns.root[p + 1]):
            rc = value[c]
            for k in range(columns.start[c], columns.start[c + 1]):
                rc -= y[columns.member[k]]
            if rc > most:
                most = rc
        y[p] += most
