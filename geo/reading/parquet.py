"""GeoParquet: what a file holds, and its rows, chosen by an SQL condition where one is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geo.errors import ChigaiError
from geo.reading import conditions
from geo.reading.sources import Dataset, readable
from geo.reading.wkb import Shapes, joined, shapes

BATCH = 65_536
"""Rows that are held as they are in the file at a time."""


def head(path: Path, name: str) -> tuple[list[str], Any, bool, str, int]:
    """Columns, CRS as written, whether that is only the format's default, geometry type, number of rows."""
    file = pq.ParquetFile(path)
    geo = _geo(file, name)
    primary = geo["columns"][geo["primary_column"]]
    types = primary.get("geometry_types") or ["Unknown"]
    columns = [
        field.name
        for field in file.schema_arrow
        if field.name not in geo["columns"] and not pa.types.is_nested(field.type)
    ]
    crs = primary.get("crs", "OGC:CRS84")
    return columns, crs, "crs" not in primary, types[0], file.metadata.num_rows


def _geo(file: pq.ParquetFile, name: str) -> dict[str, Any]:
    raw = (file.schema_arrow.metadata or {}).get(b"geo")
    found = json.loads(raw) if raw else None
    if not found or found.get("primary_column") not in found.get("columns", {}):
        raise ChigaiError(
            "这个 Parquet 文件里没有图形（不是 GeoParquet）。",
            "This Parquet file holds no geometry (it is no GeoParquet).",
            do_zh="请用 GeoPandas 或 QGIS 导出为 GeoParquet。",
            do_en="Export it as GeoParquet with GeoPandas or QGIS.",
            file=name,
        )
    return dict(found)


def read(
    dataset: Dataset,
    columns: Collection[str],
    where: str | None,
    limit: int | None,
    tell: Callable[[float], None],
) -> tuple[pa.Table, Shapes, np.ndarray]:
    """The columns, the geometries, and the row numbers (from 1), of the rows that meet the condition.

    limit: at most so many; tell is given 0..1 and may raise to stop. Raises ConditionError.
    """
    with readable(dataset.name):
        file = pq.ParquetFile(dataset.path)
        geo = _geo(file, dataset.name)
        primary, count = geo["primary_column"], file.metadata.num_rows
        chosen = np.arange(count)
        if where:
            asked = conditions.columns(where, head(dataset.path, dataset.name)[0])
            chosen = conditions.matching(file.read(columns=asked), where)
        chosen = chosen[:limit]
        if geo["columns"][primary].get("encoding", "WKB") != "WKB":
            frame = gpd.read_parquet(dataset.path, columns=[primary])
            wkb = shapely.to_wkb(np.asarray(frame.geometry.array, dtype=object))[chosen]
            table = file.read(columns=list(columns)).take(pa.array(chosen)).select(list(columns))
            return table, shapes(pa.array(wkb, pa.binary())), chosen + 1
        batches = file.iter_batches(BATCH, columns=list(dict.fromkeys([*columns, primary])))
    parts, found, at = [], [], 0
    stop = int(chosen[-1]) + 1 if len(chosen) else 0
    while at < stop:
        with readable(dataset.name):
            batch = next(batches)
        first, last = np.searchsorted(chosen, [at, at + batch.num_rows])
        own = chosen[first:last] - at
        at += batch.num_rows
        if len(own) < batch.num_rows:
            batch = batch.take(pa.array(own))
        found.append(shapes(batch.column(primary)))
        parts.append(batch.select(list(columns)))
        tell(min(at / stop, 1.0))
    schema = parts[0].schema if parts else pa.schema([file.schema_arrow.field(c) for c in columns])
    return pa.Table.from_batches(parts, schema), joined(found), chosen + 1
