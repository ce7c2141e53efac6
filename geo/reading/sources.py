"""Opening what a bureau sends: one file, a folder or a zip, each told by its content and held against its size."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyogrio

from geo.errors import ChigaiError
from geo.reading import archives, shapefiles

POLYGON_TYPES = (
    "Polygon",
    "MultiPolygon",
    "Unknown",
    "GeometryCollection",
    "CurvePolygon",
    "MultiSurface",
    "Surface",
)
_GEOJSON_TYPES = "FeatureCollection|Feature|GeometryCollection|Polygon|MultiPolygon|LineString|MultiLineString|Point|MultiPoint"
_GEOJSON = re.compile(rf'"type"\s*:\s*"(?:{_GEOJSON_TYPES})"')
SNIFF = 65536


@dataclass(frozen=True)
class Dataset:
    """One thing that GDAL or pyarrow opens: path, driver (as GDAL names it, or "Parquet"), name for people."""

    path: Path
    driver: str
    name: str

    def layers(self) -> list[tuple[str, str | None]]:
        """Layer names with their geometry type (None: no geometry)."""
        if self.driver == "Parquet":
            return [(Path(self.name).stem, "Unknown")]
        with readable(self.name):
            found = pyogrio.list_layers(self.path)
        return [(str(n), None if t is None else str(t)) for n, t in found]


@dataclass(frozen=True)
class Layer:
    """One layer of one dataset; name is unique within what was opened."""

    dataset: Dataset
    inner: str
    """The layer's name inside the dataset."""
    name: str
    geometry_type: str | None

    @property
    def may_hold_polygons(self) -> bool:
        """True unless the layer's type rules polygons out."""
        base = re.sub(r"^(2\.5D |3D |Measured |3D Measured )", "", self.geometry_type or "")
        return re.sub(r" (Z|M|ZM)$", "", base) in POLYGON_TYPES


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turns what GDAL or pyarrow says about a broken file into a ChigaiError that names the file."""
    try:
        with warnings.catch_warnings():
            # GDAL's own remarks: what matters of them is found and told in our words
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    except ChigaiError:
        raise
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        said = _without_folders(
            str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        )
        raise ChigaiError(
            f"文件读不出来，可能已损坏或不完整。读取程序说：{said}。",
            f"The file cannot be read; it may be damaged or incomplete. The reader says: {said}.",
            do_zh="请重新导出或重新复制一份，再试一次。",
            do_en="Export or copy it again and try once more.",
            file=name,
        ) from error


def _without_folders(text: str) -> str:
    return re.sub(r"(?:/[^/\s'\"]+)+/", "", text)[:300]


@contextmanager
def opened(path: str | Path) -> Iterator[list[Layer]]:
    """The layers of a file, a folder (FileGDB, shapefiles) or a zip of either; what was unpacked is removed after.

    Raises ChigaiError for what is no vector data, is not what it claims to be, or is incomplete.
    """
    path = Path(path)
    if not path.exists():
        raise ChigaiError(
            "文件不存在。",
            "There is no such file.",
            do_zh="请检查路径。",
            do_en="Check the path.",
            file=path.name or str(path),
        )
    with tempfile.TemporaryDirectory(prefix="chigai-", ignore_cleanup_errors=True) as room:
        with readable(path.name):
            layers = _named(_datasets(path, Path(room)))
        yield layers


def _datasets(path: Path, room: Path) -> list[Dataset]:
    if path.is_file() and _head(path, 4) in (b"PK\x03\x04", b"PK\x05\x06"):
        archives.unpack(path, room / "zip")
        return _in_folder(room / "zip", room, path.name)
    if path.is_dir() and not _is_filegdb(path):
        return _in_folder(path, room, path.name)
    return [_dataset(path, room)]


def _named(datasets: list[Dataset]) -> list[Layer]:
    pairs = [(d, inner, kind) for d in datasets for inner, kind in d.layers()]
    names = [inner for _, inner, _ in pairs]
    return [
        Layer(d, inner, inner if names.count(inner) == 1 else f"{d.name}/{inner}", kind)
        for d, inner, kind in pairs
    ]


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(size)


def _is_filegdb(path: Path) -> bool:
    return path.is_dir() and (path.suffix.lower() == ".gdb" or any(path.glob("a0000000?.gdbtable")))


def _in_folder(folder: Path, room: Path, name: str) -> list[Dataset]:
    """Every dataset in a folder, three levels deep, in order of their names."""
    found: list[Dataset] = []
    pending = [(folder, 0)]
    others: list[str] = []
    while pending:
        here, depth = pending.pop(0)
        for entry in sorted(e for e in here.iterdir() if not e.name.startswith(".")):
            name_inside = entry.relative_to(folder).as_posix()
            if _is_filegdb(entry):
                found.append(Dataset(entry, "OpenFileGDB", name_inside))
            elif entry.is_dir() and depth < 3:
                pending.append((entry, depth + 1))
            elif entry.suffix.lower() in (
                ".shp",
                ".gpkg",
                ".geojson",
                ".fgb",
                ".parquet",
                ".geoparquet",
                ".json",
            ):
                if entry.suffix.lower() != ".json" or _GEOJSON.search(
                    _head(entry, SNIFF).decode("utf-8", "replace")
                ):
                    found.append(replace(_dataset(entry, room), name=name_inside))
            elif entry.is_file():
                others.append(entry.name)
    if found:
        return found
    stems = {Path(o).stem for o in others if o.lower().endswith((".dbf", ".shx"))}
    if stems:
        raise shapefiles.missing(f"{sorted(stems)[0]}.shp", name)
    if any(o.lower().endswith((".mdb", ".accdb")) for o in others):
        raise _mdb(name)
    raise ChigaiError(
        "里面没有可读的矢量数据。",
        "It holds no vector data that can be read.",
        do_zh="应含 Shapefile（.shp/.shx/.dbf）、GeoPackage、FileGDB、GeoJSON、GeoParquet 或 FlatGeobuf。",
        do_en="It should hold a shapefile (.shp/.shx/.dbf), GeoPackage, FileGDB, GeoJSON, GeoParquet or FlatGeobuf.",
        file=name,
    )


def _mdb(name: str) -> ChigaiError:
    return ChigaiError(
        "这是 Access 数据库（MDB），不能直接读取。",
        "This is an Access database (MDB), which is not read directly.",
        do_zh="请在 ArcGIS 或 QGIS 中把图层导出为 Shapefile、FileGDB 或 GeoPackage；权属表（CBDKXX 等）可导出为 DBF 后连接到 DK。",
        do_en="Export its layers to a shapefile, FileGDB or GeoPackage with ArcGIS or QGIS; "
        "join tables such as CBDKXX to DK before that.",
        file=name,
    )


def _dataset(path: Path, room: Path) -> Dataset:
    """What one file or FileGDB folder is, by its first bytes; its soundness as far as its headers tell."""
    if path.is_dir():
        return Dataset(path, "OpenFileGDB", path.name)
    suffix = path.suffix.lower()
    if suffix in shapefiles.PARTS and suffix != ".shp":
        main = shapefiles.part(path, ".shp")
        if main is None:
            raise shapefiles.missing(f"{path.stem}.shp", path.name)
        path, suffix = main, ".shp"
    head = _head(path, SNIFF)
    if not head:
        raise ChigaiError(
            "文件是空的。",
            "The file is empty.",
            do_zh="请重新导出。",
            do_en="Export it again.",
            file=path.name,
        )
    if head[:4] == b"\x00\x00\x27\x0a":
        return Dataset(shapefiles.sound(path, room), "ESRI Shapefile", path.name)
    if head.startswith(b"SQLite format 3\x00"):
        return _geopackage(path, head, room)
    if head.startswith(b"fgb\x03fgb"):
        return Dataset(path, "FlatGeobuf", path.name)
    if head.startswith(b"PAR1"):
        return Dataset(path, "Parquet", path.name)
    if head[4:19] in (b"Standard Jet DB", b"Standard ACE DB"):
        raise _mdb(path.name)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{") and _GEOJSON.search(text.decode("utf-8", "replace")):
        return Dataset(_utf8(path, room), "GeoJSON", path.name)
    raise _unknown(path, suffix, text)


def _unknown(path: Path, suffix: str, text: bytes) -> ChigaiError:
    known = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".parquet", ".geoparquet", ".zip")
    if suffix in known:
        said = "内容是指向其他文件的 VRT" if text[:60].lower().startswith(b"<ogrvrt") else "内容与扩展名不符"
        said_en = (
            "it is a VRT, which points at other files"
            if text[:60].lower().startswith(b"<ogrvrt")
            else "its content is not that"
        )
        return ChigaiError(
            f"扩展名是 {suffix}，但{said}，已拒绝读取。",
            f"The file is named {suffix}, but {said_en}; it was refused.",
            do_zh="请从原软件重新导出。",
            do_en="Export it again from the program it came from.",
            file=path.name,
        )
    if suffix in (".mdb", ".accdb"):
        return _mdb(path.name)
    return ChigaiError(
        f"不认识的文件类型“{suffix or '无扩展名'}”。",
        f"Files of type '{suffix or 'no extension'}' are not read.",
        do_zh="请导出为 Shapefile（可压缩成 zip）、GeoPackage、FileGDB、GeoJSON、GeoParquet 或 FlatGeobuf。",
        do_en="Export to a shapefile (zipped or not), GeoPackage, FileGDB, GeoJSON, GeoParquet or FlatGeobuf.",
        file=path.name,
    )


def _geopackage(path: Path, head: bytes, room: Path) -> Dataset:
    """A GeoPackage whose header agrees with its size; one with unwritten changes is copied, never touched."""
    if head[68:72] not in (b"GPKG", b"GP10", b"GP11") and path.suffix.lower() != ".gpkg":
        raise ChigaiError(
            "这是 SQLite 数据库，不是 GeoPackage。",
            "This is an SQLite database, not a GeoPackage.",
            do_zh="请导出为 GeoPackage。",
            do_en="Export it as a GeoPackage.",
            file=path.name,
        )
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    expected, size = page * int.from_bytes(head[28:32], "big"), path.stat().st_size
    journal = [
        p for s in ("-wal", "-journal") if (p := path.with_name(path.name + s)).exists() and p.stat().st_size
    ]
    if size < expected and not journal:
        raise ChigaiError(
            f"文件不完整：应有 {expected:,} 字节，只有 {size:,} 字节。",
            f"The file is cut short: its header says {expected:,} bytes, it holds {size:,}.",
            do_zh="请重新复制或重新导出。",
            do_en="Copy or export it again.",
            file=path.name,
        )
    if not journal:
        return Dataset(path, "GPKG", path.name)
    folder = Path(tempfile.mkdtemp(dir=room))
    for part in (path, *journal):
        shutil.copyfile(part, folder / part.name)
    return Dataset(folder / path.name, "GPKG", path.name)


def _utf8(path: Path, room: Path) -> Path:
    """The GeoJSON itself, or a UTF-8 copy of one written in GBK."""
    try:
        with path.open(encoding="utf-8") as stream:
            while stream.read(1 << 24):
                pass
        return path
    except UnicodeDecodeError:
        pass
    copy = Path(tempfile.mkdtemp(dir=room)) / path.name
    try:
        with path.open(encoding="gb18030") as source, copy.open("w", encoding="utf-8") as target:
            shutil.copyfileobj(source, target, 1 << 24)
    except UnicodeDecodeError as error:
        raise ChigaiError(
            "GeoJSON 的文字编码既不是 UTF-8 也不是 GBK。",
            "The text of this GeoJSON is neither UTF-8 nor GBK.",
            do_zh="请用 UTF-8 重新导出。",
            do_en="Export it again in UTF-8.",
            file=path.name,
        ) from error
    return copy


def checksum(path: str | Path) -> str:
    """sha256 over the bytes of a file, of a shapefile's parts, or of all files of a folder in order of name."""
    path = Path(path)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
    elif path.suffix.lower() in shapefiles.PARTS:
        files = [p for s in shapefiles.PARTS if (p := shapefiles.part(path, s)) is not None]
    else:
        files = [path]
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def is_json_with_crs(path: Path) -> bool:
    """True when a GeoJSON names its CRS itself (the member `crs` of the 2008 form)."""
    head = _head(path, SNIFF).decode("utf-8", "replace")
    match = re.search(r'"crs"\s*:\s*(\{.*?\}\s*\})', head, re.DOTALL)
    try:
        return match is not None and bool(json.loads(match.group(1)))
    except ValueError:
        return False
