"""Townships and villages: their sums are those of the tables, and their outlines hold their paddies."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from planning.places import places
from tests import map_home


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    folder = map_home.make(tmp_path, side=12) / "plans" / "probe"
    path = folder / "parcels.parquet"
    frame = gpd.read_parquet(path)
    east = frame.geometry.centroid.x > frame.geometry.centroid.x.median()
    frame["township"] = np.where(east, "东镇", "西镇")
    frame["village"] = [None if i % 7 == 0 else f"村{i % 3}" for i in range(len(frame))]
    frame.to_parquet(path, row_group_size=50, write_covering_bbox=True)
    return folder


def test_the_sums_of_townships_are_those_of_the_whole_plan(plan: Path) -> None:
    parcels, blocks = gpd.read_parquet(plan / "parcels.parquet"), gpd.read_parquet(plan / "blocks.parquet")
    found = places(plan)
    town = found[found["kind"] == "township"]
    assert town["n_parcels"].sum() == len(parcels)
    assert town["parcels_mu"].sum() == pytest.approx(parcels["area_mu"].sum())
    assert town["n_blocks"].sum() == len(blocks)
    assert town["blocks_mu"].sum() == pytest.approx(blocks["area_mu"].sum())
    assert town["cut_m3"].sum() == pytest.approx(blocks["cut_m3"].sum())
    good = blocks[blocks["meets_minimum"]]
    assert town["compliant_mu"].sum() == pytest.approx(good["parcels_mu"].sum())


def test_a_villages_sums_are_those_of_its_own_parcels(plan: Path) -> None:
    parcels, blocks = gpd.read_parquet(plan / "parcels.parquet"), gpd.read_parquet(plan / "blocks.parquet")
    good = set(blocks.loc[blocks["meets_minimum"], "block_id"])
    found = places(plan)
    village = found[found["kind"] == "village"].set_index(["county", "township", "village"])
    plain = pd.DataFrame(parcels.drop(columns="geometry"))
    plain["good_mu"] = plain["area_mu"].where(plain["block_id"].isin(good), 0.0)
    sums = plain.dropna(subset=["village"]).groupby(["county", "township", "village"])
    expected = sums.agg(n=("parcel_id", "size"), mu=("area_mu", "sum"), good=("good_mu", "sum"))
    assert len(village) == len(expected)
    told = village.loc[expected.index]
    assert told["n_parcels"].tolist() == expected["n"].tolist()
    assert np.allclose(told["parcels_mu"], expected["mu"])
    assert np.allclose(told["compliant_mu"], expected["good"])


def test_a_place_has_the_box_of_its_parcels(plan: Path) -> None:
    parcels = gpd.read_parquet(plan / "parcels.parquet")
    for row in places(plan).to_dict("records"):
        mine = parcels[(parcels["county"] == row["county"]) & (parcels["township"] == row["township"])]
        if row["kind"] == "village":
            mine = mine[mine["village"] == row["village"]]
        assert np.allclose([row["west"], row["south"], row["east"], row["north"]], mine.total_bounds)


def test_outlines_of_townships_do_not_overlap(plan: Path) -> None:
    shapes = places(plan).geometry.dropna().to_numpy()
    assert len(shapes) > 1
    assert shapely.area(shapely.union_all(shapes)) == pytest.approx(shapely.area(shapes).sum())


def test_a_plan_that_names_no_place_has_none(tmp_path: Path) -> None:
    assert len(places(map_home.make(tmp_path) / "plans" / "probe")) == 0
