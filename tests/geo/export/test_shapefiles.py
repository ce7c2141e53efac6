"""The shapefiles say that they are GBK, keep whole characters, and read back to the tables that went in."""

from __future__ import annotations

import struct
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geo import looks, plans
from geo.export import export
from geo.export.public import COLUMNS, outgoing
from geo.export.shapefiles import LONGEST_BYTES, fitted
from tests.geo.export.test_vectors import same

RARE = "𠮷家村"
"""A village with a character that GBK does not have."""


def written(by_hand: Any, folder: Path, archive: bool) -> dict[str, Path]:
    out = folder / ("plan.zip" if archive else "plan.shp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(by_hand.folder, "shp", out)
    if not archive:
        return {"blocks": out, "sites": folder / "plan_sites.shp", "parcels": folder / "plan_parcels.shp"}
    with zipfile.ZipFile(out) as opened:
        assert opened.testzip() is None
        opened.extractall(folder)
    return {n: folder / f"{n}.shp" for n in ("blocks", "sites", "parcels")}


@pytest.mark.parametrize("archive", [False, True])
def test_they_read_back_as_gbk_to_the_tables_that_went_in(
    by_hand: Any, tmp_path: Path, archive: bool
) -> None:
    files = written(by_hand, tmp_path, archive)
    described = (tmp_path / ("fields.txt" if archive else "plan_fields.txt")).read_text("utf-8-sig")
    public = outgoing(by_hand.plan)
    for name, path in files.items():
        read = gpd.read_file(path, encoding="GBK")
        frame = public.layers[name]
        for column in read.columns.drop("geometry"):
            assert len(column.encode("gbk")) <= 10
            assert f"{column}\t" in described
        if name != "parcels":
            same(read, frame, {c: COLUMNS[c].short for c in frame.columns if c in COLUMNS})
        # who is not told the encoding finds it in the header (0x4D) and in .cpg
        assert path.with_suffix(".dbf").read_bytes()[29] == 0x4D
        assert path.with_suffix(".cpg").read_text("ascii") == "GBK"
        assert gpd.read_file(path).drop(columns="geometry").equals(read.drop(columns="geometry"))
    read = gpd.read_file(files["parcels"])
    assert read["TOWNSHIP"].dropna().unique().tolist() == ["虎头镇"]


def test_codes_are_followed_by_words(by_hand: Any, tmp_path: Path) -> None:
    files = written(by_hand, tmp_path, archive=True)
    blocks = gpd.read_file(files["blocks"])
    assert blocks["COUNTY_ZH"].tolist() == ["虎林市", "虎林市", "密山市", "密山市"]
    assert blocks["STATE"].tolist() == ["site", "site", "site_small", "below"]
    assert blocks["STATE_ZH"].tolist() == [looks.BLOCKS[s].zh for s in blocks["STATE"]]
    parcels = gpd.read_file(files["parcels"])
    assert set(parcels["REASON_ZH"].dropna()) == {"高差超限", "其他"}


def test_the_coordinate_system_is_the_plans(by_hand: Any, tmp_path: Path) -> None:
    for path in written(by_hand, tmp_path, archive=True).values():
        # the form of Esri, which names no authority: told by its figures
        said = CRS.from_wkt(path.with_suffix(".prj").read_text())
        assert said.to_authority(min_confidence=70) == ("EPSG", "4553")


def test_each_has_the_look_that_qgis_puts_on(by_hand: Any, tmp_path: Path) -> None:
    import xml.etree.ElementTree as ET

    for name, path in written(by_hand, tmp_path, archive=True).items():
        top = ET.fromstring(path.with_suffix(".qml").read_text("utf-8"))
        columns = set(gpd.read_file(path, rows=1).columns)
        assert {a.get("field") for a in top.iter("alias")} - {"fid"} <= columns
        if name == "blocks":
            assert top.find("renderer-v2").get("attr") in columns  # type: ignore[union-attr]


def test_an_index_of_the_old_shapefile_does_not_stay_with_the_new(by_hand: Any, tmp_path: Path) -> None:
    (tmp_path / "plan.qix").write_bytes(b"old")
    (tmp_path / "other.qix").write_bytes(b"old")
    export(by_hand.folder, "shp", tmp_path / "plan.shp")
    assert not (tmp_path / "plan.qix").exists()
    assert (tmp_path / "other.qix").exists()


def test_a_long_name_is_cut_after_a_whole_character_and_a_rare_one_is_told(
    by_hand: Any, tmp_path: Path
) -> None:
    plan = replace(by_hand.plan, parcels=by_hand.plan.parcels.copy())
    # one letter, then characters of two bytes: the limit falls into the middle of one
    plan.parcels["township"] = "a" + "镇" * 200
    plan.parcels["village"] = RARE
    plans.write(plan, tmp_path / "plan")
    export(tmp_path / "plan", "shp", tmp_path / "plan.shp")
    read = gpd.read_file(tmp_path / "plan_parcels.shp")
    assert set(read["TOWNSHIP"]) == {"a" + "镇" * 126}
    assert set(read["VILLAGE"]) == {"〓家村"}
    assert "有 10 处文字含 GBK 没有的字" in (tmp_path / "plan_fields.txt").read_text("utf-8-sig")


def test_every_length_of_header_and_record_adds_up(by_hand: Any, tmp_path: Path) -> None:
    for path in written(by_hand, tmp_path, archive=True).values():
        raw = path.with_suffix(".dbf").read_bytes()
        rows, head, width = struct.unpack("<IHH", raw[4:12])
        assert head + rows * width in (len(raw), len(raw) - 1)


@given(st.text(max_size=300))
def test_what_fits_is_a_beginning_in_whole_characters(text: str) -> None:
    said = fitted(text)
    raw = said.encode("gbk")
    assert len(raw) <= LONGEST_BYTES and raw.decode("gbk") == said
    assert len(said) == len(text) or len(raw) >= LONGEST_BYTES - 1
    assert all(a == b or b == "〓" for a, b in zip(text, said, strict=False))


def test_nulls_stay_nulls(by_hand: Any, tmp_path: Path) -> None:
    read = gpd.read_file(written(by_hand, tmp_path, archive=True)["parcels"])
    wanted = outgoing(by_hand.plan).parcels
    assert pd.isna(read["TOWNSHIP"]).sum() == wanted["township"].isna().sum()
    assert pd.isna(read["NUMBER"]).sum() == wanted["number"].isna().sum() == 2
