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
PERSONS: dict[str, Any] = {
    "operator": None,
    "given": None,
    "reason": None,
    "note": "",
    "inspector": None,
    "name": None,
}
"""What can name somebody: it stays in the house where an export is not to name people."""
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


def reporters(store: Store, person: Person, plan_id: str | None = None) -> pd.DataFrame:
    """Who reported in the counties whose ledger the person may see: actor, and the name of a user of ours."""
    e, u = tables.events.c, tables.users.c
    query = select(e.actor, u.name).select_from(tables.events.outerjoin(tables.users, u.id == e.actor))
    query = query.where(within(e.county, people.where(person, "see_ledger"))).distinct()
    if plan_id is not None:
        query = query.where(e.plan_id == plan_id)
    with store.reading() as connection:
        rows = connection.execute(query.order_by(e.actor)).fetchall()
    return pd.DataFrame.from_records(rows, columns=["actor", "name"])


def without_persons(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `events` with nobody named in them: no household, no names, nothing that was freely written.

    Who sent what stays as the user's id, which means nothing outside the house; whoever is no user, but was
    written down with an imported report, is numbered: there the id is a name.
    """
    out = frame.copy()
    ours = frame["name"].notna() | (frame["actor"] == people.LOCAL.id)
    number, _ = pd.factorize(frame["actor"].where(~ours), sort=True)
    out["actor"] = frame["actor"].where(ours, [f"r{n + 1}" for n in number])
    for name, nothing in PERSONS.items():
        out[name] = pd.Series([nothing] * len(out), index=out.index, dtype=object)
    return out


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
    c, b = tables.conflicts.c, tables.blocks.c
    of_block = select(c.no, b.county).join_from(
        tables.conflicts, tables.blocks, (b.plan_id == c.plan_id) & (b.block_id == c.block_id)
    )
    with store.reading() as connection:
        of = {row.no: row.county for row in connection.execute(of_block)}
    sent = [json.loads(text) for text in frame["sent"]]
    places_of = [of.get(no, said.get("county")) for no, said in zip(frame["no"], sent, strict=True)]
    frame["county"] = pd.Series(places_of, index=frame.index, dtype=object)
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
    e, f, corrected = tables.events.c, tables.files.c, tables.events.alias()
    of = select(corrected.c.kind).where(corrected.c.id == e.corrects).scalar_subquery()
    query = select(e.kind, e.county, of.label("of")).where(
        tables.NAMES_FILES, e.files.contains(f'"{sha}"', autoescape=True)
    )
    with store.reading() as connection:
        uses = connection.execute(query).fetchall()
        if not uses:
            return connection.scalar(select(f.actor).where(f.sha == sha)) == person.id
    return any(
        people.may(person, "see_private" if "consent" in (use.kind, use.of) else "see_ledger", use.county)
        for use in uses
    )
