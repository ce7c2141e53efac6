"""Part after part at one effort: the exact way where it is possible, the search where it is not, and the bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import kernel
from geo.schemas import MU_M2
from planning.cells import bound_of_cells
from planning.columns import for_area_alone
from planning.cost import Prices
from planning.exact import MOST_PARCELS, listed, pack, small_groups, value, with_blocks
from planning.groups import Unit
from planning.pairs import Rule
from planning.pricing import better, priced
from planning.relaxation import left_out, mend, relax_from
from planning.search import improve_unit, join_unit
from planning.walk import ridge_share
from planning.windows import resplit

EPS_YUAN = 1e-6
SLIGHT_YUAN = 0.5
SLIGHT_M2 = 0.05
"""A group that is worth more than its shares by less is not looked for; it is counted at that."""
WORTHS_YUAN_PER_MU = (250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0, 32_000.0)
"""Worths of a mu of which that one is taken that bounds the cost of a part best at its own area."""
SHORT_PARCELS, SHORT_TRIED = 60, 3
"""Pricing mostly comes to an end in parts of so many parcels: so many times as much is spent on it there."""
ALL_IN_YUAN_PER_MU = 2000.0
"""The least of them where all parcels lie in blocks: few plans leave one out for it."""


class Knobs(NamedTuple):
    """What one effort may spend on a part."""

    groups: int  # listed for a part taken as a whole
    width: int  # states kept at a parcel
    states: int  # in all
    starts: int  # first partitions of the search; 0: it goes on from the blocks to be beaten
    shakes: int  # ruin-and-recreate rounds per loose parcel that could be placed
    polish: float  # the same per block, for cost
    window: int  # parcels split anew together; 0: none
    window_groups: int
    rounds: int
    seeds: int  # groups listed to begin a pricing with; 0: there is none, and no bound
    pricings: int  # rounds of pricing
    tried: int  # groups tried for a parcel in a round, on average
    area_tried: int  # the same for the bound of the area alone; 0: there is none
    enough: float  # gap at which pricing ends, a share of the cost
    proof: int  # groups tried for a parcel to prove a packing, on average; 0: none is proven by pricing


@kernel
def _whole(u, rule, labels, best, columns, knobs, worths, most):
    """(labels, value, proven) where the columns are all groups of the part; `most` is brought down to the bounds."""
    n = labels.shape[0]
    basis = left_out(n)
    y, _ = relax_from(basis, columns, rule.worth, 200 * n + 2000)
    new, _, bound = pack(columns, n, rule.worth, y, -1.0, knobs.width, knobs.states)
    found = value(u, new, rule)
    if found > best:
        labels, best = new, found
    most[-1] = bound
    if bound <= best + EPS_YUAN * (1.0 + abs(best) * 1e-6):
        return labels, best, True
    for w in range(worths.shape[0] - 1):
        _, most[w] = relax_from(basis, columns, worths[w], 200 * n + 2000)
    return labels, best, False


@kernel
def _most_area(u, rule, columns, labels, knobs):
    """What no packing of the part has more m² of in its blocks."""
    n = labels.shape[0]
    area, most = u.area[labels >= 0].sum(), u.area.sum()
    if labels.min() >= 0 or knobs.area_tried == 0 or n > MOST_PARCELS:
        return most
    alone = Rule(rule.minimum, rule.maximum, rule.step, 0.0, 1.0, Prices(0.0, 0.0, 0.0, 0.0))
    _, y, top = priced(
        u, np.zeros(n), np.ones(n, np.bool_), 0.0, alone, 1.0, for_area_alone(columns), knobs.pricings,
        knobs.area_tried, area + SLIGHT_M2 * n, SLIGHT_M2,
    )  # fmt: skip
    if knobs.proof > 0 and area < top < np.inf:
        near, known = better(u, alone, 1.0, y, area - top, knobs.proof, knobs.groups)
        if known:
            mend(near, 1.0, y)
            _, _, top = pack(near, n, 1.0, y, area - 1e-9 * area, knobs.width, knobs.states)
            top = max(top, area)
    return min(most, top)


@kernel
def _telling(u, rule, columns, labels):
    """The worth of a m² in blocks at which the bound says most of what as much area as in `labels` must cost."""
    n = labels.shape[0]
    area = u.area[labels >= 0].sum()
    best = -np.inf
    worth = 0.0
    basis = left_out(n)
    for yuan in WORTHS_YUAN_PER_MU:
        w = min(yuan / MU_M2, rule.worth)
        if labels.min() >= 0 and yuan < ALL_IN_YUAN_PER_MU:
            continue
        _, total = relax_from(basis, columns, w, 200 * n + 2000)
        if w * area - total <= best:
            break
        best = w * area - total
        worth = w
    return worth


@kernel
def _bounded(u, rule, labels, best, knobs, worths, most):
    """(labels, value, proven) after pricing the groups of a part; worths[0] and `most` are set to what it found.

    Groups are priced at the worth of a mu that tells most of the cost, and for area alone: both bounds together
    bound the plan at its own worth.
    """
    n = labels.shape[0]
    outside, here, overlap = np.zeros(n), np.ones(n, np.bool_), ridge_share(u)
    ridges = rule.prices.ridge_yuan_per_m * u.facing.sum() / 2
    area = u.area[labels >= 0].sum()
    most_area = u.area.sum()
    worth = min(ALL_IN_YUAN_PER_MU / MU_M2, rule.worth)
    top = np.inf
    tried = knobs.tried * (SHORT_TRIED if n <= SHORT_PARCELS else 1)
    if n <= MOST_PARCELS:
        columns, _ = small_groups(u, outside, here, overlap, rule, knobs.seeds)
        columns = with_blocks(columns, u, labels, rule)
        most_area = _most_area(u, rule, columns, labels, knobs)
        worth = _telling(u, rule, columns, labels)
        cost = ridges + rule.worth * area - best
        enough = worth * area + ridges - (1.0 - knobs.enough) * cost
        columns, y, top = priced(
            u, outside, here, overlap, rule, worth, columns, knobs.pricings, tried, enough, SLIGHT_YUAN
        )
        if top < np.inf:
            now = best - (rule.worth - worth) * area
            new, _, _ = pack(columns, n, worth, y, now, knobs.width, knobs.states)
            found = value(u, new, rule)
            if found > best:
                labels, best = new, found
                area = u.area[labels >= 0].sum()
                now = best - (rule.worth - worth) * area
            if knobs.proof > 0:
                near, known = better(u, rule, worth, y, now - top, knobs.proof, knobs.groups)
                if known:
                    mend(near, worth, y)
                    new, _, bound = pack(near, n, worth, y, now - EPS_YUAN, knobs.width, knobs.states)
                    found = value(u, new, rule)
                    if found > best:
                        labels, best = new, found
                    top = min(top, max(bound, now))
    if top == np.inf:
        top, cells_area = bound_of_cells(
            u, rule, worth, n > MOST_PARCELS, knobs.seeds, knobs.pricings, knobs.tried, SLIGHT_YUAN
        )
        most_area = min(most_area, cells_area)
    worths[0] = worth
    most[0] = top
    most[-1] = (rule.worth - worth) * most_area + top
    return labels, best, most[-1] <= best + EPS_YUAN * (1.0 + abs(best) * 1e-6)


@kernel
def solve_part(u, rule, seed, start, again, knobs, worths):
    """(labels, value, worths, most, proven): the best blocks found of one part, and what no others are worth more than.

    u: in the order of its frontier. start: int32[n], blocks to be beaten (any names, -1 loose); rule.worth
    is worths[-1]; most: float64[worths] at the worths that come back. again: only improve `start`, as the part is
    too large to begin anew. A higher effort that starts from a lower one's blocks is never worse.
    """
    n = u.area.shape[0]
    labels = start.copy()
    best = value(u, labels, rule)
    worths = worths.copy()
    most = np.full(worths.shape[0], np.inf)
    if n <= MOST_PARCELS and not again:
        columns, whole = listed(u, rule, knobs.groups)
        if whole and columns.held[0] == 0:
            most[:] = 0.0
            return labels, best, worths, most, True
        if whole:
            labels, best, proven = _whole(u, rule, labels, best, columns, knobs, worths, most)
            return labels, best, worths, most, proven
    if again or knobs.starts + knobs.shakes + knobs.polish > 0:
        if again:
            new = improve_unit(u, rule, start, seed)
        else:
            new = join_unit(
                u, rule, np.ones(n, np.bool_), seed, start, knobs.starts, knobs.shakes, knobs.polish
            )
        found = value(u, new, rule)
        if found > best:
            labels, best = new, found
    if knobs.window > 0:
        resplit(u, labels, rule, knobs.window, knobs.window_groups, knobs.width, knobs.rounds)
        best = value(u, labels, rule)
    proven = False
    if knobs.seeds > 0:
        labels, best, proven = _bounded(u, rule, labels, best, knobs, worths, most)
    return labels, best, worths, most, proven


@kernel
def solve_parts(
    bounds, todo, area, z, op, box, ptr, nbr, facing, ridge, minimum, maximum, step, prices, worths,
    start, again, seed, knobs,
):  # fmt: skip
    """Solve the parts `todo`, part p of rows bounds[p]..bounds[p + 1]: (labels of their rows, worths, most, proven).

    minimum [m²] and step [m] are taken from a part's first row. Labels are row numbers, -1 loose; start: int32
    of all rows, labels to be beaten; again: bool[parts], of `solve_part`. worths: yuan per m², those to bound at,
    the run's own last; those that come back, float64[parts, worths], are what `most` holds for.
    """
    count = todo.shape[0]
    rows = 0
    for i in range(count):
        rows += bounds[todo[i] + 1] - bounds[todo[i]]
    out = np.full(rows, -1, np.int32)
    at_worth = np.empty((count, worths.shape[0]))
    most = np.full((count, worths.shape[0]), np.inf)
    proven = np.zeros(count, np.bool_)
    at = 0
    for i in range(count):
        a, b = bounds[todo[i]], bounds[todo[i] + 1]
        first, last = ptr[a], ptr[b]
        u = Unit(
            area[a:b], z[a:b], op[a:b], box[a:b], ptr[a : b + 1] - first,
            nbr[first:last] - np.int32(a), facing[first:last], ridge[first:last],
        )  # fmt: skip
        own = np.where(start[a:b] >= 0, start[a:b] - np.int32(a), np.int32(-1)).astype(np.int32)
        rule = Rule(minimum[a], maximum, step[a], 0.0, worths[-1], prices)
        labels, _, at_worth[i], most[i], proven[i] = solve_part(
            u, rule, seed + a, own, again[todo[i]], knobs, worths
        )
        for p in range(b - a):
            if labels[p] >= 0:
                out[at + p] = labels[p] + a
        at += b - a
    return out, at_worth, most, proven
