"""Facts about the ground cell by cell: volumes as integrals give them, and a map that agrees with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from geo import surface
from geo.crs import apply, parse, shift
from geo.errors import ChigaiError
from tests.geo.paddies import E0, N0

CRS = 4553


def write(
    path: Path, heights: np.ndarray, cell: float = 1.0, crs: int = CRS, west: float = E0, north: float = N0
):
    profile = {"driver": "GTiff", "dtype": "float64", "crs": f"EPSG:{crs}", "nodata": -9999, "count": 1}
    rows, columns = heights.shape
    with rasterio.open(
        path, "w", width=columns, height=rows, transform=from_origin(west, north, cell, cell), **profile
    ) as out:
        out.write(heights, 1)
    return path


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    """A rectangle, metres east and south of the raster's corner."""
    return shapely.box(E0 + x0, N0 - y1, E0 + x1, N0 - y0)


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """100 m at the west edge, rising 0.01 a metre eastward; 100 × 100 cells of 1 m."""
    return write(tmp_path / "ramp.tif", np.tile(100 + 0.01 * (np.arange(100) + 0.5), (100, 1)))


def test_a_slope_is_cut_by_an_eighth_of_its_rise_times_its_area(ramp):
    found = surface.surface(np.array([box(10, 10, 50, 30)]), ramp, CRS)
    assert found.level_m == pytest.approx([100.3])
    assert found.cut_m3 == pytest.approx([0.4 / 8 * 800]) and found.fill_m3 == pytest.approx(found.cut_m3)
    assert found.cells == 800


def test_a_given_level_is_made(ramp):
    found = surface.surface(np.array([box(10, 10, 50, 30)]), ramp, CRS, np.array([100.0]))
    assert found.cut_m3 == pytest.approx([0.3 * 800]) and found.fill_m3 == [0]


def test_a_shape_off_the_model_or_empty_has_no_level_and_moves_nothing(ramp):
    shapes = np.array([box(500, 500, 520, 520), shapely.Polygon(), None], dtype=object)
    found = surface.surface(shapes, ramp, CRS)
    assert np.isnan(found.level_m).all() and (found.cut_m3 == 0).all() and (found.cells == 0).all()


def test_unknown_cells_are_taken_as_the_known_ones(tmp_path):
    heights = np.tile(100 + 0.01 * (np.arange(40) + 0.5), (40, 1))
    whole = surface.surface(np.array([box(0, 0, 40, 40)]), write(tmp_path / "a.tif", heights), CRS)
    heights[::2] = -9999
    half = surface.surface(np.array([box(0, 0, 40, 40)]), write(tmp_path / "b.tif", heights), CRS)
    assert half.cells == whole.cells // 2
    assert half.cut_m3 == pytest.approx(whole.cut_m3) and half.level_m == pytest.approx(whole.level_m)


def test_many_shapes_over_many_windows_are_each_levelled_by_themselves(tmp_path, monkeypatch):
    from geo import terrain

    monkeypatch.setattr(terrain, "_TILE", 16)
    rng = np.random.default_rng(1)
    heights = 100 + rng.normal(0, 0.1, (60, 60))
    dem = write(tmp_path / "dem.tif", heights)
    shapes = np.array([box(x, y, x + 9, y + 6) for x in range(0, 51, 10) for y in range(0, 51, 10)])
    found = surface.surface(shapes, dem, CRS)
    for shape, level, cut in zip(shapes, found.level_m, found.cut_m3, strict=True):
        x, y = round(shape.bounds[0] - E0), round(N0 - shape.bounds[3])
        cells = heights[y : y + 6, x : x + 9]
        assert level == pytest.approx(cells.mean())
        assert cut == pytest.approx(np.maximum(cells - cells.mean(), 0).sum())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 30), st.floats(0, 30), st.floats(3, 60), st.floats(3, 60), st.floats(-1, 1))
def test_what_is_cut_and_not_filled_is_the_difference_of_levels(ramp, x, y, wide, high, over):
    shape = np.array([box(x, y, x + wide, y + high)])
    mean = surface.surface(shape, ramp, CRS).level_m
    found = surface.surface(shape, ramp, CRS, mean + over)
    assert found.fill_m3 - found.cut_m3 == pytest.approx(over * wide * high, rel=1e-6, abs=1e-6)
    assert surface.surface(shape, ramp, CRS).cut_m3 == pytest.approx(
        surface.surface(shape, ramp, CRS).fill_m3
    )


def test_a_model_in_another_system_lies_in_the_same_place(tmp_path):
    way = shift(parse(CRS), parse(4490), (131.9, 45.0, 132.1, 46.0))
    corners = apply(np.array(shapely.points([E0, E0 + 100], [N0, N0 - 100])), way)
    lon, lat = shapely.get_x(corners), shapely.get_y(corners)
    columns = np.arange(200) + 0.5
    cell = (lon[1] - lon[0]) / 200
    dem = write(
        tmp_path / "degrees.tif", np.tile(100 + 0.005 * columns, (200, 1)), cell, 4490, lon[0], lat[0]
    )
    found = surface.surface(np.array([box(20, 20, 60, 40)]), dem, CRS)
    assert found.level_m == pytest.approx([100.4], abs=0.01)
    assert found.cut_m3 == pytest.approx([0.4 / 8 * 800], rel=0.02)


def test_the_map_of_depths_adds_up_to_the_volumes(ramp, tmp_path, monkeypatch):
    monkeypatch.setattr(surface, "_TILE", 16)
    shapes = np.array([box(10, 10, 50, 30), box(50, 10, 70, 30), box(20, 40, 40, 60)])
    found = surface.surface(shapes, ramp, CRS)
    levels = np.array([*found.level_m[:2], np.nan])
    with rasterio.open(surface.depth_map(shapes, levels, ramp, CRS, tmp_path / "depth.tif")) as made:
        depth = made.read(1, masked=True)
        assert (made.width, made.height) == (60, 20) and made.crs.to_epsg() == CRS
        assert made.xy(0, 0) == (E0 + 10.5, N0 - 10.5)
    assert depth.count() == 1200
    assert float(depth.clip(0).sum()) == pytest.approx(found.cut_m3[:2].sum(), rel=1e-5)
    assert float(-depth.clip(None, 0).sum()) == pytest.approx(found.fill_m3[:2].sum(), rel=1e-5)
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


def test_a_map_of_what_the_model_does_not_cover_is_refused(ramp, tmp_path):
    with pytest.raises(ChigaiError, match="没有覆盖"):
        surface.depth_map(np.array([box(500, 500, 520, 520)]), np.array([1.0]), ramp, CRS, tmp_path / "d.tif")
    with pytest.raises(ChigaiError, match="没有覆盖"):
        surface.depth_map(np.array([box(0, 0, 20, 20)]), np.array([np.nan]), ramp, CRS, tmp_path / "d.tif")
    assert not (tmp_path / "d.tif").exists()
