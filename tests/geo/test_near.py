"""Facts about shapes of different owners that come within a distance of each other."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import affinity

from geo.near import near
from tests.geo.paddies import E0, N0, grids


def box(x: float, y: float, side: float = 10.0) -> shapely.Polygon:
    return shapely.box(E0 + x, N0 + y, E0 + x + side, N0 + y + side)


def pairs(
    shapes: NDArray[np.object_], owner: list[int], gap: float, kind: list[int] | None = None
) -> list[tuple[int, int]]:
    one = np.zeros(len(owner), np.int64) if kind is None else np.array(kind)
    left, right = near(np.array(shapes, dtype=object), np.array(owner, np.int64), one, gap)
    return list(zip(left.tolist(), right.tolist(), strict=True))


@pytest.mark.parametrize(("gap", "found"), [(0.0, False), (4.99, False), (5.0, True), (60.0, True)])
def test_the_gap_counts_from_edge_to_edge(gap: float, found: bool) -> None:
    assert (pairs([box(0, 0), box(15, 0)], [0, 1], gap) == [(0, 1)]) is found
    corner = [box(0, 0), box(13, 14)]
    assert (pairs(corner, [0, 1], gap) == [(0, 1)]) is (gap >= 5.0)


def test_what_touches_or_crosses_is_near_at_any_gap() -> None:
    turned = [affinity.rotate(s, 33, origin=(E0, N0)) for s in (box(0, 0), box(10, 3))]
    assert pairs(turned, [0, 1], 0.0) == [(0, 1)]
    cross = [shapely.box(E0, N0 + 40, E0 + 100, N0 + 60), shapely.box(E0 + 40, N0, E0 + 60, N0 + 100)]
    assert pairs(cross, [0, 1], 0.0) == [(0, 1)]


def test_kinds_do_not_meet_and_a_pair_is_named_once() -> None:
    shapes = [box(0, 0), box(0, 12), box(12, 0), box(12, 12)]
    assert pairs(shapes, [0, 0, 1, 1], 5.0) == [(0, 1)]
    assert pairs(shapes, [1, 1, 0, 0], 5.0) == [(0, 1)]
    assert pairs(shapes, [0, 0, 1, 1], 5.0, [0, 0, 1, 1]) == []
    assert pairs([], [], 5.0) == []


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 1000), st.floats(0, 40))
def test_pairs_are_those_of_geos(geoms: NDArray[np.object_], seed: int, gap: float) -> None:
    rng = np.random.default_rng(seed)
    some = rng.random(len(geoms)) < 0.4
    shapes = np.append(geoms[some], shapely.MultiPolygon([box(300, 0), box(-300, 5)]))
    owner = rng.integers(0, 4, len(shapes))
    kind = np.array([0, 0, 1, 1])[owner]
    a, b = np.triu_indices(len(shapes), 1)
    far = shapely.distance(shapes[a], shapes[b])
    sure = np.abs(far - gap) > 1e-6
    meets = (far <= gap) & (owner[a] != owner[b]) & (kind[a] == kind[b])
    both = np.sort(np.column_stack([owner[a], owner[b]]), axis=1)
    expected = {tuple(p) for p in both[meets & sure].tolist()}
    open_ = {tuple(p) for p in both[meets & ~sure].tolist()}
    left, right = near(shapes, owner, kind, gap)
    found = set(zip(left.tolist(), right.tolist(), strict=True))
    assert expected <= found <= expected | open_
    assert len(found) == len(left)
