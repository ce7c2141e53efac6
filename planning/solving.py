"""Part after part at one effort: the exact way where it is possible, the search where it is not, and the bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import kernel
from planning.exact import MOST_PARCELS, bounds_of_cells, listed, pack, value
from planning.groups import Unit
from planning.pairs import Rule
from planning.relaxation import relax
from planning.search import improve_unit, join_unit
from planning.windows import resplit


class Knobs(NamedTuple):
    """What one effort may spend on a part."""

    groups: int  # listed for a part taken as a whole
    width: int  # states kept at a parcel
    states: int  # in all
    some: bool  # where these are too many, pack those of the smaller blocks besides
    starts: int  # first partitions of the search; 0: it goes on from the blocks to be beaten
    shakes: int  # ruin-and-recreate rounds per loose parcel that could be placed
    polish: int  # the same per block, for cost
    window: int  # parcels split anew together; 0: none
    window_groups: int
    rounds: int
    cell: int  # parcels of a cell of the bound; 0: no such bound
    cell_groups: int


@kernel
def solve_part(u, rule, seed, start, again, knobs, worths):
    """(labels, value, most, proven): the best blocks found of one part, and what no others are worth more than.

    u: in the order of its frontier. start: int32[n], blocks to be beaten (any names, -1 loose); rule.worth
    is worths[-1]; most: float64[worths]. again: only improve `start`, as the part is too large to begin anew. A higher effort that starts from a lower one's blocks is never worse.
    """
    n = u.area.shape[0]
    none = np.zeros(n)
    labels = start.copy()
    best = value(u, labels, rule)
    most = np.full(worths.shape[0], np.inf)
    whole = False
    if n <= MOST_PARCELS and not again:
        columns, whole = listed(u, none, rule, knobs.groups, knobs.some)
        if columns.net.shape[0] > 0:
            new, _, bound = pack(columns, rule.worth, -1.0, knobs.width, knobs.states)
            found = value(u, new, rule)
            if found > best:
                labels, best = new, found
            if whole:
                most[-1] = bound
                if bound <= best + 1e-6 * (1.0 + abs(best) * 1e-6):
                    return labels, best, most, True
                for w in range(worths.shape[0] - 1):
                    _, most[w] = relax(columns, worths[w], 200 * n + 2000)
        elif whole:
            most[:] = 0.0
            return labels, best, most, True
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
    if not whole and knobs.cell > 0:
        most = bounds_of_cells(u, rule, worths, knobs.cell, knobs.cell_groups)
    return labels, best, most, most[-1] <= best + 1e-6


@kernel
def solve_parts(
    bounds, todo, area, z, op, box, ptr, nbr, facing, ridge, minimum, maximum, step, prices, worths,
    start, again, seed, knobs,
):  # fmt: skip
    """Solve the parts `todo`, part p of rows bounds[p]..bounds[p + 1]: (labels of their rows, most, proven).

    minimum [m²] and step [m] are taken from a part's first row. Labels are row numbers, -1 loose; start: int32
    of all rows, labels to be beaten; again: bool[parts], of `solve_part`.
    """
    count = todo.shape[0]
    rows = 0
    for i in range(count):
        rows += bounds[todo[i] + 1] - bounds[todo[i]]
    out = np.full(rows, -1, np.int32)
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
        labels, _, most[i], proven[i] = solve_part(u, rule, seed + a, own, again[todo[i]], knobs, worths)
        for p in range(b - a):
            if labels[p] >= 0:
                out[at + p] = labels[p] + a
        at += b - a
    return out, most, proven
