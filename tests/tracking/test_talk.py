"""The ledger's turn: one message for all that is read in it, and a receipt only for what is on disk."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam, select

from geo.errors import ChigaiError
from tests.tracking.conftest import report
from tests.tracking.writer import opinion
from tracking import chain, ledger, tables
from tracking.ledger import _write as write
from tracking.ledger import append
from tracking.store import Store
from tracking.talk import Among, ask

ANY_ID = select(tables.raw_events.c.seq).where(Among(tables.raw_events.c.id, "ids"))
OF_KIND = select(tables.raw_events.c.seq).where(
    Among(tables.raw_events.c.kind, "kinds"), tables.raw_events.c.actor == bindparam("who")
)


def test_every_question_gets_its_own_answer(followed: Store) -> None:
    sent = [opinion(f"b{n % 4 + 1}") for n in range(4)]
    append(followed, sent)
    with followed.reading() as connection:
        found = ask(
            connection,
            (ANY_ID, {"ids": [sent[1].id, sent[3].id, uuid.uuid4()]}),
            (ANY_ID, {"ids": []}),
            (OF_KIND, {"kinds": ["consent", 'it\'s "so"'], "who": "field"}),
            (OF_KIND, {"kinds": ["consent"], "who": "x' OR 1=1 --"}),
        )
    assert [sorted(seq for (seq,) in rows) for rows in found] == [[2, 4], [], [1, 2, 3, 4], []]


def test_a_question_that_fails_takes_the_whole_turn_back(followed: Store) -> None:
    broken = sa.text("SELECT nothing FROM nowhere")
    with (
        pytest.raises(Exception, match="UndefinedTable" if followed.postgres else "OperationalError"),
        followed.writing() as connection,
    ):
        ask(connection, (sa.text("UPDATE plans SET name = 'changed'"), {}), (broken, {}))
    with followed.reading() as connection:
        assert connection.scalar(select(tables.plans.c.name)) != "changed"
    assert append(followed, [opinion()])[0].status == "accepted"


def test_who_waited_for_the_head_sees_what_was_written_meanwhile(followed: Store) -> None:
    """Read before the lock, the second would take the same report once more, or forge on from an old head."""
    same = opinion("b1")
    found: list[ledger.Receipt] = []
    waiting = threading.Thread(target=lambda: found.extend(append(other, [same])))
    other = Store(followed.url.render_as_string(hide_password=False))
    with other.reading():
        pass
    with followed.writing() as connection:
        chain.last(connection, hold=True)
        waiting.start()
        # time for the other to come and wait
        time.sleep(0.3)
        write(connection, [same], datetime.now(UTC), None, ())
    waiting.join()
    other.close()
    assert [receipt.status for receipt in found] == ["repeated"]
    assert chain.verify(followed) is None


def test_a_receipt_is_given_only_for_what_is_on_disk(followed: Store) -> None:
    if not followed.postgres:
        with followed.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        return
    reached = "SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()"
    with followed.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for number in range(10):
            append(followed, [opinion(f"b{number % 4 + 1}")])
            assert connection.exec_driver_sql(reached).scalar()


def test_a_connection_that_broke_in_a_pause_is_not_used(
    followed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not followed.postgres:
        pytest.skip("SQLite has no connection that breaks")
    append(followed, [report("plan_approved", 0, "")])
    monkeypatch.setattr("tracking.store.QUIET_S", -1.0)
    cut_off(followed)
    assert append(followed, [report("started", 1, "b1")])[0].status == "accepted"


def test_after_a_lost_connection_only_what_was_under_way_fails(new_database: Callable[..., str]) -> None:
    store = Store(new_database("postgresql"))
    with store.reading(), store.reading():
        pass
    cut_off(store)
    one = report("measure", 1, "", plan_id="jixi-2020-8", measure="nozzles", county="230382", units=1.0)
    with pytest.raises(ChigaiError):
        append(store, [one])
    assert append(store, [one])[0].status == "accepted"
    assert chain.verify(store) is None
    store.close()


def cut_off(store: Store) -> None:
    """End every other connection to the database, as a server does that starts again."""
    admin = sa.create_engine(store.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    ours = "datname = current_database() AND pid <> pg_backend_pid()"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        while connection.exec_driver_sql(f"SELECT count(*) FROM pg_stat_activity WHERE {ours}").scalar():
            time.sleep(0.01)
