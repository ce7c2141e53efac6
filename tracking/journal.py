"""The journal of a draft: every change by hand as a row, what is undone and done again, and who is at work where."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from planning.editing.changes import Asked
from planning.editing.state import Placed, State
from planning.editing.totals import Changes
from planning.editing.unit import FieldUnit
from tracking.tables import draft_changes, draft_units, draft_visits, drafts

HERE = timedelta(minutes=3)
"""Whoever looked at a field unit within this time is at work on it."""


@dataclass(frozen=True)
class Draft:
    """A plan that is changed by hand. plan: the folder that it lies over; closed: nothing more is changed in it."""

    id: str
    plan: str
    name: str
    created: datetime
    actor: str
    closed: datetime | None


@dataclass(frozen=True)
class Touched:
    """How a field unit of a draft stands. version: 0 where nobody changed it; by: who last did, kind: what."""

    version: int = 0
    by: str = ""
    kind: str = ""
    changed: datetime | None = None


def create(connection: Connection, plan: str, name: str, actor: str) -> str:
    """A new draft over a plan; gives its id."""
    draft = f"d{uuid.uuid4().hex[:12]}"
    now = datetime.now(UTC)
    connection.execute(
        insert(drafts), {"id": draft, "plan": plan, "name": name, "created": now, "actor": actor}
    )
    return draft


def listed(connection: Connection, plan: str | None = None) -> list[Draft]:
    """The open drafts, the newest first."""
    query = select(drafts).where(drafts.c.closed.is_(None)).order_by(drafts.c.created.desc())
    if plan is not None:
        query = query.where(drafts.c.plan == plan)
    return [Draft(**row._asdict()) for row in connection.execute(query)]


def find(connection: Connection, draft: str) -> Draft | None:
    row = connection.execute(select(drafts).where(drafts.c.id == draft)).first()
    return None if row is None else Draft(**row._asdict())


def close(connection: Connection, draft: str) -> None:
    connection.execute(update(drafts).where(drafts.c.id == draft).values(closed=datetime.now(UTC)))


# what lies over the plan


def state(connection: Connection, draft: str, unit: FieldUnit) -> State:
    """A field unit with the draft's active changes laid over it, in their order."""
    c = draft_changes.c
    query = select(c.placed).where(c.draft == draft, c.field_unit == unit.number, c.state == "active")
    found = unit.base
    for text in connection.scalars(query.order_by(c.no)):
        placed: dict[str, Placed] = {name: tuple(where) for name, where in json.loads(text).items()}
        found = found.laid_over(unit.names, placed)
    return found


def changed_units(connection: Connection, draft: str) -> list[int]:
    """The field units with active changes, ascending."""
    c = draft_changes.c
    query = select(c.field_unit).where(c.draft == draft, c.state == "active").distinct()
    return sorted(connection.scalars(query))


def versions(connection: Connection, draft: str) -> dict[int, tuple[int, list[str]]]:
    """The version and the counties of each field unit with active changes, ascending."""
    c, u = draft_changes.c, draft_units.c
    query = select(c.field_unit, u.version, func.max(c.counties).label("counties"))
    query = query.join(draft_units, and_(u.draft == c.draft, u.field_unit == c.field_unit))
    query = query.where(c.draft == draft, c.state == "active").group_by(c.field_unit, u.version)
    rows = connection.execute(query.order_by(c.field_unit))
    return {int(row.field_unit): (row.version, json.loads(row.counties)) for row in rows}


def changes(connection: Connection, draft: str) -> Changes:
    """What the active changes make of each field unit's sums: those of its last one."""
    c = draft_changes.c
    last = select(c.field_unit, func.max(c.no).label("no")).where(c.draft == draft, c.state == "active")
    newest = last.group_by(c.field_unit).subquery()
    query = select(c.field_unit, c.sums).join(newest, newest.c.no == c.no).where(c.draft == draft)
    found = {int(row.field_unit): json.loads(row.sums) for row in connection.execute(query)}
    return {number: sums for number, sums in sorted(found.items()) if sums}


def touched(connection: Connection, draft: str, number: int) -> Touched:
    u = draft_units.c
    query = select(u.version, u.actor, u.kind, u.changed).where(u.draft == draft, u.field_unit == number)
    row = connection.execute(query.with_for_update()).first()
    return Touched() if row is None else Touched(row.version, row.actor, row.kind, row.changed)


# doing, undoing, doing again


def append(
    connection: Connection,
    draft: str,
    number: int,
    counties: Sequence[str],
    actor: str,
    asked: Asked,
    placed: Mapping[str, Placed],
    sums: Mapping[str, Any],
) -> int:
    """Put down a change; what the same person had undone can no longer be done again. Gives its number."""
    c = draft_changes.c
    mine = and_(c.draft == draft, c.actor == actor, c.state == "undone")
    connection.execute(update(draft_changes).where(mine).values(state="dropped"))
    no = (connection.scalar(select(func.max(c.no)).where(c.draft == draft)) or 0) + 1
    row = {
        "draft": draft,
        "no": no,
        "field_unit": number,
        "counties": json.dumps(list(counties)),
        "actor": actor,
        "at": datetime.now(UTC),
        "kind": asked.kind,
        "asked": json.dumps(asdict(asked), ensure_ascii=False),
        "placed": json.dumps(dict(placed), ensure_ascii=False),
        "sums": json.dumps(dict(sums)),
        "state": "active",
    }
    connection.execute(insert(draft_changes), row)
    _raise(connection, draft, number, actor, asked.kind)
    return no


def next_undo(connection: Connection, draft: str, actor: str) -> Row[Any] | None:
    """The person's last change that stands."""
    c = draft_changes.c
    query = select(draft_changes).where(c.draft == draft, c.actor == actor, c.state == "active")
    return connection.execute(query.order_by(c.no.desc()).limit(1)).first()


def next_redo(connection: Connection, draft: str, actor: str) -> Row[Any] | None:
    """The change that the person undid last: of those undone the first that was made."""
    c = draft_changes.c
    query = select(draft_changes).where(c.draft == draft, c.actor == actor, c.state == "undone")
    return connection.execute(query.order_by(c.no).limit(1)).first()


def later(connection: Connection, change: Row[Any]) -> Row[Any] | None:
    """The last active change of the same field unit that lies over this one."""
    c = draft_changes.c
    query = select(draft_changes).where(
        c.draft == change.draft, c.field_unit == change.field_unit, c.state == "active", c.no > change.no
    )
    return connection.execute(query.order_by(c.no.desc()).limit(1)).first()


def turn(connection: Connection, change: Row[Any], to: str, kind: str) -> None:
    """Undo a change (to "undone") or do it again (to "active")."""
    c = draft_changes.c
    row = and_(c.draft == change.draft, c.no == change.no)
    connection.execute(update(draft_changes).where(row).values(state=to))
    _raise(connection, change.draft, change.field_unit, change.actor, kind)


def _raise(connection: Connection, draft: str, number: int, actor: str, kind: str) -> None:
    now = datetime.now(UTC)
    before = touched(connection, draft, number).version
    values = {"version": before + 1, "changed": now, "actor": actor, "kind": kind}
    if before:
        u = draft_units.c
        where = and_(u.draft == draft, u.field_unit == number)
        connection.execute(update(draft_units).where(where).values(values))
    else:
        connection.execute(insert(draft_units), {"draft": draft, "field_unit": number, **values})


def history(connection: Connection, draft: str, limit: int) -> list[Row[Any]]:
    """The last changes that stand or are undone, the newest first."""
    c = draft_changes.c
    query = select(c.no, c.field_unit, c.counties, c.actor, c.at, c.kind, c.state)
    query = query.where(c.draft == draft, c.state != "dropped").order_by(c.no.desc()).limit(limit)
    return list(connection.execute(query))


def counted(connection: Connection, draft: str, actor: str) -> dict[str, int]:
    """How many changes stand, and how many the person can undo and do again."""
    c = draft_changes.c
    query = select(c.state, c.actor, func.count().label("n")).where(c.draft == draft)
    rows = list(connection.execute(query.group_by(c.state, c.actor)))
    return {
        "changes": sum(r.n for r in rows if r.state == "active"),
        "undo": sum(r.n for r in rows if r.state == "active" and r.actor == actor),
        "redo": sum(r.n for r in rows if r.state == "undone" and r.actor == actor),
    }


# who is where


def visit(connection: Connection, draft: str, number: int, person: str) -> list[str]:
    """Put down that the person has this field unit on the screen; gives the others who have it."""
    v, now = draft_visits.c, datetime.now(UTC)
    mine = and_(v.draft == draft, v.person == person)
    if connection.execute(update(draft_visits).where(mine).values(field_unit=number, seen=now)).rowcount == 0:
        connection.execute(
            insert(draft_visits), {"draft": draft, "person": person, "field_unit": number, "seen": now}
        )
    query = select(v.person).where(v.draft == draft, v.field_unit == number, v.person != person)
    return sorted(connection.scalars(query.where(v.seen > now - HERE)))
