"""What the ledger knows of the blocks that a batch of reports is about, read once and kept up while it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Select, select

from planning import programme as programmes
from planning.programme import Programme
from tracking import rules, soundness
from tracking.chain import Head
from tracking.rules import Block, Event, Placed, Refusal, Standing
from tracking.tables import blocks, events, files

NAMES = tuple(f.name for f in fields(Event))
COLUMNS = [events.c[name] for name in NAMES]
MANY = 500
"""Values in one IN of a query."""
NEWEST = 2**62
"""Stands for the number that an event gets when it is taken: higher than any there is."""

T = TypeVar("T")
Key = tuple[str, str]


@dataclass
class _Page:
    """One block's events, and where they lead."""

    own: list[Placed] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    last: tuple[datetime, int] | None = None
    # how many approvals of the whole plan were followed
    whole: int = -1


class Books:
    """The blocks, events and ids that a batch touches."""

    def __init__(
        self, connection: Connection, reports: Sequence[Event], known: Sequence[Programme] = ()
    ) -> None:
        self.connection = connection
        self._programmes: dict[str, Programme | None] = {one.id: one for one in known}
        self._blocks: dict[Key, Block] = {}
        self._pages: dict[Key, _Page] = {}
        self._whole: dict[str, list[Placed]] = {}
        self._ids: dict[UUID, tuple[Event, Head]] = {}
        wanted = [e.id for e in reports] + [e.corrects for e in reports if e.corrects is not None]
        for part in chunks(list(dict.fromkeys(wanted)), MANY):
            self._read_ids(part)
        self.files: set[str] = set()
        named = {name for event in reports for name in event.files}
        for names in chunks(sorted(named), MANY):
            self.files.update(connection.scalars(select(files.c.sha).where(files.c.sha.in_(names))))
        plans: dict[str, dict[str, None]] = {}
        for event in reports:
            if event.kind == "measure":
                continue
            plans.setdefault(event.plan_id, {"": None})[event.block_id] = None
        for plan_id, ids in plans.items():
            for names in chunks(list(ids), MANY):
                self._read_blocks(plan_id, names)

    def _read_ids(self, ids: Sequence[UUID]) -> None:
        query = select(*COLUMNS, events.c.seq, events.c.hash).where(events.c.id.in_(ids))
        for row in self.connection.execute(query):
            self._ids[row.id] = (_event(row), Head(row.seq, row.hash))

    def _read_blocks(self, plan_id: str, ids: Sequence[str]) -> None:
        b = blocks.c
        query: Select[Any] = select(b.plan_id, b.block_id, b.county, b.area_mu, b.version, b.withdrawn)
        for row in self.connection.execute(query.where(b.plan_id == plan_id, b.block_id.in_(ids))):
            self._blocks[(plan_id, row.block_id)] = Block(*row)
        for block_id in ids:
            if block_id:
                self._pages[(plan_id, block_id)] = _Page()
        query = select(*COLUMNS, events.c.seq).where(
            events.c.plan_id == plan_id, events.c.block_id.in_(ids), events.c.kind != "measure"
        )
        whole = self._whole.setdefault(plan_id, [])
        for row in self.connection.execute(query.order_by(events.c.seq)):
            (self._pages[(plan_id, row.block_id)].own if row.block_id else whole).append(
                (_event(row), row.seq)
            )

    def block(self, event: Event) -> Block | None:
        return self._blocks.get((event.plan_id, event.block_id))

    def county(self, event: Event) -> str | None:
        """The county that an event is about; None where it is about a whole plan."""
        block = self.block(event)
        if block is not None:
            return block.county
        about = self._ids.get(event.corrects) if event.corrects else None
        return (about[0] if about else event).county

    def same_id(self, event_id: UUID) -> tuple[Event, Head] | None:
        return self._ids.get(event_id)

    def add(self, event: Event, at: Head) -> None:
        """Take in an event that was weighed and accepted."""
        self._ids[event.id] = (event, at)
        if not event.block_id:
            if event.kind != "measure":
                self._whole[event.plan_id].append((event, at.seq))
            return
        page = self._pages[(event.plan_id, event.block_id)]
        page.own.append((event, at.seq))
        if event.kind == "correction" or page.last is None or rules.when((event, at.seq)) < page.last:
            page.whole = -1
        else:
            page.last = rules.when((event, at.seq))

    def weigh(self, event: Event) -> Refusal | None:
        """Whether the event goes with all that was reported on its block; None where it does."""
        if event.kind == "measure":
            return rules.measure(event, self._programme(event.plan_id))
        if event.kind == "correction":
            found = self._ids.get(event.corrects) if event.corrects else None
            target = found[0] if found else None
            refusal = soundness.correction(event, target)
            if refusal is not None or (target is not None and target.kind == "measure"):
                return refusal
        if not event.block_id:
            return self._weigh_whole(event)
        block = self._blocks[(event.plan_id, event.block_id)]
        page = self._page(event, block)
        if event.kind != "correction" and (page.last is None or event.happened >= page.last[0]):
            return rules.step(page.standing, event, block)
        history = [*self._whole[event.plan_id], *page.own, (event, NEWEST)]
        _, refusal, at = rules.run(history, block)
        if refusal is None or (at is not None and at.id == event.id):
            return refusal
        return rules.later(refusal)

    def _programme(self, name: str) -> Programme | None:
        """The programme that was given along, or one that comes with chigai."""
        if name not in self._programmes:
            bundled = name in programmes.available()
            self._programmes[name] = programmes.load(name) if bundled else None
        return self._programmes[name]

    def _page(self, event: Event, block: Block) -> _Page:
        page, whole = self._pages[(event.plan_id, event.block_id)], self._whole[event.plan_id]
        if page.whole != len(whole):
            history = [*whole, *page.own]
            page.standing, _, _ = rules.run(history, block)
            counted = rules.effective(history)
            page.last = rules.when(counted[-1]) if counted else None
            page.whole = len(whole)
        return page

    def _weigh_whole(self, event: Event) -> Refusal | None:
        """An approval of a whole plan, or its correction."""
        counted = rules.effective(self._whole[event.plan_id])
        if event.kind == "plan_approved":
            return rules.approved_before() if counted else None
        begun = select(events.c.seq).where(
            events.c.plan_id == event.plan_id, events.c.block_id != "", events.c.kind.in_(rules.REPORTS)
        )
        begun_here = any(
            e.kind in rules.REPORTS
            for (plan, _), page in self._pages.items()
            for e, _ in page.own
            if plan == event.plan_id
        )
        if begun_here or self.connection.execute(begun.limit(1)).first() is not None:
            return rules.begun()
        return None


def _event(row: Any) -> Event:
    values = row._asdict()
    values["files"] = tuple(json.loads(values["files"]))
    if row.kind != "measure":
        # there it follows from the block
        values["county"] = None
    return Event(**{name: values[name] for name in NAMES})


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in parts of at most `size`, in order."""
    return (items[i : i + size] for i in range(0, len(items), size))
