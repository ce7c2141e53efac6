"""A photo as a phone sends it, made into one to keep: upright, of a fair size, with time and place and nothing else."""

from __future__ import annotations

import io
import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pillow_heif
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from geo.errors import ChigaiError
from tracking.states import LOCAL

MB = 1_000_000
MOST_BYTES = 30 * MB
MOST_PIXELS = {
    "JPEG": 80_000_000,
    "MPO": 80_000_000,
    "HEIC": 80_000_000,
    "PNG": 40_000_000,
    "WEBP": 40_000_000,
}
"""Pixels that a photo may declare, by its kind: decoded they take 300 to 650 MB."""
MOST_SCANS = 100
"""How often a JPEG may go over its image; cameras write up to a dozen scans."""
LONGEST_PX = 2560
QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image upright, by its orientation of EXIF 2.32, 4.6.5.1."""
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
CLOCK_TEXT = re.compile(r"(\d{4})[:\-](\d\d)[:\-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
OFFSET_TEXT = re.compile(r"([+\-])(\d\d):([0-5]\d)", re.ASCII)
SECOND_PARTS = 1_000_000
"""Seconds of arc are written in these parts: 0.03 mm."""

# each takes some hundred MB for a moment
_decoding = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Picture:
    """A JPEG to keep, and what it says. taken: with the zone of the camera; lon, lat: WGS 84, degrees."""

    content: bytes
    width: int
    height: int
    taken: datetime | None = None
    lon: float | None = None
    lat: float | None = None


def clean(content: bytes) -> Picture:
    """Read an image whole, and write it anew. Raises ChigaiError for what is no sound photo.

    JPEG, PNG, WebP and HEIC, told by their bytes. A camera's time without a zone is of Asia/Shanghai.
    """
    if len(content) > MOST_BYTES:
        raise ChigaiError(
            f"照片 {len(content) / MB:.0f} MB，超过上限 {MOST_BYTES // MB} MB。",
            f"The photo has {len(content) / MB:.0f} MB, more than {MOST_BYTES // MB} MB.",
            do_zh="请用相机的普通画质重拍。",
            do_en="take it again with the camera's normal quality.",
        )
    with _decoding:
        image, exif = _decoded(content)
        taken, place = _said(exif)
        image = _upright(_rgb(_smaller(image)), exif)
        image.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)
        # comments, profiles and the like would be written along
        image.info = {}
        written = io.BytesIO()
        image.save(written, "JPEG", quality=QUALITY, optimize=True, exif=_exif(taken, place))
    lon, lat = place or (None, None)
    return Picture(written.getvalue(), image.width, image.height, taken, lon, lat)


def _decoded(content: bytes) -> tuple[Image.Image, Image.Exif]:
    """The image with all its pixels read, and what its camera wrote."""
    try:
        if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
            return _heif(content)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _bearable(image.size, str(image.format))
            if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
                raise ChigaiError(
                    "动图不能作为照片。",
                    "A moving image is no photo.",
                    do_zh="请上传相机拍的照片。",
                    do_en="send a photo from the camera.",
                )
            if content.startswith(b"\xff\xd8") and _scans(content) > MOST_SCANS:
                raise _unsound()
            # a large JPEG is decoded at a fraction of its size
            image.draft("RGB", (LONGEST_PX, LONGEST_PX))
            image.load()
            return image, _exif_of(image)
    except ChigaiError:
        raise
    except Image.UnidentifiedImageError as error:
        raise ChigaiError(
            "这不是照片，或不是可用的格式（JPEG、PNG、WebP、HEIC）。",
            "This is no photo, or of another kind than JPEG, PNG, WebP, HEIC.",
            do_zh="请直接上传手机或相机拍的照片。",
            do_en="send the photo as the phone or camera took it.",
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_many(MOST_PIXELS["JPEG"]) from error
    except Exception as error:  # a decoder that is given nonsense raises whatever it likes
        raise _unsound() from error


def _heif(content: bytes) -> tuple[Image.Image, Image.Exif]:
    found = pillow_heif.open_heif(io.BytesIO(content))
    primary = found[found.primary_index]
    _bearable(primary.size, "HEIC")
    # turned upright by the decoder, which takes the orientation out of the EXIF
    image = primary.to_pillow()
    exif = Image.Exif()
    if image.info.get("exif"):
        exif.load(image.info["exif"])
    return image, exif


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # a photo whose notes are broken is a photo
        return Image.Exif()


def _bearable(size: tuple[int, int], kind: str) -> None:
    if size[0] * size[1] > MOST_PIXELS[kind]:
        raise _too_many(MOST_PIXELS[kind])


def _too_many(most: int) -> ChigaiError:
    return ChigaiError(
        f"照片像素过多（上限 {most // 10_000} 万）。",
        f"The photo has too many pixels (at most {most // 10**6} million).",
        do_zh="请用相机的普通画质重拍。",
        do_en="take it again with the camera's normal quality.",
    )


def _unsound() -> ChigaiError:
    return ChigaiError(
        "照片不完整或已损坏。",
        "The photo is cut short or damaged.",
        do_zh="请重新发送；仍不行请重拍。",
        do_en="send it again; where that does not help, take it again.",
    )


def _scans(content: bytes) -> int:
    """How often a JPEG goes over its image: scans of a few bytes each would keep a decoder busy for hours."""
    scans, at = 0, 2
    while found := MARKER.search(content, at):
        at = found.end()
        marker = content[at - 1]
        if marker == 0xD9:
            break
        if marker not in (0x01, 0xD8):
            at += int.from_bytes(content[at : at + 2], "big")
        scans += marker == 0xDA
    return scans


def _smaller(image: Image.Image) -> Image.Image:
    """A large image in whole steps near to the size it is to have: every copy from here on is a small one."""
    step = max(image.size) // LONGEST_PX
    return image.reduce(step) if step > 1 and image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # sixteen bits a pixel: the upper eight are what is seen
        image = Image.fromarray((np.asarray(image) // 256).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _upright(image: Image.Image, exif: Image.Exif) -> Image.Image:
    turn = UPRIGHT.get(_whole(exif.get(ExifTags.Base.Orientation)))
    return image if turn is None else image.transpose(turn)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _said(exif: Image.Exif) -> tuple[datetime | None, tuple[float, float] | None]:
    """When and where, as far as the camera says it in a way that makes sense."""
    try:
        camera = exif.get_ifd(ExifTags.IFD.Exif)
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # broken notes say nothing
        return None, None
    return _taken(camera), _place(gps)


def _taken(camera: Mapping[int, Any]) -> datetime | None:
    for time, offset in (
        (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal),
        (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized),
    ):
        clock = CLOCK_TEXT.match(_text(camera.get(time)))
        if clock is None:
            continue
        try:
            moment = datetime(*map(int, clock.groups()), tzinfo=_zone(_text(camera.get(offset))))  # type: ignore[misc,arg-type]
            # what no calendar has, or has no moment in UTC
            moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return moment
    return None


def _zone(said: str) -> Any:
    found = OFFSET_TEXT.match(said)
    if found is None:
        return LOCAL
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    # no place on earth is further from Greenwich
    return timezone(ahead if found[1] == "+" else -ahead) if ahead <= timedelta(hours=14) else LOCAL


def _place(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    lat = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "NS", 90)
    lon = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "EW", 180)
    # 0° 0° lies in the sea: it is what phones write that do not know
    return None if lat is None or lon is None or (lon, lat) == (0, 0) else (lon, lat)


def _degrees(parts: Any, side: Any, sides: str, most: float) -> float | None:
    """Degrees, minutes and seconds as one number, rounded to a centimetre; None where they are no such thing."""
    side = _text(side)
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    sound = math.isfinite(value) and min(degrees, minutes, seconds) >= 0 and minutes < 60 and seconds <= 60
    if not sound or value > most or side not in tuple(sides):
        return None
    return round(value if side == sides[0] else -value, 7)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return value.strip("\0 ") if isinstance(value, str) else ""


def _exif(taken: datetime | None, place: tuple[float, float] | None) -> bytes:
    """EXIF that says when and where, and nothing else."""
    exif = Image.Exif()
    if taken is not None:
        clock = taken.replace(tzinfo=None).isoformat(" ", "seconds").replace("-", ":")
        camera = {ExifTags.Base.DateTimeOriginal: clock}
        if taken.tzinfo is not LOCAL:
            camera[ExifTags.Base.OffsetTimeOriginal] = taken.isoformat()[-6:]
        exif[ExifTags.IFD.Exif] = camera
    if place is not None:
        lon, lat = place
        exif[ExifTags.IFD.GPSInfo] = {
            ExifTags.GPS.GPSVersionID: b"\x02\x03\x00\x00",
            ExifTags.GPS.GPSLatitudeRef: "N" if lat >= 0 else "S",
            ExifTags.GPS.GPSLatitude: _sexagesimal(abs(lat)),
            ExifTags.GPS.GPSLongitudeRef: "E" if lon >= 0 else "W",
            ExifTags.GPS.GPSLongitude: _sexagesimal(abs(lon)),
        }
    return exif.tobytes() if len(exif) else b""


def _sexagesimal(degrees: float) -> tuple[IFDRational, ...]:
    minutes, parts = divmod(round(degrees * 3600 * SECOND_PARTS), 60 * SECOND_PARTS)
    return IFDRational(minutes // 60), IFDRational(minutes % 60), IFDRational(parts, SECOND_PARTS)
