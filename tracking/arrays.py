"""The ledger and the blocks of the plans as columns in memory: read once, then only what is new."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Select, Text, and_, cast, func, or_, select, type_coerce
from sqlalchemy.types import BigInteger

from tracking import chain
from tracking.rules import FIGURES, KINDS
from tracking.store import Store
from tracking.tables import block_history, blocks, events, plans

CODE = {kind: i for i, kind in enumerate(KINDS)}
BLOCK = (
    "plan_id", "block_id", "county", "irrigation_district", "village", "site_id", "area_mu", "meets_minimum",
    "site_meets_minimum", "withdrawn",
)  # fmt: skip
TYPES = {"area_mu": float, "meets_minimum": bool, "site_meets_minimum": bool, "withdrawn": bool}
AT_ONCE = 500_000
"""Events that are read in one go."""


@dataclass(frozen=True)
class Ledger:
    """Events as columns, in the order of the chain; times in microseconds since 1970 UTC.

    key: the event's plan and block, as `keys` numbers them. kind: as CODE numbers them. passed: 0, 1 or NaN.
    corrections, corrected, void: by correction, in their order, its row, the row of what it corrects, and whether
    it makes that void.
    """

    head: chain.Head
    keys: dict[tuple[str, str], int]
    seq: np.ndarray
    key: np.ndarray
    kind: np.ndarray
    happened: np.ndarray
    received: np.ndarray
    done: np.ndarray
    measured: np.ndarray
    passed: np.ndarray
    corrections: np.ndarray
    corrected: np.ndarray
    void: np.ndarray

    @classmethod
    def empty(cls) -> Ledger:
        whole, small = np.empty(0, np.int64), np.empty(0, np.int8)
        none, never = np.empty(0), np.empty(0, bool)
        return cls(
            chain.Head(0, chain.GENESIS), {}, whole, whole, small, whole, whole, none, none, none, whole, whole, never
        )  # fmt: skip

    @property
    def size(self) -> int:
        """How many keys its events have: a later state of the ledger may have given more to `keys`."""
        return int(self.key.max()) + 1 if len(self.key) else 0

    def find(self, plan_ids: pd.Series, block_ids: pd.Series) -> np.ndarray:
        """The keys of blocks; `size` for those of which nothing was ever reported."""
        get, size = self.keys.get, self.size
        pairs = zip(plan_ids, block_ids, strict=True)
        return np.minimum(np.fromiter((get(pair, size) for pair in pairs), np.int64, len(plan_ids)), size)

    def put_right(
        self, heard: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Which events count at all, and done, measured and passed as the last correction of each has them.

        heard: the rows that are known (all without it).
        """
        counts = self.kind != CODE["correction"]
        rows, targets, void = self.corrections, self.corrected, self.void
        if heard is not None:
            counts &= heard
            known = heard[rows]
            rows, targets, void = rows[known], targets[known], void[known]
        if not len(rows):
            return counts, self.done, self.measured, self.passed
        # of several the last one stays
        targets, last = np.unique(targets[::-1], return_index=True)
        rows, void = rows[::-1][last], void[::-1][last]
        counts[targets[void]] = False
        figures = []
        for column in (self.done, self.measured, self.passed):
            figure, given = column.copy(), ~np.isnan(column[rows])
            figure[targets[given]] = column[rows[given]]
            figures.append(figure)
        return counts, *figures


@dataclass(frozen=True)
class Plan:
    """A registered plan; stamp changes with everything that happens to its blocks."""

    id: str
    programme: str
    created: datetime
    stamp: tuple[Any, ...]


class Seen:
    """One moment of the database, as long as `look` is open; what it gives stays right afterwards."""

    def __init__(self, connection: Connection, memory: _Memory) -> None:
        self.ledger = memory.ledger
        self.plans = _plans(connection)
        self._connection, self._memory = connection, memory

    def blocks(self, plan_ids: Collection[str] | None = None) -> pd.DataFrame:
        """The blocks of plans, of all without `plan_ids`, with the columns BLOCK; not to be changed."""
        frames = [
            self._memory.blocks(self._connection, plan)
            for plan in self.plans
            if plan_ids is None or plan.id in plan_ids
        ]
        if len(frames) == 1:
            return frames[0]
        return pd.concat(frames, ignore_index=True) if frames else _frame([])


class _Memory:
    """What is kept of one database."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ledger = Ledger.empty()
        self._blocks: dict[str, tuple[tuple[Any, ...], pd.DataFrame]] = {}

    def blocks(self, connection: Connection, plan: Plan) -> pd.DataFrame:
        stamp, frame = self._blocks.get(plan.id, (None, None))
        if frame is None or stamp != plan.stamp:
            query = select(*(blocks.c[name] for name in BLOCK)).where(blocks.c.plan_id == plan.id)
            frame = _frame(raw_rows(connection, query.order_by(blocks.c.block_id)))
            self._blocks[plan.id] = (plan.stamp, frame)
        return frame


@contextlib.contextmanager
def look(store: Store) -> Iterator[Seen]:
    """The ledger and the blocks as they are now, both of the same moment."""
    memory: _Memory = store.kept.setdefault("arrays", _Memory())
    # the moment is taken under the lock: nobody comes with an older one than what is kept
    with memory.lock, store.snapshot() as connection:
        memory.ledger = _brought_up(connection, memory.ledger)
        yield Seen(connection, memory)


def _plans(connection: Connection) -> list[Plan]:
    """The plans, the oldest first. A block never changes without a line in its history or another sum of its plan."""
    h = block_history.c
    of_plan = h.plan_id == plans.c.id
    changes = select(func.count()).where(of_plan).scalar_subquery()
    latest = select(func.max(type_coerce(h.changed, BigInteger))).where(of_plan).scalar_subquery()
    p = plans.c
    query = select(
        p.id, p.programme, p.created, p.sha, type_coerce(p.registered, BigInteger), changes, latest
    )
    found = connection.execute(query.order_by(p.created, p.id))
    return [Plan(row[0], row[1], row[2], tuple(row[3:])) for row in found]


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame.from_records(rows, columns=list(BLOCK)).astype(TYPES)


def _brought_up(connection: Connection, before: Ledger) -> Ledger:
    """The ledger with what was appended since."""
    newest = select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)
    row = connection.execute(newest).first()
    now = chain.Head(int(row.seq), row.hash) if row else chain.Head(0, chain.GENESIS)
    if now == before.head:
        return before
    since = before.head.seq
    if since and connection.scalar(select(events.c.hash).where(events.c.seq == since)) != before.head.hash:
        # another ledger was restored under our feet
        before, since = Ledger.empty(), 0
    keys = before.keys
    parts = [before]
    for start in range(since, now.seq, AT_ONCE):
        parts.append(_read(connection, keys, start, min(start + AT_ONCE, now.seq)))
    columns = ("seq", "key", "kind", "happened", "received", "done", "measured", "passed")
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    corrections = _corrections(connection, since, now.seq)
    rows, targets = (np.searchsorted(whole["seq"], corrections[:, i]) for i in (0, 1))
    return Ledger(
        now,
        keys,
        **whole,
        corrections=np.concatenate([before.corrections, rows]),
        corrected=np.concatenate([before.corrected, targets]),
        void=np.concatenate([before.void, corrections[:, 2].astype(bool)]),
    )


def _read(connection: Connection, keys: dict[tuple[str, str], int], start: int, end: int) -> Ledger:
    """The events after number `start` up to `end`, without corrections.

    The database gives whole columns as JSON, which takes a third of the time of rows; numbers with a fraction
    come as rows, for in JSON SQLite rounds them.
    """
    mine = and_(events.c.seq > start, events.c.seq <= end)
    sqlite = connection.dialect.name == "sqlite"
    names = ("seq", "plan_id", "block_id", "kind", "happened", "received", "passed")
    given: list[Any] = [events.c[name] for name in names]
    given = [type_coerce(c, BigInteger) if c.name in ("happened", "received") else c for c in given]
    whole = [func.json_group_array(c) if sqlite else cast(func.json_agg(c), Text) for c in given]
    texts = next(iter(raw_rows(connection, select(*whole).where(mine))))
    seq, plan, block, kind, happened, received, passed = (json.loads(text or "[]") for text in texts)
    number = np.array(seq, np.int64)
    order = np.argsort(number, kind="stable")
    number = number[order]
    kinds, names_of_kinds = pd.factorize(np.array(kind, object))
    done, measured = np.full((2, len(number)), np.nan)
    figures = select(events.c.seq, events.c.done_mu, events.c.measured_mu)
    some = or_(events.c.done_mu.is_not(None), events.c.measured_mu.is_not(None))
    rows = raw_rows(connection, figures.where(mine, some))
    if rows:
        of, *found = (np.array(column, float) for column in zip(*rows, strict=True))
        at = np.searchsorted(number, of.astype(np.int64))
        done[at], measured[at] = found
    empty = Ledger.empty()
    return Ledger(
        empty.head,
        keys,
        number,
        _keys(keys, plan, block)[order],
        np.array([CODE[name] for name in names_of_kinds], np.int8)[kinds][order],
        np.array(happened, np.int64)[order],
        np.array(received, np.int64)[order],
        done,
        measured,
        np.array(passed, float)[order],
        empty.corrections,
        empty.corrected,
        empty.void,
    )


def _keys(keys: dict[tuple[str, str], int], plan: list[str], block: list[str]) -> np.ndarray:
    """The key of each event; plans and blocks that are new get the next numbers."""
    plan_at, plan_ids = pd.factorize(np.array(plan, object))
    block_at, block_ids = pd.factorize(np.array(block, object))
    pair_at, pairs = pd.factorize(plan_at * max(len(block_ids), 1) + block_at)
    named = ((plan_ids[p // len(block_ids)], block_ids[p % len(block_ids)]) for p in pairs)
    return np.array([keys.setdefault(pair, len(keys)) for pair in named], np.int64)[pair_at]


def _corrections(connection: Connection, start: int, end: int) -> np.ndarray:
    """Numbers of the correction and of what it corrects, and whether that is void; as they came."""
    of = events.alias()
    void = and_(*(events.c[name].is_(None) for name in FIGURES))
    pairs = select(events.c.seq, of.c.seq, void).where(
        events.c.kind == "correction", events.c.seq > start, events.c.seq <= end, of.c.id == events.c.corrects
    )
    found = [(a, b, int(gone)) for a, b, gone in connection.execute(pairs.order_by(events.c.seq))]
    return np.array(found, np.int64).reshape(-1, 3)


def raw_rows(connection: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    """The rows of a query of plain values as the driver gives them: half the time of knowing every column's type."""
    text = query.compile(dialect=connection.dialect)
    given = text.construct_params()
    driver = connection.connection.cursor()
    try:
        driver.execute(str(text), [given[n] for n in text.positiontup] if text.positiontup else given)
        return list(driver.fetchall())
    finally:
        driver.close()
