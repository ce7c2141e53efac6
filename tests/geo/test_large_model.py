"""An elevation model larger than memory: 250 km of cells, of which only windows round the paddies are ever read."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from geo import surface, terrain
from geo.checking import whereabouts
from tests.geo.paddies import E0, N0, grid

SIDE = 120_000  # cells a side, 2 m each: 58 GB were it read whole
CELL = 2.0
PLACES = ((0.0, 0.0), (100_000.0, 20_000.0), (230_000.0, 230_000.0), (1_500.0, 900.0))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plane at four places far apart, rising 0.01 eastward and 0.02 northward, and nothing between them."""
    path = tmp_path_factory.mktemp("large") / "dem.tif"
    profile: dict[str, Any] = {
        "driver": "GTiff", "dtype": "float32", "count": 1, "width": SIDE, "height": SIDE, "crs": "EPSG:4553",
        "nodata": -9999.0, "transform": from_origin(E0 - 200, N0 + 239_000, CELL, CELL), "tiled": True,
        "blockxsize": 256, "blockysize": 256, "compress": "deflate", "sparse_ok": True, "bigtiff": "yes",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as made:
        for x, y in PLACES:
            column, row = int((x + 150) / CELL), int((239_000 - y - 300) / CELL)
            east = E0 - 200 + (column + np.arange(256) + 0.5) * CELL
            north = N0 + 239_000 - (row + np.arange(256) + 0.5) * CELL
            plane = 100 + 0.01 * (east[None, :] - E0 - x) + 0.02 * (north[:, None] - N0 - y)
            made.write(plane.astype(np.float32), 1, window=Window(column, row, 256, 256))
    return path


@pytest.fixture(scope="module")
def paddies() -> NDArray[np.object_]:
    """Twelve paddies at each of the four places."""
    here = grid(4, 3, jitter=1.0)
    return np.concatenate([shapely.transform(here, lambda xy, d=d: xy + np.array(d)) for d in PLACES])


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Cells of every window that is read of a model."""
    read, sizes = terrain.heights, []

    def noted(model: Any, least: Any, wide: int, high: int, step: int, dem: Any) -> Any:
        sizes.append(int(wide) * int(high))
        return read(model, least, wide, high, step, dem)

    monkeypatch.setattr(terrain, "heights", noted)
    monkeypatch.setattr(surface, "heights", noted)
    return sizes


def expected(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    middle = shapely.get_coordinates(shapely.centroid(shapes)) - [E0, N0]
    own = middle - np.repeat(np.array(PLACES), len(shapes) // len(PLACES), axis=0)
    return 100 + own @ np.array([0.01, 0.02])


def test_levels_volumes_and_coverage_take_windows_and_little_memory(
    model: Path, paddies: NDArray[np.object_], windows: list[int]
) -> None:
    terrain.elevations(paddies[:1], model, 4553)  # what is compiled is compiled
    tracemalloc.start()
    levels = terrain.elevations(paddies, model, 4553)
    ground = surface.surface(paddies, model, 4553)
    points = np.append(
        shapely.get_coordinates(shapely.centroid(paddies)), [[E0 + 60_000, N0 + 9_000]], axis=0
    )
    covered = whereabouts.covered_by(model, points, CRS.from_epsg(4553))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert levels == pytest.approx(expected(paddies), abs=0.03)
    assert ground.level_m == pytest.approx(expected(paddies), abs=0.03)
    assert covered is not None and covered.tolist() == [True] * len(paddies) + [False]
    assert max(windows) <= terrain._TILE**2
    assert most < 60e6


def test_a_map_of_depths_skips_what_lies_between_the_blocks(
    model: Path, paddies: NDArray[np.object_], windows: list[int], tmp_path: Path
) -> None:
    some = paddies[[0, 40]]  # 2 km apart
    level = surface.surface(some, model, 4553).level_m
    surface.depth_map(some, level, model, 4553, tmp_path / "depth.tif")
    with rasterio.open(tmp_path / "depth.tif") as made:
        depth = made.read(1, masked=True)
    assert depth.count() == pytest.approx(shapely.area(some).sum() / CELL**2, rel=0.02)
    assert max(windows) <= surface._TILE**2


def test_a_budget_of_few_cells_changes_nothing(
    model: Path, paddies: NDArray[np.object_], windows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = terrain.elevations(paddies, model, 4553)
    ground = surface.surface(paddies, model, 4553)
    covered = whereabouts.covered_by(
        model, shapely.get_coordinates(shapely.centroid(paddies)), CRS.from_epsg(4553)
    )
    windows.clear()
    monkeypatch.setattr(terrain, "_TILE", 32)
    monkeypatch.setattr(whereabouts, "TILE", 16)
    assert terrain.elevations(paddies, model, 4553).tolist() == levels.tolist()
    again = surface.surface(paddies, model, 4553)
    assert again.cut_m3.tolist() == ground.cut_m3.tolist() and again.cells.tolist() == ground.cells.tolist()
    few = whereabouts.covered_by(
        model, shapely.get_coordinates(shapely.centroid(paddies)), CRS.from_epsg(4553)
    )
    assert few is not None and covered is not None and few.tolist() == covered.tolist()
    # a tile and a paddy's reach beyond it
    assert max(windows) <= (32 + 30) ** 2
