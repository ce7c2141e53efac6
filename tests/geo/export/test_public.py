"""What is taken out before anything leaves the house."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.checking.findings import KINDS
from geo.export.public import COLUMNS, OTHER, READING, REASONS, block_states, outgoing, random_ids, rings
from geo.schemas import BLOCKS, PARCELS, SITES
from geo.schemas import REASONS as KNOWN_REASONS

PRIVATE = {"operator", "consent"}


@pytest.mark.parametrize("internal", [False, True])
def test_no_operator_and_no_consent_column_leaves(by_hand: Any, internal: bool) -> None:
    out = outgoing(by_hand.plan, internal)
    for frame in out.layers.values():
        assert not PRIVATE & set(frame.columns)


def test_every_finding_of_reading_goes_by_a_title() -> None:
    told = set()
    for path in (Path(__file__).parents[3] / "geo/reading").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            place = (
                {"Finding": 0, "rows.per_row": 1, "per_row": 1}.get(ast.unparse(node.func))
                if isinstance(node, ast.Call)
                else None
            )
            if place is not None and isinstance(kind := node.args[place], ast.Constant):
                told.add(kind.value)
    assert len(told) > 10
    assert told - KINDS.keys() - READING.keys() == set()


def test_every_other_column_can_be_exported_and_has_a_name() -> None:
    columns = (set(PARCELS.columns) | set(BLOCKS.columns) | set(SITES.columns)) - PRIVATE - {"geometry"}
    # what an export adds: how a block is shown, and a number that is no code of the register
    assert columns | {"state", "number"} == set(COLUMNS)
    shorts = [c.short for c in COLUMNS.values()]
    assert all(len(s) <= 10 and s.isascii() for s in shorts)
    assert len(set(shorts)) == len(shorts)
    assert set(KNOWN_REASONS) | {OTHER} == set(REASONS)


def test_public_parcel_ids_are_random_and_new_each_time(by_hand: Any) -> None:
    one, two = (outgoing(by_hand.plan).parcels["parcel_id"] for _ in range(2))
    assert one.is_unique and not set(one) & set(two)
    assert not set(one) & set(by_hand.plan.parcels["parcel_id"])


def test_public_parcels_do_not_stand_in_the_order_of_their_codes(by_hand: Any) -> None:
    parcels = outgoing(by_hand.plan).parcels
    assert parcels["parcel_id"].is_monotonic_increasing
    # the same parcels otherwise: shape, area and block go together as before
    before = by_hand.plan.parcels
    key = {
        g.wkb: (a, b) for g, a, b in zip(before.geometry, before["area_mu"], before["block_id"], strict=True)
    }
    for shape, area, block in zip(parcels.geometry, parcels["area_mu"], parcels["block_id"], strict=True):
        was_area, was_block = key.pop(shape.wkb)
        assert area == was_area and (block == was_block or (pd.isna(block) and pd.isna(was_block)))
    assert not key


def test_few_households_are_not_counted_in_public(by_hand: Any) -> None:
    assert outgoing(by_hand.plan).blocks["n_operators"].tolist() == [3, pd.NA, pd.NA, pd.NA]
    assert outgoing(by_hand.plan, internal=True).blocks["n_operators"].tolist() == [3, 2, 1, 1]


def test_a_refusal_is_not_told_from_other_reasons_in_public(by_hand: Any) -> None:
    public = outgoing(by_hand.plan).parcels["reason"].dropna()
    assert sorted(public) == ["elevation", "other", "other"]
    internal = outgoing(by_hand.plan, internal=True).parcels
    assert sorted(internal["reason"].dropna()) == ["consent", "elevation", "left_over"]
    assert internal["parcel_id"].tolist() == by_hand.plan.parcels["parcel_id"].tolist()


def test_messages_of_findings_stay_inside(by_hand: Any) -> None:
    checks = outgoing(by_hand.plan).checks
    assert checks["zh"].tolist() == ["与另一块田重叠，已裁去", "encoding"]
    assert checks["count"].tolist() == [1, 1]
    assert checks["area_mu"].tolist() == [0.5, 0.0]


def test_the_plan_itself_is_left_as_it_is(by_hand: Any) -> None:
    before = by_hand.plan.parcels.copy()
    outgoing(by_hand.plan)
    pd.testing.assert_frame_equal(pd.DataFrame(by_hand.plan.parcels), pd.DataFrame(before))


def test_the_state_of_a_block(by_hand: Any) -> None:
    states = block_states(by_hand.plan.blocks, by_hand.plan.sites)
    assert states.tolist() == ["site", "site", "site_small", "below"]


@given(st.integers(0, 300))
def test_random_ids_are_distinct_and_of_one_form(n: int) -> None:
    ids = random_ids(n)
    assert len(ids) == n == len(set(ids))
    assert all(len(i) == 17 and i[0] == "P" and int(i[1:], 16) >= 0 for i in ids.tolist())


def test_rings_are_closed_clockwise_outside_and_the_other_way_inside() -> None:
    hole = shapely.box(2, 2, 3, 3)
    shape = shapely.box(0, 0, 10, 10).difference(hole)
    (own,) = rings(np.array([shape]))
    assert [r.number for r in own] == [1, 2]
    assert all((r.points[0] == r.points[-1]).all() for r in own)
    assert not shapely.is_ccw(shapely.linearrings(own[0].points))
    assert shapely.is_ccw(shapely.linearrings(own[1].points))


def test_points_that_fall_together_when_rounded_are_dropped() -> None:
    speck = shapely.box(2, 2, 2.0001, 2.0001)
    shape = shapely.Polygon([(0, 0), (0.0001, 0), (10, 0), (10, 10), (0, 10)]).difference(speck)
    (own,) = rings(np.array([shape]), decimals=3)
    assert len(own) == 1 and len(own[0].points) == 5
