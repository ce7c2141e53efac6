"""The rows of one layer as they are in the file: columns, geometries, row numbers; spoilt rows set apart by number."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import shapely

from geo.errors import ChigaiError
from geo.reading import encodings, mapping, parquet, shapefiles, sources
from geo.reading import wkb as wkb_
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


def _options(layer: Layer, encoding: str | None) -> dict[str, Any]:
    if layer.dataset.driver == "ESRI Shapefile":
        return {"encoding": "GB18030" if encoding == "GBK" else encoding or "ISO-8859-1"}
    if layer.dataset.driver == "GPKG" and not any(
        layer.dataset.path.parent.glob(layer.dataset.path.name + "-*")
    ):
        # no lock and no side files in the user's folder
        return {"IMMUTABLE": "YES"}
    return {}


def head(layer: Layer, encoding: str | None = None) -> Head:
    """The layer's columns, CRS and size, without reading its rows. encoding: of a shapefile's column names."""
    path, driver = layer.dataset.path, layer.dataset.driver
    if driver == "Parquet":
        with sources.readable(layer.dataset.name):
            return Head(*parquet.head(path, layer.dataset.name))
    with sources.readable(layer.dataset.name):
        info = pyogrio.read_info(path, layer=layer.inner, **_options(layer, None))
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
) -> Rows:
    """The rows of a layer.

    columns: the ones to read. where: an SQL condition. limit: at most so many rows (a preview).
    expected: how many rows the file says it has (−1: unknown); fewer are refused.
    Geometries stay as they are, but for spoilt ones and ones beyond MAX_VERTICES, which become null.
    """
    if layer.dataset.driver == "Parquet":
        table, wkb, source_row = _read_parquet(layer, columns, where, limit)
        curved = np.zeros(len(wkb), dtype=bool)
    else:
        table, wkb, source_row, curved = _read_ogr(layer, columns, where, encoding, limit, expected)
    if len(source_row) == 0:
        raise _nothing(layer, where)
    geometries, spoilt, mended = wkb_.decode(wkb)
    findings = per_row(
        source_row[curved],
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


def _read_ogr(
    layer: Layer,
    columns: Collection[str],
    where: str | None,
    encoding: str | None,
    limit: int | None,
    expected: int,
) -> tuple[pa.Table, np.ndarray, np.ndarray, np.ndarray]:
    options = _options(layer, encoding)
    path = layer.dataset.path
    # a column that is not read is null to a condition, which then silently chooses the wrong rows
    asked = [c for c in head(layer, encoding).columns if c.casefold() in where.casefold()] if where else []
    condition = _quoted(where, asked) if where else None
    try:
        with sources.readable(layer.dataset.name):
            meta, table = pyogrio.raw.read_arrow(
                path,
                layer=layer.inner,
                columns=list(dict.fromkeys([*columns, *asked])),
                where=condition,
                max_features=limit,
                return_fids=True,
                **options,
            )
    except ChigaiError as error:
        raise (_bad_where(layer, where) if where else error) from error
    # a column of the file may bear the name that GDAL gives to the row numbers or to the geometry:
    # the numbers come first, the geometry last
    name = meta["geometry_name"] or "wkb_geometry"
    if table.num_columns < 2 or table.column_names[-1] != name:
        raise ChigaiError(
            "图层没有图形列。",
            "The layer has no geometry.",
            file=layer.dataset.name,
            layer=layer.name,
        )
    fids, shapes = table.column(0).to_numpy(), table.column(table.num_columns - 1)
    places = {c: i for i, c in enumerate(table.column_names[1:-1], 1)}
    if (
        where is None
        and limit is None
        and len(fids) < expected
        and len(fids) < _counted(layer, expected, options)
    ):
        raise ChigaiError(
            f"文件不完整：应有 {expected:,} 行，只读出 {len(fids):,} 行。",
            f"The file is cut short: it should hold {expected:,} rows, {len(fids):,} could be read.",
            do_zh="请重新复制或重新导出。",
            do_en="Copy or export it again.",
            file=layer.dataset.name,
        )
    wkb = np.asarray(shapes.to_numpy(zero_copy_only=False), dtype=object)
    curved = wkb_.curved(shapes)
    if curved.any():
        # the quick way of reading keeps arcs, the plain one turns them into short straight sides
        with sources.readable(layer.dataset.name):
            again = pyogrio.raw.read(
                path, layer=layer.inner, columns=[], fids=fids[curved], return_fids=True, **options
            )
        straight = dict(zip(again[1].tolist(), again[2], strict=True))
        wkb[curved] = [straight.get(f) for f in fids[curved].tolist()]
    source_row = _numbers(layer, fids, where, options)
    return table.select([places[c] for c in columns]), wkb, source_row, curved


def _quoted(where: str, columns: Collection[str]) -> str:
    """The condition with Chinese column names in double quotes, without which GDAL's own SQL knows none."""
    names = {c.casefold(): c for c in columns if not c.isascii()}

    def word(match: re.Match[str]) -> str:
        name = names.get(match.group().casefold())
        return match.group() if name is None else f'"{name}"'

    # what stands in quotes already is passed over whole
    return re.sub(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+""", word, where)


def _numbers(layer: Layer, fids: np.ndarray, where: str | None, options: dict[str, Any]) -> np.ndarray:
    """The place of each row in the layer's table, from 1, whatever was chosen from it."""
    if layer.dataset.driver == "ESRI Shapefile":
        return fids.astype(np.int64) + 1
    if where is None:
        return np.arange(1, len(fids) + 1)
    with sources.readable(layer.dataset.name):
        _, every = pyogrio.raw.read_arrow(
            layer.dataset.path,
            layer=layer.inner,
            columns=[],
            read_geometry=False,
            return_fids=True,
            **options,
        )
    order = every.column(0).to_numpy()
    at = np.argsort(order, kind="stable")
    return at[np.searchsorted(order, fids, sorter=at)] + 1


def _counted(layer: Layer, said: int, options: dict[str, Any]) -> int:
    """Rows of a layer, counted where the number a file keeps may be out of date (GeoPackage); said elsewhere."""
    if layer.dataset.driver != "GPKG":
        return said
    name = layer.inner.replace('"', '""')
    with sources.readable(layer.dataset.name):
        _, table = pyogrio.raw.read_arrow(
            layer.dataset.path, sql=f'SELECT COUNT(*) AS n FROM "{name}"', read_geometry=False, **options
        )
    return int(table.column("n")[0].as_py())


def _read_parquet(
    layer: Layer, columns: Collection[str], where: str | None, limit: int | None
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    try:
        with sources.readable(layer.dataset.name):
            return parquet.read(layer.dataset.path, layer.dataset.name, columns, where, limit)
    except parquet.ConditionError as error:
        raise _bad_where(layer, where) from error


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
