"""Scratch of a walk over the groups of a part, and figures of the group that it has come to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import inlined, kernel, lean

AREA, MOMENT, RIDGE, SAVED, LOWEST, HIGHEST, BOX, OUTSIDE, PROFIT = 0, 1, 2, 3, 4, 5, 6, 10, 11
"""Figures of a group by their place in `Walk.figure`; the box takes four."""

BANDS = 12
"""Bands of level that a walk tells apart; one step is half of them."""


class Walk(NamedTuple):
    """Scratch of one part of n parcels; rows of figure, number, first, last, at are depths of the walk."""

    figure: np.ndarray  # float64[n + 2, 12]
    operators: (
        np.ndarray
    )  # int32[n + 2, 2]: of a group; and those of them that work nothing beyond these parcels
    first: np.ndarray  # int32[n + 2]: parcels around a depth's group stand in near[first:last] ...
    last: np.ndarray
    at: np.ndarray  # ... and are taken from `at` on
    near: np.ndarray  # int32[n + 2]
    group: np.ndarray  # int32[n + 2], in the order in which they came in
    level: np.ndarray  # int32[n + 2], the same from the lowest to the highest
    mark: np.ndarray  # bool[n]: stands in `near`
    inside: np.ndarray  # bool[n]
    seen: np.ndarray  # int64[n] stamps
    queue: np.ndarray  # int32[n + 2]: what could still come in, layer after layer
    who: np.ndarray  # int32[n]: first parcel with the same operator, -1 unknown
    here: np.ndarray  # bool[n]: its operator works no parcel beyond these
    owned: np.ndarray  # int32[n]: of each operator, parcels of the part
    taken: np.ndarray  # int32[n]: of each operator, parcels of the group
    base: np.ndarray  # float64[n]: what a parcel brings by itself beyond its share, yuan
    stamp: np.ndarray  # int64[1]
    overlap: np.ndarray  # float64[1]: `ridge_share`
    edge: np.ndarray  # float64[BANDS + 1]: where the bands begin and end, m
    way: np.ndarray  # float64[n + 2, BANDS + 1]: Σ A·|z − edge| of a depth's group, m³
    band: (
        np.ndarray
    )  # float64[3, BANDS]: of each band, what a block levelled in it may be worth; gain and best of a layer


@kernel
def ridge_share(u):
    """What ridges between the parcels of any block of u are of its whole area, at the most."""
    most = 0.0
    for p in range(u.area.shape[0]):
        ridge = 0.0
        for e in range(u.ptr[p], u.ptr[p + 1]):
            ridge += u.ridge[e]
        most = max(most, ridge / 2 / u.area[p])
    return most / (1.0 + most)


@kernel
def walk_of(u, here, overlap):
    """Scratch for the groups of `u`. here: of `Walk`; overlap: `ridge_share` of all parcels that a block may hold."""
    n = u.area.shape[0]
    who = np.full(n, -1, np.int32)
    order = np.argsort(u.op, kind="mergesort")
    for k in range(n):
        p = order[k]
        if u.op[p] >= 0:
            same = k > 0 and u.op[order[k - 1]] == u.op[p]
            who[p] = who[order[k - 1]] if same else p
    owned = np.zeros(n, np.int32)
    for p in range(n):
        if who[p] >= 0:
            owned[who[p]] += 1
    return Walk(
        np.zeros((n + 2, 12)),
        np.zeros((n + 2, 2), np.int32),
        np.zeros(n + 2, np.int32),
        np.zeros(n + 2, np.int32),
        np.zeros(n + 2, np.int32),
        np.zeros(n + 2, np.int32),
        np.zeros(n + 2, np.int32),
        np.zeros(n + 2, np.int32),
        np.zeros(n, np.bool_),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int64),
        np.zeros(n + 2, np.int32),
        who,
        here,
        owned,
        np.zeros(n, np.int32),
        np.zeros(n),
        np.zeros(1, np.int64),
        np.array([overlap]),
        np.zeros(BANDS + 1),
        np.zeros((n + 2, BANDS + 1)),
        np.zeros((3, BANDS)),
    )


@lean
def set_base(w, u, outside, rule, worth, y):
    """What each parcel brings by itself beyond its share y, at `worth` [yuan/m²]."""
    for p in range(y.shape[0]):
        w.base[p] = worth * u.area[p] - y[p] + rule.prices.ridge_yuan_per_m * outside[p] / 2


@lean
def set_bands(w, level, step):
    """Bands from one step below `level` to one above it; without a limit to the step there are no levels."""
    half = step if step < np.inf else 1.0
    for b in range(BANDS + 1):
        w.edge[b] = level + (2.0 * b / BANDS - 1.0) * half


@inlined
def add_ways(u, w, d, p):
    """Ways of the group at depth d, which is the one at depth d - 1 and parcel p."""
    for b in range(BANDS + 1):
        way = u.z[p] - w.edge[b]
        way = way if way > 0.0 else -way
        w.way[d, b] = u.area[p] * way + (w.way[d - 1, b] if d > 0 else 0.0)


@inlined
def median_of(u, w, d):
    """The level [m] to which the group at depth d has the least way."""
    half = 0.5 * w.figure[d, AREA]
    gone = 0.0
    k = 0
    while k < d and gone + u.area[w.level[k]] < half:
        gone += u.area[w.level[k]]
        k += 1
    return u.z[w.level[k]]


@inlined
def least_cut(u, w, d):
    """Cut of any block that holds the group at depth d, as far as it falls to these parcels, m³.

    Half the way to their median: no level is nearer to them, and a block's cut is half of all ways to its own.
    """
    median = median_of(u, w, d)
    way = 0.0
    for i in range(d + 1):
        way += u.area[w.level[i]] * abs(u.z[w.level[i]] - median)
    return way / 2
