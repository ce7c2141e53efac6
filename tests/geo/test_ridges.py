"""Ridges that go lie between parcels of one block; those that stand run round the blocks, each once."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo import plans, ridges

SIDE, RIDGE = 30.0, 1.0
STEP = SIDE + RIDGE


def square(column: int, row: int) -> shapely.Polygon:
    x, y = column * STEP, row * STEP
    return shapely.box(x, y, x + SIDE, y + SIDE)


GRID = np.array([square(0, 0), square(0, 1), square(1, 0), square(1, 1), square(2, 0)])
"""Two columns of two, and one more to the east of the lower right one."""
LABEL = np.array([0, 0, 1, 1, -1])
"""The left column is one block, the right one another; what lies east is in none."""
BLOCKS = np.array([shapely.box(0, 0, SIDE, STEP + SIDE), shapely.box(STEP, 0, STEP + SIDE, STEP + SIDE)])
NO_WALLS = np.empty(0, object)


def length(found: ridges.Ridges, block: int) -> float:
    return float(shapely.length(found.lines[found.block == block]).sum())


def test_the_ridge_inside_each_block_goes_along_its_middle() -> None:
    gone = ridges.removed(GRID, LABEL, BLOCKS, NO_WALLS)
    assert sorted(gone.block) == [0, 1]
    for i, line in zip(gone.block, gone.lines, strict=True):
        assert line.length == pytest.approx(SIDE)
        assert line.equals(shapely.LineString([(i * STEP, SIDE + 0.5), (i * STEP + SIDE, SIDE + 0.5)]))


def test_no_ridge_goes_along_a_fixed_barrier() -> None:
    canal = shapely.LineString([(-5, SIDE + 0.5), (SIDE + 0.4, SIDE + 0.5)])
    gone = ridges.removed(GRID, LABEL, BLOCKS, np.array([canal]))
    assert gone.block.tolist() == [1]


def test_what_stands_is_the_middle_between_two_and_the_edge_where_nobody_is() -> None:
    stay = ridges.standing(BLOCKS, np.array([True, True]), GRID[LABEL < 0])
    # the left block: its own edge on three sides, the right one's western side by the middle line
    between = stay.lines[shapely.intersects(stay.lines, shapely.box(SIDE + 0.2, 0, SIDE + 0.8, 70))]
    assert [line.length for line in between] == pytest.approx([STEP + SIDE])
    around = 2 * SIDE + (STEP + SIDE)
    assert length(stay, 0) == pytest.approx(around + STEP + SIDE, abs=0.1)
    # the right block: the middle line to the parcel in the east once, and what is left of its outline
    assert length(stay, 1) == pytest.approx(2 * SIDE + STEP + SIDE, abs=0.1)


def test_a_block_left_as_it_is_gets_no_new_ridge_but_from_its_neighbours() -> None:
    stay = ridges.standing(BLOCKS, np.array([True, False]), NO_WALLS)
    assert set(stay.block) == {0}
    assert ridges.standing(BLOCKS, np.array([False, False]), NO_WALLS).block.tolist() == []


def test_where_a_side_was_straightened_the_old_ridge_inside_the_new_block_goes_too() -> None:
    # the left block now reaches four metres over the old ridge in its upper half
    moved = BLOCKS.copy()
    moved[0] = shapely.union(BLOCKS[0], shapely.box(SIDE, STEP, SIDE + 4, STEP + SIDE))
    moved[1] = shapely.difference(BLOCKS[1], shapely.box(SIDE, STEP, SIDE + 5, STEP + SIDE))
    gone = ridges.removed(GRID, LABEL, moved, NO_WALLS, np.array([True, True]))
    more = [
        line for i, line in zip(gone.block, gone.lines, strict=True) if i == 0 and line.length < SIDE - 0.1
    ]
    assert len(more) == 1
    assert more[0].length == pytest.approx(SIDE - 2 * 0.3, abs=0.6)
    assert shapely.get_coordinates(more[0])[:, 0] == pytest.approx([SIDE + 0.5] * 2)
    unmoved = ridges.removed(GRID, LABEL, moved, NO_WALLS, np.array([False, False]))
    assert len(unmoved.lines) == len(gone.lines) - 1


def test_nothing_has_no_ridges() -> None:
    none = np.empty(0, object)
    gone = ridges.removed(none, np.empty(0, np.int64), none, none)
    assert len(gone.lines) == len(gone.block) == 0
    assert len(ridges.standing(none, np.empty(0, bool), none).lines) == 0


@pytest.fixture(scope="module")
def plan(plan_folder) -> plans.Plan:  # type: ignore[no-untyped-def]
    return plans.read(plan_folder)


def test_of_a_real_plan_they_are_as_long_as_the_plan_says(plan: plans.Plan) -> None:
    blocks, parcels, label = plan.blocks, plan.parcels, labels(plan)
    walls = plan.barriers.geometry[plan.barriers["fixed"]].to_numpy()  # type: ignore[union-attr]
    gone = ridges.removed(parcels.geometry.to_numpy(), label, blocks.geometry.to_numpy(), walls)
    metres = np.bincount(gone.block, shapely.length(gone.lines), len(blocks))
    # the plan measures along the sides, this along the middle
    assert metres.sum() == pytest.approx(blocks["ridge_removed_m"].sum(), rel=0.01)
    assert np.abs(metres - blocks["ridge_removed_m"]).max() < 6
    inside = shapely.buffer(blocks.geometry.to_numpy(), 0.01)
    assert shapely.covers(inside[gone.block], gone.lines).all()


def test_of_a_real_plan_none_that_stands_runs_through_a_block(plan: plans.Plan) -> None:
    blocks, label = plan.blocks, labels(plan)
    loose = plan.parcels.geometry.to_numpy()[label < 0]
    works = blocks["n_parcels"].to_numpy() > 1
    stay = ridges.standing(blocks.geometry.to_numpy(), works, loose)
    tree = shapely.STRtree(shapely.buffer(blocks.geometry.to_numpy(), -0.05))
    line, block = tree.query(stay.lines, predicate="intersects")
    through = shapely.length(shapely.intersection(stay.lines[line], tree.geometries[block]))
    assert through.sum() < 0.001 * shapely.length(stay.lines).sum()
    assert set(stay.block) <= set(np.flatnonzero(works))
    # each block that is made has ridges round most of it: what is shared belongs to one of two
    around = gpd.GeoSeries(stay.lines).union_all().buffer(1.2)
    edges = shapely.boundary(blocks.geometry.to_numpy()[works])
    assert shapely.length(shapely.intersection(edges, around)).sum() > 0.95 * shapely.length(edges).sum()


def labels(plan: plans.Plan) -> np.ndarray:
    place = {block: i for i, block in enumerate(plan.blocks["block_id"])}
    return plan.parcels["block_id"].map(place).fillna(-1).to_numpy(np.int64)
