"""Corners are those of the shape, numbered clockwise from the north-west, whatever way it was drawn."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.export.corners import corners
from geo.export.public import rings

HOLED = shapely.box(0, 0, 100, 60).difference(shapely.box(40, 30, 55, 40))
SMALL = shapely.Polygon([(200, 0), (260, 10), (230, 50)])


def test_the_first_is_the_north_western_one_and_it_goes_on_clockwise() -> None:
    found = corners(np.array([HOLED, SMALL]))
    assert found.number.tolist() == [*range(1, 9), 1, 2, 3]
    assert found.ring.tolist() == [1] * 4 + [2] * 4 + [1] * 3
    assert found.at.tolist() == [0, 8, 11]
    outer = list(zip(found.x[:4], found.y[:4], strict=True))
    assert outer == [(0, 60), (100, 60), (100, 0), (0, 0)]
    # the hole runs the other way
    assert shapely.LinearRing(list(zip(found.x[4:8], found.y[4:8], strict=True))).is_ccw


@st.composite
def stars(draw: st.DrawFn) -> shapely.Polygon:
    n = draw(st.integers(3, 12))
    radii = np.array(draw(st.lists(st.floats(5, 50), min_size=n, max_size=n)))
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    points = np.column_stack([1000 + radii * np.cos(angles), 1000 + radii * np.sin(angles)])
    if draw(st.booleans()):
        points = points[::-1]
    return shapely.Polygon(np.roll(points, draw(st.integers(0, n - 1)), axis=0))


@given(st.lists(stars(), min_size=1, max_size=5))
def test_they_make_up_the_shape_again(shapes: list[shapely.Polygon]) -> None:
    found = corners(np.array(shapes))
    for i, shape in enumerate(shapes):
        rows = slice(found.at[i], found.at[i + 1])
        assert set(found.block[rows]) == {i}
        again = shapely.Polygon(np.column_stack([found.x[rows], found.y[rows]]))
        assert shapely.symmetric_difference(again, shape).area < 0.5
        assert not shapely.LinearRing(again.exterior).is_ccw
        assert found.number[rows].tolist() == list(range(1, len(again.exterior.coords)))
        north_west = found.y[rows] - found.x[rows]
        assert north_west[0] == north_west.max()


@given(st.lists(stars(), min_size=1, max_size=4))
def test_they_are_as_many_as_the_rings_have(shapes: list[shapely.Polygon]) -> None:
    found = corners(np.array(shapes))
    wanted = [sum(len(r.points) - 1 for r in own) for own in rings(np.array(shapes), 3)]
    assert np.diff(found.at).tolist() == wanted


def test_what_falls_together_is_one_and_a_hole_that_vanishes_is_none() -> None:
    speck = shapely.box(2, 2, 2.0001, 2.0001)
    shape = shapely.Polygon([(0, 0), (0.0001, 0), (10, 0), (10, 10), (0, 10)]).difference(speck)
    found = corners(np.array([shape]))
    assert found.number.tolist() == [1, 2, 3, 4] and set(found.ring) == {1}


def test_no_shapes_have_no_corners() -> None:
    found = corners(np.empty(0, object))
    assert len(found.number) == 0 and found.at.tolist() == [0]
