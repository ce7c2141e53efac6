"""What is kept of a photo is its image, upright, with time and place; what is no sound photo is refused."""

from __future__ import annotations

import io
import itertools
import struct
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from geo.errors import ChigaiError
from tests.tracking.camera import degrees, exif, gps, jpeg, saved, scene, segments, told
from tracking.pictures import LONGEST_PX, MOST_BYTES, MOST_SCANS, Picture, clean

# Pillow warns of what is broken in a file
pytestmark = pytest.mark.filterwarnings("ignore")

SECRET = b"SECRET"
SCENE = scene()
PLAIN = {0xE0, 0xE1, 0xDB, 0xC0, 0xC4, 0xDA, 0xD9}
"""What a JPEG needs, JFIF's head, and EXIF."""


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.content)).convert("RGB"), int)


def corners(picture: Picture) -> list[str]:
    """The colours of the quarters: above left and right, below left and right."""
    seen = pixels(picture)
    y, x = seen.shape[0] // 4, seen.shape[1] // 4
    at = [seen[y, x], seen[y, -x], seen[-y, x], seen[-y, -x]]
    return ["rgb"[int(c.argmax())] if np.ptp(c) > 60 else "-" for c in at]


def refused(content: bytes) -> ChigaiError:
    with pytest.raises(ChigaiError) as caught:
        clean(content)
    error = caught.value
    assert error.zh and error.en and error.do_zh and error.do_en
    return error


def heic(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=90, **options)
    return out.getvalue()


def test_nothing_stays_of_what_a_phone_writes_but_time_and_place() -> None:
    small = jpeg(scene((32, 24)), b"", comment=SECRET)
    notes = exif(
        place=(131.87, 45.55),
        main={0x010F: "SECRET make", 0x013B: "SECRET artist", 0x0112: 1, 0x8298: "SECRET"},
        camera={
            0x927C: SECRET * 50,
            0xA431: "SECRET serial",
            0x9286: SECRET,
            0x9291: "777",
            0xA420: "SECRET",
        },
        where={6: [(151, 1)], 0x1D: "2021:10:08", 0x1B: SECRET, 0x12: "SECRET"},
        thumbnail=small,
    )
    content = jpeg(
        notes=notes,
        comment=SECRET,
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SECRET</x:xmpmeta>",
    )
    # IPTC, and another maker's own segment
    content = content[:2] + b"\xff\xed\x00\x1cPhotoshop 3.0\x008BIMSECRET.." + content[2:]
    content = content[:2] + b"\xff\xef\x00\x0eSECRETSECRET" + content[2:] + SECRET
    assert {0xE2, 0xED, 0xEF, 0xFE} <= {marker for marker, _ in segments(content)}
    kept = clean(content)
    assert {marker for marker, _ in segments(kept.content)} <= PLAIN
    assert segments(kept.content)[-1] == (0xD9, b"")
    assert SECRET not in kept.content and small not in kept.content
    found = told(kept.content)
    assert set(found) == {"main", "camera", "gps"}
    assert set(found["main"]) == {0x8769, 0x8825}
    assert found["camera"] == {0x9003: "2021:10:08 12:30:00"}
    assert {k: v for k, v in found["gps"].items() if k in (1, 3)} == {1: "N", 3: "E"}
    assert set(found["gps"]) == {0, 1, 2, 3, 4}
    assert (kept.lon, kept.lat) == (131.87, 45.55)


def test_a_photo_that_says_nothing_is_kept_and_says_nothing() -> None:
    kept = clean(jpeg(notes=b""))
    assert (kept.taken, kept.lon, kept.lat) == (None, None, None)
    assert told(kept.content) == {}


offsets = st.none() | st.integers(-14 * 60, 14 * 60)
anywhere = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
# 0° 0° is what phones write that do not know
places = st.none() | anywhere.filter(lambda place: max(map(abs, place)) > 1e-6)
moments = st.none() | st.datetimes(datetime(1995, 1, 1), datetime(2090, 1, 1))


@given(moment=moments, ahead=offsets, place=places)
@settings(max_examples=60, deadline=None)
def test_time_and_place_go_round(
    moment: datetime | None, ahead: int | None, place: tuple[float, float] | None
) -> None:
    zone = None if ahead is None else timezone(timedelta(minutes=ahead))
    said = None if zone is None else f"{'+-'[ahead < 0]}{abs(ahead) // 60:02}:{abs(ahead) % 60:02}"
    clock = None if moment is None else f"{moment:%Y:%m:%d %H:%M:%S}"
    kept = clean(jpeg(notes=exif(clock, said if clock else None, place)))
    if moment is None:
        assert kept.taken is None
    else:
        truth = moment.replace(microsecond=0, tzinfo=zone or ZoneInfo("Asia/Shanghai"))
        assert kept.taken is not None and kept.taken.astimezone(UTC) == truth.astimezone(UTC)
    if place is None:
        assert (kept.lon, kept.lat) == (None, None)
    else:
        assert (kept.lon, kept.lat) == pytest.approx(place, abs=1e-7)
    # and what was written says the same, to another reader and to ours
    found = told(kept.content)
    assert found.get("camera", {}).get(0x9003) == clock
    if kept.lon is not None and kept.lat is not None:
        for value, tag, side in ((kept.lat, 2, "NS"), (kept.lon, 4, "EW")):
            d, m, s = (a / b for a, b in found["gps"][tag])
            sign = 1 if found["gps"][tag - 1] == side[0] else -1
            assert sign * (d + m / 60 + s / 3600) == pytest.approx(value, abs=1e-9)
    again = clean(kept.content)
    assert (again.taken, again.lon, again.lat) == (kept.taken, kept.lon, kept.lat)


@pytest.mark.parametrize(
    ("taken", "offset", "utc"),
    [
        ("2021:10:08 12:30:00", None, "2021-10-08T04:30:00"),
        ("2021:10:08 12:30:00", "+08:00", "2021-10-08T04:30:00"),
        ("2021:10:08 12:30:00", "-03:30", "2021-10-08T16:00:00"),
        ("2021:10:08 12:30:00", "+00:00", "2021-10-08T12:30:00"),
        ("2021-10-08T12:30:00", None, "2021-10-08T04:30:00"),
        # a zone that is none counts as not said
        ("2021:10:08 12:30:00", "Z", "2021-10-08T04:30:00"),
        ("2021:10:08 12:30:00", "+25:00", "2021-10-08T04:30:00"),
        ("2021:10:08 12:30:00", "   :  ", "2021-10-08T04:30:00"),
        ("0000:00:00 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("2021:02:30 12:00:00", None, None),
        ("2021:10:08 24:00:00", None, None),
        ("0001:01:01 00:00:00", "+14:00", None),
        ("9999:12:31 23:59:59", "-14:00", None),
        ("２０２１:10:08 12:30:00", None, None),
        ("yesterday", None, None),
        ("", None, None),
    ],
)
def test_a_cameras_time_without_a_zone_is_of_asia_shanghai(
    taken: str, offset: str | None, utc: str | None
) -> None:
    kept = clean(jpeg(notes=exif(taken, offset)))
    found = None if kept.taken is None else kept.taken.astimezone(UTC).replace(tzinfo=None).isoformat()
    assert found == utc


def test_where_the_shutter_says_nothing_the_time_of_reading_the_sensor_does() -> None:
    kept = clean(jpeg(notes=exif(None, camera={0x9004: "2021:10:08 12:30:00", 0x9012: "+09:00"})))
    assert kept.taken == datetime(2021, 10, 8, 3, 30, tzinfo=UTC)


GOOD = gps(131.5, 45.5)


@pytest.mark.parametrize(
    "spoilt",
    [
        {2: [(0, 0), (0, 0), (0, 0)]},
        {2: [(45, 1), (30, 0), (0, 1)]},
        {2: degrees(91)},
        {4: degrees(181)},
        {2: [(45, 1), (61, 1), (0, 1)]},
        {2: [(45, 1), (30, 1)]},
        {2: [(45, 1)]},
        {2: "45.5"},
        {2: b"\xff\xff\xff\xff\xff"},
        {1: "X"},
        {1: ""},
        {1: "NS"},
        {3: "N"},
        gps(0, 0),
        {2: [(2**32 - 1, 1)] * 3},
    ],
)
def test_a_place_that_is_none_is_not_kept(spoilt: dict[int, object]) -> None:
    kept = clean(jpeg(notes=exif(where=GOOD | spoilt)))
    assert (kept.lon, kept.lat) == (None, None)
    assert kept.taken is not None
    assert set(told(kept.content)) == {"main", "camera"}


@pytest.mark.parametrize("gone", [1, 2, 3, 4])
def test_half_a_place_is_none(gone: int) -> None:
    assert clean(jpeg(notes=exif(where={k: v for k, v in GOOD.items() if k != gone}))).lon is None


@given(cut=st.integers(0, 400), flip=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_broken_notes_do_not_spoil_a_photo(cut: int, flip: int, byte: int) -> None:
    notes = bytearray(exif(place=(131.5, 45.5), camera={0x927C: b"x" * 200}))
    notes[6 + flip % (len(notes) - 6)] = byte
    kept = clean(jpeg(notes=bytes(notes[: max(8, len(notes) - cut)])))
    assert (kept.width, kept.height) in ((64, 48), (48, 64))


TURNED = {
    1: "rgb-", 2: "gr-b", 3: "-bgr", 4: "b-rg", 5: "rbg-", 6: "br-g", 7: "-gbr", 8: "g-rb",
    0: "rgb-", 9: "rgb-",
}  # fmt: skip


@pytest.mark.parametrize("orientation", TURNED)
def test_a_photo_is_turned_upright_and_says_so_no_more(orientation: int) -> None:
    kept = clean(jpeg(notes=exif(main={0x0112: orientation})))
    assert "".join(corners(kept)) == TURNED[orientation]
    assert (kept.width, kept.height) == ((48, 64) if orientation in (5, 6, 7, 8) else (64, 48))
    assert 0x0112 not in told(kept.content)["main"]


@pytest.mark.parametrize(
    ("size", "kept"),
    [((5000, 2500), (2560, 1280)), ((2500, 5120), (1250, 2560)), ((2560, 10), (2560, 10)), ((9000, 1), (2560, 1))],
)  # fmt: skip
def test_a_large_photo_is_made_smaller_and_a_small_one_is_left(
    size: tuple[int, int], kept: tuple[int, int]
) -> None:
    picture = clean(jpeg(scene(size) if min(size) > 1 else Image.new("RGB", size)))
    assert (picture.width, picture.height) == kept
    assert max(kept) <= LONGEST_PX


def formats(image: Image.Image = SCENE) -> dict[str, bytes]:
    deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return {
        "jpeg": jpeg(image),
        "progressive": jpeg(image, progressive=True),
        "grey jpeg": jpeg(image.convert("L")),
        "cmyk jpeg": jpeg(image.convert("CMYK")),
        "png": saved(image, "PNG"),
        "16-bit png": saved(deep, "PNG"),
        "1-bit png": saved(image.convert("1"), "PNG"),
        "palette png": saved(image.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
        "grey alpha png": saved(image.convert("LA"), "PNG"),
        "webp": saved(image, "WEBP", quality=90),
        "lossless webp": saved(image, "WEBP", lossless=True),
        "heic": heic(image),
    }


@pytest.mark.parametrize("kind", formats())
def test_every_kind_of_photo_becomes_a_jpeg_of_the_same_scene(kind: str) -> None:
    kept = clean(formats()[kind])
    seen = pixels(kept)
    assert seen.shape == (48, 64, 3)
    truth = np.asarray(scene(), int)
    if kind.startswith(("grey", "16", "1-")):
        assert abs(seen.mean() - np.asarray(scene().convert("L"), int).mean()) < 12
    elif kind != "cmyk jpeg":
        assert np.median(abs(seen - truth)) < 12
    assert {marker for marker, _ in segments(kept.content)} <= PLAIN


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIC"])
def test_what_other_kinds_of_photo_say_is_kept_and_cleaned_alike(kind: str) -> None:
    notes = exif(place=(131.5, 45.5), main={0x010F: "SECRET", 0x0112: 6})
    content = heic(scene(), exif=notes) if kind == "HEIC" else saved(scene(), kind, exif=notes)
    kept = clean(content)
    assert (kept.lon, kept.lat) == (131.5, 45.5)
    assert kept.taken is not None and kept.taken.astimezone(UTC) == datetime(2021, 10, 8, 4, 30, tzinfo=UTC)
    assert (kept.width, kept.height) == (48, 64) and "".join(corners(kept)) == "br-g"
    assert SECRET not in kept.content


def test_what_shows_through_is_white() -> None:
    clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    assert pixels(clean(saved(clear, "PNG"))).min() > 250


def test_of_several_images_in_one_jpeg_the_first_is_the_photo() -> None:
    other = Image.new("RGB", (64, 48), "white")
    content = saved(scene(), "MPO", save_all=True, append_images=[other])
    assert "".join(corners(clean(content))) == "rgb-"


def wrapped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as box:
        for name, content in parts.items():
            box.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "behind", [wrapped(secret=SECRET), b"<script>alert(1)</script>", b"%PDF-1.4 SECRET", b"<?php SECRET ?>"]
)
def test_what_hangs_behind_a_photo_falls_off(behind: bytes) -> None:
    for content in (jpeg() + behind, jpeg(comment=behind), saved(scene(), "PNG") + behind):
        kept = clean(content)
        assert behind not in kept.content and SECRET not in kept.content
        assert not zipfile.is_zipfile(io.BytesIO(kept.content))
        assert {marker for marker, _ in segments(kept.content)} <= PLAIN


def not_photos() -> dict[str, bytes]:
    image = scene()
    return {
        "nothing": b"",
        "gif": saved(image, "GIF"),
        "moving gif": saved(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        "moving png": saved(image, "PNG", save_all=True, append_images=[image.rotate(90)]),
        "moving webp": saved(image, "WEBP", save_all=True, append_images=[image.rotate(90)]),
        "bmp": saved(image, "BMP"),
        "tiff": saved(image, "TIFF"),
        "ico": saved(image, "ICO"),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "html": b"<html><script>alert(1)</script></html>",
        "html with a photo behind": b"<html>" + jpeg(),
        "zip": wrapped(photo=jpeg()),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "head alone": b"\xff\xd8\xff\xe0",
        "heic in name": b"\0\0\0\x18ftypheic" + b"\0" * 40,
    }


@pytest.mark.parametrize("kind", not_photos())
def test_what_is_no_photo_is_refused_whatever_its_name(kind: str) -> None:
    refused(not_photos()[kind])


@pytest.mark.parametrize("kind", ["jpeg", "progressive", "png", "webp", "heic"])
def test_a_photo_that_was_cut_short_is_refused(kind: str) -> None:
    content = formats(Image.effect_noise((64, 48), 60).convert("RGB"))[kind]
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        refused(content[: int(len(content) * share)])


def resized(content: bytes, width: int, height: int) -> bytes:
    """A JPEG that says that it is larger than it is."""
    at = next(i for i in itertools.count(2) if content[i : i + 2] in (b"\xff\xc0", b"\xff\xc2"))
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


def bombs() -> dict[str, bytes]:
    png = saved(Image.new("1", (8_000, 5_001)), "PNG")
    plain = jpeg(progressive=True)
    start = plain.rindex(b"\xff\xda")
    shown = heic(scene())
    at = shown.index(b"ispe")
    size = shown[at : at + 16]
    return {
        "png of 40 million": png,
        "png of 4 thousand million": png[:16] + struct.pack(">II", 65_535, 65_535) + png[24:],
        "jpeg of 4 thousand million": resized(jpeg(), 65_500, 65_500),
        "progressive jpeg of 100 million": resized(plain, 10_000, 10_000),
        "jpeg that never ends": plain[:-2] + plain[start:-2] * (MOST_SCANS + 1) + b"\xff\xd9",
        "webp": struct.pack("<4sI4s4sI", b"RIFF", 30, b"WEBP", b"VP8X", 10) + bytes(4) + b"\xfe\x3f\x00" * 2,
        "heic of 4 thousand million": shown.replace(
            size, size[:4] + bytes(4) + struct.pack(">II", 65_535, 65_535)
        ),
        "31 MB": jpeg() + b"\0" * MOST_BYTES,
    }


@pytest.mark.parametrize("kind", bombs())
def test_a_bomb_is_refused_before_it_is_unpacked(kind: str) -> None:
    refused(bombs()[kind])


@given(st.binary(max_size=200), st.sampled_from(["jpeg", "png", "webp", "heic"]), st.integers(0, 5000))
@settings(max_examples=80, deadline=None)
def test_whatever_is_sent_becomes_a_clean_photo_or_a_refusal(junk: bytes, kind: str, at: int) -> None:
    content = formats()[kind]
    at %= len(content)
    try:
        kept = clean(content[:at] + junk + content[at + len(junk) :])
    except ChigaiError:
        return
    assert {marker for marker, _ in segments(kept.content)} <= PLAIN
