"""The level of each parcel from an elevation model: the median inside it, away from its ridge."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geo import crs as systems
from geo.cells import medians
from geo.errors import ChigaiError
from geo.rings import rings

DRIVERS = ("GTiff", "HFA", "AAIGrid", "EHdr", "ENVI", "SRTMHGT")
"""Formats that hold their own cells: none that names other files to be read."""

LOWEST_M, HIGHEST_M = -500.0, 9000.0
"""Heights beyond these are no land: fill values that the file does not declare."""

_TILE = 1024
"""Cells along the side of the windows that are read."""

_MOST_PARCELS = 20_000
"""Parcels worked on at once: bounds the memory whatever the size of the cells."""

_ENOUGH_CELLS = 2500
"""A parcel's median gains nothing from more cells; finer models are read thinned out."""

_STEP_M = 10.0
"""Over so much ground a turn or a stretch of the raster is taken as even."""

_MOST_CELLS = 4096 * 4096
"""Cells held at once for one window; a parcel as large as a county is read thinned out."""


def elevations(
    geoms: NDArray[np.object_], dem: str | Path, crs: Any, ridge_m: float = 1.5
) -> NDArray[np.float64]:
    """Median height of the cells whose middles lie in each parcel, ridge_m inside its edge; m, float64[n].

    geoms: Polygons or MultiPolygons in projected metres of crs (anything geo.crs.parse takes). dem: a raster
    file, its first band in metres. Where nothing is ridge_m inside, the whole parcel counts; where no cell's
    middle lies in that, the height between the cells round a point in the parcel. NaN where the model has no
    data or does not reach. Windows are read as needed, so the model may be larger than memory.
    Raises ChigaiError for a file that is no elevation model or says no coordinate system.
    """
    shapes = np.asarray(geoms, dtype=object)
    out = np.full(len(shapes), np.nan)
    rows = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    with opened(dem) as model:
        driver = model.driver
        if len(rows) == 0:
            return out
        spot = place(model, cast(systems.Bounds, tuple(shapely.total_bounds(shapes[rows]))), crs)
    parts = parts_of(spot, shapes, rows)

    def level(own: Any, part: NDArray[np.int64]) -> NDArray[np.float64]:
        return _levels(own, spot, shapes[part], ridge_m, dem)

    for part, found in by_parts(parts, level, dem, driver):
        out[part] = found
    return out


def by_parts(
    parts: list[NDArray[np.int64]],
    work: Callable[[Any, NDArray[np.int64]], NDArray[np.float64]],
    dem: str | Path,
    driver: str,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Each part and work(model, part) of it, in order, on a few threads; each thread opens the model for itself."""
    here, models = threading.local(), []

    def done(part: NDArray[np.int64]) -> NDArray[np.float64]:
        if not hasattr(here, "model"):
            here.model = rasterio.open(Path(dem).resolve(), driver=driver)
            models.append(here.model)
        return work(here.model, part)

    try:
        with ThreadPoolExecutor(max(1, min(len(parts), os.cpu_count() or 1, 4))) as pool:
            yield from zip(parts, pool.map(done, parts), strict=True)
    finally:
        for model in models:
            model.close()


def opened(dem: str | Path) -> Any:
    """The raster, opened by a driver of DRIVERS. Raises ChigaiError for what is no elevation model."""
    there = Path(dem).is_file()
    model = None
    for driver in DRIVERS if there else ():
        with suppress(RasterioError):
            model = rasterio.open(Path(dem).resolve(), driver=driver)
            break
    if model is None:
        raise ChigaiError(
            "无法作为高程栅格打开。" if there else "找不到高程文件。",
            "It cannot be opened as an elevation raster." if there else "There is no such file.",
            do_zh="请给出 GeoTIFF、IMG 或 ASC 格式的高程模型（DEM）。",
            do_en="Give an elevation model (DEM) as GeoTIFF, IMG or ASC.",
            file=dem,
        )
    if model.count == 0 or (model.count >= 3 and model.dtypes[0] == "uint8"):
        model.close()
        raise ChigaiError(
            "这是影像图片，不是高程模型。",
            "It is a picture, not an elevation model.",
            do_zh="请给出每个像元为高程（米）的单波段栅格。",
            do_en="Give a raster of one band whose cells are heights in metres.",
            file=dem,
        )
    return model


@dataclass(frozen=True)
class Place:
    """How parcels lie on the raster."""

    way: systems.Shift | None  # to the raster's CRS; None where that is the parcels' own
    cells: Affine  # from the raster's CRS to columns and rows
    height: int
    width: int
    lock: threading.Lock  # around the transformation, which one thread may use at a time

    def columns_rows(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points float64[k, 2] of the parcels' CRS as (column, row), the first cell from 0 to 1."""
        x, y = points[:, 0], points[:, 1]
        if self.way is not None:
            with self.lock:
                for step in self.way.steps:
                    x, y = step.transform(x, y)
            x = x + self.way.offset_x
        a = self.cells
        return np.column_stack([a.a * x + a.b * y + a.c, a.d * x + a.e * y + a.f])

    def metres(self, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
        """What a step of columns and rows is on the ground at each shape, float64[n, 2, 2]: metres = it @ step."""
        if self.way is None:
            a = self.cells
            return np.broadcast_to(np.linalg.inv([[a.a, a.b], [a.d, a.e]]), (len(shapes), 2, 2))
        box = shapely.bounds(shapes)
        middle = (box[:, :2] + box[:, 2:]) / 2
        here = self.columns_rows(middle)
        steps = [(self.columns_rows(middle + step) - here) / _STEP_M for step in _STEP_M * np.eye(2)]
        return np.linalg.inv(np.stack(steps, axis=2))


def covers_none(dem: str | Path) -> ChigaiError:
    """What is said of a model that gives no parcel a level."""
    return ChigaiError(
        "高程模型没有覆盖任何一个地块。",
        "The elevation model covers none of the parcels.",
        do_zh="核对高程模型的范围与坐标系；也可以不给高程模型，按不计土方规划。",
        do_en="check its extent and coordinate system, or plan without it, and so without earthwork.",
        file=dem,
    )


def check_reach(dem: str | Path, boxes: Sequence[systems.Bounds], crs: Any) -> None:
    """Raise ChigaiError unless one of the boxes (in crs) lies on the model, or where it is no elevation model."""
    around = np.array(boxes)
    low, high = around[:, :2].min(axis=0), around[:, 2:].max(axis=0)
    with opened(dem) as model:
        spot = place(model, (float(low[0]), float(low[1]), float(high[0]), float(high[1])), crs)
        size = np.array([model.width, model.height])
    corners = shapely.get_coordinates(shapely.box(*around.T)).reshape(len(around), 5, 2)
    cells = spot.columns_rows(corners.reshape(-1, 2)).reshape(corners.shape)
    meets = (cells.max(axis=1) >= 0) & (cells.min(axis=1) <= size)
    if not meets.all(axis=1).any():
        raise covers_none(dem)


def names_crs(model: Any) -> bool:
    """Whether the raster says in which coordinate system it lies."""
    return systems.known(model.crs.to_wkt() if model.crs else None) is not None


def place(model: Any, bounds: systems.Bounds, crs: Any) -> Place:
    """How parcels within bounds (in crs) lie on the raster. Raises ChigaiError where no sound way leads there."""
    target = systems.known(model.crs.to_wkt() if model.crs else None)
    if target is None:
        raise ChigaiError(
            "高程模型没有坐标系。",
            "The elevation model says no coordinate system.",
            do_zh="请在 GIS 中为它指定坐标系（例如 EPSG:4553）后再用。",
            do_en="Assign it one in a GIS, such as EPSG:4553, and try again.",
            file=model.name,
        )
    source = systems.parse(crs)
    way = None
    if source != target:
        try:
            way = systems.shift(source, target, systems.lonlat(bounds, source))
        except ChigaiError as error:
            raise ChigaiError(
                f"高程模型的坐标系 {target.name} 与地块的 {source.name} 之间没有可靠的转换参数。",
                f"There is no sound transformation between the elevation model's {target.name} "
                f"and the parcels' {source.name}.",
                do_zh="请用本地测绘部门的参数把高程模型转换到 CGCS2000（例如 EPSG:4553）后再用。",
                do_en="Transform the elevation model to CGCS2000, such as EPSG:4553, with the surveying bureau's parameters.",
                file=model.name,
            ) from error
    return Place(way, ~model.transform, model.height, model.width, threading.Lock())


def parts_of(spot: Place, shapes: NDArray[np.object_], rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows in groups that lie together, those off the raster left out."""
    box = shapely.bounds(shapes[rows])
    corners = np.concatenate([box[:, [0, 1]], box[:, [2, 1]], box[:, [2, 3]], box[:, [0, 3]]])
    cells = spot.columns_rows(corners).reshape(4, -1, 2)
    least, most = cells.min(axis=0), cells.max(axis=0)
    with np.errstate(invalid="ignore"):
        on = (most > 0).all(axis=1) & (least < [spot.width, spot.height]).all(axis=1)
    rows, middle = rows[on], ((least + most) / 2)[on]
    tile = np.floor(middle / (_TILE * _thinned((most - least)[on]))).astype(np.int64)
    order = np.lexsort((tile[:, 0], tile[:, 1]))
    cuts = np.flatnonzero(np.diff(tile[order], axis=0).any(axis=1)) + 1
    return [
        group[i : i + _MOST_PARCELS]
        for group in np.split(rows[order], cuts)
        for i in range(0, len(group), _MOST_PARCELS)
    ]


def _thinned(extent: NDArray[np.float64]) -> int:
    """Take every so manieth cell: 1 unless parcels of this many columns and rows have more than enough."""
    if len(extent) == 0:
        return 1
    return max(1, int(np.sqrt(np.median(extent.prod(axis=1)) / (2 * _ENOUGH_CELLS))))


def _levels(
    model: Any, spot: Place, shapes: NDArray[np.object_], ridge_m: float, dem: str | Path
) -> NDArray[np.float64]:
    """Heights of parcels that lie together, from one window."""
    points, at, ring = corners(shapes)
    points = spot.columns_rows(points)
    cells, least, scale = window(model, spot, shapes, points, dem)
    if cells.size == 0:
        return np.full(len(shapes), np.nan)
    points = (points - least) * scale
    metres = spot.metres(shapes) / scale
    found, count = medians(points, at, ring, ridge_m, metres, cells)
    bare = np.flatnonzero(count == 0)
    if len(bare):
        points, at, ring = corners(shapes[bare])
        points = (spot.columns_rows(points) - least) * scale
        found[bare], count[bare] = medians(points, at, ring, 0.0, metres[bare], cells)
        bare = bare[count[bare] == 0]
        anchors = spot.columns_rows(shapely.get_coordinates(shapely.point_on_surface(shapes[bare])))
        found[bare] = _between((anchors - least) * scale, cells)
    return found


def window(
    model: Any, spot: Place, shapes: NDArray[np.object_], points: NDArray[np.float64], dem: str | Path
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """The cells round points (column, row) of shapes that lie together: heights, first column and row, and the scale.

    A point stands at (point - first) * scale in the heights; below 1 where a fine model is read thinned out.
    The heights are empty where the points lie off the raster.
    """
    least = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
    most = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, [spot.width, spot.height])
    wide, high = most - least
    if wide <= 0 or high <= 0:
        return np.empty((0, 0)), least, np.ones(2)
    box = shapely.bounds(shapes)
    extent = np.ptp(spot.columns_rows(np.concatenate([box[:, :2], box[:, 2:]])).reshape(2, -1, 2), axis=0)
    step = max(_thinned(extent), int(np.ceil(np.sqrt(wide * high / _MOST_CELLS))))
    cells = heights(model, least, wide, high, step, dem)
    return cells, least, np.array([cells.shape[1] / wide, cells.shape[0] / high])


def heights(
    model: Any, least: NDArray[np.int64], wide: int, high: int, step: int, dem: str | Path
) -> NDArray[np.float64]:
    """Heights in metres of every step-th cell of a window, float32 or float64, NaN where there are none.

    least: the window's first column and row.
    """
    window = Window(int(least[0]), int(least[1]), int(wide), int(high))
    shape = (-(-int(high) // step), -(-int(wide) // step))
    plain = set(model.mask_flag_enums[0]) <= {MaskFlags.all_valid, MaskFlags.nodata}
    try:
        read = model.read(1, window=window, out_shape=shape, masked=not plain)
    except RasterioError as error:
        raise ChigaiError(
            "高程文件已损坏：有一部分读不出来。",
            "The elevation file is broken: part of it cannot be read.",
            do_zh="请重新复制或导出该文件。",
            do_en="Copy or export it again.",
            file=dem,
        ) from error
    unknown: NDArray[np.bool_] = read == model.nodata if plain else np.ma.getmaskarray(read)
    # small whole numbers and single floats are exact as they are and take half the room
    small = read.dtype in (np.float32, np.int16, np.uint16, np.int8, np.uint8)
    found: NDArray[Any] = np.ma.getdata(read).astype(np.float32 if small else np.float64, copy=False)
    if (model.scales[0], model.offsets[0]) != (1.0, 0.0):
        found = found.astype(np.float64) * model.scales[0] + model.offsets[0]
    with np.errstate(invalid="ignore"):
        unknown |= ~((found > LOWEST_M) & (found < HIGHEST_M))
    found[unknown] = np.nan
    return found


def corners(
    shapes: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Corners float64[k, 2], where each shape's begin int64[n + 1], and the ring of each corner int64[k]."""
    found = rings(shapes)
    length = np.diff(found.at)
    return found.coords, found.at[found.polygon], np.repeat(np.arange(len(length)), length)


def _between(points: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heights at points (column, row) from the four cells round each, weighted by nearness, unknown ones left out."""
    with np.errstate(invalid="ignore"):
        on = ((points >= 0) & (points < [heights.shape[1], heights.shape[0]])).all(axis=1)
    out = np.full(len(points), np.nan)
    x, y = points[on, 0] - 0.5, points[on, 1] - 0.5
    total, weight = np.zeros(len(x)), np.zeros(len(x))
    for dx in (0, 1):
        for dy in (0, 1):
            column, row = np.floor(x) + dx, np.floor(y) + dy
            w = (1 - np.abs(x - column)) * (1 - np.abs(y - row))
            z = heights[
                np.clip(row, 0, heights.shape[0] - 1).astype(int),
                np.clip(column, 0, heights.shape[1] - 1).astype(int),
            ]
            known = ~np.isnan(z)
            total[known] += (w * z)[known]
            weight[known] += w[known]
    with np.errstate(invalid="ignore", divide="ignore"):
        out[on] = np.where(weight > 0, total / weight, np.nan)
    return out
