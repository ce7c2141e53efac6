"""`chigai import`: a file of any size on the server becomes a dataset that the app and `chigai plan` start from."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
from typer.testing import CliRunner, Result

import cli
from geo import datasets, plans, synthetic
from tracking import files
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.store import Store


def chigai(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["--lang", "zh", *map(str, words)])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.make(tmp_path_factory.mktemp("region") / "demo", parcels=300, seed=3)


def dataset(home: Path) -> Path:
    (found,) = (home / "parcels").iterdir()
    return found


def test_what_is_imported_is_planned_like_the_files_and_the_files_may_go(home, region, tmp_path) -> None:
    given = tmp_path / "bureau"
    shutil.copytree(region, given)
    words = ("--barriers", given / "barriers.gpkg", "--dem", given / "dem.tif")
    straight = chigai("plan", given / "parcels.gpkg", *words, "--out", tmp_path / "straight")
    assert straight.exit_code == 0, straight.output
    told = chigai("import", given / "parcels.gpkg", *words, "--name", "城子河")
    assert told.exit_code == 0, told.output
    assert str(dataset(home)) in told.stdout.replace("\n", "")
    shutil.rmtree(given)
    later = chigai("plan", dataset(home), "--out", tmp_path / "later")
    assert later.exit_code == 0, later.output
    one, two = (plans.read(tmp_path / name) for name in ("straight", "later"))
    assert one.meta["totals"] == two.meta["totals"] and one.meta["inputs"] == two.meta["inputs"]
    assert two.meta["name"] == "城子河"
    assert one.blocks.geometry.geom_equals(two.blocks.geometry).all()


def test_the_app_lists_it_with_what_was_found(home, region) -> None:
    chigai("import", region / "parcels.gpkg", "--name", "城子河")
    desk = Desk(Store(), LOCAL, home)
    (manifest,) = desk.checked()
    assert manifest["name"] == "城子河" and manifest["id"] == dataset(home).name
    found = gpd.read_parquet(dataset(home) / datasets.FINDINGS)
    assert sum(row["count"] for row in manifest["summary"]) == len(found)
    assert manifest["parcels"] + manifest["left_out"] <= manifest["rows"] + len(found)


def test_a_dataset_has_its_barriers_and_takes_no_others(home, region, tmp_path) -> None:
    chigai("import", region / "parcels.gpkg")
    told = chigai("plan", dataset(home), "--barriers", region / "barriers.gpkg", "--out", tmp_path / "plan")
    assert told.exit_code == 2 and "chigai import" in told.output


def test_what_cannot_be_read_leaves_no_dataset(home, tmp_path) -> None:
    broken = tmp_path / "DK.gpkg"
    broken.write_bytes(b"no geopackage")
    told = chigai("import", broken)
    assert told.exit_code == 2 and "DK.gpkg" in told.output
    assert not list((home / "parcels").glob("*"))
    assert "压缩" in chigai("import", tmp_path).output
    assert chigai("import", tmp_path / "nothing.shp").exit_code == 2


def test_a_shapefile_is_taken_in_with_all_its_parts(home, region, tmp_path) -> None:
    frame = gpd.read_file(region / "parcels.gpkg").head(50)
    frame[["parcel_id", "county", "geometry"]].to_file(tmp_path / "DK.shp")
    (tmp_path / "DK.txt").write_text("of something else", "utf-8")
    reference = files.adopt(home, tmp_path / "DK.shp")
    kept = files.path(home, reference).parent
    assert {p.suffix for p in kept.iterdir()} == {".shp", ".shx", ".dbf", ".prj", ".cpg"}
    # the same content as an upload through the page has the same place
    parts = {p.name: p.read_bytes() for p in kept.iterdir()}
    assert files.keep(home, parts, 50) == reference
    with zipfile.ZipFile(tmp_path / "DK.zip", "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    told = chigai("import", tmp_path / "DK.zip")
    assert told.exit_code == 0, told.output
