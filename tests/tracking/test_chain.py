"""Tampering shows: whatever is changed, taken out, put in or cut off, the chain says where it broke."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.tracking.writer import opinion
from tracking import chain, tables
from tracking.chain import GENESIS, Head, verify
from tracking.ledger import Event, append
from tracking.register import register_plan
from tracking.store import Store

LENGTH = 7


@pytest.fixture
def written(followed: Store, season: Callable[..., list[Event]]) -> Store:
    """A ledger of seven events."""
    append(followed, season())
    return followed


def tamper(store: Store, *statements: str) -> None:
    """What somebody can do who owns the database: take the guards away, change it, put them back."""
    with store.writing() as connection:
        if store.postgres:
            connection.execute(sa.text("ALTER TABLE events DISABLE TRIGGER USER"))
        else:
            guards = connection.execute(
                sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'")
            ).all()
            for name, _ in guards:
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        for statement in statements:
            connection.execute(sa.text(statement))
        if store.postgres:
            connection.execute(sa.text("ALTER TABLE events ENABLE TRIGGER USER"))
        else:
            for _, sql in guards:
                connection.execute(sa.text(sql))


def test_a_ledger_that_nobody_touched_verifies(followed: Store, season: Callable[..., list[Event]]) -> None:
    assert verify(followed) is None
    receipts = append(followed, season())
    assert verify(followed) is None
    for receipt in receipts:
        assert receipt.seq is not None and receipt.hash is not None
        assert verify(followed, Head(receipt.seq, receipt.hash)) is None


@pytest.mark.parametrize("seq", [1, 4, LENGTH])
@pytest.mark.parametrize(
    "column", [c.name for c in tables.events.c if c.name not in ("seq", "id", "corrects")]
)
def test_a_changed_event_is_found_where_it_is(written: Store, seq: int, column: str) -> None:
    new = {
        "passed": "NOT coalesce(passed, false)", "given": "true", "happened": "happened + 1", "received": "received + 1",
        "done_mu": "coalesce(done_mu, 0) + 0.000001", "measured_mu": "coalesce(measured_mu, 0) + 0.000001",
        "level_points": "coalesce(level_points, 0) + 1", "block_version": "7", "units": "coalesce(units, 0) + 0.000001",
    }.get(column, f"coalesce({column}, '') || 'x'")  # fmt: skip
    tamper(written, f"UPDATE events SET {column} = {new} WHERE seq = {seq}")
    broken = verify(written)
    assert broken is not None and broken.seq == seq and broken.event_id is not None
    assert str(seq) in broken.zh and str(seq) in broken.en


@pytest.mark.parametrize("seq", [1, 4])
def test_an_event_taken_out_is_missed(written: Store, seq: int) -> None:
    tamper(written, f"DELETE FROM events WHERE seq = {seq}")
    broken = verify(written)
    assert broken is not None and broken.seq == seq and "missing" in broken.en


def test_closing_the_gap_does_not_hide_it(written: Store) -> None:
    tamper(
        written,
        "DELETE FROM events WHERE seq = 4",
        *(f"UPDATE events SET seq = {n - 1} WHERE seq = {n}" for n in (5, 6, 7)),
    )
    broken = verify(written)
    assert broken is not None and broken.seq == 4


def test_two_events_that_changed_places_are_found(written: Store) -> None:
    tamper(written, *(f"UPDATE events SET seq = {b} WHERE seq = {a}" for a, b in ((3, 99), (4, 3), (99, 4))))
    broken = verify(written)
    assert broken is not None and broken.seq == 3


@pytest.mark.parametrize("left", [0, 5])
def test_an_end_that_was_cut_off_is_missed(written: Store, left: int) -> None:
    tamper(written, f"DELETE FROM events WHERE seq > {left}")
    broken = verify(written)
    assert broken is not None and broken.seq == left + 1
    assert str(LENGTH) in broken.zh and str(LENGTH) in broken.en


def forge(store: Store, since: int) -> None:
    """Write the ledger anew from an event on, sealed as it should be: what the chain alone cannot tell."""
    with store.reading() as connection:
        rows = [
            r._asdict() for r in connection.execute(sa.select(*chain.columns()).order_by(tables.events.c.seq))
        ]
    previous, statements = GENESIS, []
    for row in rows:
        if row["seq"] >= since:
            row["note"] = "forged"
        previous = chain.digest(previous, row)
        statements.append(
            f"UPDATE events SET note = '{row['note']}', hash = '{previous}' WHERE seq = {row['seq']}"
        )
    tamper(store, *statements, f"UPDATE ledger_head SET hash = '{previous}'")


def test_a_receipt_shows_what_was_written_anew_before_it(written: Store) -> None:
    with written.reading() as connection:
        noted = chain.last(connection)
    forge(written, 5)
    assert verify(written) is None
    broken = verify(written, noted)
    assert broken is not None and broken.seq == LENGTH and "receipt" in broken.en


def test_a_receipt_shows_that_the_end_is_gone_even_where_the_head_was_set_back(written: Store) -> None:
    with written.reading() as connection:
        noted = chain.last(connection)
        fifth = connection.scalar(sa.select(tables.events.c.hash).where(tables.events.c.seq == 5))
    tamper(written, "DELETE FROM events WHERE seq > 5", f"UPDATE ledger_head SET seq = 5, hash = '{fifth}'")
    assert verify(written) is None
    broken = verify(written, noted)
    assert broken is not None and broken.seq == 6 and "receipt" in broken.en


def test_the_seal_is_the_same_in_both_homes(
    new_database: Callable[..., str], write_plan: Callable[..., Path]
) -> None:
    sent, now = [opinion() for _ in range(3)], datetime(2021, 11, 1, 0, 0, 0, 1, tzinfo=UTC)
    found = []
    folder = write_plan()
    for home in ("sqlite", "postgresql"):
        store = Store(new_database(home))
        register_plan(store, folder, "planner")
        found.append([r.hash for r in append(store, sent, now=now)])
        store.close()
    assert found[0] == found[1]
