"""What changing a plan by hand costs: a field unit opened, a change told, made and undone, the next problem found.

    python -m bench.editing [--parcels 20000 | --plan FOLDER] [--units 40] [--seed 1] [--json]

A demo region is made and planned quickly (or --plan taken). Then a planner at a desk with a SQLite database of its own
opens so many field units, drawn at random; in each one a join, a split, a move and a take-out are asked for until each
was allowed once, or refused a few times. What is timed is what the page asks the desk for, in this process, without
browser and network: *open* is the first look at a unit, *again* a later one; the four kinds are what a change that is
allowed would do, to its blocks and to its counties (*refused*: any that is not); *apply* keeps it, *undo* takes it back;
*next problem* is the list of all problems with the next of them, *figures* the sums of the draft, with changes in it.
What is compiled on first use is used once before.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import shapely
from rich.console import Console
from rich.table import Table

from bench.homes import placed, planned
from geo import plans
from planning.editing.changes import Asked
from planning.editing.rules import RefusedError
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from tracking import draft_units, drafts
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.store import Store

KINDS = ("join", "split", "move", "take_out")
STEPS = ("open", "again", *KINDS, "refused", "apply", "undo", "next problem", "figures")
TRIES = 5
"""Of each kind in a unit, until one is allowed."""
Row = dict[str, Any]
_T = TypeVar("_T")


class Clock:
    """Seconds of each thing that was done, by its name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def time(self, name: str, work: Callable[[], _T], otherwise: str = "") -> _T:
        """Do it. otherwise: the name where a rule forbids it."""
        began = time.perf_counter()
        try:
            found = work()
        except RefusedError:
            self.seconds.setdefault(otherwise, []).append(time.perf_counter() - began)
            raise
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)
        return found

    def rows(self) -> Row:
        """How often each was done, its median and its worst seconds."""
        return {
            name: {"count": len(taken), "median_s": statistics.median(taken), "worst_s": max(taken)}
            for name in STEPS
            if (taken := self.seconds.get(name))
        }


def asked(unit: FieldUnit, state: State, kind: str, dice: random.Random) -> Asked | None:
    """A change of this kind that a planner may ask for here; None where there is none to ask for."""
    held = [(name, rows) for name, rows in state.members().items() if len(rows) > 1]
    border = [
        (int(a), int(b))
        for a, b in zip(unit.nb.left, unit.nb.right, strict=True)
        if state.block[a] is not None and state.block[b] is not None and state.block[a] != state.block[b]
    ]
    if kind == "take_out":
        return Asked("take_out", parcels=(dice.choice(unit.names),))
    if kind == "split":
        if not held:
            return None
        # the half that lies first along the block, as a line across it would part it
        rows = sorted(
            dice.choice(held)[1].tolist(), key=lambda row: shapely.get_x(shapely.centroid(unit.geoms[row]))
        )
        return Asked("split", parcels=tuple(unit.names[row] for row in rows[: len(rows) // 2]))
    if not border:
        return None
    a, b = dice.choice(border)
    if kind == "join":
        return Asked("join", blocks=(state.block[a], state.block[b]))
    return Asked("move", parcels=(unit.names[a],), to=state.block[b])


def measure(desk: Desk, plan: str, units: int, seed: int = 1) -> Row:
    """The times of so many field units of the plan in this folder of plans/."""
    dice, clock = random.Random(seed), Clock()
    numbers = plans.read(desk.home / "plans" / plan).parcels.field_unit.unique()
    drawn = [int(n) for n in dice.sample(numbers.tolist(), min(units + 1, len(numbers)))]
    draft = drafts.begin(desk, plan)
    # what is compiled on first use
    _unit(desk, draft, drawn[0], dice, Clock())
    draft_units.problems(desk, draft)
    for number in drawn[1:]:
        _unit(desk, draft, number, dice, clock)
    return {"parcels": plans.read_meta(desk.home / "plans" / plan)["totals"]["parcels"]} | clock.rows()


def _unit(desk: Desk, draft: str, number: int, dice: random.Random, clock: Clock) -> None:
    clock.time("open", partial(drafts.look, desk, draft, number))
    for kind in KINDS:
        unit, state, touched, _ = clock.time("again", partial(drafts.look, desk, draft, number))
        for wanted in _wanted(unit, state, kind, dice):
            try:
                clock.time(kind, partial(_told, desk, draft, number, wanted), "refused")
            except RefusedError:
                continue
            clock.time("apply", partial(drafts.apply, desk, draft, number, wanted, touched.version))
            clock.time("figures", partial(drafts.figures, desk, draft))
            clock.time("next problem", partial(_next, desk, draft, number))
            # every second change stays, so that the draft grows as drafts do
            if dice.random() < 0.5:
                clock.time("undo", partial(drafts.undo, desk, draft))
            break


def _wanted(unit: FieldUnit, state: State, kind: str, dice: random.Random) -> Iterator[Asked]:
    for _ in range(TRIES):
        found = asked(unit, state, kind, dice)
        if found is not None:
            yield found


def _told(desk: Desk, draft: str, number: int, wanted: Asked) -> None:
    unit, found = drafts.preview(desk, draft, number, wanted)
    drafts.foreseen(desk, draft, unit, found)


def _next(desk: Desk, draft: str, number: int) -> int | None:
    return draft_units.next_problem(draft_units.problems(desk, draft), number, None, None)


def show(found: Row) -> None:
    """The table."""
    table = Table("", "times", "median s", "worst s", title=f"{found['parcels']:,} parcels")
    for name, row in found.items():
        if name != "parcels":
            table.add_row(name, str(row["count"]), f"{row['median_s']:.3f}", f"{row['worst_s']:.3f}")
    Console().print(table)


def main() -> None:
    """See above."""
    ask = argparse.ArgumentParser(prog="bench.editing", description="what changing a plan by hand costs")
    ask.add_argument("--parcels", type=int, default=20_000)
    ask.add_argument("--plan", type=Path, help="a plan folder, instead of making one")
    ask.add_argument("--units", type=int, default=40)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--json", action="store_true")
    given = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        placed(home, given.plan or planned(home, given.parcels))
        desk = Desk(Store(f"sqlite:///{home}/bench.db"), LOCAL, home)
        desk.store.upgrade()
        found = measure(desk, "bench", given.units, given.seed)
        desk.store.close()
    if given.json:
        print(json.dumps(found, indent=1))
    else:
        show(found)


if __name__ == "__main__":
    main()
