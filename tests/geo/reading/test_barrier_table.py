"""Facts about barriers as read: kind, whether they may be crossed, width, and where they lie."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import shapely
from pyproj import CRS

from geo.reading import Source, read, read_barriers
from tests.geo import badfiles


def test_barriers_of_any_file_keep_what_they_say(tmp_path: Path) -> None:
    lines = [shapely.LineString([(5e5, 5e6 + i), (500_100, 5e6 + i)]) for i in range(4)]
    frame = gpd.GeoDataFrame(
        {"类型": ["干渠", "毛渠", "机耕路", "?"], "宽度": [8.0, 0.5, 0.0, None]}, geometry=lines, crs=4553
    )
    frame.to_file(tmp_path / "a.gpkg")
    found, notes = read_barriers(Source(tmp_path / "a.gpkg"), CRS.from_epsg(4553))
    assert list(found.columns) == ["kind", "fixed", "width_m", "geometry"]
    assert found["kind"].tolist() == ["main_canal", "ditch", "road", "other"]
    assert found["fixed"].tolist() == [True, False, True, True]
    assert found["width_m"].tolist()[:2] == [8.0, 0.5] and found["width_m"].isna().tolist()[2:] == [
        True,
        True,
    ]
    assert [f.kind for f in notes] == ["barrier_kind_unknown"]


def test_the_water_level_of_a_canal_is_read_where_it_is_given(tmp_path: Path) -> None:
    lines = [shapely.LineString([(5e5, 5e6 + i), (500_100, 5e6 + i)]) for i in range(2)]
    frame = gpd.GeoDataFrame({"类型": ["农渠", "斗渠"], "水位": [61.35, None]}, geometry=lines, crs=4553)
    frame.to_file(tmp_path / "a.gpkg")
    found, _ = read_barriers(Source(tmp_path / "a.gpkg"), CRS.from_epsg(4553))
    assert found["water_level_m"].iloc[0] == 61.35
    assert found["water_level_m"].isna().tolist() == [False, True]


def test_barriers_of_chigai_s_own_table_are_read_as_written(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"kind": ["ditch", "road"], "fixed": [True, False], "width_m": [1.0, 4.0]},
        geometry=[shapely.LineString([(5e5, 5e6), (500_100, 5e6)]), None],
        crs=4553,
    )
    frame.loc[1, "geometry"] = shapely.box(5e5, 5e6, 500_100, 5_000_004)
    for kind in ("gpkg", "parquet"):
        path = tmp_path / f"b.{kind}"
        frame.to_parquet(path) if kind == "parquet" else frame.to_file(path)
        found, notes = read_barriers(Source(path), CRS.from_epsg(4553))
        assert found[["kind", "fixed", "width_m"]].to_dict("list") == frame[
            ["kind", "fixed", "width_m"]
        ].to_dict("list")
        assert notes == []


def test_barriers_without_columns_may_not_be_crossed(tmp_path: Path) -> None:
    gpd.GeoDataFrame(geometry=[shapely.LineString([(5e5, 5e6), (5e5, 5e6 + 9)])], crs=4553).to_file(
        tmp_path / "a.gpkg"
    )
    found, notes = read_barriers(Source(tmp_path / "a.gpkg"), CRS.from_epsg(4553))
    assert found["fixed"].tolist() == [True] and [f.kind for f in notes] == ["barrier_kind_unknown"]


def test_barriers_without_a_place_are_told_and_not_used(tmp_path: Path) -> None:
    shapes = [
        shapely.LineString([(5e5, 5e6), (5e5, 5e6 + 9)]),
        None,
        shapely.Point(5e5, 5e6),
        shapely.LineString(),
    ]
    gpd.GeoDataFrame({"kind": "road"}, geometry=shapes, index=range(4), crs=4553).to_file(tmp_path / "a.gpkg")
    found, notes = read_barriers(Source(tmp_path / "a.gpkg"), CRS.from_epsg(4553))
    assert len(found) == 1
    assert [f.row for f in notes if f.kind == "barrier_left_out"] == [2, 3, 4]


def test_parcels_and_barriers_may_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    badfiles.paddies(4).to_file(path, layer="parcels")
    line = shapely.LineString([(5e5, 5e6), (5e5, 5e6 + 9)])
    gpd.GeoDataFrame({"kind": ["road"]}, geometry=[line], crs=4553).to_file(path, layer="barriers")
    assert len(read(Source(path)).parcels) == 4
    assert read_barriers(Source(path), CRS.from_epsg(4553))[0]["kind"].tolist() == ["road"]
