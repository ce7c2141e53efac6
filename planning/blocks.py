"""Joining parcels into blocks, one field unit at a time: start, improve pairs, shake, keep the best.

A partition of a unit is a set of connected groups. A group that reaches the minimum is a block and earns its
area; a smaller one is loose: its parcels will keep their outlines. The search first gathers loose area until
it turns into blocks (`PULL` rewards loose groups that come close to the minimum), then lowers the cost at
equal area. Its one move takes two neighbouring groups and splits their union anew in the best way; where the
union is small every connected split is tried, otherwise sweeps across it, single moves and swaps. When no
pair improves, a few groups are dissolved and grown again at random (ruin and recreate), and the change stays
only if the unit got better.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geo.neighbours import adjacency
from planning.cost import Prices
from planning.search import join_units

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Fields:
    """What the search knows of n parcels and the m pairs that may be joined; row order is canonical.

    area_m2, elevation_m [m, NaN unknown], minimum_m2: float64[n]; operator: int32[n], -1 unknown;
    box_m: float64[n, 4], extent (u0, v0, u1, v1) in the field unit's own direction;
    unit: int32[n], rows of one unit stand together; left, right: int32[m]; facing_m, ridge_m2: float64[m].
    """

    area_m2: Floats
    elevation_m: Floats
    minimum_m2: Floats
    operator: Ints
    box_m: Floats
    unit: Ints
    left: Ints
    right: Ints
    facing_m: Floats
    ridge_m2: Floats


EFFORT = (3, 5, 2)
"""First partitions per unit; ruin-and-recreate rounds per loose parcel that could be placed, and per block."""
LARGE = 1500
"""Parcels beyond which a unit is cut into cells first; pairs across the cuts are improved afterwards."""
CHUNK = 4000
"""Parcels handed to a thread at a time: short enough that a cancel is felt within a second or two."""


@dataclass(frozen=True)
class Rules:
    """The hard rules and prices of one run. maximum_m2 [m²], max_step_m [m; inf without elevation]."""

    maximum_m2: float
    max_step_m: float
    prices: Prices


def join(
    fields: Fields,
    can: npt.NDArray[np.bool_],
    rules: Rules,
    seed: int,
    progress: Callable[[float], None] | None = None,
    threads: int = 2,
) -> Ints:
    """Block of each parcel, numbered by first row, -1 where it is in none: int32[n].

    can: `planning.reach.reachable`. Deterministic for a seed, whatever the number of threads.
    Raises what `progress` raises (a cancel).
    """
    n = len(fields.area_m2)
    if n == 0:
        return np.zeros(0, np.int32)
    sizes = np.bincount(fields.unit)
    if (sizes <= LARGE).all():
        labels = _run(fields, fields.unit, can, rules, seed, None, progress, threads)
    else:
        cell = _cells(fields, sizes)
        order = np.lexsort((np.arange(n), cell))
        parts = _reorder(fields, order, cell)
        within = _run(parts, parts.unit, can[order], rules, seed, None, progress, threads)
        labels = np.full(n, -1, np.int32)
        # a label is a row number; carry it back to the rows' own order
        labels[order] = np.where(within >= 0, order[within], -1)
        labels = _run(fields, fields.unit, can, rules, seed, labels, None, threads)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first[1:] if (labels < 0).any() else first))
    if (labels < 0).any():
        rank = np.concatenate([[-1], rank])
    return rank[inverse].astype(np.int32)


def _run(
    fields: Fields,
    unit: Ints,
    can: npt.NDArray[np.bool_],
    rules: Rules,
    seed: int,
    start: Ints | None,
    progress: Callable[[float], None] | None,
    threads: int,
) -> Ints:
    """Join all units, chunk by chunk over threads; labels are row numbers, -1 loose."""
    n = len(unit)
    inside = unit[fields.left] == unit[fields.right]
    left, right = fields.left[inside], fields.right[inside]
    ptr, nbr, edge = adjacency(n, left, right)
    facing = fields.facing_m[inside][edge]
    ridge = fields.ridge_m2[inside][edge]
    bounds = np.concatenate([np.flatnonzero(np.r_[True, unit[1:] != unit[:-1]]), [n]]).astype(np.int64)
    cuts = np.unique(np.searchsorted(bounds, np.arange(0, n, CHUNK), side="right") - 1)
    cuts = np.append(cuts, len(bounds) - 1)
    z = np.nan_to_num(fields.elevation_m)
    # the search compares levels to the step; the last bit must not turn 0.30 into too much
    step = rules.max_step_m + 1e-9
    out = np.full(n, -1, np.int32)
    none = np.zeros(0, np.int32)

    def work(i: int) -> None:
        part = bounds[cuts[i] : cuts[i + 1] + 1]
        a, b = part[0], part[-1]
        labels = join_units(
            part, fields.area_m2, z, fields.operator, fields.box_m, ptr, nbr, facing, ridge,
            fields.minimum_m2, rules.maximum_m2, step, rules.prices, can, none if start is None else start, seed, EFFORT,
        )  # fmt: skip
        out[a:b] = np.where(labels >= 0, labels + np.int32(a), -1)

    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(work, i) for i in range(len(cuts) - 1)]
        try:
            for done, job in enumerate(jobs, 1):
                job.result()
                if progress is not None:
                    progress(done / len(jobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return out


def _cells(fields: Fields, sizes: npt.NDArray[np.integer]) -> Ints:
    """Cut units of more than LARGE parcels at medians of their extent until each cell is small: int32[n].

    Cells are numbered in the order of their unit, then of the cuts.
    """
    n = len(fields.unit)
    cell = fields.unit.astype(np.int64) << 24
    mid = (fields.box_m[:, :2] + fields.box_m[:, 2:]) / 2
    for unit in np.flatnonzero(sizes > LARGE):
        todo = [(np.flatnonzero(fields.unit == unit), np.int64(1))]
        while todo:
            rows, code = todo.pop()
            if len(rows) <= LARGE:
                cell[rows] += code
                continue
            axis = int(np.ptp(mid[rows, 1]) > np.ptp(mid[rows, 0]))
            order = rows[np.argsort(mid[rows, axis], kind="stable")]
            todo += [(order[: len(rows) // 2], code * 2), (order[len(rows) // 2 :], code * 2 + 1)]
    return np.unique(cell, return_inverse=True)[1].reshape(n).astype(np.int32)


def _reorder(fields: Fields, order: npt.NDArray[np.integer], unit: Ints) -> Fields:
    """The same fields with rows in `order` and units renamed; pairs follow their rows."""
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    a, b = place[fields.left], place[fields.right]
    return Fields(
        area_m2=fields.area_m2[order],
        elevation_m=fields.elevation_m[order],
        minimum_m2=fields.minimum_m2[order],
        operator=fields.operator[order],
        box_m=fields.box_m[order],
        unit=unit[order],
        left=np.minimum(a, b),
        right=np.maximum(a, b),
        facing_m=fields.facing_m,
        ridge_m2=fields.ridge_m2,
    )
