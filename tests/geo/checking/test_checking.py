"""What checking promises: everything listed, nothing lost, what comes out is fit for planning."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from geo import boundaries, checking
from geo.errors import ChigaiError
from geo.schemas import FINDING_COLUMNS, MU_M2, Finding

CRS = 4553
EAST, NORTH = 450_000.0, 5_010_000.0  # in 鸡东县, 230321


def at(x, y, w=40.0, h=25.0):
    """A paddy with its south-west corner x, y metres from the corner of the test land."""
    return box(EAST + x, NORTH + y, EAST + x + w, NORTH + y + h)


def moved(coords):
    return Polygon([(EAST + x, NORTH + y) for x, y in coords])


def loaded(geoms, findings=(), crs=CRS, **columns):
    n = len(geoms)
    table = {
        "parcel_id": [f"p{i}" for i in range(n)],
        "county": ["230321"] * n,
        "township": None,
        "village": None,
        "irrigation_district": None,
        "operator": None,
        "consent": None,
        "priority": None,
        "declared_mu": np.nan,
        "source_row": np.arange(1, n + 1),
    } | columns
    shapes = np.empty(n, object)
    shapes[:] = list(geoms)
    frame = gpd.GeoDataFrame(pd.DataFrame(table, index=range(n)), geometry=shapes, crs=crs)
    return SimpleNamespace(parcels=frame, findings=list(findings), crs=pyproj.CRS(crs))


def run(geoms, dem=None, counties=None, barriers=None, **columns):
    return checking.check(loaded(geoms, **columns), dem=dem, counties=counties, barriers=barriers)


def kinds(checked):
    return dict(checked.findings["kind"].value_counts())


def holds(checked):
    """The promises of Checked, each looked at anew."""
    g = np.asarray(checked.parcels.geometry.array, object)
    assert (shapely.get_type_id(g) == 3).all()
    assert shapely.is_valid(g).all()
    assert not shapely.has_z(g).any()
    assert checked.parcels["parcel_id"].is_unique
    assert list(checked.parcels.index) == list(range(len(g)))
    assert np.allclose(shapely.area(g) / MU_M2, checked.parcels["area_mu"], rtol=1e-12)
    left, right = shapely.STRtree(g).query(g, predicate="intersects")
    some = left < right
    common = shapely.area(shapely.intersection(g[left[some]], g[right[some]])).sum()
    assert common <= 1e-6 * shapely.area(g).sum()
    planned = checked.parcels["area_mu"].sum()
    assert planned + checked.area_left_out_mu == pytest.approx(checked.area_in_mu, rel=1e-4)
    assert checked.left_out["area_mu"].sum() == pytest.approx(checked.area_left_out_mu)
    assert tuple(checked.findings.columns) == FINDING_COLUMNS
    assert set(checked.left_out.columns) == {"parcel_id", "source_row", "kind", "area_mu", "geometry"}
    assert set(checked.findings["action"]) <= {"mended", "left_out", "kept"}


# --- sound data


def test_sound_parcels_come_through_as_they_are():
    geoms = [at(0, 0), at(40.4, 0), at(0, 25.4), at(80.8, 0)]
    checked = run(geoms, declared_mu=[1.5, 1.5, 1.5, np.nan], operator=["甲", "乙", "", " 丙 "])
    holds(checked)
    assert list(checked.parcels.geometry) == geoms
    assert len(checked.findings) == 0
    assert len(checked.left_out) == 0
    assert checked.parcels["operator"].isna().tolist() == [False, False, True, False]
    assert checked.parcels["operator"][3] == "丙"
    assert checked.parcels["declared_mu"][:3].tolist() == [1.5] * 3


def test_parcels_that_share_a_side_do_not_overlap():
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    geoms = [shapely.transform(at(40 * i, 25 * j), lambda c: c @ turn.T) for i in range(6) for j in range(6)]
    checked = run(geoms)
    assert len(checked.findings) == 0
    assert len(checked.parcels) == 36


def test_a_multipolygon_of_one_part_is_single_without_a_word():
    checked = run([MultiPolygon([at(0, 0)])])
    assert checked.parcels.geometry[0].geom_type == "Polygon"
    assert len(checked.findings) == 0


# --- geometry that is none


def test_one_run_lists_all_findings_and_keeps_the_sound_parcel():
    nan = Polygon([(EAST, NORTH), (EAST + 9, float("nan")), (EAST, NORTH + 9)])
    infinite = Polygon([(EAST, NORTH), (EAST + 9, float("inf")), (EAST, NORTH + 9)])
    far = Polygon([(1e300, 0), (1e300, 9), (9, 9)])
    flung = Polygon([(EAST, NORTH), (EAST + 90_000, NORTH), (EAST, NORTH + 9)])
    astray = moved([(200, 0), (240, 0), (240, 5_000), (200, 25)])
    flat = moved([(0, 0), (10, 0), (5, 0)])
    line = LineString([(EAST, NORTH), (EAST + 9, NORTH)])
    bow = moved([(100, 0), (120, 20), (120, 0), (100, 20)])
    bad = [None, Polygon(), nan, infinite, far, flung, astray, flat, line, Point(EAST, NORTH), bow]
    checked = run([at(0, 0), *bad])
    holds(checked)
    assert kinds(checked) == {
        "geometry_missing": 1,
        "geometry_empty": 1,
        "coordinates_not_finite": 2,
        "coordinates_out_of_range": 1,
        "too_large": 1,
        "vertex_astray": 1,
        "geometry_collapsed": 1,
        "geometry_not_polygon": 2,
        "geometry_broken": 1,
        "multipart": 1,
    }
    assert sorted(checked.left_out["source_row"]) == list(range(2, 12))
    assert sorted(checked.parcels["parcel_id"]) == ["p0", "p11", "p11#2"]
    assert checked.findings["severity"].tolist() == ["error"] * 10 + ["warning", "info"]
    by_row = checked.findings.dropna(subset="row").set_index("row")["kind"]
    assert by_row[2] == "geometry_missing"


def test_a_bow_tie_keeps_both_lobes_and_says_how_its_area_changed():
    bow = moved([(0, 0), (20, 20), (20, 0), (0, 20)])
    checked = run([bow])
    holds(checked)
    assert shapely.area(bow) == 0
    assert checked.parcels["area_mu"].sum() * MU_M2 == pytest.approx(200)
    broken = checked.findings[checked.findings["kind"] == "geometry_broken"].iloc[0]
    assert broken["area_mu"] * MU_M2 == pytest.approx(200)
    assert "0.300" in broken["zh"] and "0.300" in broken["en"]


def test_heights_are_dropped_and_counted_once_for_the_file():
    checked = run([shapely.force_3d(at(0, 0), 99.0), shapely.force_3d(at(50, 0), -1.0), at(99, 0)])
    holds(checked)
    assert kinds(checked) == {"z_dropped": 1}
    assert checked.findings["zh"][0].startswith("2 ")


def test_nothing_left_is_refused_with_the_reasons():
    with pytest.raises(ChigaiError) as refusal:
        run([None, Polygon(), Point(0, 0)])
    assert "没有图形 1 条" in refusal.value.zh
    assert "no geometry: 1" in refusal.value.en
    with pytest.raises(ChigaiError):
        run([])
    with pytest.raises(ChigaiError):
        run([at(0, 0, 0.5, 0.5)])


# --- parts, pieces, ids


def test_parts_of_one_row_become_parcels_and_the_largest_keeps_the_id():
    checked = run([MultiPolygon([at(0, 0, 10), at(50, 0, 30), at(100, 0, 20)])], declared_mu=[2.25])
    holds(checked)
    areas = checked.parcels.set_index("parcel_id")["area_mu"] * MU_M2
    assert areas.round(6).to_dict() == {"p0": 750, "p0#2": 500, "p0#3": 250}
    assert checked.parcels["declared_mu"].sum() == pytest.approx(2.25)
    assert kinds(checked) == {"multipart": 2}


def test_one_id_on_two_fields_gets_a_second_id():
    checked = run([at(0, 0), at(60, 0, 30), at(120, 0)], parcel_id=["a", "a", "b"])
    holds(checked)
    assert list(checked.parcels["parcel_id"]) == ["a", "a#2", "b"]
    assert kinds(checked) == {"same_id": 1}


def test_pieces_of_a_field_cut_at_a_sheet_edge_are_united():
    left, right = at(0, 0, 13.3), at(13.3, 0, 26.7)
    checked = run([left, right, at(60, 0)], parcel_id=["a", "a", "b"], declared_mu=[1.5, 1.5, 1.5])
    holds(checked)
    assert checked.parcels.geometry[0].equals(at(0, 0))
    assert kinds(checked) == {"pieces_united": 1}
    assert checked.parcels["declared_mu"].tolist() == [1.5, 1.5]


def test_touching_fields_of_one_id_stay_apart_where_their_owners_differ():
    checked = run([at(0, 0), at(40, 0)], parcel_id=["a", "a"], operator=["甲", "乙"])
    assert len(checked.parcels) == 2
    assert kinds(checked) == {"same_id": 1}


def test_a_column_that_is_no_id_joins_nothing():
    geoms = [at(40 * i, 0) for i in range(24)]
    checked = run(geoms, parcel_id=["village"] * 12 + [f"p{i}" for i in range(12)])
    holds(checked)
    assert len(checked.parcels) == 24
    assert kinds(checked) == {"id_not_unique": 1, "same_id": 11}


def test_a_row_without_an_id_is_named_after_its_row():
    checked = run([at(0, 0), at(50, 0), at(100, 0)], parcel_id=[None, " ", "x"])
    assert list(checked.parcels["parcel_id"]) == ["row-000001", "row-000002", "x"]
    assert kinds(checked) == {"id_missing": 2}


# --- duplicates and overlaps


def test_a_shape_drawn_twice_is_left_out_whatever_its_id_and_vertices():
    other_start = moved([(40, 25), (0, 25), (0, 0), (40, 0)])
    nearly = at(0.3, 0.2)
    checked = run([at(0, 0), other_start, nearly, at(0, 0)], parcel_id=["a", "b", "c", "a"])
    holds(checked)
    assert list(checked.parcels["parcel_id"]) == ["a"]
    assert kinds(checked) == {"same_shape": 3}
    assert checked.area_left_out_mu * MU_M2 == pytest.approx(3000)
    assert "地块 a " in checked.findings["zh"][0]


def test_a_file_appended_to_itself_many_times_counts_once():
    checked = run([at(0, 0), at(50, 0)] * 400, parcel_id=[f"r{i:04d}" for i in range(800)])
    holds(checked)
    assert list(checked.parcels["parcel_id"]) == ["r0000", "r0001"]
    assert kinds(checked) == {"same_shape": 798}


def test_of_two_that_overlap_the_larger_is_cut_back():
    checked = run([at(0, 0, 60), at(50, 0, 40)])
    holds(checked)
    assert checked.parcels.geometry[1].equals(at(50, 0, 40))
    assert checked.parcels.geometry[0].equals(at(0, 0, 50))
    assert kinds(checked) == {"overlap": 1}
    assert checked.left_out.loc[0, ["parcel_id", "kind"]].tolist() == ["p0", "overlap"]
    assert checked.left_out.geometry[0].equals(at(50, 0, 10))
    assert checked.area_left_out_mu * MU_M2 == pytest.approx(250)


def test_a_hairline_overlap_is_cut_and_only_noted():
    checked = run([at(0, 0), at(39.99, 0)])
    holds(checked)
    assert kinds(checked) == {"overlap_small": 1}
    assert checked.findings["severity"][0] == "info"


# --- slivers


def test_slivers_are_kept_with_a_warning_and_only_useless_ones_left_out():
    checked = run([at(0, 0, 6, 6), at(50, 0, 300, 0.4), at(0, 50, 0.9, 0.9), at(50, 50, 300, 0.1), at(0, 90)])
    holds(checked)
    assert list(checked.parcels["parcel_id"]) == ["p0", "p1", "p4"]
    assert kinds(checked) == {"sliver": 2, "sliver_left_out": 2}


# --- attributes


def test_a_declared_area_is_held_against_the_measured_one():
    checked = run([at(50 * i, 0) for i in range(4)], declared_mu=[1.5, 1.57, 1.6, -3])
    assert kinds(checked) == {"declared_area": 1}
    finding = checked.findings.iloc[0]
    assert finding["row"] == 3
    assert "1.600" in finding["zh"] and "-6.2 %" in finding["en"]
    assert checked.parcels["declared_mu"].isna().tolist() == [False, False, False, True]


def test_columns_that_are_not_there_come_back_null():
    frame = gpd.GeoDataFrame({"parcel_id": ["a"]}, geometry=[at(0, 0)], crs=CRS)
    checked = checking.check(SimpleNamespace(parcels=frame, findings=[], crs=pyproj.CRS(CRS)))
    assert checked.parcels["village"].isna().all()
    assert kinds(checked) == {"county_missing": 1}


def test_findings_of_reading_stand_in_the_same_table():
    read = Finding("encoding_taken", "info", "mended", "按 GBK 读取。", "Read as GBK.")
    checked = checking.check(loaded([at(0, 0), None], findings=[read]))
    assert checked.findings["kind"].tolist() == ["geometry_missing", "encoding_taken"]
    table = checking.summary(checked)
    assert table["zh"].tolist() == ["没有图形", "按 GBK 读取。"]


def test_a_row_that_reading_set_aside_is_told_once_and_by_its_own_reason():
    read = Finding("unreadable_geometry", "error", "left_out", "图形数据已损坏。", "It is spoilt.", row=2)
    checked = checking.check(loaded([at(0, 0), None, None], findings=[read]))
    assert kinds(checked) == {"unreadable_geometry": 1, "geometry_missing": 1}
    assert checked.findings["row"].tolist() == [2, 3]
    assert checked.left_out["kind"].tolist() == ["unreadable_geometry", "geometry_missing"]


# --- places


def lonlat_box(lon, lat, size=60.0):
    x, y = pyproj.Transformer.from_crs(4490, CRS, always_xy=True).transform(lon, lat)
    return box(x, y, x + size, y + size)


def test_a_missing_county_is_told_by_the_place():
    counties = boundaries.load()
    inside = counties.geometry.representative_point()
    geoms = [lonlat_box(p.x, p.y) for p in inside] + [lonlat_box(140.0, 40.0)]
    checked = run(geoms, counties=counties, county=[None] * len(geoms))
    assert checked.parcels["county"].tolist()[:-1] == list(counties["adcode"])
    assert kinds(checked) == {"county_filled": len(counties), "county_missing": 1}
    missing = checked.findings[checked.findings["kind"] == "county_missing"].iloc[0]
    assert missing["severity"] == "error" and missing["parcel_id"] == "p9"


def test_a_parcel_far_outside_its_county_is_kept_with_a_warning():
    counties = boundaries.load()
    inside = counties.geometry.representative_point()
    geoms = [lonlat_box(p.x, p.y) for p in inside]
    county = list(counties["adcode"])
    county[0] = "230381"
    checked = run(geoms, counties=counties, county=county)
    assert kinds(checked) == {"out_of_county": 1}
    assert len(checked.parcels) == len(geoms)


def test_data_from_elsewhere_are_named_once_and_an_unknown_county_is_taken_as_it_is():
    counties = boundaries.load()
    checked = run([lonlat_box(139 + i / 100, 36) for i in range(5)], counties=counties)
    assert kinds(checked) == {"out_of_region": 1}
    assert kinds(run([at(0, 0)], counties=counties, county=["110101"])) == {}


@pytest.fixture
def dem(tmp_path):
    """100 m × 100 m of 5 m cells from the corner of the test land, the eastern fifth without values."""
    values = np.full((20, 20), 100.0, "float32")
    values[:, 16:] = -9999
    where = from_origin(EAST, NORTH + 100, 5, 5)
    about = {"width": 20, "height": 20, "count": 1, "dtype": "float32", "transform": where}
    path = tmp_path / "dem.tif"
    with rasterio.open(path, "w", driver="GTiff", crs=CRS, nodata=-9999, **about) as raster:
        raster.write(values, 1)
    return path


def test_parcels_without_elevation_are_kept_with_a_warning(dem):
    checked = run([at(10, 10), at(82, 10, 15), at(300, 0)], dem=dem)
    assert kinds(checked) == {"outside_dem": 2}
    assert checked.findings["parcel_id"].tolist() == ["p1", "p2"]
    assert len(checked.parcels) == 3


# --- summary and progress


def test_the_summary_has_one_row_a_kind_worst_first():
    checked = run([at(0, 0), None, at(0, 0), at(39.99, 0), at(100, 0, 3, 3), None], declared_mu=[9] * 6)
    table = checking.summary(checked)
    assert list(table.columns) == ["kind", "severity", "action", "count", "area_mu", "zh", "en"]
    assert table["kind"].is_unique
    assert table["count"].sum() == len(checked.findings)
    assert table["severity"].tolist() == sorted(table["severity"], key=["error", "warning", "info"].index)
    assert table.loc[0, ["kind", "count"]].tolist() == ["geometry_missing", 2]


def test_progress_runs_from_nought_to_one_and_may_stop_the_run():
    seen: list[float] = []
    checking.check(loaded([at(0, 0)]), progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checking.check(loaded([at(0, 0)]), progress=stop)
