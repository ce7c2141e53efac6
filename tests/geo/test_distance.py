"""A distance is the shortest way over the earth's surface from a place to an outline."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from geo.distance import to_outline

EARTH = pyproj.Geod(ellps="GRS80")
BLOCK = shapely.Polygon([(131.5, 45.5), (131.502, 45.5002), (131.5018, 45.5015), (131.4999, 45.5012)])


def plainly(lon: float, lat: float, outline: shapely.Geometry) -> float:
    """The nearest of many points on the outline."""
    line = shapely.segmentize(shapely.boundary(outline), 1e-6)
    x, y = shapely.get_coordinates(line).T
    return float(EARTH.inv(np.full(len(x), lon), np.full(len(x), lat), x, y)[2].min())


@given(azimuth=st.floats(0, 360), metres=st.floats(0, 50_000))
@settings(max_examples=60, deadline=None)
def test_it_is_the_nearest_of_all_ways_to_the_outline(azimuth: float, metres: float) -> None:
    lon, lat, _ = EARTH.fwd(131.5005, 45.5006, azimuth, metres)
    inside = BLOCK.contains(shapely.Point(lon, lat))
    expected = 0.0 if inside else plainly(lon, lat, BLOCK)
    assert to_outline(lon, lat, BLOCK) == approx(expected, abs=0.06, rel=1e-6)


def test_inside_and_on_the_edge_it_is_nothing_and_in_a_hole_it_is_not() -> None:
    hole = shapely.Polygon([(131.5006, 45.5004), (131.501, 45.5004), (131.501, 45.5008)])
    ring = shapely.Polygon(BLOCK.exterior, [hole.exterior])
    middle = hole.centroid
    assert to_outline(middle.x, middle.y, BLOCK) == 0
    assert to_outline(131.5, 45.5, BLOCK) == approx(0, abs=1e-6)
    assert to_outline(middle.x, middle.y, ring) == approx(plainly(middle.x, middle.y, ring), abs=0.06)


def test_of_several_parts_the_nearest_counts() -> None:
    other = shapely.affinity.translate(BLOCK, 0.1)
    both = shapely.MultiPolygon([BLOCK, other])
    assert to_outline(131.6005, 45.5006, both) == 0
    assert to_outline(131.55, 45.5, both) == approx(plainly(131.55, 45.5, both), abs=0.06)


def test_the_other_side_of_the_world_is_far() -> None:
    assert to_outline(-48.5, -45.5, BLOCK) == approx(math.pi * 6_371_000, rel=0.01)
