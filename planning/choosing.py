"""The sites of a whole plan: each county's goal within its budget, what it costs, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from planning.effort import Effort
from planning.frontier import frontier
from planning.programme import Parameters, Programme, Unit
from planning.shortfall import cures, sentence, why
from planning.sites import Nodes, nodes, sites
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
    parcels: gpd.GeoDataFrame,
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
    wish = wish or Wish()
    found = nodes(blocks, parameters.site_gap_m.value)
    area = found.sums(blocks.area_mu.to_numpy(float))
    cost = found.sums(blocks.cost_yuan.to_numpy(float))
    beside, households = weighed(parcels, blocks, programme, parameters)
    price = cost + found.sums(beside)
    upset = found.sums(households)
    chosen = np.zeros(len(area), bool)
    told: dict[str, dict[str, Any]] = {}
    frontiers = []
    stopped = pd.DataFrame(parcels[["county", "reason", "area_mu"]])
    stopped = stopped[stopped.reason.notna()]
    for unit in programme.units:
        own = np.flatnonzero(found.county == unit.adcode)
        if unit.floor_mu is None:
            told[unit.adcode] = _nothing_asked(unit)
            continue
        here = _ground(found, own, area, cost, price, unit.site_minimum_mu or 0.0)
        wider = partial(_wider, blocks, unit, parameters.site_gap_m.value)
        choice, row = _county(stopped[stopped.county == unit.adcode], here, unit, wish, effort, wider)
        chosen[own[choice.chosen]] = True
        told[unit.adcode] = row | {"households": int(upset[own][choice.chosen].sum())}
        frontiers.append(frontier(unit.adcode, here))
    minimum = {u.adcode: u.site_minimum_mu for u in programme.units}
    ids, table = sites(blocks, parameters.site_gap_m.value, minimum, chosen, found)
    return Chosen(ids, table, told, pd.concat(frontiers, ignore_index=True))


def weighed(
    parcels: gpd.GeoDataFrame, blocks: gpd.GeoDataFrame, programme: Programme, parameters: Parameters
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
    agreed = (own.consent == True).to_numpy(bool)  # noqa: E712 — null is no agreement
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


def _ground(
    found: Nodes, own: npt.NDArray[np.int64], area: Floats, cost: Floats, price: Floats, minimum_mu: float
) -> Ground:
    row = np.full(len(area), -1, np.int64)
    row[own] = np.arange(len(own))
    inside = row[found.left] >= 0
    return ground(
        area[own], cost[own], price[own], row[found.left[inside]], row[found.right[inside]], minimum_mu
    )


def _county(
    stopped: pd.DataFrame,
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
    blocks: gpd.GeoDataFrame, unit: Unit, gap_m: float, reasons: Mapping[str, float]
) -> tuple[float, float, float]:
    """The gap, twice the gap, and the mu of the county's groups that would with it reach the site minimum."""
    if "site_too_small" not in reasons:
        return gap_m, 2 * gap_m, 0.0
    blocks = blocks[blocks.county == unit.adcode]
    found = nodes(blocks, 2 * gap_m)
    group = np.bincount(found.group, found.sums(blocks.area_mu.to_numpy(float)))
    large = float(group[group >= (unit.site_minimum_mu or 0.0) * (1 - 1e-9)].sum())
    compliant = float(blocks.area_mu[blocks.meets_minimum].sum())
    return gap_m, 2 * gap_m, max(large - (compliant - reasons["site_too_small"]), 0.0)


def _nothing_asked(unit: Unit) -> dict[str, Any]:
    return {
        "goal_asked": None, "goal": None, "goal_mu": None, "chosen_mu": 0.0, "chosen_cost_yuan": 0.0, "cost_bound_yuan": 0.0,
        "gap": 0.0, "reach_mu": 0.0, "budget_yuan": unit.budget_yuan, "budget_asked": False, "over_budget": False, "shortfall_mu": 0.0,
        "why": {}, "cures": [], "shortfall_zh": "", "shortfall_en": "", "households": 0,
    }  # fmt: skip


def put_in(chosen: Chosen, counties: list[dict[str, Any]], totals: dict[str, Any]) -> None:
    """Put what was chosen into the counties and the totals of plan.json, in place."""
    for row in counties:
        row |= chosen.counties[row["county"]]
    for key in ("chosen_mu", "chosen_cost_yuan", "cost_bound_yuan", "shortfall_mu", "households"):
        totals[key] = type(counties[0][key])(sum(row[key] for row in counties)) if counties else 0
    totals["gap"] = _gap(totals["chosen_cost_yuan"], totals["cost_bound_yuan"])


def _gap(cost: float, bound: float) -> float:
    return max(cost - bound, 0.0) / cost if cost > 1e-6 else 0.0
