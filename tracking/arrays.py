"""The ledger and the blocks of the plans as columns in memory: read once, then only what is new."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Integer, Select, Text, and_, cast, func, or_, select, type_coerce
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

    key: the event's plan and block, as `keys` numbers them; it only grows. kind: as CODE numbers them. passed: 0, 1 or NaN.
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
    def empty(cls, keys: dict[tuple[str, str], int]) -> Ledger:
        whole, small = np.empty(0, np.int64), np.empty(0, np.int8)
        none, never = np.empty(0), np.empty(0, bool)
        return cls(
            chain.Head(0, chain.GENESIS), keys, whole, whole, small, whole, whole, none, none, none, whole, whole, never
        )  # fmt: skip

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
        """The blocks of plans, of all without `plan_ids`, with the columns BLOCK and `key`; not to be changed."""
        frames = [
            self._memory.blocks(self._connection, plan)
            for plan in self.plans
            if plan_ids is None or plan.id in plan_ids
        ]
        if len(frames) == 1:
            return frames[0]
        return (
            pd.concat(frames, ignore_index=True) if frames else _frame([]).assign(key=np.empty(0, np.int64))
        )


class _Memory:
    """What is kept of one database."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ledger = Ledger.empty({})
        self._blocks: dict[str, tuple[tuple[Any, ...], pd.DataFrame]] = {}

    def blocks(self, connection: Connection, plan: Plan) -> pd.DataFrame:
        stamp, frame = self._blocks.get(plan.id, (None, None))
        if frame is None or stamp != plan.stamp:
            query = select(*(blocks.c[name] for name in BLOCK)).where(blocks.c.plan_id == plan.id)
            rows = raw_rows(connection, query.order_by(blocks.c.block_id))
            frame = _frame(rows)
            keys = self.ledger.keys
            frame["key"] = np.array([keys.setdefault(row[:2], len(keys)) for row in rows], np.int64)
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
        before, since = Ledger.empty(before.keys), 0
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

    The database gives whole columns as texts, which takes a third of the time of rows; numbers with a fraction
    come as rows, for in a text SQLite rounds them.
    """
    e = events.c
    mine = and_(e.seq > start, e.seq <= end)
    moments = [type_coerce(c, BigInteger) for c in (e.happened, e.received)]
    numbers = [e.seq, *moments, func.coalesce(cast(e.passed, Integer), -1)]
    texts = [e.plan_id, e.block_id, e.kind]
    if connection.dialect.name == "sqlite":
        whole: list[Any] = [*map(func.group_concat, numbers), *map(func.json_group_array, texts)]
    else:
        whole = [func.string_agg(cast(c, Text), ",") for c in numbers]
        whole += [cast(func.json_agg(c), Text) for c in texts]
    (given,) = raw_rows(connection, select(*whole).where(mine))
    seq, *counted = (
        np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64) for text in given[:4]
    )
    order = np.argsort(seq, kind="stable")
    seq, (happened, received, passed) = seq[order], (column[order] for column in counted)
    plan, block, kind = (np.array(json.loads(text or "[]"), object)[order] for text in given[4:])
    kinds, names = pd.factorize(kind)
    figures = select(e.seq, *(func.coalesce(c, -1.0) for c in (e.done_mu, e.measured_mu)))
    rows = raw_rows(connection, figures.where(mine, or_(e.done_mu.is_not(None), e.measured_mu.is_not(None))))
    found = np.fromiter(itertools.chain.from_iterable(rows), float, 3 * len(rows)).reshape(-1, 3)
    found[found < 0] = np.nan
    done, measured = np.full((2, len(seq)), np.nan)
    at = np.searchsorted(seq, found[:, 0].astype(np.int64))
    done[at], measured[at] = found[:, 1], found[:, 2]
    empty = Ledger.empty(keys)
    return Ledger(
        empty.head, keys, seq, _keys(keys, plan, block), np.array([CODE[name] for name in names], np.int8)[kinds],
        happened, received, done, measured, np.where(passed < 0, np.nan, passed),
        empty.corrections, empty.corrected, empty.void,
    )  # fmt: skip


def _keys(keys: dict[tuple[str, str], int], plan: np.ndarray, block: np.ndarray) -> np.ndarray:
    """The key of each event; plans and blocks that are new get the next numbers."""
    plan_at, plan_ids = pd.factorize(plan)
    block_at, block_ids = pd.factorize(block)
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
