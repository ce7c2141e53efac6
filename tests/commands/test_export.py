"""`chigai export`: every format, parts of a plan, and households only with a word in the audit."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import ezdxf
import geopandas as gpd
import openpyxl
import pytest
from typer.testing import CliRunner, Result

import cli
from commands.export import Format
from geo import plans
from tests.geo.export import pdf_reader, points_reader
from tracking import audit, exports
from tracking.people import LOCAL
from tracking.store import Store


def chigai(*words: object, lang: str = "zh") -> Result:
    return CliRunner().invoke(cli.app, ["--lang", lang, *map(str, words)])


def export(plan: Path, fmt: str, out: Path, *more: object) -> Path:
    told = chigai("export", plan, "--format", fmt, "--out", out, *more)
    assert told.exit_code == 0, told.output
    assert f"已导出 {out}" in told.stdout
    return out


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, without a database yet."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def plan(plan_folder: Path) -> plans.Plan:
    return plans.read(plan_folder)


def test_the_command_writes_every_format_of_the_library() -> None:
    assert {f.value for f in Format} == {*exports.FORMATS, "cutmap"}


def test_a_county_goes_by_its_name_or_its_code(plan_folder: Path, plan: plans.Plan, tmp_path: Path) -> None:
    wanted = sorted(plan.blocks.loc[plan.blocks["county"] == "230381", "block_id"])
    for at, name in enumerate(("虎林市", "Hulin", "230381")):
        out = export(plan_folder, "gpkg", tmp_path / f"{at}.gpkg", "--county", name)
        assert sorted(gpd.read_file(out, layer="大池")["block_id"]) == wanted


def test_two_sites_one_village_and_some_blocks(plan_folder: Path, plan: plans.Plan, tmp_path: Path) -> None:
    sites = plan.sites["site_id"].tolist()[:2]
    out = export(plan_folder, "shp", tmp_path / "s.zip", "--site", sites[0], "--site", sites[1])
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "s")
    assert set(gpd.read_file(tmp_path / "s" / "sites.shp")["SITE_ID"]) == set(sites)
    village = plan.parcels["village"].dropna().iloc[0]
    out = export(plan_folder, "gpkg", tmp_path / "v.gpkg", "--village", village)
    assert village in set(gpd.read_file(out, layer="小池")["village"])
    blocks = plan.blocks.query("n_parcels > 1")["block_id"].tolist()[:2]
    out = export(plan_folder, "stakes", tmp_path / "b.xlsx", "--block", blocks[0], "--block", blocks[1])
    sheet = openpyxl.load_workbook(out)["放样表"]
    assert {row[0] for row in sheet.iter_rows(min_row=2, values_only=True) if row[1]} == set(blocks)


def test_what_is_not_in_the_plan_is_refused_in_both_languages(plan_folder: Path, tmp_path: Path) -> None:
    told = chigai("export", plan_folder, "--format", "gpkg", "--out", tmp_path / "x.gpkg", "--site", "S9")
    assert told.exit_code == 2
    assert "没有示范点“S9”" in told.stderr and "no site 'S9'" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_choices_of_single_formats(plan_folder: Path, plan: plans.Plan, tmp_path: Path) -> None:
    block = plan.blocks.query("n_parcels > 2")["block_id"].iloc[0]
    kml = export(plan_folder, "kml", tmp_path / "o.kml", "--block", block, "--datum", "gcj02")
    assert "GCJ-02（火星坐标" in kml.read_text("utf-8")
    dxf = export(plan_folder, "dxf", tmp_path / "n.dxf", "--block", block, "--cad", "2007")
    assert ezdxf.readfile(dxf).dxfversion == "AC1021"
    txt = export(
        plan_folder, "txt", tmp_path / "p.txt", "--block", block, "--points", "prefix", "--points", "gbk"
    )
    (plot,) = points_reader.read(txt)[1]
    assert plot.zone == 44 and plot.head[2] == block
    pdf = export(plan_folder, "sheets", tmp_path / "m.pdf", "--block", block, "--scale", "750")
    assert "1:750" in pdf_reader.texts(pdf)[0]


def test_a_zip_holds_a_file_for_each_site(plan_folder: Path, plan: plans.Plan, tmp_path: Path) -> None:
    out = export(plan_folder, "sheets", tmp_path / "m.zip", "--county", "虎林市")
    own = plan.sites.loc[plan.sites["county"] == "230381", "site_id"]
    with zipfile.ZipFile(out) as archive:
        assert sorted(archive.namelist()) == sorted(f"虎林市-{site}.pdf" for site in own)


def test_households_are_put_down_and_told_to_be_internal(
    home: Path, plan_folder: Path, plan: plans.Plan, tmp_path: Path
) -> None:
    village = str(plan.parcels["village"].dropna().iloc[0])
    out = tmp_path / "h.xlsx"
    told = chigai("export", plan_folder, "--format", "households", "--out", out, "--village", village)
    assert told.exit_code == 0, told.output
    assert "内部资料，不得公开" in told.stderr
    said = {c.value for row in openpyxl.load_workbook(out).worksheets[0].iter_rows() for c in row}
    assert set(plan.parcels.loc[plan.parcels["village"] == village, "parcel_id"]) <= said
    row = audit.entries(Store(), LOCAL).iloc[0]
    assert (row["actor"], row["action"], row["outcome"]) == ("local", "export_private", "done")
    assert row["detail"] == f"households.xlsx villages={village}"


def test_own_ids_are_put_down_and_public_exports_need_no_database(
    home: Path, plan_folder: Path, plan: plans.Plan, tmp_path: Path
) -> None:
    export(plan_folder, "gpkg", tmp_path / "a.gpkg")
    assert list(home.iterdir()) == []
    export(plan_folder, "gpkg", tmp_path / "b.gpkg", "--own-ids")
    assert set(gpd.read_file(tmp_path / "b.gpkg", layer="小池")["parcel_id"]) == set(
        plan.parcels["parcel_id"]
    )
    assert audit.entries(Store(), LOCAL)["detail"].tolist() == ["gpkg.gpkg own ids"]


def test_no_public_export_holds_a_name_or_a_code(plan_folder: Path, plan: plans.Plan, tmp_path: Path) -> None:
    secret = [*plan.parcels["operator"].dropna().unique()[:200], *plan.parcels["parcel_id"][:200]]
    for fmt, name in (("stakes", "s.xlsx"), ("sheets", "m.zip"), ("dxf", "d.dxf")):
        out = export(plan_folder, fmt, tmp_path / name, "--county", "鸡东县")
        if name.endswith(".zip"):
            with zipfile.ZipFile(out) as archive:
                archive.extractall(tmp_path / "m")
            said = "".join(page for pdf in (tmp_path / "m").iterdir() for page in pdf_reader.texts(pdf))
        elif name.endswith(".xlsx"):
            book = openpyxl.load_workbook(out)
            said = " ".join(str(c.value) for sheet in book for row in sheet.iter_rows() for c in row)
        else:
            said = out.read_text("gbk")
        assert not [word for word in secret if word in said], fmt


def test_the_help_says_what_each_format_is_for() -> None:
    said = re.sub(r"\s+", "", chigai("export", "--help").output)
    for word in ("施工图", "界址点", "放样", "示范点图", "分户表", "--own-ids", "--village", "gcj02"):
        assert word in said
