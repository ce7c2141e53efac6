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
    """The haul of each block, m³·m, its cut, m³, and the loads."""
    label = np.asarray(label, np.int32)
    n = int(label.max()) + 1
    area, z, x, y = (np.asarray(a, float) for a in (area, z, x, y))
    level, cut = levelling(area, z, label, n)
    loads = hauls(label, area, z, level, x, y)
    return loads.of_blocks(n), cut, loads


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
    haul, cut, loads = _hauls([0, 0], [600, 600], [10.0, 10.2], [0, 30], [0, 40])
    assert haul == pytest.approx(cut * 50)
    assert (loads.giving.tolist(), loads.taking.tolist()) == ([1], [0])
    assert (loads.volume_m3, loads.distance_m) == (pytest.approx(cut), pytest.approx(50))


def test_level_parcels_and_parcels_of_no_block_haul_nothing():
    haul, _, loads = _hauls(
        [0, 0, -1, 1], [600, 700, 800, 900], [10, 10, 12, 11], [0, 30, 60, 90], [0, 0, 0, 0]
    )
    assert (haul == 0).all() and len(loads.volume_m3) == 0


def test_a_block_of_unknown_level_hauls_nothing():
    haul, _, _ = _hauls(
        [0, 0, 1, 1], [600, 600, 500, 500], [np.nan, np.nan, 1, 2], [0, 30, 0, 9], [0, 0, 0, 0]
    )
    assert haul[0] == 0 and haul[1] == pytest.approx(250 * 9)


metres = st.integers(0, 3000).map(lambda dm: dm / 10)
blocks = st.lists(
    st.tuples(st.integers(100, 3000), st.integers(0, 300).map(lambda mm: mm / 1000), metres, metres),
    min_size=2,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(blocks)
def test_hauls_are_the_least_possible(rows):
    area, z, x, y = (np.array(c) for c in zip(*rows, strict=True))
    haul, cut, _ = _hauls([0] * len(rows), area, z, x, y)
    assert haul[0] == pytest.approx(_least(area, z, x, y), rel=1e-6, abs=1e-6 * cut[0] * 300 + 1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(blocks, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_hauls_balance(made, chance):
    rows = [(b, *row) for b, block in enumerate(made) for row in block]
    chance.shuffle(rows)
    label, area, z, x, y = (np.array(c) for c in zip(*rows, strict=True))
    _, _, loads = _hauls(label, area, z, x, y)
    level, _ = levelling(area, z, label, len(made))
    volume = area * (z - level[label])
    n, grain = len(rows), 1e-6 * area.sum()
    assert np.bincount(loads.giving, loads.volume_m3, n) == pytest.approx(np.maximum(volume, 0), abs=grain)
    assert np.bincount(loads.taking, loads.volume_m3, n) == pytest.approx(np.maximum(-volume, 0), abs=grain)
    assert (label[loads.giving] == loads.block).all() and (label[loads.taking] == loads.block).all()
    assert (loads.volume_m3 > 0).all()
    assert loads.distance_m == pytest.approx(np.hypot(*(c[loads.giving] - c[loads.taking] for c in (x, y))))


@settings(max_examples=60, deadline=None)
@given(blocks, st.floats(0.1, 10), st.floats(-500, 500))
def test_hauls_do_not_depend_on_where_the_block_lies_and_grow_with_the_distance(rows, scale, moved):
    area, z, x, y = (np.array(c) for c in zip(*rows, strict=True))
    haul, _, _ = _hauls([0] * len(rows), area, z, x, y)
    again, _, _ = _hauls([0] * len(rows), area, z, x * scale + moved, y * scale - moved)
    assert again[0] == pytest.approx(haul[0] * scale, rel=1e-6, abs=1e-3)


def test_loads_are_few_and_the_order_of_the_parcels_does_not_matter():
    rng = np.random.default_rng(5)
    area, z, x, y = (rng.uniform(a, b, 60) for a, b in ((100, 3000), (0, 0.3), (0, 300), (0, 300)))
    label = rng.integers(0, 5, 60)
    order = rng.permutation(60)
    haul, _, loads = _hauls(label, area, z, x, y)
    # where no two ways are equally long, the loads of a block are a tree between its parcels
    assert (np.bincount(loads.block) == np.bincount(label) - 1).all()
    again, _, _ = _hauls(*(a[order] for a in (label, area, z, x, y)))
    assert again == pytest.approx(haul, rel=1e-9)
