"""The target table: each county against what it owes, on any day, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from planning.programme import Programme, Unit
from tracking import forecast
from tracking.forecast import State
from tracking.reports import by_block
from tracking.store import Store
from tracking.targets import days_left

NEVER = ("block_below_minimum", "no_site", "site_below_minimum")
OPEN = ("not_started", "under_way", "returned", "not_accepted")
LOST = ("late", "measured_below_minimum", "measured_less")
WHY = (*NEVER, *OPEN, *LOST)
"""Why area of the plan does not count. By the plan itself: the block is below the block minimum · lies in no site ·
in a site below the site minimum. Not yet: not started · under way · returned by a check · not accepted, where
the programme counts accepted work alone. No more: finished or reported after the deadline · measured below the
block minimum · the part that was measured to be smaller than planned."""

JSON_FIELDS = (
    "county", "name", "floor_mu", "ceiling_mu", "deadline", "planned_mu", "started_mu", "finished_mu",
    "accepted_mu", "counted_mu", "days_left", "pace_mu_per_day", "needed_mu_per_day", "forecast_mu",
    "forecast_low_mu", "forecast_high_mu", "state", "last_report",
)  # fmt: skip


@dataclass(frozen=True)
class CountyTarget:
    """One county on one day, at that day's end. Areas in mu, paces in mu a working day.

    planned: all blocks of the plan · started, finished, accepted: blocks of which that is reported, each with its
    area once; an accepted block as measured, at most as planned · done: also the part that is done of blocks
    under way · counted: what counts toward the target. After the deadline that is what was finished by its end
    and received by its end. why_mu: planned − counted by reason (WHY); why_finished_mu: finished − counted by
    reason. site_open_mu: the part of counted that lies in sites of which less than the site minimum is finished
    so far. withdrawn_mu: finished in blocks that are no longer in the plan, or of an earlier plan; it counts nowhere.
    days_left: 0 on the deadline, which counts in full, below 0 after it. missed_cutoff: the day of the last
    cut-off since the one before which nothing has been received (未报送); None where the county has reported.
    ahead_mu: after the deadline, counted − floor: met by so much, or missed where it is below 0.
    """

    county: str
    name: str
    name_en: str
    floor_mu: float | None
    ceiling_mu: float | None
    deadline: date | None
    planned_mu: float
    started_mu: float
    finished_mu: float
    accepted_mu: float
    counted_mu: float
    days_left: int | None
    pace_mu_per_day: float
    needed_mu_per_day: float | None
    forecast_mu: float | None
    forecast_low_mu: float | None
    forecast_high_mu: float | None
    state: State
    last_report: date | None
    done_mu: float = 0.0
    working_days_left: int = 0
    ahead_mu: float | None = None
    missed_cutoff: date | None = None
    site_open_mu: float = 0.0
    withdrawn_mu: float = 0.0
    why_mu: dict[str, float] = field(default_factory=dict)
    why_finished_mu: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The fields that `chigai targets --json` prints, days as ISO."""
        whole = asdict(self)
        return {
            name: whole[name].isoformat() if isinstance(whole[name], date) else whole[name]
            for name in JSON_FIELDS
        }


def targets(
    store: Store, programme: Programme, as_of: date, plan_id: str | None = None
) -> list[CountyTarget]:
    """Every unit of the programme, in its order, on a day that counts to its end in Asia/Shanghai.

    plan_id: one plan; without it the plan in force in each county (`reports.in_force`).
    """
    return count(by_block(store, programme.id, as_of, plan_id), programme, as_of)


def count(reported: pd.DataFrame, programme: Programme, as_of: date) -> list[CountyTarget]:
    """The same from the blocks as `reports.by_block` gives them; `reported` holds nothing after `as_of`."""
    judged = judge(reported, programme, as_of)
    parts = dict(tuple(judged.groupby("county", sort=False)))
    none = judged.iloc[:0]
    return [_county(parts.get(unit.adcode, none), unit, programme, as_of) for unit in programme.units]


def judge(reported: pd.DataFrame, programme: Programme, as_of: date) -> pd.DataFrame:
    """The blocks with accepted_mu, counted_mu, counted_on (NaT) and, for what does not count, why and lost_mu.

    area_mu = counted_mu + lost_mu for each block. A block is judged whole, but for the part of an accepted
    one that was measured to be smaller: that is "measured_less".
    """
    frame = reported.copy()
    area = frame["area_mu"].to_numpy(float)
    day = {name: frame[name].to_numpy("datetime64[D]") for name in ("started", "finished", "accepted")}
    began, done, passed = (~np.isnat(day[name]) for name in ("started", "finished", "accepted"))
    measured = np.minimum(frame["measured_mu"].fillna(np.inf).to_numpy(float), area)
    accepted = np.where(passed, measured, 0.0)
    limits = {unit.adcode: unit for unit in programme.units}
    minimum = _by_county(frame, limits, lambda unit: unit.block_minimum_mu or 0.0).astype(float)
    waits = programme.counting is not None and programme.counting.counts_from == "accepted"
    step, received = ("accepted", "accepted_in") if waits else ("finished", "finished_in")
    deadline = _by_county(frame, limits, lambda unit: np.datetime64(unit.deadline or date.max, "D"))
    deadline = deadline.astype("datetime64[D]")
    over = np.datetime64(as_of, "D") > deadline
    # what happened in time and was received too late is late: the day of receipt decides
    late = over & (frame[received].to_numpy("datetime64[D]") > deadline)
    has_site = frame["site_id"].notna().to_numpy(bool)
    small = passed & (measured + forecast.ROUNDING_MU < minimum)
    why = np.select(
        [
            ~frame["meets_minimum"].to_numpy(bool),
            ~has_site,
            ~frame["site_meets_minimum"].to_numpy(bool),
            ~began,
            frame["returned"].to_numpy(bool),
            ~done,
            ~passed if waits else np.zeros(len(frame), dtype=bool),
            late,
            small,
            passed & (measured < area),
        ],
        [*NEVER, "not_started", "returned", "under_way", "not_accepted", *LOST],
        default="",
    )
    counts = np.isin(why, ["", "measured_less"])
    frame["accepted_mu"] = accepted
    frame["counted_mu"] = np.where(counts, np.where(passed, measured, area), 0.0)
    frame["lost_mu"] = area - frame["counted_mu"]
    frame["counted_on"] = np.where(counts, day[step].astype("datetime64[s]"), np.datetime64("NaT", "s"))
    frame["why"] = why
    return frame


def _by_county(frame: pd.DataFrame, units: dict[str, Unit], value: Any) -> np.ndarray:
    """One value a block from its county's unit; a county that the programme does not know has the empty one."""
    codes, names = pd.factorize(frame["county"])
    empty = Unit.model_construct(block_minimum_mu=None, deadline=None)
    return np.array([value(units.get(name, empty)) for name in names] or [value(empty)])[codes]


def _county(blocks: pd.DataFrame, unit: Unit, programme: Programme, as_of: date) -> CountyTarget:
    gone = blocks["withdrawn"].to_numpy(bool)
    withdrawn = float(blocks.loc[gone & blocks["finished"].notna(), "area_mu"].sum())
    last = _day(blocks["last"].max())
    last_in = _day(blocks["last_in"].max())
    blocks = blocks.loc[~gone]
    area = blocks["area_mu"]
    finished = blocks["finished"].notna()
    counted = float(blocks["counted_mu"].sum())
    shown: dict[str, Any] = {
        "county": unit.adcode,
        "name": unit.name_zh,
        "name_en": unit.name_en,
        "floor_mu": unit.floor_mu,
        "ceiling_mu": unit.ceiling_mu,
        "deadline": unit.deadline,
        "planned_mu": float(area.sum()),
        "started_mu": float(area[blocks["started"].notna()].sum()),
        "finished_mu": float(area[finished].sum()),
        "accepted_mu": float(blocks["accepted_mu"].sum()),
        "counted_mu": counted,
        "last_report": last,
        "done_mu": float(blocks["done_mu"].sum()),
        "withdrawn_mu": withdrawn,
        "why_mu": _sums(blocks),
        "why_finished_mu": _sums(blocks[finished]),
        "site_open_mu": _site_open(blocks, finished, unit),
    }
    until = as_of if unit.deadline is None else min(as_of, unit.deadline)
    history = _history(blocks, programme, until)
    if unit.floor_mu is None or unit.deadline is None:
        view = forecast.outlook(history, 0, counted, counted)
        state = forecast.state(counted, None, None, None, as_of)
        return CountyTarget(
            **shown, days_left=None, pace_mu_per_day=view.pace_mu_per_day, needed_mu_per_day=None,
            forecast_mu=None, forecast_low_mu=None, forecast_high_mu=None, state=state,
        )  # fmt: skip
    left = len(forecast.working_days(programme.working_windows, as_of, unit.deadline))
    most = counted + float(blocks.loc[blocks["why"].isin(OPEN), "lost_mu"].sum())
    view = forecast.outlook(history, left, counted, most, seed=int(unit.adcode))
    state = forecast.state(counted, unit.floor_mu, view.low_mu, unit.deadline, as_of)
    over = as_of > unit.deadline
    return CountyTarget(
        **shown,
        days_left=days_left(unit.deadline, as_of),
        working_days_left=left,
        pace_mu_per_day=view.pace_mu_per_day,
        needed_mu_per_day=None if over else forecast.needed(counted, unit.floor_mu, left),
        forecast_mu=view.forecast_mu,
        forecast_low_mu=view.low_mu,
        forecast_high_mu=view.high_mu,
        state=state,
        ahead_mu=counted - unit.floor_mu if over else None,
        missed_cutoff=None if state == "reached" else missed_cutoff(programme, unit, as_of, last_in),
    )


def _day(moment: Any) -> date | None:
    return None if pd.isna(moment) else pd.Timestamp(moment).date()


def _sums(blocks: pd.DataFrame) -> dict[str, float]:
    """The area that does not count by reason, in the order of WHY; reasons without any are left out."""
    sums = blocks.groupby("why")["lost_mu"].sum()
    return {why: float(sums[why]) for why in WHY if why in sums.index and sums[why] > 0}


def _site_open(blocks: pd.DataFrame, finished: pd.Series, unit: Unit) -> float:
    if not unit.site_minimum_mu:
        return 0.0
    within = blocks[finished & blocks["meets_minimum"]].groupby("site_id")
    small = within["area_mu"].sum() + forecast.ROUNDING_MU < unit.site_minimum_mu
    return float(within["counted_mu"].sum()[small].sum())


def _history(blocks: pd.DataFrame, programme: Programme, until: date) -> forecast.Amounts:
    """mu counted a working day, from the day on which work began in the county."""
    first = _day(blocks["started"].min())
    if first is None:
        return np.zeros(0)
    done = blocks["counted_on"].notna()
    days = blocks.loc[done, "counted_on"].to_numpy("datetime64[D]")
    areas = blocks.loc[done, "counted_mu"].to_numpy(float)
    return forecast.increments(days, areas, programme.working_windows, first, until)


def missed_cutoff(programme: Programme, unit: Unit, as_of: date, last_in: date | None) -> date | None:
    """The last cut-off before `as_of`, where nothing was received after the cut-off before it; None otherwise.

    Cut-offs count from the day of the notice to the deadline. last_in: day of the latest receipt.
    """
    last_day = min(as_of - timedelta(days=1), unit.deadline or date.max)
    days = sorted(
        day
        for year in range(programme.issued.year, last_day.year + 1)
        for cutoff in programme.report_cutoffs
        if (day := _in_year(cutoff.day, year)) is not None and programme.issued <= day <= last_day
    )
    if not days:
        return None
    before = days[-2] if len(days) > 1 else programme.issued - timedelta(days=1)
    return days[-1] if last_in is None or last_in <= before else None


def _in_year(month_day: str, year: int) -> date | None:
    try:
        return date.fromisoformat(f"{year}-{month_day}")
    except ValueError:  # 29 February
        return None


def daily(reported: pd.DataFrame, programme: Programme, as_of: date) -> pd.DataFrame:
    """For curves: county, day, and how much area was started, finished, accepted and counted by its end, mu.

    One row for each day of a county on which one of them rose; blocks as `reports.by_block` gives them.
    """
    judged = judge(reported, programme, as_of)
    judged = judged.loc[~judged["withdrawn"]]
    steps = [
        judged.groupby(["county", judged[on].rename("day")])[area].sum().rename(name)
        for name, on, area in (
            ("started_mu", "started", "area_mu"),
            ("finished_mu", "finished", "area_mu"),
            ("accepted_mu", "accepted", "accepted_mu"),
            ("counted_mu", "counted_on", "counted_mu"),
        )
    ]
    rises = pd.concat(steps, axis=1).fillna(0.0).sort_index()
    return rises.groupby(level="county").cumsum().reset_index()


def together(rows: Sequence[CountyTarget]) -> dict[str, float]:
    """The sums over the counties that owe something; helped_mu takes of each at most its floor."""
    asked = [row for row in rows if row.floor_mu is not None]
    names = ("floor_mu", "ceiling_mu", "planned_mu", "started_mu", "finished_mu", "accepted_mu", "counted_mu")
    sums = {name: float(sum(getattr(row, name) or 0.0 for row in asked)) for name in names}
    return sums | {"helped_mu": sum(min(row.counted_mu, row.floor_mu or 0.0) for row in asked)}
