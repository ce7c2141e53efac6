"""What a person sees of the ledger: the reports of that person's counties, households only where allowed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, false, select

from tracking import ledger, people, tables
from tracking.books import MANY, chunks
from tracking.people import Person
from tracking.reports import end_of
from tracking.store import Store

HOUSEHOLD: dict[str, Any] = {"operator": None, "given": None, "reason": None, "note": "", "files": "[]"}
"""What of a report on a household's consent only those see who may see households."""
Counties = Collection[str] | None


def within(column: ColumnElement[Any], counties: Counties) -> ColumnElement[bool]:
    """Rows of these counties; of the whole plan (no county) too. None: every row. Nobody's counties: none."""
    if counties is None:
        return column.is_not(None) | column.is_(None)
    return (column.in_(list(counties)) | column.is_(None)) if counties else false()


def events(
    store: Store,
    person: Person,
    *,
    plan_id: str | None = None,
    block_id: str | None = None,
    county: str | None = None,
    kinds: Iterable[str] | None = None,
    actor: str | None = None,
    since: date | None = None,
    until: date | None = None,
    village: str | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """As ledger.events, of the counties whose ledger the person may see, with the actors' names (`name`, None
    where it is no user of ours) and the blocks' `village`."""
    e, b, u = tables.events.c, tables.blocks.c, tables.users.c
    joined = tables.events.outerjoin(
        tables.blocks, (b.plan_id == e.plan_id) & (b.block_id == e.block_id)
    ).outerjoin(tables.users, u.id == e.actor)
    query: Select[Any] = select(*tables.events.c, b.village, u.name).select_from(joined)
    query = query.where(within(e.county, people.where(person, "see_ledger")))
    chosen = (
        (e.plan_id, plan_id),
        (e.block_id, block_id),
        (e.county, county),
        (e.actor, actor),
        (b.village, village),
    )
    for column, value in chosen:
        if value is not None:
            query = query.where(column == value)
    if kinds is not None:
        query = query.where(e.kind.in_(list(kinds)))
    if since is not None:
        query = query.where(e.happened >= end_of(since) - timedelta(days=1))
    if until is not None:
        query = query.where(e.happened < end_of(until))
    with store.reading() as connection:
        rows = connection.execute(query.order_by(e.seq.desc()).limit(limit)).fetchall()
        frame = pd.DataFrame.from_records(rows, columns=[*tables.events.c.keys(), "village", "name"])
        return _blanked(connection, frame, people.where(person, "see_private"))


def without_households(store: Store, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `events` with nothing of any household in them."""
    with store.reading() as connection:
        return _blanked(connection, frame, frozenset())


def _blanked(connection: Connection, frame: pd.DataFrame, places: Counties) -> pd.DataFrame:
    """The rows with households named in these counties alone (None: in all of them)."""
    if places is None:
        return frame
    e = tables.events.c
    fixes = list(frame.loc[frame["kind"] == "correction", "corrects"])
    consents: set[Any] = set()
    for part in chunks(fixes, MANY):
        consents |= set(connection.scalars(select(e.id).where(e.id.in_(part), e.kind == "consent")))
    about = (frame["kind"] == "consent") | frame["corrects"].isin(consents)
    hidden = about & ~frame["county"].isin(list(places))
    out = frame.copy()
    for name, nothing in HOUSEHOLD.items():
        out[name] = out[name].astype(object).where(~hidden, nothing)
    return out


def conflicts(store: Store, person: Person, *, plan_id: str | None = None) -> pd.DataFrame:
    """As ledger.conflicts, with the `county` of the block, of the counties whose ledger the person may see; what
    is about no block that is known, is seen by those who see every county."""
    frame = ledger.conflicts(store, plan_id=plan_id, private=True)
    b = tables.blocks.c
    with store.reading() as connection:
        known = select(b.plan_id, b.block_id, b.county)
        if plan_id is not None:
            known = known.where(b.plan_id == plan_id)
        of = {(r.plan_id, r.block_id): r.county for r in connection.execute(known)} if len(frame) else {}
    sent = [json.loads(text) for text in frame["sent"]]
    pairs = zip(frame["plan_id"], frame["block_id"], sent, strict=True)
    frame["county"] = pd.Series([of.get((p, b_), s.get("county")) for p, b_, s in pairs], dtype=object)
    places, private = people.where(person, "see_ledger"), people.where(person, "see_private")
    frame["sent"] = [
        json.dumps(s if private is None or c in private else _blank(s), ensure_ascii=False)
        for s, c in zip(sent, frame["county"], strict=True)
    ]
    return frame if places is None else frame[frame["county"].isin(list(places))].reset_index(drop=True)


def _blank(sent: dict[str, Any]) -> dict[str, Any]:
    """A report as it was sent, without what only those see who may see households."""
    if sent.get("kind") not in ("consent", "correction"):
        return sent
    return sent | HOUSEHOLD | {"files": []}


def photo(store: Store, person: Person, sha: str) -> bool:
    """Whether the person may see a photo: one of a report that the person sees, or an own one not yet sent."""
    e, f = tables.events.c, tables.files.c
    query = select(e.kind, e.county).where(e.files.contains(f'"{sha}"', autoescape=True))
    with store.reading() as connection:
        uses = connection.execute(query).fetchall()
        if not uses:
            return connection.scalar(select(f.actor).where(f.sha == sha)) == person.id
    return any(
        people.may(
            person, "see_private" if use.kind in ("consent", "correction") else "see_ledger", use.county
        )
        for use in uses
    )
