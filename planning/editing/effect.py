"""What a change does before it is applied: each block it touches against every rule, and the sums that move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from planning.editing.figures import Drawn, drawn, sums
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from planning.tally import Tally, less


@dataclass(frozen=True, eq=False)
class Effect:
    """What a change does to a field unit.

    gone, made: rows of `block_row`, the blocks that the change takes away or changes, before and after; below: how
    many of those made lack the minimum; change: by county, what the unit's sums are more than in the plan itself.
    """

    after: State
    drawn: Drawn
    gone: list[dict[str, Any]]
    made: list[dict[str, Any]]
    below: int
    change: dict[str, Tally]


def effect(unit: FieldUnit, before: State, after: State) -> Effect:
    """What going from one state to another does."""
    was, now = drawn(unit, before), drawn(unit, after)
    old, new = before.members(), after.members()
    stays = {name for name in new if name in old and np.array_equal(old[name], new[name])}
    gone = [block_row(unit, was, row) for row in _rows(was.blocks) if row["block_id"] not in stays]
    made = [block_row(unit, now, row) for row in _rows(now.blocks) if row["block_id"] not in stays]
    return Effect(
        after, now, gone, made, sum(not row["meets_minimum"] for row in made), change_of(unit, now, after)
    )


def change_of(unit: FieldUnit, now: Drawn, state: State) -> dict[str, Tally]:
    """By county, the sums of a state less those of the plan; nothing where all blocks are the plan's."""
    if state.same_blocks(unit.base):
        return {}
    base = sums(unit, drawn(unit, unit.base))
    return {county: less(of, base[county]) for county, of in sums(unit, now).items()}


def _rows(blocks: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in blocks.drop(columns="geometry").to_dict("records")]


def block_row(unit: FieldUnit, here: Drawn, row: Mapping[str, Any]) -> dict[str, Any]:
    """A block against its rules, ready for JSON: areas in mu, levels in m, earth in m³, money in yuan."""
    own = np.flatnonzero(here.parcels.block_id.to_numpy(object) == row["block_id"])
    p = unit.parameters
    low, high = row["elevation_min_m"], row["elevation_max_m"]
    step = float(high - low) if unit.earthwork and np.isfinite(high - low) else None
    agreed = unit.parcels.consent.iloc[own]
    return {
        "block_id": str(row["block_id"]),
        "county": str(row["county"]),
        "area_mu": float(row["area_mu"]),
        "minimum_mu": float(unit.minimum_mu[own[0]]),
        "maximum_mu": float(p.max_mu.value),
        "meets_minimum": bool(row["meets_minimum"]),
        "n_parcels": int(row["n_parcels"]),
        "step_m": step,
        "max_step_m": float(p.max_step_m.value),
        "n_operators": int(row["n_operators"]),
        # nobody refused, or the block would not be: what is left is who has not been asked
        "unasked": int(agreed.isna().sum()),
        "cut_m3": float(row["cut_m3"]),
        "design_level_m": None if pd.isna(row["design_level_m"]) else float(row["design_level_m"]),
        "rectangularity": float(row["rectangularity"]),
        "cost_yuan": float(row["cost_yuan"]),
        "locked": False,
        "parcels": [unit.names[i] for i in own],
    }
