"""Photos that were sent and never named by a report: listed, and cleared once they are old."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, select

from tracking import audit, chain, photos
from tracking.books import chunks
from tracking.store import Store
from tracking.tables import NAMES_FILES, conflicts, events, files

AGE = timedelta(days=7)
"""A phone may hold a report back this long after it sent the photo."""
AT_ONCE = 100
"""Photos cleared in one transaction: nobody reports meanwhile."""


@dataclass(frozen=True)
class Orphan:
    """A photo that no report names, in the ledger or beside it."""

    sha: str
    bytes: int
    received: datetime


def listed(store: Store, now: datetime | None = None) -> list[Orphan]:
    """The orphans older than AGE, the oldest first."""
    with store.reading() as connection:
        return _orphans(connection, now or datetime.now(UTC))


def clear(store: Store, home: Path, now: datetime | None = None, actor: str = "local") -> list[Orphan]:
    """Take the orphans older than AGE out of the database and off the disk; gives those that went.

    Bytes without a row are left: another database may know them.
    """
    moment = now or datetime.now(UTC)
    gone: list[Orphan] = []
    with photos.held(home, alone=True):
        for part in chunks(listed(store, moment), AT_ONCE):
            gone += _clear(store, home, part, moment, actor)
        # what a kill left half written: nobody writes now
        for part_file in (Path(home) / "files").glob("??/.*.part"):
            part_file.unlink(missing_ok=True)
    return gone


def _clear(store: Store, home: Path, part: Sequence[Orphan], now: datetime, actor: str) -> list[Orphan]:
    with store.writing() as connection:
        # a report that is on its way may name one of them
        chain.last(connection, hold=True)
        still = set(_orphans(connection, now))
        found = [one for one in part if one in still]
        if not found:
            return []
        connection.execute(delete(files).where(files.c.sha.in_([one.sha for one in found])))
        for one in found:
            audit.write(connection, actor, "tidy", f"photo {one.sha}", "done")
    for one in found:
        photos.path(home, one.sha).unlink(missing_ok=True)
    return found


def _orphans(connection: Connection, now: datetime) -> list[Orphan]:
    query = select(files.c.sha, files.c.bytes, files.c.received).where(files.c.received < now - AGE)
    old = [Orphan(*row) for row in connection.execute(query.order_by(files.c.received, files.c.sha))]
    if not old:
        return []
    named = {
        sha
        for text in connection.scalars(select(events.c.files).where(NAMES_FILES))
        for sha in json.loads(text)
    }
    for sent in connection.scalars(select(conflicts.c.sent)):
        named.update(json.loads(sent).get("files") or ())
    return [one for one in old if one.sha not in named]
