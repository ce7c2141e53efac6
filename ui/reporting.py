"""A report while it is being made: what comes next on a block, what was typed, and the event that it becomes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from tracking import rules
from tracking.rules import Event
from tracking.targets import LOCAL

NEARLY = 0.95
"""Share of a block done from which finishing it comes next."""
NEXT = {
    "planned": "plan_approved", "approved": "started", "started": "progress", "returned": "finished",
    "finished": "checked", "checked": "accepted", "accepted": "mapped",
}  # fmt: skip
"""What comes next in each state; after mapped nothing does."""
ANY_TIME = ("consent", "correction")
"""Kinds that have no turn."""
ORDER = ("returned", "started", "approved", "finished", "checked", "accepted", "planned", "mapped")
"""States in the order in which a team wants to see its blocks: what is being worked on first."""
FIRST_THING, LAST_THING = time(6), time(20)
"""When something happened on an earlier day, where only the day is told: a start early, all else late."""
MOST_DRAFTS = 500
PHOTO_KINDS = ("started", "progress", "finished", "checked", "accepted")
"""Kinds for which photos are asked."""


def next_kind(state: str, done_mu: float, area_mu: float) -> str | None:
    """The step that comes next on a block, whoever may take it."""
    if state == "started" and done_mu >= NEARLY * area_mu:
        return "finished"
    return NEXT.get(state)


def kinds(state: str, done_mu: float, area_mu: float, allowed: Callable[[str], bool]) -> list[str]:
    """What this person may report on a block now, what comes next first."""
    first = next_kind(state, done_mu, area_mu)
    turn = [kind for kind, states in rules.AFTER.items() if state in states]
    turn.sort(key=lambda kind: kind != first)
    return [kind for kind in (*turn, *ANY_TIME) if allowed(kind)]


@dataclass
class Draft:
    """One report that is being made. Its id stays until the report is acknowledged, so that a second tap, a new
    run or a new connection sends the same report, not another. version: the block as this person saw it."""

    id: UUID
    plan_id: str
    block_id: str
    kind: str
    version: int | None = None
    typed: dict[str, Any] = field(default_factory=dict)
    photos: list[Any] = field(default_factory=list)
    sent: Event | None = None

    def event(self, actor: str, now: datetime) -> Event:
        """The report as typed. The same content sent again is the same event, with its first time."""
        takes = rules.TAKES[self.kind]
        wanted = {n: v for n, v in self.typed.items() if n in takes and v not in (None, "")}
        made = Event(
            self.id,
            self.kind,
            self.block_id,
            self.plan_id,
            actor,
            happened(self.typed.get("day"), self.kind, now),
            note=str(self.typed.get("note") or "").strip(),
            corrects=self.typed.get("corrects") if self.kind == "correction" else None,
            files=tuple(photo.sha for photo in self.photos),
            block_version=self.version,
            **wanted,
        )
        if self.sent is not None and replace(made, happened=self.sent.happened) == self.sent:
            made = self.sent
        self.sent = made
        return made

    def answered(self) -> None:
        """It was weighed and not taken: sent again, it happens then."""
        self.sent = None

    def anew(self) -> None:
        """Make it a report of its own: for one whose id stands for something else already."""
        self.id, self.sent = uuid4(), None


def happened(day: date | None, kind: str, now: datetime) -> datetime:
    """When it happened: now, or on an earlier day that was named."""
    if day is None or day >= now.astimezone(LOCAL).date():
        return now.astimezone(UTC)
    hour = FIRST_THING if kind == "started" else LAST_THING
    return min(datetime.combine(day, hour, LOCAL), now).astimezone(UTC)


class Shelf:
    """Drafts by person and id, so that a page that is loaded again finds what was typed. The oldest go first."""

    def __init__(self, most: int = MOST_DRAFTS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, UUID], Draft] = OrderedDict()

    def take(self, person: str, named: str | None, plan_id: str, block_id: str, kind: str) -> Draft:
        """The draft of this person that `named` names, if it is about this; else a new one, with that id."""
        wanted = as_id(named)
        with self._lock:
            found = self._kept.get((person, wanted)) if wanted is not None else None
            if found is not None and (found.plan_id, found.block_id, found.kind) == (plan_id, block_id, kind):
                self._kept.move_to_end((person, found.id))
                return found
            made = Draft(uuid4() if wanted is None or found else wanted, plan_id, block_id, kind)
            self._keep(person, made)
            return made

    def again(self, person: str, draft: Draft) -> None:
        """Give a draft a new id."""
        with self._lock:
            self._kept.pop((person, draft.id), None)
            draft.anew()
            self._keep(person, draft)

    def drop(self, person: str, draft: Draft) -> None:
        """It was acknowledged, or given up."""
        with self._lock:
            self._kept.pop((person, draft.id), None)

    def _keep(self, person: str, draft: Draft) -> None:
        self._kept[(person, draft.id)] = draft
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def as_id(named: str | None) -> UUID | None:
    """An id as an address has it; None where it is none."""
    try:
        return UUID(named) if named else None
    except ValueError:
        return None


def in_order(states: Iterable[str]) -> list[int]:
    """The rank of each state in ORDER."""
    return [ORDER.index(s) if s in ORDER else len(ORDER) for s in states]


def quick(area_mu: float, done_mu: float) -> list[tuple[int, float]]:
    """Shares of a block in percent that are more than is done, with their area in mu, rounded as one would say it."""
    found = [(share, round(area_mu * share / 100, 1)) for share in (25, 50, 75)]
    return [(s, a) for s, a in found if a > done_mu] + [(100, round(area_mu, 2))]


def days_before(now: datetime, days: int) -> date:
    """The day so many days ago in Asia/Shanghai."""
    return now.astimezone(LOCAL).date() - timedelta(days=days)
