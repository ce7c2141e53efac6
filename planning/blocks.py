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

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.neighbours import adjacency
from planning.contraction import PIECE, SPREAD, pieces, small_units
from planning.effort import Effort
from planning.fields import Fields, Rules
from planning.quality import Bounds, weak
from planning.search import join_units

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


EFFORT = (3, 5, 2)
"""First partitions per unit; ruin-and-recreate rounds per loose parcel that could be placed, and per block."""
LARGE = 1500
"""Parcels beyond which a unit is cut into cells first; pairs across the cuts are improved afterwards."""
CHUNK = 4000
"""Parcels handed to a thread at a time: short enough that a cancel is felt within a second or two."""


def solve(
    fields: Fields,
    can: npt.NDArray[np.bool_],
    rules: Rules,
    seed: int,
    progress: Callable[[float], None] | None = None,
    threads: int = 2,
    effort: Effort = Effort.normal,
) -> tuple[Ints, Bounds]:
    """`join`, and the bounds that no other partition passes."""
    labels = join(fields, can, rules, seed, progress, threads, effort)
    worth = np.array([0.0, 0.5, 1.0, 2.0])
    return labels, weak(fields, can, rules.prices, worth)


def join(
    fields: Fields,
    can: npt.NDArray[np.bool_],
    rules: Rules,
    seed: int,
    progress: Callable[[float], None] | None = None,
    threads: int = 2,
    effort: Effort = Effort.normal,
) -> Ints:
    """Block of each parcel, numbered by first row, -1 where it is in none: int32[n].

    can: `planning.reach.reachable`. Deterministic for a seed, whatever the number of threads.
    Raises what `progress` raises (a cancel).
    """
    n = len(fields.area_m2)
    if n == 0:
        return np.zeros(0, np.int32)
    # the last bit of a level must not turn a step of 0.30 into too much
    step = np.full(n, rules.max_step_m + 1e-9)
    small = small_units(fields.unit, fields.area_m2, fields.minimum_m2)
    if small.any():
        step[small] *= 1 - SPREAD
        piece, first, whole = _contracted(fields, small, rules.max_step_m * SPREAD)
        reached = np.bincount(piece, can) > 0
        labels = _joined(whole, reached, step[first], rules, seed, progress, threads)[piece]
    else:
        labels = _joined(fields, can, step, rules, seed, progress, threads)
    codes, _ = pd.factorize(np.where(labels >= 0, labels, np.nan), use_na_sentinel=True)
    return codes.astype(np.int32)


def _joined(
    fields: Fields,
    can: npt.NDArray[np.bool_],
    step: Floats,
    rules: Rules,
    seed: int,
    progress: Callable[[float], None] | None,
    threads: int,
) -> Ints:
    """Join every unit, a large one by cells first: labels are row numbers, -1 loose. step: m, per parcel."""
    n = len(fields.area_m2)
    sizes = np.bincount(fields.unit)
    if (sizes <= LARGE).all():
        return _run(fields, fields.unit, can, step, rules, seed, None, progress, threads)
    cell = _cells(fields, sizes)
    order = np.lexsort((np.arange(n), cell))
    parts = _reorder(fields, order, cell)
    within = _run(parts, parts.unit, can[order], step[order], rules, seed, None, progress, threads)
    labels = np.full(n, -1, np.int32)
    # a label is a row number; carry it back to the rows' own order
    labels[order] = np.where(within >= 0, order[within], -1)
    return _run(fields, fields.unit, can, step, rules, seed, labels, None, threads)


def _contracted(
    fields: Fields, small: npt.NDArray[np.bool_], spread_m: float
) -> tuple[Ints, npt.NDArray[np.int64], Fields]:
    """Piece of each parcel, the first row of each piece, and the fields with pieces in the parcels' place."""
    left, right = fields.left, fields.right
    pairs = np.flatnonzero(small[left])
    gap = np.abs(fields.elevation_m[left] - fields.elevation_m[right])[pairs]
    order = pairs[np.lexsort((-fields.facing_m[pairs], gap))]
    root = pieces(
        left, right, order, fields.area_m2, fields.elevation_m, fields.minimum_m2 * PIECE, spread_m + 1e-9
    )
    first, piece = np.unique(root, return_inverse=True)
    n = len(first)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, piece, fields.elevation_m)
    np.maximum.at(high, piece, fields.elevation_m)
    box = np.column_stack([np.full((n, 2), np.inf), np.full((n, 2), -np.inf)])
    np.minimum.at(box[:, :2], piece, fields.box_m[:, :2])
    np.maximum.at(box[:, 2:], piece, fields.box_m[:, 2:])
    operator = fields.operator[first]
    mixed = np.zeros(n, bool)
    mixed[piece[fields.operator != operator[piece]]] = True
    a, b = np.minimum(piece[left], piece[right]), np.maximum(piece[left], piece[right])
    within = a == b
    area = np.bincount(piece, fields.area_m2, n) + np.bincount(a[within], fields.ridge_m2[within], n)
    sides, of = np.unique(np.stack([a[~within], b[~within]]), axis=1, return_inverse=True)
    of = of.reshape(-1)
    return (
        piece.astype(np.int32),
        first.astype(np.int64),
        Fields(
            area_m2=area.astype(float),
            elevation_m=(low + high) / 2,
            minimum_m2=fields.minimum_m2[first],
            operator=np.where(mixed, -1, operator).astype(np.int32),
            box_m=box,
            unit=fields.unit[first],
            left=sides[0].astype(np.int32),
            right=sides[1].astype(np.int32),
            facing_m=np.bincount(of, fields.facing_m[~within], sides.shape[1]).astype(float),
            ridge_m2=np.bincount(of, fields.ridge_m2[~within], sides.shape[1]).astype(float),
        ),
    )


def _run(
    fields: Fields,
    unit: Ints,
    can: npt.NDArray[np.bool_],
    step: Floats,
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
