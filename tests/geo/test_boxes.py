"""Facts about boxes that meet: all pairs are found, however large or far off some of them are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.boxes import meeting


def boxes_of(seed: int, n: int, spread: float, largest: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-spread, spread, (n, 2)) + np.array([4.5e5, 5e6])
    size = rng.uniform(0, largest, (n, 2)) * rng.choice([0, 1, 1, 100], (n, 1))
    return np.hstack([corner, corner + size])


def pairs(one: NDArray[np.float64], other: NDArray[np.float64]) -> list[tuple[int, int]]:
    left, right = meeting(one, other)
    assert left.tolist() == sorted(left.tolist())
    return sorted(zip(left.tolist(), right.tolist(), strict=True))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(0, 60), st.floats(10, 1e5), st.floats(0, 300))
def test_pairs_are_all_that_overlap_or_touch(
    seed: int, n: int, m: int, spread: float, largest: float
) -> None:
    one, other = boxes_of(seed, n, spread, largest), boxes_of(seed + 1, m, spread, largest)
    a, b = one[:, None], other[None]
    meet = (
        (a[..., 0] <= b[..., 2])
        & (a[..., 2] >= b[..., 0])
        & (a[..., 1] <= b[..., 3])
        & (a[..., 3] >= b[..., 1])
    )
    assert pairs(one, other) == [tuple(p) for p in np.argwhere(meet).tolist()]


def test_a_place_is_a_box_of_no_size_and_nothing_is_in_no_box() -> None:
    place = np.array([[5.0, 5.0, 5.0, 5.0], [np.nan] * 4])
    assert pairs(place, np.array([[0.0, 0.0, 5.0, 9.0], [6.0, 0.0, 9.0, 9.0]])) == [(0, 0)]
