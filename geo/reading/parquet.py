"""GeoParquet: what a file holds, and its rows, chosen by an SQL condition where one is given."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geo.errors import ChigaiError


class ConditionError(ChigaiError):
    """An SQL condition that cannot be run."""

    def __init__(self) -> None:
        super().__init__("筛选条件不能执行。", "The condition cannot be run.")


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
    path: Path, name: str, columns: Collection[str], where: str | None, limit: int | None
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """The columns, the geometries as WKB, and the row numbers (from 1), of the rows that meet the condition."""
    file = pq.ParquetFile(path)
    geo = _geo(file, name)
    primary = geo["primary_column"]
    known = head(path, name)[0]
    asked = [c for c in known if c.casefold() in where.casefold()] if where else []
    wanted = list(dict.fromkeys([*columns, *asked, primary]))
    if limit is not None and not where and file.metadata.num_rows:
        table = pa.Table.from_batches([next(file.iter_batches(batch_size=limit, columns=wanted))])
    else:
        table = file.read(columns=wanted)
    source_row = np.arange(1, table.num_rows + 1)
    if where:
        chosen = _matching(table.select(asked), where)[:limit]
        table, source_row = table.take(pa.array(chosen)), source_row[chosen]
    if geo["columns"][primary].get("encoding", "WKB") == "WKB":
        wkb = np.asarray(table.column(primary).to_numpy(zero_copy_only=False), dtype=object)
    else:
        frame = gpd.read_parquet(path, columns=[primary])
        wkb = shapely.to_wkb(np.asarray(frame.geometry.array, dtype=object))[source_row - 1]
    return table.select(list(columns)), wkb, source_row


def _matching(table: pa.Table, where: str) -> np.ndarray:
    """Row positions that meet an SQL condition, decided by SQLite in memory with everything but reading denied."""
    names = "".join(', "' + c.replace('"', '""') + '"' for c in table.column_names)
    marks = ", ".join("?" for _ in range(table.num_columns + 1))
    values = [
        [v if isinstance(v, (int, float, str, bytes, type(None))) else str(v) for v in column.to_pylist()]
        for column in table.columns
    ]
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
    memory = sqlite3.connect(":memory:")
    try:
        memory.execute(f'CREATE TABLE "rows" ("chigai row" INTEGER{names})')
        count = range(table.num_rows)
        memory.executemany(f'INSERT INTO "rows" VALUES ({marks})', zip(count, *values, strict=True))
        memory.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY
        )
        found = memory.execute(f'SELECT "chigai row" FROM "rows" WHERE (\n{where}\n)').fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ConditionError from error
    finally:
        memory.close()
    rows = [r[0] for r in found]
    if not all(isinstance(r, int) and 0 <= r < table.num_rows for r in rows):
        raise ConditionError
    return np.array(rows, dtype=np.int64)
