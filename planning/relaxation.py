"""The linear relaxation of the set packing over columns: shares of the parcels that bound every plan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import kernel, lean
from planning.columns import Columns, slack

TOLERANCE_YUAN = 1e-4
"""By how much a column may break the shares before the method goes on; made good at the end."""
FAR_YUAN = 300.0
"""Slack beyond which a column is no longer looked at in every step."""


class Basis(NamedTuple):
    """Where the simplex method stands: it goes on from there at another worth, or with more columns."""

    inverse: np.ndarray  # float64[n, n]: inverse[j] is column j of the inverse basis
    value: np.ndarray  # float64[n]: of what is in the basis
    column: np.ndarray  # int64[n]: what is in it, -1 a parcel left out


@lean
def _join_pool(c, worth, y, pool, held, within, worst):
    """(columns held, added): the two columns that break the shares most below each parcel join the pool.

    worst: float64[n, 4], scratch: number and slack of either.
    """
    n = worst.shape[0]
    for p in range(n):
        worst[p, 0] = -1.0
        worst[p, 1] = -TOLERANCE_YUAN
        worst[p, 2] = -1.0
        worst[p, 3] = -TOLERANCE_YUAN
    for i in range(c.held[0]):
        if within[i]:
            continue
        s = slack(c, i, worth, y)
        p = c.first[i]
        if s < worst[p, 1]:
            worst[p, 2], worst[p, 3] = worst[p, 0], worst[p, 1]
            worst[p, 0], worst[p, 1] = float(i), s
        elif s < worst[p, 3]:
            worst[p, 2], worst[p, 3] = float(i), s
    added = 0
    for p in range(n):
        for k in range(0, 4, 2):
            if worst[p, k] >= 0.0:
                i = np.int64(worst[p, k])
                pool[held] = i
                within[i] = True
                held += 1
                added += 1
    return held, added


@lean
def _thin_out(c, worth, y, pool, held, within):
    """Columns still held once those are dropped that are far from entering."""
    kept = 0
    for k in range(held):
        if slack(c, pool[k], worth, y) < FAR_YUAN:
            pool[kept] = pool[k]
            kept += 1
        else:
            within[pool[k]] = False
    return kept


@lean
def _pivots(c, worth, y, pool, held, basis, alpha, most):
    """Steps of the simplex method over the pool, `most` at the most: how many were made.

    y follows.
    """
    t, x = basis.inverse, basis.value
    n = x.shape[0]
    done = 0
    while done < most:
        worst = -TOLERANCE_YUAN
        column = np.int64(-1)
        loose = np.int64(-1)
        for k in range(held):
            s = slack(c, pool[k], worth, y)
            if s < worst:
                worst = s
                column = pool[k]
        for p in range(n):
            if y[p] < worst:
                worst = y[p]
                loose = p
        if loose >= 0:
            for i in range(n):
                alpha[i] = t[loose, i]
        elif column >= 0:
            a, b = c.start[column], c.start[column + 1]
            for i in range(n):
                alpha[i] = t[c.member[a], i]
            for k in range(a + 1, b):
                for i in range(n):
                    alpha[i] += t[c.member[k], i]
        else:
            break
        out = -1
        least = np.inf
        for i in range(n):
            if alpha[i] > 1e-9 and x[i] < least * alpha[i]:
                least = x[i] / alpha[i]
                out = i
        if out < 0:
            break
        least = max(least, 0.0)
        basis.column[out] = -1 if loose >= 0 else column
        for i in range(n):
            x[i] -= least * alpha[i]
        x[out] = least
        for j in range(n):
            v = t[j, out]
            if v != 0.0:
                y[j] -= worst / alpha[out] * v
                v /= alpha[out]
                for i in range(n):
                    t[j, i] -= v * alpha[i]
                t[j, out] = v
        done += 1
    return done


@lean
def mend(c, worth, y):
    """Raise y until it is at least 0 and over every column at least its value."""
    for p in range(y.shape[0]):
        y[p] = max(y[p], 0.0)
    for i in range(c.held[0]):
        y[c.first[i]] += max(-slack(c, i, worth, y), 0.0)


@kernel
def left_out(n):
    """The basis in which all n parcels are left out."""
    x = np.empty(n)
    seed = np.uint64(88172645463325252)
    for p in range(n):
        seed ^= seed << np.uint64(13)
        seed ^= seed >> np.uint64(7)
        seed ^= seed << np.uint64(17)
        # right sides a little apart keep the method from standing still
        x[p] = 1.0 + 1e-5 * (0.5 + float(seed >> np.uint64(40)) / 16777216.0)
    return Basis(np.eye(n), x, np.full(n, -1, np.int64))


@lean
def _shares(c, worth, basis, y):
    """Set y to the shares that the basis gives."""
    n = y.shape[0]
    for j in range(n):
        y[j] = 0.0
        for i in range(n):
            k = basis.column[i]
            if k >= 0:
                y[j] += (c.net[k] + worth * c.area[k]) * basis.inverse[j, i]


@kernel
def relax(c: Columns, n, worth, most_pivots):
    """Shares y of n parcels that bound every plan: float64[n], y >= 0 and over every column at least its value.

    c: groups; a column's value is net + worth × area. The sum of y bounds the value of every set of disjoint
    columns, whether the simplex method came to its end or not: what is still broken is made good at the end.
    Returns (y, sum of y).
    """
    return relax_from(left_out(n), c, worth, most_pivots)


@kernel
def relax_from(basis, c, worth, most_pivots):
    """The same from a basis over some of the columns c, which is brought forward."""
    n = basis.value.shape[0]
    y = np.zeros(n)
    _shares(c, worth, basis, y)
    alpha = np.empty(n)
    within = np.zeros(c.held[0], np.bool_)
    pool = np.empty(max(256, 8 * n), np.int64)
    worst = np.empty((n, 4))
    held = 0
    pivots = 0
    while pivots < most_pivots:
        if held + 2 * n > pool.shape[0]:
            held = _thin_out(c, worth, y, pool, held, within)
            if held + 2 * n > pool.shape[0]:
                bigger = np.empty(2 * pool.shape[0], np.int64)
                bigger[:held] = pool[:held]
                pool = bigger
        held, added = _join_pool(c, worth, y, pool, held, within, worst)
        if added == 0 and y.min() >= -TOLERANCE_YUAN:
            break
        done = _pivots(c, worth, y, pool, held, basis, alpha, most_pivots - pivots)
        if done == 0 and added == 0:
            break
        pivots += done
    mend(c, worth, y)
    return y, y.sum()
