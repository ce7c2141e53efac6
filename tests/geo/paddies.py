"""Paddies for the tests: a jittered grid with ridges, turned, somewhere in Jixi, and a joining of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from hypothesis import strategies as st
from numpy.typing import NDArray

E0, N0 = 480_000.0, 5_010_000.0
"""A corner in the middle of Jixi, EPSG:4553."""


def grid(
    across: int = 4,
    up: int = 3,
    *,
    wide: float = 20.0,
    high: float = 40.0,
    ridge: float = 0.4,
    jitter: float = 0.0,
    wobble: float = 0.0,
    turn: float = 0.0,
    seed: int = 0,
) -> NDArray[np.object_]:
    """across × up paddies, row by row from the lower left, with ridges ridge m wide between them.

    jitter: how far the crossings of ridges are moved, m; wobble: how far each corner is, m; turn: radians.
    """
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(across + 1) * wide, np.arange(up + 1) * high)
    nodes = np.stack([x, y], axis=-1) + rng.uniform(-jitter, jitter, (up + 1, across + 1, 2))
    ring = np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]], axis=2).reshape(
        -1, 4, 2
    )
    side = np.roll(ring, -1, axis=1) - ring
    inward = np.stack([-side[..., 1], side[..., 0]], axis=-1) / np.hypot(side[..., :1], side[..., 1:])
    start = ring + inward * ridge / 2
    last, last_side = np.roll(start, 1, axis=1), np.roll(side, 1, axis=1)
    cross = last_side[..., 0] * side[..., 1] - last_side[..., 1] * side[..., 0]
    gap = start - last
    share = (gap[..., 0] * side[..., 1] - gap[..., 1] * side[..., 0]) / cross
    corner = last + last_side * share[..., None] + rng.uniform(-wobble, wobble, ring.shape)
    way = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    made: NDArray[np.object_] = shapely.polygons(corner @ way.T + [E0, N0])
    return made


def grids() -> st.SearchStrategy[NDArray[np.object_]]:
    """Grids of every sort that ridges allow: touching or up to the widest ridge, straight or crooked, turned."""

    def made(draw: Any) -> NDArray[np.object_]:
        ridge = draw(st.sampled_from([0.0, 0.02, 0.3, 0.5, 1.0, 1.4]))
        return grid(
            draw(st.integers(2, 5)),
            draw(st.integers(2, 4)),
            wide=draw(st.floats(8, 30)),
            high=draw(st.floats(8, 60)),
            ridge=ridge,
            jitter=draw(st.floats(0, 1.5)),
            wobble=draw(st.floats(0, ridge / 3)),
            turn=draw(st.floats(0, 6)),
            seed=draw(st.integers(0, 10_000)),
        )

    return st.composite(made)()


def joined(
    geoms: NDArray[np.object_], left: NDArray[np.int32], right: NDArray[np.int32], seed: int, most: int = 5
) -> NDArray[np.int64]:
    """Some joining of neighbours into blocks of at most so many; about one block in eight is left as it is (-1)."""
    rng = np.random.default_rng(seed)
    label = np.arange(len(geoms))
    for pair in rng.permutation(len(left)):
        a, b = label[left[pair]], label[right[pair]]
        if a != b and np.isin(label, [a, b]).sum() <= most:
            label[label == b] = a
    label[np.isin(label, np.flatnonzero(rng.random(len(geoms)) < 0.125))] = -1
    names = np.unique(label[label >= 0])
    return np.where(label < 0, -1, np.searchsorted(names, label))
