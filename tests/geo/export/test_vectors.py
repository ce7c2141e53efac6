"""GeoPackage and GeoJSON read back to the tables that went in."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.export import export
from geo.export.public import outgoing


def same(read: gpd.GeoDataFrame, wanted: gpd.GeoDataFrame, names: dict[str, str] | None = None) -> None:
    """Every column and shape of `wanted` is in `read`; ids of public parcels differ by export and are not compared."""
    names = names or {c: c for c in wanted.columns}
    assert len(read) == len(wanted)
    for column in wanted.columns:
        if column in ("geometry", "parcel_id"):
            continue
        a, b = read[names[column]], wanted[column]
        assert (a.isna() == b.isna()).all(), column
        a, b = a.dropna(), b.dropna()
        if pd.api.types.is_numeric_dtype(b) and b.dtype != bool:
            assert np.allclose(a.astype(float), b.astype(float), atol=1e-6), column
        else:
            assert a.tolist() == b.tolist(), column
    apart = shapely.symmetric_difference(read.geometry.to_numpy(), wanted.geometry.to_numpy())
    assert np.allclose(shapely.area(apart), 0)


TABLES = {"blocks": "大池", "sites": "示范点", "parcels": "小池"}


def test_a_geopackage_holds_the_layers_by_their_chinese_names(by_hand: Any, tmp_path: Path) -> None:
    out = tmp_path / "方案.gpkg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(by_hand.folder, "gpkg", out)
    assert dict(pyogrio.list_layers(out)) == {
        "大池": "Polygon", "示范点": "MultiPolygon", "小池": "Polygon", "渠沟路林": "MultiLineString",
        "渠沟路林面": "MultiPolygon", "layer_styles": None,
    }  # fmt: skip
    public = outgoing(by_hand.plan)
    for name, frame in public.layers.items():
        read = gpd.read_file(out, layer=TABLES[name])
        assert read.crs == frame.crs
        assert set(read.columns) == set(frame.columns)
        if name != "parcels":
            same(read, frame)
    ids = gpd.read_file(out, layer="小池")["parcel_id"]
    assert ids.is_unique and ids.str.fullmatch(r"P[0-9A-F]{16}").all()


def test_the_barriers_go_along_lines_and_areas_apart(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "gpkg", tmp_path / "plan.gpkg")
    lines = gpd.read_file(tmp_path / "plan.gpkg", layer="渠沟路林")
    areas = gpd.read_file(tmp_path / "plan.gpkg", layer="渠沟路林面")
    wanted = by_hand.plan.barriers
    assert sorted([*lines["kind"], *areas["kind"]]) == sorted(wanted["kind"])
    assert lines.length.sum() == pytest.approx(wanted[wanted.geom_type == "LineString"].length.sum())
    assert areas.area.sum() == pytest.approx(wanted.area.sum())


def test_older_programs_open_it_without_a_warning(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "gpkg", tmp_path / "plan.gpkg")
    # the version stands in the header of the database, at byte 60
    assert int.from_bytes((tmp_path / "plan.gpkg").read_bytes()[60:64], "big") == 10200


def test_an_internal_geopackage_keeps_the_parcels_own_ids(by_hand: Any, tmp_path: Path) -> None:
    out = tmp_path / "plan.gpkg"
    export(by_hand.folder, "gpkg", out, names=True)
    read = gpd.read_file(out, layer="小池")
    same(read, outgoing(by_hand.plan, internal=True).parcels)
    assert read["parcel_id"].tolist() == by_hand.plan.parcels["parcel_id"].tolist()
    assert read["declared_mu"][0] == 77.125


def test_geojson_is_what_rfc_7946_asks_for(by_hand: Any, tmp_path: Path) -> None:
    out = tmp_path / "plan.geojson"
    export(by_hand.folder, "geojson", out)
    content = json.loads(out.read_text("utf-8"))
    assert content["type"] == "FeatureCollection"
    assert "crs" not in content
    assert len(content["features"]) == 4
    for feature in content["features"]:
        outer, *holes = feature["geometry"]["coordinates"]
        assert all(130 < x < 134 and 44 < y < 47 for x, y in outer)
        assert shapely.is_ccw(shapely.linearrings(outer))
        assert not any(shapely.is_ccw(shapely.linearrings(hole)) for hole in holes)
    assert [f["properties"]["state"] for f in content["features"]] == ["site", "site", "site_small", "below"]
    assert content["features"][0]["properties"]["meets_minimum"] is True
    assert content["features"][1]["properties"]["n_operators"] is None


def test_geojson_lies_where_the_plan_lies(by_hand: Any, tmp_path: Path) -> None:
    out = tmp_path / "plan.geojson"
    export(by_hand.folder, "geojson", out)
    read = gpd.read_file(out)
    assert read.crs.to_epsg() == 4326
    back = read.to_crs(4553).geometry
    # seven decimals of a degree: a centimetre
    assert (back.hausdorff_distance(by_hand.plan.blocks.geometry, align=False) < 0.02).all()


def test_an_unknown_side_stays_unknown_in_every_format(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "gpkg", tmp_path / "a.gpkg")
    told = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="大池", use_arrow=True)["has_inlet"]
    assert [None if pd.isna(v) else bool(v) for v in told] == [True, False, None, None]
    export(by_hand.folder, "shp", tmp_path / "b.shp")
    short = gpd.read_file(tmp_path / "b.shp", encoding="GBK")["HAS_INLET"]
    assert [None if np.isnan(v) else int(v) for v in short] == [1, 0, None, None]


def test_a_plan_of_a_version_without_sides_is_exported_without_a_word_about_them(by_hand: Any) -> None:
    older = dataclasses.replace(
        by_hand.plan, blocks=by_hand.plan.blocks.drop(columns=["has_inlet", "has_outlet"])
    )
    blocks = outgoing(older).blocks
    assert blocks.has_inlet.isna().all() and blocks.has_outlet.isna().all()
