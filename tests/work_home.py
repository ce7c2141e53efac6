"""The hostile plan of tests.map_home with a season of reports on it, for the tests of the map of the work."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd

from tests import map_home
from tracking import ledger
from tracking.register import register_plan
from tracking.rules import Event
from tracking.store import Store

BEGIN = datetime(2021, 10, 6, 2, tzinfo=UTC)
"""Ten in the morning of the first working day on which something happens."""
TEAM, NOTE = "施工队王某", "电话不得外传"
REASON = map_home.ATTACKS[0]


def blocks(home: Path) -> list[str]:
    """The block ids of the plan, in the order of its table."""
    return list(gpd.read_parquet(home / "plans" / "probe" / "blocks.parquet")["block_id"])


def event(kind: str, block: str, day: float, **figures: Any) -> Event:
    """A report some days after BEGIN."""
    actor = {"checked": "初验组", "accepted": "验收组", "mapped": "验收组"}.get(kind, TEAM)
    happened = BEGIN + timedelta(days=day)
    return Event(uuid.uuid4(), kind, block, "probe", actor, happened, note=NOTE, **figures)


def report(store: Store, home: Path) -> list[str]:
    """Follow the plan; of its first six blocks report one step more of each: from a start to the map."""
    register_plan(store, home / "plans" / "probe", "planner")
    ids = blocks(home)
    steps: list[tuple[str, dict[str, Any]]] = [
        ("started", {}),
        ("finished", {}),
        ("checked", {"passed": True}),
        ("accepted", {"measured_mu": 29.9, "level_points": 9, "inspector": "检查员李某"}),
        ("mapped", {}),
    ]
    sent = [event("plan_approved", "", -10)]
    for n, block in enumerate(ids[:5]):
        sent += [event(kind, block, 2 * i, **figures) for i, (kind, figures) in enumerate(steps[: n + 1])]
    sent += [event("started", ids[5], 0), event("finished", ids[5], 2)]
    sent += [event("checked", ids[5], 4, passed=False, reason=REASON)]
    receipts = ledger.append(store, sent)
    assert {r.status for r in receipts} == {"accepted"}
    return ids
