"""Facts about pricing: nothing worth more than its shares is missed, and the shares are the least that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from planning.columns import no_columns
from planning.exact import listed
from planning.listing import groups_below, listing
from planning.pairs import Rule
from planning.pricing import better, priced
from planning.relaxation import relax
from planning.walk import ridge_share, set_base, walk_of
from tests.planning.test_exact import PRICES, RULES, larger, random_grid, unit

WORTH = 3.0  # yuan per m², where area and cost weigh alike


def rule_of(fields, worth=WORTH):
    return Rule(fields.minimum_m2[0], RULES.maximum_m2, 0.3 + 1e-9, 0.0, worth, PRICES)


def groups(columns):
    """Each group with its net and area."""
    c = columns
    return [
        (tuple(sorted(c.member[c.start[i] : c.start[i + 1]].tolist())), c.net[i], c.area[i])
        for i in range(c.held[0])
    ]


def shares_at_random(fields, seed):
    random = np.random.default_rng(seed)
    return np.maximum(random.normal(WORTH * fields.area_m2, 900.0), 0.0)


@settings(max_examples=60, deadline=None)
@given(larger, st.integers(0, 10**6), st.booleans())
def test_the_best_group_below_each_parcel_is_found_whatever_is_cut_off(fields, seed, a_cell_of_more):
    u, rule, n = unit(fields), rule_of(fields), len(fields.unit)
    random = np.random.default_rng(seed)
    y = shares_at_random(fields, seed)
    outside, here = np.zeros(n), np.ones(n, bool)
    if a_cell_of_more:
        outside[random.random(n) < 0.2] = 25.0
        here = random.random(n) < 0.8
        # an operator is either at home here or not
        here = np.array([here[np.flatnonzero(u.op == o)[0]] for o in u.op])
    overlap = ridge_share(u)
    columns, state = listing(u, outside, here, overlap, rule, np.inf, 300_000)
    if state == 0:
        return
    beyond = np.full(n, -np.inf)
    for members, net, area in groups(columns):
        value = net + WORTH * area - y[list(members)].sum()
        beyond[members[0]] = max(beyond[members[0]], value)
    w, c = walk_of(u, here, overlap), no_columns(100_000, 1_000_000)
    set_base(w, u, outside, rule, WORTH, y)
    for r in range(n):
        _, best, _, _ = groups_below(r, u, outside, rule, np.inf, WORTH, y, 0.5, True, 10**9, c, w)
        assert best == pytest.approx(max(beyond[r], 0.5), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(larger, st.integers(0, 10**6), st.floats(-2000, 500))
def test_all_groups_that_are_worth_enough_are_found_once(fields, seed, keep):
    u, rule = unit(fields), rule_of(fields)
    y = shares_at_random(fields, seed)
    columns, whole = listed(u, rule, 300_000)
    found, known = better(u, rule, WORTH, y, keep, 10**6, 10**6)
    if not whole:
        return
    assert known
    wanted = [g for g, net, area in groups(columns) if net + WORTH * area - y[list(g)].sum() > keep]
    assert sorted(wanted) == sorted(g for g, _, _ in groups(found))


@settings(max_examples=40, deadline=None)
@given(larger, st.sampled_from([0.5, WORTH, 1500.0]))
def test_shares_hold_for_every_group_and_sum_to_the_relaxed_optimum(fields, worth):
    u, n = unit(fields), len(fields.unit)
    columns, whole = listed(u, rule_of(fields, worth), 20_000)
    if not whole or columns.held[0] == 0:
        return
    y, total = relax(columns, n, worth, 200 * n + 2000)
    each = groups(columns)
    value = np.array([net + worth * area for _, net, area in each])
    inside = np.zeros((len(each), n))
    for i, (members, _, _) in enumerate(each):
        inside[i, list(members)] = 1
    assert (inside @ y >= value - 1e-6).all() and (y >= 0).all()
    assert total == pytest.approx(y.sum())
    solved = linprog(np.ones(n), A_ub=-inside, b_ub=-value, method="highs")
    assert total == pytest.approx(solved.fun, rel=1e-6, abs=0.05)


def test_pricing_comes_to_the_relaxed_optimum_over_all_groups_from_a_few_of_them():
    for seed in range(6):
        fields = random_grid(3, 9, seed, 0.6)
        u, rule, n = unit(fields), rule_of(fields), len(fields.unit)
        columns, whole = listed(u, rule, 10**6)
        assert whole
        _, total = relax(columns, n, WORTH, 100_000)
        begun = no_columns(1, 1)
        overlap = ridge_share(u)
        found, _, most = priced(
            u, np.zeros(n), np.ones(n, bool), overlap, rule, WORTH, begun, 200, 10**6, -np.inf, 0.01
        )
        assert total - 1e-6 <= most <= total + 0.01 * n + 0.05
        assert found.held[0] < columns.held[0]


def test_too_few_tries_say_nothing():
    fields = random_grid(5, 9, 4, 0.3)
    u, rule, n = unit(fields), rule_of(fields), len(fields.unit)
    begun = no_columns(1, 1)
    _, _, most = priced(
        u, np.zeros(n), np.ones(n, bool), ridge_share(u), rule, WORTH, begun, 3, 1, -np.inf, 0.01
    )
    assert most == np.inf
