"""Photos of the work: kept once by content, and held against the place and the time of what they are to show."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import operator
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import shapely
from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from geo import distance
from geo.errors import ChigaiError
from geo.files import flush
from tracking import pictures
from tracking.books import MANY, chunks
from tracking.soundness import CLOCK
from tracking.states import LOCAL
from tracking.store import Store
from tracking.tables import NAMES_FILES, blocks, events, files

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

MEDIA_TYPE = "image/jpeg"
FAR_M = 200.0
"""A photo taken farther than this from its block's outline is flagged, metres."""
WORK = frozenset({"started", "progress", "finished", "checked", "accepted", "mapped"})
"""Reports of work: what their photos show cannot be older than the work. A consent is given before it."""
COLUMNS = ("event_id", "block_id", "sha", "flag", "metres", "zh", "en")


@dataclass(frozen=True)
class Photo:
    """A photo that is kept. sha: of its bytes; taken: UTC; lon, lat: degrees; None where the camera did not say."""

    sha: str
    media_type: str
    bytes: int
    width: int
    height: int
    taken: datetime | None
    lon: float | None
    lat: float | None


SHOWN = [files.c[f.name] for f in fields(Photo)]


def keep(store: Store, content: bytes, actor: str, home: Path) -> Photo:
    """Make a photo safe and keep it: its bytes on disk first, then its row. The same again is the same photo.

    Raises ChigaiError for what is no sound photo (tracking.pictures), or where it cannot be written.
    """
    with held(home):
        photo = get(store, hashlib.sha256(content).hexdigest())
        if photo is not None:
            # one of ours comes back, from a package: written anew it would be another
            put(home, photo.sha, content)
            return photo
    picture = pictures.clean(content)
    sha = hashlib.sha256(picture.content).hexdigest()
    row = {
        "sha": sha, "media_type": MEDIA_TYPE, "bytes": len(picture.content),
        "width": picture.width, "height": picture.height,
        "taken": picture.taken, "lon": picture.lon, "lat": picture.lat,
        "received": datetime.now(UTC), "actor": actor,
    }  # fmt: skip
    insert = (postgresql if store.postgres else sqlite).insert(files).values(row)
    with held(home):
        put(home, sha, picture.content)
        store.together(lambda connection: connection.execute(insert.on_conflict_do_nothing()))
    photo = get(store, sha)
    assert photo is not None
    return photo


def get(store: Store, sha: str) -> Photo | None:
    """What is known of a photo; None where none such is kept."""
    with store.reading() as connection:
        return _photos(connection, [sha]).get(sha)


def path(home: Path, sha: str) -> Path:
    """Where the bytes of a photo lie. ChigaiError where the name is none of a photo."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha):
        raise ChigaiError(
            "照片编号不对。", "This is no name of a photo.", do_zh="请从台账打开照片。", do_en="open it from the ledger."
        )  # fmt: skip
    return Path(home) / "files" / sha[:2] / f"{sha}.jpg"


def put(home: Path, sha: str, content: bytes) -> None:
    """Write the bytes of a photo to their place, whole and flushed, unless they are there."""
    place = path(home, sha)
    part = place.with_name(f".{sha}.{uuid.uuid4().hex[:8]}.part")
    try:
        if place.is_file() and place.read_bytes() == content:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
        for folder in (place.parent, place.parent.parent):
            flush(folder)
    except OSError as error:
        raise _unwritten(error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _unwritten(error: OSError) -> ChigaiError:
    return ChigaiError(
        f"照片无法保存：{error.strerror}。",
        f"The photo cannot be kept: {error.strerror}.",
        do_zh="请检查数据文件夹的权限和剩余空间。",
        do_en="check who may write to the data folder, and the space left.",
    )


@contextlib.contextmanager
def held(home: Path, alone: bool = False) -> Iterator[None]:
    """While bytes and rows of photos are brought in line: many may keep or copy photos, one alone clears them."""
    if fcntl is None:
        yield
        return
    folder = Path(home) / "files"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise _unwritten(error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _photos(connection: Connection, shas: Iterable[str]) -> dict[str, Photo]:
    found = {}
    for part in chunks(sorted(set(shas)), MANY):
        for row in connection.execute(select(*SHOWN).where(files.c.sha.in_(part))):
            found[row.sha] = Photo(*row)
    return found


def flags(store: Store, plan_id: str | None = None, block_id: str | None = None) -> pd.DataFrame:
    """What is odd about the photos that reports name, the last report first; nothing is hidden for it.

    far: taken more than FAR_M from the block's outline (metres says how far) · before_start: taken before the
    block's work began, by the first start that counts, and by more than the tolerance of clocks · after_report:
    taken after the report that names it was received · no_place, no_time: the photo does not say it.
    Columns: event_id, block_id, sha, flag, metres (NaN but for far), zh, en.
    """
    query = select(
        events.c.id, events.c.kind, events.c.plan_id, events.c.block_id, events.c.received, events.c.files
    ).where(NAMES_FILES)
    for column, value in ((events.c.plan_id, plan_id), (events.c.block_id, block_id)):
        if value is not None:
            query = query.where(column == value)
    with store.reading() as connection:
        named = connection.execute(query.order_by(events.c.seq.desc())).fetchall()
        shas = {row.id: list(dict.fromkeys(json.loads(row.files))) for row in named}
        photos = _photos(connection, (sha for some in shas.values() for sha in some))
        scenes = _scenes(connection, {(row.plan_id, row.block_id) for row in named if row.block_id})
    rows = [
        (row.id, row.block_id, sha, *flag)
        for row in named
        for sha in shas[row.id]
        if sha in photos
        for flag in _odd(photos[sha], row, scenes.get((row.plan_id, row.block_id)))
    ]
    return pd.DataFrame.from_records(rows, columns=list(COLUMNS)).astype({"metres": float})


@dataclass
class _Scene:
    """A block as its photos are held against it."""

    outline: shapely.Geometry
    started: datetime | None = None


def _scenes(connection: Connection, keys: set[tuple[str, str]]) -> dict[tuple[str, str], _Scene]:
    found = {}
    b, e = blocks.c, events.c
    for plan_id, pairs in itertools.groupby(sorted(keys), key=operator.itemgetter(0)):
        for ids in chunks([block_id for _, block_id in pairs], MANY):
            query = select(b.block_id, b.geometry).where(b.plan_id == plan_id, b.block_id.in_(ids))
            for row in connection.execute(query):
                found[(plan_id, row.block_id)] = _Scene(shapely.from_wkb(bytes(row.geometry)))
            history = select(e.id, e.kind, e.block_id, e.happened, e.corrects).where(
                e.plan_id == plan_id, e.block_id.in_(ids), e.kind.in_(("started", "correction"))
            )
            told = connection.execute(history.order_by(e.happened.desc())).fetchall()
            # a start has no figures: whoever corrects one makes it void
            void = {event.corrects for event in told}
            for event in told:
                if event.kind == "started" and event.id not in void:
                    found[(plan_id, event.block_id)].started = event.happened
    return found


def _odd(photo: Photo, event: Any, scene: _Scene | None) -> Iterator[tuple[str, float, str, str]]:
    """flag, metres, zh, en of what is odd about one photo of one report."""
    if photo.lon is None or photo.lat is None:
        yield (
            "no_place",
            math.nan,
            "照片没有拍摄位置：请打开相机的定位。",
            "The photo does not say where it was taken: let the camera know the place.",
        )
    elif scene is not None:
        metres = distance.to_outline(photo.lon, photo.lat, scene.outline)
        if metres > FAR_M:
            yield (
                "far",
                metres,
                f"拍摄地点距大池 {event.block_id} 约 {_far_zh(metres)}。",
                f"Taken about {_far_en(metres)} from block {event.block_id}.",
            )
    if photo.taken is None:
        yield "no_time", math.nan, "照片没有拍摄时间。", "The photo does not say when it was taken."
        return
    taken = _clock(photo.taken)
    began = scene.started if scene is not None and event.kind in WORK else None
    if began is not None and photo.taken < began - CLOCK:
        yield (
            "before_start",
            math.nan,
            f"拍摄时间 {taken} 早于开工时间 {_clock(began)}。",
            f"Taken at {taken}, before work began at {_clock(began)}.",
        )
    if photo.taken > event.received + CLOCK:
        received = _clock(event.received)
        yield (
            "after_report",
            math.nan,
            f"拍摄时间 {taken} 晚于收到填报的时间 {received}：请检查相机时钟。",
            f"Taken at {taken}, after the report was received at {received}: check the camera's clock.",
        )


def _far_zh(metres: float) -> str:
    return f"{metres / 1000:,.1f} 公里" if metres >= 1000 else f"{metres:.0f} 米"


def _far_en(metres: float) -> str:
    return f"{metres / 1000:,.1f} km" if metres >= 1000 else f"{metres:.0f} m"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(LOCAL):%Y-%m-%d %H:%M}"
