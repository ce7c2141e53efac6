"""What a bureau gave: uploads and checked parcels, kept below CHIGAI_HOME and never outside it."""

from __future__ import annotations

import glob
import hashlib
import io
import json
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_settings import BaseSettings, SettingsConfigDict

from geo.errors import ChigaiError
from geo.export.naming import safe_name
from geo.files import flush_all
from geo.reading.source import Source

MB = 1_000_000
SUFFIXES = (".zip", ".gpkg", ".geojson", ".json", ".parquet", ".fgb", ".shp")
PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".xml", ".qpj")
"""The files that make up one shapefile."""
RASTERS = (".tif", ".tiff")
MANIFEST = "manifest.json"


class Limits(BaseSettings):
    """How much a page takes, from the environment: CHIGAI_UPLOAD_MB."""

    model_config = SettingsConfigDict(env_prefix="CHIGAI_", frozen=True)

    upload_mb: float = 50


def keep(
    home: Path, parts: Mapping[str, bytes], limit_mb: float, suffixes: tuple[str, ...] = SUFFIXES
) -> str:
    """Store an upload and return its reference "<sha256>/<name>".

    parts: file name → content; one file, or the files of one shapefile. The same content is kept once.
    Raises ChigaiError for what is too large, empty, of no known kind, or files that do not belong together.
    """
    named = {safe_name(name): content for name, content in parts.items()}
    main = _main_part(named, suffixes)
    total = sum(len(c) for c in named.values())
    if total > limit_mb * MB:
        raise ChigaiError(
            f"文件 {total / MB:.0f} MB，超过网页上传的上限 {limit_mb:.0f} MB。",
            f"The file has {total / MB:.0f} MB, more than the {limit_mb:.0f} MB that the page takes.",
            do_zh="请按县或乡镇拆分后上传，或在服务器上用命令行 chigai import 存入。",
            do_en="split it by county or township, or take it in on the server by `chigai import`.",
            file=main,
        )
    if not named[main]:
        raise ChigaiError("文件是空的。", "The file is empty.", file=main)
    return f"{_put(home, {n: partial(io.BytesIO, content) for n, content in named.items()})}/{main}"


def adopt(home: Path, given: Path) -> str:
    """Copy a file of this machine, of any size, to the uploads and return its reference "<sha256>/<name>"; of a
    shapefile every part. Raises ChigaiError for what is not there, is a folder, or cannot be named so."""
    given = Path(given)
    if given.is_dir():
        raise ChigaiError(
            "这是一个文件夹，不是文件。",
            "This is a folder, not a file.",
            do_zh="请先压缩成一个 zip（如整个 .gdb 文件夹）。",
            do_en="pack it into a zip first (a whole .gdb folder, for instance).",
            file=given,
        )
    if not given.is_file():
        raise ChigaiError("没有这个文件。", "There is no such file.", file=given)
    parts = [given]
    if given.suffix.lower() == ".shp":
        parts = [p for p in given.parent.glob(f"{glob.escape(given.stem)}.*") if p.suffix.lower() in PARTS]
    folder = _put(home, {safe_name(p.name): partial(_opened, p) for p in parts})
    return f"{folder}/{safe_name(given.name)}"


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _put(home: Path, files: Mapping[str, Callable[[], BinaryIO]]) -> str:
    """Keep files that belong together, each by its name and what opens it; the name of their folder, which is the
    checksum of their content: the same content is kept once."""
    beside = Path(home) / "files" / f".{uuid.uuid4().hex}"
    beside.mkdir(parents=True)
    try:
        digest = hashlib.sha256()
        for name in sorted(files):
            if len(files) > 1:
                digest.update(name.encode() + b"\0")
            with files[name]() as source, (beside / name).open("wb") as target:
                while chunk := source.read(1 << 20):
                    digest.update(chunk)
                    target.write(chunk)
        folder = beside.with_name(digest.hexdigest())
        # the same content may be there under another name: add this one to it
        folder.mkdir(exist_ok=True)
        for name in files:
            (beside / name).replace(folder / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder.name


def _main_part(named: Mapping[str, bytes], suffixes: tuple[str, ...]) -> str:
    known = [n for n in named if n.lower().endswith(suffixes)]
    rest = [n for n in named if n not in known]
    if not known:
        kinds = "、".join(s.removeprefix(".") for s in suffixes)
        raise ChigaiError(
            f"不认识这种文件，可用的有：{kinds}。",
            f"This kind of file is not known; these are: {kinds.replace('、', ', ')}.",
            do_zh="MDB、DWG 请先在原软件中另存为 Shapefile 或 GeoPackage。",
            do_en="save MDB or DWG as a shapefile or a GeoPackage first.",
            file=next(iter(named), None),
        )
    main = known[0]
    stem = main.rsplit(".", 1)[0]
    strange = [n for n in rest if not (n.lower().endswith(PARTS) and n.startswith(f"{stem}."))]
    if len(known) > 1 or strange or (rest and not main.lower().endswith(".shp")):
        raise ChigaiError(
            "一次只能读一份数据；几个文件一起选时，须是同一个 Shapefile 的各部分。",
            "One data set at a time; several files must be the parts of one shapefile.",
            do_zh="请只选一个文件，或同名的 .shp、.dbf、.shx、.prj。",
            do_en="choose one file, or the .shp, .dbf, .shx and .prj of one name.",
            file=(strange or known[1:] or rest)[0],
        )
    return main


def path(home: Path, reference: str) -> Path:
    """The file behind a reference "<sha256>/<name>" or "demo/<name>". ChigaiError when there is none."""
    root = Path(home).resolve()
    base, _, name = reference.partition("/")
    folder = root / "demo" if base == "demo" else root / "files" / base
    found = folder / name
    inside = re.fullmatch(r"demo|[0-9a-f]{64}", base) and name and Path(name).name == name
    if not inside or found.is_symlink() or not found.is_file():
        raise ChigaiError(
            "找不到这份数据，可能已被清理。",
            "This file is not there; it may have been cleared away.",
            do_zh="请重新上传。",
            do_en="upload it again.",
        )
    return found


def source(fields: Mapping[str, Any], home: Path) -> Source:
    """A Source from its JSON: file (a reference) and layer, where, crs, encoding, mapping, county."""
    unknown = set(fields) - {"file", "layer", "where", "crs", "encoding", "mapping", "county"}
    if unknown:
        raise ChigaiError(
            f"读取要求里有不认识的项：{unknown}", f"Unknown keys in what is to be read: {unknown}"
        )
    options = {k: v for k, v in fields.items() if k != "file" and v not in (None, "", {})}
    return Source(path=path(home, fields["file"]), **options)


def demo(home: Path) -> dict[str, str]:
    """The demo region's files as references by role (parcels, barriers, dem); empty when it was not made."""
    names = {"parcels": "parcels.gpkg", "barriers": "barriers.gpkg", "dem": "dem.tif"}
    there = {role: f"demo/{name}" for role, name in names.items() if (Path(home) / "demo" / name).is_file()}
    return there if "parcels" in there else {}


def checked(home: Path) -> list[dict[str, Any]]:
    """The manifests of the checked parcels, newest first."""
    return sorted(
        (manifest(home, p.parent.name) for p in (Path(home) / "parcels").glob(f"[!.]*/{MANIFEST}")),
        key=lambda m: (m["created"], m["id"]),
        reverse=True,
    )


def manifest(home: Path, parcels_id: str) -> dict[str, Any]:
    """What is known of one set of checked parcels. ChigaiError when there is none."""
    try:
        return json.loads((checked_folder(home, parcels_id) / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ChigaiError(
            "没有这份已检查的数据，可能已被清理。",
            "There are no such checked parcels; they may have been cleared away.",
            do_zh="请重新检查。",
            do_en="check the data again.",
        ) from error


def checked_folder(home: Path, parcels_id: str) -> Path:
    """CHIGAI_HOME/parcels/<id>; an id that is no plain name is refused."""
    if not re.fullmatch(r"[\w\-]+", parcels_id):
        raise ChigaiError("数据编号不对。", "This is no id of checked parcels.")
    return Path(home) / "parcels" / parcels_id


def dem_of(home: Path, plan: str) -> Path | None:
    """The elevation model that a plan was made from, or the plan that it was changed from, where the upload is still
    at hand."""
    try:
        job = json.loads((home / "jobs" / plan / "request.json").read_text("utf-8"))
        asked = job["request"]
        if job["kind"] == "draft":
            return dem_of(home, asked["plan"])
        given = manifest(home, asked["parcels"])["request"].get("dem")
        return path(home, given) if given else None
    except (OSError, ValueError, KeyError, ChigaiError):
        return None


def put_in_place(made: Path, place: Path) -> Path:
    """Flush a finished folder and move it to where it is found: it is there whole or not at all."""
    flush_all(made)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    made.replace(place)
    return place
