"""A process that reports and tells what was acknowledged, for tests that kill it or let several write at once."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from uuid import UUID, uuid4

from tracking.ledger import Event, append
from tracking.store import Store

HAPPENED = datetime(2021, 10, 1, tzinfo=UTC)


def opinion(block: str = "b1", event_id: UUID | None = None) -> Event:
    """An event that may come at any time: what an operator thinks."""
    return Event(event_id or uuid4(), "consent", block, "p", "field", HAPPENED, operator="张三", given=True)


def write(url: str, number: int, told: Connection) -> None:
    """Append `number` events one by one; tell each id only once its receipt is there."""
    store = Store(url)
    for _ in range(number):
        (receipt,) = append(store, [opinion()])
        assert receipt.status == "accepted", receipt.en
        told.send_bytes(receipt.id.bytes)
    store.close()


def start(url: str, number: int) -> tuple[ForkServerProcess, Connection]:
    """A process that runs `write`, and where it tells."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.tracking.writer"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=write, args=(url, number, there), daemon=True)
    process.start()
    there.close()
    return process, here


def heard(told: Connection) -> list[UUID]:
    """Everything that was told until the other side closed."""
    found = []
    try:
        while True:
            found.append(UUID(bytes=told.recv_bytes()))
    except EOFError:
        return found
