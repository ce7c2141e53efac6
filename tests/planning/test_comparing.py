"""Facts about plans side by side."""

from __future__ import annotations

import copy

import pandas as pd
import pytest

from geo import plans
from planning.comparing import HANDS, figures, hands, parameters, summed


@pytest.fixture(scope="module")
def other(plan_folder, tmp_path_factory):
    """The plan with one block renamed, one given up, one parcel moved to another block, one loose parcel joined."""
    plan = plans.read(plan_folder)
    parcels = plan.parcels
    size = parcels.groupby("block_id").parcel_id.size()
    large = size[size >= 4].index
    block = parcels.block_id.astype(object).copy()
    block[parcels.block_id == large[0]] = "renamed"
    block[parcels.block_id == large[1]] = None
    moved = parcels.index[parcels.block_id == large[2]][0]
    block[moved] = large[3]
    joined = parcels.index[parcels.block_id.isna()][0]
    block[joined] = large[4]
    folder = tmp_path_factory.mktemp("other") / "plan"
    folder.mkdir()
    parcels.assign(block_id=pd.Series(block, dtype="str")).to_parquet(folder / "parcels.parquet")
    return folder, large, parcels.parcel_id[moved], parcels.parcel_id[joined]


def test_a_name_alone_changes_no_hands_and_each_kind_is_told(plan_folder, other):
    folder, large, moved, joined = other
    found = hands(plan_folder, folder)
    assert set(found.kind) == set(HANDS)
    assert found[found.kind == "moved"].parcel_id.tolist() == [moved]
    assert found[found.kind == "joined"].parcel_id.tolist() == [joined]
    assert set(found[found.kind == "left"].before) == {large[1]}
    back = hands(folder, plan_folder)
    assert set(back.parcel_id) == set(found.parcel_id)
    assert sorted(back.kind) == sorted(found.kind.map({"joined": "left", "left": "joined", "moved": "moved"}))
    sums = summed(found)
    assert sums.parcels.sum() == len(found) and sums.area_mu.sum() == pytest.approx(found.area_mu.sum())
    assert len(hands(plan_folder, plan_folder)) == 0


def test_the_order_in_which_parcels_lie_changes_nothing_but_their_rows(plan_folder, other, tmp_path):
    folder, *_ = other
    parcels = pd.DataFrame(
        plans.read_table(folder, "parcels", ["parcel_id", "county", "area_mu", "block_id"])
    )
    parcels[::-1].to_parquet(tmp_path / "parcels.parquet")
    found, turned = hands(plan_folder, folder), hands(plan_folder, tmp_path)
    pd.testing.assert_frame_equal(turned.drop(columns="row"), found.drop(columns="row"))
    assert (turned.row == len(parcels) - 1 - found.row).all()


def test_a_split_moves_the_smaller_part_alone(plan_folder, tmp_path):
    parcels = plans.read(plan_folder).parcels
    size = parcels.groupby("block_id").area_mu.agg(["size", "sum"])
    name = size[size["size"] >= 4].index[0]
    rows = parcels.index[parcels.block_id == name]
    area = parcels.area_mu[rows]
    part = area.sort_values().index[: max(1, len(rows) // 3)]
    block = parcels.block_id.astype(object).copy()
    block[part] = "new"
    parcels.assign(block_id=pd.Series(block, dtype="str")).to_parquet(tmp_path / "parcels.parquet")
    found = hands(plan_folder, tmp_path)
    assert set(found.parcel_id) == set(parcels.parcel_id[part]) and set(found.kind) == {"moved"}


def test_figures_and_parameters_stand_side_by_side(plan_folder):
    one = plans.read_meta(plan_folder)
    two = copy.deepcopy(one)
    two["parameters"]["max_step_m"] = 0.4
    two["totals"]["cost_yuan"] += 1.0
    two["counties"][0]["blocks"] += 1
    assert parameters([one, two]) == {"max_step_m": [0.3, 0.4]}
    rows = {row["name"]: row for row in figures([one, two])}
    assert rows["cost_yuan"]["values"][1] - rows["cost_yuan"]["values"][0] == pytest.approx(1.0)
    county = one["counties"][0]["county"]
    rows = {row["name"]: row["values"] for row in figures([one, two], county)}
    assert rows["blocks"][1] - rows["blocks"][0] == 1
