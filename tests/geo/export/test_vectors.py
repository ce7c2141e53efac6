"""GeoPackage, shapefile and GeoJSON read back to the tables that went in."""

from __future__ import annotations

import dataclasses
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.export import export
from geo.export.public import COLUMNS, outgoing


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


def test_a_geopackage_holds_the_three_layers(by_hand: Any, tmp_path: Path) -> None:
    out = tmp_path / "方案.gpkg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(by_hand.folder, "gpkg", out)
    layers = dict(pyogrio.list_layers(out))
    assert layers == {"blocks": "Polygon", "sites": "MultiPolygon", "parcels": "Polygon"}
    public = outgoing(by_hand.plan)
    for name, frame in public.layers.items():
        read = gpd.read_file(out, layer=name)
        assert read.crs == frame.crs
        assert set(read.columns) == set(frame.columns)
        if name != "parcels":
            same(read, frame)
    ids = gpd.read_file(out, layer="parcels")["parcel_id"]
    assert ids.is_unique and ids.str.fullmatch(r"P[0-9A-F]{16}").all()


def test_an_internal_geopackage_keeps_the_parcels_own_ids(by_hand: Any, tmp_path: Path) -> None:
    out = tmp_path / "plan.gpkg"
    export(by_hand.folder, "gpkg", out, names=True)
    read = gpd.read_file(out, layer="parcels")
    same(read, outgoing(by_hand.plan, internal=True).parcels)
    assert read["parcel_id"].tolist() == by_hand.plan.parcels["parcel_id"].tolist()
    assert read["declared_mu"][0] == 77.125


@pytest.mark.parametrize("archive", [False, True])
def test_a_shapefile_says_its_encoding_and_keeps_its_chinese(
    by_hand: Any, tmp_path: Path, archive: bool
) -> None:
    out = tmp_path / ("plan.zip" if archive else "plan.shp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(by_hand.folder, "shp", out)
    if archive:
        with zipfile.ZipFile(out) as opened:
            assert opened.testzip() is None
            opened.extractall(tmp_path)
        files = {n: tmp_path / f"{n}.shp" for n in ("blocks", "sites", "parcels")}
        fields = tmp_path / "fields.txt"
    else:
        files = {
            "blocks": out,
            "sites": tmp_path / "plan_sites.shp",
            "parcels": tmp_path / "plan_parcels.shp",
        }
        fields = tmp_path / "plan_fields.txt"
    described = fields.read_text("utf-8-sig")
    public = outgoing(by_hand.plan)
    for name, path in files.items():
        assert path.with_suffix(".cpg").read_text() == "UTF-8"
        read = gpd.read_file(path)
        frame = public.layers[name]
        assert read.crs.to_epsg() == 4553 or read.crs.equals(frame.crs, ignore_axis_order=True)
        assert all(len(c) <= 10 for c in read.columns)
        for column in frame.columns.drop("geometry"):
            assert f"{COLUMNS[column].short}\t{COLUMNS[column].zh}" in described
        if name != "parcels":
            same(read, frame, {c: COLUMNS[c].short for c in frame.columns if c in COLUMNS})
    assert gpd.read_file(files["parcels"])["TOWNSHIP"].dropna().unique().tolist() == ["虎头镇"]


def test_an_index_of_the_old_shapefile_does_not_stay_with_the_new(by_hand: Any, tmp_path: Path) -> None:
    (tmp_path / "plan.qix").write_bytes(b"old")
    (tmp_path / "other.qix").write_bytes(b"old")
    export(by_hand.folder, "shp", tmp_path / "plan.shp")
    assert not (tmp_path / "plan.qix").exists()
    assert (tmp_path / "other.qix").exists()


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
    told = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="blocks", use_arrow=True)["has_inlet"]
    assert [None if pd.isna(v) else bool(v) for v in told] == [True, False, None, None]
    export(by_hand.folder, "shp", tmp_path / "b.shp")
    short = gpd.read_file(tmp_path / "b.shp")["HAS_INLET"]
    assert [None if np.isnan(v) else int(v) for v in short] == [1, 0, None, None]


def test_a_plan_of_a_version_without_sides_is_exported_without_a_word_about_them(by_hand: Any) -> None:
    older = dataclasses.replace(
        by_hand.plan, blocks=by_hand.plan.blocks.drop(columns=["has_inlet", "has_outlet"])
    )
    blocks = outgoing(older).blocks
    assert blocks.has_inlet.isna().all() and blocks.has_outlet.isna().all()
