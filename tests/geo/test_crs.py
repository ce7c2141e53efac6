"""Facts about coordinates: no system is guessed in silence, and what cannot be told is asked."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from geo import crs, grids
from geo.errors import ChigaiError
from geo.reading import Loaded, Source, look, read, read_barriers, zones
from tests.geo import badfiles

UEDA = Path(__file__).parents[2].parent / "shared/data/ueda"
XIAN80, BEIJING54 = 2389, 2441


def refused(source: Source) -> ChigaiError:
    with pytest.raises(ChigaiError) as caught:
        read(source)
    assert caught.value.zh and caught.value.en and caught.value.do_zh and caught.value.do_en
    return caught.value


def kinds(loaded: Loaded) -> list[str]:
    return [f.kind for f in loaded.findings]


def written(folder: Path, frame: gpd.GeoDataFrame, prj: bool = True, label: int | None = None) -> Path:
    """A shapefile; label: its .prj says this EPSG, whatever its numbers are."""
    if label is not None:
        frame = frame.set_crs(label, allow_override=True)
    return badfiles.shapefile(folder, frame, prj=prj)


def same_place(loaded: Loaded, as_if: gpd.GeoDataFrame, within: float = 1e-3) -> bool:
    """Whether the parcels lie where the frame's do."""
    want = as_if.to_crs(loaded.crs).geometry.bounds.to_numpy()
    return bool(np.abs(loaded.parcels.geometry.bounds.to_numpy() - want).max() < within)


def test_a_system_of_heights_or_of_the_whole_globe_is_none_for_a_map(tmp_path: Path) -> None:
    file = written(tmp_path, badfiles.paddies(4))
    for code in (5737, 4978):
        said = refused(Source(file, crs=code))
        assert "平面" in said.zh and "neither" in said.en


@pytest.mark.parametrize("label", [None, XIAN80])
def test_barriers_in_an_unknown_or_old_system_are_not_sent_to_the_parcels_option(
    tmp_path: Path, label: int | None
) -> None:
    file = written(tmp_path, badfiles.paddies(4), prj=label is not None, label=label)
    with pytest.raises(ChigaiError) as caught:
        read_barriers(Source(file), CRS.from_epsg(4553))
    assert caught.value.file == file.name
    assert "--crs" not in caught.value.text("zh") + caught.value.text("en") and ".prj" in caught.value.do_en


# --- the plan's own CRS -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "epsg"),
    [
        ((130.3, 44.8, 134.0, 46.9), 4553),  # Jixi
        ((130.0, 45.5, 130.4, 45.8), 4552),  # west of it, zone 43
        ((133.6, 45.9, 134.0, 46.2), 4554),  # eastern Hulin, zone 45
        ((116.0, 40.0, 116.5, 40.3), 4548),  # Beijing, CM 117
        ((138.1, 36.3, 138.3, 36.4), 32654),  # Ueda
        ((127.0, 37.0, 127.1, 37.1), 32652),  # Korea shares longitudes with China, not its zones
        ((130.7, 33.0, 130.8, 33.1), 32652),  # Kyushu
        ((105.8, 10.0, 105.9, 10.1), 32648),  # the Mekong delta
        ((-60.1, -30.1, -60.0, -30.0), 32720),  # south of the equator
    ],
)
def test_the_plan_is_made_in_the_nearest_zone(bounds: crs.Bounds, epsg: int) -> None:
    assert crs.plan_crs(bounds).to_epsg() == epsg


@settings(deadline=None, max_examples=25)
@given(lon=st.floats(-179.9, 179.9), lat=st.floats(-79, 79))
def test_the_plan_crs_is_metric_and_near_its_meridian(lon: float, lat: float) -> None:
    found = crs.plan_crs((lon, lat, lon, lat))
    assert found.is_projected and found.axis_info[0].unit_name == "metre"
    x, y = Transformer.from_crs(4326, found, always_xy=True).transform(lon, lat)
    assert 100_000 < x < 900_000 and np.isfinite(y)


# --- no .prj ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("zone", "epsg"), [(43, 4531), (44, 4532), (45, 4533), (22, 4500), (23, 4501)])
def test_eastings_with_a_zone_number_need_no_prj_and_it_is_told(tmp_path: Path, zone: int, epsg: int) -> None:
    frame = badfiles.paddies(crs=None, x=zone * 1e6 + 500_000)
    loaded = read(Source(written(tmp_path, frame, prj=False)))
    assert kinds(loaded).count("crs_assumed") == 1
    note = next(f for f in loaded.findings if f.kind == "crs_assumed")
    assert note.severity == "warning" and str(zone) in note.zh and "CGCS2000" in note.en
    assert same_place(loaded, frame.set_crs(epsg))


def test_eastings_without_zone_number_and_prj_are_asked_about(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies(crs=None), prj=False)
    error = refused(Source(path))
    assert "4553" in error.do_zh and "4553" in error.do_en and "--crs" in error.do_en
    assert "4552" not in error.do_en  # would lie west of Jixi
    assert read(Source(path, crs=4553)).crs.to_epsg() == 4553
    preview = look(Source(path))
    assert preview.crs is None and preview.problems
    assert preview.crs_candidates[0].epsg == 4553 and preview.crs_candidates[0].lands_in_jixi
    assert not next(p for p in preview.crs_candidates if p.epsg == 4552).lands_in_jixi


def test_degrees_without_prj_are_asked_about(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies().to_crs(4490).set_crs(None, allow_override=True), prj=False)
    assert "4490" in refused(Source(path)).do_zh
    assert read(Source(path, crs=4490)).crs.to_epsg() == 4553


def test_numbers_that_fit_nothing_are_asked_about_without_a_guess(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies(crs=None, x=-12_345, y=67_890), prj=False)
    assert "EPSG" in refused(Source(path)).do_en


@settings(deadline=None, max_examples=25)
@given(meridian=st.sampled_from(range(75, 136, 3)), x=st.floats(4e5, 6e5), y=st.floats(2e6, 5.9e6))
def test_the_true_zone_is_always_among_the_proposals(meridian: int, x: float, y: float) -> None:
    prefix = meridian // 3
    plain = crs.proposals((x, y, x + 100, y + 100))
    assert grids.without_prefix(meridian).to_epsg() in [p.epsg for p in plain]
    coded = crs.proposals((x + prefix * 1e6, y, x + prefix * 1e6 + 100, y + 100))
    assert [p.epsg for p in coded] == [grids.with_prefix(prefix).to_epsg()]


def test_web_mercator_is_never_taken_for_a_zone_number(tmp_path: Path) -> None:
    for i, (lon, lat) in enumerate([(131.0, 45.5), (119.0, 35.0), (128.0, 41.0)]):
        frame = gpd.GeoDataFrame(geometry=[shapely.box(lon, lat, lon + 0.001, lat + 0.001)], crs=4326).to_crs(
            3857
        )
        plain = written(tmp_path / f"a{i}", frame.set_crs(None, allow_override=True), prj=False)
        assert "3857" in refused(Source(plain)).do_en
        assert "3857" in refused(Source(written(tmp_path / f"b{i}", frame, label=4490))).do_en
        assert same_place(read(Source(plain, crs=3857)), frame, within=0.01)


# --- numbers that contradict the label ----------------------------------------------------------------------


def test_degrees_labelled_as_metres_are_refused(tmp_path: Path) -> None:
    error = refused(Source(written(tmp_path, badfiles.paddies().to_crs(4490), label=4553)))
    assert "度" in error.zh and "degrees" in error.en and "4490" in error.do_en
    utm = refused(Source(written(tmp_path / "b", badfiles.paddies().to_crs(4490), label=32652)))
    assert "degrees" in utm.en


def test_metres_labelled_as_degrees_are_refused_unless_the_zone_is_written(tmp_path: Path) -> None:
    error = refused(Source(written(tmp_path / "a", badfiles.paddies(), label=4490)))
    assert "4553" in error.do_en
    frame = badfiles.paddies(crs=None, x=44_500_000)
    loaded = read(Source(written(tmp_path / "b", frame, label=4490)))
    assert "crs_contradicted" in kinds(loaded)
    assert same_place(loaded, frame.set_crs(4532, allow_override=True))


def test_geojson_in_metres_without_crs_is_no_wgs84(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(badfiles.paddies(crs=None).to_json())
    assert "4553" in refused(Source(path)).do_en
    path.write_text(badfiles.paddies(crs=None, x=44_500_000).to_json())
    assert read(Source(path)).crs.to_epsg() == 4553


@pytest.mark.parametrize(("label", "x"), [(4532, 500_000), (4553, 44_500_000)])
def test_a_zone_number_lacking_or_too_many_is_mended_and_told(tmp_path: Path, label: int, x: float) -> None:
    loaded = read(Source(written(tmp_path, badfiles.paddies(crs=None, x=x), label=label)))
    assert "zone_number" in kinds(loaded)
    assert same_place(loaded, badfiles.paddies())


def test_a_zone_number_of_another_zone_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies(crs=None, x=43_500_000), label=4532)
    assert "4531" in refused(Source(path)).do_en
    loaded = read(Source(path, crs=4531))
    assert "crs_overridden" in kinds(loaded)


@pytest.mark.parametrize(("label", "x", "y"), [(32654, 5e6, 5e7), (4553, 500_000, 1e7), (3857, 3e7, 1e6)])
def test_metres_far_from_where_the_crs_is_meant_for_are_refused(
    tmp_path: Path, label: int, x: float, y: float
) -> None:
    refused(Source(written(tmp_path, badfiles.paddies(crs=None, x=x, y=y), label=label)))


@pytest.mark.parametrize("start", [4553, 4532, 4490, 4326])
def test_exchanged_axes_are_put_right_and_told(tmp_path: Path, start: int) -> None:
    frame = badfiles.paddies().to_crs(start)
    turned = frame.set_geometry(frame.geometry.map(lambda g: shapely.transform(g, lambda p: p[:, ::-1])))
    loaded = read(Source(written(tmp_path, turned)))
    assert "axes_swapped" in kinds(loaded)
    assert same_place(loaded, frame, within=0.01)


def test_a_few_stray_rows_are_left_out_by_number(tmp_path: Path) -> None:
    frame = badfiles.paddies(20)
    frame.loc[4, "geometry"] = shapely.box(131.9, 45.1, 131.91, 45.11)
    frame.loc[9, "geometry"] = shapely.box(5e7, 5e9, 5e7 + 10, 5e9 + 10)
    loaded = read(Source(written(tmp_path, frame)))
    stray = [f.row for f in loaded.findings if f.kind == "coordinates_out_of_range"]
    assert stray == [5, 10]
    assert loaded.parcels.geometry.isna().to_numpy().nonzero()[0].tolist() == [4, 9]


# --- zones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prj", [True, False])
def test_two_zones_in_one_file_are_brought_into_one(tmp_path: Path, prj: bool) -> None:
    near = badfiles.paddies(8, crs=4532, x=44_400_000, y=5_050_000)
    far = near.to_crs(4531)
    far["DKBM"] = [f"2303811002019{i:06d}" for i in range(8)]
    mixed = gpd.GeoDataFrame(pd.concat([near, far.set_crs(4532, allow_override=True)]), crs=4532)
    loaded = read(Source(written(tmp_path, mixed, prj=prj)))
    assert loaded.crs.to_epsg() == 4553
    assert "zones_joined" in kinds(loaded)
    bounds = loaded.parcels.geometry.bounds.to_numpy()
    assert np.abs(bounds[:8] - bounds[8:]).max() < 1e-3  # the same places, written in two zones


def test_rows_with_and_without_zone_number_are_brought_together(tmp_path: Path) -> None:
    frame = badfiles.paddies(10)
    coded = frame.geometry.translate(44_000_000)
    frame.geometry = [coded[i] if i % 3 == 0 else frame.geometry[i] for i in range(10)]
    loaded = read(Source(written(tmp_path, frame)))
    assert "zones_joined" in kinds(loaded)
    assert same_place(loaded, badfiles.paddies(10))


def test_degrees_across_two_zones_go_to_one(tmp_path: Path) -> None:
    points = [(130.4, 45.2), (130.6, 45.2), (131.0, 45.5), (133.6, 46.1)]
    frame = gpd.GeoDataFrame(geometry=[shapely.box(x, y, x + 0.001, y + 0.001) for x, y in points], crs=4490)
    frame.to_file(tmp_path / "a.gpkg")
    loaded = read(Source(tmp_path / "a.gpkg"))
    assert loaded.crs.to_epsg() == 4553
    assert same_place(loaded, frame)


def test_a_zone_prefix_is_taken_off_exactly(tmp_path: Path) -> None:
    frame = badfiles.paddies(crs=4532, x=44_500_000.123)
    frame.to_file(tmp_path / "a.gpkg")
    moved = shapely.get_coordinates(read(Source(tmp_path / "a.gpkg")).parcels.geometry.array)
    kept = shapely.get_coordinates(frame.geometry.array)
    assert np.array_equal(moved[:, 0], kept[:, 0] - 44_000_000)
    assert np.array_equal(moved[:, 1], kept[:, 1])


# --- datums -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [XIAN80, BEIJING54, 4610, 4214, 2368, 2420])
def test_older_chinese_datums_are_refused_unless_said_to_be_cgcs2000(tmp_path: Path, old: int) -> None:
    as_crs = CRS.from_epsg(old)
    x = 44_500_000 if old in (2368, 2420) else 500_000
    frame = badfiles.paddies(crs=None, x=x)
    frame = badfiles.paddies().to_crs(4490) if as_crs.is_geographic else frame
    path = written(tmp_path, frame, label=old)
    error = refused(Source(path))
    assert "七参数" in error.do_zh and "--crs" in error.do_en
    assert look(Source(path)).problems
    here = 4490 if as_crs.is_geographic else 4532 if x > 1e6 else 4553
    loaded = read(Source(path, crs=here))
    assert "crs_overridden" in kinds(loaded)
    assert loaded.crs.to_epsg() == 4553


def test_an_older_datum_with_the_bureaus_parameters_in_its_prj_is_transformed(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies(), label=XIAN80)
    bound = CRS.from_proj4(
        "+proj=tmerc +lon_0=132 +x_0=500000 +a=6378140 +rf=298.257 +towgs84=100,20,30 +no_defs"
    )
    path.with_suffix(".prj").write_text(bound.to_wkt("WKT1_GDAL"))
    loaded = read(Source(path))
    moved = loaded.parcels.geometry.iloc[0].centroid.distance(badfiles.paddies().geometry.iloc[0].centroid)
    assert 20 < moved < 200
    zeros = bound.to_wkt("WKT1_GDAL").replace("TOWGS84[100,20,30,", "TOWGS84[0,0,0,")
    path.with_suffix(".prj").write_text(zeros)
    refused(Source(path))


def test_modern_datums_count_as_one(tmp_path: Path) -> None:
    frame = badfiles.paddies().to_crs(4326)
    frame.to_file(tmp_path / "a.gpkg")
    loaded = read(Source(tmp_path / "a.gpkg"))
    assert loaded.crs.to_epsg() == 4553 and kinds(loaded) == ["personal_dropped"]
    assert same_place(loaded, badfiles.paddies())


def test_a_ballpark_transformation_is_an_error_and_a_real_one_says_how_good_it_is() -> None:
    tokyo = gpd.GeoDataFrame(geometry=[shapely.box(138.1, 36.3, 138.101, 36.301)], crs=4301)
    moved = crs.transform(tokyo, 32654)
    assert moved.crs.to_epsg() == 32654
    assert np.allclose(moved.total_bounds, tokyo.to_crs(4326).to_crs(32654).total_bounds, atol=0.02)
    xian = gpd.GeoDataFrame(geometry=[shapely.box(131, 45, 131.01, 45.01)], crs=4610)
    with pytest.raises(ChigaiError):
        crs.transform(xian, 4490)
    with pytest.raises(ChigaiError):
        crs.transform(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]), 4490)


@pytest.mark.parametrize("epsg", [28992, 27700, 2154, 5179, 6668, 6676, 32648, 3857, 26915, 5070, 7856])
def test_parcels_of_other_countries_are_planned_in_their_utm_zone(tmp_path: Path, epsg: int) -> None:
    area = CRS.from_epsg(epsg).area_of_use
    assert area is not None
    lon, lat = {3857: (5.5, 52.0), 2154: (3.0, 46.5), 5070: (-95.0, 38.0), 32648: (105.8, 10.0)}.get(
        epsg, ((area.west + area.east) / 2, (area.south + area.north) / 2)
    )
    frame = gpd.GeoDataFrame(
        geometry=[shapely.box(lon + i / 1000, lat, lon + i / 1000 + 0.0005, lat + 0.0005) for i in range(5)],
        crs=4326,
    )
    frame.to_crs(epsg).to_file(tmp_path / "a.gpkg")
    loaded = read(Source(tmp_path / "a.gpkg"))
    assert loaded.crs.to_epsg() == crs.utm(lon, lat).to_epsg()
    assert same_place(loaded, frame, within=6.0)


def test_a_height_system_beside_the_horizontal_one_does_no_harm(tmp_path: Path) -> None:
    frame = badfiles.paddies()
    frame.geometry = shapely.force_3d(frame.geometry, 91.5)
    frame = frame.set_crs("EPSG:4553+5737", allow_override=True)
    frame.to_file(tmp_path / "a.gpkg")
    loaded = read(Source(tmp_path / "a.gpkg"))
    assert loaded.crs.to_epsg() == 4553
    assert (
        shapely.get_coordinates(loaded.parcels.geometry.array, include_z=True)[:, 2].tolist() == [91.5] * 60
    )


def test_an_undefined_or_nonsense_crs_counts_as_none(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies())
    path.with_suffix(".prj").write_text("no coordinate system at all")
    refused(Source(path))
    assert crs.known("ENGCRS[nonsense") is None
    assert crs.known(None) is None
    with pytest.raises(ChigaiError):
        read(Source(path, crs=999_999))


def test_the_prj_that_arcgis_writes_is_understood(tmp_path: Path) -> None:
    path = written(tmp_path, badfiles.paddies(crs=4532, x=44_500_000))
    assert path.with_suffix(".prj").read_text().startswith('PROJCS["CGCS2000_3_Degree_GK_Zone_44"')
    loaded = read(Source(path))
    assert loaded.crs.to_epsg() == 4553
    own_name = path.with_suffix(".prj").read_text().replace("CGCS2000_3_Degree_GK_Zone_44", "我的坐标系")
    path.with_suffix(".prj").write_text(own_name, encoding="utf-8")
    assert same_place(read(Source(path)), badfiles.paddies())


# --- barriers -----------------------------------------------------------------------------------------------


def test_barriers_come_in_the_crs_of_the_plan(tmp_path: Path) -> None:
    line = gpd.GeoDataFrame(
        {"kind": ["road"]}, geometry=[shapely.LineString([(132, 45), (132.01, 45)])], crs=4490
    )
    line.to_file(tmp_path / "b.gpkg")
    found, _ = read_barriers(Source(tmp_path / "b.gpkg"), CRS.from_epsg(4553))
    assert found.crs.to_epsg() == 4553
    assert found.length.iloc[0] == pytest.approx(788, abs=2)


# --- real data ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not UEDA.exists(), reason="the Ueda development data are not on this machine")
def test_ueda_is_planned_in_utm_54() -> None:
    loaded = read(Source(UEDA / "fields.gpkg", where="land_type=100", county="230321"))
    assert loaded.crs.to_epsg() == 32654
    assert len(loaded.parcels) == 2348
    assert set(loaded.parcels["county"]) == {"230321"}


@pytest.mark.skipif(not UEDA.exists(), reason="the Ueda development data are not on this machine")
def test_ueda_on_the_tokyo_datum_lands_where_it_should_and_says_how_well() -> None:
    old = read(Source(UEDA / "fields-as-delivered-epsg4301.gpkg", where="land_type=100"))
    new = read(Source(UEDA / "fields.gpkg", where="land_type=100"))
    assert "datum_shifted" in kinds(old)
    whole = old.parcels[~old.parcels["parcel_id"].duplicated(keep=False)]
    both = whole.merge(new.parcels, on="parcel_id", suffixes=("", "_new"))
    same = both[np.isclose(both.geometry.area, both["geometry_new"].area, rtol=1e-3)]
    assert len(same) > 1500
    assert (
        same.geometry.centroid.distance(gpd.GeoSeries(same["geometry_new"], crs=new.crs).centroid).max()
        < 0.05
    )


def test_settling_an_empty_layer_says_that_nothing_is_there() -> None:
    with pytest.raises(ChigaiError):
        zones.settle(np.full((3, 4), np.nan), CRS.from_epsg(4553))
