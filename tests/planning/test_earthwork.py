"""Facts about hauls inside a block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from planning.cost import levelling
from planning.earthwork import hauls


def _hauls(label, area, z, x, y):
    label = np.asarray(label, np.int32)
    n = int(label.max()) + 1
    area, z, x, y = (np.asarray(a, float) for a in (area, z, x, y))
    level, cut = levelling(area, z, label, n)
    return hauls(label, area, z, level, x, x, y), cut


def _least(area, z, x, y):
    """The transportation problem of one block, by linear programming, m³·m."""
    volume = area * (z - (area * z).sum() / area.sum())
    give, take = np.flatnonzero(volume > 1e-9), np.flatnonzero(volume < -1e-9)
    if not len(give):
        return 0.0
    cost = np.hypot(x[give][:, None] - x[take], y[give][:, None] - y[take])
    equal = np.zeros((len(give) + len(take), cost.size))
    for i in range(len(give)):
        equal[i, i * len(take) : (i + 1) * len(take)] = 1
    for j in range(len(take)):
        equal[len(give) + j, j :: len(take)] = 1
    right = np.concatenate([volume[give], -volume[take]])
    return linprog(cost.ravel(), A_eq=equal[:-1], b_eq=right[:-1]).fun


def test_two_parcels_haul_the_cut_from_centre_to_centre():
    haul, cut = _hauls([0, 0], [600, 600], [10.0, 10.2], [0, 30], [0, 40])
    assert haul == pytest.approx(cut * 50)


def test_level_parcels_and_parcels_of_no_block_haul_nothing():
    haul, _ = _hauls([0, 0, -1, 1], [600, 700, 800, 900], [10, 10, 12, 11], [0, 30, 60, 90], [0, 0, 0, 0])
    assert (haul == 0).all()


blocks = st.lists(
    st.tuples(st.floats(100, 3000), st.floats(0, 0.3), st.floats(0, 300), st.floats(0, 300)),
    min_size=2,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(blocks)
def test_hauls_are_those_of_a_feasible_plan(rows):
    area, z, x, y = (np.array(c) for c in zip(*rows, strict=True))
    haul, cut = _hauls([0] * len(rows), area, z, x, y)
    assert haul[0] >= _least(area, z, x, y) * (1 - 1e-6) - 1e-3
    assert haul[0] <= cut[0] * np.hypot(np.ptp(x), np.ptp(y)) * (1 + 1e-9) + 1e-6


@settings(max_examples=60, deadline=None)
@given(blocks)
def test_hauls_of_parcels_in_a_row_are_the_least_possible(rows):
    area, z, x, _ = (np.array(c) for c in zip(*rows, strict=True))
    haul, _ = _hauls([0] * len(rows), area, z, x, np.zeros(len(rows)))
    assert haul[0] == pytest.approx(_least(area, z, x, np.zeros(len(rows))), rel=1e-6, abs=1e-2)
