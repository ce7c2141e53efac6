"""What the page 任务 and its map ask the desk for: reckoned once, kept until anything in the database changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from planning.programme import Programme
from tracking import curves, marks, targets
from tracking.desk import Desk
from tracking.progress import CountyTarget
from ui import mapdata, palette

KEPT = 128
"""Answers held in memory: a slider that is drawn back and forth asks for the same days again."""
CODES = {state: chr(ord("a") + i) for i, state in enumerate(palette.WORK)}
"""A letter for each state, for answers with one letter a block."""
STATES = {letter: state for state, letter in CODES.items()}

_T = TypeVar("_T")
_kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_lock = threading.Lock()


def mark(desk: Desk) -> str:
    """As marks.mark: the same as long as nothing has changed. Raises ForbiddenError without the right to see."""
    desk.require("see")
    return marks.mark(desk.store)


def _keep(key: tuple[Any, ...], make: Callable[[], _T]) -> _T:
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]  # type: ignore[no-any-return]
    made = make()
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


def rows(desk: Desk, now: str, programme: Programme, as_of: date, plan_id: str | None) -> list[CountyTarget]:
    """As desk.targets. now: the mark of the database, which the caller asked for as this person."""
    key = ("rows", desk.store.url, now, programme.id, as_of, plan_id)
    return _keep(key, lambda: desk.targets(programme, as_of, plan_id))


def daily(desk: Desk, now: str, programme: Programme, as_of: date, plan_id: str | None) -> pd.DataFrame:
    """As desk.daily."""
    key = ("daily", desk.store.url, now, programme.id, as_of, plan_id)
    return _keep(key, lambda: desk.daily(programme, as_of, plan_id))


def curve(
    desk: Desk, now: str, programme: Programme, as_of: date, plan_id: str | None, county: str
) -> curves.Curve | None:
    """As curves.curve, of one county."""
    row = next(r for r in rows(desk, now, programme, as_of, plan_id) if r.county == county)
    sums = daily(desk, now, programme, as_of, plan_id)
    key = ("curve", desk.store.url, now, programme.id, as_of, plan_id, county)
    return _keep(key, lambda: curves.curve(row, sums, programme, as_of))


@dataclass(frozen=True)
class Work:
    """The blocks and sites of a plan folder on one day, in the order of its tables.

    blocks, sites: a letter of CODES each · done: percent of each site's area that is finished · areas: mu by
    county ("" is all of them) and state.
    """

    blocks: str
    sites: str
    done: list[int]
    areas: dict[str, dict[str, float]]


def plan_id(data: mapdata.PlanMap) -> str:
    """What the database calls a plan folder."""
    return str(data.meta.get("id", data.folder.name))


def work(desk: Desk, now: str, data: mapdata.PlanMap, plan_id: str, as_of: date) -> Work:
    """How far each block is at the end of a day; plan_id: what the plan is called in the database."""
    key = ("work", desk.store.url, now, str(data.folder), mapdata.version(data), plan_id, as_of)
    return _keep(key, lambda: _work(data, desk.states(plan_id, as_of)))


def _work(data: mapdata.PlanMap, states: pd.DataFrame) -> Work:
    known = pd.Series(
        states["state"].astype(str).replace("approved", "planned").to_numpy(), index=states["block_id"]
    )
    table = data.blocks
    # of a plan that is not followed nothing is done, and nothing was taken out
    ids = table["block_id"].astype(object)
    state = ids.map(known).fillna("withdrawn" if len(known) else "planned")
    site = table["site_id"].astype(object)
    frame = pd.DataFrame({"site": site, "state": state, "area": table["area_mu"].to_numpy(float)})
    letters = state.map(CODES).to_numpy(str)
    sites = data.sites.table
    codes, done = _sites(frame, sites)
    sums = states.assign(state=known.to_numpy()).groupby(["county", "state"], observed=True)["area_mu"].sum()
    areas: dict[str, dict[str, float]] = {"": {}}
    for county, name, mu in sums.reset_index().itertuples(index=False):
        areas.setdefault(str(county), {})[str(name)] = round(float(mu), 1)
        areas[""][str(name)] = round(areas[""].get(str(name), 0.0) + float(mu), 1)
    return Work("".join(letters), codes, done, areas)


def _sites(frame: pd.DataFrame, sites: pd.DataFrame) -> tuple[str, list[int]]:
    """The letter and the percent finished of each site: under way until all of it is at least finished."""
    steps = ["finished", "checked", "accepted", "mapped"]
    rank = frame["state"].map({name: i + 1 for i, name in enumerate(steps)}).fillna(0)
    frame = frame.assign(
        finished=np.where(rank > 0, frame["area"], 0.0),
        begun=frame["state"].isin([*steps, "started", "returned"]),
        rank=rank,
    )
    frame = frame[frame["state"] != "withdrawn"]
    found = frame.groupby("site").agg(
        area=("area", "sum"), finished=("finished", "sum"), begun=("begun", "any"), rank=("rank", "min")
    )
    found = found.reindex(sites["site_id"])
    count = int(sites["row"].max()) + 1 if len(sites) else 0
    letters, done = np.full(count, CODES["withdrawn"], "U1"), np.zeros(count, int)
    there = found["area"].notna().to_numpy()
    names = np.array(["started", *steps])[found["rank"].fillna(0).astype(int)]
    names = np.where(found["begun"].eq(True).to_numpy(), names, "planned")
    rows = sites["row"].to_numpy()
    letters[rows[there]] = [CODES[name] for name in names[there]]
    share = (found["finished"] / found["area"] * 100).fillna(0.0).to_numpy()
    done[rows] = np.floor(share + 1e-9).astype(int)
    return "".join(letters), done.tolist()


def days(desk: Desk, now: str, programme: Programme, plan_id: str) -> tuple[date, date]:
    """First and last day that a slider needs: from before the first work to the last report or the deadline."""
    today = targets.today()
    reported = daily(desk, now, programme, today, plan_id)["day"]
    ends = [min(unit.deadline, today) for unit in programme.units if unit.deadline]
    if not len(reported):
        return programme.issued, max([*ends, programme.issued])
    first, last = pd.Timestamp(reported.min()).date(), pd.Timestamp(reported.max()).date()
    return first - timedelta(days=1), max([*ends, last])
