"""Facts about directions of units, extents along them, and rectangularity."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from geo.frames import boxes, directions, rectangularity


def _field(angle: float, x: float = 500_000.0, y: float = 5_000_000.0) -> list[shapely.Polygon]:
    """Six paddies of 60 × 20 m in two rows, turned by `angle` degrees."""
    plain = [
        shapely.box(i * 60.4, j * 20.4, i * 60.4 + 60, j * 20.4 + 20) for i in range(3) for j in range(2)
    ]
    return [affinity.translate(affinity.rotate(p, angle, origin=(0, 0)), x, y) for p in plain]


@settings(max_examples=50, deadline=None)
@given(st.floats(-44, 44))
def test_the_direction_of_a_unit_is_that_of_its_sides(angle):
    found = directions(np.array(_field(angle), dtype=object), np.zeros(6, int))
    assert np.degrees(found[0]) == pytest.approx(angle, abs=1e-4)


def test_each_unit_has_a_direction_of_its_own():
    geoms = np.array([*_field(10), *_field(-30, x=510_000)], dtype=object)
    found = np.degrees(directions(geoms, np.repeat([0, 1], 6)))
    assert found == pytest.approx([10, -30], abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.floats(-40, 40))
def test_a_paddy_measures_its_sides_along_its_unit_wherever_it_lies(angle):
    geoms = np.array(_field(angle), dtype=object)
    box = boxes(geoms, np.full(6, np.radians(angle)))
    assert box[:, 2] - box[:, 0] == pytest.approx(np.full(6, 60.0), abs=1e-5)
    assert box[:, 3] - box[:, 1] == pytest.approx(np.full(6, 20.0), abs=1e-5)


def test_a_rectangle_fills_its_rectangle_and_a_triangle_half_of_it():
    shapes = np.array([_field(17)[0], shapely.Polygon([(0, 0), (40, 0), (0, 30)])], dtype=object)
    assert rectangularity(shapes) == pytest.approx([1.0, 0.5], abs=1e-6)
