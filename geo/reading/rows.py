"""The rows of one layer as they are in the file: columns, geometries, row numbers; spoilt rows set apart by number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import shapely

from geo.errors import ChigaiError
from geo.reading import encodings, mapping, ogr, parquet, shapefiles, sources
from geo.reading.conditions import ConditionError
from geo.reading.sources import Layer
from geo.schemas import Finding

MAX_VERTICES = 100_000
LISTED = 1000
"""Rows that get a finding of their own, per kind; the rest are counted in one."""


@dataclass(frozen=True)
class Head:
    """What a layer is without its rows. crs: as the file says it, None when it does not; rows: −1 when unknown."""

    columns: list[str]
    crs: Any
    crs_by_default: bool
    """The format has a default CRS and the file names none (GeoJSON, GeoParquet)."""
    geometry_type: str | None
    rows: int
    deleted: int = 0
    """Rows marked as deleted that are still in the file (shapefile)."""


@dataclass(frozen=True)
class Rows:
    """table: the columns asked for; geometries: n, null where missing or spoilt; source_row: n, from 1."""

    table: pa.Table
    geometries: np.ndarray
    source_row: np.ndarray
    findings: list[Finding]


def per_row(
    rows: Sequence[int] | np.ndarray,
    kind: str,
    zh: str,
    en: str,
    *,
    severity: Any = "error",
    action: Any = "left_out",
) -> list[Finding]:
    """A finding for each of the rows (numbered from 1); beyond LISTED, one that counts the rest."""
    found = [Finding(kind, severity, action, zh, en, row=int(r)) for r in rows[:LISTED]]
    if len(rows) > LISTED:
        rest = len(rows) - LISTED
        found.append(
            Finding(kind, severity, action, f"另有 {rest:,} 行同样：{zh}", f"{rest:,} more rows: {en}")
        )
    return found


def head(layer: Layer, encoding: str | None = None) -> Head:
    """The layer's columns, CRS and size, without reading its rows. encoding: of a shapefile's column names."""
    path, driver = layer.dataset.path, layer.dataset.driver
    if driver == "Parquet":
        with sources.readable(layer.dataset.name):
            return Head(*parquet.head(path, layer.dataset.name))
    with sources.readable(layer.dataset.name):
        info = pyogrio.read_info(path, layer=layer.inner, **ogr.options(layer, None))
    if info["driver"] not in (driver, f"{driver}Seq"):
        raise ChigaiError(
            f"文件内容是 {info['driver']}，已拒绝读取。",
            f"The file's content is {info['driver']}; it was refused.",
            file=layer.dataset.name,
        )
    columns = [str(c) for c in info["fields"]]
    if driver == "ESRI Shapefile" and (dbf := shapefiles.part(path, ".dbf")) is not None:
        columns = list(encodings.column_names(dbf, encoding))
    by_default = driver == "GeoJSON" and not sources.is_json_with_crs(path)
    count = int(info["features"])
    deleted = shapefiles.deleted(path) if driver == "ESRI Shapefile" else 0
    return Head(columns, info["crs"], by_default, info["geometry_type"], count - deleted, deleted)


def read(
    layer: Layer,
    columns: Collection[str],
    *,
    where: str | None = None,
    encoding: str | None = None,
    limit: int | None = None,
    expected: int = -1,
    progress: Callable[[float], None] | None = None,
) -> Rows:
    """The rows of a layer.

    columns: the ones to read. where: an SQL condition. limit: at most so many rows (a preview).
    expected: how many rows the file says it has (−1: unknown); fewer are refused. progress is given 0..1 as rows
    come, and may raise to stop.
    Geometries stay as they are, but for spoilt ones and ones beyond MAX_VERTICES, which become null.
    """
    tell = progress or (lambda fraction: None)
    try:
        if layer.dataset.driver == "Parquet":
            table, shapes, source_row = parquet.read(layer.dataset, columns, where, limit, tell)
        else:
            known = head(layer, encoding).columns if where else []
            table, shapes, source_row = ogr.read(
                layer, columns, known, where, encoding, limit, expected, tell
            )
    except ConditionError as error:
        raise _bad_where(layer, where) from error
    if len(source_row) == 0:
        raise _nothing(layer, where)
    geometries, spoilt, mended = shapes.geometries, shapes.spoilt, shapes.mended
    findings = per_row(
        source_row[shapes.curved],
        "arcs_straightened",
        "边界含圆弧，已化为短直线。",
        "The outline has arcs; they were turned into short straight sides.",
        severity="info",
        action="mended",
    )
    if layer.dataset.driver == "ESRI Shapefile":
        spoilt |= _spoilt_records(layer, geometries, source_row)
    geometries[spoilt] = None
    findings += per_row(
        source_row[spoilt],
        "unreadable_geometry",
        "图形数据已损坏，读不出来，该行不参与规划。",
        "The row's geometry is spoilt and cannot be read; the row is left out.",
    )
    findings += per_row(
        source_row[mended & ~spoilt],
        "ring_not_closed",
        "边界线没有闭合，已闭合。",
        "The outline was not closed; it was closed.",
        severity="warning",
        action="mended",
    )
    findings += _too_many(geometries, source_row)
    return Rows(table, geometries, source_row, findings)


def _nothing(layer: Layer, where: str | None) -> ChigaiError:
    if where:
        return ChigaiError(
            f"没有一行满足条件：{where}",
            f"No row meets the condition: {where}",
            do_zh="请检查条件里的列名和取值。",
            do_en="Check the column and the values in it.",
            file=layer.dataset.name,
            layer=layer.name,
        )
    return ChigaiError(
        "图层是空的，一行也没有。",
        "The layer is empty: it has no rows.",
        do_zh="请检查导出时的选择范围。",
        do_en="Check what was selected when it was exported.",
        file=layer.dataset.name,
        layer=layer.name,
    )


def _bad_where(layer: Layer, where: str | None) -> ChigaiError:
    columns = [c for c in head(layer).columns if not mapping.is_personal(c)]
    return ChigaiError(
        f"筛选条件不能执行：{where}",
        f"The condition cannot be run: {where}",
        do_zh=f"条件写成 SQL，例如 land_type=100 或 乡镇='兴凯湖乡'。文件里的列：{'、'.join(columns[:30])}。",
        do_en=f"Write it in SQL, such as land_type=100 or NAME='x'. The file's columns: {', '.join(columns[:30])}.",
        file=layer.dataset.name,
        layer=layer.name,
    )


def _spoilt_records(layer: Layer, geometries: np.ndarray, source_row: np.ndarray) -> np.ndarray:
    """Rows of a shapefile whose record holds something else than what was read from it."""
    said = shapefiles.records(layer.dataset.path)
    at = source_row - 1
    spoilt = said.filled[at] & shapely.is_missing(geometries)
    box = said.bounds[at]
    real = shapely.bounds(geometries)
    size = np.maximum(np.nanmax(np.abs(real), axis=1, initial=1.0), 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        differs = np.abs(box - real).max(axis=1) > 1e-9 * size + 1e-6
    differs &= np.isfinite(real).all(axis=1)
    # a writer that never set its boxes is sloppy, not spoilt
    return spoilt | differs if differs.sum() * 10 <= len(differs) + 10 else spoilt


def _too_many(geometries: np.ndarray, source_row: np.ndarray) -> list[Finding]:
    """Takes out (to null) geometries with more vertices than any parcel has."""
    counts = shapely.get_num_coordinates(geometries)
    findings = []
    for i in np.flatnonzero(counts > MAX_VERTICES):
        zh = f"一个图形有 {counts[i]:,} 个顶点，超过上限 {MAX_VERTICES:,}，该行不参与规划；请先简化。"
        en = (
            f"One geometry has {counts[i]:,} vertices, beyond the limit of {MAX_VERTICES:,}; "
            "the row is left out: simplify it first."
        )
        findings.append(Finding("too_many_vertices", "error", "left_out", zh, en, row=int(source_row[i])))
        geometries[i] = None
    return findings
