"""What plan.json says in figures: sums of tracts that are added up, and what is told of their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo import schemas
from planning import layout, machines, quality
from planning.cost import Prices, ridge_cost
from planning.programme import Unit

Tally = dict[str, Any]
"""Numbers by name, and again such tables by name: two of them are added name by name."""


NOTHING_MU = 1e-9
"""What is left of an area whose parts were all taken away again."""
_ADDED = (
    "blocks", "joined_parcels", "compliant_mu", "cut_m3", "surplus_m3", "cost_yuan", "ridge_kept_m",
    "benefit_yuan_per_year", "gained_mu",
)  # fmt: skip


def added(some: Sequence[Tally]) -> Tally:
    """The sum of tallies, taken in their order."""
    out: Tally = {}
    for tally in some:
        for name, value in tally.items():
            if isinstance(value, Mapping):
                out[name] = added([out.get(name, {}), dict(value)])
            else:
                out[name] = out.get(name, 0) + value
    return out


def less(one: Tally, other: Tally) -> Tally:
    """What one tally is more than another, name by name."""
    out: Tally = {}
    for name in [*one, *(n for n in other if n not in one)]:
        value = one.get(name, other.get(name))
        if isinstance(value, Mapping):
            out[name] = less(dict(one.get(name, {})), dict(other.get(name, {})))
        else:
            out[name] = one.get(name, 0) - other.get(name, 0)
    return out


def with_change(row: dict[str, Any], change: Tally, prices: Prices) -> dict[str, Any]:
    """A county's row of plan.json, or its totals, with what changed of its sums; nothing changed: as it was.

    The figures of its sites are left: they are chosen anew from all of the county's blocks. What a plan of an older
    version does not tell stays untold.
    """
    if not change:
        return copy(row)
    area = row["parcels_mu"]
    out = copy(row)
    for name in _ADDED:
        if name in row:
            out[name] = row[name] + change.get(name, 0)
    out["share"] = (row["share"] * area + change.get("joined_mu", 0.0)) / area if area else 0.0
    if "ridge_kept_m" in row:
        out["ridge_kept_yuan"] = ridge_cost(out["ridge_kept_m"], prices)
        out["objective_yuan"] = out["cost_yuan"] + out["ridge_kept_yuan"]
    if "sides" in row:
        out["sides"] = added([row["sides"], change["sides"]])
    stopped = added([row["stopped"], change["stopped"]])
    out["stopped"] = {r: stopped[r] for r in schemas.REASONS if abs(stopped.get(r, 0.0)) > NOTHING_MU}
    return out


def tally(
    parcels: pd.DataFrame,
    blocks: pd.DataFrame,
    could: npt.NDArray[np.bool_],
    kept_m: npt.NDArray[np.float64],
    units: pd.DataFrame,
    layouts: pd.DataFrame,
) -> Tally:
    """The sums of a tract.

    parcels: county, area_mu, block_id, reason, elevation_m; units: `quality.by_unit`; layouts: the table `layout`.
    could: bool[n], parcels that could be in some block; kept_m: metres of ridge kept, half at each parcel.
    """
    own, names = pd.factorize(parcels.county)
    theirs = pd.Index(names).get_indexer(blocks.county)
    told = pd.DataFrame(parcels[["area_mu", "block_id", "reason"]])
    drawn = pd.DataFrame(blocks.drop(columns="geometry"))
    return {
        "counties": {
            str(name): of_county(told[own == i], drawn[theirs == i], could[own == i], kept_m[own == i])
            for i, name in enumerate(names)
        },
        "quality": quality.sums(units),
        "machines": machines.sums(layouts, blocks),
        "layout": layout.sums(layouts, blocks),
        "levelled": int(parcels.elevation_m.notna().sum()),
    }


def of_county(
    parcels: pd.DataFrame, blocks: pd.DataFrame, could: npt.NDArray[np.bool_], kept_m: npt.NDArray[np.float64]
) -> Tally:
    """The sums of one county's parcels and blocks; the arguments as `tally` has them."""
    # the engine makes no block below the minimum, a planner may
    below = blocks.block_id[~blocks.meets_minimum.astype(bool)]
    joined = parcels.area_mu[parcels.block_id.notna() & ~parcels.block_id.isin(below)]
    stopped = parcels[parcels.reason.notna()].groupby("reason").area_mu.sum()
    return {
        "parcels": len(parcels),
        "parcels_mu": float(parcels.area_mu.sum()),
        "blocks": len(blocks),
        "joined_parcels": len(joined),
        "joined_mu": float(joined.sum()),
        "could_mu": float(parcels.area_mu.to_numpy()[could].sum()),
        "compliant_mu": float(blocks.area_mu[blocks.meets_minimum].sum()),
        "cut_m3": float(blocks.cut_m3.sum()),
        "surplus_m3": float((blocks.cut_m3 - blocks.fill_m3).sum()),
        "cost_yuan": float(blocks.cost_yuan.sum()),
        "ridge_kept_m": float(kept_m.sum()),
        "benefit_yuan_per_year": float(blocks.benefit_yuan_per_year.sum()),
        "gained_mu": float(blocks.gained_mu.sum()),
        "sides": layout.sides_told(blocks),
        "stopped": {str(reason): float(mu) for reason, mu in stopped.items()},
    }


def of_counties(
    sums: Tally,
    sites: pd.DataFrame,
    units: Sequence[Unit],
    minimum_mu: Mapping[str, float],
    prices: Prices,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What plan.json says of each county that has parcels, and of all together.

    sums: `counties` of a tally; sites: county, area_mu, meets_minimum; minimum_mu: block minimum by adcode.
    """
    rows = [
        _told(sums[u.adcode], sites[sites.county == u.adcode], prices)
        | {
            "county": u.adcode,
            "name_zh": u.name_zh,
            "name_en": u.name_en,
            "kind": u.kind,
            "floor_mu": u.floor_mu,
            "ceiling_mu": u.ceiling_mu,
            "deadline": u.deadline.isoformat() if u.deadline else None,
            "budget_yuan": u.budget_yuan,
            "site_minimum_mu": u.site_minimum_mu,
            "block_minimum_mu": minimum_mu[u.adcode],
            "block_minimum_assumed": u.block_minimum_mu is None,
        }
        for u in units
        if u.adcode in sums
    ]
    for row in rows:
        row["gap_mu"] = None if row["floor_mu"] is None else max(row["floor_mu"] - row["site_mu"], 0.0)
    total = _told(added(list(sums.values())), sites, prices)
    for key in ("floor_mu", "ceiling_mu", "gap_mu"):
        total[key] = float(sum(row[key] or 0.0 for row in rows))
    return rows, total


def _told(of: Tally, sites: pd.DataFrame, prices: Prices) -> dict[str, Any]:
    area = of["parcels_mu"]
    good = sites[sites.meets_minimum]
    ridges = ridge_cost(of["ridge_kept_m"], prices)
    return {
        "parcels": of["parcels"],
        "parcels_mu": area,
        "blocks": of["blocks"],
        "joined_parcels": of["joined_parcels"],
        "compliant_mu": of["compliant_mu"],
        "share": of["joined_mu"] / area if area else 0.0,
        "bound_share": of["could_mu"] / area if area else 0.0,
        "sites": len(good),
        "site_mu": float(good.area_mu.sum()),
        "cut_m3": of["cut_m3"],
        "surplus_m3": of["surplus_m3"],
        "cost_yuan": of["cost_yuan"],
        "ridge_kept_m": of["ridge_kept_m"],
        "ridge_kept_yuan": ridges,
        "objective_yuan": of["cost_yuan"] + ridges,
        "benefit_yuan_per_year": of["benefit_yuan_per_year"],
        "gained_mu": of["gained_mu"],
        "sides": of["sides"],
        "stopped": {r: of["stopped"][r] for r in schemas.REASONS if r in of["stopped"]},
    }
