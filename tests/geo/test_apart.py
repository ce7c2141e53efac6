"""Facts about pairs of polygons that may share ground: none is missed, and few are named for nothing."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import affinity

from geo.apart import may_overlap
from tests.geo.paddies import E0, N0, grid, grids

NOISE = 1e-4


def pairs(shapes: NDArray[np.object_]) -> set[tuple[int, int]]:
    left, right = may_overlap(shapes, NOISE)
    assert (left < right).all()
    assert len(left) == len(set(zip(left.tolist(), right.tolist(), strict=True)))
    return set(zip(left.tolist(), right.tolist(), strict=True))


def sharing(shapes: NDArray[np.object_]) -> set[tuple[int, int]]:
    """All pairs whose common part is larger than the noise, asked one by one."""
    a, b = np.triu_indices(len(shapes), 1)
    common = shapely.area(shapely.intersection(shapes[a], shapes[b])) > NOISE
    return set(zip(a[common].tolist(), b[common].tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 1000), st.floats(0, 30))
def test_every_pair_that_shares_ground_is_named(geoms: NDArray[np.object_], seed: int, far: float) -> None:
    rng = np.random.default_rng(seed)
    moved = [affinity.translate(g, *rng.normal(0, far, 2)) for g in geoms[::2]]
    bay = shapely.difference(
        shapely.box(E0, N0, E0 + 60, N0 + 60), shapely.box(E0 + 5, N0 + 5, E0 + 55, N0 + 60)
    )
    shapes = np.array([*geoms, *moved, bay], dtype=object)
    assert sharing(shapes) <= pairs(shapes)


@settings(max_examples=40, deadline=None)
@given(grids())
def test_convex_paddies_that_ridges_part_or_that_share_a_side_are_not_named(
    geoms: NDArray[np.object_],
) -> None:
    hulls = shapely.convex_hull(geoms)
    a, b = np.triu_indices(len(hulls), 1)
    apart = shapely.distance(hulls[a], hulls[b]) > 1e-6
    named = pairs(hulls)
    assert not named & set(zip(a[apart].tolist(), b[apart].tolist(), strict=True))
    assert pairs(grid(5, 4, ridge=0.0)) == set()


def test_centimetres_of_overlap_are_named_and_a_thread_of_it_is_not() -> None:
    two = [shapely.box(E0, N0, E0 + 20, N0 + 40), shapely.box(E0 + 19.98, N0, E0 + 40, N0 + 40)]
    assert pairs(np.array(two, dtype=object)) == {(0, 1)}
    two[1] = shapely.box(E0 + 20 - 1e-7, N0, E0 + 40, N0 + 40)
    assert pairs(np.array(two, dtype=object)) == set()


def test_one_inside_another_is_named() -> None:
    both = np.array(
        [shapely.box(E0, N0, E0 + 100, N0 + 100), shapely.box(E0 + 40, N0 + 40, E0 + 60, N0 + 60)],
        dtype=object,
    )
    assert pairs(both) == {(0, 1)}
    assert pairs(both[:1]) == pairs(both[:0]) == set()
