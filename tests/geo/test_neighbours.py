"""Facts about neighbours: who faces whom across a ridge, how far, and what a canal keeps apart."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.neighbours import Neighbours, adjacency, crossing, field_units, neighbours, renumbered
from tests.geo.paddies import E0, N0, grid, grids, joined

UEDA = Path(__file__).parents[2].parent / "shared/data/ueda/fields.gpkg"


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    return shapely.box(E0 + x0, N0 + y0, E0 + x1, N0 + y1)


def line(*points: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([(E0 + x, N0 + y) for x, y in points])


def pairs(nb: Neighbours) -> list[tuple[int, int]]:
    return list(zip(nb.left.tolist(), nb.right.tolist(), strict=True))


def of(*shapes: shapely.Geometry | None) -> NDArray[np.object_]:
    return np.array(shapes, dtype=object)


def within_gap(geoms: NDArray[np.object_], a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
    """How much of a's outline lies within 1.5 m of b, less what both ends overreach: another way to ask."""
    near = shapely.intersection(shapely.boundary(geoms[a]), shapely.buffer(geoms[b], 1.55, quad_segs=2))
    found: NDArray[np.float64] = shapely.length(near) - 3.0
    return found


def test_two_paddies_across_a_ridge_face_each_other_along_their_common_side() -> None:
    nb = neighbours(of(box(0, 0, 20, 40), box(20.5, 10, 40, 60)))
    assert pairs(nb) == [(0, 1)]
    assert nb.facing_m[0] == pytest.approx(30)
    assert nb.ridge_m2[0] == pytest.approx(15)
    assert shapely.area(shapely.polygons(nb.quads)).sum() == pytest.approx(15)
    assert shapely.distance(shapely.points(nb.quads[:, :2]), box(0, 0, 20, 40)).max() < 1e-6
    assert shapely.distance(shapely.points(nb.quads[:, 2:]), box(20.5, 10, 40, 60)).max() < 1e-6


def test_paddies_that_touch_have_no_ridge() -> None:
    nb = neighbours(of(box(0, 0, 20, 40), box(20, 0, 40, 40)))
    assert nb.facing_m == pytest.approx([40])
    assert nb.ridge_m2 == pytest.approx([0], abs=1e-6)


def test_paddies_drawn_over_each_other_by_centimetres_are_neighbours() -> None:
    assert pairs(neighbours(of(box(0, 0, 20, 40), box(19.95, 0, 40, 40)))) == [(0, 1)]


@pytest.mark.parametrize(
    ("gap", "found"), [(0.0, True), (1.4, True), (1.49, True), (1.51, False), (3.0, False)]
)
def test_a_ridge_may_be_as_wide_as_the_gap_and_no_wider(gap: float, found: bool) -> None:
    assert (len(neighbours(of(box(0, 0, 20, 40), box(20 + gap, 0, 40, 40)))) == 1) is found


def test_the_gap_and_the_least_length_can_be_set() -> None:
    two = of(box(0, 0, 20, 40), box(23, 0, 40, 40))
    assert len(neighbours(two, max_gap_m=2.9)) == 0
    assert len(neighbours(two, max_gap_m=3.1)) == 1
    assert len(neighbours(two, max_gap_m=3.1, min_facing_m=45)) == 0


def test_a_long_side_faces_each_of_the_short_ones_across_from_it() -> None:
    nb = neighbours(
        of(box(0, 0, 60, 10), box(0, 10.4, 19.8, 30), box(20.2, 10.4, 39.8, 30), box(40.2, 10.4, 60, 30))
    )
    assert pairs(nb) == [(0, 1), (0, 2), (0, 3), (1, 2), (2, 3)]
    assert nb.facing_m == pytest.approx([19.8, 19.6, 19.8, 19.6, 19.6])


def test_paddies_that_meet_only_corner_to_corner_are_no_neighbours() -> None:
    four = grid(2, 2, ridge=0.4)
    assert pairs(neighbours(four)) == [(0, 1), (0, 2), (1, 3), (2, 3)]


def test_nobody_is_a_neighbour_across_a_narrow_paddy() -> None:
    nb = neighbours(of(box(0, 0, 20, 40), box(20.1, 0, 20.9, 40), box(21, 0, 40, 40)))
    assert pairs(nb) == [(0, 1), (1, 2)]


def test_past_the_end_of_a_narrow_paddy_they_face_each_other_again() -> None:
    nb = neighbours(of(box(0, 0, 20, 40), box(20.1, 0, 20.9, 30), box(21, 0, 40, 40)))
    assert pairs(nb) == [(0, 1), (0, 2), (1, 2)]
    assert nb.facing_m[1] == pytest.approx(10)


def test_a_paddy_never_faces_itself_nor_through_its_own_body() -> None:
    bay = shapely.difference(box(0, 0, 30, 30), box(10, 10, 11, 30))
    narrow = box(30.3, 0, 30.8, 30)
    assert pairs(neighbours(of(bay, narrow, box(31.1, 0, 50, 30)))) == [(0, 1), (1, 2)]


def test_a_paddy_in_the_hole_of_another_faces_it_all_round() -> None:
    ring = shapely.difference(box(0, 0, 60, 60), box(20, 20, 40, 40))
    nb = neighbours(of(ring, box(20.5, 20.5, 39.5, 39.5)))
    assert pairs(nb) == [(0, 1)]
    assert nb.facing_m[0] == pytest.approx(4 * 19)


def test_a_ridge_that_flares_goes_whole_but_only_its_narrow_part_counts() -> None:
    flaring = shapely.Polygon([(E0 + 20.5, N0), (E0 + 40, N0), (E0 + 40, N0 + 40), (E0 + 22.0, N0 + 40)])
    nb = neighbours(of(box(0, 0, 20, 40), flaring))
    assert nb.facing_m[0] == pytest.approx(40 * (1.5 - 0.5) / (2.0 - 0.5), rel=0.02)
    assert nb.ridge_m2[0] == pytest.approx(40 * (0.5 + 2.0) / 2, rel=0.02)


def test_what_has_no_outline_has_no_neighbours() -> None:
    assert len(neighbours(of())) == 0
    nb = neighbours(of(None, box(0, 0, 20, 40), shapely.Polygon(), box(20.3, 0, 40, 40)))
    assert pairs(nb) == [(1, 3)]
    both = shapely.MultiPolygon([box(0, 0, 20, 40), box(100, 0, 120, 40)])
    assert pairs(neighbours(of(both, box(20.3, 0, 40, 40), box(120.3, 0, 140, 40)))) == [(0, 1), (0, 2)]


def test_a_paddy_of_very_many_corners_and_one_far_away_cost_nothing_and_change_nothing() -> None:
    round_one = shapely.Point(E0, N0).buffer(100, quad_segs=5000)
    far = shapely.box(0, 0, 50, 50)
    nb = neighbours(of(round_one, far, box(100.5, -20, 150, 20), shapely.box(50.3, 0, 90, 50)))
    assert pairs(nb) == [(0, 2), (1, 3)]


@settings(max_examples=40, deadline=None)
@given(grids(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_corners_does_not_matter(geoms: NDArray[np.object_], random: object) -> None:
    order = np.arange(len(geoms))
    random.shuffle(order)  # type: ignore[attr-defined]
    turned = shapely.reverse(geoms[order])
    here, there = neighbours(geoms), neighbours(turned)
    back = np.sort(np.stack([order[there.left], order[there.right]], axis=1), axis=1)
    sorted_back = np.lexsort((back[:, 1], back[:, 0]))
    assert pairs(here) == [tuple(p) for p in back[sorted_back].tolist()]
    assert here.facing_m == pytest.approx(there.facing_m[sorted_back], abs=1e-6)
    assert here.ridge_m2 == pytest.approx(there.ridge_m2[sorted_back], abs=1e-6)
    assert shapely.area(shapely.polygons(here.quads)).sum() == pytest.approx(
        shapely.area(shapely.polygons(there.quads)).sum(), abs=1e-4
    )


@settings(max_examples=25, deadline=None)
@given(grids(), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_moving_everything_changes_nothing(geoms: NDArray[np.object_], east: float, north: float) -> None:
    moved = neighbours(shapely.transform(geoms, lambda c: c + np.array([east, north])))
    here = neighbours(geoms)
    assert pairs(moved) == pairs(here)
    assert moved.facing_m == pytest.approx(here.facing_m, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(grids())
def test_every_pair_stands_when_asked_by_buffers_in_either_direction(geoms: NDArray[np.object_]) -> None:
    nb = neighbours(geoms)
    assert (within_gap(geoms, nb.left, nb.right) >= 1.0 - 1e-9).all()
    assert (within_gap(geoms, nb.right, nb.left) >= 1.0 - 1e-9).all()


@settings(max_examples=25, deadline=None)
@given(grids())
def test_the_ground_between_lies_in_no_paddy(geoms: NDArray[np.object_]) -> None:
    nb = neighbours(geoms)
    ground = shapely.make_valid(shapely.polygons(nb.quads))
    quad, paddy = shapely.STRtree(geoms).query(ground)
    assert shapely.area(shapely.intersection(ground[quad], geoms[paddy])).max(initial=0) < 1e-5


def test_a_grid_has_the_pairs_of_a_grid_and_is_one_field() -> None:
    nb = neighbours(grid(7, 5, jitter=1.0, wobble=0.1, turn=0.4))
    assert len(nb) == 6 * 5 + 7 * 4
    assert field_units(35, nb.left, nb.right).tolist() == [0] * 35


def test_adjacency_lists_each_neighbour_once_ascending_with_its_pair() -> None:
    nb = neighbours(grid(3, 3))
    at, others, edge = adjacency(9, nb.left, nb.right)
    assert at.tolist() == [0, 2, 5, 7, 10, 14, 17, 19, 22, 24]
    for i in range(9):
        row = others[at[i] : at[i + 1]].tolist()
        assert row == sorted({b for a, b in pairs(nb) if a == i} | {a for a, b in pairs(nb) if b == i})
        for j, e in zip(row, edge[at[i] : at[i + 1]], strict=True):
            assert {int(nb.left[e]), int(nb.right[e])} == {i, j}


def test_field_units_are_numbered_by_their_first_row() -> None:
    left, right = np.array([1, 2], np.int32), np.array([4, 3], np.int32)
    assert field_units(6, left, right).tolist() == [0, 1, 2, 2, 1, 3]
    assert field_units(3, left[:0], right[:0]).tolist() == [0, 1, 2]


def test_a_canal_along_the_ridge_keeps_the_two_apart_and_nobody_else() -> None:
    geoms = grid(4, 3, ridge=0.6)
    nb = neighbours(geoms)
    barred = crossing(nb, geoms, of(line((40, -10), (40.05, 60), (40, 130))))
    assert [p for p, b in zip(pairs(nb), barred, strict=True) if b] == [(1, 2), (5, 6), (9, 10)]
    units = field_units(12, nb.left[~barred], nb.right[~barred])
    assert units.tolist() == [0, 0, 1, 1] * 3


def test_a_road_as_a_polygon_bars_too_even_when_it_covers_the_ridge_whole() -> None:
    geoms = grid(2, 1, ridge=1.0)
    nb = neighbours(geoms)
    assert crossing(nb, geoms, of(box(19.6, -5, 20.4, 45))).tolist() == [True]
    assert crossing(nb, geoms, of(box(12, -5, 28, 45))).tolist() == [True]


def test_a_canal_drawn_on_the_common_side_of_touching_paddies_bars() -> None:
    geoms = grid(2, 1, ridge=0.0, turn=0.3)
    side = shapely.shared_paths(shapely.boundary(geoms[0]), shapely.boundary(geoms[1]))
    shared = shapely.line_merge(shapely.get_parts(side)[1])
    assert crossing(neighbours(geoms), geoms, of(shared)).tolist() == [True]


def test_a_canal_past_the_ends_of_the_ridges_or_through_a_paddy_bars_nothing() -> None:
    geoms = grid(4, 1, ridge=0.5)
    nb = neighbours(geoms)
    beside = line((-10, -0.3), (90, -0.3))
    through = line((10, -10), (10, 50))
    reaching_in = line((20, -10), (20, 5))
    assert not crossing(nb, geoms, of(beside, through, reaching_in)).any()


def test_without_barriers_nothing_is_barred() -> None:
    geoms = grid(2, 2)
    nb = neighbours(geoms)
    for none in (None, of(), of(None, shapely.LineString())):
        assert crossing(nb, geoms, none).tolist() == [False] * 4


@settings(max_examples=25, deadline=None)
@given(grids(), st.integers(0, 1000))
def test_what_is_not_barred_has_a_free_shortest_way(geoms: NDArray[np.object_], seed: int) -> None:
    nb = neighbours(geoms)
    rng = np.random.default_rng(seed)
    middle = shapely.get_coordinates(shapely.centroid(geoms))
    ways = [
        shapely.LineString(middle[rng.choice(len(middle), 2, False)] + rng.normal(0, 9, (2, 2)))
        for _ in range(4)
    ]
    fixed = of(*ways, *(shapely.buffer(w, 0.5) for w in ways[:2]))
    free = ~crossing(nb, geoms, fixed)
    for a, b in ((nb.left[free], nb.right[free]), (nb.right[free], nb.left[free])):
        near = shapely.intersection(shapely.boundary(geoms[a]), shapely.buffer(geoms[b], 2.0, quad_segs=2))
        link = shapely.shortest_line(shapely.centroid(near), geoms[b])
        assert len(shapely.STRtree(fixed).query(link, predicate="intersects")[0]) == 0


@pytest.mark.skipif(not UEDA.exists(), reason="the real paddies of Ueda are not beside this checkout")
def test_on_real_paddies_pairs_agree_with_buffers_and_few_are_lost() -> None:
    frame = gpd.read_file(UEDA, where="land_type=100").to_crs(32654)
    valid = shapely.make_valid(np.asarray(frame.geometry.values), method="structure")
    geoms = of(*(max(shapely.get_parts(shape), key=shapely.area) for shape in valid))
    nb = neighbours(geoms)
    assert (within_gap(geoms, nb.left, nb.right) >= 1.0).all()
    assert (within_gap(geoms, nb.right, nb.left) >= 1.0).all()
    a, b = shapely.STRtree(geoms).query(geoms, predicate="dwithin", distance=1.5)
    a, b = a[a < b], b[a < b]
    there = within_gap(geoms, a, b) >= 1.0
    assert len(nb) > 0.99 * there.sum()


def test_blocks_of_neighbours_hang_together() -> None:
    geoms = grid(6, 5, jitter=1.0)
    nb = neighbours(geoms)
    label = joined(geoms, nb.left, nb.right, seed=3)
    same = label[nb.left] == label[nb.right]
    units = field_units(30, nb.left[same], nb.right[same])
    assert all(len(set(units[label == k])) == 1 for k in range(label.max() + 1))


@settings(max_examples=30, deadline=None)
@given(grids(), st.randoms(use_true_random=False))
def test_renumbered_pairs_are_those_of_the_parcels_in_their_new_order(
    geoms: NDArray[np.object_], random: object
) -> None:
    order = np.arange(len(geoms))
    random.shuffle(order)  # type: ignore[attr-defined]
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    before, there = neighbours(geoms), neighbours(geoms[order])
    here, which = renumbered(before, place)
    assert pairs(here) == pairs(there)
    assert here.facing_m == pytest.approx(before.facing_m[which])
    assert here.facing_m == pytest.approx(there.facing_m)
    assert here.quad_pair.tolist() == sorted(here.quad_pair.tolist())
    assert (
        np.bincount(here.quad_pair, minlength=len(here)).tolist()
        == np.bincount(there.quad_pair, minlength=len(there)).tolist()
    )
    for side, own in ((slice(0, 2), here.left), (slice(2, 4), here.right)):
        corner = shapely.points(here.quads[:, side].reshape(-1, 2))
        shape = np.repeat(geoms[order][own[here.quad_pair]], 2)
        assert shapely.distance(corner, shape).max(initial=0) < 1e-3
