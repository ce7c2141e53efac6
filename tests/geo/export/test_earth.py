"""The KML opens, in degrees, with one style per state and no markup in a name."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest

from geo.export import export

NS = {"k": "http://www.opengis.net/kml/2.2"}


@pytest.fixture(scope="module")
def path(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kml") / "plan.kml"
    export(by_hand.folder, "kml", out)
    return out


def test_gdal_reads_both_folders_where_the_plan_lies(path: Path, by_hand: Any) -> None:
    assert [name for name, _ in pyogrio.list_layers(path)] == ["大池 blocks", "示范点 sites"]
    for layer, wanted in (("大池 blocks", by_hand.plan.blocks), ("示范点 sites", by_hand.plan.sites)):
        read = gpd.read_file(path, layer=layer)
        back = read.set_crs(4326, allow_override=True).to_crs(4553).force_2d()
        # points are rounded to a millimetre, along some 400 m of outline
        assert (back.geometry.area - wanted.geometry.area).abs().max() < 0.3
        assert (back.geometry.centroid.distance(wanted.geometry.centroid, align=False) < 0.01).all()


def test_each_block_has_the_style_of_its_state(path: Path) -> None:
    root = ET.parse(path).getroot()
    styles = {s.get("id") for s in root.iterfind(".//k:Style", NS)}
    used = [u.text.lstrip("#") for u in root.iterfind(".//k:Placemark/k:styleUrl", NS)]
    assert used == ["site", "site", "site_small", "below", "outline", "outline"]
    assert set(used) <= styles


def test_the_hole_is_an_inner_boundary_and_names_come_through(path: Path) -> None:
    root = ET.parse(path).getroot()
    first = root.find(".//k:Placemark", NS)
    assert first.find("k:name", NS).text == "B230381-1-1"
    assert len(first.findall(".//k:innerBoundaryIs", NS)) == 1
    data = {d.get("name"): d.find("k:value", NS).text for d in first.iterfind(".//k:Data", NS)}
    assert data["县（市、区）"] == "虎林市"
    assert data["面积（亩）"] == "8.78"
    assert data["状态"] == "达标，示范点达到下限"


def test_no_markup_stays_markup_in_a_balloon(path: Path) -> None:
    root = ET.parse(path).getroot()
    values = [v.text for v in root.iterfind(".//k:value", NS)]
    assert any("HYPERLINK" in v for v in values)
    assert not any(c in v for v in values for c in "<>&")
    assert b"GCJ-02" in path.read_bytes()
