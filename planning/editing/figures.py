"""The blocks of a changed field unit as rows of the plan's table, and the sums that the change makes of it.

Blocks of the same parcels as in the plan keep the plan's own rows, to the last digit; only the others are drawn and
reckoned anew, by the functions of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.outlines import outlines
from planning import machines, tables
from planning.earthwork import Hauls
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from planning.layout import SIDES, Sides, places, sides
from planning.straight import straighten
from planning.tally import Tally, of_county

Shapes = npt.NDArray[np.object_]
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A field unit in some state. blocks: all of its blocks, those of the plan first; parcels: with block_id and reason.

    What was drawn anew: label (of each parcel, -1 none), fresh (its rows of blocks, in the order of the labels),
    beside, loads and straight as the run has them; same: ids of the plan's blocks that stayed.
    """

    parcels: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    label: Labels
    fresh: gpd.GeoDataFrame
    beside: Sides
    loads: Hauls
    straight: pd.DataFrame
    same: frozenset[str]


def outlines_of(unit: FieldUnit, state: State, names: Sequence[str]) -> Shapes:
    """The outlines of some blocks."""
    label = _labels(state, names)
    return outlines(unit.geoms, label, unit.nb, ~unit.fenced, unit.parameters.ridge_max_gap_m.value)


def _labels(state: State, names: Sequence[str]) -> Labels:
    at = {name: i for i, name in enumerate(names)}
    return np.array([at.get(name, -1) for name in state.block], np.int32)


def drawn(unit: FieldUnit, state: State) -> Drawn:
    """The blocks of a state with their outlines, levels, earth and cost."""
    before, now = unit.base.members(), state.members()
    alike = {name for name, rows in now.items() if name in before and np.array_equal(before[name], rows)}
    if unit.parameters.straighten.value and len(alike) < max(len(now), len(before)):
        alike = set()  # a straight side belongs to two blocks: both are drawn again
    same = [name for name in now if name in alike]
    new = [name for name in now if name not in alike]
    # where ridges of two blocks cross, the first keeps the ground: the plan's own keep what they have
    label = _labels(state, [*same, *new])
    gap = unit.parameters.ridge_max_gap_m.value
    outline = outlines(unit.geoms, label, unit.nb, ~unit.fenced, gap)
    outline, crooked = straighten(
        unit.parcels, outline, label, unit.nb, unit.fenced, unit.angle, unit.barriers, unit.parameters
    )
    label = np.maximum(label - len(same), -1).astype(np.int32)
    outline = outline[len(same) :]
    beside = _beside(unit, label, outline)
    rows, loads = tables.blocks_table(
        unit.parcels, label, outline, unit.nb, unit.minimum_mu, unit.parameters, beside,
        unit.looks, machines.seen(outline), {},
    )  # fmt: skip
    rows["block_id"] = pd.Series(new, index=rows.index, dtype="str")
    kept = unit.blocks[unit.blocks.block_id.isin(alike)]
    blocks = pd.concat([kept, rows[[*kept.columns]]], ignore_index=True) if len(rows) else kept
    crooked = crooked.assign(block_id=[new[i - len(same)] for i in crooked.block]).drop(columns="block")
    return Drawn(
        parcels=_told(unit, state),
        blocks=gpd.GeoDataFrame(blocks.reset_index(drop=True), crs=unit.blocks.crs),
        label=label,
        fresh=rows,
        beside=beside,
        loads=loads,
        straight=crooked,
        same=frozenset(alike),
    )


def _beside(unit: FieldUnit, label: Labels, outline: Shapes) -> Sides:
    """What lies beside the new blocks; what the data draw of a district is told by the plan, which saw all of it."""
    found = sides(outline, places(unit.parcels, label), unit.barriers, unit.parameters.beside_m.value)
    known = found.known.copy()
    for i, side in enumerate(SIDES):
        has = unit.blocks[f"has_{side}"] if f"has_{side}" in unit.blocks else pd.Series([], dtype="boolean")
        if has.isna().any() or (has == False).any():  # noqa: E712 — null is neither
            known[:, i] = not has.isna().any()
    return Sides(found.metres, known, found.angle_deg, found.water_level_m)


def _told(unit: FieldUnit, state: State) -> gpd.GeoDataFrame:
    """The parcels with their blocks, and why the others are in none."""
    reason = [
        None if name is not None else "taken_out" if out else unit.reason_loose(row)
        for row, (name, out) in enumerate(zip(state.block, state.out, strict=True))
    ]
    return unit.parcels.assign(
        block_id=pd.Series(state.block, index=unit.parcels.index, dtype="str"),
        reason=pd.Series(reason, index=unit.parcels.index, dtype="str"),
    )


def sums(unit: FieldUnit, here: Drawn) -> dict[str, Tally]:
    """The sums of a field unit by county, as `planning.tally` has them."""
    block = here.parcels.block_id.to_numpy(object)
    nb = unit.nb
    inside = pd.notna(block)
    apart = (block[nb.left] != block[nb.right]) | ~inside[nb.left]
    half = nb.facing_m * (apart & ~unit.fenced) / 2
    n = len(block)
    kept_m = np.bincount(nb.left, half, n) + np.bincount(nb.right, half, n)
    plain = pd.DataFrame(here.blocks.drop(columns="geometry"))
    out = {}
    for county in sorted(set(unit.county)):
        own = unit.county == county
        out[str(county)] = of_county(
            pd.DataFrame(here.parcels[["area_mu", "block_id", "reason"]])[own],
            plain[plain.county == county],
            unit.could[own],
            kept_m[own].astype(float),
        )
    return out
