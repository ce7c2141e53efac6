"""Facts about the objective: what a block costs, and what levelling it moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.schemas import MU_M2
from planning.cost import Prices, block_cost, levelling, ridge_cost

PRICES = Prices(5.0, 9.4, 167.0, 200.0)

parcels = st.lists(
    st.tuples(st.floats(50, 30_000), st.floats(-5, 5), st.integers(0, 3)), min_size=1, max_size=30
)


def test_a_block_costs_its_earth_its_crookedness_and_each_operator_beyond_the_first():
    assert block_cost(100.0, 6 * MU_M2, 0.75, 3.0, PRICES) == pytest.approx(
        5 * 100 + 167 * 6 * 0.25 + 200 * 2
    )


def test_a_rectangle_of_one_operator_on_level_ground_costs_nothing():
    assert block_cost(0.0, 6 * MU_M2, 1.0, 1.0, PRICES) == 0
    assert block_cost(0.0, 6 * MU_M2, 1.0, 0.0, PRICES) == 0


def test_the_report_uses_the_same_arithmetic_for_arrays():
    cut, area = np.array([10.0, 0.0]), np.array([5.0, 8.0]) * MU_M2
    shape, operators = np.array([0.5, 1.0]), np.array([1, 4])
    many = block_cost.py_func(cut, area, shape, operators, PRICES)
    one_by_one = [
        block_cost(c, a, s, float(o), PRICES) for c, a, s, o in zip(cut, area, shape, operators, strict=True)
    ]
    assert many == pytest.approx(one_by_one)


def test_ridges_kept_are_priced_by_the_metre():
    assert ridge_cost(250.0, PRICES) == pytest.approx(2350)


def test_two_steps_level_out_half_way_when_they_are_alike():
    level, cut = levelling(np.array([600.0, 600.0]), np.array([10.0, 10.2]), np.array([0, 0]), 1)
    assert level == pytest.approx([10.1])
    assert cut == pytest.approx([60.0])


def test_unknown_levels_take_no_part():
    level, cut = levelling(
        np.array([600.0, 900.0, 600.0]), np.array([10.0, np.nan, 10.2]), np.array([0, 0, 1]), 3
    )
    assert level[:2] == pytest.approx([10.0, 10.2])
    assert np.isnan(level[2])
    assert (cut == 0).all()


@given(parcels, st.floats(0, 4000))
def test_cut_equals_fill_wherever_the_ground_lies(rows, height):
    area = np.array([r[0] for r in rows])
    z = np.array([r[1] for r in rows]) + height
    label = np.array([r[2] for r in rows])
    level, cut = levelling(area, z, label, 4)
    for b in range(4):
        own = label == b
        if own.any():
            fill = (area[own] * np.maximum(level[b] - z[own], 0)).sum()
            assert cut[b] == pytest.approx(fill, rel=1e-6, abs=1e-5 * area[own].sum() * 1e-3)
