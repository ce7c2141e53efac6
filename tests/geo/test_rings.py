"""Facts about polygons as arrays of rings, and about their centroids."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from numpy.typing import NDArray

from geo.rings import centroids, rings
from tests.geo.paddies import E0, N0, grids

RING = shapely.difference(shapely.box(0, 0, 60, 60), shapely.MultiPoint([(20, 20), (40, 40)]).buffer(5))


def of(*shapes: shapely.Geometry | None) -> NDArray[np.object_]:
    return np.array(shapes, dtype=object)


def test_rings_stand_one_after_the_other_the_outer_one_first() -> None:
    shapes = of(shapely.box(0, 0, 1, 1), None, RING, shapely.Polygon(), shapely.box(5, 5, 6, 6))
    found = rings(shapes)
    assert found.polygon.tolist() == [0, 1, 1, 4, 4, 5]
    assert found.of.tolist() == [0, 2, 2, 2, 4]
    assert found.hole.tolist() == [False, False, True, True, False]
    parts = shapely.get_rings(shapes)
    assert np.diff(found.at).tolist() == shapely.get_num_coordinates(parts).tolist()
    assert (found.coords == shapely.get_coordinates(parts)).all()


def test_each_part_of_a_multipolygon_has_an_outer_ring() -> None:
    both = shapely.MultiPolygon([shapely.box(100, 0, 120, 20), RING])
    found = rings(of(both, shapely.box(0, 0, 1, 1)))
    assert found.hole.tolist() == [False, False, True, True, False]
    assert found.polygon.tolist() == [0, 4, 5]


def test_heights_are_left_out_and_nothing_has_no_rings() -> None:
    assert rings(of(shapely.force_3d(shapely.box(0, 0, 1, 1), 7.0))).coords.shape == (5, 2)
    none = rings(of())
    assert len(none.coords) == 0 and none.at.tolist() == [0] and none.polygon.tolist() == [0]


@settings(max_examples=30, deadline=None)
@given(grids())
def test_centroids_are_those_of_geos(geoms: NDArray[np.object_]) -> None:
    turned = np.concatenate([geoms, shapely.reverse(geoms)])
    assert centroids(turned) == pytest.approx(shapely.get_coordinates(shapely.centroid(turned)), abs=1e-6)


def test_holes_and_parts_weigh_in_the_centroid_and_what_has_no_area_has_none() -> None:
    moved = shapely.transform(RING, lambda xy: xy + np.array([E0, N0]))
    both = shapely.MultiPolygon([moved, shapely.box(E0 + 100, N0, E0 + 110, N0 + 10)])
    expected = shapely.get_coordinates(shapely.centroid(of(moved, both)))
    found = centroids(of(moved, both, None, shapely.Polygon([(0, 0), (1, 1), (2, 2)])))
    assert found[:2] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(found[2:]).all()
