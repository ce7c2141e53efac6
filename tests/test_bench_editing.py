"""Facts about the bench of editing: every step of a planner is timed, and what it asks for is what planners ask for."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from bench import editing
from planning.editing.changes import changed
from planning.editing.rules import RefusedError
from planning.editing.unit import load
from tracking import drafts
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.store import Store


@pytest.fixture
def desk(plan_folder: Path, tmp_path: Path) -> Desk:
    shutil.copytree(plan_folder, tmp_path / "plans" / "P")
    desk = Desk(Store(f"sqlite:///{tmp_path}/chigai.db"), LOCAL, tmp_path)
    desk.store.upgrade()
    return desk


def test_every_step_is_timed_and_the_draft_holds_what_was_not_undone(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    found = editing.measure(desk, "P", 6)
    assert list(found) == ["parcels", *editing.STEPS]
    assert found["open"]["count"] == 6 and found["again"]["count"] == 6 * len(editing.KINDS)
    assert all(0 < found[s]["median_s"] <= found[s]["worst_s"] for s in editing.STEPS)
    assert found["apply"]["count"] == sum(found[kind]["count"] for kind in editing.KINDS)
    (draft,) = drafts.listed(desk)
    # the unit before the first, which is not timed, left its changes too
    assert drafts.counted(desk, draft.id)["changes"] >= found["apply"]["count"] - found["undo"]["count"]
    editing.show(found)
    assert "next problem" in capsys.readouterr().out


@pytest.mark.parametrize("kind", editing.KINDS)
def test_each_kind_of_change_is_allowed_somewhere(desk: Desk, kind: str) -> None:
    dice, folder = random.Random(0), desk.home / "plans" / "P"
    for number in range(30):
        unit = load(folder, number)
        asked = editing.asked(unit, unit.base, kind, dice)
        if asked is None:
            continue
        assert asked.kind == kind
        try:
            assert not changed(unit, unit.base, asked).same_blocks(unit.base)
        except RefusedError:
            continue
        return
    raise AssertionError(f"no {kind} was ever allowed")
