"""What no plan of a part is worth more than, cell by cell: for parts whose groups are too many even to be priced.

A cell is a run of parcels along the frontier. What a block holds of a cell is one of the cell's groups, or several;
those that reach the cell's rim stand for any block that goes on beyond it (planning.ceiling). A cell in which too
many groups would have to be tried is cut in two.
"""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel
from planning.columns import for_area_alone
from planning.exact import small_groups, take
from planning.pricing import priced
from planning.relaxation import relax
from planning.walk import ridge_share

MOST_PARCELS = 120
"""Parcels of a cell: the relaxation works on a square of them."""
FEW_PARCELS = 6
"""A cell of no more parcels is not cut."""


@kernel
def _first_and_last(op):
    """First and last parcel of each one's operator: int64[n], int64[n]."""
    n = op.shape[0]
    first, last = np.arange(n), np.arange(n)
    order = np.argsort(op, kind="mergesort")
    for k in range(1, n):
        if op[order[k]] == op[order[k - 1]]:
            first[order[k]] = first[order[k - 1]]
    for k in range(n - 1, 0, -1):
        if op[order[k]] == op[order[k - 1]]:
            last[order[k - 1]] = last[order[k]]
    return first, last


@kernel
def _cut(u, lo, hi):
    """Where lo..hi is best cut in two: the least ridge from one side to the other, somewhere in the middle."""
    margin = max((hi - lo) // 3, 1)
    across = np.zeros(hi - lo + 1)
    for p in range(lo, hi):
        for e in range(u.ptr[p], u.ptr[p + 1]):
            if p < u.nbr[e] < hi:
                across[p + 1 - lo] += u.facing[e]
                across[u.nbr[e] + 1 - lo] -= u.facing[e]
    across = np.cumsum(across)
    best = lo + (hi - lo) // 2
    for s in range(lo + margin, hi - margin + 1):
        if across[s - lo] < across[best - lo]:
            best = s
    return best


@kernel
def bound_of_cells(u, rule, worth, whole, seeds, rounds, most_tried, slight):
    """(most, most_area): what no packing of u is worth more than at `worth` [yuan/m²], and its most m² in blocks.

    u: in the order of its frontier. whole: begin with the part as one cell, else with two. seeds: groups listed to begin a cell's pricing with;
    rounds, most_tried, slight: of `planning.pricing.priced`.
    """
    n = u.area.shape[0]
    place = np.full(n, -1, np.int32)
    overlap = ridge_share(u)
    first, last = _first_and_last(u.op)
    total = 0.0
    area = 0.0
    stack = np.empty((2 * n + 2, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, n
    top = 1
    while top > 0:
        top -= 1
        lo, hi = stack[top, 0], stack[top, 1]
        few = hi - lo <= FEW_PARCELS
        if few or (hi - lo <= MOST_PARCELS and (whole or hi - lo < n)):
            cell, outside = take(u, np.arange(lo, hi).astype(np.int32), place)
            here = (first[lo:hi] >= lo) & (last[lo:hi] < hi)
            columns, known = small_groups(cell, outside, here, overlap, rule, 1 << 40 if few else seeds)
            most = np.inf
            if known:
                _, most = relax(columns, hi - lo, worth, 200 * (hi - lo) + 2000)
                _, most_area = relax(for_area_alone(columns), hi - lo, 1.0, 200 * (hi - lo) + 2000)
                area += most_area
            elif not few:
                _, _, most = priced(
                    cell, outside, here, overlap, rule, worth, columns, rounds, most_tried, -np.inf, slight
                )
                area += cell.area.sum() if most < np.inf else 0.0
            if most < np.inf:
                total += most
                continue
        middle = _cut(u, lo, hi)
        stack[top, 0], stack[top, 1] = lo, middle
        stack[top + 1, 0], stack[top + 1, 1] = middle, hi
        top += 2
    return total, area
