"""Facts about machine time: the published speeds, where they flatten, and which shapes count as plain."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from geo import plans
from geo.schemas import MU_M2
from planning import machines, programme
from planning.machines import saved, seconds_per_m2, seen

PARAMETERS = programme.load("jixi-2020-8").parameters
L_SHAPE = shapely.Polygon([(0, 0), (100, 0), (100, 40), (50, 40), (50, 80), (0, 80)])
TRIANGLE = shapely.Polygon([(0, 0), (100, 0), (0, 80)])
TRAPEZOID = shapely.Polygon([(0, 0), (100, 0), (80, 50), (10, 50)])
NOTCHED = shapely.box(0, 0, 100, 80).difference(shapely.box(48, 78, 52, 80))


@given(st.floats(7000, 1e6))
def test_above_7000_square_metres_size_makes_no_difference(area):
    assert seconds_per_m2(np.array([area]), np.array([0.0, 1.0])) == pytest.approx([0.25, 0.30])


@given(st.floats(100, 7000), st.floats(1.01, 5), st.floats(0, 1))
def test_below_that_a_larger_field_is_worked_faster(area, times, crooked):
    small, large = seconds_per_m2(np.array([area, min(area * times, 7000)]), np.full(2, crooked))
    assert small >= large


def test_a_paddy_of_one_mu_takes_as_much_more_as_was_published():
    small, large = seconds_per_m2(np.array([MU_M2, 7000.0]), np.zeros(2))
    assert 1.15 <= small / large <= 1.20


@settings(deadline=None)
@given(st.floats(0, 360))
def test_rectangles_and_trapezoids_are_plain_and_others_are_not(turn):
    shapes = [
        shapely.box(0, 0, 100, 50),
        TRAPEZOID,
        NOTCHED,
        L_SHAPE,
        TRIANGLE,
        shapely.Point(0, 0).buffer(50),
    ]
    turned = np.array([affinity.translate(affinity.rotate(s, turn), 5e5, 5e6) for s in shapes], dtype=object)
    found = seen(turned)
    assert list(found.plain) == [True, True, True, False, False, False]
    assert (found.crookedness[:3] == 0).all() and (found.crookedness[3:] > 0.3).all()
    assert found.crookedness[4] == pytest.approx(1, abs=1e-4)


def test_points_along_the_sides_make_no_other_shape_of_a_field():
    shapes = np.array(
        [shapely.segmentize(s, 3.0) for s in (shapely.box(0, 0, 100, 50), L_SHAPE)], dtype=object
    )
    assert list(seen(shapes).plain) == [True, False]


def test_twelve_paddies_of_one_mu_joined_to_a_rectangle_are_worked_as_much_faster_as_published():
    i, j = (a.ravel() for a in np.meshgrid(np.arange(4), np.arange(3), indexing="ij"))
    w, h = 36.0, MU_M2 / 36
    parcels = shapely.box(i * w, j * h, (i + 1) * w, (j + 1) * h)
    block = np.array([shapely.box(0, 0, 4 * w, 3 * h)], dtype=object)
    found = saved(seen(parcels), np.zeros(12, np.int32), seen(block), PARAMETERS)
    assert found["machine_before_h"][0] / found["machine_after_h"][0] == pytest.approx(1.175)
    assert found["machine_after_h"][0] == pytest.approx(6 * 12 * MU_M2 * 0.25 / 3600)
    difference = found["machine_before_h"] - found["machine_after_h"]
    assert found["machine_saved_yuan"] == pytest.approx(difference * 150)


def test_a_crooked_block_may_cost_machine_time():
    parts = np.array([shapely.box(0, 0, 200, 80), shapely.box(0, 80, 20, 280)], dtype=object)
    whole = np.array([shapely.union_all(parts)], dtype=object)
    assert saved(seen(parts), np.zeros(2, np.int32), seen(whole), PARAMETERS)["machine_saved_yuan"][0] < 0


def test_a_parcel_left_alone_saves_nothing_and_hours_go_with_the_passes():
    one = seen(np.array([TRAPEZOID], dtype=object))
    assert saved(one, np.zeros(1, np.int32), one, PARAMETERS)["machine_saved_yuan"] == [0]
    assert one.hours(4) == pytest.approx(2 * one.hours(2))


def test_many_shapes_are_looked_at_as_few_are(monkeypatch):
    shapes = np.array([TRAPEZOID, L_SHAPE, TRIANGLE, NOTCHED, shapely.box(0, 0, 100, 50)], dtype=object)
    whole = seen(shapes)
    monkeypatch.setattr(machines, "ROWS", 2)
    parts = seen(shapes)
    assert (parts.plain == whole.plain).all()
    assert (parts.rectangularity == whole.rectangularity).all()
    assert len(seen(shapes[:0]).plain) == 0


def test_a_plan_tells_the_hours_and_the_planted_land(plan_folder):
    plan = plans.read(plan_folder)
    layout = plans.read_more(plan_folder, "layout")
    told = plan.meta["machines"]
    assert told["before_h_per_year"] == pytest.approx(layout.machine_before_h.sum())
    assert told["before_h_per_year"] > told["after_h_per_year"] > 0
    assert 0 < told["faster"] < 0.5 and 0 < told["plain_share"] < 1
    assert told["planted_gained_mu"] == pytest.approx(plan.blocks.gained_mu.sum())
