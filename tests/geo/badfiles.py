"""Writes the files that bureaus send: sound ones in every format, and each of them spoilt in a known way."""

from __future__ import annotations

import shutil
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from geo.reading import Loaded

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


def paddies(
    n: int = 12, crs: int | None = 4553, x: float = 500_000, y: float = 5_000_000
) -> gpd.GeoDataFrame:
    """n paddies of 25 × 40 m (1.5 mu) in a row, as a DK table of county 230381."""
    boxes = [shapely.box(x + 30 * i, y, x + 30 * i + 25, y + 40) for i in range(n)]
    return gpd.GeoDataFrame(
        {
            "DKMC": ["兴凯湖边地"] * n,
            "DKBM": [f"2303811002010{i:06d}" for i in range(1, n + 1)],
            "SCMJM": np.full(n, 1.5),
            "SCMJ": np.full(n, 1000.0),
            "TDLYLX": ["011"] * n,
            "DKDZ": ["张三"] * n,
            "ZJRXM": ["李四"] * n,
        },
        geometry=boxes,
        crs=crs,
    )


def land_use(crs: int = 4553) -> gpd.GeoDataFrame:
    """A DLTB table: three paddies, a road, a main canal, a shelterbelt, dry land."""
    codes = ["0101", "0101", "0101", "1006", "1107A", "0307", "0103"]
    boxes = [shapely.box(500_000 + 60 * i, 5_000_000, 500_050 + 60 * i, 5_000_100) for i in range(len(codes))]
    return gpd.GeoDataFrame(
        {
            "BSM": [f"23038121{i:010d}" for i in range(len(codes))],
            "TBBH": [f"{i:04d}" for i in range(len(codes))],
            "DLBM": codes,
            "ZLDWDM": ["2303811002010000000"] * len(codes),
            "ZLDWMC": ["兴凯村"] * len(codes),
            "TBMJ": [5001.5] * len(codes),
            "XZDWKD": [0.0, 0, 0, 6.5, 0, 0, 0],
        },
        geometry=boxes,
        crs=crs,
    )


def shapefile(
    folder: Path,
    frame: gpd.GeoDataFrame,
    name: str = "DK2303812019",
    encoding: str = "GBK",
    cpg: bool = False,
    prj: bool = True,
) -> Path:
    """A shapefile of the frame; without .cpg and language id unless wanted, as many producers leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.shp"
    with warnings.catch_warnings():
        # a frame without CRS is meant to have none
        warnings.simplefilter("ignore", UserWarning)
        frame.to_file(path, encoding=encoding)
    if not cpg:
        path.with_suffix(".cpg").unlink()
        language(path, 0)
    if not prj:
        path.with_suffix(".prj").unlink(missing_ok=True)
    return path


def language(shp: Path, code: int) -> None:
    """Sets the language driver id of the .dbf."""
    dbf = shp.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    content[29] = code
    dbf.write_bytes(content)


def cut(path: Path, keep: float) -> Path:
    """Leaves only the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def zipped(files: list[Path], target: Path, folder: str = "", gbk: bool = False) -> Path:
    """A zip of the files; gbk: the names are written in GBK without saying so, as Windows does."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            name = folder + file.name
            archive.writestr(_gbk(name) if gbk else name, file.read_bytes())
    return target


class _Gbk(zipfile.ZipInfo):
    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def _gbk(name: str) -> zipfile.ZipInfo:
    info = _Gbk(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def parts(shp: Path) -> list[Path]:
    """The files of a shapefile that are there."""
    return [p for s in PARTS if (p := shp.with_suffix(s)).exists()]


def zip_with(target: Path, name: str, content: bytes = b"x", link: bool = False) -> Path:
    """A zip with one member of any name; link: as a symbolic link."""
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    info.compress_type = zipfile.ZIP_DEFLATED
    if link:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(info, content)
    return target


def spoil_record(shp: Path, row: int, what: str) -> None:
    """Spoils the record of a row (from 1): 'points' its count of points,
    'corner' one coordinate, 'open' its ring,
    'nan' makes a coordinate no number."""
    shx = shp.with_suffix(".shx").read_bytes()
    offset = struct.unpack(">i", shx[100 + 8 * (row - 1) :][:4])[0] * 2 + 8
    content = bytearray(shp.read_bytes())
    first = offset + 48
    if what == "points":
        content[offset + 40 : offset + 44] = struct.pack("<i", 1_000_000)
    elif what == "corner":
        content[first + 16 + 6] ^= 0x40
    elif what == "open":
        y = struct.unpack("<d", content[first + 8 : first + 16])[0]
        content[first + 8 : first + 16] = struct.pack("<d", y + 0.25 if y == 5_000_000 else y - 0.25)
    elif what == "nan":
        content[first + 16 : first + 24] = struct.pack("<d", float("nan"))
    shp.write_bytes(content)


def delete_row(shp: Path, row: int) -> None:
    """Marks a row (from 1) of the .dbf as deleted, as editors do until the file is packed."""
    dbf = shp.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    head, width = struct.unpack("<HH", content[8:12])
    content[head + (row - 1) * width] = ord("*")
    dbf.write_bytes(content)


def gdb(folder: Path, layers: dict[str, gpd.GeoDataFrame]) -> Path:
    """A FileGDB with these layers."""
    path = folder / "权属.gdb"
    for name, frame in layers.items():
        frame.to_file(path, driver="OpenFileGDB", layer=name)
    return path


def with_an_arc(path: Path, row: int) -> Path:
    """Draws the parcel of a GeoPackage's row (from 1) with arcs: a circle of 20 m."""
    points = [
        (500_000, 5_000_010),
        (500_010, 5_000_020),
        (500_020, 5_000_010),
        (500_010, 5_000_000),
        (500_000, 5_000_010),
    ]
    string = struct.pack("<BII", 1, 8, 5) + b"".join(struct.pack("<dd", *p) for p in points)
    blob = b"GP\0\1" + struct.pack("<i", 4553) + struct.pack("<BII", 1, 10, 1) + string
    code = f"""
import sqlite3
base = sqlite3.connect({str(path)!r})
for name, in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
    base.execute(f'DROP TRIGGER "{{name}}"')
base.execute("UPDATE {path.stem} SET geom = ? WHERE fid = {row}", ({blob!r},))
base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'CURVEPOLYGON'")
base.commit()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    return path


def written(folder: Path, frame: gpd.GeoDataFrame, kind: str) -> Path:
    """The paddies in a file of this kind: shp, zip, gpkg, geojson, fgb, parquet, gdb or gdb.zip."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"DK.{kind}"
    if kind == "shp":
        return shapefile(folder, frame)
    if kind == "zip":
        return zipped(parts(shapefile(folder, frame)), folder / "DK.zip", gbk=True)
    if kind.startswith("gdb"):
        made = gdb(folder, {"DK": frame})
        return (
            Path(shutil.make_archive(str(folder / "b"), "zip", folder, made.name))
            if kind == "gdb.zip"
            else made
        )
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        # FlatGeobuf with an index puts the rows in another order
        frame.to_file(path, **({"SPATIAL_INDEX": "NO"} if kind == "fgb" else {}))
    return path


def rows_of(loaded: Loaded, kind: str) -> list[int | None]:
    """The rows that findings of this kind name."""
    return [f.row for f in loaded.findings if f.kind == kind]
