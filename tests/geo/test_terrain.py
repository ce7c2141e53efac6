"""Facts about levels: the middle height inside a paddy, whatever the raster's cells, place and format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.transform import from_origin

from geo import terrain
from geo.crs import apply, parse, shift
from geo.errors import ChigaiError
from tests.geo.paddies import E0, N0, grid, grids

CRS = 4553
Heights = NDArray[np.float64]


def write(
    path: Path, heights: Heights, cell: float = 2.0, west: float = -20, north: float = 200, **more: Any
) -> Path:
    """A raster whose upper left corner lies west and north of (E0, N0), metres."""
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": "float32",
        "crs": f"EPSG:{CRS}",
        "nodata": -9999,
        **more,
    }
    with rasterio.open(
        path,
        "w",
        height=heights.shape[0],
        width=heights.shape[1],
        count=profile.pop("count", 1),
        transform=from_origin(E0 + west, N0 + north, cell, cell),
        **profile,
    ) as out:
        for band in range(1, out.count + 1):
            out.write(heights.astype(profile["dtype"]), band)
    return path


def slope(
    rows: int = 120, columns: int = 120, cell: float = 2.0, west: float = -20, north: float = 200
) -> Heights:
    """Heights of a plane: 100 m at (E0, N0), rising 0.01 eastward and 0.02 northward."""
    x = west + (np.arange(columns) + 0.5) * cell
    y = north - (np.arange(rows) + 0.5) * cell
    return 100 + 0.01 * x[None, :] + 0.02 * y[:, None]


def plane(points: NDArray[np.object_]) -> Heights:
    at = shapely.get_coordinates(points)
    return 100 + 0.01 * (at[:, 0] - E0) + 0.02 * (at[:, 1] - N0)


def test_on_a_plane_the_level_is_the_height_of_the_middle(tmp_path: Path) -> None:
    geoms = grid(4, 3, jitter=2.0, turn=0.2)
    levels = terrain.elevations(geoms, write(tmp_path / "dem.tif", slope()), CRS)
    assert levels == pytest.approx(plane(shapely.centroid(geoms)), abs=0.03)


def test_the_ridge_round_a_paddy_does_not_lift_its_level(tmp_path: Path) -> None:
    geoms = grid(3, 3, ridge=1.0)
    heights = np.full((240, 240), 80.0)
    bank = geometry_mask(shapely.buffer(geoms, -1.2), heights.shape, from_origin(E0 - 20, N0 + 200, 1, 1))
    heights[bank] = 81.0
    dem = write(tmp_path / "dem.tif", heights, cell=1.0)
    assert terrain.elevations(geoms, dem, CRS).tolist() == [80.0] * 9


def test_an_outline_of_very_many_corners_has_the_level_of_its_inside(tmp_path: Path) -> None:
    turn = np.linspace(0, 2 * np.pi, 8000, endpoint=False)
    far = 40 + np.random.default_rng(1).uniform(-0.3, 0.3, len(turn))
    ragged = shapely.Polygon(np.column_stack([E0 + 60 + far * np.cos(turn), N0 + 60 + far * np.sin(turn)]))
    heights = np.full((240, 240), 90.0)
    rim = geometry_mask(
        [shapely.Point(E0 + 60, N0 + 60).buffer(38)], heights.shape, from_origin(E0 - 20, N0 + 200, 1, 1)
    )
    heights[rim] = 99.0
    assert terrain.elevations(
        np.array([ragged], object), write(tmp_path / "dem.tif", heights, cell=1.0), CRS
    ) == [90.0]


def test_a_raster_that_lies_turned_gives_the_same_levels(tmp_path: Path) -> None:
    geoms = grid(4, 3, jitter=2.0)
    dem = write(tmp_path / "dem.tif", np.zeros((200, 200)))
    with rasterio.open(dem, "r+") as model:
        model.transform = (
            model.transform.translation(E0 - 20, N0 - 60)
            * model.transform.rotation(25)
            * model.transform.scale(1.5, 1.0)
        )
        c, r = np.meshgrid(np.arange(200) + 0.5, np.arange(200) + 0.5)
        x, y = model.transform * (c, r)
        model.write((100 + 0.01 * (x - E0) + 0.02 * (y - N0)).astype("float32"), 1)
    assert terrain.elevations(geoms, dem, CRS) == pytest.approx(plane(shapely.centroid(geoms)), abs=0.03)


def test_a_paddy_too_narrow_to_shrink_counts_whole_and_one_without_a_cell_is_read_between(
    tmp_path: Path,
) -> None:
    dem = write(tmp_path / "dem.tif", slope())
    strip = shapely.box(E0 + 5, N0 + 20, E0 + 7.5, N0 + 60)
    speck = shapely.box(E0 + 10.2, N0 + 20.2, E0 + 10.6, N0 + 20.6)
    both = np.array([strip, speck])
    assert terrain.elevations(both, dem, CRS) == pytest.approx(plane(shapely.centroid(both)), abs=0.02)


def test_cells_without_data_are_left_out_and_a_paddy_of_nothing_else_has_no_level(tmp_path: Path) -> None:
    heights = slope()
    heights[:, :30] = -9999  # west of E0 + 40
    heights[:, 60:70] = np.nan  # E0 + 100 to E0 + 120
    heights[:, 80:] = 3e38  # a fill value that nobody declares
    dem = write(tmp_path / "dem.tif", heights)
    spans = [(0, 20), (30, 50), (60, 80), (100, 120), (145, 160), (400, 420)]
    geoms = np.array([shapely.box(E0 + a, N0 + 10, E0 + b, N0 + 50) for a, b in spans])
    levels = terrain.elevations(geoms, dem, CRS)
    assert np.isnan(levels).tolist() == [True, False, False, True, True, True]
    assert levels[1] == pytest.approx(100 + 0.01 * 44 + 0.02 * 30, abs=0.03)
    assert levels[2] == pytest.approx(100 + 0.01 * 70 + 0.02 * 30, abs=0.03)


def test_null_and_empty_outlines_have_no_level(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", slope())
    geoms = np.array([None, shapely.Polygon(), grid(1, 1)[0]], dtype=object)
    assert np.isnan(terrain.elevations(geoms, dem, CRS)).tolist() == [True, True, False]
    assert len(terrain.elevations(geoms[:0], dem, CRS)) == 0


def test_a_hole_in_a_paddy_does_not_count(tmp_path: Path) -> None:
    heights = np.full((120, 120), 90.0)
    hole = shapely.box(E0 + 10, N0 + 10, E0 + 30, N0 + 60)
    heights[geometry_mask([hole], heights.shape, from_origin(E0 - 20, N0 + 200, 2, 2), invert=True)] = 120.0
    ring = np.array([shapely.difference(shapely.box(E0 + 2, N0 + 2, E0 + 38, N0 + 68), hole)])
    assert terrain.elevations(ring, write(tmp_path / "dem.tif", heights), CRS).tolist() == [90.0]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grids(), st.integers(0, 100))
def test_levels_are_what_a_mask_of_each_paddy_gives(
    tmp_path: Path, geoms: NDArray[np.object_], seed: int
) -> None:
    heights = slope(200, 200) + np.random.default_rng(seed).normal(0, 0.2, (200, 200))
    dem = write(
        tmp_path / f"{seed}.tif", heights.astype(np.float32).astype(float), west=-210.37, north=210.21
    )
    levels = terrain.elevations(geoms, dem, CRS, ridge_m=1.0)
    with rasterio.open(dem) as model:
        there, way = model.read(1).astype(float), model.transform
    for shape, level in zip(geoms, levels, strict=True):
        inside = geometry_mask(
            [shapely.buffer(shape, -1.0, join_style="mitre")], there.shape, way, invert=True
        )
        if inside.any():
            assert level == pytest.approx(np.median(there[inside]), abs=1e-6)


def test_a_raster_in_another_system_or_in_degrees_gives_the_same_levels(tmp_path: Path) -> None:
    geoms = grid(3, 3)
    here = terrain.elevations(geoms, write(tmp_path / "dem.tif", slope()), CRS)
    for other in (4532, 32652):
        moved = apply(geoms, shift(parse(CRS), parse(other)))
        assert terrain.elevations(moved, tmp_path / "dem.tif", other) == pytest.approx(here, abs=0.03)
    degrees = apply(geoms, shift(parse(CRS), parse(4326)))
    west, south, east, north = shapely.total_bounds(degrees)
    fine = write(tmp_path / "flat.tif", np.full((60, 60), 77.0), crs="EPSG:4326")
    with rasterio.open(fine, "r+") as model:
        model.transform = from_origin(
            west - 1e-4, north + 1e-4, (east - west + 2e-4) / 60, (north - south + 2e-4) / 60
        )
    assert terrain.elevations(geoms, fine, CRS).tolist() == [77.0] * 9


def test_windows_and_threads_give_what_one_reading_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    geoms = grid(8, 4, wide=12, high=20)
    heights = slope() + np.random.default_rng(1).normal(0, 0.5, (120, 120))
    dem = write(tmp_path / "dem.tif", heights)
    whole = terrain.elevations(geoms, dem, CRS)
    monkeypatch.setattr(terrain, "_TILE", 8)
    monkeypatch.setattr(terrain, "_MOST_PARCELS", 3)
    assert terrain.elevations(geoms, dem, CRS).tolist() == whole.tolist()


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    geoms = grid(5, 4, jitter=1)
    dem = write(tmp_path / "dem.tif", slope())
    order = np.random.default_rng(2).permutation(len(geoms))
    assert (
        terrain.elevations(geoms[order], dem, CRS).tolist()
        == terrain.elevations(geoms, dem, CRS)[order].tolist()
    )


def test_a_model_finer_than_needed_is_read_thinned_out_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    geoms = grid(3, 3)
    dem = write(tmp_path / "dem.tif", slope(480, 480, 0.5), cell=0.5)
    fine = terrain.elevations(geoms, dem, CRS)
    monkeypatch.setattr(terrain, "_ENOUGH_CELLS", 100)
    monkeypatch.setattr(terrain, "_MOST_CELLS", 20_000)
    assert terrain.elevations(geoms, dem, CRS) == pytest.approx(fine, abs=0.05)


def test_heights_kept_as_whole_numbers_with_a_scale_are_metres(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", np.full((120, 120), 805), dtype="int16", nodata=-32768)
    with rasterio.open(dem, "r+") as model:
        model.scales, model.offsets = (0.1,), (20.0,)
    assert terrain.elevations(grid(2, 2), dem, CRS) == pytest.approx([100.5] * 4)


def refused(dem: Path) -> ChigaiError:
    with pytest.raises(ChigaiError) as caught:
        terrain.elevations(grid(2, 2), dem, CRS)
    assert caught.value.zh and caught.value.en and caught.value.do_zh and caught.value.do_en
    assert caught.value.file == dem.name
    return caught.value


def test_a_model_without_a_coordinate_system_is_refused(tmp_path: Path) -> None:
    assert "坐标系" in refused(write(tmp_path / "dem.tif", slope(), crs=None)).zh


def test_what_is_no_elevation_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.tif").write_text("not a raster")
    refused(tmp_path / "note.tif")
    refused(tmp_path / "missing.tif")
    refused(write(tmp_path / "photo.tif", np.full((9, 9), 7.0), count=3, dtype="uint8", nodata=None))


def test_a_raster_that_names_another_file_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "real.tif", slope())
    (tmp_path / "dem.vrt").write_text(
        '<VRTDataset rasterXSize="120" rasterYSize="120"><SRS>EPSG:4553</SRS><VRTRasterBand dataType="Float32" band="1">'
        f"<SimpleSource><SourceFilename>{tmp_path / 'real.tif'}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    refused(tmp_path / "dem.vrt")
    (tmp_path / "dem.vrt").rename(tmp_path / "dem.tif")
    refused(tmp_path / "dem.tif")


def test_a_model_cut_short_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(80, 1, (300, 300))
    whole = write(tmp_path / "dem.tif", noise, north=400).read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 3])
    refused(tmp_path / "cut.tif")
