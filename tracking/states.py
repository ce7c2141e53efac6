"""Where every block stands on a day, from the raw events alone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tracking.arrays import CODE, Ledger, look
from tracking.rules import KINDS, STATES
from tracking.store import Store
from tracking.tables import EPOCH, MICROSECOND

LOCAL = ZoneInfo("Asia/Shanghai")
"""A day begins and ends on this clock."""
OFFSET_US = 8 * 3600 * 1_000_000
"""LOCAL is UTC+8 throughout, in microseconds."""
COLUMNS = (
    "plan_id", "block_id", "county", "village", "site_id", "area_mu", "meets_minimum", "site_meets_minimum",
)  # fmt: skip
FINISHED = ("finished", "checked", "returned", "accepted", "mapped")


def states(
    store: Store,
    as_of: date | None = None,
    plan_id: str | None = None,
    county: str | None = None,
    known: datetime | None = None,
) -> pd.DataFrame:
    """One row for each block of the plans: where it stands at the end of the day `as_of`, Asia/Shanghai.

    What counts is when things happened, with every correction that is known now; `known` leaves out what was
    received later. Columns: plan_id, block_id, county, village, site_id, area_mu, meets_minimum,
    site_meets_minimum, state (one of rules.STATES), done_mu (area done; the whole block once finished),
    measured_mu (NaN before acceptance), started_on, finished_on, accepted_on, last_report (days in
    Asia/Shanghai as datetime64, NaT where there is none; last_report is the field team's last).
    """
    with look(store) as seen:
        frame, ledger = seen.blocks(None if plan_id is None else [plan_id]), seen.ledger
    here = ~frame["withdrawn"] if county is None else ~frame["withdrawn"] & (frame["county"] == county)
    return _Happened(ledger, as_of, known).on(frame.loc[here])


def end_of(day: date) -> int:
    """The first moment after a day in Asia/Shanghai, microseconds since 1970 UTC."""
    midnight = datetime.combine(day + timedelta(days=1), time(), LOCAL)
    return (midnight - EPOCH) // MICROSECOND


class _Happened:
    """The events that count on a day, put right by their corrections, by block in the order they happened."""

    def __init__(self, ledger: Ledger, as_of: date | None, known: datetime | None) -> None:
        heard = None if known is None else ledger.received <= (known - EPOCH) // MICROSECOND
        counts, done, measured, passed = ledger.put_right(heard)
        if as_of is not None:
            counts &= ledger.happened < end_of(as_of)
        rows = np.flatnonzero(counts)
        rows = rows[np.lexsort((rows, ledger.happened[rows], ledger.key[rows]))]
        self.ledger = ledger
        self.key, self.kind = ledger.key[rows], ledger.kind[rows]
        self.day = (ledger.happened[rows] + OFFSET_US).astype("datetime64[us]").astype("datetime64[D]")
        self.done, self.measured, self.passed = done[rows], measured[rows], passed[rows]

    def on(self, frame: pd.DataFrame) -> pd.DataFrame:
        keys, kind = self.ledger.keys, self.kind
        size = len(keys)
        status = ~np.isin(kind, [CODE["consent"], CODE["correction"], CODE["measure"]])
        last = self._last(status, size)
        state = np.full(size + 1, "planned", object)
        seen = np.flatnonzero(last >= 0)
        names = np.array(
            [{"plan_approved": "approved", "progress": "started"}.get(k, k) for k in KINDS], object
        )
        state[seen] = names[kind[last[seen]]]
        returned = seen[(kind[last[seen]] == CODE["checked"]) & (self.passed[last[seen]] == 0)]
        state[returned] = "returned"
        approvals = ((plan, keys.get((plan, ""), size)) for plan in frame["plan_id"].unique())
        whole = {plan for plan, key in approvals if last[key] >= 0}
        at = frame["key"].to_numpy()
        out = frame[list(COLUMNS)].reset_index(drop=True)
        out["state"] = state[at]
        if whole:
            out.loc[(out["state"] == "planned") & out["plan_id"].isin(whole), "state"] = "approved"
        out["state"] = pd.Categorical(out["state"], STATES, ordered=True)
        done = self._value(self._last(kind == CODE["progress"], size), self.done, 0.0)[at]
        out["done_mu"] = np.where(out["state"].isin(FINISHED), out["area_mu"], done)
        accepted = self._last(kind == CODE["accepted"], size)
        out["measured_mu"] = self._value(accepted, self.measured, np.nan)[at]
        out["started_on"] = self._days(self._last(kind == CODE["started"], size, first=True))[at]
        out["finished_on"] = self._days(self._last(kind == CODE["finished"], size))[at]
        out["accepted_on"] = self._days(accepted)[at]
        reports = np.isin(kind, [CODE[k] for k in ("started", "progress", "finished")])
        out["last_report"] = self._days(self._last(reports, size))[at]
        return out

    def _last(self, chosen: np.ndarray, size: int, first: bool = False) -> np.ndarray:
        """For each key the row of its last (or first) chosen event, −1 where there is none."""
        found = np.full(size + 1, -1, np.int64)
        rows = np.flatnonzero(chosen)
        # of several values written to one place the last one stays
        rows = rows[::-1] if first else rows
        found[self.key[rows]] = rows
        return found

    @staticmethod
    def _value(rows: np.ndarray, values: np.ndarray, otherwise: float) -> np.ndarray:
        out = np.full(len(rows), otherwise)
        there = rows >= 0
        out[there] = values[rows[there]]
        return out

    def _days(self, rows: np.ndarray) -> np.ndarray:
        out = np.full(len(rows), np.datetime64("NaT"), "datetime64[s]")
        there = rows >= 0
        out[there] = self.day[rows[there]].astype("datetime64[s]")
        return out
