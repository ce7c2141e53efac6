"""Who signed in, took data out, changed users or was refused: rows that nothing changes or deletes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pandas as pd
from sqlalchemy import Connection, insert, select

from tracking import tables
from tracking.reports import end_of
from tracking.store import Store

if TYPE_CHECKING:
    from tracking.people import Person

Outcome = Literal["done", "refused"]
LONGEST = 500
"""Characters of a text that are kept: what was refused can have come from anybody."""


def write(
    connection: Connection,
    actor: str,
    action: str,
    target: str,
    outcome: Outcome,
    county: str | None = None,
    detail: str = "",
    at: datetime | None = None,
) -> None:
    """Put down one doing, in the caller's transaction: it stands if and only if that does.

    actor: a user's id, empty where nobody was signed in. detail holds no personal data.
    """
    row = {
        "at": at or datetime.now(UTC),
        "actor": _kept(actor),
        "action": action,
        "county": None if county is None else _kept(county),
        "target": _kept(target),
        "outcome": outcome,
        "detail": _kept(detail),
    }
    connection.execute(insert(tables.audit), row)


def _kept(text: str) -> str:
    """The text as both homes can keep it."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:LONGEST]


def entries(
    store: Store,
    by: Person,
    *,
    since: date | None = None,
    until: date | None = None,
    actor: str | None = None,
    limit: int | None = 1000,
) -> pd.DataFrame:
    """The audit, the last first; since, until: days in Asia/Shanghai, inclusive. Needs see_audit.

    Columns: no, at (UTC), actor, action, county, target, outcome (done, refused), detail, name (the actor's, of
    the users; None where it is none of them).
    """
    from tracking.people import require

    require(store, by, "see_audit")
    a, u = tables.audit, tables.users
    query = select(a, u.c.name).outerjoin(u, u.c.id == a.c.actor).order_by(a.c.no.desc())
    if since is not None:
        query = query.where(a.c.at >= end_of(since) - timedelta(days=1))
    if until is not None:
        query = query.where(a.c.at < end_of(until))
    if actor is not None:
        query = query.where(a.c.actor == actor)
    if limit is not None:
        query = query.limit(limit)
    with store.reading() as connection:
        rows = connection.execute(query).fetchall()
    return pd.DataFrame.from_records(rows, columns=[*(c.name for c in a.c), "name"])
