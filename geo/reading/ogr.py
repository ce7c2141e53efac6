"""The rows of a layer that GDAL opens, read in batches: columns as they are, geometries decoded as they come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio

from geo.errors import ChigaiError
from geo.reading import conditions, sources, wkb
from geo.reading.sources import Layer

BATCH = 65_536
"""Rows that are held as they are in the file at a time."""


def options(layer: Layer, encoding: str | None) -> dict[str, Any]:
    """How GDAL is to open the layer. encoding: of a shapefile's text."""
    if layer.dataset.driver == "ESRI Shapefile":
        return {"encoding": "GB18030" if encoding == "GBK" else encoding or "ISO-8859-1"}
    if layer.dataset.driver == "GPKG" and not any(
        layer.dataset.path.parent.glob(layer.dataset.path.name + "-*")
    ):
        # no lock and no side files in the user's folder
        return {"IMMUTABLE": "YES"}
    return {}


def read(
    layer: Layer,
    columns: Collection[str],
    known: Collection[str],
    where: str | None,
    encoding: str | None,
    limit: int | None,
    expected: int,
    tell: Callable[[float], None],
) -> tuple[pa.Table, wkb.Shapes, np.ndarray]:
    """The columns, the geometries, and the number of each row in the file (from 1).

    known: all columns of the layer; where: an SQL condition; limit: at most so many rows; expected: how many rows
    the file says it has (−1: unknown), fewer are refused; tell is given 0..1 and may raise to stop.
    Raises ConditionError for a condition that cannot be run.
    """
    said, asked = options(layer, encoding), conditions.columns(where, known)
    fids, found, parts, done = [], [], [], 0
    with contextlib.ExitStack() as opened:
        with _readable(layer, where):
            meta, batches = opened.enter_context(
                pyogrio.raw.open_arrow(
                    layer.dataset.path,
                    layer=layer.inner,
                    columns=list(dict.fromkeys([*columns, *asked])),
                    where=conditions.quoted(where, asked) if where else None,
                    return_fids=True,
                    batch_size=min(BATCH, limit or BATCH),
                    use_pyarrow=True,
                    **said,
                )
            )
        schema = batches.schema
        # a column of the file may bear the name that GDAL gives to the row numbers or to the geometry:
        # the numbers come first, the geometry last
        if len(schema) < 2 or schema.names[-1] != (meta["geometry_name"] or "wkb_geometry"):
            raise ChigaiError(
                "图层没有图形列。",
                "The layer has no geometry.",
                file=layer.dataset.name,
                layer=layer.name,
            )
        places = {c: i for i, c in enumerate(schema.names[1:-1], 1)}
        wanted = [places[c] for c in columns]
        while limit is None or done < limit:
            with _readable(layer, where):
                batch = next(batches, None)
            if batch is None:
                break
            batch = batch.slice(0, None if limit is None else limit - done)
            done += batch.num_rows
            fids.append(batch.column(0).to_numpy(zero_copy_only=False).copy())
            found.append(wkb.shapes(batch.column(batch.num_columns - 1)))
            # a batch is one piece of memory, geometries and all: what is kept of it is copied out of it
            parts.append(batch.select(wanted).take(pa.array(np.arange(batch.num_rows))))
            tell(min(done / max(expected, done, 1), 1.0))
    fid = np.concatenate([np.zeros(0, np.int64), *fids])
    if where is None and limit is None and done < expected and done < _counted(layer, expected, said):
        raise ChigaiError(
            f"文件不完整：应有 {expected:,} 行，只读出 {done:,} 行。",
            f"The file is cut short: it should hold {expected:,} rows, {done:,} could be read.",
            do_zh="请重新复制或重新导出。",
            do_en="Copy or export it again.",
            file=layer.dataset.name,
        )
    table = pa.Table.from_batches(parts, schema=pa.schema([schema.field(i) for i in wanted]))
    return table, _straightened(layer, wkb.joined(found), fid, said), _numbers(layer, fid, where, said)


@contextlib.contextmanager
def _readable(layer: Layer, where: str | None) -> Iterator[None]:
    """What GDAL says of a broken file, or of a condition where there is one."""
    try:
        with sources.readable(layer.dataset.name):
            yield
    except ChigaiError as error:
        raise (conditions.ConditionError() if where else error) from error


def _straightened(layer: Layer, found: wkb.Shapes, fids: np.ndarray, said: dict[str, Any]) -> wkb.Shapes:
    """Geometries with arcs are read once more: the quick way of reading keeps arcs, the plain one draws short sides."""
    if not found.curved.any():
        return found
    with sources.readable(layer.dataset.name):
        again = pyogrio.raw.read(
            layer.dataset.path,
            layer=layer.inner,
            columns=[],
            fids=fids[found.curved],
            return_fids=True,
            **said,
        )
    straight = dict(zip(again[1].tolist(), again[2], strict=True))
    drawn = wkb.shapes(pa.array([straight.get(f) for f in fids[found.curved].tolist()], pa.binary()))
    for own, new in (
        (found.geometries, drawn.geometries),
        (found.spoilt, drawn.spoilt),
        (found.mended, drawn.mended),
    ):
        own[found.curved] = new
    return found


def _numbers(layer: Layer, fids: np.ndarray, where: str | None, said: dict[str, Any]) -> np.ndarray:
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
            **said,
        )
    order = every.column(0).to_numpy()
    at = np.argsort(order, kind="stable")
    return at[np.searchsorted(order, fids, sorter=at)] + 1


def _counted(layer: Layer, told: int, said: dict[str, Any]) -> int:
    """Rows of a layer, counted where the number a file keeps may be out of date (GeoPackage); told elsewhere."""
    if layer.dataset.driver != "GPKG":
        return told
    name = layer.inner.replace('"', '""')
    with sources.readable(layer.dataset.name):
        _, table = pyogrio.raw.read_arrow(
            layer.dataset.path, sql=f'SELECT COUNT(*) AS n FROM "{name}"', read_geometry=False, **said
        )
    return int(table.column("n")[0].as_py())
