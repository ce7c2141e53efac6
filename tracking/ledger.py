"""The ledger: reports are appended, repeated or refused; nothing in it is ever changed or deleted."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID

import pandas as pd
from sqlalchemy import Connection, bindparam, insert, select, update

from planning.programme import Programme
from tracking import chain, rules, soundness, tables
from tracking.books import Books, chunks
from tracking.chain import Broken, Head, verify
from tracking.register import what_changed
from tracking.rules import Event, Refusal
from tracking.states import end_of, states
from tracking.store import Store
from tracking.tables import EPOCH, MICROSECOND
from tracking.talk import ask

__all__ = ["Broken", "Event", "Head", "Receipt", "append", "conflicts", "events", "states", "verify"]

Status = Literal["accepted", "repeated", "conflict", "refused"]
AT_ONCE = 5000
"""Events written in one transaction: short enough that others are not kept waiting."""
NUMBERS = ("done_mu", "measured_mu", "units")
PRIVATE = ("operator",)
CONTENT = tuple(f.name for f in fields(Event) if f.name != "received")


@dataclass(frozen=True)
class Receipt:
    """What became of one event. seq, hash: its place in the chain, once it is in the ledger: a proof to keep.

    code: why it was not taken, for programs; zh, en: what happened, for people.
    """

    id: UUID
    status: Status
    zh: str
    en: str
    seq: int | None = None
    hash: str | None = None
    code: str = ""


def append(
    store: Store,
    reports: Sequence[Event],
    *,
    now: datetime | None = None,
    counties: Collection[str] | None = None,
    programmes: Sequence[Programme] = (),
) -> list[Receipt]:
    """Put reports into the ledger, in the order given; one receipt for each, in that order.

    accepted: it is on disk, and stays there whatever becomes of this process. repeated: it was there already.
    conflict: its id stands for something else, or its block changed since; it is kept beside the ledger.
    refused: a rule of tracking.rules speaks against it. now: the moment of receipt, the clock's by default.
    counties: those that the sender may report on; None is all. programmes: of scheme B's reports, where they
    do not come with chigai. Raises ChigaiError where nothing can be written.
    """
    receipts: list[Receipt] = []
    for part in chunks(reports, AT_ONCE):
        moment = now or datetime.now(UTC)
        receipts += store.together(lambda c, p=part, m=moment: _write(c, p, m, counties, programmes))  # type: ignore[misc]
    return receipts


def _write(
    connection: Connection,
    reports: Sequence[Event],
    now: datetime,
    counties: Collection[str] | None,
    programmes: Sequence[Programme],
) -> list[Receipt]:
    sound = [_sound(report, now) for report in reports]
    books = Books(connection, [e for e in sound if isinstance(e, Event)], programmes)
    at = books.head
    rows: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    receipts = []
    for report, event in zip(reports, sound, strict=True):
        if isinstance(event, Refusal):
            receipts.append(_refused(report.id, event))
            continue
        receipt = _known(books, event, now, kept) or _weighed(books, event, now, counties, kept)
        if receipt is None:
            event = replace(event, received=now)
            row = _row(event, at.seq + 1, books.county(event))
            row["hash"] = chain.digest(at.hash, row)
            at = Head(at.seq + 1, row["hash"])
            books.add(event, at)
            rows.append(row)
            receipt = Receipt(event.id, "accepted", "已收到并保存。", "Received and kept.", at.seq, at.hash)
        receipts.append(receipt)
    _save(connection, rows, kept, at)
    return receipts


def _save(connection: Connection, rows: list[dict[str, Any]], kept: list[dict[str, Any]], at: Head) -> None:
    if rows:
        ask(connection, (_INSERT, rows), (_HEAD, {"to_seq": at.seq, "to_hash": at.hash}))
    for conflict in kept:
        same = select(tables.conflicts.c.no).where(
            tables.conflicts.c.event_id == conflict["event_id"],
            tables.conflicts.c.digest == conflict["digest"],
        )
        if connection.execute(same).first() is None:
            connection.execute(insert(tables.conflicts), conflict)


# times stand in the rows as the whole numbers that are kept and sealed
_INSERT = insert(tables.raw_events)
_HEAD = (
    update(tables.head)
    .where(tables.head.c.one == 1)
    .values(seq=bindparam("to_seq"), hash=bindparam("to_hash"))
)


def _sound(event: Event, now: datetime) -> Event | Refusal:
    normal = _normal(event)
    return (soundness.in_itself(normal, now) if isinstance(normal, Event) else None) or normal


def _normal(event: Event) -> Event | Refusal:
    """The report in the one form in which it is compared and sealed: UTC, numbers as floats."""
    try:
        event_id = event.id if isinstance(event.id, UUID) else UUID(str(event.id))
        corrects = event.corrects
        if corrects is not None and not isinstance(corrects, UUID):
            corrects = UUID(str(corrects))
        numbers: Any = {n: None if (v := getattr(event, n)) is None else float(v) + 0.0 for n in NUMBERS}
        happened = event.happened
        if happened.tzinfo is not None:
            happened = happened.astimezone(UTC)
        return replace(
            event, id=event_id, corrects=corrects, happened=happened, received=None, files=tuple(event.files), **numbers
        )  # fmt: skip
    except (TypeError, ValueError, AttributeError, OverflowError):
        return Refusal(
            "form",
            "记录的编号、时间或数值格式有误。",
            "The event's id, time or a number is not in the form it should have.",
        )


def _known(books: Books, event: Event, now: datetime, kept: list[dict[str, Any]]) -> Receipt | None:
    """The receipt of an event whose id is in the ledger already."""
    found = books.same_id(event.id)
    if found is None:
        return None
    before, at = found
    if _content(before) == _content(event):
        zh, en = "此前已收到，没有重复计入。", "Received before; it counts once."
        return Receipt(event.id, "repeated", zh, en, at.seq, at.hash)
    differ = [n for n in CONTENT if getattr(before, n) != getattr(event, n)]
    called = "、".join(rules.FIELDS_ZH[n] for n in differ)
    zh = f"同一编号此前已有内容不同的记录（不同之处：{called}）。两份都已保留，台账以先到的为准。"
    en = (
        f"This id stands for another report already (they differ in {', '.join(differ)}). Both are kept; "
        "the first one counts."
    )
    return _conflict(event, now, "content", zh, en, kept)


def _weighed(
    books: Books,
    event: Event,
    now: datetime,
    counties: Collection[str] | None,
    kept: list[dict[str, Any]],
) -> Receipt | None:
    """The receipt of an event that is not taken; None where nothing speaks against it."""
    block = books.block(event)
    refusal = rules.place(event, block, counties, books.county(event)) or rules.files(event, books.files)
    if refusal is not None:
        return _refused(event.id, refusal)
    if block is not None and event.block_version is not None and event.block_version != block.version:
        zh, en = what_changed(books.connection, block.plan_id, block.block_id, event.block_version)
        return _conflict(event, now, "changed", zh, en, kept)
    refusal = books.weigh(event)
    return None if refusal is None else _refused(event.id, refusal)


def _refused(event_id: UUID, refusal: Refusal) -> Receipt:
    return Receipt(event_id, "refused", refusal.zh, refusal.en, code=refusal.code)


def _conflict(event: Event, now: datetime, why: str, zh: str, en: str, kept: list[dict[str, Any]]) -> Receipt:
    sent = _content(event)
    kept.append(
        {
            "event_id": event.id,
            "received": now,
            "why": why,
            "plan_id": event.plan_id,
            "block_id": event.block_id,
            "actor": event.actor,
            "sent": sent,
            "digest": chain.sha(f"{why}\n{sent}"),
            "zh": zh,
            "en": en,
        }
    )
    return Receipt(event.id, "conflict", zh, en, code=why)


def _row(event: Event, seq: int, county: str | None) -> dict[str, Any]:
    assert event.received is not None
    row = {name: getattr(event, name) for name in CONTENT}
    row["seq"], row["county"] = seq, county
    row["happened"] = (event.happened - EPOCH) // MICROSECOND
    row["received"] = (event.received - EPOCH) // MICROSECOND
    row["files"] = json.dumps(event.files, ensure_ascii=False)
    return row


def _content(event: Event) -> str:
    values = {n: str(v) if isinstance(v := getattr(event, n), (UUID, datetime)) else v for n in CONTENT}
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def events(
    store: Store,
    *,
    plan_id: str | None = None,
    block_id: str | None = None,
    county: str | None = None,
    kinds: Iterable[str] | None = None,
    actor: str | None = None,
    since: date | None = None,
    until: date | None = None,
    private: bool = False,
    limit: int | None = None,
) -> pd.DataFrame:
    """The ledger as it was received, the last first. since, until: days of happening, Asia/Shanghai, inclusive.

    Columns as in tracking.tables.events; times are aware, UTC. The operator's name only where `private`.
    """
    t = tables.events
    shown = [c for c in t.c if private or c.name not in PRIVATE]
    query = select(*shown).order_by(t.c.seq.desc())
    for column, value in (
        (t.c.plan_id, plan_id),
        (t.c.block_id, block_id),
        (t.c.county, county),
        (t.c.actor, actor),
    ):
        if value is not None:
            query = query.where(column == value)
    if kinds is not None:
        query = query.where(t.c.kind.in_(list(kinds)))
    if since is not None:
        query = query.where(t.c.happened >= EPOCH + (end_of(since) - DAY_US) * MICROSECOND)
    if until is not None:
        query = query.where(t.c.happened < EPOCH + end_of(until) * MICROSECOND)
    if limit is not None:
        query = query.limit(limit)
    with store.reading() as connection:
        rows = connection.execute(query).fetchall()
    return pd.DataFrame.from_records(rows, columns=[c.name for c in shown])


DAY_US = 86_400_000_000


def conflicts(store: Store, *, plan_id: str | None = None, private: bool = False) -> pd.DataFrame:
    """What was kept beside the ledger, the last first; settled: the same id was taken afterwards.

    `sent` is the report as it came, as JSON; without `private` its operator is left out.
    """
    c, e = tables.conflicts, tables.events
    query = select(c, e.c.seq).outerjoin(e, (e.c.id == c.c.event_id) & (c.c.why == "changed"))
    if plan_id is not None:
        query = query.where(c.c.plan_id == plan_id)
    with store.reading() as connection:
        rows = connection.execute(query.order_by(c.c.no.desc())).fetchall()
    frame = pd.DataFrame.from_records(rows, columns=[*(x.name for x in c.c), "seq"])
    frame["settled"] = frame.pop("seq").notna()
    if not private:
        frame["sent"] = [
            json.dumps(json.loads(s) | {"operator": None}, ensure_ascii=False) for s in frame["sent"]
        ]
    return frame.drop(columns="digest")
