"""Facts about convex hulls and least rectangles."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.rectangles import areas, hulls, hulls_of, least_rectangles
from tests.geo.paddies import E0, N0

Floats = NDArray[np.float64]

clouds = st.lists(
    st.lists(st.tuples(st.integers(-60, 60), st.integers(-60, 60)), min_size=1, max_size=90),
    min_size=1,
    max_size=4,
)


def gathered(groups: list[list[tuple[int, int]]]) -> tuple[Floats, NDArray[np.int64]]:
    points = np.array([p for group in groups for p in group], float).reshape(-1, 2)
    return points, np.cumsum([0, *map(len, groups)])


@settings(max_examples=100, deadline=None)
@given(clouds)
def test_hulls_are_those_of_geos_whatever_repeats_or_lies_in_line(
    groups: list[list[tuple[int, int]]],
) -> None:
    points, at = hulls(*gathered(groups))
    for group, first, last in zip(groups, at, at[1:], strict=False):
        expected = shapely.convex_hull(shapely.MultiPoint(group))
        corners = shapely.get_coordinates(expected)
        assert {tuple(p) for p in points[first:last]} == {tuple(p) for p in corners}
        if last - first > 2:
            assert shapely.LinearRing(points[first:last]).is_ccw


def test_many_points_in_one_column_are_put_in_order() -> None:
    rng = np.random.default_rng(3)
    column = np.column_stack([np.zeros(5000), rng.permutation(5000).astype(float)])
    points, at = hulls(np.append(column, [[10.0, 20.0]], axis=0), np.array([0, 5001]))
    assert sorted(map(tuple, points.tolist())) == [(0, 0), (0, 4999), (10, 20)]
    assert at.tolist() == [0, 3]


@settings(max_examples=100, deadline=None)
@given(clouds, st.floats(0, 3))
def test_a_least_rectangle_holds_its_points_and_none_along_a_side_is_smaller(
    groups: list[list[tuple[int, int]]], turn: float
) -> None:
    coords, at = gathered(groups)
    c, s = np.cos(turn), np.sin(turn)
    coords = coords @ np.array([[c, s], [-s, c]]) + [E0, N0]
    points, hull_at = hulls(coords, at)
    box = least_rectangles(points, hull_at)
    for k, corner in enumerate(box):
        own = coords[at[k] : at[k + 1]] - corner[0]
        hull = points[hull_at[k] : hull_at[k + 1]]
        long, wide = corner[1] - corner[0], corner[3] - corner[0]
        assert long @ wide == pytest.approx(0, abs=1e-4)
        assert corner[2] - corner[1] == pytest.approx(wide, abs=1e-6)
        for side in (long, wide):
            run = np.hypot(*side)
            along = own @ (side / run) if run > 1e-6 else np.zeros(1)  # no length, no direction
            assert along.min() >= -1e-6 and along.max() <= run + 1e-6
        ways = np.roll(hull, -1, axis=0) - hull
        ways = ways[np.hypot(ways[:, 0], ways[:, 1]) > 0]
        ways /= np.hypot(ways[:, :1], ways[:, 1:])
        centred = hull - hull[0]
        every = [np.ptp(centred @ w) * np.ptp(centred @ np.array([-w[1], w[0]])) for w in ways]
        assert areas(box)[k] == pytest.approx(min(every, default=0.0), abs=1e-4)


def test_round_nothing_there_is_no_rectangle() -> None:
    box = least_rectangles(
        *hulls_of(np.array([None, shapely.Polygon(), shapely.box(0, 0, 3, 2)], dtype=object))
    )
    assert np.isnan(box[:2]).all()
    assert areas(box).tolist() == [0, 0, 6]
