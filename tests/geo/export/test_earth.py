"""The KML opens, in degrees, with one style per state and no markup in a name."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geo.export import export
from geo.export.options import Options
from geo.gcj02 import gcj02_to_wgs84

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


def test_shifted_coordinates_are_made_when_asked_for_and_say_so(
    by_hand: Any, path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ovi.kml"
    export(by_hand.folder, "kml", out, options=Options(datum="gcj02"))
    said, plain = out.read_text("utf-8"), path.read_text("utf-8")
    assert "坐标 GCJ-02（火星坐标" in said and "不得用于放样" in said and "GCJ-02 coordinates" in said
    assert "坐标 WGS84，未偏移" in plain and "坐标 WGS84" not in said
    shifted = gpd.read_file(out, layer="大池 blocks").force_2d().geometry.to_numpy()
    apart = gpd.read_file(path, layer="大池 blocks").force_2d().geometry.to_numpy()
    # some six hundred metres in Jixi, and back again to the millimetre
    moved = shapely.get_coordinates(shapely.centroid(shifted)) - shapely.get_coordinates(
        shapely.centroid(apart)
    )
    assert np.all((moved[:, 0] > 0.005) & (moved[:, 0] < 0.012))
    back = np.column_stack(gcj02_to_wgs84(*shapely.get_coordinates(shifted).T))
    assert np.allclose(back, shapely.get_coordinates(apart), atol=5e-8)


def test_styles_are_the_colours_of_the_screen(path: Path) -> None:
    from ui import palette

    root = ET.parse(path).getroot()
    for state, look in palette.BLOCKS.items():
        (style,) = [s for s in root.iterfind(".//k:Style", NS) if s.get("id") == state]
        colour = style.findtext("k:LineStyle/k:color", namespaces=NS)
        assert colour == f"ff{look.colour[5:7]}{look.colour[3:5]}{look.colour[1:3]}"
