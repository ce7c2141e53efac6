"""Facts about the choice of sites: no choice of a tiny county is better, and every law of money and ground holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planning.effort import Effort
from planning.frontier import COLUMNS, frontier
from planning.peeling import peel
from planning.site_model import Limits
from planning.siting import LIMITS, Ground, choose, ground, least_price, most_area

EXACT = Limits(shares=3, rounds=200, nodes=20_000, gap=0.0, units=100)


@dataclass
class County:
    """A tiny county: areas, costs, what is weighed beside them, pairs of units that touch, the site minimum."""

    area: list[int]
    cost: list[int]
    beside: list[int]
    pairs: list[tuple[int, int]]
    minimum: int

    def ground(self, scale: float = 1.0) -> Ground:
        cost = np.array(self.cost, float) * scale
        left, right = np.array(self.pairs, np.int64).reshape(-1, 2).T
        price = cost + np.array(self.beside, float) * scale
        return ground(np.array(self.area, float), cost, price, left, right, float(self.minimum))


@st.composite
def counties(draw, most: int = 8) -> County:
    n = draw(st.integers(1, most))
    each = lambda low, high: draw(st.lists(st.integers(low, high), min_size=n, max_size=n))  # noqa: E731
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    pairs = draw(st.lists(st.sampled_from(every), unique=True, max_size=2 * n)) if every else []
    return County(each(1, 9), each(0, 20), each(0, 4), pairs, draw(st.integers(1, 20)))


def every_choice(g: Ground) -> list[tuple[float, float, float]]:
    """(area, cost, price) of every choice that keeps the site minimum, found by looking at all of them."""
    n, found = len(g.area_mu), []
    touch = [set(g.nbr[g.ptr[u] : g.ptr[u + 1]].tolist()) for u in range(n)]
    for code in range(2**n):
        left = {u for u in range(n) if code >> u & 1}
        chosen = sorted(left)
        whole = True
        while left and whole:
            group, todo = set(), [next(iter(left))]
            while todo:
                u = todo.pop()
                if u not in group:
                    group.add(u)
                    todo += touch[u] & left
            left -= group
            whole = sum(g.area_mu[u] for u in group) >= g.site_minimum_mu - 1e-9
        if whole:
            sums = [float(f[chosen].sum()) for f in (g.area_mu, g.cost_yuan, g.price_yuan)]
            found.append((sums[0], sums[1], sums[2]))
    return found


def best_of_all(g: Ground, goal: float, budget: float | None) -> tuple[float, float]:
    """(area that can be reached, least price of it): the goal, or as much as ground and budget allow."""
    paid = [c for c in every_choice(g) if budget is None or c[1] <= budget + 1e-9]
    reach = min(goal, max(c[0] for c in paid))
    return reach, min(c[2] for c in paid if c[0] >= reach - 1e-9)


budgets = st.one_of(st.none(), st.integers(0, 120))


@settings(max_examples=150, deadline=None)
@given(counties(), st.integers(0, 60), budgets)
def test_no_choice_of_a_tiny_county_is_better(county: County, goal: int, budget: int | None) -> None:
    g = county.ground()
    reach, price = best_of_all(g, goal, budget)
    found = choose(g, goal, budget, EXACT)
    assert g.is_sites(found.chosen)
    assert found.area_mu >= reach - 1e-6
    assert budget is None or found.cost_yuan <= budget + 1e-6
    assert found.price_yuan == pytest.approx(price, abs=1e-3)
    assert found.bound_yuan <= price + 1e-6


@settings(max_examples=100, deadline=None)
@given(counties(), st.integers(0, 60), budgets)
def test_without_the_model_the_rules_hold_and_the_bounds_too(
    county: County, goal: int, budget: int | None
) -> None:
    g = county.ground()
    found = choose(g, goal, budget)
    assert g.is_sites(found.chosen)
    assert budget is None or found.cost_yuan <= budget + 1e-6
    every = [c for c in every_choice(g) if budget is None or c[1] <= budget + 1e-9]
    assert found.bound_yuan <= min(c[2] for c in every if c[0] >= found.area_mu - 1e-9) + 1e-6
    assert found.reach_mu >= max(c[0] for c in every) - 1e-6 or found.reach_mu >= goal
    assert most_area(g, budget) >= max(c[0] for c in every) - 1e-6
    assert all(least_price(g, area) <= price + 1e-6 for area, _, price in every)


@settings(max_examples=60, deadline=None)
@given(counties(7), st.integers(0, 40), st.integers(0, 100), st.integers(0, 100))
def test_more_money_never_gives_less(county: County, goal: int, one: int, other: int) -> None:
    g = county.ground()
    little, much = (choose(g, goal, b, EXACT) for b in sorted((one, other)))
    assert min(much.area_mu, goal) >= min(little.area_mu, goal) - 1e-6


@settings(max_examples=60, deadline=None)
@given(counties(7), st.integers(0, 40), st.integers(0, 40))
def test_a_smaller_goal_never_costs_more(county: County, one: int, other: int) -> None:
    g = county.ground()
    floor, ceiling = (choose(g, goal, None, EXACT) for goal in sorted((one, other)))
    assert floor.price_yuan <= ceiling.price_yuan + 1e-3


@settings(max_examples=60, deadline=None)
@given(counties(7), st.integers(0, 40), st.data())
def test_a_wider_gap_never_worsens_the_choice(county: County, goal: int, data) -> None:
    """A wider gap between units is more pairs that touch."""
    kept = data.draw(st.lists(st.sampled_from(county.pairs), unique=True)) if county.pairs else []
    wide, narrow = county.ground(), replace(county, pairs=kept).ground()
    before, after = (choose(g, goal, None, EXACT) for g in (narrow, wide))
    assert min(after.area_mu, goal) >= min(before.area_mu, goal) - 1e-6
    if min(after.area_mu, goal) == pytest.approx(min(before.area_mu, goal)):
        assert after.price_yuan <= before.price_yuan + 1e-3


@settings(max_examples=40, deadline=None)
@given(counties(7), st.integers(0, 40), st.sampled_from([0.25, 3.0, 1000.0]))
def test_prices_times_a_factor_are_costs_times_it(county: County, goal: int, factor: float) -> None:
    one, other = (choose(county.ground(f), goal, None, EXACT) for f in (1.0, factor))
    assert other.price_yuan == pytest.approx(one.price_yuan * factor, rel=1e-4, abs=1e-3 * factor)


@settings(max_examples=20, deadline=None)
@given(counties(), st.integers(0, 40), budgets)
def test_the_same_question_has_the_same_answer(county: County, goal: int, budget: int | None) -> None:
    one, other = (choose(county.ground(), goal, budget, LIMITS[Effort.normal]) for _ in range(2))
    assert (one.chosen == other.chosen).all()
    assert one.bound_yuan == other.bound_yuan


@settings(max_examples=100, deadline=None)
@given(counties(12))
def test_every_step_of_the_chain_leaves_sites(county: County) -> None:
    g = county.ground()
    # tenths: sums of them are not exact
    g = replace(g, area_mu=g.area_mu * 0.1, site_minimum_mu=g.site_minimum_mu * 0.1 * (1 - 1e-9))
    own = g.possible
    step, area, price = peel(g.area_mu, g.price_yuan, g.ptr, g.nbr, own, g.site_minimum_mu, 0.0)
    assert ((step >= 0) == own).all()
    for k in range(len(area)):
        chosen = own & (step > k)
        assert g.is_sites(chosen)
        assert g.area_mu[chosen].sum() == pytest.approx(area[k], abs=1e-9)
        assert g.price_yuan[chosen].sum() == pytest.approx(price[k], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counties(12), st.integers(1, 60))
def test_nothing_goes_that_would_leave_less_than_the_goal(county: County, goal: int) -> None:
    g = county.ground()
    own = g.possible
    assume(g.area_mu[own].sum() >= goal)
    step, _, _ = peel(g.area_mu, g.price_yuan, g.ptr, g.nbr, own, g.site_minimum_mu, float(goal))
    stays = own & (step < 0)
    assert g.area_mu[stays].sum() >= goal
    assert g.is_sites(stays)


@settings(max_examples=60, deadline=None)
@given(counties(10))
def test_the_frontier_rises_and_lies_above_its_bound(county: County) -> None:
    g = county.ground()
    found = frontier("230307", g)
    assert tuple(found.columns) == COLUMNS
    assert len(found) <= 12
    assert (len(found) > 0) == bool(g.possible.any())
    if len(found):
        assert (np.diff(found.area_mu) > 0).all() and (np.diff(found.cost_yuan) > 0).all()
        assert (found.cost_yuan >= found.cost_bound_yuan - 1e-6).all()
        assert found.area_mu.iat[-1] == pytest.approx(g.area_mu[g.possible].sum())
        assert found.yuan_per_next_mu.isna().tolist() == [False] * (len(found) - 1) + [True]
        step = np.diff(found.cost_yuan) / np.diff(found.area_mu)
        assert found.yuan_per_next_mu.to_numpy()[:-1] == pytest.approx(step)


def field_of(size: int, seed: int) -> Ground:
    """size × size units in a grid, some 70 mu each, costs that differ as on a plain with hills."""
    random = np.random.default_rng(seed)
    index = np.arange(size * size).reshape(size, size)
    left = np.r_[index[:, :-1].ravel(), index[:-1].ravel()]
    right = np.r_[index[:, 1:].ravel(), index[1:].ravel()]
    area = random.uniform(30, 120, size * size)
    y, x = np.divmod(np.arange(size * size), size)
    hills = 60 * np.sin(x / 4 + seed) * np.cos(y / 5)
    cost = area * np.maximum(150 + hills + random.normal(0, 40, size * size), 5)
    return ground(area, cost, cost, left, right, 1000.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_county_of_a_hundred_units_is_chosen_within_a_percent_of_its_bound(seed: int) -> None:
    g = field_of(10, seed)
    found = choose(g, 0.6 * g.area_mu.sum(), None, LIMITS[Effort.normal])
    assert g.is_sites(found.chosen)
    assert found.bound_yuan >= 0.99 * found.price_yuan


def test_the_model_is_never_worse_than_the_first_way() -> None:
    g = field_of(10, 4)
    goal = 0.3 * g.area_mu.sum()
    first, quick, normal = (
        choose(g, goal, None, how) for how in (None, LIMITS[Effort.quick], LIMITS[Effort.normal])
    )
    assert normal.price_yuan <= quick.price_yuan + 1e-6 <= first.price_yuan + 2e-6
    assert first.bound_yuan <= normal.bound_yuan + 1e-6
