"""Which field units of a county become demonstration sites: the model, its bound, and the way to an answer."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from planning.effort import Effort
from planning.peeling import peel
from planning.site_model import Limits, Rules, solve

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ROUNDING = 1e-9
"""Part of an area that sums of the same terms in another order may differ by."""

SMALLER = (1.0, 0.9, 0.75)
"""Choices of less than these parts of a goal are grown to it."""

BEYOND = (1.02, 1.05, 1.1, 1.2, 1.4)
"""A choice is grown to these multiples of its goal and taken back."""

HOPS = 4
"""Ways of growing: by a unit's own price, and by that of its surroundings, so many steps wide."""

LIMITS = {
    Effort.quick: Limits(shares=8, rounds=3, nodes=30, gap=1e-2, units=60),
    Effort.normal: Limits(shares=30, rounds=12, nodes=200, gap=2e-3, units=150),
    Effort.best: Limits(shares=60, rounds=60, nodes=3000, gap=1e-5, units=3000),
}
"""How long the model works at a county."""


@dataclass(frozen=True)
class Ground:
    """The field units of one county that may become sites.

    area_mu [mu], cost_yuan [yuan of making its blocks], price_yuan [the cost and what is weighed beside it; what
    is made least], ptr, nbr: units that touch, as rows. site_minimum_mu: a connected group of chosen units
    holds at least this.
    """

    area_mu: Floats
    cost_yuan: Floats
    price_yuan: Floats
    ptr: Ints
    nbr: Ints
    site_minimum_mu: float

    @cached_property
    def graph(self) -> csr_array:
        n = len(self.area_mu)
        return csr_array((np.ones(len(self.nbr), np.int8), self.nbr, self.ptr), shape=(n, n))

    def groups(self, chosen: Bools | None = None) -> tuple[Ints, Floats]:
        """Connected group of each unit (-1: not chosen) and the area of each group, mu."""
        own = np.flatnonzero(chosen) if chosen is not None else np.arange(len(self.area_mu))
        label = np.full(len(self.area_mu), -1, np.int64)
        if len(own) == 0:
            return label, np.zeros(0)
        found = connected_components(self.graph[own][:, own], directed=False)[1]
        label[own] = found
        return label, np.bincount(found, self.area_mu[own]).astype(float)

    @cached_property
    def possible(self) -> Bools:
        """Units of groups that reach the site minimum when all of them are chosen."""
        label, area = self.groups()
        return (area >= self.site_minimum_mu * (1 - ROUNDING))[label] if len(area) else label >= 0

    def beside(self, chosen: Bools) -> Bools:
        """The units that touch a chosen one and are not chosen."""
        return np.asarray((self.graph @ chosen.astype(np.int32)) > 0) & ~chosen

    def is_sites(self, chosen: Bools) -> bool:
        """Whether every connected group of the chosen units reaches the site minimum."""
        return bool((self.groups(chosen)[1] >= self.site_minimum_mu * (1 - ROUNDING)).all())


def ground(
    area_mu: Floats, cost_yuan: Floats, price_yuan: Floats, left: Ints, right: Ints, site_minimum_mu: float
) -> Ground:
    """A county's ground; left, right: rows of units that touch, each pair once or more, in any order."""
    n = len(area_mu)
    both = np.unique(np.r_[left * n + right, right * n + left])
    ptr = np.searchsorted(both, n * np.arange(n + 1)).astype(np.int64)
    return Ground(
        np.ascontiguousarray(area_mu, float),
        np.ascontiguousarray(cost_yuan, float),
        np.ascontiguousarray(price_yuan, float),
        ptr,
        both % max(n, 1),
        float(site_minimum_mu),
    )


@dataclass(frozen=True)
class Choice:
    """Chosen units, what they come to, and what no other choice of as much area undercuts.

    bound_yuan: least price_yuan of any choice of at least area_mu; reach_mu: the most area that any choice
    within the budget may have.
    """

    chosen: Bools
    area_mu: float
    cost_yuan: float
    price_yuan: float
    bound_yuan: float
    reach_mu: float


def least_price(ground: Ground, area_mu: float) -> float:
    """A price that no choice of at least area_mu undercuts: units may be cut, and groups may be small."""
    return _fractions(ground.area_mu, ground.price_yuan, ground.possible, area_mu)


def most_area(ground: Ground, budget_yuan: float | None) -> float:
    """An area that no choice within the budget exceeds, mu."""
    own = ground.possible
    whole = float(ground.area_mu[own].sum())
    if budget_yuan is None or float(ground.cost_yuan[own].sum()) <= budget_yuan:
        return whole
    area, cost = ground.area_mu[own], ground.cost_yuan[own]
    order = np.argsort(cost / area, kind="stable")
    paid, gained = np.cumsum(cost[order]), np.cumsum(area[order])
    i = int(np.searchsorted(paid, budget_yuan, side="right"))
    return float(gained[i] - (paid[i] - budget_yuan) / cost[order][i] * area[order][i])


def _fractions(area: Floats, price: Floats, own: Bools, wanted_mu: float) -> float:
    area, price = area[own], price[own]
    if wanted_mu <= 0 or len(area) == 0:
        return 0.0
    order = np.argsort(price / area, kind="stable")
    gained, paid = np.cumsum(area[order]), np.cumsum(price[order])
    i = min(int(np.searchsorted(gained, wanted_mu * (1 - ROUNDING))), len(area) - 1)
    return float(paid[i] - max(gained[i] - wanted_mu, 0.0) / area[order][i] * price[order][i])


def choose(ground: Ground, goal_mu: float, budget_yuan: float | None, limits: Limits | None = None) -> Choice:
    """Sites of at least goal_mu at the least price; as much as there is where it is too little or too dear.

    goal_mu [mu]; budget_yuan: the most that the chosen units may cost, None: no limit. limits: how long the
    model may work at it after the first way; None: not at all, the bound is then that of `least_price`.
    """
    possible = ground.possible
    whole = float(ground.area_mu[possible].sum())
    goal, budget = min(goal_mu, whole), np.inf if budget_yuan is None else budget_yuan
    reach = most_area(ground, budget_yuan)
    start = _cheapest(ground, ground.price_yuan, possible, goal)
    if limits is not None:
        start = _improved(ground, ground.price_yuan, start, goal)
    if not _paid(ground, start, budget):
        start = _cheapest(ground, ground.cost_yuan, possible, goal)
    if not _paid(ground, start, budget):
        start = _within(ground, possible, budget)
        if limits is not None:
            start, least = _solved(
                ground, -ground.area_mu, Rules(0.0, budget, ground.site_minimum_mu), start, limits
            )
            reach = min(reach, -least)
        goal = min(goal, float(ground.area_mu[start].sum()))
    bound = least_price(ground, goal)
    if limits is not None and goal > 0:
        # where the budget does not bind it is left out: the bound is then that of any choice
        rules = Rules(goal, np.inf, ground.site_minimum_mu)
        found, least = _solved(ground, ground.price_yuan, rules, start, limits)
        if _paid(ground, found, budget):
            found = _cheaper(ground, found, _improved(ground, ground.price_yuan, found, goal), budget)
        if not _paid(ground, found, budget):
            found, least = _solved(
                ground, ground.price_yuan, rules._replace(budget_yuan=budget), start, limits
            )
        start, bound = found, max(bound, least)
    area, price = float(ground.area_mu[start].sum()), float(ground.price_yuan[start].sum())
    return Choice(
        chosen=start,
        area_mu=area,
        cost_yuan=float(ground.cost_yuan[start].sum()),
        price_yuan=price,
        bound_yuan=min(bound, price),
        reach_mu=max(reach, area),
    )


def _solved(ground: Ground, value: Floats, rules: Rules, start: Bools, limits: Limits) -> tuple[Bools, float]:
    part = ground.groups(ground.possible)[0]
    return solve(ground.graph, ground.area_mu, ground.cost_yuan, value, part, rules, start, limits)


def chain(ground: Ground) -> tuple[npt.NDArray[np.int32], Floats, Floats]:
    """(step at which each unit goes, area and price left after each): from all that is possible to nothing."""
    return _peeled(ground, ground.price_yuan, ground.possible, 0.0)


def _paid(ground: Ground, chosen: Bools, budget_yuan: float) -> bool:
    return float(ground.cost_yuan[chosen].sum()) <= budget_yuan * (1 + ROUNDING)


def _peeled(ground: Ground, price: Floats, kept: Bools, target_mu: float) -> tuple[Any, Floats, Floats]:
    return peel(
        ground.area_mu, price, ground.ptr, ground.nbr, kept,
        ground.site_minimum_mu * (1 - ROUNDING), target_mu * (1 - ROUNDING),
    )  # fmt: skip


def _cheapest(ground: Ground, price: Floats, kept: Bools, goal_mu: float) -> Bools:
    """The dearest units of `kept` taken away as long as the goal is held.

    Whole sites go at once, and the last of them may leave far more than the goal: what some smaller choices
    grow to is tried as well.
    """
    best = kept & (_peeled(ground, price, kept, goal_mu)[0] < 0)
    step, area, _ = _peeled(ground, price, kept, 0.0)
    for share in SMALLER:
        below = np.flatnonzero(area < goal_mu * share)
        if len(below) == 0:
            continue
        grown = _grown(ground, price, kept & ((step < 0) | (step > below[0])), kept, goal_mu, np.inf)
        if float(ground.area_mu[grown].sum()) < goal_mu * (1 - ROUNDING):
            continue
        grown &= _peeled(ground, price, grown, goal_mu)[0] < 0
        if float(price[grown].sum()) < float(price[best].sum()):
            best = grown
    return best


def _improved(ground: Ground, price: Floats, chosen: Bools, goal_mu: float) -> Bools:
    """The choice grown beyond the goal and taken back to it, in several ways, as long as that makes it cheaper.

    It grows by what a unit costs, or by what the ground around it costs, so that it reaches cheap ground behind
    a dear unit.
    """
    around, keys = (ground.area_mu, price), []
    for _ in range(HOPS):
        keys.append(around[1] / around[0] * ground.area_mu)
        around = (around[0] + ground.graph @ around[0], around[1] + ground.graph @ around[1])
    better = True
    while better:
        better = False
        for beyond in BEYOND:
            for key in keys:
                grown = _grown(ground, key, chosen, ground.possible, goal_mu * beyond, np.inf)
                grown &= _peeled(ground, price, grown, goal_mu)[0] < 0
                if float(price[grown].sum()) < float(price[chosen].sum()) * (1 - 1e-6):
                    chosen, better = grown, True
    return chosen


def _cheaper(ground: Ground, one: Bools, other: Bools, budget_yuan: float) -> Bools:
    """The cheaper of two choices of a goal, the second only where the budget reaches it."""
    less = float(ground.price_yuan[other].sum()) < float(ground.price_yuan[one].sum())
    return other if less and _paid(ground, other, budget_yuan) else one


def _within(ground: Ground, kept: Bools, budget_yuan: float) -> Bools:
    """The dearest units of `kept` taken away until the rest can be paid, then what still can be is added."""
    step, _, cost = _peeled(ground, ground.cost_yuan, kept, 0.0)
    paid = np.flatnonzero(cost <= budget_yuan)
    last = int(paid[0]) if len(paid) else len(cost)
    chosen = kept & ((step < 0) | (step > last))
    return _grown(ground, ground.cost_yuan, chosen, kept, np.inf, budget_yuan)


def _grown(
    ground: Ground, price: Floats, chosen: Bools, kept: Bools, goal_mu: float, budget_yuan: float
) -> Bools:
    """Units of `kept` beside the chosen ones added, the cheapest of a mu first, up to the goal or the budget."""
    chosen = chosen.copy()
    area, left = float(ground.area_mu[chosen].sum()), budget_yuan - float(ground.cost_yuan[chosen].sum())
    waiting = [
        (float(price[u] / ground.area_mu[u]), int(u)) for u in np.flatnonzero(ground.beside(chosen) & kept)
    ]
    heapq.heapify(waiting)
    while waiting and area < goal_mu * (1 - ROUNDING):
        _, u = heapq.heappop(waiting)
        if chosen[u] or ground.cost_yuan[u] > left:
            continue
        chosen[u] = True
        area, left = area + float(ground.area_mu[u]), left - float(ground.cost_yuan[u])
        for v in ground.nbr[ground.ptr[u] : ground.ptr[u + 1]]:
            if kept[v] and not chosen[v]:
                heapq.heappush(waiting, (float(price[v] / ground.area_mu[v]), int(v)))
    return chosen
