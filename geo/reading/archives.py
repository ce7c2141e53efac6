"""Unpacking a zip that may be meant to harm: everything is decided from its directory, before a byte is written."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from geo.errors import ChigaiError

MAX_ENTRIES = 20_000
MAX_BYTES = 8 * 1024**3
MAX_RATIO = 200
RATIO_FROM = 8 * 1024**2
"""Below this many bytes unpacked, a high ratio is harmless (a near-empty .dbf packs very well)."""
_WANTED = (
    ".shp", ".shx", ".dbf", ".prj", ".cpg", ".cst", ".gpkg", ".geojson", ".json", ".fgb", ".parquet", ".geoparquet",
    ".mdb", ".accdb",
)  # fmt: skip


def _refuse(name: str, zh: str, en: str) -> ChigaiError:
    return ChigaiError(
        f"压缩包被拒绝：{zh}。",
        f"The zip was refused: {en}.",
        do_zh="请只把数据文件重新压缩后再上传。",
        do_en="Zip the data files alone, anew.",
        file=name,
    )


def member_name(info: zipfile.ZipInfo) -> str:
    """A member's name; GBK where the zip does not say UTF-8 and the bytes are no UTF-8."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        raw = info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _checked(name: str, archive: str) -> PurePosixPath:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":"):
        raise _refuse(archive, "成员使用绝对路径", "a member has an absolute name")
    if ".." in parts:
        raise _refuse(
            archive, "成员路径含“..”，会写到目录之外", "a member's name holds '..' and would leave its folder"
        )
    if "\0" in name or any(ord(c) < 32 for c in name):
        raise _refuse(archive, "成员名含控制字符", "a member's name holds control characters")
    return PurePosixPath(*[p for p in parts if p not in ("", ".")] or ["_"])


def unpack(path: Path, folder: Path, wanted: Collection[str] = _WANTED) -> None:
    """Writes the data files of a zip into folder (made here). wanted: their suffixes, in lower case.

    Raises ChigaiError, before anything is written, for names that leave the folder, links, passwords, more than
    MAX_ENTRIES members, more than MAX_BYTES, or a packing ratio that only a bomb has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _plan(archive, path.name, wanted)
            folder.mkdir(parents=True)
            for info, target in members:
                place = folder / target
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, place.open("xb") as out:
                    while block := source.read(1 << 20):
                        out.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == 28:
            raise
        raise ChigaiError(
            "压缩包已损坏或不完整。",
            "The zip is damaged or incomplete.",
            do_zh="请重新压缩或重新下载。",
            do_en="Zip or download it again.",
            file=path.name,
        ) from error


def _plan(
    archive: zipfile.ZipFile, name: str, wanted: Collection[str]
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        raise _refuse(name, f"成员多达 {len(infos):,} 个", f"it has {len(infos):,} members")
    total = sum(i.file_size for i in infos)
    packed = max(sum(i.compress_size for i in infos), 1)
    if total > MAX_BYTES:
        raise _refuse(
            name, f"解开后有 {total / 1024**3:.1f} GB", f"it would unpack to {total / 1024**3:.1f} GB"
        )
    if total > RATIO_FROM and total / packed > MAX_RATIO:
        raise _refuse(
            name,
            f"压缩比高达 {total / packed:.0f} 倍",
            f"its packing ratio of {total / packed:.0f} is a bomb's",
        )
    chosen: list[tuple[zipfile.ZipInfo, PurePosixPath]] = []
    seen: set[str] = set()
    for info in infos:
        target = _checked(member_name(info), name)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refuse(name, "含有符号链接", "it holds a symbolic link")
        if info.is_dir():
            continue
        if info.flag_bits & 0x1:
            raise _refuse(name, "有密码", "it has a password")
        in_gdb = any(p.lower().endswith(".gdb") for p in target.parts[:-1])
        hidden = target.name.startswith(".") or "__MACOSX" in target.parts
        if hidden or not (in_gdb or target.suffix.lower() in wanted):
            continue
        if not in_gdb:
            # GDAL looks for a shapefile's parts in lower case
            target = target.with_suffix(target.suffix.lower())
        if str(target).casefold() in seen:
            raise _refuse(name, f"有两个同名成员 {target.name}", f"it has two members named {target.name}")
        seen.add(str(target).casefold())
        chosen.append((info, target))
    return chosen
