"""Laws of the engine: little units come out best, bounds hold, more effort and wider rules never hurt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.neighbours import adjacency
from geo.schemas import MU_M2
from planning import blocks, quality
from planning.blocks import solve
from planning.cells import bound_of_cells
from planning.cost import Prices, block_cost
from planning.effort import Effort
from planning.fields import Rules
from planning.groups import Unit
from planning.pairs import Rule
from planning.reach import reachable
from planning.solving import Knobs
from tests.planning.grids import feasible, grid

PRICES = Prices(5.0, 9.4, 167.0, 200.0)
RULES = Rules(50 * MU_M2, 0.3, PRICES)


def can(fields, rules=RULES):
    ptr, nbr, edge = adjacency(len(fields.unit), fields.left, fields.right)
    ridge = fields.ridge_m2[edge]
    step = rules.max_step_m + 1e-9
    return reachable(fields.area_m2, fields.elevation_m, ptr, nbr, ridge, fields.minimum_m2, step)


def solved(fields, rules=RULES, effort=Effort.normal, seed=1, threads=1):
    return solve(fields, can(fields, rules), rules, seed, None, threads, effort)


def rows(fields, found, rules=RULES):
    return quality.by_part(fields, found[1], found[0], rules.prices)


def worth(fields, labels, rules=RULES):
    """Yuan that a plan is worth: its area, and the ridges it saves less what its blocks cost."""
    area, cost, removed = quality.block_sums(fields, labels, rules.prices)
    return float(
        rules.worth_yuan_per_m2 * area.sum() + (rules.prices.ridge_yuan_per_m * removed - cost).sum()
    )


def block_by_hand(fields, members, rules):
    """What one block is worth, reckoned parcel by parcel."""
    area, z = fields.area_m2[members], fields.elevation_m[members]
    if len(members) == 1:
        return rules.worth_yuan_per_m2 * area.sum()
    inside = np.isin(fields.left, members) & np.isin(fields.right, members)
    whole = area.sum() + fields.ridge_m2[inside].sum()
    cut = sum(a * max(h - np.average(z, weights=area), 0) for a, h in zip(area, z, strict=True))
    box = fields.box_m[members]
    rectangle = (box[:, 2].max() - box[:, 0].min()) * (box[:, 3].max() - box[:, 1].min())
    operators = len({o for o in fields.operator[members].tolist() if o >= 0})
    cost = block_cost(cut, whole, whole / max(rectangle, whole), float(operators), rules.prices)
    saved = rules.prices.ridge_yuan_per_m * fields.facing_m[inside].sum()
    return rules.worth_yuan_per_m2 * area.sum() + saved - cost


def best_by_hand(fields, rules=RULES):
    """The most that any partition of a little unit is worth: all of them are tried."""
    n = len(fields.unit)
    groups = {}
    for mask in range(1, 1 << n):
        members = [i for i in range(n) if mask >> i & 1]
        if feasible(fields, members, rules.maximum_m2 / MU_M2, rules.max_step_m + 1e-9):
            groups[mask] = block_by_hand(fields, members, rules)
    best = {0: 0.0}
    for mask in range(1, 1 << n):
        low = mask & -mask
        found = best[mask ^ low]
        part = mask
        while part:
            if part & low and part in groups:
                found = max(found, best[mask ^ part] + groups[part])
            part = (part - 1) & mask
        best[mask] = found
    return best[(1 << n) - 1]


def random_grid(down, across, seed, spread_m=0.5, least_mu=0.3, most_mu=4.0):
    random = np.random.default_rng(seed)
    n = down * across
    return grid(
        down,
        across,
        random.uniform(least_mu, most_mu, n),
        random.uniform(0, spread_m, n),
        random.integers(-1, 4, n),
    )


little = st.builds(random_grid, st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
larger = st.builds(random_grid, st.integers(2, 6), st.integers(2, 9), st.integers(0, 10**6))


def unit(fields):
    ptr, nbr, edge = adjacency(len(fields.unit), fields.left, fields.right)
    return Unit(
        fields.area_m2,
        fields.elevation_m,
        fields.operator,
        fields.box_m,
        ptr,
        nbr,
        fields.facing_m[edge],
        fields.ridge_m2[edge],
    )


@pytest.fixture
def hasty(monkeypatch):
    """Efforts that can list next to nothing, so that most parts stay unproven."""
    knobs = {
        Effort.quick: Knobs(4, 4, 500, 1, 0, 0.0, 0, 0, 0, 20, 0, 0, 0, 1.0, 0),
        Effort.normal: Knobs(20, 8, 500, 0, 1, 1.0, 8, 60, 1, 60, 2, 4, 0, 0.05, 0),
        Effort.best: Knobs(60, 16, 1000, 1, 2, 1.0, 12, 200, 2, 100, 4, 20, 20, 0.0, 20),
    }
    monkeypatch.setattr(blocks, "KNOBS", knobs)


@settings(max_examples=60, deadline=None)
@given(little, st.sampled_from([1500.0, 400.0, 300.0, 100.0]))
def test_a_little_unit_is_solved_to_the_best_of_all_its_partitions_whatever_a_mu_is_worth(fields, yuan):
    for rules in (RULES, replace(RULES, worth_yuan_per_m2=yuan / MU_M2)):
        found = solved(fields, rules)
        assert worth(fields, found[0], rules) == pytest.approx(best_by_hand(fields, rules), abs=1e-4)
        assert found[1].proven.all()
        table = rows(fields, found, rules)
        assert table.proven.all()
        assert table.cost_bound_yuan.tolist() == pytest.approx(table.cost_yuan.tolist())


@settings(max_examples=60, deadline=None)
@given(
    little,
    st.booleans(),
    st.integers(1, 30),
    st.integers(0, 3),
    st.integers(0, 20),
    st.sampled_from([0.2, 0.5, 2.0, 1500.0]),
)
def test_the_bound_by_cells_is_above_the_best_partition(fields, whole, seeds, rounds, tried, yuan_per_m2):
    rules = replace(RULES, worth_yuan_per_m2=yuan_per_m2)
    rule = Rule(fields.minimum_m2[0], rules.maximum_m2, 0.3 + 1e-9, 0.0, yuan_per_m2, PRICES)
    most, area = bound_of_cells(unit(fields), rule, yuan_per_m2, whole, seeds, rounds, tried, 0.01)
    assert most >= best_by_hand(fields, rules) - 1e-6
    alone = replace(rules, prices=Prices(0.0, 0.0, 0.0, 0.0), worth_yuan_per_m2=1.0)
    assert area >= best_by_hand(fields, alone) - 1e-6


@settings(max_examples=25, deadline=None)
@given(larger, st.sampled_from([(20, 0, 0, 0, 1.0, 0), (10, 3, 6, 6, 0.0, 0), (40, 4, 60, 60, 0.0, 40)]))
def test_no_bound_of_a_hasty_effort_is_passed_by_the_best_plan(fields, pricing):
    best, bounds = solved(fields, effort=Effort.best)
    proven = rows(fields, (best, bounds))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "KNOBS", {Effort.quick: Knobs(4, 4, 500, 1, 0, 0.0, 0, 0, 0, *pricing)})
        hasty, weak = solved(fields, effort=Effort.quick)
    of_hasty = rows(fields, (hasty, weak))
    of_best = quality.by_part(fields, weak, best, PRICES)
    assert (of_best.compliant_m2 <= weak.area_m2 + 1e-6).all()
    assert (of_best.cost_bound_yuan <= of_best.cost_yuan + 1e-6).all()
    # at equal area the hasty plan is bounded below by what the best one costs
    same = np.isclose(of_hasty.compliant_m2, proven.compliant_m2, atol=1e-6) & proven.proven
    assert (of_hasty.cost_bound_yuan[same] <= proven.cost_yuan[same] + 1e-4).all()
    for k in range(weak.worth.shape[1]):
        inside = proven.compliant_m2 * weak.worth[:, k] - proven.cost_yuan
        ridges = PRICES.ridge_yuan_per_m * quality._ridges(fields, weak.part, len(inside))
        assert (inside + ridges <= weak.most[:, k] + 1e-4).all()


@settings(max_examples=25, deadline=None)
@given(larger)
def test_more_effort_is_never_worse(fields):
    found = [worth(fields, solved(fields, effort=effort)[0]) for effort in Effort]
    assert found == sorted(found) or np.ptp(found) < 1e-4


def test_more_effort_is_never_worse_where_nothing_can_be_proven(hasty):
    for seed in range(12):
        fields = random_grid(7, 9, seed, 0.4)
        found = [worth(fields, solved(fields, effort=effort)[0]) for effort in Effort]
        assert found[0] <= found[1] + 1e-4 and found[1] <= found[2] + 1e-4
        bounded = rows(fields, solved(fields))
        assert (bounded.cost_bound_yuan <= bounded.cost_yuan + 1e-9).all()
        assert (bounded.compliant_bound_m2 >= bounded.compliant_m2).all()


@settings(max_examples=25, deadline=None)
@given(larger, st.floats(0.05, 0.4), st.floats(0, 0.3), st.floats(6, 20), st.floats(0, 20))
def test_a_wider_rule_never_makes_a_proven_plan_worse(fields, step, wider, maximum, more):
    narrow = Rules(maximum * MU_M2, step, PRICES)
    wide = Rules((maximum + more) * MU_M2, step + wider, PRICES)
    little_one, larger_one = solved(fields, narrow), solved(fields, wide)
    if little_one[1].proven.all() and larger_one[1].proven.all():
        assert worth(fields, larger_one[0], wide) >= worth(fields, little_one[0], narrow) - 1e-4


@settings(max_examples=20, deadline=None)
@given(larger, st.sampled_from([0.5, 2.0, 4.0]))
def test_all_prices_times_k_cost_k_times_as_much(fields, k):
    dear = Rules(
        RULES.maximum_m2, RULES.max_step_m, Prices(*(k * p for p in PRICES)), RULES.worth_yuan_per_m2 * k
    )
    one, other = rows(fields, solved(fields)), rows(fields, solved(fields, dear), dear)
    if one.proven.all() and other.proven.all():
        assert other.cost_yuan.sum() == pytest.approx(k * one.cost_yuan.sum(), rel=1e-9)
        assert other.compliant_m2.sum() == pytest.approx(one.compliant_m2.sum())


@pytest.mark.parametrize("effort", list(Effort))
def test_a_seed_gives_one_plan_on_any_number_of_threads(effort, hasty):
    fields = random_grid(8, 12, 7, 0.4)
    one, bounds = solved(fields, effort=effort, seed=5, threads=1)
    many, others = solved(fields, effort=effort, seed=5, threads=3)
    assert (one == many).all()
    assert (bounds.most == others.most).all()


def test_a_part_too_large_for_one_search_is_begun_by_cells(monkeypatch, hasty):
    monkeypatch.setattr(blocks, "LARGE", 60)
    fields = random_grid(20, 20, 3, 0.25, 0.5, 2.0)
    label, bounds = solved(fields)
    for b in range(label.max() + 1):
        assert feasible(fields, np.flatnonzero(label == b), 50.0, 0.3 + 1e-9)
    assert fields.area_m2[label >= 0].sum() >= 0.95 * bounds.area_m2.sum()
