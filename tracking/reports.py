"""What the ledger says of each block up to the end of a day: one row a block, from the raw events."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd

from tracking.arrays import BLOCK, CODE, Ledger, Seen, look
from tracking.rules import REPORTS
from tracking.store import Store
from tracking.tables import EPOCH, MICROSECOND
from tracking.targets import LOCAL

NOT_A_REPORT = ("plan_approved", "correction", "measure")
"""What is no county's report on a block."""
_NEVER = np.iinfo(np.int64).max
_LOCAL_US = 8 * 3600 * 1_000_000
"""Microseconds that the clock of Asia/Shanghai is before UTC; it has kept no summer time since 1991."""
_DAY_US = 86_400 * 1_000_000


def end_of(day: date) -> datetime:
    """The first moment after a day in Asia/Shanghai."""
    return datetime.combine(day + timedelta(days=1), time(), LOCAL)


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
    end = (end_of(as_of) - EPOCH) // MICROSECOND
    with look(store) as seen:
        frame, ledger = _in_force(seen, programme, plan_id, end), seen.ledger
    return _said(ledger, frame, end)


def _in_force(seen: Seen, programme: str, plan_id: str | None, end: int) -> pd.DataFrame:
    """The blocks that count.

    With plan_id those of that plan. Otherwise, so that no field counts twice when plans lie over each other, of
    one plan a county: the newest of the programme on which work began there before `end`, and where none did,
    the newest of all. Blocks of the others on which work began follow as withdrawn, so that it does not vanish.
    """
    mine = [plan.id for plan in seen.plans if plan.programme == programme]
    if plan_id is not None or len(mine) <= 1:
        return seen.blocks(mine if plan_id is None else [plan_id])
    frame = seen.blocks(mine)
    rank = frame["plan_id"].map({name: i for i, name in enumerate(mine)})
    ledger = seen.ledger
    work = ledger.put_right()[0] & (ledger.happened < end)
    work &= np.isin(ledger.kind, [CODE[name] for name in REPORTS])
    begun = np.isin(frame["key"], ledger.key[work])
    newest = rank[begun].groupby(frame["county"]).max().reindex(frame["county"]).fillna(len(mine) - 1)
    counts = rank.to_numpy() == newest.to_numpy()
    parts = [frame.loc[counts], frame.loc[begun & ~counts].assign(withdrawn=True)]
    return pd.concat(parts, ignore_index=True)


def _said(ledger: Ledger, blocks: pd.DataFrame, end: int) -> pd.DataFrame:
    """`blocks` with what was reported of each before `end`, microseconds since 1970 UTC."""
    at, size = blocks["key"].to_numpy(), len(ledger.keys)
    counts, done, measured, passed = ledger.put_right()
    counts &= ledger.happened < end
    counts &= ~np.isin(ledger.kind, [CODE[kind] for kind in NOT_A_REPORT])
    rows = np.flatnonzero(counts)
    key, kind, happened, received = (
        column[rows] for column in (ledger.key, ledger.kind, ledger.happened, ledger.received)
    )

    def first(chosen: np.ndarray, values: np.ndarray) -> np.ndarray:
        found = np.full(size, _NEVER)
        np.minimum.at(found, key[chosen], values[chosen])
        return found

    def last(chosen: np.ndarray, values: np.ndarray) -> np.ndarray:
        found = np.full(size, -_NEVER)
        np.maximum.at(found, key[chosen], values[chosen])
        return found

    returned = last((kind == CODE["checked"]) & (passed[rows] == 0), happened)
    since = happened > returned[key]
    work = np.isin(kind, [CODE[name] for name in REPORTS])
    finished, accepted = since & (kind == CODE["finished"]), since & (kind == CODE["accepted"])
    least = np.full(size, np.nan)
    np.fmin.at(least, key[accepted], measured[rows][accepted])
    most = np.zeros(size)
    np.fmax.at(most, key, done[rows])

    frame = blocks[list(BLOCK)].copy()
    for name, moments in {
        "started": first(work, happened),
        "finished": first(finished, happened),
        "accepted": first(accepted, happened),
        "finished_in": first(finished, received),
        "accepted_in": first(accepted, received),
        "last": last(np.ones(len(rows), bool), happened),
        "last_in": last(received < end, received),
    }.items():
        frame[name] = _days(moments[at])
    area = frame["area_mu"].to_numpy(float)
    # a finished block is done to its edge, whatever its reports of progress said
    frame["done_mu"] = np.where(frame["finished"].notna(), area, np.minimum(most[at], area))
    frame["measured_mu"] = least[at]
    again = last(work, happened)[at] > returned[at]
    frame["returned"] = (returned[at] > -_NEVER) & ~again
    return frame


def _days(micros: np.ndarray) -> np.ndarray:
    """The days in Asia/Shanghai of moments in microseconds since 1970 UTC; NaT where there is none."""
    never = np.abs(micros) == _NEVER
    days = (np.where(never, 0, micros) + _LOCAL_US) // _DAY_US
    return np.where(never, np.datetime64("NaT", "s"), days.astype("datetime64[D]").astype("datetime64[s]"))
