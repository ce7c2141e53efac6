"""One short text for all that the figures come from: as long as it stays, nothing needs to be reckoned anew."""

from __future__ import annotations

from sqlalchemy import func, select

from tracking import chain
from tracking.store import Store
from tracking.tables import block_history, plans


def mark(store: Store) -> str:
    """Another one after any report, any plan put in, and any change of a block."""
    with store.reading() as connection:
        head = chain.last(connection)
        changes = connection.scalar(select(func.count()).select_from(block_history))
        found = [
            tuple(row) for row in connection.execute(select(plans.c.id, plans.c.sha).order_by(plans.c.id))
        ]
    return chain.sha(repr((head.seq, head.hash, changes, found)))[:24]
