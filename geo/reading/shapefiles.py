"""What a shapefile's own headers say, held against its sizes: cut files are refused, spoilt records are known."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geo.errors import ChigaiError

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_NEEDED = (".shp", ".shx", ".dbf")
_RECORDS = 200_000
"""Heads of records that are looked at in one go."""


def part(path: Path, suffix: str) -> Path | None:
    """The file of this shapefile with this ending, whatever the case it is written in; None when missing."""
    exact = path.with_suffix(suffix)
    if exact.exists():
        return exact
    wanted = (path.stem + suffix).casefold()
    folder = path.parent
    return next((p for p in sorted(folder.iterdir()) if p.name.casefold() == wanted), None)


def missing(part_name: str, file: str) -> ChigaiError:
    """The refusal of a shapefile of which a part is not there."""
    return ChigaiError(
        f"Shapefile 缺少文件 {part_name}。",
        f"The shapefile lacks its file {part_name}.",
        do_zh="Shapefile 由 .shp、.shx、.dbf 三个文件组成，请一并提供（最好压缩成一个 zip）。",
        do_en="A shapefile is its .shp, .shx and .dbf together: give all three, best in one zip.",
        file=file,
    )


def _cut(file: Path, zh: str, en: str) -> ChigaiError:
    return ChigaiError(
        f"文件不完整：{zh}。",
        f"The file is cut short: {en}.",
        do_zh="请重新复制或重新导出整个 Shapefile。",
        do_en="Copy or export the whole shapefile again.",
        file=file,
    )


@dataclass(frozen=True)
class Table:
    """Header of a .dbf. rows: as its header says; fields: (raw name, type, width, offset within a record)."""

    rows: int
    head: int
    width: int
    language: int
    fields: tuple[tuple[bytes, str, int, int], ...]


def table(path: Path) -> Table:
    """The header of a .dbf; ChigaiError when it is none."""
    with path.open("rb") as stream:
        first = stream.read(32)
        if len(first) < 32:
            raise _cut(path, f"只有 {len(first)} 字节", f"it holds {len(first)} bytes")
        rows = int.from_bytes(first[4:8], "little")
        head, width = int.from_bytes(first[8:10], "little"), int.from_bytes(first[10:12], "little")
        rest = stream.read(max(head - 32, 0))
    if head < 33 or width < 1 or len(rest) < head - 32:
        raise _cut(path, "表头无效", "its header is not valid")
    fields, offset = [], 1
    for at in range(0, len(rest) - 31, 32):
        if rest[at] == 0x0D:
            break
        entry = rest[at : at + 32]
        fields.append((entry[:11].split(b"\0")[0], chr(entry[11]), entry[16], offset))
        offset += entry[16]
    return Table(rows, head, width, first[29], tuple(fields))


def sound(path: Path, room: Path) -> Path:
    """The .shp to open, all of whose parts are there, whole and of one length.

    Parts whose names differ in case only are brought together by links in room. Raises ChigaiError, naming the
    file and the counts, for a missing or truncated part.
    """
    parts = {suffix: part(path, suffix) for suffix in PARTS}
    for suffix in _NEEDED:
        if parts[suffix] is None:
            raise missing(path.stem + suffix, path.name)
    shp, shx, dbf = (Path(str(parts[s])) for s in _NEEDED)
    index = _index(shx)
    _check_shp(shp, index)
    head = table(dbf)
    size = dbf.stat().st_size
    there = max(size - head.head, 0) // head.width
    if there < head.rows:
        raise _cut(
            dbf,
            f"表头写明 {head.rows:,} 行，实际只有 {there:,} 行",
            f"its header says {head.rows:,} rows, it holds {there:,}",
        )
    if head.rows != len(index):
        raise _cut(
            dbf,
            f"属性表有 {head.rows:,} 行，图形有 {len(index):,} 个，两者不一致",
            f"its table has {head.rows:,} rows, but there are {len(index):,} shapes",
        )
    if all(p is None or p.name == shp.stem + s for s, p in parts.items()):
        return shp
    folder = Path(tempfile.mkdtemp(dir=room))
    for suffix, file in parts.items():
        if file is not None:
            os.symlink(file.resolve(), folder / (path.stem + suffix))
    return folder / (path.stem + ".shp")


def _index(shx: Path) -> np.ndarray:
    """Offsets and lengths in bytes of the records (n × 2) from a .shx."""
    raw = shx.read_bytes()
    if len(raw) < 100 or raw[:4] != b"\x00\x00\x27\x0a":
        raise _cut(shx, "文件头无效", "its header is not valid")
    expected = int.from_bytes(raw[24:28], "big") * 2
    if len(raw) < expected or (len(raw) - 100) % 8:
        raise _cut(
            shx,
            f"应有 {max(expected - 100, 0) // 8:,} 个图形，实际只有 {(len(raw) - 100) // 8:,} 个",
            f"it should list {max(expected - 100, 0) // 8:,} shapes, it lists {(len(raw) - 100) // 8:,}",
        )
    count = (max(expected, 100) - 100) // 8
    return np.frombuffer(raw, ">i4", count * 2, 100).reshape(-1, 2).astype(np.int64) * 2


def _check_shp(shp: Path, index: np.ndarray) -> None:
    size = shp.stat().st_size
    with shp.open("rb") as stream:
        head = stream.read(100)
    expected = int.from_bytes(head[24:28], "big") * 2
    if len(head) == 100 and size >= expected:
        return
    whole = int((index.sum(axis=1) + 8 <= size).sum())
    raise _cut(
        shp,
        f"应有 {len(index):,} 个图形（{expected:,} 字节），完整的只有 {whole:,} 个（{size:,} 字节）",
        f"it should hold {len(index):,} shapes ({expected:,} bytes), only {whole:,} are whole ({size:,} bytes)",
    )


@dataclass(frozen=True)
class Records:
    """What the records of a .shp say of themselves.

    filled: the record claims to hold a shape. bounds: n × 4, its own bounding box (x0, y0, x1, y1), NaN for none.
    """

    filled: np.ndarray
    bounds: np.ndarray


def records(shp: Path) -> Records:
    """Kind and bounding box of every record of a sound shapefile of polygons or lines."""
    index = _index(Path(str(part(shp, ".shx"))))
    raw = np.memmap(shp, np.uint8, mode="r")
    filled, bounds = np.ones(len(index), dtype=bool), np.full((len(index), 4), np.nan)
    for i in range(0, len(index), _RECORDS):
        some = slice(i, i + _RECORDS)
        _record_heads(raw, index[some], filled[some], bounds[some])
    return Records(filled, bounds)


def _record_heads(raw: np.ndarray, index: np.ndarray, filled: np.ndarray, bounds: np.ndarray) -> None:
    """The same of some records, in place."""
    inside = (index[:, 0] >= 100) & (index.sum(axis=1) + 8 <= len(raw)) & (index[:, 1] >= 4)
    at = np.where(inside, index[:, 0] + 8, 100)
    kinds = raw[np.minimum(at[:, None] + np.arange(4), len(raw) - 1)].copy().view("<i4")[:, 0]
    filled[inside & (kinds == 0)] = False
    boxed = inside & np.isin(kinds, (3, 5, 13, 15, 23, 25)) & (index[:, 1] >= 44)
    if boxed.any():
        block = raw[at[boxed][:, None] + np.arange(4, 36)]
        bounds[boxed] = block.copy().view("<f8")


def deleted(shp: Path) -> int:
    """How many rows of the .dbf are marked as deleted; readers pass over them."""
    dbf = part(shp, ".dbf")
    if dbf is None:
        return 0
    head = table(dbf)
    if not head.rows:
        return 0
    raw = np.memmap(dbf, np.uint8, mode="r", offset=head.head)
    return int((raw[: head.rows * head.width : head.width] == ord("*")).sum())
