"""What the ledger knows of the blocks that a batch of reports is about, read once and kept up while it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from planning import programme as programmes
from planning.programme import Programme
from tracking import chain, rules, soundness
from tracking.chain import Head
from tracking.rules import Block, Event, Placed, Refusal, Standing
from tracking.tables import EPOCH, MICROSECOND, blocks, events, files, raw_events
from tracking.talk import Among, ask

NAMES = tuple(f.name for f in fields(Event))
COLUMNS = [raw_events.c[name] for name in NAMES]
MANY = 500
"""Values in one IN of a query."""
NEWEST = 2**62
"""Stands for the number that an event gets when it is taken: higher than any there is."""

_E, _B = raw_events.c, blocks.c
_SAME = select(*COLUMNS, _E.seq, _E.hash).where(Among(_E.id, "ids"))
_FILES = select(files.c.sha).where(Among(files.c.sha, "shas"))
_BLOCKS = select(_B.plan_id, _B.block_id, _B.county, _B.area_mu, _B.version, _B.withdrawn).where(
    _B.plan_id == bindparam("plan"), Among(_B.block_id, "blocks")
)
_OWN = (
    select(*COLUMNS, _E.seq)
    .where(_E.plan_id == bindparam("plan"), Among(_E.block_id, "blocks"), _E.kind != "measure")
    .order_by(_E.seq)
)

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
    """The blocks, events and ids that a batch touches; whoever has them holds the ledger's head."""

    def __init__(
        self, connection: Connection, reports: Sequence[Event], known: Sequence[Programme] = ()
    ) -> None:
        self.connection = connection
        self._programmes: dict[str, Programme | None] = {one.id: one for one in known}
        self._blocks: dict[Key, Block] = {}
        self._pages: dict[Key, _Page] = {}
        self._whole: dict[str, list[Placed]] = {}
        plans: dict[str, dict[str, None]] = {}
        for event in reports:
            if event.kind != "measure":
                plans.setdefault(event.plan_id, {"": None})[event.block_id] = None
        ids = [e.id for e in reports] + [e.corrects for e in reports if e.corrects is not None]
        named = sorted({name for event in reports for name in event.files})
        places = [{"plan": plan_id, "blocks": list(found)} for plan_id, found in plans.items()]
        # the head is held first: what is read after it stays so until the transaction ends
        (held,), same, kept, *about = ask(
            connection,
            (chain.HOLD, {}),
            (_SAME, {"ids": ids}),
            (_FILES, {"shas": named}),
            *((statement, place) for place in places for statement in (_BLOCKS, _OWN)),
        )
        self.head = Head(*held)
        self._ids = {(one := _event(row)).id: (one, Head(*row[-2:])) for row in same}
        self.files = {sha for (sha,) in kept}
        for place, its_blocks, its_events in zip(places, about[::2], about[1::2], strict=True):
            self._take(place["plan"], place["blocks"], its_blocks, its_events)

    def _take(self, plan_id: Any, ids: Any, its_blocks: list[Any], its_events: list[Any]) -> None:
        for plan, block_id, county, area_mu, version, gone in its_blocks:
            self._blocks[(plan, block_id)] = Block(plan, block_id, county, area_mu, version, bool(gone))
        for block_id in ids:
            if block_id:
                self._pages[(plan_id, block_id)] = _Page()
        whole = self._whole.setdefault(plan_id, [])
        for row in its_events:
            event = _event(row)
            own = self._pages[(plan_id, event.block_id)].own if event.block_id else whole
            own.append((event, row[-1]))

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


def _event(row: tuple[Any, ...]) -> Event:
    """An event of the plain values that the driver gives for COLUMNS."""
    values = dict(zip(NAMES, row, strict=False))
    for name in ("id", "corrects"):
        if isinstance(values[name], str):
            values[name] = UUID(values[name])
    for name in ("happened", "received"):
        values[name] = EPOCH + values[name] * MICROSECOND
    for name in ("passed", "given"):
        values[name] = None if values[name] is None else bool(values[name])
    values["files"] = tuple(json.loads(values["files"]))
    if values["kind"] != "measure":
        # there it follows from the block
        values["county"] = None
    return Event(**values)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in parts of at most `size`, in order."""
    return (items[i : i + size] for i in range(0, len(items), size))
