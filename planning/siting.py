"""Which field units of a county become demonstration sites: the model, its bound, and the way to an answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from planning.peeling import peel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ROUNDING = 1e-9
"""Part of an area that sums of the same terms in another order may differ by."""


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

    @property
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

    @property
    def possible(self) -> Bools:
        """Units of groups that reach the site minimum when all of them are chosen."""
        label, area = self.groups()
        return (area >= self.site_minimum_mu * (1 - ROUNDING))[label] if len(area) else label >= 0

    def is_sites(self, chosen: Bools) -> bool:
        """Whether every connected group of the chosen units reaches the site minimum."""
        return bool((self.groups(chosen)[1] >= self.site_minimum_mu * (1 - ROUNDING)).all())


def ground(
    area_mu: Floats, cost_yuan: Floats, price_yuan: Floats, left: Ints, right: Ints, site_minimum_mu: float
) -> Ground:
    """A county's ground; left, right: rows of units that touch, each pair once or more, in any order."""
    n = len(area_mu)
    both = np.unique(np.stack([np.r_[left, right], np.r_[right, left]]), axis=1)
    ptr = np.searchsorted(both[0], np.arange(n + 1)).astype(np.int64)
    return Ground(
        np.ascontiguousarray(area_mu, float),
        np.ascontiguousarray(cost_yuan, float),
        np.ascontiguousarray(price_yuan, float),
        ptr,
        both[1].astype(np.int64),
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
    i = int(np.searchsorted(paid, budget_yuan))
    return float(gained[i] - (paid[i] - budget_yuan) / cost[order][i] * area[order][i])


def _fractions(area: Floats, price: Floats, own: Bools, wanted_mu: float) -> float:
    area, price = area[own], price[own]
    if wanted_mu <= 0 or len(area) == 0:
        return 0.0
    order = np.argsort(price / area, kind="stable")
    gained, paid = np.cumsum(area[order]), np.cumsum(price[order])
    i = min(int(np.searchsorted(gained, wanted_mu * (1 - ROUNDING))), len(area) - 1)
    return float(paid[i] - max(gained[i] - wanted_mu, 0.0) / area[order][i] * price[order][i])


def choose(ground: Ground, goal_mu: float, budget_yuan: float | None) -> Choice:
    """Sites of at least goal_mu at the least price; as much as there is where it is too little or too dear.

    goal_mu [mu]; budget_yuan: the most that the chosen units may cost, None: no limit.
    """
    possible = ground.possible
    goal = min(goal_mu, float(ground.area_mu[possible].sum()))
    found = _cheapest(ground, ground.price_yuan, possible, goal)
    if not _paid(ground, found, budget_yuan):
        found = _cheapest(ground, ground.cost_yuan, possible, goal)
    if budget_yuan is not None and not _paid(ground, found, budget_yuan):
        found = _within(ground, possible, budget_yuan)
    return _told(ground, found, budget_yuan)


def chain(ground: Ground) -> tuple[npt.NDArray[np.int32], Floats]:
    """(step at which each unit goes, area left after each step): choices from all that is possible to nothing."""
    step, area, _ = peel(
        ground.area_mu, ground.price_yuan, ground.ptr, ground.nbr, ground.possible,
        ground.site_minimum_mu * (1 - ROUNDING), 0.0,
    )  # fmt: skip
    return step, area


def _paid(ground: Ground, chosen: Bools, budget_yuan: float | None) -> bool:
    return budget_yuan is None or float(ground.cost_yuan[chosen].sum()) <= budget_yuan * (1 + ROUNDING)


def _cheapest(ground: Ground, price: Floats, kept: Bools, goal_mu: float) -> Bools:
    """The dearest units of `kept` taken away as long as the goal is held."""
    step, _, _ = peel(
        ground.area_mu, price, ground.ptr, ground.nbr, kept,
        ground.site_minimum_mu * (1 - ROUNDING), goal_mu * (1 - ROUNDING),
    )  # fmt: skip
    return kept & (step < 0)


def _within(ground: Ground, kept: Bools, budget_yuan: float) -> Bools:
    """The dearest units of `kept` taken away until the rest can be paid, then what still can be is added."""
    step, _, cost = peel(
        ground.area_mu, ground.cost_yuan, ground.ptr, ground.nbr, kept,
        ground.site_minimum_mu * (1 - ROUNDING), 0.0,
    )  # fmt: skip
    last = int(np.argmax(cost <= budget_yuan)) if (cost <= budget_yuan).any() else len(cost)
    chosen = kept & ((step < 0) | (step > last))
    return _filled(ground, chosen, kept, budget_yuan)


def _filled(ground: Ground, chosen: Bools, kept: Bools, budget_yuan: float) -> Bools:
    """Units beside the chosen ones are added, the cheapest of a mu first, while the budget lasts."""
    chosen = chosen.copy()
    order = np.argsort(ground.cost_yuan / ground.area_mu, kind="stable")
    left = budget_yuan - float(ground.cost_yuan[chosen].sum())
    added = True
    while added:
        beside = (ground.graph @ chosen.astype(np.int32)) > 0
        added = False
        for u in order[(beside & kept & ~chosen)[order]]:
            if ground.cost_yuan[u] <= left:
                chosen[u] = added = True
                left -= float(ground.cost_yuan[u])
    return chosen


def _told(ground: Ground, chosen: Bools, budget_yuan: float | None) -> Choice:
    area, price = float(ground.area_mu[chosen].sum()), float(ground.price_yuan[chosen].sum())
    return Choice(
        chosen=chosen,
        area_mu=area,
        cost_yuan=float(ground.cost_yuan[chosen].sum()),
        price_yuan=price,
        bound_yuan=min(least_price(ground, area), price),
        reach_mu=max(most_area(ground, budget_yuan), area),
    )
