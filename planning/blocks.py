"""Joining parcels into blocks, one part of a field unit at a time (planning.quality says what a part is).

Where a part's groups can be listed, its best blocks are found and proven (planning.exact). Elsewhere the best
packing of the groups that could be listed stands beside what the search found, and windows of neighbouring
blocks are split anew exactly (planning.windows). What follows is of the search (planning.search).

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
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.neighbours import adjacency
from geo.schemas import MU_M2
from planning.contraction import PIECE, SPREAD, pieces, small_units
from planning.effort import Effort
from planning.exact import arranged
from planning.fields import Fields, Rules
from planning.large import apart, cells
from planning.quality import Bounds, parts, weak
from planning.solving import Knobs, solve_parts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.integer]


KNOBS = {
    Effort.quick: Knobs(800, 64, 20_000, 1, 0, 0.15, 0, 0, 0, 200, 0, 0, 0, 1.0, 0),
    Effort.normal: Knobs(4000, 512, 100_000, 0, 2, 1.0, 0, 0, 0, 1500, 3, 50, 0, 0.02, 80),
    Effort.best: Knobs(50_000, 4096, 500_000, 3, 5, 3.0, 24, 3000, 2, 3000, 12, 4000, 4000, 0.0, 8000),
}
"""What each effort may spend on a part."""
LARGE = 600
"""Parcels beyond which a part is searched by cells; blocks across the cuts are improved afterwards."""
FIRST_CUT = {Effort.quick: 0.5, Effort.normal: 0.4, Effort.best: 0.35}
"""Where each effort cuts a large part first."""
CHUNK = 2000
"""Parcels handed to a thread at a time: short enough that a cancel is felt within a second or two."""
WORTHS_YUAN_PER_MU = (250.0, 500.0, 1000.0)
"""Worths of a mu for which bounds are taken besides the run's own: each bounds the cost at the plan's own area."""


def join(
    fields: Fields,
    can: Bools,
    rules: Rules,
    seed: int,
    progress: Callable[[float], None] | None = None,
    threads: int = 2,
    effort: Effort = Effort.normal,
) -> Ints:
    """The blocks of `solve` alone."""
    return solve(fields, can, rules, seed, progress, threads, effort)[0]


def solve(
    fields: Fields,
    can: Bools,
    rules: Rules,
    seed: int,
    progress: Callable[[float], None] | None = None,
    threads: int = 2,
    effort: Effort = Effort.normal,
) -> tuple[Ints, Bounds]:
    """Block of each parcel, numbered by first row, -1 where it is in none: int32[n]; and what no plan passes.

    can: `planning.reach.reachable`. Deterministic for a seed, whatever the number of threads. Each effort starts
    from the blocks of the one below it. Raises what `progress` raises (a cancel).
    """
    n = len(fields.area_m2)
    own = rules.worth_yuan_per_m2
    less = [w / MU_M2 for w in WORTHS_YUAN_PER_MU if w / MU_M2 < own]
    worth = np.array([*(less or [own / 2]), own])
    bounds = weak(fields, can, rules.prices, worth)
    if not can.any():
        return np.full(n, -1, np.int32), bounds
    # the last bit of a level must not turn a step of 0.30 into too much
    step = np.full(n, rules.max_step_m + 1e-9)
    small = small_units(fields.unit, fields.area_m2, fields.minimum_m2)
    run = _Run(rules, worth, seed, effort, threads, progress)
    if small.any():
        step[small] *= 1 - SPREAD
        piece, first, whole = _contracted(fields, small, rules.max_step_m * SPREAD)
        reached = np.bincount(piece, can) > 0
        labels, part, at, most, proven = run.solved(whole, reached, step[first])
        labels, part = labels[piece], part[piece]
    else:
        labels, part, at, most, proven = run.solved(fields, can, step)
    # pieces bound nothing: what they cannot hold, parcels might
    sure = np.flatnonzero(can & ~small)
    rows = sure[np.unique(bounds.part[sure], return_index=True)[1]]
    to, of = bounds.part[rows], part[rows]
    _tighten(bounds.worth, bounds.most, to, at[of], most[of])
    bounds.proven[to] = proven[of]
    dearest = _dearest(fields, bounds.part, rules)
    bounds.area_m2[:] = np.minimum(bounds.area_m2, (bounds.most[:, -1] + dearest) / max(own, 1e-12))
    codes, _ = pd.factorize(np.where(labels >= 0, labels, np.nan), use_na_sentinel=True)
    return codes.astype(np.int32), bounds


def _tighten(worth: Floats, most: Floats, rows: Rows, at: Floats, found: Floats) -> None:
    """Put bounds that were found at the worths `at` in the place of those of `rows` that say less.

    Bounds at another worth than before replace what was there; the run's own worth is always the same.
    """
    other = (at != worth[rows]) & np.isfinite(found)
    most[rows] = np.where(other, found, np.fmin(most[rows], found))
    worth[rows] = np.where(other, at, worth[rows])


def _dearest(fields: Fields, part: Ints, rules: Rules) -> Floats:
    """Of each part, yuan that blocks can cost at the most: what a plan of more area might pay for it.

    Parcels within a step s cannot move more than A·s/4; the box is never more crooked than all of its area.
    """
    inside = part >= 0
    n = int(part.max(initial=-1)) + 1
    within = (part[fields.left] == part[fields.right]) & inside[fields.left]
    ridge = np.bincount(part[fields.left][within], fields.ridge_m2[within], n)
    area = np.bincount(part[inside], fields.area_m2[inside], n)
    earth = 0.0 if np.isinf(rules.max_step_m) else rules.max_step_m / 4 * rules.prices.earthwork_yuan_per_m3
    operators = rules.prices.operator_yuan * np.bincount(part[inside], minlength=n)
    whole: Floats = earth * area + rules.prices.shape_yuan_per_mu * (area + ridge) / MU_M2 + operators
    return whole


@dataclass(frozen=True)
class _Run:
    """One run over all parts; worth: yuan per m², the run's own last; by_cells: its parts are cells of a part."""

    rules: Rules
    worth: Floats
    seed: int
    effort: Effort
    threads: int
    progress: Callable[[float], None] | None
    by_cells: bool = False

    def solved(
        self, fields: Fields, can: Bools, step: Floats, start: Ints | None = None
    ) -> tuple[Ints, Ints, Floats, Floats, Bools]:
        """Labels (row numbers, -1 loose) and part of each parcel; of each part, worths, most at them, and proven.

        step: m, per parcel. start: labels to go on from, at this run's effort alone; without them, every effort
        up to it in turn.
        """
        part = parts(fields, can)
        order, bounds = _arranged(fields, part)
        ordered = reordered(fields, order)
        sizes = np.diff(bounds)
        place = np.full(len(part), -1, np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        labels = np.full(len(order), -1, np.int32)
        efforts = list(Effort)[: list(Effort).index(self.effort) + 1]
        if start is not None:
            labels = np.where(start[order] >= 0, place[start[order]], -1).astype(np.int32)
            efforts = efforts[-1:]
        at = np.tile(self.worth, (len(sizes), 1))
        most = np.full((len(sizes), len(self.worth)), np.inf)
        proven = np.zeros(len(sizes), bool)
        large = (sizes > LARGE) & (not self.by_cells)
        for i, effort in enumerate(efforts):
            if large.any():
                self._cell_by_cell(ordered, bounds, step[order], large, effort, labels)
            todo = np.flatnonzero(~proven)
            self._level(
                ordered, bounds, step[order], todo, large, effort, labels, at, most, proven, i / len(efforts)
            )
        out = np.full(len(part), -1, np.int32)
        out[order] = np.where(labels >= 0, order[labels], -1)
        return out, part, at, most, proven

    def _level(
        self,
        fields: Fields,
        bounds: Rows,
        step: Floats,
        todo: Rows,
        again: Bools,
        effort: Effort,
        labels: Ints,
        at: Floats,
        most: Floats,
        proven: Bools,
        begun: float,
    ) -> None:
        """Solve the parts `todo` at one effort, chunk by chunk over threads; labels, at, most, proven are brought forward."""
        ptr, nbr, edge = adjacency(len(fields.area_m2), fields.left, fields.right)
        facing, ridge = fields.facing_m[edge], fields.ridge_m2[edge]
        size = np.cumsum(np.diff(bounds)[todo])
        cuts = np.unique(
            np.searchsorted(size, np.arange(0, size[-1] if len(size) else 0, CHUNK), side="right")
        )
        cuts = np.append(cuts, len(todo))

        # bounds are taken once, at the effort that was asked for
        bounded = effort == self.effort and not self.by_cells
        knobs = KNOBS[effort] if bounded else KNOBS[effort]._replace(seeds=0)

        def work(i: int) -> None:
            mine = todo[cuts[i] : cuts[i + 1]]
            found, of, top, sure = solve_parts(
                bounds, mine, fields.area_m2, fields.elevation_m, fields.operator, fields.box_m, ptr, nbr, facing,
                ridge, fields.minimum_m2, self.rules.maximum_m2, step, self.rules.prices, self.worth, labels, again,
                self.seed, knobs,
            )  # fmt: skip
            rows = np.concatenate([np.arange(bounds[p], bounds[p + 1]) for p in mine])
            labels[rows] = found
            _tighten(at, most, mine, of, top)
            proven[mine] = sure

        share = list(Effort).index(self.effort) + 1
        with ThreadPoolExecutor(self.threads) as pool:
            jobs = [pool.submit(work, i) for i in range(len(cuts) - 1)]
            try:
                for done, job in enumerate(jobs, 1):
                    job.result()
                    if self.progress is not None:
                        self.progress(begun + done / len(jobs) / share)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _cell_by_cell(
        self, fields: Fields, bounds: Rows, step: Floats, large: Bools, effort: Effort, labels: Ints
    ) -> None:
        """Bring the labels of the large parts forward, each cell searched by itself at one effort."""
        part = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds)).astype(np.int32)
        cell = cells(fields, part, labels, large, FIRST_CUT[effort])
        inside = large[part]
        mine = replace(self, effort=effort, progress=None, by_cells=True)
        start = None if effort == Effort.quick else labels
        found, *_ = mine.solved(apart(fields, cell, inside), inside, step, start)
        labels[inside] = found[inside]


def _arranged(fields: Fields, part: Ints) -> tuple[Rows, Rows]:
    """Rows of all parts, part after part and each in the order of its frontier; bounds of the parts in them."""
    rows = np.flatnonzero(part >= 0)
    rows = rows[np.argsort(part[rows], kind="stable")].astype(np.int32)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(part[rows]))]).astype(np.int64)
    inside = (part[fields.left] >= 0) & (part[fields.left] == part[fields.right])
    ptr, nbr, _ = adjacency(len(part), fields.left[inside], fields.right[inside])
    return arranged(bounds, rows, ptr, nbr), bounds


def reordered(fields: Fields, rows: Rows) -> Fields:
    """The fields of `rows` alone, in that order; pairs follow them."""
    place = np.full(len(fields.area_m2), -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    a, b = place[fields.left], place[fields.right]
    pair = (a >= 0) & (b >= 0)
    return Fields(
        area_m2=fields.area_m2[rows],
        elevation_m=np.nan_to_num(fields.elevation_m[rows]),
        minimum_m2=fields.minimum_m2[rows],
        operator=fields.operator[rows],
        box_m=np.ascontiguousarray(fields.box_m[rows]),
        unit=fields.unit[rows],
        left=np.minimum(a, b)[pair],
        right=np.maximum(a, b)[pair],
        facing_m=fields.facing_m[pair],
        ridge_m2=fields.ridge_m2[pair],
    )


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
