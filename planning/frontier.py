"""What the next mu of a county costs: sites of more and more area, each at the least cost found for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from planning.siting import Ground, chain, choose, least_price

Floats = npt.NDArray[np.float64]

COLUMNS = ("county", "area_mu", "cost_yuan", "cost_bound_yuan", "yuan_per_next_mu")

POINTS = 12

LARGE = 3000
"""Units of a county from which on its points are taken from one chain of choices, not each sought for itself."""


def no_frontier() -> pd.DataFrame:
    """The frontier of a county where nothing can be chosen."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[1:], float))


def frontier(county: str, ground: Ground, points: int = POINTS) -> pd.DataFrame:
    """Up to `points` choices from one site to all that is possible: COLUMNS, areas rising.

    cost_yuan: of the cheapest choice found of at least that area, priorities and households apart;
    cost_bound_yuan: what none of that area undercuts; yuan_per_next_mu: the slope to the next point (NaN at the last).
    """
    money = replace(ground, price_yuan=ground.cost_yuan)
    whole = float(ground.area_mu[ground.possible].sum())
    if whole <= 0:
        return no_frontier()
    goals = np.linspace(min(ground.site_minimum_mu, whole), whole, points)
    area, cost = _chain(money, goals) if len(ground.area_mu) > LARGE else _chosen(money, goals)
    # a larger choice that costs less stands in for a smaller one
    order = np.lexsort((cost, area))
    area, cost = area[order], cost[order]
    best = np.minimum.accumulate(cost[::-1])[::-1]
    stays = np.r_[(np.diff(best) > 0) & (np.diff(area) > 0), True]
    kept = np.flatnonzero((cost <= best) & stays)
    area, cost = area[kept], cost[kept]
    slope = np.diff(cost) / np.diff(area)
    return pd.DataFrame(
        {
            "county": county,
            "area_mu": area,
            "cost_yuan": cost,
            "cost_bound_yuan": [least_price(money, float(a)) for a in area],
            "yuan_per_next_mu": np.r_[slope, np.nan],
        }
    )


def _chosen(money: Ground, goals: Floats) -> tuple[Floats, Floats]:
    found = [choose(money, float(goal), None) for goal in goals]
    return np.array([c.area_mu for c in found]), np.array([c.cost_yuan for c in found])


def _chain(money: Ground, goals: Floats) -> tuple[Floats, Floats]:
    """The smallest choice of the chain that holds each goal."""
    _, area, cost = chain(money)
    own = money.possible
    area = np.r_[money.area_mu[own].sum(), area]
    cost = np.r_[money.cost_yuan[own].sum(), cost]
    last = np.array([np.flatnonzero(area >= goal * (1 - 1e-9))[-1] for goal in goals])
    return area[last], cost[last]
