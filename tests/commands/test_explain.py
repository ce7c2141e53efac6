"""The verbs that look into a finished plan: what explain tells, and whom it never names; the cut map."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from typer.testing import CliRunner, Result

import cli
from geo import plans
from geo.surface import NODATA
from tests.page_home import CRS, small_plan


def chigai(*words: object, lang: str = "zh") -> Result:
    return CliRunner().invoke(cli.app, ["--lang", lang, *map(str, words)])


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Twelve parcels in a row: four blocks of two, four parcels left."""
    return small_plan(tmp_path / "plans" / "one")


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    """The ground under it, in cells of 5 m: it falls by a metre over a kilometre."""
    out = tmp_path / "dem.tif"
    heights = np.tile(100.4 - np.arange(160) * 0.005, (20, 1)).astype("float32")
    place = from_origin(560_000 - 20, 5_060_080, 5, 5)
    size = {"width": 160, "height": 20, "count": 1, "dtype": "float32"}
    with rasterio.open(out, "w", driver="GTiff", crs=CRS, transform=place, **size) as made:
        made.write(heights, 1)
    return out


def test_a_block_is_explained_in_either_language(plan: Path) -> None:
    zh = chigai("explain", plan, "--block", "B1")
    assert zh.exit_code == 0, zh.output
    assert "B1：2 个小池合成" in zh.stdout
    assert "费用 700 元（土方 500，多户 200）" in zh.stdout
    assert "与 B0 合成一池" in zh.stdout
    en = chigai("explain", plan, "--block", "B1", "--top", 1, lang="en")
    assert "B1: 2 parcels joined to" in en.stdout
    assert not any("一" <= c <= "鿿" for c in en.stdout)


def test_json_alone_holds_the_same_and_names_no_operator(plan: Path) -> None:
    told = chigai("explain", plan, "--block", "B1", "--json")
    e = json.loads(told.stdout)
    assert {"cost", "rules", "next_best", "forbidden", "loads", "works", "zh", "en"} <= set(e)
    assert [p["parcel_id"] for p in e["parcels"]] == ["p2", "p3"]
    assert e["n_operators"] == 2 and e["loads"] is None
    assert len(e["next_best"]) == 5
    operators = set(plans.read(plan).parcels.operator.dropna())
    assert operators and not any(json.dumps(o) in told.stdout for o in operators)
    assert all(o not in chigai("explain", plan, "--block", "B1").stdout.split() for o in operators)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_block_that_is_not_there_is_refused(plan: Path, lang: str) -> None:
    told = chigai("explain", plan, "--block", "B9", lang=lang)
    assert told.exit_code == 2
    assert "没有大池“B9”" in told.stderr and "no block 'B9'" in told.stderr
    assert chigai("explain", plan.parent, "--block", "B1").exit_code == 2


def test_the_cut_map_holds_the_depths_inside_the_blocks_alone(plan: Path, dem: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut.tif"
    told = chigai("export", plan, "--format", "cutmap", "--dem", dem, "--out", out)
    assert told.exit_code == 0, told.output
    blocks = gpd.read_parquet(plan / "blocks.parquet")
    with rasterio.open(out) as made:
        depth = made.read(1)
        inside = made.index(*blocks.geometry[0].centroid.coords[0])
        assert made.crs == rasterio.crs.CRS.from_string(CRS)
    first = blocks.total_bounds[0]
    x = first + 5 * (inside[1] + 0.5)
    height = 100.4 - 0.005 * ((x - (560_000 - 20)) / 5 - 0.5)
    assert depth[inside] == pytest.approx(height - 100.1, abs=0.01)
    ground = (depth != NODATA).sum() * 25.0
    assert ground == pytest.approx(blocks.area.sum(), rel=0.05)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([], "--dem"),
        (["--dem", "nowhere.tif"], "nowhere.tif"),
    ],
)
def test_a_cut_map_without_its_raster_is_refused(
    plan: Path, tmp_path: Path, more: list[str], says: str
) -> None:
    told = chigai("export", plan, "--format", "cutmap", "--out", tmp_path / "cut.tif", *more)
    assert told.exit_code == 2 and says in told.stderr
    assert not (tmp_path / "cut.tif").exists()


def test_a_cut_map_is_a_tif_in_a_folder_that_is_there(plan: Path, dem: Path, tmp_path: Path) -> None:
    for out, says in ((tmp_path / "cut.png", ".tif"), (tmp_path / "no" / "cut.tif", "不存在")):
        told = chigai("export", plan, "--format", "cutmap", "--dem", dem, "--out", out)
        assert told.exit_code == 2 and says in told.stderr


def test_another_raster_than_the_plans_own_is_told(plan: Path, dem: Path, tmp_path: Path) -> None:
    meta = plans.read_meta(plan)
    meta["inputs"].append({"role": "dem", "name": "other.tif", "sha256": "00" * 32, "rows": None})
    (plan / plans.MANIFEST).write_text(json.dumps(meta), "utf-8")
    told = chigai("export", plan, "--format", "cutmap", "--dem", dem, "--out", tmp_path / "cut.tif")
    assert told.exit_code == 0 and "不是规划时所用的高程栅格" in told.stderr
