"""What the ledger says of each block up to the end of a day: one row a block, put together by the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import (
    CTE,
    BigInteger,
    Connection,
    Select,
    Text,
    and_,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    type_coerce,
)

from tracking.rules import FIGURES, REPORTS
from tracking.store import Store
from tracking.tables import EPOCH, MICROSECOND, blocks, events, plans
from tracking.targets import LOCAL

NOT_A_REPORT = ("plan_approved", "correction")
"""What no county sends in by itself: it does not make a county one that has reported."""

_BLOCKS = (
    "block_id", "county", "irrigation_district", "village", "site_id", "area_mu", "meets_minimum",
    "site_meets_minimum", "withdrawn",
)  # fmt: skip
_MOMENTS = ("started", "finished", "accepted", "finished_in", "accepted_in", "last", "last_in")
MANY = 5000
"""Blocks with corrections or failed checks from which on all blocks are read as these are."""
_HAPPENED, _RECEIVED = (type_coerce(events.c[name], BigInteger) for name in ("happened", "received"))
_LOCAL_MS = 8 * 3600 * 1_000_000
"""Microseconds that the clock of Asia/Shanghai is before UTC; it has kept no summer time since 1991."""


def end_of(day: date) -> datetime:
    """The first moment after a day in Asia/Shanghai."""
    return datetime.combine(day + timedelta(days=1), time(), LOCAL)


def in_force(connection: Connection, programme: str, plan_id: str | None) -> dict[str, str | None]:
    """The plan that counts in each county, by adcode; the key "" holds the plan of all other counties.

    With plan_id it is that one everywhere. Otherwise, so that no field counts twice when plans lie over each
    other, one a county: the newest plan of the programme of which something was reported there, and where
    nothing was, the newest of all.
    """
    if plan_id is not None:
        return {"": plan_id}
    newest = select(plans.c.id).where(plans.c.programme == programme).order_by(plans.c.created, plans.c.id)
    known = list(connection.scalars(newest))
    if len(known) <= 1:
        return {"": known[0] if known else None}
    rank = {name: i for i, name in enumerate(known)}
    reported = select(events.c.county, events.c.plan_id).where(events.c.block_id != "").distinct()
    taken: dict[str, str | None] = {"": known[-1]}
    for county, name in connection.execute(reported):
        if county and name in rank and (county not in taken or rank[name] > rank[taken[county] or ""]):
            taken[county] = name
    return taken


def by_block(store: Store, programme: str, as_of: date, plan_id: str | None = None) -> pd.DataFrame:
    """The blocks of the plans in force and what was reported of them up to the end of `as_of`.

    Columns: plan_id, block_id, county, irrigation_district, village, site_id, area_mu, meets_minimum,
    site_meets_minimum, withdrawn; days (datetime64[s], NaT: not yet) started, finished, accepted, last, as they
    happened in Asia/Shanghai; finished_in, accepted_in, last_in: days on which that was first (last: latest)
    received; done_mu (0 … area_mu); measured_mu (NaN: not measured); returned (bool).

    What happened is taken as it is known now: a report that a correction names is as if it had never been sent,
    or carries the figures of its last correction, whenever that was made.
    finished and accepted are the first such reports after the last check that returned the block, so a block
    that was returned is finished again only when it is reported so again.
    """
    with store.snapshot() as connection:
        if store.postgres:
            # after many new events its notion of their number is stale, and it would compare each with each
            for setting in ("enable_nestloop = off", "work_mem = '64MB'"):
                connection.exec_driver_sql(f"SET LOCAL {setting}")
        taken = in_force(connection, programme, plan_id)
        names = sorted({name for name in taken.values() if name is not None})
        frames = [
            _frame(connection, select(*_columns()).where(_of(taken, name)), ["plan_id", *_BLOCKS]).merge(
                _said(connection, name, as_of, store.postgres), on="block_id", how="left"
            )
            for name in names
        ]
    if not frames:
        frames = [pd.DataFrame(columns=["plan_id", *_BLOCKS, *_SAID[1:]])]
    return _typed(pd.concat(frames, ignore_index=True))


_SAID = ["block_id", *_MOMENTS, "done_mu", "measured_mu", "returned_at", "last_work"]
_FIGURES = ("done_mu", "measured_mu", "passed")


def _frame(connection: Connection, query: Select[Any], names: list[str]) -> pd.DataFrame:
    # plain tuples: pandas asks every row of SQLAlchemy for attributes that it does not have
    return pd.DataFrame([tuple(row) for row in connection.execute(query)], columns=names)


def _columns() -> list[Any]:
    return [blocks.c.plan_id, *(blocks.c[name] for name in _BLOCKS)]


def _of(taken: dict[str, str | None], name: str) -> Any:
    """Blocks of a plan in the counties where it is in force."""
    elsewhere = [county for county, plan in taken.items() if county and plan != name]
    here = [county for county, plan in taken.items() if county and plan == name]
    mine = blocks.c.county.not_in(elsewhere) if taken[""] == name else blocks.c.county.in_(here)
    return and_(blocks.c.plan_id == name, mine)


def _said(connection: Connection, plan_id: str, as_of: date, postgres: bool) -> pd.DataFrame:
    """One row a block: first and last moments, microseconds since 1970 UTC.

    Blocks with a correction or a failed check take several looks at their events; they are few, and SQLite
    is quicker when it reads the others without.
    """
    every = _plan(plan_id, postgres)
    if postgres:
        return _frame(connection, _carefully(every, every, as_of), _SAID)
    turned = or_(events.c.kind == "correction", and_(events.c.kind == "checked", events.c.passed.is_(False)))
    special = select(events.c.block_id).where(every, turned).distinct()
    marked = list(connection.scalars(special))
    if len(marked) > MANY:
        return _frame(connection, _carefully(every, every, as_of), _SAID)
    plain = _frame(connection, _plainly(every, as_of), _SAID)
    if not marked:
        return plain
    # by way of the index, as they are few
    theirs = and_(events.c.plan_id == plan_id, events.c.block_id.in_(special))
    careful = _frame(connection, _carefully(theirs, every, as_of), _SAID)
    plain = plain.loc[~plain["block_id"].isin(marked)]
    return careful if plain.empty else pd.concat([plain, careful]) if len(careful) else plain


def _plainly(mine: Any, as_of: date) -> Select[Any]:
    """The reports as they are."""
    figures = {name: events.c[name] for name in _FIGURES}
    query = select(*_summary(as_of, figures, true()), null(), null()).where(mine)
    return _of_day(query, as_of)


def _carefully(mine: Any, every: Any, as_of: date) -> Select[Any]:
    """The reports as their corrections have them, and only those since the last check that failed."""
    put_right = _corrections(every)
    figures = {name: func.coalesce(put_right.c[name], events.c[name]) for name in _FIGURES}
    with_corrections = events.outerjoin(put_right, events.c.id == put_right.c.corrects)
    stands = and_(mine, or_(put_right.c.corrects.is_(None), put_right.c.figures))
    returned = (
        select(events.c.block_id, func.max(_HAPPENED).label("at"))
        .select_from(with_corrections)
        .where(
            stands,
            events.c.happened < end_of(as_of),
            events.c.kind == "checked",
            figures["passed"].is_(False),
        )
        .group_by(events.c.block_id)
        .cte("returned")
    )
    since = or_(returned.c.at.is_(None), returned.c.at < _HAPPENED)
    last_work = func.max(case((events.c.kind.in_(REPORTS), _HAPPENED)))
    query = select(*_summary(as_of, figures, since), func.max(returned.c.at), last_work).where(stands)
    joined = with_corrections.outerjoin(returned, events.c.block_id == returned.c.block_id)
    return _of_day(query.select_from(joined), as_of)


def _of_day(query: Select[Any], as_of: date) -> Select[Any]:
    query = query.where(events.c.happened < end_of(as_of), events.c.kind.not_in(NOT_A_REPORT))
    return query.group_by(events.c.block_id)


def _summary(as_of: date, figures: Mapping[str, Any], since: Any) -> list[Any]:
    """The columns of _SAID but for the last two. since: which finishes and acceptances still hold."""
    finished = and_(events.c.kind == "finished", since)
    accepted = and_(events.c.kind == "accepted", since)
    known = (end_of(as_of) - EPOCH) // MICROSECOND > _RECEIVED
    return [
        events.c.block_id,
        _least(events.c.kind.in_(REPORTS), _HAPPENED),
        _least(finished, _HAPPENED),
        _least(accepted, _HAPPENED),
        _least(finished, _RECEIVED),
        _least(accepted, _RECEIVED),
        func.max(_HAPPENED),
        func.max(case((known, _RECEIVED))),
        func.max(figures["done_mu"]),
        _least(accepted, figures["measured_mu"]),
    ]


def _plan(plan_id: str, postgres: bool) -> Any:
    """Events of a plan. SQLite reads the whole table faster than it follows the index to every row."""
    column = events.c.plan_id if postgres else literal_column("+events.plan_id", Text)
    return column == plan_id


def _corrections(of_plan: Any) -> CTE:
    """The last correction of each event that has one: its figures, and whether it carries any."""
    ranked = (
        select(
            events.c.corrects,
            *(events.c[name] for name in _FIGURES),
            or_(*(events.c[name].is_not(None) for name in FIGURES)).label("figures"),
            func.row_number()
            .over(partition_by=events.c.corrects, order_by=events.c.seq.desc())
            .label("place"),
        )
        .where(of_plan, events.c.kind == "correction")
        .subquery()
    )
    return select(ranked).where(ranked.c.place == 1).cte("put_right")


def _least(when: Any, column: Any) -> Any:
    return func.min(case((when, column)))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    for name in ("meets_minimum", "site_meets_minimum", "withdrawn"):
        frame[name] = frame[name].astype(bool)
    for name in ("area_mu", "measured_mu", "returned_at", "last_work"):
        frame[name] = frame[name].astype(float)
    done = frame["done_mu"].astype(float).fillna(0.0).clip(lower=0.0)
    for name in _MOMENTS:
        frame[name] = _days(frame[name])
    frame["returned"] = frame["returned_at"].notna() & ~(frame["last_work"] > frame["returned_at"])
    # a finished block is done to its edge, whatever its reports of progress said
    frame["done_mu"] = np.where(
        frame["finished"].notna(), frame["area_mu"], np.minimum(done, frame["area_mu"])
    )
    return frame.drop(columns=["returned_at", "last_work"])


def _days(micros: pd.Series) -> pd.Series:
    """The days in Asia/Shanghai of moments in microseconds since 1970 UTC."""
    missing = micros.isna()
    local = (micros.astype(float).fillna(0.0) + _LOCAL_MS) // (86_400 * 1_000_000)
    days = local.to_numpy().astype("int64").astype("datetime64[D]").astype("datetime64[s]")
    days[missing.to_numpy()] = np.datetime64("NaT")
    return pd.Series(days, index=micros.index)
