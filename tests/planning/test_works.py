"""Facts about topsoil and the ground as surveyed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import plans
from planning.cost import levelling
from planning.programme import load
from planning.works import topsoil

PARAMETERS = load("jixi-2020-8").parameters


def test_topsoil_is_taken_off_where_earth_moves_below_the_plough_layer():
    area, z = np.array([600.0, 600.0, 500.0, 500.0]), np.array([10.0, 10.6, 5.0, 5.4])
    label = np.array([0, 0, 1, 1], np.int32)
    level, _ = levelling(area, z, label, 2)
    assert topsoil(label, area, z, level, 0.25) == pytest.approx([1200 * 0.25, 0])


def test_parcels_of_no_block_and_of_unknown_level_keep_their_topsoil():
    label = np.array([-1, 0, 0], np.int32)
    found = topsoil(label, np.full(3, 600.0), np.array([9.0, np.nan, 3.0]), np.array([3.0]), 0.25)
    assert found == [0]


@given(st.lists(st.tuples(st.integers(100, 2000), st.floats(0, 2)), min_size=1, max_size=9), st.floats(0, 1))
def test_topsoil_never_exceeds_the_plough_layer_of_the_block(rows, layer):
    area, z = (np.array(c, float) for c in zip(*rows, strict=True))
    label = np.zeros(len(rows), np.int32)
    level, _ = levelling(area, z, label, 1)
    assert 0 <= topsoil(label, area, z, level, layer)[0] <= area.sum() * layer + 1e-9


def test_the_works_of_a_plan_name_its_joined_blocks_and_their_money(plan_folder):
    plan = plans.read(plan_folder)
    works = plans.read_more(plan_folder, "works").set_index("block_id")
    joined = plan.blocks[plan.blocks.n_parcels > 1].set_index("block_id")
    assert works.index.equals(joined.index)
    price = PARAMETERS.earthwork_yuan_per_m3.value
    assert works.earthwork_yuan.to_numpy() == pytest.approx(joined.cut_m3.to_numpy() * price)
    assert (works.haul_mean_m * joined.cut_m3).to_numpy() == pytest.approx(joined.haul_m3m.to_numpy())
    # parcels are medians of the same cells: the levels agree within the model's roughness
    assert (works.level_cells_m - joined.design_level_m).abs().median() < 0.05
    assert works.cut_cells_m3.sum() == pytest.approx(works.fill_cells_m3.sum())


def test_the_loads_of_a_plan_are_its_haul(plan_folder):
    plan = plans.read(plan_folder)
    loads = plans.read_more(plan_folder, "hauls")
    sums = (loads.volume_m3 * loads.distance_m).groupby(loads.block_id).sum()
    blocks = plan.blocks.set_index("block_id")
    assert sums.to_numpy() == pytest.approx(blocks.haul_m3m[sums.index].to_numpy(), rel=1e-9)
    given_away = loads.groupby("block_id").volume_m3.sum()
    assert given_away.to_numpy() == pytest.approx(blocks.cut_m3[given_away.index].to_numpy(), rel=1e-6)
    home = plan.parcels.set_index("parcel_id").block_id
    assert (home[loads.from_parcel].to_numpy() == loads.block_id).all()
    assert (home[loads.to_parcel].to_numpy() == loads.block_id).all()
