"""Files and folders that are there whole or not at all: written beside, flushed, renamed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from geo.errors import ChigaiError

ROW_GROUP = 50_000
"""Rows per Parquet row group: small enough that a page can read one county, large enough to compress."""


def write_geo(frame: gpd.GeoDataFrame, path: Path, rows: int = ROW_GROUP) -> None:
    """Write a table with geometry as GeoParquet with the box of each row. rows: of a row group."""
    frame.to_parquet(path, index=False, compression="zstd", row_group_size=rows, write_covering_bbox=True)


def read_geo(path: Path) -> gpd.GeoDataFrame:
    """A table with geometry."""
    return gpd.read_parquet(path)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without geometry as Parquet."""
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


def require_place(out: Path) -> None:
    """Raise ChigaiError where the folder that a file is to be written into is not there."""
    if not out.parent.is_dir():
        raise ChigaiError(
            f"输出文件夹“{out.parent.name}”不存在。",
            f"The output folder '{out.parent.name}' does not exist.",
            do_zh="先建立该文件夹，或换一个位置。",
            do_en="make the folder first, or name another place.",
            file=out,
        )


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk; Windows keeps the names itself."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(folder: Path) -> None:
    """Flush a folder and everything below it."""
    for path in sorted(folder.rglob("*")):
        flush(path)
    flush(folder)


def put_in_place(beside: Path, folder: Path) -> None:
    """Rename a whole folder into place; what was there goes after, and comes back if the rename fails."""
    old = folder.with_name(beside.name.removesuffix(".part") + ".old")
    if folder.exists():
        folder.rename(old)
    try:
        beside.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
    flush(folder.parent)
