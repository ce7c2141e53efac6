"""What a phone sends back: a package unpacked, its table of reports filled as QField fills it, and packed again."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely

TYPES = {"done_mu": "float64", "block_version": "Int32", "zone_minutes": "Int32"}
COLUMNS = (
    "uuid", "plan_id", "block_id", "block_version", "kind", "happened", "zone_minutes", "done_mu", "note", "photo", "sent_by",
)  # fmt: skip


def row(kind: str, happened: str, block: str = "b1", **values: Any) -> dict[str, Any]:
    """A row as the form leaves it; what is not given is NULL but for what fills itself."""
    return {
        "uuid": str(uuid.uuid4()), "plan_id": "p", "block_id": block, "block_version": 1, "kind": kind,
        "happened": happened,
    } | values  # fmt: skip


def unpacked(package: Path, folder: Path) -> Path:
    """The package as a folder on the phone."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def fill(folder: Path, rows: list[dict[str, Any]], photos: dict[str, bytes] | None = None) -> Path:
    """Add rows to the package's table of reports, each at a place, and photos by their paths."""
    names = list(dict.fromkeys([*COLUMNS, *(name for values in rows for name in values)]))
    columns = {
        name: pd.Series([values.get(name) for values in rows], dtype=TYPES.get(name, "object"))
        for name in names
    }
    places = [shapely.Point(530_050, 5_070_050)] * len(rows)
    frame = gpd.GeoDataFrame(columns, geometry=places, crs=4553)
    path = folder / "blocks.gpkg"
    pyogrio.write_dataframe(
        frame[[*COLUMNS, "geometry"]], path, layer="reports", append=True, use_arrow=False
    )
    for name, content in (photos or {}).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def packed(folder: Path, path: Path) -> Path:
    """The folder as the ZIP that QField sends."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def by_sqlite(path: Path, statements: list[str], *, keep_wal: bool = False) -> None:
    """Change a GeoPackage past GDAL, in a process of its own. keep_wal: as a phone that was switched off leaves it."""
    code = """
import os, shutil, sqlite3, sys, json
path, statements, keep = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] == "1"
c = sqlite3.connect(path, isolation_level=None)
c.create_function("ST_IsEmpty", 1, lambda g: 0)
for name in ("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
    c.create_function(name, 1, lambda g: 0.0)
if keep:
    c.execute("PRAGMA journal_mode=WAL"); c.execute("PRAGMA wal_autocheckpoint=0")
for s in statements:
    c.execute(s)
if keep:
    for suffix in ("", "-wal"):
        shutil.copyfile(path + suffix, path + ".copy" + suffix)
    c.close()
    for suffix in ("", "-wal"):
        os.replace(path + ".copy" + suffix, path + suffix)
"""
    words = [sys.executable, "-c", code, str(path), json.dumps(statements), str(int(keep_wal))]
    subprocess.run(words, check=True, timeout=60)
