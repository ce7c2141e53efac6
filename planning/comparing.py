"""Plans of the same paddies side by side: their figures, their parameters, and which parcels change hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from geo import plans

MOST = 3
"""So many plans stand side by side."""
FIGURES: tuple[tuple[str, str], ...] = (
    ("compliant_mu", "mu"), ("share", "share"), ("site_mu", "mu"), ("sites", "count"), ("gap_mu", "mu"),
    ("blocks", "count"), ("joined_parcels", "count"), ("cut_m3", "m3"), ("cost_yuan", "yuan"),
    ("ridge_kept_m", "m"), ("objective_yuan", "yuan"), ("benefit_yuan_per_year", "yuan"), ("gained_mu", "mu"),
    ("households", "count"),
)  # fmt: skip
"""Of the totals and counties of plan.json: name and unit, in the order of the screen."""
Hands = Literal["joined", "left", "moved"]
HANDS: tuple[Hands, ...] = get_args(Hands)
"""A parcel in a block of the second plan alone; in one of the first alone; in another block than before."""


def figures(metas: Sequence[Mapping[str, Any]], county: str | None = None) -> list[dict[str, Any]]:
    """One row a figure: name, unit, values (of each plan, None where it does not know), of a county or of all."""
    sources = [_of(meta, county) for meta in metas]
    return [
        {"name": name, "unit": unit, "values": [None if s.get(name) is None else float(s[name]) for s in sources]}
        for name, unit in FIGURES
        if any(s.get(name) is not None for s in sources)
    ]  # fmt: skip


def _of(meta: Mapping[str, Any], county: str | None) -> Mapping[str, Any]:
    if county is None:
        totals: Mapping[str, Any] = meta["totals"]
        return totals
    return next((row for row in meta["counties"] if row["county"] == county), {})


def parameters(metas: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The parameters in which the plans differ, and each one's value."""
    names = dict.fromkeys(name for meta in metas for name in meta["parameters"])
    every = {name: [meta["parameters"].get(name) for meta in metas] for name in names}
    return {name: values for name, values in every.items() if any(v != values[0] for v in values[1:])}


def hands(one: Path, other: Path) -> pd.DataFrame:
    """The parcels that change hands from one plan to another: parcel_id, county, area_mu, before, after, kind (HANDS),
    and row, the place of each in the second plan's table.

    A block of the second plan is the same as one of the first where each holds more of the other than any other
    does; a parcel whose block is another by that has moved, whatever the blocks are called. Parcels that only one
    of the plans has are left out.
    """
    columns = ["parcel_id", "county", "area_mu", "block_id"]
    was, now = (plans.read_table(folder, "parcels", columns) for folder in (one, other))
    now = now[["parcel_id", "block_id"]].assign(row=np.arange(len(now)))
    if was.parcel_id.equals(now.parcel_id):
        # plans of the same data have their parcels in the same order: nothing is to be looked up
        both = was.rename(columns={"block_id": "block_id_was"})
        both = both.assign(block_id_now=now.block_id, row=now.row)
    else:
        both = was.merge(now, on="parcel_id", suffixes=("_was", "_now"))
    before, _ = pd.factorize(both.block_id_was)
    after, _ = pd.factorize(both.block_id_now)
    there = (before >= 0) & (after >= 0)
    same = np.zeros(len(both), bool)
    same[there] = _mutual(before[there], after[there], both.area_mu.to_numpy(float)[there])
    kind = np.select(
        [(before < 0) & (after >= 0), (before >= 0) & (after < 0), there & ~same], list(HANDS), default=""
    )
    found = both[kind != ""].assign(kind=kind[kind != ""])
    found = found.rename(columns={"block_id_was": "before", "block_id_now": "after"})
    return found[["parcel_id", "county", "area_mu", "before", "after", "kind", "row"]].reset_index(drop=True)


def _mutual(before: np.ndarray, after: np.ndarray, area: np.ndarray) -> np.ndarray:
    """bool[n]: parcels whose two blocks hold most of each other."""
    of, pair = pd.factorize(before * (after.max(initial=0) + 1) + after)
    pairs = np.stack(np.divmod(pair, after.max(initial=0) + 1))
    shared = np.bincount(of, area)
    best = np.zeros((2, len(shared)), bool)
    for i in range(2):
        order = np.lexsort((pairs[1 - i], -shared, pairs[i]))
        first = order[np.r_[True, np.diff(pairs[i][order]) != 0]]
        best[i, first] = True
    mutual: np.ndarray = best[0] & best[1]
    return mutual[of]


def summed(found: pd.DataFrame) -> pd.DataFrame:
    """Of `hands`: parcels and mu by county and kind."""
    rows = found.groupby(["county", "kind"], as_index=False).agg(
        parcels=("parcel_id", "size"), area_mu=("area_mu", "sum")
    )
    return rows.sort_values(["county", "kind"], ignore_index=True)
