"""Blocks for the field team: the nearest first, of the counties asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo import distance
from tracking import nearby
from tracking.register import change_block, register_plan
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
# a metre or so inside the south-west corner of the first block
CORNER = pyproj.Transformer.from_crs(4553, 4490, always_xy=True).transform(530_001, 5_070_001)


def test_blocks_come_in_their_order_or_the_nearest_first(followed: Store) -> None:
    plain = nearby.find(followed, "p")
    assert list(plain.columns) == list(nearby.COLUMNS)
    assert list(plain["block_id"]) == ["b1", "b2", "b3", "b4"] and plain["distance_m"].isna().all()
    found = nearby.find(followed, "p", near=CORNER)
    assert list(found["block_id"]) == ["b1", "b2", "b3", "b4"]
    assert found["distance_m"][0] == 0
    # the squares stand 500 m apart
    np.testing.assert_allclose(found["distance_m"][1:], [499, 999, 1499], rtol=0.005)
    east = nearby.find(followed, "p", near=(CORNER[0] + 1, CORNER[1]), limit=2)
    assert list(east["block_id"]) == ["b4", "b3"]


def test_only_what_is_asked_for_is_found(followed: Store) -> None:
    assert list(nearby.find(followed, "p", counties=[MISHAN])["block_id"]) == ["b3", "b4"]
    assert list(nearby.find(followed, "p", village="V1")["block_id"]) == ["b2", "b4"]
    assert list(nearby.find(followed, "p", village="V1", counties=[HULIN])["block_id"]) == ["b2"]
    assert list(nearby.find(followed, "p", block_id="b3")["block_id"]) == ["b3"]
    assert list(nearby.find(followed, "p", limit=3)["block_id"]) == ["b1", "b2", "b3"]
    for none in (
        nearby.find(followed, "p", counties=[]), nearby.find(followed, "q"), nearby.find(followed, "p", limit=0),
        nearby.find(followed, "p", block_id="b3", counties=[HULIN], near=CORNER),
    ):  # fmt: skip
        assert none.empty and list(none.columns) == list(nearby.COLUMNS)


def test_each_says_its_version_and_a_point_inside(followed: Store) -> None:
    change_block(followed, "p", "b2", 1, {"village": "东村"}, "u1")
    found = nearby.find(followed, "p").set_index("block_id")
    assert list(found["version"]) == [1, 2, 1, 1]
    inside = nearby.find(followed, "p", near=(found["lon"]["b3"], found["lat"]["b3"]), limit=1)
    assert inside["block_id"][0] == "b3" and inside["distance_m"][0] == 0


def test_villages_are_those_of_the_blocks_in_the_plan(store: Store, write_plan: Callable[..., Path]) -> None:
    register_plan(store, write_plan((100.0,) * 5), "u1")
    change_block(store, "p", "b5", 1, {"village": None}, "u1")
    change_block(store, "p", "b4", 1, {"withdrawn": True}, "u1")
    found = nearby.villages(store, "p")
    rows = [(c, v if v == v else None, n) for c, v, n, _ in found.itertuples(index=False)]
    assert rows == [(HULIN, "V0", 2), (HULIN, "V1", 1), (MISHAN, None, 1)]
    assert found["area_mu"].tolist() == pytest.approx([30.0, 15.0, 15.0])
    assert set(nearby.villages(store, "p", [MISHAN])["county"]) == {MISHAN}
    assert nearby.villages(store, "p", []).empty


@given(st.floats(0.005, 0.6), st.floats(0, 2 * np.pi), st.floats(20, 52))
def test_the_quick_distance_is_near_the_true_one(away: float, angle: float, lat: float) -> None:
    near = (131.0, lat)
    lon, top = 131.0 + away * np.cos(angle), lat + away * np.sin(angle)
    square = shapely.box(lon, top, lon + 0.002, top + 0.002)
    true = distance.to_outline(*near, square)
    rough = nearby.roughly_m(np.array([square]), near)[0]
    assert rough == pytest.approx(true, rel=0.01)
