"""The grid of web maps: there and back, and boxes that hold what they should."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely

from geo import gcj02
from geo.tiling.grid import Ground, degrees, known, world

LON, LAT = np.array([131.0, 132.5, 133.9]), np.array([44.6, 45.7, 46.6])


@pytest.mark.parametrize("epsg", [4553, 32652])
@pytest.mark.parametrize("shifted", [False, True])
def test_a_box_on_the_ground_holds_the_box_in_degrees(epsg: int, shifted: bool) -> None:
    box = (131.9, 45.1, 132.3, 45.4)
    ground = Ground(epsg, gcj02.wgs84_to_gcj02 if shifted else None)
    x0, y0, x1, y1 = ground.box_around(box)
    lon, lat = shapely.get_coordinates(shapely.segmentize(shapely.box(*box), 0.01)).T
    if shifted:
        lon, lat = gcj02.gcj02_to_wgs84(lon, lat)
    x, y = pyproj.Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
    assert np.all((x >= x0 - 1) & (x <= x1 + 1) & (y >= y0 - 1) & (y <= y1 + 1))


def test_a_box_of_half_the_world_holds_everything() -> None:
    assert Ground(4553).box_around((-180, -90, 180, 90)) == (-np.inf, -np.inf, np.inf, np.inf)


def test_the_grid_is_web_mercators() -> None:
    x, y = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(LON, LAT)
    around = 40_075_016.685578488
    assert np.allclose(world(LON, LAT), np.column_stack([0.5 + x / around, 0.5 - y / around]), atol=1e-12)


@pytest.mark.parametrize("zoom", [5, 12, 15])
def test_a_place_lies_in_the_box_of_its_tile(zoom: int) -> None:
    for (x, y), lon, lat in zip((world(LON, LAT) * 2**zoom).astype(int), LON, LAT, strict=True):
        west, south, east, north = degrees((zoom, int(x), int(y)))
        assert west <= lon < east and south < lat <= north
        assert known((zoom, int(x), int(y)))


@pytest.mark.parametrize("tile", [(-1, 0, 0), (25, 0, 0), (3, 8, 0), (3, 0, -1)])
def test_a_tile_outside_the_world_is_none(tile: tuple[int, int, int]) -> None:
    assert not known(tile)
