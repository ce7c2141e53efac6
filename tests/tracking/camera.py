"""Photos as phones make them, with all that they write into a file, and a reader of JPEG that is not chigai's own."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

Entries = Mapping[int, Any]
POINTERS = {0x8769: "camera", 0x8825: "gps"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}


def scene(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Red, green, blue and grey quarters."""
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    half = size[1] // 2, size[0] // 2
    pixels[: half[0], : half[1]] = 220, 30, 30
    pixels[: half[0], half[1] :] = 30, 200, 30
    pixels[half[0] :, : half[1]] = 30, 30, 220
    pixels[half[0] :, half[1] :] = 128, 128, 128
    return Image.fromarray(pixels)


def degrees(value: float) -> list[tuple[int, int]]:
    """Degrees, minutes, seconds as rationals."""
    parts = round(abs(value) * 3600 * 10**6)
    return [(parts // (3600 * 10**6), 1), (parts // (60 * 10**6) % 60, 1), (parts % (60 * 10**6), 10**6)]


def gps(lon: float, lat: float) -> dict[int, Any]:
    return {1: "N" if lat >= 0 else "S", 2: degrees(lat), 3: "E" if lon >= 0 else "W", 4: degrees(lon)}


def exif(
    taken: str | None = "2021:10:08 12:30:00",
    offset: str | None = None,
    place: tuple[float, float] | None = None,
    *,
    main: Entries | None = None,
    camera: Entries | None = None,
    where: Entries | None = None,
    thumbnail: bytes = b"",
) -> bytes:
    """The bytes of EXIF; camera, where: further entries of the camera's and the place's own tables."""
    own = ({} if taken is None else {0x9003: taken}) | ({} if offset is None else {0x9011: offset})
    spot = {} if place is None else gps(*place)
    return tiff(dict(main or {}), own | dict(camera or {}), spot | dict(where or {}), thumbnail)


def tiff(main: dict[int, Any], camera: Entries, place: Entries, thumbnail: bytes = b"") -> bytes:
    main = main | {0x8769: 0, 0x8825: 0}
    small: dict[int, Any] = {0x0103: 6, 0x0201: 0, 0x0202: len(thumbnail)} if thumbnail else {}
    at = {"main": 8}
    at["camera"] = 8 + len(_table(main, 0))
    at["gps"] = at["camera"] + len(_table(camera, 0))
    at["small"] = at["gps"] + len(_table(place, 0))
    at["thumbnail"] = at["small"] + len(_table(small, 0))
    main |= {0x8769: at["camera"], 0x8825: at["gps"]}
    if thumbnail:
        small[0x0201] = at["thumbnail"]
    parts = [
        struct.pack("<2sHI", b"II", 42, 8),
        _table(main, at["main"], at["small"] if thumbnail else 0),
        _table(camera, at["camera"]),
        _table(place, at["gps"]),
        _table(small, at["small"]),
        thumbnail,
    ]
    return b"Exif\x00\x00" + b"".join(parts)


def _table(entries: Entries, at: int, following: int = 0) -> bytes:
    """One table of TIFF with its values behind it, written for the offset `at`."""
    rows, values = b"", b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, value in sorted(entries.items()):
        kind, count, data = _value(value)
        if len(data) > 4:
            offset = behind + len(values)
            values += data + b"\0" * (len(data) % 2)
            data = struct.pack("<I", offset)
        rows += struct.pack("<HHI4s", tag, kind, count, data.ljust(4, b"\0"))
    return struct.pack("<H", len(entries)) + rows + struct.pack("<I", following) + values


def _value(value: Any) -> tuple[int, int, bytes]:
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return 2, len(text), text
    if isinstance(value, bytes):
        return 7, len(value), value
    if isinstance(value, Sequence):
        return 5, len(value), b"".join(struct.pack("<II", *pair) for pair in value)
    return 4, 1, struct.pack("<I", value)


def jpeg(image: Image.Image | None = None, notes: bytes | None = None, **options: Any) -> bytes:
    """A JPEG; notes: its EXIF, by default with a time and no place."""
    return saved(image or scene(), "JPEG", exif=exif() if notes is None else notes, **options)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(
    place: tuple[float, float] | None = None,
    taken: str | None = "2021:10:08 12:30:00",
    offset: str | None = None,
    shade: int = 0,
) -> bytes:
    """A small photo; another shade is another photo."""
    image = scene()
    image.paste((shade, shade, shade), (0, 0, 16, 16))
    return jpeg(image, exif(taken, offset, place))


def segments(content: bytes) -> list[tuple[int, bytes]]:
    """The marker segments of a JPEG up to its pixels, and (0xD9, what follows its end)."""
    assert content[:2] == b"\xff\xd8"
    found, at = [], 2
    while True:
        assert content[at] == 0xFF
        marker = content[at + 1]
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        found.append((marker, content[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == 0xDA:
            end = content.index(b"\xff\xd9", at)
            return [*found, (0xD9, content[end + 2 :])]


def tables(notes: bytes) -> dict[str, dict[int, Any]]:
    """Every table of EXIF by its name: main, camera, gps, and what is chained behind the first."""
    assert notes[:6] == b"Exif\x00\x00"
    body = notes[6:]
    order = {b"II": "<", b"MM": ">"}[body[:2]]
    found: dict[str, dict[int, Any]] = {}
    waiting = [("main", struct.unpack(order + "I", body[4:8])[0])]
    while waiting:
        name, at = waiting.pop()
        (count,) = struct.unpack_from(order + "H", body, at)
        entries: dict[int, Any] = {}
        for row in range(count):
            tag, kind, many, _ = struct.unpack_from(order + "HHI4s", body, at + 2 + 12 * row)
            size = SIZES[kind] * many
            place = at + 10 + 12 * row
            if size > 4:
                (place,) = struct.unpack_from(order + "I", body, place)
            entries[tag] = _read(body[place : place + size], kind, many, order)
            if tag in POINTERS:
                waiting.append((POINTERS[tag], entries[tag]))
        (following,) = struct.unpack_from(order + "I", body, at + 2 + 12 * count)
        if following:
            waiting.append((f"{name}+", following))
        found[name] = entries
    return found


def _read(data: bytes, kind: int, many: int, order: str) -> Any:
    if kind == 2:
        return data.rstrip(b"\0").decode()
    if kind == 5:
        numbers = struct.unpack(f"{order}{2 * many}I", data)
        return list(zip(numbers[::2], numbers[1::2], strict=True))
    if kind in (3, 4) and many == 1:
        return struct.unpack(order + ("H" if kind == 3 else "I"), data)[0]
    return data


def told(content: bytes) -> dict[str, dict[int, Any]]:
    """What the one EXIF of a JPEG says; nothing where it has none."""
    notes = [data for marker, data in segments(content) if marker == 0xE1]
    assert len(notes) <= 1
    return tables(notes[0]) if notes else {}
