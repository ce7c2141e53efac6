"""An orthophoto or hillshade as tiles: the right ground in the right place, nothing where there is nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from geo.errors import ChigaiError
from geo.tiling.grid import degrees, world
from geo.tiling.pictures import Pictures

WEST, NORTH, STEP = 500_000.0, 5_070_000.0, 2.0
SIDE = 600


def written(path: Path, bands: np.ndarray, crs: object = 4553) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=bands.shape[2], height=bands.shape[1], count=len(bands),
        dtype=bands.dtype, crs=crs, transform=from_origin(WEST, NORTH, STEP, STEP),
    ) as out:  # fmt: skip
        out.write(bands)
    return path


def tile_over(pictures: Pictures, x: float, y: float, zoom: int = 16) -> tuple[int, int, int]:
    """The tile that holds a share (0 to 1) of the box of the pictures from the west and the north."""
    west, south, east, north = pictures.box
    at = world(np.array([west + x * (east - west)]), np.array([north - y * (north - south)]))[0] * 2**zoom
    return zoom, int(at[0]), int(at[1])


def drawn(pictures: Pictures, tile: tuple[int, int, int]) -> np.ndarray:
    found = pictures.tile(tile)
    assert found is not None
    return np.asarray(Image.open(io.BytesIO(found[0])).convert("RGBA"))


def test_the_west_of_a_photo_is_drawn_in_the_west(tmp_path: Path) -> None:
    bands = np.zeros((3, SIDE, SIDE), np.uint8)
    bands[0, :, : SIDE // 2] = 200  # red in the west
    bands[2, :, SIDE // 2 :] = 200  # blue in the east
    pictures = Pictures(written(tmp_path / "photo.tif", bands), "orthophoto")
    west, east = (
        drawn(pictures, tile_over(pictures, 0.2, 0.5)),
        drawn(pictures, tile_over(pictures, 0.8, 0.5)),
    )
    assert west[128, 128, 0] > 150 > west[128, 128, 2]
    assert east[128, 128, 2] > 150 > east[128, 128, 0]


def test_where_a_photo_ends_the_tile_is_clear(tmp_path: Path) -> None:
    pictures = Pictures(written(tmp_path / "photo.tif", np.full((3, SIDE, SIDE), 90, np.uint8)), "orthophoto")
    edge = drawn(pictures, tile_over(pictures, 0.0, 0.5))
    assert edge[128, 0, 3] == 0 and edge[128, 255, 3] == 255
    zoom, x, y = tile_over(pictures, 0.5, 0.5)
    assert pictures.tile((zoom, x + 50, y)) is None


def test_a_slope_to_the_north_west_is_light_and_one_to_the_south_east_dark(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    ridge = (-np.abs(rows + columns - SIDE) * 0.2).astype(np.float32)[None]
    pictures = Pictures(written(tmp_path / "dem.tif", ridge), "hillshade")
    light = drawn(pictures, tile_over(pictures, 0.2, 0.2))[128, 128, 0]
    dark = drawn(pictures, tile_over(pictures, 0.8, 0.8))[128, 128, 0]
    assert int(light) > int(dark) + 60


def test_a_folder_is_one_picture(tmp_path: Path) -> None:
    written(tmp_path / "a.tif", np.full((1, SIDE, SIDE), 40, np.uint8))
    with rasterio.open(
        tmp_path / "b.tif", "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8", crs=4553,
        transform=from_origin(WEST + SIDE * STEP, NORTH, STEP, STEP),
    ) as out:  # fmt: skip
        out.write(np.full((1, SIDE, SIDE), 220, np.uint8))
    pictures = Pictures(tmp_path, "orthophoto")
    assert drawn(pictures, tile_over(pictures, 0.25, 0.5))[128, 128, 0] == pytest.approx(40, abs=4)
    assert drawn(pictures, tile_over(pictures, 0.75, 0.5))[128, 128, 0] == pytest.approx(220, abs=4)


def test_a_pixel_lies_where_its_ground_is(tmp_path: Path) -> None:
    bands = np.zeros((1, SIDE, SIDE), np.uint8)
    bands[0, 300:303, 300:303] = 255
    pictures = Pictures(written(tmp_path / "photo.tif", bands), "orthophoto")
    import pyproj

    lon, lat = pyproj.Transformer.from_crs(4553, 4326, always_xy=True).transform(
        WEST + 301.5 * STEP, NORTH - 301.5 * STEP
    )
    at = world(np.array([lon]), np.array([lat]))[0] * 2**17
    shown = drawn(pictures, (17, int(at[0]), int(at[1])))[:, :, 0].astype(float)
    rows, columns = np.nonzero(shown > 128)
    expected = (at - np.floor(at)) * 256
    assert np.hypot(columns.mean() + 0.5 - expected[0], rows.mean() + 0.5 - expected[1]) < 1.5
    west, south, east, north = degrees((17, int(at[0]), int(at[1])))
    assert west < lon < east and south < lat < north


@pytest.mark.parametrize("case", ["no crs", "no picture", "empty"])
def test_what_cannot_be_placed_or_read_is_said(tmp_path: Path, case: str) -> None:
    path = tmp_path / "x.tif"
    if case == "no crs":
        written(path, np.zeros((1, 8, 8), np.uint8), None)
    elif case == "no picture":
        path.write_bytes(b"not a tiff")
    else:
        path.mkdir()
    with pytest.raises(ChigaiError):
        Pictures(path, "orthophoto")
