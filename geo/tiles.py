"""Map data of a table: longitude and latitude once, questions by box or by row, answers as GeoJSON bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

DECIMALS = 7
"""Of a degree: one centimetre on the ground."""

Shift = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[Any, Any]]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Layer:
    """Rows that a map can ask for. n rows.

    table: what is told of each row (plain columns). geoms: object[n], degrees, none missing or empty.
    size: float64[n]; where an answer is cut short, the larger come first.
    """

    table: pd.DataFrame
    geoms: NDArray[np.object_]
    size: NDArray[np.float64]

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """float64[n, 4]: west, south, east, north of each row."""
        return shapely.bounds(self.geoms).reshape(-1, 4)

    @cached_property
    def extent(self) -> Box | None:
        """West, south, east, north of all rows; None where there are none."""
        if not len(self.geoms):
            return None
        low, high = self.bounds.min(axis=0), self.bounds.max(axis=0)
        return float(low[0]), float(low[1]), float(high[2]), float(high[3])

    def in_box(self, box: Box, where: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
        """Rows whose bounds meet the box, largest first."""
        west, south, east, north = box
        b = self.bounds
        hit = (b[:, 0] <= east) & (b[:, 2] >= west) & (b[:, 1] <= north) & (b[:, 3] >= south)
        if where is not None:
            hit &= where
        rows = np.flatnonzero(hit)
        return rows[np.argsort(-self.size[rows], kind="stable")]

    def geojson(
        self, rows: NDArray[np.intp], limit: int, zoom: int | None = None, total: int | None = None
    ) -> bytes:
        """The first `limit` of `rows` as a FeatureCollection, with "total" and "shown".

        zoom: level of the web map; shapes are thinned to half a pixel of it. total: where there are more than `rows`.
        """
        shown = rows[:limit]
        geoms = self.geoms[shown]
        if zoom is not None and len(geoms):
            geoms = shapely.simplify(geoms, 180 / (256 * 2**zoom), preserve_topology=True)
        shapes = shapely.to_geojson(geoms)
        told = self.table.iloc[shown].to_json(
            orient="records", lines=True, force_ascii=False, double_precision=6
        )
        # one record a line, made by pandas in C: no dictionary per feature. Not splitlines: text may hold \u2028
        records = told.split("\n")[: len(shown)]
        features = ",".join(
            f'{{"type":"Feature","properties":{told_of},"geometry":{shape}}}'
            for told_of, shape in zip(records, shapes, strict=True)
        )
        head = f'{{"type":"FeatureCollection","total":{len(rows) if total is None else total},"shown":{len(shown)},"features":['
        return (head + features + "]}").encode("utf-8")


def layer(
    frame: gpd.GeoDataFrame,
    columns: Sequence[str],
    *,
    size: str | NDArray[np.float64] | None = None,
    shift: Shift | None = None,
) -> Layer:
    """A table (any CRS) as a layer that tells `columns`; rows without a shape are left out.

    size: column or float64[n] that ranks rows (default: all alike, in the order of the table).
    shift: moves longitudes and latitudes, for a basemap on another datum.
    """
    geoms = np.asarray(frame.geometry.array, dtype=object)
    has = ~(shapely.is_missing(geoms) | shapely.is_empty(geoms))
    if isinstance(size, str):
        size = frame[size].to_numpy(np.float64)
    rank = np.zeros(len(frame)) if size is None else np.nan_to_num(np.asarray(size, np.float64))
    return Layer(
        frame.loc[has, list(columns)].reset_index(drop=True),
        lonlat(geoms[has], frame.crs, shift),
        rank[has],
    )


def lonlat(geoms: NDArray[np.object_], crs: Any, shift: Shift | None = None) -> NDArray[np.object_]:
    """Geometries of `crs` as 2D longitude and latitude (WGS 84), rounded to DECIMALS."""
    flat = shapely.force_2d(geoms)
    if not len(flat):
        return flat
    xy = shapely.get_coordinates(flat)
    lon, lat = xy[:, 0], xy[:, 1]
    if crs is not None:
        # CGCS2000 and WGS 84 differ by centimetres, which a picture may leave aside
        lon, lat = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(lon, lat)
    if shift is not None:
        lon, lat = shift(lon, lat)
    return shapely.set_coordinates(flat, np.round(np.column_stack([lon, lat]), DECIMALS))


def inner_points(geoms: NDArray[np.object_]) -> NDArray[np.object_]:
    """One point of each geometry, inside it, rounded to DECIMALS."""
    points = shapely.point_on_surface(geoms)
    return shapely.points(np.round(shapely.get_coordinates(points), DECIMALS)) if len(points) else points


def around(boxes: Sequence[Box]) -> Box | None:
    """West, south, east, north of all boxes together; None where there are none."""
    if not boxes:
        return None
    b = np.asarray(boxes)
    return float(b[:, 0].min()), float(b[:, 1].min()), float(b[:, 2].max()), float(b[:, 3].max())


def middles(layers: Sequence[Layer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the middle of each row of all layers."""
    b = np.vstack([np.empty((0, 4)), *(each.bounds for each in layers if len(each.geoms))])
    return (b[:, 0] + b[:, 2]) / 2, (b[:, 1] + b[:, 3]) / 2


def footprint(x: NDArray[np.float64], y: NDArray[np.float64], cells: int = 120) -> bytes:
    """Where shapes lie, coarsely: the cells of a grid that hold any of their middles, merged, as one GeoJSON Feature.

    x, y: float64[n], degrees. A map can show it at any zoom for the price of a few hundred vertices, however many
    rows there are.
    """
    x, y = x[~np.isnan(x)], y[~np.isnan(x)]
    if not len(x):
        return b'{"type":"Feature","properties":{},"geometry":null}'
    west, south = x.min(), y.min()
    # cells square on the ground, not in degrees
    step = max(float(np.ptp(x)), float(np.ptp(y)) / max(np.cos(np.radians(south)), 0.1), 1e-4) / cells
    tall = step * np.cos(np.radians(south))
    row = ((y - south) // tall).astype(np.int64)
    i, j = np.divmod(np.unique(((x - west) // step).astype(np.int64) * (row.max() + 1) + row), row.max() + 1)
    x0, y0 = west + i * step, south + j * tall
    merged = shapely.union_all(shapely.box(x0, y0, x0 + step, y0 + tall), grid_size=1e-6)
    return json.dumps(
        {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(merged))},
        separators=(",", ":"),
    ).encode("utf-8")
