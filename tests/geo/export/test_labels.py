"""Labels stand in their shapes, fit them, and do not run into one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from geo import plans
from geo.export.labels import BLOCK_MM, PARCEL_MM, Labels, depths, labels, middles, told
from geo.export.public import Outgoing, outgoing


@pytest.mark.parametrize(
    ("depth", "word"),
    [
        (0.08, "挖0.08"),
        (-0.071, "填0.07"),
        (0.004, "平"),
        (-0.0049, "平"),
        (0.005, "挖0.01"),
        (float("nan"), ""),
    ],
)
def test_a_depth_in_words(depth: float, word: str) -> None:
    assert told(depth) == word


def test_depths_are_levels_less_the_design_level(by_hand: Any) -> None:
    out = outgoing(by_hand.plan, internal=True)
    found = depths(out)
    # 100.0, 100.1, 100.2 in a block of 100.1; 100.3, 100.4 in one of 100.2; a block of one parcel and none stay
    assert found[:5] == pytest.approx([-0.1, 0.0, 0.1, 0.1, 0.2])
    assert np.isnan(found[[5, 8, 9]]).all()


@pytest.fixture(scope="module")
def out(plan_folder: Any) -> Outgoing:
    return outgoing(plans.read(plan_folder))


@pytest.fixture(scope="module")
def said(out: Outgoing) -> dict[str, Labels]:
    return {found.kind: found for found in labels(out, 1000)}


def test_every_block_and_parcel_has_its_lines(out: Outgoing, said: dict[str, Labels]) -> None:
    assert said["block"].words == out.blocks["block_id"].tolist()
    assert len(said["area"].words) == len(out.blocks)
    assert len(said["design"].words) == out.blocks["design_level_m"].notna().sum()
    assert len(said["number"].words) == out.parcels["number"].notna().sum()
    assert len(said["before"].words) == out.parcels["elevation_m"].notna().sum()
    assert len(said["depth"].words) == np.isfinite(depths(out)).sum()


def test_heights_are_within_their_limits(said: dict[str, Labels]) -> None:
    for kind, (low, high) in {"block": BLOCK_MM, "design": BLOCK_MM, "before": PARCEL_MM}.items():
        assert said[kind].height_m.min() >= low and said[kind].height_m.max() <= high


def test_a_larger_scale_number_makes_larger_letters_on_the_ground(out: Outgoing) -> None:
    small, large = ({found.kind: found.height_m for found in labels(out, s)} for s in (500, 5000))
    assert (large["block"] >= small["block"]).all() and large["block"].max() == pytest.approx(12.5)


def test_a_blocks_number_stands_in_the_block(out: Outgoing, said: dict[str, Labels]) -> None:
    at = shapely.points(said["block"].x, said["block"].y)
    inside = shapely.contains(shapely.buffer(out.blocks.geometry.to_numpy(), 5), at)
    assert inside.mean() > 0.99


def test_lines_of_one_block_do_not_lie_on_one_another(out: Outgoing, said: dict[str, Labels]) -> None:
    every = np.concatenate([np.column_stack([s.x, s.y, s.height_m]) for s in said.values()])
    order = np.lexsort((every[:, 1], every[:, 0]))
    above, below = every[order][1:], every[order][:-1]
    same_column = np.abs(above[:, 0] - below[:, 0]) < 1e-6
    apart = above[:, 1] - below[:, 1]
    assert (apart[same_column] >= 0.99 * np.minimum(above, below)[same_column, 2]).all()


def test_a_middle_lies_inside_whatever_the_shape() -> None:
    bent = shapely.union(shapely.box(0, 0, 100, 5), shapely.box(0, 0, 5, 100))
    x, y = middles(np.array([bent, shapely.box(0, 0, 10, 10)]))
    assert shapely.contains_xy(bent, x[0], y[0]) and (x[1], y[1]) == (5, 5)
