"""One geometry at a time: what is mended, how its area changes, what is refused, and that nothing raises."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.errors import GEOSException
from shapely.geometry import GeometryCollection, MultiPolygon, Point, Polygon, box

from geo.checking import mending


def mend(*geoms):
    shapes = np.empty(len(geoms), object)
    shapes[:] = geoms
    return mending.mend(shapes)


def test_a_sound_polygon_comes_back_as_it_was_with_its_hole():
    ring = box(0, 0, 40, 25).difference(box(10, 10, 15, 15))
    mended = mend(ring)
    assert mended.pieces[0] is ring or mended.pieces[0].equals_exact(ring, 0)
    assert mended.refused.tolist() == [""]
    assert not mended.broken.any()


def test_a_bow_tie_becomes_its_two_lobes():
    mended = mend(Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]))
    assert mended.broken.tolist() == [True]
    assert shapely.area(mended.pieces).tolist() == [25, 25]
    assert (mended.before_m2[0], mended.after_m2[0]) == (0, 50)
    assert "Self-intersection" in mended.reason[0]


def test_parts_that_overlap_are_joined_and_not_cut_out_of_each_other():
    mended = mend(MultiPolygon([box(0, 0, 10, 10), box(5, 0, 15, 10)]))
    assert shapely.area(mended.pieces).tolist() == [150]
    assert mended.broken.tolist() == [True]


def test_sound_parts_that_share_an_edge_are_joined_and_not_called_broken():
    mended = mend(MultiPolygon([box(0, 0, 10, 10), box(10, 0, 20, 10)]))
    assert shapely.area(mended.pieces).tolist() == [200]
    assert (mended.broken.tolist(), mended.joined.tolist()) == ([False], [True])


def test_a_spike_goes_and_a_hole_outside_is_no_land():
    spike = Polygon([(0, 0), (10, 0), (10, 10), (10, 20), (10, 10), (0, 10)])
    hole = Polygon(box(0, 0, 10, 10).exterior, [box(5, 5, 15, 7).exterior])
    mended = mend(spike, hole)
    assert mended.row.tolist() == [0, 1]
    assert shapely.area(mended.pieces).tolist() == [100, 90]


def test_an_outline_drawn_twice_is_land():
    ring = box(0, 0, 10, 10).exterior
    assert shapely.area(mend(Polygon(ring, [ring])).pieces).tolist() == [100]


def test_polygons_are_found_however_deep_in_collections():
    inner = GeometryCollection([MultiPolygon([box(0, 0, 1, 1), box(2, 0, 3, 1)]), Point(9, 9)])
    deep = np.array([box(5, 5, 6, 6), GeometryCollection([inner, Polygon()])], object)
    pieces, row = mending.polygons(deep)
    assert row.tolist() == [0, 1, 1]
    assert shapely.area(pieces).tolist() == [1, 1, 1]
    mended = mend(GeometryCollection([Point(9, 9)]), deep[1])
    assert mended.refused.tolist() == ["geometry_collapsed", ""]
    assert mended.mixed.tolist() == [True, True]


def test_far_too_many_vertices_are_thinned_within_centimetres():
    round_ = Point(0, 0).buffer(60, quad_segs=30_000)
    mended = mend(round_)
    assert mended.thinned.tolist() == [True]
    assert shapely.get_num_coordinates(mended.pieces[0]) <= mending.MAX_VERTICES
    assert shapely.hausdorff_distance(mended.pieces[0], round_) < 0.05


def test_one_vertex_astray_is_told_from_a_large_field():
    astray = Polygon([(0, 0), (40, 0), (40, 5000), (0, 25)])
    long = box(0, 0, 3000, 20)
    triangle = Polygon([(0, 0), (3000, 0), (0, 90)])
    assert mending.astray(np.array([astray, long, triangle, None], object)).tolist() == [True] + [False] * 3


def test_where_geos_fails_only_that_row_is_lost():
    def refuse_three(values):
        if (values == 3).any():
            raise GEOSException("three")
        return values * 2

    out, failed = mending.guarded(refuse_three, np.array([1, 2, 3, 4, 5]))
    assert out.tolist() == [2, 4, None, 8, 10]
    assert failed.tolist() == [False, False, True, False, False]


def test_long_arrays_come_back_in_order_from_the_threads():
    values = np.arange(3 * mending.CHUNK + 7)
    out, failed = mending.guarded(lambda v: v + 1, values)
    assert (out == values + 1).all() and not failed.any()


def test_shape_keys_do_not_see_where_a_ring_begins():
    one, other = box(0, 0, 2, 1), Polygon([(0, 1), (0, 0), (2, 0), (2, 1)])
    keys = mending.shape_keys(np.array([one, box(5, 5, 6, 6), other], object))
    assert keys[0] == keys[2] != keys[1]


coordinate = st.one_of(
    st.integers(-50, 50).map(float), st.floats(), st.floats(-1e3, 1e3), st.just(float("nan")), st.just(1e308)
)
rings = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=8)


def ring(points):
    """A polygon of the points, with (0, 0) first where a NaN would keep the ring from closing."""
    try:
        return Polygon(points)
    except GEOSException:
        return Polygon([(0, 0), *points])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.lists(rings.map(ring), min_size=1, max_size=3).map(MultiPolygon), min_size=1, max_size=4))
def test_law_any_numbers_are_mended_or_refused_and_never_raise(geoms):
    mended = mend(*geoms)
    assert shapely.is_valid(mended.pieces).all()
    assert (shapely.get_type_id(mended.pieces) == 3).all()
    assert (np.isin(np.arange(len(geoms)), mended.row) == (mended.refused == "")).all()
    assert np.allclose(np.bincount(mended.row, shapely.area(mended.pieces), len(geoms)), mended.after_m2)
