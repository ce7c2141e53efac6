"""The changed field units of a draft at once: what was reckoned of one is kept as long as nobody changes it again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

import pandas as pd

from geo import plans
from planning.editing import problems as of_units
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from tracking import drafts, journal, people
from tracking.desk import Desk

KEPT = 5_000
"""Answers that a process keeps, some kilobytes each: a day's changes of a whole office."""
T = TypeVar("T")
_kept: OrderedDict[tuple[str, int, int, str], object] = OrderedDict()
_lock = threading.Lock()


def of_changed(desk: Desk, draft_id: str, what: str, make: Callable[[FieldUnit, State], T]) -> dict[int, T]:
    """What `make` makes of each changed field unit of the counties that this person plans, units ascending.

    what: a name for what is made; it is made once for each version of a unit, and no unit is read for the others.
    """
    found = drafts.draft(desk, draft_id)
    with desk.store.reading() as connection:
        versions = journal.versions(connection, draft_id)
    out: dict[int, T] = {}
    for number, (version, counties) in versions.items():
        if not all(desk.may("plan", county) for county in counties):
            continue
        key = (draft_id, number, version, what)
        with _lock:
            there = key in _kept
            if there:
                _kept.move_to_end(key)
                out[number] = cast(T, _kept[key])
        if there:
            continue
        unit = drafts.unit_of(desk, found, number)
        with desk.store.reading() as connection:
            state = journal.state(connection, draft_id, unit)
            still = journal.touched(connection, draft_id, number).version == version
        out[number] = make(unit, state)
        if still:
            _keep(key, out[number])
    return out


def _keep(key: tuple[str, int, int, str], value: object) -> None:
    with _lock:
        _kept[key] = value
        while len(_kept) > KEPT:
            _kept.popitem(last=False)


def problems(desk: Desk, draft_id: str) -> pd.DataFrame:
    """What is below the minimum, above the step or refused, as the draft has it, in the counties that this person
    plans: `planning.editing.problems.COLUMNS`, by county and field unit."""
    folder = desk.plan_folder(drafts.draft(desk, draft_id).plan)
    every = _of_plan(str(folder), str(plans.read_meta(folder)["created"]))
    places = people.where(desk.person, "plan")
    every = every if places is None else every[every.county.isin(list(places))]
    anew = of_changed(desk, draft_id, "problems", of_units.of_state)
    kept = every[~every.field_unit.isin(list(anew))]
    rows = pd.concat([part for part in (kept, *anew.values()) if len(part)] or [kept], ignore_index=True)
    return rows.sort_values(["county", "field_unit", "kind"], ignore_index=True)


@lru_cache(maxsize=4)
def _of_plan(folder: str, created: str) -> pd.DataFrame:
    return of_units.of_plan(Path(folder))


def next_problem(rows: pd.DataFrame, after: int | None, county: str | None, kind: str | None) -> int | None:
    """The field unit of the next problem after a unit, from the start again after the last; None: there is none."""
    for column, value in (("county", county), ("kind", kind)):
        rows = rows if value is None else rows[rows[column] == value]
    numbers = list(dict.fromkeys(int(n) for n in rows.field_unit))
    if not numbers:
        return None
    at = (
        numbers.index(after) + 1
        if after in numbers
        else sum(after is not None and n < after for n in numbers)
    )
    return numbers[at % len(numbers)]
