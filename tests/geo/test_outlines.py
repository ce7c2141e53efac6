"""Facts about outlines: blocks take in their ridges, lose nothing, touch nobody else's ground, stay straight."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.neighbours import Neighbours, crossing, neighbours
from geo.outlines import clashes, corners, outlines
from tests.geo.paddies import E0, N0, grid, grids, joined

UEDA = Path(__file__).parents[2].parent / "shared/data/ueda/fields.gpkg"
Shapes = NDArray[np.object_]


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    return shapely.box(E0 + x0, N0 + y0, E0 + x1, N0 + y1)


def made(geoms: Shapes, labels: list[int]) -> Shapes:
    return outlines(geoms, np.array(labels, int), neighbours(geoms))


def sound(geoms: Shapes, labels: NDArray[np.int64], nb: Neighbours, found: Shapes) -> None:
    """What holds for every joining."""
    n = len(found)
    assert (shapely.get_type_id(found) == shapely.GeometryType.POLYGON).all()
    assert shapely.is_valid(found).all()
    inside = labels >= 0
    own = np.bincount(labels[inside], shapely.area(geoms)[inside], n)
    same = (labels[nb.left] == labels[nb.right]) & (labels[nb.left] >= 0)
    ridges = np.bincount(labels[nb.left[same]], nb.ridge_m2[same], n)
    crossings = np.bincount(labels[nb.left[same]], minlength=n) * 2 * 1.5 * 2.0
    area = shapely.area(found)
    assert (area >= own - 1e-4).all()
    assert (area <= own + ridges + crossings).all()
    a, b = shapely.STRtree(found).query(found, predicate="intersects")
    a, b = a[a < b], b[a < b]
    assert shapely.area(shapely.intersection(found[a], found[b])).max(initial=0) < 1e-4
    block, parcel = shapely.STRtree(geoms).query(found, predicate="intersects")
    shared = shapely.area(shapely.intersection(found[block], geoms[parcel]))
    mine = labels[parcel] == block
    assert shared[~mine].max(initial=0) < 1e-4
    assert shared[mine] == pytest.approx(shapely.area(geoms)[parcel[mine]], abs=1e-4)


def test_two_paddies_and_the_ridge_between_them_are_one_rectangle() -> None:
    found = made(np.array([box(0, 0, 20, 40), box(20.5, 0, 40, 40)]), [0, 0])
    assert shapely.equals_exact(shapely.normalize(found[0]), shapely.normalize(box(0, 0, 40, 40)), 1e-6)


def test_touching_paddies_keep_their_outer_sides_to_the_millimetre() -> None:
    found = made(np.array([box(0, 0, 20, 40), box(20, 0, 40, 40), box(0, 40, 40, 60)]), [0, 0, 0])
    assert shapely.equals_exact(shapely.normalize(found[0]), shapely.normalize(box(0, 0, 40, 60)), 1e-6)


def test_where_four_ridges_cross_no_hole_is_left() -> None:
    found = made(grid(3, 3, ridge=0.8), [0] * 9)
    assert shapely.get_num_interior_rings(found[0]) == 0
    assert shapely.get_num_coordinates(found[0]) == 5
    assert shapely.area(found[0]) == pytest.approx((60 - 0.8) * (120 - 0.8))


def test_corners_a_little_apart_are_joined_corner_to_corner() -> None:
    found = made(np.array([box(0, 0, 20, 40), box(20.5, 0.3, 40, 39.6)]), [0, 0])
    expected = [(0, 0), (0, 40), (20, 0), (20, 40), (20.5, 0.3), (20.5, 39.6), (40, 0.3), (40, 39.6)]
    got = np.unique(np.round(shapely.get_coordinates(found[0]) - [E0, N0], 3), axis=0)
    assert [tuple(p) for p in got.tolist()] == expected


def test_a_real_step_stays_a_step() -> None:
    found = made(np.array([box(0, 0, 20, 40), box(20.5, 10, 40, 30)]), [0, 0])
    assert shapely.area(found[0]) == pytest.approx(800 + 390 + 10)
    assert shapely.get_num_coordinates(found[0]) == 9


def test_a_block_of_one_paddy_is_that_paddy() -> None:
    geoms = grid(3, 1)
    found = made(geoms, [1, -1, 0])
    assert found[0] is geoms[2]
    assert found[1] is geoms[0]


def test_a_ring_round_a_paddy_left_out_keeps_that_hole() -> None:
    geoms = grid(3, 3, ridge=0.4)
    found = made(geoms, [0, 0, 0, 0, -1, 0, 0, 0, 0])
    hole = shapely.get_interior_ring(found[0], 0)
    assert shapely.get_num_interior_rings(found[0]) == 1
    assert shapely.contains(shapely.polygons(hole), geoms[4])
    assert not shapely.intersects(found[0], geoms[4])


def test_a_tiny_paddy_left_out_keeps_its_hole_too() -> None:
    around = [box(0, 0, 20, 40), box(21.4, 0, 40, 40)]
    tiny = box(20.3, 19, 21.1, 20)
    found = made(np.array([*around, tiny]), [0, 0, -1])
    assert shapely.area(shapely.intersection(found[0], tiny)) < 1e-9
    assert shapely.area(found[0]) > shapely.area(around).sum() + 50


def test_a_ridge_that_may_not_go_stays_even_inside_a_block() -> None:
    geoms = grid(2, 3, ridge=1.0)
    nb = neighbours(geoms)
    canal = shapely.box(E0 + 19.9, N0 + 45, E0 + 20.1, N0 + 75)
    open_pair = ~crossing(nb, geoms, np.array([canal]))
    assert open_pair.sum() == len(nb) - 1
    found = outlines(geoms, np.zeros(6, int), nb, removable=open_pair)
    assert shapely.get_num_interior_rings(found[0]) == 1
    assert not shapely.intersects(found[0], shapely.box(E0 + 19.9, N0 + 46, E0 + 20.1, N0 + 74))


def test_a_label_without_paddies_has_no_outline_and_no_labels_no_outlines() -> None:
    geoms = grid(2, 1)
    assert made(geoms, [0, 2])[1] is None
    assert len(made(geoms, [-1, -1])) == 0
    assert len(made(geoms[:0], [])) == 0


def test_paddies_that_no_ridge_joins_stay_in_parts_and_none_is_lost() -> None:
    geoms = np.array([box(0, 0, 20, 40), box(60, 0, 80, 40)])
    found = made(geoms, [0, 0])
    assert shapely.area(found[0]) == pytest.approx(1600)
    assert shapely.is_valid(found[0])


def test_parts_a_hair_apart_become_one() -> None:
    geoms = np.array([box(0, 0, 20, 40), box(20.005, 0, 40, 40)])
    none = Neighbours(
        *(np.empty(0, t) for t in (np.int32, np.int32, float, float)),
        np.empty((0, 4, 2)),
        np.empty(0, np.int32),
    )
    found = outlines(geoms, np.zeros(2, int), none)
    assert found[0].geom_type == "Polygon"
    assert shapely.area(found[0]) == pytest.approx(1600, abs=0.5)


@settings(max_examples=50, deadline=None)
@given(grids(), st.integers(0, 1000))
def test_every_joining_has_sound_outlines(geoms: Shapes, seed: int) -> None:
    nb = neighbours(geoms)
    labels = joined(geoms, nb.left, nb.right, seed)
    sound(geoms, labels, nb, outlines(geoms, labels, nb))


@settings(max_examples=20, deadline=None)
@given(grids(), st.integers(0, 1000))
def test_the_order_of_rows_does_not_change_an_outline(geoms: Shapes, seed: int) -> None:
    nb = neighbours(geoms)
    labels = joined(geoms, nb.left, nb.right, seed)
    here = outlines(geoms, labels, nb)
    order = np.random.default_rng(seed).permutation(len(geoms))
    there = outlines(geoms[order], labels[order], neighbours(geoms[order]))
    assert shapely.area(shapely.symmetric_difference(here, there)).max(initial=0) < 1e-3


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.floats(0.1, 1.4), st.floats(0, 6))
def test_a_row_of_even_paddies_becomes_a_rectangle(count: int, ridge: float, turn: float) -> None:
    found = made(grid(count, 1, ridge=ridge, turn=turn), [0] * count)
    assert shapely.get_num_coordinates(found[0]) == 5
    assert shapely.area(found[0]) == pytest.approx((20 * count - ridge) * (40 - ridge))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 0.9]))
def test_paddies_of_any_shape_have_sound_outlines(seed: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(rng.uniform(0, 150, (40, 2)))))
    cells = shapely.buffer(
        shapely.intersection(cells, shapely.box(0, 0, 150, 150)), -ridge / 2, join_style="mitre"
    )
    cells = cells[(shapely.get_type_id(cells) == 3) & (shapely.area(cells) > 20)]
    geoms = shapely.transform(cells, lambda c: c + np.array([E0, N0]))
    nb = neighbours(geoms)
    labels = joined(geoms, nb.left, nb.right, seed)
    sound(geoms, labels, nb, outlines(geoms, labels, nb))


@settings(max_examples=25, deadline=None)
@given(grids(), st.integers(0, 1000))
def test_walking_round_a_block_gives_what_uniting_its_pieces_gives(geoms: Shapes, seed: int) -> None:
    nb = neighbours(geoms)
    labels = joined(geoms, nb.left, nb.right, seed)
    walked = outlines(geoms, labels, nb)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "geo.outlines._walked", lambda _, block, *rest: np.full(int(block[-1]) + 1, None, object)
        )
        united = outlines(geoms, labels, nb)
    assert shapely.area(shapely.symmetric_difference(walked, united)).max(initial=0) < 1e-2


def test_on_an_even_grid_every_block_is_walked_and_none_has_to_be_united() -> None:
    geoms = grid(12, 8, jitter=1.0, wobble=0.1, turn=0.5)
    nb = neighbours(geoms)
    labels = joined(geoms, nb.left, nb.right, seed=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo.outlines._overlaid", None)
        assert shapely.is_valid(outlines(geoms, labels, nb)).all()


def test_straight_sides_lose_their_middle_corners_and_a_ring_without_ground_goes() -> None:
    ring = np.array([(1, 0), (2, 0), (2, 2), (1, 2 + 1e-8), (0, 2), (0, 1), (0, 0), (0, 0), (1, 0)], float)
    flat = np.array([(5, 5), (9, 5), (7, 5), (5, 5)], float)
    points, at, left = corners(np.concatenate([ring, flat]), np.array([0, 9, 13]), 1e-6)
    assert left.tolist() == [0]
    assert at.tolist() == [0, 5]
    assert points.tolist() == [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]


def test_ridges_of_two_blocks_clash_where_they_overlap_and_not_where_they_touch() -> None:
    quad = np.array([(0, 0), (1, 0), (1, 9), (0, 9)], float)
    three = np.array([quad, quad + np.array([0.5, 3]), quad + np.array([1.5, 0])])
    assert clashes(three, np.array([0, 1, 2])).tolist() == [[0, 1]]
    assert clashes(three, np.array([0, 0, 0])).tolist() == []
    assert clashes(np.array([quad, quad + np.array([1, 0])]), np.array([0, 1])).tolist() == []


@pytest.mark.skipif(not UEDA.exists(), reason="the real paddies of Ueda are not beside this checkout")
def test_on_real_paddies_outlines_are_sound() -> None:
    frame = gpd.read_file(UEDA, where="land_type=100").to_crs(32654)
    valid = shapely.make_valid(np.asarray(frame.geometry.values), method="structure")
    geoms = np.array([max(shapely.get_parts(shape), key=shapely.area) for shape in valid])
    a, b = shapely.STRtree(geoms).query(geoms, predicate="intersects")
    over = shapely.area(shapely.intersection(geoms[a], geoms[b])) > 1e-5
    geoms = geoms[~np.isin(np.arange(len(geoms)), a[(a != b) & over])]
    nb = neighbours(geoms)
    labels = joined(geoms, nb.left, nb.right, seed=1)
    found = outlines(geoms, labels, nb)
    assert shapely.is_valid(found).all()
    assert (shapely.get_type_id(found) == shapely.GeometryType.POLYGON).all()
    sound(geoms, labels, nb, found)
