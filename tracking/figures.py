"""The figures of one plan for the screen: before and after, what the money goes to, why the rest stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from geo import plans

COST_PARTS = ("earthwork", "ridges", "shape", "operators", "other")
"""ridges: those that are kept; they count in the plan's choice and not in its cost."""


@dataclass(frozen=True)
class Joining:
    """Fields before and after; areas in mu, cut in m³, money in yuan. A field after is a block or a parcel
    that stays by itself. cost: yuan by COST_PARTS; stopped: mu by reason, largest first."""

    fields_before: int
    fields_after: int
    mean_before_mu: float
    mean_after_mu: float
    mean_block_mu: float
    blocks: int
    blocks_meeting: int
    parcels_mu: float
    compliant_mu: float
    share: float
    gained_mu: float
    ridge_removed_m: float
    cut_m3: float
    cut_per_mu: float
    cost_yuan: float
    cost: dict[str, float]
    stopped: dict[str, float]


def joining(folder: Path) -> Joining:
    """The figures of a plan folder. Raises ChigaiError where there is none."""
    meta = plans.read_meta(folder)
    columns = ["area_mu", "n_parcels", "n_operators", "meets_minimum", "cut_m3", "ridge_removed_m"]
    blocks = plans.read_table(folder, "blocks", [*columns, "gained_mu", "rectangularity", "cost_yuan"])
    totals = meta["totals"]
    parcels, parcels_mu = int(totals["parcels"]), float(totals["parcels_mu"])
    after = parcels - int(blocks.n_parcels.sum()) + len(blocks)
    area, cut = float(blocks.area_mu.sum()), float(blocks.cut_m3.sum())
    gained = float(blocks.gained_mu.sum())
    return Joining(
        fields_before=parcels,
        fields_after=after,
        mean_before_mu=parcels_mu / parcels if parcels else 0.0,
        mean_after_mu=(parcels_mu + gained) / after if after else 0.0,
        mean_block_mu=area / len(blocks) if len(blocks) else 0.0,
        blocks=len(blocks),
        blocks_meeting=int(blocks.meets_minimum.sum()),
        parcels_mu=parcels_mu,
        compliant_mu=float(totals["compliant_mu"]),
        share=float(totals["share"]),
        gained_mu=gained,
        ridge_removed_m=float(blocks.ridge_removed_m.sum()),
        cut_m3=cut,
        cut_per_mu=cut / area if area else 0.0,
        cost_yuan=float(totals["cost_yuan"]),
        cost=cost_parts(blocks, meta["parameters"], float(totals["cost_yuan"]))
        | ({"ridges": float(totals["ridge_kept_yuan"])} if "ridge_kept_yuan" in totals else {}),
        stopped=dict(sorted(totals.get("stopped", {}).items(), key=lambda item: -item[1])),
    )


def cost_parts(blocks: pd.DataFrame, prices: Mapping[str, Any], total: float) -> dict[str, float]:
    """What the cost is made of, yuan, by the terms of DESIGN §5; `other` is what they leave of `total`.

    A block of one parcel is left as it is and costs nothing.
    """
    blocks = blocks[blocks.n_parcels > 1]
    parts = {
        "earthwork": float(prices["earthwork_yuan_per_m3"]) * float(blocks.cut_m3.sum()),
        "shape": float(prices["shape_yuan_per_mu"])
        * float((blocks.area_mu * (1 - blocks.rectangularity).clip(lower=0)).sum()),
        "operators": float(prices["operator_yuan"]) * float((blocks.n_operators - 1).clip(lower=0).sum()),
    }
    other = total - sum(parts.values())
    return {**parts, "other": other if abs(other) > 0.005 * abs(total) else 0.0}
