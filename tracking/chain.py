"""The chain of hashes over the ledger: each event is sealed with the one before it, so that tampering shows.

What it sees: an event that was changed, put in, taken out or moved, at the first place where it is so; and
events cut off at the end, as long as the head that the database keeps beside them was not changed too.
What it cannot see by itself: whoever may write to the database past chigai can cut the end off, or write
everything anew from some event on, and seal it again. Against that stands a head noted elsewhere: every
receipt and every backup carries one, and `verify` takes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, select, type_coerce

from tracking.jobs import Told, nobody
from tracking.store import Store
from tracking.tables import Moment, events, head

GENESIS = "0" * 64
"""What the first event is sealed with."""
SEALED = tuple(c.name for c in events.c if c.name != "hash")
"""The columns that an event's hash covers: all but itself."""
LATER = ("measure", "units")
"""Columns that the ledger was given later: sealed where they say something, so that older hashes stay right."""

OFTEN = 2_000
"""Events between two words of progress."""


@dataclass(frozen=True)
class Head:
    """The last event of a ledger: its number and its hash."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Broken:
    """Where the chain breaks first: the number of the event, its id where there is one, and what is wrong."""

    seq: int
    event_id: UUID | None
    zh: str
    en: str


def digest(previous: str, row: Mapping[str, Any]) -> str:
    """SHA-256 over the hash before and an event's columns: times in microseconds, ids as text, numbers exact."""
    values = {
        name: str(v) if isinstance(v := row[name], UUID) else v
        for name in SEALED
        if name not in LATER or row[name] is not None
    }
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha(f"{previous}\n{text}")


def sha(text: str) -> str:
    """SHA-256 of a text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def columns() -> list[ColumnElement[Any]]:
    """The columns of events, with times as the whole microseconds in which they are kept."""
    return [type_coerce(c, BigInteger).label(c.name) if isinstance(c.type, Moment) else c for c in events.c]


_LAST = select(head.c.seq, head.c.hash).where(head.c.one == 1)
HOLD = _LAST.with_for_update()
"""Asks for the head; nobody else appends until the transaction ends, so the chain cannot fork."""


def last(connection: Connection, hold: bool = False) -> Head:
    """The head of the ledger; hold: see HOLD."""
    row = connection.execute(HOLD if hold else _LAST).one()
    return Head(int(row.seq), row.hash)


def verify(store: Store, noted: Head | None = None, progress: Told = nobody) -> Broken | None:
    """Go through the whole ledger; None where every event stands as it was received.

    noted: a head from a receipt, a backup or a print, which must still be part of the ledger. progress: told the
    share done, 0 to 1; what it raises ends it.
    """
    with store.snapshot() as connection:
        return check(connection, noted, progress)


def check(connection: Connection, noted: Head | None = None, progress: Told = nobody) -> Broken | None:
    """As `verify`, within a transaction."""
    previous, number = GENESIS, 0
    whole = max(last(connection).seq, 1)
    found = connection.execution_options(yield_per=5000).execute(select(*columns()).order_by(events.c.seq))
    for row in found:
        if number % OFTEN == 0:
            progress(min(number / whole, 1.0))
        number += 1
        broken = _link(number, previous, row)
        if broken is None and noted is not None and noted.seq == number and noted.hash != row.hash:
            broken = _noted(number, row.id)
        if broken is not None:
            found.close()
            return broken
        previous = row.hash
    kept = last(connection)
    if (kept.seq, kept.hash) != (number, previous):
        return Broken(
            number + 1,
            None,
            f"台账末尾缺少记录：应有 {kept.seq} 条，只剩 {number} 条。"
            if kept.seq > number
            else f"台账末尾的记录（第 {number} 条）与登记不符。",
            f"The end is missing: {kept.seq} events were kept, {number} are there."
            if kept.seq > number
            else f"The last event, {number}, is not the one that was noted as last.",
        )
    if noted is not None and noted.seq > number:
        return Broken(
            number + 1,
            None,
            f"台账末尾缺少记录：凭证上是第 {noted.seq} 条，台账只有 {number} 条。",
            f"The end is missing: the receipt is of event {noted.seq}, the ledger has {number}.",
        )
    return None


def _link(number: int, previous: str, row: Row[Any]) -> Broken | None:
    if row.seq != number:
        return Broken(
            number,
            None,
            f"第 {number} 条记录缺失（下一条是第 {row.seq} 条）。",
            f"Event {number} is missing (the next is {row.seq}).",
        )
    if digest(previous, row._asdict()) != row.hash:
        return Broken(
            number,
            row.id,
            f"第 {number} 条记录与其校验值不符：它或它之前的一条被改动过。",
            f"Event {number} does not fit its hash: it, or the one before it, was changed.",
        )
    return None


def _noted(number: int, event_id: UUID) -> Broken:
    return Broken(
        number,
        event_id,
        f"第 {number} 条记录与凭证不符：台账从这里或更早处被重写过。",
        f"Event {number} is not the one on the receipt: the ledger was written anew from here or before.",
    )
