"""The sites of a whole plan: each county's goal within its budget, what it costs, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from planning.effort import Effort
from planning.frontier import frontier, no_frontier
from planning.programme import Parameters, Programme, Unit
from planning.shortfall import cures, sentence, why
from planning.sites import Nodes, grouped, nodes, of_blocks, with_outlines
from planning.siting import LIMITS, Choice, Ground, choose, ground

Floats = npt.NDArray[np.float64]
Goal = Literal["floor", "ceiling"]


@dataclass(frozen=True)
class Wish:
    """What is asked of each county, by adcode: its floor in place of its ceiling, another budget than the notice's.

    budgets [yuan]: None as a budget: no limit.
    """

    goals: Mapping[str, Goal] = field(default_factory=dict)
    budgets: Mapping[str, float | None] = field(default_factory=dict)

    def goal(self, unit: Unit) -> Goal:
        return self.goals.get(unit.adcode, "ceiling")

    def budget(self, unit: Unit) -> float | None:
        return self.budgets.get(unit.adcode, unit.budget_yuan)


@dataclass(frozen=True)
class Chosen:
    """site_id of each block (None: in no site), the sites, what plan.json says of each county, the frontiers."""

    site_id: npt.NDArray[np.object_]
    sites: gpd.GeoDataFrame
    counties: dict[str, dict[str, Any]]
    frontier: pd.DataFrame


def choose_sites(
    parcels: pd.DataFrame,
    blocks: gpd.GeoDataFrame,
    programme: Programme,
    parameters: Parameters,
    wish: Wish | None = None,
    effort: Effort = Effort.normal,
) -> Chosen:
    """Choose the sites of every county with a target.

    parcels: county, block_id, reason, consent, priority, operator, area_mu; blocks: geo.schemas.BLOCKS, whose
    site_id is not looked at.
    """
    found, node = weighed_nodes(parcels, blocks, programme, parameters)
    stopped = parcels[parcels.reason.notna()].groupby(["county", "reason"]).area_mu.sum()
    minimum = {u.adcode: u.site_minimum_mu for u in programme.units}
    chosen = np.zeros(len(found), bool)
    told: dict[str, dict[str, Any]] = {}
    frontiers = []
    for unit in programme.units:
        own = np.flatnonzero(found.table.county.to_numpy() == unit.adcode)
        why_not = stopped[unit.adcode].to_dict() if unit.adcode in stopped.index else {}
        some, told[unit.adcode], points = choose_county(
            found.of(own), why_not, unit, parameters.site_gap_m.value, wish or Wish(), effort
        )
        chosen[own[some]] = True
        frontiers.append(points)
    site_of_node, rows = grouped(found, minimum, chosen)
    ids = of_blocks(site_of_node, node)
    table = with_outlines(rows, ids, blocks.geometry.to_numpy(), blocks.crs)
    return Chosen(ids, table, told, pd.concat(frontiers, ignore_index=True))


def weighed_nodes(
    parcels: pd.DataFrame, blocks: gpd.GeoDataFrame, programme: Programme, parameters: Parameters
) -> tuple[Nodes, npt.NDArray[np.int64]]:
    """`planning.sites.nodes` of the blocks, with beside_yuan and households of each node (`weighed`)."""
    found, node = nodes(blocks, parameters.site_gap_m.value)
    inside = node >= 0
    beside, households = weighed(parcels, blocks, programme, parameters)
    sums = {"beside_yuan": beside, "households": households}
    more = {
        name: np.bincount(node[inside], of[inside], len(found)).astype(float) for name, of in sums.items()
    }
    return replace(found, table=found.table.assign(**more)), node


def choose_county(
    found: Nodes, stopped: Mapping[str, float], unit: Unit, gap_m: float, wish: Wish, effort: Effort
) -> tuple[npt.NDArray[np.bool_], dict[str, Any], pd.DataFrame]:
    """(nodes chosen, what plan.json says of the county, its frontier).

    found: the nodes of this county (`weighed_nodes`); stopped: mu of its parcels in no block by their reason.
    """
    if unit.floor_mu is None:
        return np.zeros(len(found), bool), _nothing_asked(unit), no_frontier()
    table = found.table
    cost = table.cost_yuan.to_numpy(float)
    here = ground(
        table.area_mu.to_numpy(float), cost, cost + table.beside_yuan.to_numpy(float),
        found.left[found.touching], found.right[found.touching], unit.site_minimum_mu or 0.0,
    )  # fmt: skip
    choice, row = _county(stopped, here, unit, wish, effort, partial(_wider, found, unit, gap_m))
    households = int(table.households.to_numpy()[choice.chosen].sum())
    return choice.chosen, row | {"households": households}, frontier(unit.adcode, here)


def weighed(
    parcels: pd.DataFrame, blocks: gpd.GeoDataFrame, programme: Programme, parameters: Parameters
) -> tuple[Floats, Floats]:
    """(yuan weighed beside the cost of each block, households upset in each block).

    A household is upset where it is to share a block with another and has not agreed on record. A mu that
    serves a principle of the notice is put first by making every other mu dearer by that principle's weight:
    at equal area that is the same as taking the weight off, and no area is chosen for its weight alone.
    """
    row = pd.Index(blocks.block_id).get_indexer(parcels.block_id)
    inside = np.flatnonzero(row >= 0)
    columns = ["consent", "priority", "operator", "area_mu"]
    own, of = pd.DataFrame(parcels[columns]).iloc[inside], row[inside]
    agreed = (own.consent == True).fillna(False).to_numpy(bool)  # noqa: E712 — null is no agreement
    worth = np.zeros(len(own))
    for principle in programme.principles:
        serves = own.priority.isin(principle.parcel_priorities).to_numpy(bool)
        if principle.counts_consent:
            serves = serves | agreed
        worth += principle.weight_yuan_per_mu * serves
    mu = own.area_mu.to_numpy(float)
    missed = np.bincount(of, (worth.max(initial=0.0) - worth) * mu, len(blocks))
    missed = missed / np.maximum(np.bincount(of, mu, len(blocks)), 1e-12) * blocks.area_mu.to_numpy(float)
    operator = pd.factorize(own.operator)[0]
    people = np.flatnonzero(operator >= 0)
    shares, which = np.unique(
        of[people].astype(np.int64) * (int(operator.max(initial=0)) + 1) + operator[people],
        return_inverse=True,
    )
    block = shares // (int(operator.max(initial=0)) + 1)
    refuses = np.bincount(which, ~agreed[people], len(shares)) > 0
    sharing = np.bincount(block, minlength=len(blocks))[block] > 1
    count = np.bincount(block[sharing & refuses], minlength=len(blocks)).astype(float)
    return missed + parameters.upset_yuan.value * count, count


def _county(
    stopped: Mapping[str, float],
    here: Ground,
    unit: Unit,
    wish: Wish,
    effort: Effort,
    wider: Callable[[Mapping[str, float]], tuple[float, float, float]],
) -> tuple[Choice, dict[str, Any]]:
    floor, ceiling = unit.floor_mu or 0.0, unit.ceiling_mu or 0.0
    budget = wish.budget(unit)
    asked = wish.goal(unit)
    wanted = ceiling if asked == "ceiling" else floor
    choice = choose(here, wanted, budget, LIMITS[effort])
    reached = choice.area_mu >= wanted * (1 - 1e-9)
    ground_mu = float(here.area_mu[here.possible].sum())
    over = budget is not None and choice.area_mu < min(wanted, ground_mu) * (1 - 1e-9)
    short = max(floor - choice.area_mu, 0.0) if choice.area_mu < floor * (1 - 1e-9) else 0.0
    reasons = why(stopped, here, choice, over, floor) if short else {}
    ways = cures(unit, here, choice, reasons, budget, wider(reasons)) if short else []
    zh, en = sentence(unit, choice.area_mu, reasons, ways)
    # the bound holds for cost and what is weighed beside it: with the same beside it, no cost is less than this
    bound = max(choice.bound_yuan - (choice.price_yuan - choice.cost_yuan), 0.0)
    goal = "ceiling" if asked == "ceiling" and reached else "floor"
    return choice, {
        "goal_asked": asked,
        "goal": goal,
        "goal_mu": ceiling if goal == "ceiling" else floor,
        "chosen_mu": choice.area_mu,
        "chosen_cost_yuan": choice.cost_yuan,
        "cost_bound_yuan": min(bound, choice.cost_yuan),
        "gap": _gap(choice.cost_yuan, bound),
        "reach_mu": choice.reach_mu,
        "budget_yuan": budget,
        "budget_asked": unit.adcode in wish.budgets,
        "over_budget": over,
        "shortfall_mu": short,
        "why": reasons,
        "cures": ways,
        "shortfall_zh": zh,
        "shortfall_en": en,
    }


def _wider(
    found: Nodes, unit: Unit, gap_m: float, reasons: Mapping[str, float]
) -> tuple[float, float, float]:
    """The gap, twice the gap, and the mu of the county's groups that would with it reach the site minimum."""
    if "site_too_small" not in reasons:
        return gap_m, 2 * gap_m, 0.0
    group = np.bincount(found.groups(wide=True), found.table.area_mu)
    large = float(group[group >= (unit.site_minimum_mu or 0.0) * (1 - 1e-9)].sum())
    compliant = float(found.table.area_mu.sum())
    return gap_m, 2 * gap_m, max(large - (compliant - reasons["site_too_small"]), 0.0)


def _nothing_asked(unit: Unit) -> dict[str, Any]:
    return {
        "goal_asked": None, "goal": None, "goal_mu": None, "chosen_mu": 0.0, "chosen_cost_yuan": 0.0, "cost_bound_yuan": 0.0,
        "gap": 0.0, "reach_mu": 0.0, "budget_yuan": unit.budget_yuan, "budget_asked": False, "over_budget": False, "shortfall_mu": 0.0,
        "why": {}, "cures": [], "shortfall_zh": "", "shortfall_en": "", "households": 0,
    }  # fmt: skip


def put_in(
    told: Mapping[str, dict[str, Any]], counties: list[dict[str, Any]], totals: dict[str, Any]
) -> None:
    """Put what is told of each county's sites into the counties and the totals of plan.json, in place."""
    for row in counties:
        row |= told[row["county"]]
    for key in ("chosen_mu", "chosen_cost_yuan", "cost_bound_yuan", "shortfall_mu", "households"):
        totals[key] = type(counties[0][key])(sum(row[key] for row in counties)) if counties else 0
    totals["gap"] = _gap(totals["chosen_cost_yuan"], totals["cost_bound_yuan"])


def _gap(cost: float, bound: float) -> float:
    return max(cost - bound, 0.0) / cost if cost > 1e-6 else 0.0
