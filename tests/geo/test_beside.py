"""Facts about what runs beside an outline, and how far."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.beside import stretches
from tests.geo.paddies import E0, N0, grids

BLOCK = shapely.box(E0, N0, E0 + 100, N0 + 50)


def of(*shapes: shapely.Geometry) -> NDArray[np.object_]:
    return np.array(shapes, dtype=object)


def line(*points: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([(E0 + x, N0 + y) for x, y in points])


def along(shape: shapely.Geometry, *lines: shapely.Geometry, reach: float = 3.0) -> list[float]:
    found = stretches(of(shape), of(*lines), np.full(len(lines), reach))
    out = np.zeros(len(lines))
    out[found.line] = found.along_m
    return out.tolist()


def test_a_line_along_a_side_is_beside_all_of_it_and_a_bit_of_the_next_ones() -> None:
    # 2 m off the side, the reach of 3 m takes 1 m of either side that leaves it
    assert along(BLOCK, line((-50, -2), (150, -2))) == pytest.approx([102])
    assert along(BLOCK, line((-50, -4), (150, -4))) == [0]


def test_the_stretch_counts_without_its_gaps_and_across_corners() -> None:
    interrupted = shapely.MultiLineString([line((0, -3), (20, -3)), line((40, -3), (100, -3))])
    assert along(BLOCK, interrupted) == pytest.approx([60])
    round_the_corner = line((20, -1), (101, -1), (101, 30))
    # past either end of the line the disc of its reach takes √8 m more
    assert along(BLOCK, round_the_corner) == pytest.approx([80 + 30 + 2 * np.sqrt(8)])


def test_where_the_ring_begins_makes_no_difference() -> None:
    corners = shapely.get_coordinates(BLOCK)[:-1]
    ways = [shapely.Polygon(np.roll(corners, k, axis=0)[::s]) for k in range(4) for s in (1, -1)]
    canal = line((60, -1), (101, -1), (101, 51), (70, 51))
    found = stretches(np.array(ways, dtype=object), of(canal), np.array([2.0]))
    assert found.along_m == pytest.approx(np.full(8, found.along_m[0]))
    everywhere = shapely.LineString(shapely.get_coordinates(BLOCK))
    assert along(BLOCK, everywhere) == pytest.approx([300])


def test_of_a_polygon_its_edges_count_and_of_a_shape_its_holes_and_parts() -> None:
    road = shapely.box(E0 - 50, N0 - 10, E0 + 150, N0 - 2)
    assert along(BLOCK, road) == pytest.approx([102])
    holed = shapely.difference(BLOCK, shapely.box(E0 + 40, N0 + 20, E0 + 60, N0 + 30))
    assert along(holed, line((30, 25), (70, 25)), reach=5.0) == pytest.approx([60])
    apart = shapely.MultiPolygon([shapely.box(E0 - 900, N0, E0 - 800, N0 + 50), BLOCK])
    assert along(apart, line((-50, -2), (150, -2))) == pytest.approx([102])


def test_a_heading_is_that_of_the_line_where_it_passes() -> None:
    bent = line((-500, 400), (-100, -2), (150, -2))
    found = stretches(of(BLOCK), of(bent), np.array([3.0]))
    assert found.heading == pytest.approx([0.0])
    upwards = stretches(of(BLOCK), of(line((102, -90), (102, 90))), np.array([3.0]))
    assert upwards.heading == pytest.approx([np.pi / 2])


def test_nothing_lies_beside_nothing() -> None:
    for shapes, lines in ((of(), of(line((0, 0), (1, 1)))), (of(BLOCK), of())):
        assert len(stretches(shapes, lines, np.ones(len(lines))).shape) == 0


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 1000), st.floats(0.5, 6))
def test_stretches_are_what_a_round_buffer_takes_of_the_outline(
    geoms: NDArray[np.object_], seed: int, reach: float
) -> None:
    rng = np.random.default_rng(seed)
    middle = shapely.get_coordinates(shapely.centroid(geoms))
    lines = of(
        *(
            shapely.LineString(middle[rng.choice(len(middle), 3, False)] + rng.normal(0, 9, (3, 2)))
            for _ in range(4)
        )
    )
    found = stretches(geoms, lines, np.full(4, reach))
    near = shapely.intersection(
        shapely.boundary(geoms)[found.shape], shapely.buffer(lines[found.line], reach, quad_segs=200)
    )
    parts, owner = shapely.get_parts(shapely.line_merge(near), return_index=True)
    expected = np.zeros(len(found.shape))
    np.maximum.at(expected, owner, shapely.length(parts))
    assert found.along_m == pytest.approx(expected, abs=0.02)
    close = shapely.distance(shapely.boundary(geoms)[:, None], lines[None]) < reach - 1e-6
    told = np.zeros(close.shape, bool)
    told[found.shape, found.line] = True
    assert told[close].all()


def test_a_canal_of_very_many_corners_is_beside_as_one_of_few_is() -> None:
    few = line((-50, -2), (5_050, -2))
    many = shapely.segmentize(few, 0.5)
    blocks = shapely.box(E0 + np.arange(50) * 100.0, N0, E0 + np.arange(50) * 100.0 + 98, N0 + 250.0)
    found = stretches(blocks, of(few, many), np.array([3.0, 3.0]))
    assert found.shape.tolist() == np.repeat(np.arange(50), 2).tolist()
    assert found.along_m == pytest.approx(np.full(100, 100.0))
    assert found.heading % np.pi == pytest.approx(np.zeros(100), abs=1e-9)
