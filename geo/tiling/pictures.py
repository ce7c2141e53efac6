"""An orthophoto or the shade of hills as tiles of a web map, read from GeoTIFFs window by window."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.warp
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT

from geo import gcj02
from geo.errors import ChigaiError
from geo.tiling.grid import Tile, degrees

Kind = Literal["orthophoto", "hillshade"]
PIXELS = 256
SUFFIXES = (".tif", ".tiff")
MOST_PIXELS = 4096
"""Of a file's own pixels along a tile's side: a file without overviews is not read from further off than that."""
EXAGGERATED = 5.0
"""Heights are taken so many times before they are shaded: paddies lie on ground that is nearly flat."""
_SUN_AZIMUTH, _SUN_HEIGHT = 315.0, 45.0
_QUALITY = 82
_STRETCH = (2.0, 98.0)


class Pictures:
    """A GeoTIFF, or all of a folder, as tiles. Raises ChigaiError where there is none, or one cannot be placed."""

    def __init__(self, path: Path, kind: Kind, shifted: bool = False) -> None:
        self.kind, self.shifted = kind, shifted
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not files:
            raise ChigaiError(
                "文件夹里没有 GeoTIFF。", "There is no GeoTIFF in the folder.",
                do_zh="放入 .tif 文件，或改正设置。", do_en="put .tif files there, or correct the setting.", file=path,
            )  # fmt: skip
        self.files = [(file, *_about(file)) for file in files]
        self.mark = f"{max(file.stat().st_mtime_ns for file in files):x}-{len(files)}"

    @property
    def first_zoom(self) -> int:
        """The zoom from which it can be shown."""
        return min(zoom for _, _, zoom in self.files)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north, degrees WGS 84."""
        ends = np.array([box for _, box, _ in self.files])
        west, south = ends[:, :2].min(axis=0)
        east, north = ends[:, 2:].max(axis=0)
        return float(west), float(south), float(east), float(north)

    def tile(self, tile: Tile) -> tuple[bytes, str] | None:
        """A tile's picture and its media type; None where nothing of it lies there."""
        west, south, east, north = self._ground(tile)
        picture: NDArray[np.uint8] | None = None
        for file, box, first in self.files:
            if tile[0] < first or box[0] >= east or box[2] <= west or box[1] >= north or box[3] <= south:
                continue
            with _reading(file):
                drawn = _photo if self.kind == "orthophoto" else _shade
                part = drawn(file, (west, south, east, north))
            if picture is None:
                picture = part
            else:
                free = picture[3] == 0
                picture[:, free] = part[:, free]
        return None if picture is None or not picture[3].any() else _written(picture)

    def _ground(self, tile: Tile) -> tuple[float, float, float, float]:
        """The box of a tile on the ground, degrees WGS 84."""
        west, south, east, north = degrees(tile)
        if not self.shifted:
            return west, south, east, north
        lon, lat = gcj02.gcj02_to_wgs84(np.array([west, east]), np.array([south, north]))
        return float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])


class _reading:
    """What GDAL says of a file that it cannot read, in our words."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, RasterioError):
            raise ChigaiError(
                "读不出这张影像。", "The picture cannot be read.",
                do_zh="用 GeoTIFF，并确认文件完整。", do_en="use a GeoTIFF, and see that it is whole.", file=self.file,
            ) from error  # fmt: skip


def _about(file: Path) -> tuple[tuple[float, float, float, float], int]:
    """Where a file lies (degrees) and the zoom from which it is quick to read."""
    with _reading(file), rasterio.open(file, driver="GTiff") as source:
        if source.crs is None:
            raise ChigaiError(
                "影像没有坐标系，不知道放在哪里。", "The picture has no coordinate system and cannot be placed.",
                do_zh="给它补上坐标系。", do_en="give it one.", file=file,
            )  # fmt: skip
        box = rasterio.warp.transform_bounds(source.crs, 4326, *source.bounds)
        widest = max(source.width, source.height)
        coarsest = max(source.overviews(1), default=1)
        # a tile of zoom 0 is the world: so many of the file's own pixels lie along its side
        across = widest / coarsest / max(box[2] - box[0], box[3] - box[1], 1e-9) * 360
    return box, max(0, math.ceil(math.log2(max(across / MOST_PIXELS, 1.0))))


def _warped(
    file: Path, box: tuple[float, float, float, float], around: int, resampling: Resampling, **more: Any
) -> tuple[NDArray[Any], tuple[ColorInterp, ...], float]:
    """All bands of a box of degrees on the web map's grid with `around` pixels more on each side; what each band is;
    the side of a pixel on the ground, m."""
    west, south, east, north = box
    (x0, x1), (y0, y1) = rasterio.warp.transform(4326, 3857, [west, east], [south, north])
    step_x, step_y = (x1 - x0) / PIXELS, (y1 - y0) / PIXELS
    side = PIXELS + 2 * around
    place = from_bounds(
        x0 - around * step_x, y0 - around * step_y, x1 + around * step_x, y1 + around * step_y, side, side
    )
    with (
        rasterio.open(file, driver="GTiff") as source,
        WarpedVRT(
            source, crs=3857, transform=place, width=side, height=side, resampling=resampling, **more
        ) as there,
    ):
        return there.read(), there.colorinterp, step_y * math.cos(math.radians((south + north) / 2))


def _photo(file: Path, box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """Red, green, blue and alpha of a box, uint8[4, 256, 256]."""
    bands, meant, _ = _warped(file, box, 0, Resampling.bilinear, add_alpha=True)
    alpha = next((i for i in range(len(bands)) if meant[i] == ColorInterp.alpha), None)
    seen = np.full(bands.shape[1:], 255, np.uint8) if alpha is None else np.where(bands[alpha] > 0, 255, 0)
    colours = [band for i, band in enumerate(bands) if i != alpha][:3]
    if len(colours) < 3:
        colours = colours[:1] * 3
    out = np.stack([*colours, seen])
    if out.dtype != np.uint8 and bands.dtype != np.uint8:
        low, high = _range(str(file), file.stat().st_mtime_ns)
        out[:3] = np.clip((out[:3].astype(float) - low) / max(high - low, 1e-9) * 255, 0, 255)
    return out.astype(np.uint8)


@lru_cache(maxsize=256)
def _range(file: str, changed_ns: int) -> tuple[float, float]:
    """Between which values a file with other than eight bits is shown."""
    with rasterio.open(file, driver="GTiff") as source:
        many = np.asarray(source.read(1, out_shape=(1, PIXELS, PIXELS), masked=True).compressed(), float)
    low, high = np.percentile(many, _STRETCH) if len(many) else (0.0, 1.0)
    return float(low), float(high)


def _shade(file: Path, box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """The light on the ground of an elevation model, uint8[4, 256, 256]: grey, and alpha 0 where there is none."""
    bands, _, pixel_m = _warped(file, box, 1, Resampling.bilinear, nodata=np.nan, dtype="float32")
    height = bands[0].astype(float)
    there = np.isfinite(height)
    height = np.where(there, height, np.nanmean(height) if there.any() else 0.0)
    south_north, west_east = np.gradient(height * EXAGGERATED, pixel_m)
    azimuth, sun = math.radians(_SUN_AZIMUTH), math.radians(_SUN_HEIGHT)
    # rows run southwards: what rises to the north falls along the rows
    east, north = -west_east, south_north
    light = (
        math.sin(sun) + math.cos(sun) * (east * math.sin(azimuth) + north * math.cos(azimuth))
    ) / np.sqrt(1 + west_east**2 + south_north**2)
    grey = (np.clip(light, 0, 1) * 255)[1:-1, 1:-1]
    alpha = np.where(there[1:-1, 1:-1], 255, 0)
    return np.stack([grey, grey, grey, alpha]).astype(np.uint8)


def _written(picture: NDArray[np.uint8]) -> tuple[bytes, str]:
    """As JPEG where all of it is there, else as PNG."""
    out = io.BytesIO()
    pixels = np.ascontiguousarray(picture.transpose(1, 2, 0))
    if (picture[3] == 255).all():
        Image.fromarray(pixels[:, :, :3]).save(out, "JPEG", quality=_QUALITY)
        return out.getvalue(), "image/jpeg"
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue(), "image/png"
