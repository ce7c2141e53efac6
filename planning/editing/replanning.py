"""The engine's own answer for a field unit around what is locked and what is taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import shapely

from geo.neighbours import adjacency, field_units
from geo.outlines import outlines
from geo.schemas import MU_M2
from planning.blocks import reordered, solve
from planning.editing.naming import fresh
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from planning.effort import Effort
from planning.fields import Fields
from planning.quality import block_sums
from planning.reach import reachable

Rows = npt.NDArray[np.integer]
Labels = npt.NDArray[np.int32]
EPS_YUAN = 1e-6


def replanned(unit: FieldUnit, state: State, effort: Effort, seed: int = 1) -> State:
    """The unit planned anew; locked parcels and those taken out stay as they are.

    Where the blocks at hand are as good by the plan's objective, they stay.
    """
    free = np.flatnonzero(~state.locked & ~state.out & ~unit.made.refused)
    label = np.full(len(unit.names), -1, np.int32)
    if len(free):
        label[free] = _solved(unit, free, effort, seed)
    label = _large_enough(unit, label)
    names = state.block.copy()
    names[~(state.locked | state.out)] = None
    found = _named(unit, state.with_blocks(names), label, state)
    return found if _worth(unit, found) > _worth(unit, state) + EPS_YUAN else state


def _solved(unit: FieldUnit, free: Rows, effort: Effort, seed: int) -> Labels:
    """Labels of the free parcels, solved as a part of the plan that has no others."""
    place = np.full(len(unit.names), -1, np.int64)
    place[unit.made.order] = np.arange(len(unit.names))
    rows = np.sort(place[free])
    sub = reordered(unit.made.fields, rows)
    cell = field_units(len(rows), sub.left, sub.right)
    order = np.argsort(cell, kind="stable")
    rows = rows[order]
    sub = replace(reordered(unit.made.fields, rows), unit=cell[order])
    sub = _in_order(sub)
    ptr, nbr, edge = adjacency(len(rows), sub.left, sub.right)
    can = reachable(
        sub.area_m2, sub.elevation_m, ptr, nbr, sub.ridge_m2[edge], sub.minimum_m2, unit.made.step_m
    )
    found, _ = solve(sub, can, unit.rules, seed, None, 1, effort)
    label = np.full(len(unit.names), -1, np.int32)
    label[unit.made.order[rows]] = found
    return label[free]


def _in_order(fields: Fields) -> Fields:
    """Pairs sorted by both ends, as the engine wants them."""
    order = np.lexsort((fields.right, fields.left))
    return replace(
        fields,
        left=fields.left[order],
        right=fields.right[order],
        facing_m=fields.facing_m[order],
        ridge_m2=fields.ridge_m2[order],
    )


def _large_enough(unit: FieldUnit, label: Labels) -> Labels:
    """Without blocks whose drawn outline lacks the minimum, as the run has it."""
    outline = outlines(unit.geoms, label, unit.nb, ~unit.fenced, unit.parameters.ridge_max_gap_m.value)
    least = np.zeros(len(outline))
    least[label[label >= 0]] = unit.minimum_mu[label >= 0]
    short = np.flatnonzero(shapely.area(outline) / MU_M2 < least - 1e-9)
    return np.where(np.isin(label, short), -1, label).astype(np.int32)


def _named(unit: FieldUnit, kept: State, label: Labels, before: State) -> State:
    """Blocks by name: each keeps the name of the block that it holds most of, the others get new ones."""
    block = kept.block.copy()
    area = unit.parcels.area_mu.to_numpy(float)
    groups = [np.flatnonzero(label == i) for i in range(int(label.max(initial=-1)) + 1)]
    held: list[tuple[float, int, str]] = []
    for i, rows in enumerate(groups):
        shares: dict[str, float] = {}
        for row in rows:
            if before.block[row] is not None:
                shares[before.block[row]] = shares.get(before.block[row], 0.0) + float(area[row])
        held += [(-share, i, name) for name, share in shares.items()]
    given: dict[int, str] = {}
    taken = set(block) - {None}
    for _, i, name in sorted(held):
        if i not in given and name not in taken:
            given[i] = name
            taken.add(name)
    for i, rows in enumerate(groups):
        if len(rows):
            block[rows] = given[i] if i in given else fresh(unit, kept.with_blocks(block), rows)
    return kept.with_blocks(block)


def _worth(unit: FieldUnit, state: State) -> float:
    """What a state is worth in the plan's objective, yuan; blocks below the minimum count for nothing."""
    members: Mapping[str, Rows] = state.members()
    label = np.full(len(unit.names), -1, np.int32)
    for i, rows in enumerate(members.values()):
        label[rows] = i
    label = _large_enough(unit, label)
    rules, order = unit.rules, unit.made.order
    area, cost, removed = block_sums(unit.made.fields, label[order], rules.prices)
    return float(
        rules.worth_yuan_per_m2 * area.sum() - cost.sum() + rules.prices.ridge_yuan_per_m * removed.sum()
    )
