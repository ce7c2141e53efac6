"""Facts about what lies beside a block: canal, drain, road, and how the block lies to its canal."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity

from geo import plans
from planning import programme
from planning.cost import levelling
from planning.earthwork import hauls
from planning.effort import Effort
from planning.layout import SIDES, Sides, cut_and_fill, places, sides, sides_told, watered
from tests.planning.whole import plan_checked

BLOCK = shapely.box(0, 0, 100, 50)


def barrier(*rows, **more) -> gpd.GeoDataFrame:
    kind, width, shape = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"kind": kind, "fixed": True, "width_m": width, **more}, geometry=list(shape), crs=4553
    )


def beside(outline, barriers, reach=3.0, place=None):
    outline = np.array(outline, dtype=object)
    return sides(outline, np.zeros(len(outline), int) if place is None else place, barriers, reach)


def has(found) -> list[list[bool | None]]:
    return [[None if v is pd.NA else bool(v) for v in found.has(side)] for side in SIDES]


def test_a_block_has_the_sides_that_lie_beside_it_and_lacks_those_that_do_not():
    found = beside(
        [BLOCK, shapely.box(0, 60, 100, 110)],
        barrier(
            ("field_canal", 1.0, shapely.LineString([(-50, -2), (300, -2)])),
            ("drain", 2.0, shapely.LineString([(-50, 55), (300, 55)])),
            ("road", 4.0, shapely.LineString([(104, -50), (104, 52)])),
        ),
        reach=4.0,
    )
    assert has(found) == [[True, False], [True, True], [True, False]]
    assert found.metres[0] == pytest.approx([100, 100, 50], abs=9)


def test_what_the_data_do_not_draw_is_not_known():
    assert has(beside([BLOCK], None)) == [[None], [None], [None]]
    canal = barrier(("lateral_canal", 1.0, shapely.LineString([(0, -2), (100, -2)])))
    assert has(beside([BLOCK], canal)) == [[True], [None], [None]]


def test_what_is_drawn_in_one_district_says_nothing_of_another():
    far = affinity.translate(BLOCK, 5000, 0)
    road = barrier(("road", 4.0, shapely.LineString([(0, 80), (100, 80)])))
    near = affinity.translate(BLOCK, 0, 100)
    assert has(beside([BLOCK, near, far], road, place=np.array([0, 0, 1])))[2] == [False, False, None]


def test_a_main_canal_alone_does_not_tell_how_the_paddies_are_watered():
    main = barrier(("main_canal", 8.0, shapely.LineString([(0, -6), (100, -6)])))
    assert has(beside([BLOCK, affinity.translate(BLOCK, 0, 60)], main))[0] == [True, None]


def test_a_canal_that_ends_at_a_block_or_touches_its_corner_is_not_beside_it():
    ending = barrier(("field_canal", 1.2, shapely.LineString([(50, -200), (50, 0)])))
    assert has(beside([BLOCK], ending))[0] == [False]
    corner = barrier(("field_canal", 1.2, shapely.LineString([(102, -200), (102, 2)])))
    assert has(beside([BLOCK], corner))[0] == [False]


def test_a_ditch_that_is_filled_inside_a_block_is_no_outlet():
    inside = barrier(("ditch", 0.5, shapely.LineString([(-20, 25), (120, 25)])), fixed=False)
    assert has(beside([BLOCK], inside))[1] == [False]


def test_the_reach_counts_from_the_edge_of_the_canal():
    for drawn in (shapely.LineString([(0, -6), (100, -6)]), shapely.box(0, -10, 100, -2)):
        assert has(beside([BLOCK], barrier(("branch_canal", 8.0, drawn)), reach=3.0))[0] == [True]
        assert has(beside([BLOCK], barrier(("branch_canal", 8.0, drawn)), reach=1.5))[0] == [False]


@given(st.floats(0, np.pi))
def test_the_long_side_and_the_canal_run_alike_however_the_map_is_turned(turn):
    canal = shapely.LineString([(-20, -2), (50, -2), (120, -2)])
    for block, angle in ((BLOCK, 0.0), (shapely.box(0, 0, 50, 100), 90.0)):
        shapes = [affinity.rotate(s, turn, origin=(0, 0), use_radians=True) for s in (block, canal)]
        found = beside(shapes[:1], barrier(("field_canal", 1.0, shapes[1])))
        assert found.angle_deg[0] == pytest.approx(angle, abs=1e-6)


def test_a_block_without_a_canal_has_no_angle_to_it():
    road = barrier(("road", 3.0, shapely.LineString([(0, -3), (100, -3)])))
    assert np.isnan(beside([BLOCK], road).angle_deg).all()


@given(st.floats(0.5, 20), st.floats(0.1, 20))
def test_a_longer_reach_takes_no_water_away(low, more):
    canal = barrier(("field_canal", 1.0, shapely.LineString([(0, -8), (100, -8)])))
    near, far = (beside([BLOCK], canal, reach).metres[0, 0] > 0 for reach in (low, low + more))
    # beside is longer than what comes straight at the block: that bar rises with the reach
    assert far or not near or 1.42 * (2 * (low + more) + 1) > 100


def test_blocks_of_one_county_without_a_district_lie_together():
    parcels = pd.DataFrame(
        {"county": ["a", "a", "b", "b", "b"], "irrigation_district": [None, None, "x", None, "x"]}
    )
    found = places(parcels, np.array([1, -1, 0, 2, 0]))
    assert len(set(found)) == 3
    assert list(places(parcels, np.array([0, 1, -1, -1, -1]))) == [0, 0]


def test_a_plan_tells_what_its_blocks_have_and_lack(plan_folder):
    plan = plans.read(plan_folder)
    told = plan.meta["totals"]["sides"]
    assert told == sides_told(plan.blocks)
    for side in SIDES:
        assert sum(told[side].values()) == len(plan.blocks)
        assert told[side]["with"] > 0
        by_county = sum(c["sides"][side]["without"] for c in plan.meta["counties"])
        assert by_county == told[side]["without"]
    layout = plans.read_more(plan_folder, "layout").set_index("block_id")
    assert (plan.blocks.has_inlet.fillna(False).to_numpy() == (layout.inlet_m > 0).to_numpy()).all()
    assert layout.canal_angle_deg.dropna().between(0, 90).all()
    assert layout.canal_angle_deg.notna().sum() == told["inlet"]["with"]
    assert 0 < plan.meta["layout"]["along_canal_share"] < 1
    assert plan.meta["layout"]["above_canal"] == 0


def test_the_canal_s_level_is_that_of_the_highest_canal_beside_the_block():
    low, high, far = (("field_canal", 1.0, shapely.LineString([(-9, y), (109, y)])) for y in (-2, 52, 90))
    found = beside([BLOCK], barrier(low, high, far, water_level_m=[60.0, 60.4, 99.0]))
    assert list(found.water_level_m) == [60.4]
    assert np.isnan(beside([BLOCK], barrier(low)).water_level_m).all()


fields = st.lists(st.tuples(st.integers(100, 2000), st.floats(0, 1)), min_size=2, max_size=9)


@given(fields, st.floats(-1, 1.2))
def test_a_block_below_its_canal_stays_and_one_above_is_cut_down_with_a_surplus(rows, water):
    area, z = (np.array(c, float) for c in zip(*rows, strict=True))
    label = np.zeros(len(rows), np.int32)
    balanced, cut = levelling(area, z, label, 1)
    found = Sides(np.zeros((1, 3)), np.ones((1, 3), bool), np.array([0.0]), np.array([water]))
    level = watered(balanced, found, 0.1)
    more, fill = cut_and_fill(area, z, label, level)
    assert level[0] == pytest.approx(min(balanced[0], water - 0.1))
    # what is in the block before is what is in it afterwards and what left it
    assert more - fill == pytest.approx(((z - level[0]) * area).sum(), abs=1e-6)
    assert more[0] >= cut[0] - 1e-6 and fill[0] <= cut[0] + 1e-6
    loads = hauls(label, area, z, level, np.arange(len(rows)) * 30.0, np.zeros(len(rows)))
    assert loads.volume_m3.sum() == pytest.approx(fill[0], abs=1e-6)


def test_where_one_parcel_takes_less_than_is_cut_the_nearest_give_it():
    loads = hauls(
        np.zeros(3, np.int32), np.full(3, 100.0), np.array([0.5, 0.5, -0.5]), np.array([0.0]),
        np.array([90.0, 30.0, 0.0]), np.zeros(3),
    )  # fmt: skip
    assert list(loads.giving[loads.volume_m3 > 0]) == [1]
    assert loads.of_blocks(1) == pytest.approx([50 * 30])


def test_a_plan_may_follow_the_water_levels_of_its_canals(plan_folder, demo_folder):
    plan = plans.read(plan_folder)
    notice = programme.load("jixi-2020-8")
    level = plan.parcels.elevation_m.median()
    canals = plan.barriers.assign(water_level_m=np.where(plan.barriers.kind == "field_canal", level, np.nan))
    found = {}
    for on in (False, True):
        values = notice.parameters.with_values(level_by_canal=on)
        found[on] = plan_checked(
            plan.parcels.drop(columns=["block_id", "reason", "field_unit", "elevation_m"]),
            canals, demo_folder / "dem.tif", notice, values, seed=1, effort=Effort.quick,
        )  # fmt: skip
    free, bound = (found[on].blocks.set_index("block_id") for on in (False, True))
    told = found[False].more["layout"].set_index("block_id")
    high = (told.above_canal_m > 1e-9) & (free.n_parcels > 1)
    assert high.any() and not high.all()
    head = notice.parameters.canal_head_m.value
    assert bound.design_level_m[high].to_numpy() == pytest.approx(level - head)
    assert bound[~high].cut_m3.to_numpy() == pytest.approx(free[~high].cut_m3.to_numpy(), abs=1e-6)
    assert (bound.cut_m3[high] > bound.fill_m3[high]).all()
    surplus = (bound.cut_m3 - bound.fill_m3).sum()
    told_of = {
        on: sum(c["surplus_m3"] for c in made.tally["counties"].values()) for on, made in found.items()
    }
    assert told_of == {True: pytest.approx(surplus), False: pytest.approx(0, abs=1e-6)}
