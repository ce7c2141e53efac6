"""Facts about the cells inside a shape: which they are, how far from its edge, and their median."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import special_ortho_group

from geo.cells import median, medians, rooms, within
from geo.terrain import corners

Floats = NDArray[np.float64]


def star(seed: int, points: int) -> shapely.Polygon:
    """A crooked shape round (30, 30) with a hole, in cells."""
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.uniform(0, 2 * np.pi, points))
    far = rng.uniform(6, 26, points)
    whole = shapely.Polygon(np.column_stack([30 + far * np.cos(turn), 30 + far * np.sin(turn)]))
    hole = shapely.Point(30 + rng.uniform(-4, 4), 30).buffer(rng.uniform(0.5, 4))
    cut = shapely.difference(shapely.make_valid(whole), hole)
    return max(shapely.get_parts(cut), key=shapely.area)


def held(shape: shapely.Geometry, inset: float, metres: Floats, heights: Floats) -> tuple[int, set[float]]:
    points, at, ring = corners(np.array([shape], dtype=object))
    kept, cuts, near = rooms(points, at, heights)
    count, n = within(points, 0, len(points), ring, inset, metres, heights, kept, cuts, near)
    return count, set(kept[:n].tolist())


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40), st.floats(0.2, 4), st.floats(0.5, 3), st.floats(0.5, 3))
def test_cells_well_inside_are_those_whose_middles_lie_far_enough_from_every_side(
    seed: int, points: int, inset: float, wide: float, high: float
) -> None:
    shape = star(seed, points)
    turn = special_ortho_group.rvs(2, random_state=seed)
    metres = turn @ np.diag([wide, -high])
    heights = np.arange(55.0 * 50).reshape(55, 50)  # less than the shape's box: it may stick out
    c, r = (a.ravel() for a in np.meshgrid(np.arange(50) + 0.5, np.arange(55) + 0.5))
    inside = shapely.contains_xy(shape, c, r)
    ground = shapely.transform(shape, lambda xy: xy @ metres.T)
    middles = shapely.points(np.column_stack([c, r]) @ metres.T)
    far = shapely.distance(shapely.boundary(ground), middles)
    count, found = held(shape, inset, metres, heights)
    sure = np.abs(far - inset) > 1e-9
    expected = inside & (far >= inset)
    assert {v for v in found if sure[int(v)]} == set(np.flatnonzero(expected & sure).astype(float).tolist())
    assert count == len(found)
    assert held(shape, 0.0, metres, heights)[1] == set(np.flatnonzero(inside).astype(float).tolist())


def test_cells_without_a_height_count_as_cells_and_are_not_held() -> None:
    heights = np.full((10, 10), 7.0)
    heights[:, :5] = np.nan
    count, found = held(shapely.box(2, 2, 8, 8), 1.0, np.eye(2), heights)
    assert (count, found) == (16, {7.0})


def test_a_shape_beside_the_raster_has_no_cell() -> None:
    assert held(shapely.box(-20, 2, -10, 8), 0.0, np.eye(2), np.ones((10, 10))) == (0, set())
    assert held(shapely.box(2, 30, 8, 40), 1.0, np.eye(2), np.ones((10, 10))) == (0, set())


@given(st.lists(st.integers(-5, 5) | st.floats(-1e3, 1e3), min_size=1, max_size=200))
@settings(deadline=None)
def test_the_median_is_numpy_s(values: list[float]) -> None:
    numbers = np.array(values, float)
    assert median(numbers.copy(), len(numbers)) == np.median(numbers)


def test_shapes_side_by_side_have_medians_of_their_own() -> None:
    shapes = np.array([shapely.box(0, 0, 4, 10), shapely.box(4, 0, 10, 10), shapely.box(50, 50, 60, 60)])
    heights = np.repeat(np.array([[1.0] * 4 + [2.0] * 6]), 10, axis=0).astype(np.float32)
    points, at, ring = corners(shapes)
    found, count = medians(points, at, ring, 0.0, np.broadcast_to(np.eye(2), (3, 2, 2)), heights)
    assert found == pytest.approx([1, 2, np.nan], nan_ok=True)
    assert count.tolist() == [40, 60, 0]
