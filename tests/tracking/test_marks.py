"""The mark of a database stays while nothing changes, and changes with everything that figures come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracking import ledger
from tracking.marks import mark
from tracking.register import change_block, register_plan
from tracking.rules import Event
from tracking.store import Store


def test_a_report_a_plan_and_a_change_of_a_block_each_change_it(
    followed: Store, report: Callable[..., Event], write_plan: Callable[..., Path]
) -> None:
    seen = [mark(followed)]
    assert mark(followed) == seen[0]

    def changed(act: Callable[[], Any]) -> None:
        act()
        seen.append(mark(followed))

    changed(lambda: ledger.append(followed, [report("plan_approved", 0, "")]))
    changed(lambda: change_block(followed, "p", "b1", 1, {"area_mu": 29.0}, "planner"))
    changed(lambda: register_plan(followed, write_plan(plan_id="q", name="other"), "planner"))
    assert len(set(seen)) == len(seen)
    ledger.append(followed, [report("accepted", 1, "b1", measured_mu=1.0, level_points=1, inspector="i")])
    assert mark(followed) == seen[-1], "a refused report changes nothing"
