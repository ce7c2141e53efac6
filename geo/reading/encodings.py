"""In which encoding a shapefile's text is: told by the text itself, for the header and the .cpg often lie."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geo.errors import ChigaiError
from geo.reading import mapping, shapefiles
from geo.schemas import Finding

SAMPLE_ROWS = 20_000
SAMPLE_VALUES = 4_000
ENOUGH = 8
"""So many characters of GBK are valid UTF-8 by chance once in a million (a fifth of the common ones are, each)."""
_LANGUAGES = {
    0x4D: "GBK", 0x7A: "GBK", 0x4E: "CP949", 0x79: "CP949", 0x4F: "BIG5", 0x78: "BIG5", 0x13: "CP932", 0x7B: "CP932",
    0xC9: "CP1251", 0xC8: "CP1250", 0x7C: "CP874",
}  # fmt: skip
"""Language driver ids of a .dbf that name an encoding outright; 0x03 and 0x57 stand for 'whatever the machine had'."""
_CHINESE = ("GBK", "GB2312", "GB18030", "CP936", "936")


@dataclass(frozen=True)
class Guess:
    """An encoding with how sound its text looks (0 to 1) and a few decoded values."""

    encoding: str
    score: float
    sample: tuple[str, ...]
    characters: int = 0
    """How many characters beyond ASCII it was judged by."""


def is_known(encoding: str) -> bool:
    """True for an encoding that Python knows."""
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


def decode(value: bytes, encoding: str) -> str | None:
    """The text, or None when it is not valid; a character cut off by the field's end is forgiven."""
    codec = "gb18030" if encoding.upper() in _CHINESE else encoding
    for end in range(len(value), max(len(value) - 4, -1), -1):
        try:
            return value[:end].decode(codec)
        except UnicodeDecodeError as error:
            if error.start < len(value) - 4 or error.end < len(value) - 1:
                return None
    return None


def _soundness(text: str) -> tuple[float, int]:
    """(sum of weights, count) over the characters beyond ASCII: 1 for everyday ones, down to −1 for impossible ones."""
    total, count = 0.0, 0
    for char in text:
        if ord(char) < 128:
            continue
        count += 1
        try:
            lead = char.encode("gb2312")[0]
        except UnicodeEncodeError:
            category = unicodedata.category(char)
            if category in ("Cn", "Co", "Cc", "Cs"):
                total -= 1
            elif "\u4e00" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3":
                total += 0.3
            elif category[0] in "LNP":
                total += 0.1
            continue
        # GB2312 orders its characters by use: rows B0–D7 are the everyday ones, A1–A9 punctuation and kana
        total += 1.0 if 0xB0 <= lead <= 0xD7 else 0.8 if lead <= 0xA5 else 0.4 if lead > 0xD7 else 0.0
    return total, count


def _guess(values: list[bytes], encoding: str) -> Guess | None:
    texts = [decode(v, encoding) for v in values]
    good = [t for t in texts if t is not None]
    # one value in fifty may be spoilt by itself; more, and the encoding is wrong
    if len(values) - len(good) > len(values) // 50:
        return None
    weights = [_soundness(t) for t in good]
    count = sum(n for _, n in weights)
    score = sum(w for w, _ in weights) / count if count else 0.0
    return Guess(encoding, score, tuple(good[:5]), count)


def column_names(dbf: Path, encoding: str | None = None) -> dict[str, bytes]:
    """Column names as people read them, with their raw bytes: UTF-8 where valid, else GBK, else byte by byte.

    encoding: what the user says, which goes first where it fits.
    """
    names = {}
    for raw, *_ in shapefiles.table(dbf).fields:
        text = decode(raw, encoding) if encoding and is_known(encoding) else None
        if text is not None:
            names[text] = raw
            continue
        text = decode(raw, "utf-8")
        if text is None or len(text.encode()) < len(raw):
            text = decode(raw, "GBK") or raw.decode("latin-1")
        names[text] = raw
    return names


def sample(dbf: Path, columns: Collection[str] | None = None) -> list[bytes]:
    """Values beyond ASCII in the text columns of a .dbf, each once, and column names beyond ASCII.

    columns: only these, by name. Columns that hold people's names are never looked at.
    """
    head = shapefiles.table(dbf)
    readable = {raw: text for text, raw in column_names(dbf).items()}
    found: dict[bytes, None] = {name: None for name, *_ in head.fields if not name.isascii()}
    rows = np.memmap(dbf, np.uint8, mode="r", offset=head.head)[: head.rows * head.width]
    rows = rows.reshape(-1, head.width)
    step = max(len(rows) // SAMPLE_ROWS, 1)
    for name, kind, width, offset in head.fields:
        text = readable.get(name, "")
        if kind != "C" or mapping.is_personal(text) or (columns is not None and text not in columns):
            continue
        block = np.ascontiguousarray(rows[::step, offset : offset + width])
        block = block[(block > 127).any(axis=1)]
        for value in np.unique(block.view(f"S{width}")[:, 0])[:SAMPLE_VALUES] if len(block) else ():
            found[bytes(value).rstrip(b" \0")] = None
    return list(found)


def declared(shp: Path) -> str | None:
    """The encoding named by the .cpg, else by the .dbf's language id, as Python knows it; None when neither does."""
    cpg = shapefiles.part(shp, ".cpg")
    if cpg is not None:
        name = cpg.read_bytes()[:64].decode("ascii", "ignore").strip().strip("\0")
        for form in (name, f"cp{name}", name.replace("ANSI ", "cp").replace("OEM ", "cp"), f"iso{name}"):
            try:
                return codecs.lookup(form).name
            except LookupError:
                continue
    dbf = shapefiles.part(shp, ".dbf")
    return _LANGUAGES.get(shapefiles.table(dbf).language) if dbf is not None else None


def guesses(shp: Path, columns: Collection[str] | None = None) -> list[Guess]:
    """What the text of these columns (all but personal ones) could be, best first; empty when it is all ASCII."""
    dbf = shapefiles.part(shp, ".dbf")
    values = sample(dbf, columns) if dbf is not None else []
    if not values:
        return []
    names = dict.fromkeys(["UTF-8", "GBK", _label(declared(shp)) or "UTF-8"])
    found = [g for n in names if (g := _guess(values, n)) is not None]
    return sorted(found, key=lambda g: -g.score)


def choose(shp: Path, given: str | None, columns: Collection[str] | None = None) -> tuple[str, list[Finding]]:
    """The encoding to read a shapefile with, and what to tell about it.

    columns: the ones that will be used; the others' text decides nothing. given: what the user says; it is taken as it is. Raises ChigaiError, with the candidates, when undecidable.
    """
    if given:
        if not is_known(given):
            raise ChigaiError(
                f"不认识编码“{given}”。",
                f"The encoding '{given}' is not known.",
                do_zh="请用 GBK 或 UTF-8。",
                do_en="Use GBK or UTF-8.",
            )
        return given, []
    found = guesses(shp, columns)
    says = declared(shp)
    dbf = shapefiles.part(shp, ".dbf")
    if not found:
        # all ASCII, or nothing decodes it
        if dbf is None or not sample(dbf, columns):
            return "UTF-8", []
        raise _ask(shp, found)
    best = found[0]
    label = _label(says)
    if label is not None:
        own = next((g for g in found if _label(g.encoding) == label), None)
        foreign = label not in ("UTF-8", "GBK")
        rival = next((g for g in found if g.encoding in ("UTF-8", "GBK") and g.score >= 0.6), None)
        if own is not None and (own.score >= best.score - 0.15 or (foreign and rival is None)):
            return own.encoding, []
    clear = len(found) == 1 or best.score - found[1].score >= 0.2
    utf8 = next((g for g in found if g.encoding == "UTF-8"), None)
    if utf8 is not None and (utf8.score >= 0.6 or utf8.characters >= ENOUGH):
        best, clear = utf8, True
    if not clear or (best.score < 0.35 and best.encoding != "UTF-8"):
        raise _ask(shp, found)
    shown = "、".join(best.sample[:3])
    if label is not None and label != best.encoding:
        note = Finding(
            "encoding_wrong",
            "warning",
            "mended",
            f"文件注明的文字编码是 {label}，实际是 {best.encoding}，已按 {best.encoding} 读取（例：{shown}）。",
            f"The file says its text is in {label}; it is in {best.encoding}, and was read so (such as {shown}).",
        )
    elif label is None and best.encoding != "UTF-8":
        note = Finding(
            "encoding_assumed",
            "info",
            "kept",
            f"文件没有注明文字编码，按内容判定为 {best.encoding}（例：{shown}）。",
            f"The file names no encoding; its text tells {best.encoding} (such as {shown}).",
        )
    elif label is None:
        note = Finding(
            "encoding_assumed",
            "info",
            "kept",
            f"文件没有注明文字编码，内容是 UTF-8（例：{shown}）。",
            f"The file names no encoding; its text is UTF-8 (such as {shown}).",
        )
    else:
        return best.encoding, []
    return best.encoding, [note]


def _label(name: str | None) -> str | None:
    if name is None:
        return None
    upper = name.upper()
    if upper in ("UTF-8", "UTF8"):
        return "UTF-8"
    return "GBK" if upper in _CHINESE else upper


def _ask(shp: Path, found: list[Guess]) -> ChigaiError:
    names = [g.encoding for g in found] or ["GBK", "UTF-8"]
    shown = "；".join(f"{g.encoding}：{'、'.join(g.sample[:2])}" for g in found)
    shown_en = "; ".join(f"{g.encoding}: {', '.join(g.sample[:2])}" for g in found)
    return ChigaiError(
        f"属性表的文字编码无法确定{f'（{shown}）' if shown else ''}。",
        f"The encoding of the table's text cannot be told{f' ({shown_en})' if shown_en else ''}.",
        do_zh=f"请指明编码，例如 {'、'.join(names)}。",
        do_en=f"Name the encoding, such as {', '.join(names)}.",
        file=shp.name,
    )
