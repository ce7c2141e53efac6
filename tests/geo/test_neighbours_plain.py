"""The fast way of finding neighbours beside the plain one, pair by pair: real paddies, the demo's, and drawn badly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo import checking, reading, synthetic
from geo.neighbours import neighbours
from tests.geo.paddies import E0, N0
from tests.geo.plain_neighbours import plain_pairs

UEDA = Path(__file__).parents[2].parent / "shared/data/ueda/fields.gpkg"


def fast_pairs(geoms: NDArray[np.object_]) -> dict[tuple[int, int], float]:
    nb = neighbours(geoms)
    return dict(zip(zip(nb.left.tolist(), nb.right.tolist(), strict=True), nb.facing_m.tolist(), strict=True))


def checked(source: reading.Source) -> NDArray[np.object_]:
    return np.asarray(checking.check(reading.read(source)).parcels.geometry.array, dtype=object)


def bricks(seed: int, rows: int, turn: float, overlap: float) -> NDArray[np.object_]:
    """Rows of paddies that begin where they please, so that sides end in the middle of others (T-junctions).

    Ridges of 0.3 to 1.5 m, some of them of none; every corner is drawn off by up to `overlap` m.
    """
    rng = np.random.default_rng(seed)
    shapes, y = [], 0.0
    for _ in range(rows):
        high, x = rng.uniform(8, 40), rng.uniform(-15, 0)
        while x < 80:
            wide = rng.uniform(6, 40)
            ring = np.array([[x, y], [x + wide, y], [x + wide, y + high], [x, y + high]])
            shapes.append(ring + rng.uniform(-overlap, overlap, ring.shape))
            x += wide + rng.choice([0.0, rng.uniform(0.3, 1.5)], p=[0.2, 0.8])
        y += high + rng.choice([0.0, rng.uniform(0.3, 1.5)], p=[0.2, 0.8])
    way = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    made: NDArray[np.object_] = shapely.polygons(np.array(shapes) @ way.T + [E0, N0])
    return made


def assert_same(geoms: NDArray[np.object_], overlap: float = 0.0) -> None:
    """The same pairs, and the same lengths but for what is drawn twice: there both ways may part it otherwise."""
    fast, plain = fast_pairs(geoms), plain_pairs(geoms)
    assert set(fast) == set(plain)
    assert [fast[pair] for pair in plain] == pytest.approx(list(plain.values()), abs=1e-5 + overlap)


@pytest.mark.skipif(not UEDA.exists(), reason="the real paddies of Ueda are not beside this checkout")
def test_on_real_paddies_both_ways_find_the_same_pairs() -> None:
    geoms = checked(reading.Source(UEDA, county="230381"))
    assert len(fast_pairs(geoms)) > 3000
    assert_same(geoms)


def test_on_the_demo_both_ways_find_the_same_pairs(tmp_path: Path) -> None:
    synthetic.make(tmp_path / "demo", 3000, seed=3)
    geoms = checked(reading.Source(tmp_path / "demo" / "parcels.gpkg"))
    assert len(fast_pairs(geoms)) > 5000
    assert_same(geoms)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 4), st.floats(0, 6), st.sampled_from([0.0, 0.01, 0.03, 0.08]))
def test_across_ridges_t_junctions_and_centimetres_of_overlap_both_ways_find_the_same_pairs(
    seed: int, rows: int, turn: float, overlap: float
) -> None:
    assert_same(bricks(seed, rows, turn, overlap), overlap)
