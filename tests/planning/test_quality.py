"""Facts about a plan's quality: parts, sums, units, and what plan.json says of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import plans
from planning import quality
from planning.cost import Prices
from planning.exact import value
from planning.pairs import Rule
from tests.planning.grids import grid
from tests.planning.test_exact import PRICES, RULES, larger, rows, solved, unit, worth


def test_parcels_that_could_be_in_no_block_part_their_neighbours():
    fields = grid(1, 5, 2.0, 0.0)
    assert quality.parts(fields, np.array([1, 1, 0, 1, 1], bool)).tolist() == [0, 0, -1, 1, 1]
    assert quality.parts(fields, np.array([0, 0, 1, 1, 1], bool)).tolist() == [-1, -1, 0, 0, 0]
    assert quality.parts(fields, np.zeros(5, bool)).tolist() == [-1] * 5


@settings(max_examples=30, deadline=None)
@given(larger)
def test_the_report_and_the_engine_reckon_alike(fields):
    labels, _ = solved(fields)
    rule = Rule(fields.minimum_m2[0], RULES.maximum_m2, 0.3, 0.0, RULES.worth_yuan_per_m2, PRICES)
    assert value(unit(fields), labels, rule) == pytest.approx(worth(fields, labels), abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(larger, st.sampled_from([0.0, 5.0]))
def test_no_cost_is_below_its_bound_and_no_area_above(fields, earthwork):
    prices = Prices(earthwork, 9.4, 167.0, 200.0)
    table = rows(fields, solved(fields))
    assert (table.cost_bound_yuan <= table.cost_yuan).all()
    assert (table.compliant_m2 <= table.compliant_bound_m2).all()
    bounds = quality.weak(fields, np.ones(len(fields.unit), bool), prices, np.array([0.0, 1.0]))
    nothing = quality.by_part(fields, bounds, np.full(len(fields.unit), -1, np.int32), prices)
    assert nothing.compliant_m2.sum() == 0
    assert nothing.cost_yuan.sum() == pytest.approx(9.4 * fields.facing_m.sum())


def test_a_part_whose_block_was_lost_afterwards_is_not_proven():
    fields = grid(2, 3, 2.0, 0.0)
    labels, bounds = solved(fields)
    assert bounds.proven.all()
    lost = np.full_like(labels, -1)
    table = quality.by_part(fields, bounds, lost, PRICES)
    assert not table.proven.any()
    assert (table.cost_bound_yuan <= table.cost_yuan).all()


def test_units_add_up_to_the_plan(plan_folder):
    plan = plans.read(plan_folder)
    units = plans.read_more(plan_folder, "units")
    said = plan.meta["quality"]
    assert units is not None
    assert units.field_unit.is_unique
    assert said["units"] == len(units)
    assert units.compliant_mu.sum() == pytest.approx(
        plan.parcels[plan.parcels.block_id.notna()].area_mu.sum()
    )
    assert said["cost_yuan"] == pytest.approx(units.cost_yuan.sum())
    assert said["gap"] == pytest.approx(1 - said["cost_bound_yuan"] / said["cost_yuan"])
    assert said["units_proven_share"] == pytest.approx(units.proven.mean())
    assert said["compliant_mu"] <= said["compliant_bound_mu"] <= plan.parcels.area_mu.sum()
