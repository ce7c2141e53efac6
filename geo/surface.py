"""The ground inside each block as surveyed, cell by cell: what levelling it moves, and a map of the depths."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.windows import Window

from geo import crs as systems
from geo.cells import rooms, within
from geo.compiled import kernel
from geo.errors import ChigaiError
from geo.terrain import by_parts, corners, heights, opened, parts_of, place, window

NODATA = -9999.0
"""Depth of a cell that lies in no block, or has no height."""
_TILE = 1024
"""Cells along the side of the windows in which the map is written; a multiple of 16, as GeoTIFF's tiles are."""


@dataclass(frozen=True)
class Surface:
    """Of each of n shapes: mean height m (NaN where no cell has one), cut and fill to its level m³, cells counted."""

    level_m: NDArray[np.float64]
    cut_m3: NDArray[np.float64]
    fill_m3: NDArray[np.float64]
    cells: NDArray[np.int64]


def surface(
    geoms: NDArray[np.object_], dem: str | Path, crs: Any, level_m: NDArray[np.float64] | None = None
) -> Surface:
    """What it takes to level each shape's cells: those whose middles lie in it stand for its whole area.

    geoms: Polygons or MultiPolygons in projected metres of crs; dem: as geo.terrain.elevations takes it.
    level_m: float64[n], the level to make; without it (or where NaN) the cells' mean, so that cut equals fill.
    A model finer than the shapes need is read thinned out, and windows are read one after the other.
    A ridge or a rough field that the model sees is moved too: the figure lies above that of level parcels.
    """
    shapes = np.asarray(geoms, dtype=object)
    n = len(shapes)
    wanted = np.full(n, np.nan) if level_m is None else np.asarray(level_m, float)
    out = np.full((4, n), np.nan)
    out[1:] = 0.0
    rows = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    with opened(dem) as model:
        driver = model.driver
        if len(rows) == 0:
            return Surface(out[0], out[1], out[2], out[3].astype(np.int64))
        spot = place(model, cast(systems.Bounds, tuple(shapely.total_bounds(shapes[rows]))), crs)
    parts = parts_of(spot, shapes, rows)

    def found(own: Any, part: NDArray[np.int64]) -> NDArray[np.float64]:
        points, at, ring = corners(shapes[part])
        points = spot.columns_rows(points)
        cells, least, scale = window(own, spot, shapes[part], points, dem)
        if cells.size == 0:
            return out[:, part]
        return depths((points - least) * scale, at, ring, cells, wanted[part], shapely.area(shapes[part]))

    for part, figures in by_parts(parts, found, dem, driver):
        out[:, part] = figures
    return Surface(out[0], out[1], out[2], out[3].astype(np.int64))


@kernel
def depths(points, at, ring, heights, level, area):
    """Mean height m, cut and fill m³, number of cells of each shape: float64[4, n].

    points, ring, heights as in geo.cells.within; at: int64[n + 1]; level: float64[n] m, NaN for the mean;
    area: float64[n] m², which the cells that have a height stand for.
    """
    n = len(at) - 1
    out = np.zeros((4, n))
    held, cuts, near = rooms(points, at, heights)
    step = np.eye(2)
    for i in range(n):
        _, kept = within(points, at[i], at[i + 1], ring, 0.0, step, heights, held, cuts, near)
        out[0, i] = np.nan
        out[3, i] = kept
        if kept == 0:
            continue
        # from a base of their own: sums of heights over hundreds of metres lose millimetres
        base = held[0]
        mean = 0.0
        for k in range(kept):
            mean += held[k] - base
        mean = base + mean / kept
        wanted = mean if np.isnan(level[i]) else level[i]
        for k in range(kept):
            above = held[k] - wanted
            if above > 0:
                out[1, i] += above
            else:
                out[2, i] -= above
        out[0, i] = mean
        out[1, i] *= area[i] / kept
        out[2, i] *= area[i] / kept
    return out


def depth_map(
    geoms: NDArray[np.object_], level_m: NDArray[np.float64], dem: str | Path, crs: Any, out: Path
) -> Path:
    """Write how deep each cell is cut (above 0) or filled (below 0), m, as a GeoTIFF on the model's own grid.

    geoms, crs: shapes in projected metres; level_m: float64[n], the level of each, NaN for none. The map reaches
    as far as the shapes do and is written window by window, beside `out` first. Raises ChigaiError where
    nothing of the model lies under the shapes or the file cannot be written.
    """
    with opened(dem) as model:
        shapes = np.asarray(geoms, dtype=object)
        here = np.flatnonzero(np.isfinite(level_m) & ~shapely.is_empty(shapes))
        left, top, right, low = 0, 0, 0, 0
        if len(here):
            spot = place(model, cast(systems.Bounds, tuple(shapely.total_bounds(shapes[here]))), crs)
            grid = cast(NDArray[np.object_], shapely.transform(shapes[here], spot.columns_rows))
            box = shapely.total_bounds(grid)
            left, top = np.maximum(np.floor(box[:2]), 0).astype(int).tolist()
            right, low = np.minimum(np.ceil(box[2:]), [model.width, model.height]).astype(int).tolist()
        if right <= left or low <= top:
            raise ChigaiError(
                "高程模型没有覆盖任何一个大池。",
                "The elevation model covers none of the blocks.",
                do_zh="请给出规划时所用的高程模型。",
                do_en="give the elevation model that the plan was made with.",
                file=dem,
            )
        profile = {
            "driver": "GTiff", "dtype": "float32", "count": 1, "nodata": NODATA, "width": right - left,
            "height": low - top, "crs": model.crs, "compress": "deflate", "predictor": 3, "tiled": True,
            "transform": model.transform @ model.transform.translation(left, top), "bigtiff": "if_safer",
            "sparse_ok": True,
        }  # fmt: skip
        part = out.with_name(f".{out.name}.part")
        try:
            with rasterio.open(part, "w", **profile) as made:
                tree = shapely.STRtree(grid)
                for row in range(top, low, _TILE):
                    for column in range(left, right, _TILE):
                        size = min(_TILE, right - column), min(_TILE, low - row)
                        cells = _tile(model, tree, grid, level_m[here], (column, row), size, dem)
                        if cells is not None:  # what is not written takes no room and reads as NODATA
                            made.write(cells, 1, window=Window(column - left, row - top, *size))
            part.replace(out)
        except (OSError, RasterioError) as error:
            raise ChigaiError(
                "挖填深度图无法写入。",
                "The map of depths cannot be written.",
                do_zh="请检查位置和剩余空间。",
                do_en="check the place and the space left.",
                file=out,
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return out


def _tile(
    model: Any,
    tree: shapely.STRtree,
    grid: NDArray[np.object_],
    level_m: NDArray[np.float64],
    first: tuple[int, int],
    size: tuple[int, int],
    dem: str | Path,
) -> NDArray[np.float32] | None:
    """Depths of the cells of one window; None where it holds no shape."""
    column, row = first
    hit = tree.query(shapely.box(column, row, column + size[0], row + size[1]))
    if len(hit) == 0:
        return None
    cells = np.full((size[1], size[0]), NODATA, np.float32)
    # a cell's middle decides which block it lies in, as in `depths`
    shifted = shapely.transform(grid[hit], lambda xy: xy - np.array([column, row]))
    which = rasterize(zip(shifted, range(1, len(hit) + 1), strict=True), out_shape=cells.shape, dtype="int32")
    read = heights(model, np.array(first), size[0], size[1], 1, dem)
    there = (which > 0) & np.isfinite(read)
    cells[there] = (read[there] - level_m[hit][which[there] - 1]).astype(np.float32)
    return cells
