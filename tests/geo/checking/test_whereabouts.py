"""Where parcels lie: county, distance to it, cover by the elevation model, barriers of another place."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio
import rasterio.shutil
import shapely
from rasterio.transform import Affine
from shapely.geometry import LineString, Polygon, box

from geo import terrain
from geo.checking import whereabouts
from geo.checking.findings import Book
from geo.errors import ChigaiError

CRS = pyproj.CRS(4553)
E0, N0 = 450_000.0, 5_010_000.0


@pytest.fixture
def squares():
    """Two counties of a degree each, side by side."""
    shapes = [box(130, 45, 131, 46), box(131, 45, 132, 46)]
    return gpd.GeoDataFrame({"adcode": ["1", "2"], "name_zh": ["甲", "乙"]}, geometry=shapes, crs=4490)


def raster(path, values, crs="EPSG:4553", nodata=None, cell=5.0):
    where = Affine(cell, 0, E0, 0, -cell, N0 + cell * values.shape[0])
    about = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype.name}
    with rasterio.open(path, "w", driver="GTiff", transform=where, crs=crs, nodata=nodata, **about) as out:
        out.write(values, 1)
    return path


def test_the_inner_point_of_a_bent_field_lies_inside_it():
    bent = Polygon([(0, 0), (90, 0), (90, 90), (80, 90), (80, 10), (0, 10)])
    geoms = np.array([box(0, 0, 40, 20), bent], object)
    points = whereabouts.inner_points(geoms)
    assert points[0].tolist() == [20, 10]
    assert shapely.contains_xy(geoms, points[:, 0], points[:, 1]).all()


def test_a_point_is_in_its_county_and_on_the_border_in_the_first(squares):
    points = np.array([[130.5, 45.5], [131.5, 45.5], [131.0, 45.5], [140.0, 45.5], [np.inf, np.inf]])
    assert whereabouts.counties_of(points, squares).tolist() == [0, 1, 0, -1, -1]


def test_distance_to_a_county_agrees_with_the_ellipsoid(squares):
    points = np.array([[132.1, 45.5], [131.5, 46.05], [131.5, 45.5], [np.inf, 0.0]])
    shapes = np.array([squares.geometry[1]] * 4, object)
    found = whereabouts.distances_m(points, shapes)
    geod = pyproj.Geod(ellps="GRS80")
    east = geod.inv(132.1, 45.5, 132.0, 45.5)[2]
    north = geod.inv(131.5, 46.05, 131.5, 46.0)[2]
    assert found == pytest.approx([east, north, 0, whereabouts.EARTH_M], rel=0.01)


def test_cover_is_seen_cell_by_cell_in_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(whereabouts, "TILE", 8)
    values = np.full((30, 40), 100.0, "float32")
    values[5:9, 11:14] = -9999
    values[20, 30] = np.nan
    path = raster(tmp_path / "dem.tif", values, nodata=-9999)
    line, column = np.meshgrid(np.arange(-1, 31), np.arange(-1, 41), indexing="ij")
    points = np.column_stack([E0 + 5 * column.ravel() + 2.5, N0 + 150 - 5 * line.ravel() - 2.5])
    known = whereabouts.covered_by(path, points, CRS).reshape(line.shape)
    assert not known[0].any() and not known[-1].any() and not known[:, 0].any() and not known[:, -1].any()
    assert (known[1:-1, 1:-1] == (np.isfinite(values) & (values != -9999))).all()


def test_the_raster_may_have_another_crs(tmp_path):
    values = np.full((50, 50), 1.0, "float32")
    path = raster(tmp_path / "dem.tif", values)
    x, y = pyproj.Transformer.from_crs(4553, 4490, always_xy=True).transform(E0 + 100, N0 + 100)
    points = np.array([[x, y], [x + 1, y]])
    assert whereabouts.covered_by(path, points, pyproj.CRS(4490)).tolist() == [True, False]


def test_a_raster_without_crs_is_said_and_one_that_is_none_refused(tmp_path):
    book = Book()
    parcels = gpd.GeoDataFrame(
        {"parcel_id": ["a"], "source_row": [1], "area_mu": [1.5]}, geometry=[box(0, 0, 40, 25)], crs=CRS
    )
    bare = raster(tmp_path / "bare.tif", np.ones((5, 5), "float32"), crs=None)
    whereabouts.tell_dem(parcels, np.array([[E0, N0]]), bare, book)
    assert book.frame([], CRS)["kind"].tolist() == ["dem_without_crs"]
    path = tmp_path / "dem.tif"
    path.write_text("no raster")
    for wrong in (path, tmp_path / "absent.tif"):
        with pytest.raises(ChigaiError) as refusal:
            whereabouts.tell_dem(parcels, np.array([[E0, N0]]), wrong, book)
        assert refusal.value.file == wrong.name


def _dem_findings(dem, shapes):
    ids = [f"p{i}" for i in range(len(shapes))]
    parcels = gpd.GeoDataFrame(
        {"parcel_id": ids, "source_row": range(1, len(ids) + 1), "area_mu": shapely.area(shapes) / 666.7},
        geometry=shapes,
        crs=CRS,
    )
    book = Book()
    whereabouts.tell_dem(parcels, whereabouts.inner_points(np.array(shapes, object)), dem, book)
    return book.frame([], CRS)


def test_the_parcels_told_to_have_no_level_are_those_that_get_none(tmp_path):
    # the left half of the model is no land: a fill value that the file does not declare, millimetres, NaN
    shapes = [box(E0 + x, N0 + 10, E0 + x + 30, N0 + 40) for x in (5.0, 80.0, 120.0)]
    for fill in (-32768.0, 80_000.0, np.nan):
        values = np.full((20, 40), 100.0, "float32")
        values[:, :20] = fill
        path = raster(tmp_path / "half.tif", values)
        found = _dem_findings(path, shapes)
        levels = terrain.elevations(np.array(shapes, object), path, CRS)
        assert np.isnan(levels).tolist() == [True, False, False]
        assert found["parcel_id"].tolist() == ["p0"]


def test_a_parcel_that_the_model_covers_beside_its_middle_is_not_said_to_lie_outside(tmp_path):
    values = np.full((20, 40), np.nan, "float32")
    values[:, 22:] = 100.0
    shapes = [box(E0 + 80, N0 + 10, E0 + 130, N0 + 40)]
    assert len(_dem_findings(raster(tmp_path / "part.tif", values), shapes)) == 0


def test_a_raster_that_points_at_another_file_is_not_opened_by_the_checks_either(tmp_path):
    raster(tmp_path / "dem.tif", np.ones((20, 40), "float32"))
    rasterio.shutil.copy(str(tmp_path / "dem.tif"), str(tmp_path / "dem.vrt"), driver="VRT")
    with pytest.raises(ChigaiError) as refusal:
        _dem_findings(tmp_path / "dem.vrt", [box(E0, N0, E0 + 40, N0 + 25)])
    assert refusal.value.file == "dem.vrt"


def test_a_model_of_an_old_datum_is_refused_in_its_own_words(tmp_path):
    path = raster(tmp_path / "old.tif", np.ones((20, 40), "float32"), crs="EPSG:2389")
    with pytest.raises(ChigaiError) as refusal:
        _dem_findings(path, [box(E0, N0, E0 + 40, N0 + 25)])
    said = refusal.value
    assert said.file == "old.tif" and "高程" in said.zh and "Xian 1980" in said.en
    assert "--crs" not in said.do_zh + said.do_en


@pytest.mark.parametrize(("away", "kinds"), [(20.0, []), (50_000.0, ["barriers_elsewhere"])])
def test_barriers_of_another_place_are_noted(away, kinds):
    book = Book()
    parcels = gpd.GeoDataFrame(geometry=[box(E0, N0, E0 + 40, N0 + 25)], crs=CRS)
    line = LineString([(E0 + away, N0), (E0 + away, N0 + 99)])
    barriers = gpd.GeoDataFrame({"fixed": [True, True]}, geometry=[line, None], crs=CRS)
    whereabouts.tell_barriers(parcels, barriers, book)
    assert book.frame([], CRS)["kind"].tolist() == kinds
