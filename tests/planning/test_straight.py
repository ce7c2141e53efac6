"""Facts about straightened sides: areas stay, nothing else is touched, and blocks become more rectangular."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from geo import plans
from geo.frames import directions, rectangularity
from geo.neighbours import neighbours
from geo.outlines import outlines
from planning import programme
from planning.cost import Prices
from planning.effort import Effort
from planning.straight import Ground, straight_table, straightened
from tests.planning.whole import plan_checked

RAGGED = [3, 5, 4, 6, 2]
"""Paddies of each row that belong to the left block; eight stand in a row."""


def unit(rows=RAGGED, columns=8, ridge=0.4, turn=0.0):
    """Paddies of 20 m × 30 m in rows, `ridge` apart, the first of each row one block and the rest another."""
    label, shapes = [], []
    for j, mine in enumerate(rows):
        for i in range(columns):
            x, y = 5e5 + i * (20 + ridge), 5e6 + j * (30 + ridge)
            shapes.append(shapely.box(x, y, x + 20, y + 30))
            label.append(0 if i < mine else 1)
    turned = [affinity.rotate(s, turn, origin=(5e5, 5e6)) for s in shapes]
    return np.array(turned, dtype=object), np.array(label, np.int32)


def straight(geoms, label, z=None, step=0.3, walls=(), fenced=None, group=None, earth=5.0):
    nb = neighbours(geoms)
    shut = np.zeros(len(nb.left), bool) if fenced is None else fenced(nb)
    before = outlines(geoms, label, nb, ~shut)
    ground = Ground(
        geoms, label, np.full(len(geoms), 60.0) if z is None else z,
        np.zeros(len(geoms), int) if group is None else group, step, np.array(walls, dtype=object),
        Prices(earth, 9.4, 167.0, 200.0),
    )  # fmt: skip
    angle = directions(geoms, np.zeros(len(geoms), int))
    return before, straightened(before, ground, nb, shut, np.full(len(before), angle[0])), ground


def law(before, after):
    assert shapely.is_valid(after).all() and (shapely.get_type_id(after) == 3).all()
    assert shapely.area(after) == pytest.approx(shapely.area(before), rel=1e-9)
    assert (rectangularity(after) >= rectangularity(before) - 1e-9).all()
    i, j = np.triu_indices(len(after), 1)
    assert shapely.area(shapely.intersection(after[i], after[j])).sum() < 1e-6


@pytest.mark.parametrize("ridge", [0.0, 0.4])
@pytest.mark.parametrize("turn", [0.0, 31.0])
def test_a_stepped_side_between_two_blocks_becomes_one_line(ridge, turn):
    before, after, _ = straight(*unit(ridge=ridge, turn=turn))
    law(before, after)
    assert rectangularity(before).max() < 0.85
    assert rectangularity(after).min() > 0.995


def test_what_one_takes_the_other_gives_and_nothing_comes_from_outside():
    geoms, label = unit()
    before, after, ground = straight(geoms, label)
    whole = shapely.convex_hull(shapely.union_all(geoms))
    assert shapely.area(shapely.difference(after, whole)).sum() < 1e-3
    table = straight_table(before, after, ground)
    assert table.taken_m2[0] == pytest.approx(table.taken_m2[1], rel=0.05)
    assert table.taken_m2[0] > 100
    assert (table.rectangularity_after > table.rectangularity_before).all()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=2, max_size=6),
    st.lists(st.sampled_from([60.0, 60.1, 60.2, 60.4]), min_size=48, max_size=48),
    st.floats(0, 90),
)
def test_areas_stay_and_blocks_lie_apart_whatever_they_look_like(rows, levels, turn):
    geoms, label = unit(rows, turn=turn)
    z = np.array(levels[: len(geoms)])
    before, after, _ = straight(geoms, label, z=z, step=0.35)
    law(before, after)
    for block in np.flatnonzero(~shapely.equals_exact(before, after)):
        own = shapely.area(shapely.intersection(geoms, after[block])) > 1.0
        assert np.ptp(z[own | (label == block)]) <= 0.35 + 1e-9


def test_land_too_high_for_the_neighbour_is_not_given_to_it():
    geoms, label = unit()
    before, after, _ = straight(geoms, label, z=np.where(label == 0, 60.0, 60.4))
    assert shapely.equals_exact(before, after).all()


def test_land_of_another_village_stays():
    geoms, label = unit()
    before, after, _ = straight(geoms, label, group=label)
    assert shapely.equals_exact(before, after).all()


def test_a_parcel_of_no_block_keeps_its_land():
    geoms, label = unit()
    label[19] = -1  # in the middle of the side
    before, after, _ = straight(geoms, label)
    law(before, after)
    assert shapely.area(shapely.intersection(after, geoms[19])).sum() < 1e-6


def test_no_side_is_moved_across_a_fixed_canal():
    geoms, label = unit()
    shapes = [shapely.union_all(geoms[label == k]) for k in (0, 1)]
    canal = shapely.LineString(shapely.get_coordinates(shapely.shortest_line(*shapes))).buffer(0.1)
    before, after, _ = straight(geoms, label, walls=[canal])
    assert shapely.equals_exact(before, after).all()
    shut = lambda nb: label[nb.left] != label[nb.right]  # noqa: E731
    before, after, _ = straight(geoms, label, fenced=shut)
    assert shapely.equals_exact(before, after).all()


def test_a_line_that_costs_more_earth_than_it_is_worth_is_not_drawn():
    geoms, label = unit()
    z = np.where(label == 0, 60.0, 60.25)
    kept, drawn = (straight(geoms, label, z=z, earth=earth) for earth in (50.0, 0.0))
    assert shapely.equals_exact(*kept[:2]).all()
    assert not shapely.equals_exact(*drawn[:2]).any()


def test_a_straightened_plan_keeps_every_rule(plan_folder):
    plan = plans.read(plan_folder)
    notice = programme.load("jixi-2020-8")
    parcels = plan.parcels.drop(columns=["block_id", "reason", "field_unit", "elevation_m"])
    found = {}
    for on in (False, True):
        # without levels nothing is too high for its neighbour: as many sides as can be
        values = notice.parameters.with_values(straighten=on)
        found[on] = plan_checked(parcels, plan.barriers, None, notice, values, seed=1, effort=Effort.quick)
    crooked, straight = (found[on].blocks.set_index("block_id") for on in (False, True))
    table = found[True].more["straight"].set_index("block_id")
    assert len(table) > 10 and len(found[False].more["straight"]) == 0
    law(crooked.geometry.to_numpy(), straight.loc[crooked.index].geometry.to_numpy())
    assert table.rectangularity_after.mean() > table.rectangularity_before.mean() + 0.01
    assert straight.rectangularity[table.index].to_numpy() == pytest.approx(table.rectangularity_after)
    assert (straight.area_mu >= straight.parcels_mu - 1e-6).all()
    assert (straight.area_mu <= straight.parcels_mu * 1.15 + 0.2).all()
    assert straight.meets_minimum.all()
    pd.testing.assert_frame_equal(found[True].shares, found[False].shares)
    fixed = plan.barriers.geometry[plan.barriers.fixed].to_numpy()
    reached = lambda b: set(shapely.STRtree(b.geometry.to_numpy()).query(fixed, predicate="crosses")[1])  # noqa: E731
    assert reached(straight) <= reached(crooked)
    alone = found[True].parcels
    alone = alone.geometry[alone.block_id.isna()].to_numpy()
    i, j = shapely.STRtree(alone).query(straight.geometry.to_numpy(), predicate="intersects")
    over = shapely.area(shapely.intersection(alone[j], straight.geometry.to_numpy()[i]))
    assert over.sum() < 0.01
