"""What a planner has to look at: what is below the minimum, above the step, refused; field unit by field unit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from geo import plans
from planning.editing.figures import drawn
from planning.editing.state import State
from planning.editing.unit import FieldUnit

Kind = Literal["minimum", "step", "consent"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_REASON: Mapping[str, Kind] = {
    "left_over": "minimum", "too_small_together": "minimum", "elevation": "step", "consent": "consent",
}  # fmt: skip
"""Which problem a parcel in no block is; what stands alone or behind a barrier is none that a change could cure."""
COLUMNS = ("county", "field_unit", "kind", "parcels", "area_mu")


def of_plan(folder: Path) -> pd.DataFrame:
    """The problems of a plan: COLUMNS, one row for each county, field unit and kind; blocks below the minimum count
    with their parcels."""
    reasons = [("reason", "in", list(OF_REASON))]
    loose = plans.read_more(folder, "parcels", reasons, ["county", "field_unit", "reason", "area_mu"])
    small = plans.read_more(
        folder, "blocks", [("meets_minimum", "==", False)], ["county", "field_unit", "n_parcels", "area_mu"]
    )
    if loose is None or small is None:
        raise plans.damaged(folder, FileNotFoundError("parcels.parquet, blocks.parquet"))
    loose = loose.assign(kind=loose.reason.map(dict(OF_REASON)), parcels=1)
    small = small.assign(kind="minimum").rename(columns={"n_parcels": "parcels"})
    return _summed(pd.concat([loose[list(COLUMNS)], small[list(COLUMNS)]], ignore_index=True))


def of_state(unit: FieldUnit, state: State) -> pd.DataFrame:
    """The same of one field unit in some state."""
    here = drawn(unit, state)
    parcels = here.parcels[["county", "field_unit", "reason", "area_mu"]]
    kind = parcels.reason.map(dict(OF_REASON))
    loose = pd.DataFrame(parcels[kind.notna()]).assign(kind=kind[kind.notna()], parcels=1)
    small = pd.DataFrame(here.blocks[~here.blocks.meets_minimum.astype(bool)])
    small = small.assign(kind="minimum", parcels=small.n_parcels)
    return _summed(pd.concat([loose[list(COLUMNS)], small[list(COLUMNS)]], ignore_index=True))


def where(unit: FieldUnit, state: State, kind: Kind) -> tuple[list[str], list[str]]:
    """(parcels in no block, blocks below the minimum) that are a problem of this kind."""
    here = drawn(unit, state)
    reasons = [reason for reason, of in OF_REASON.items() if of == kind]
    loose = np.flatnonzero(here.parcels.reason.isin(reasons))
    small = here.blocks[~here.blocks.meets_minimum.astype(bool)] if kind == "minimum" else here.blocks[:0]
    return [unit.names[row] for row in loose], [str(name) for name in small.block_id]


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    sums = rows.groupby(["county", "field_unit", "kind"], sort=True, as_index=False)[
        ["parcels", "area_mu"]
    ].sum()
    return sums[list(COLUMNS)]
