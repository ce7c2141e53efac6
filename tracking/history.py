"""An invented season of reports for the demo region: one county ahead, one behind, one that fell silent."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from planning.programme import Programme, Unit
from tracking import forecast
from tracking.ledger import Event, append
from tracking.reports import by_block
from tracking.store import Store
from tracking.targets import LOCAL

AHEAD, BEHIND, SILENT = 1.25, 0.6, 1.05
"""Floors that a county's pace would reach in a whole season."""
OTHERS = (1.45, 1.1, 0.8, 1.3, 1.0)
SILENT_AFTER = 8
"""Working days after which the third county sends nothing more."""
SILENT_MONTH = 5
"""The month of its last report on scheme B."""
AFTER_DEADLINE = timedelta(days=40)
"""How long checks and acceptances go on once the deadline is over."""
OUT_OF_TURN = 0.03
"""Share of the work that goes to blocks which do not count: too small, or in too small a site."""
FAILS, MISTYPED, OFFLINE, ACCEPTED = 0.06, 0.01, 0.1, 0.85
REASON = "池面高差超过规定，需再平整"
EVENING = time(20, 30)
SPACE = uuid.UUID("5d3c9a52-6f0e-4c0b-9f0c-3a7c8f6b2d11")

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Report:
    received: datetime
    event: Event


def make(
    store: Store,
    programme: Programme,
    plan_id: str,
    seed: int = 1,
    until: date | None = None,
    progress: Progress | None = None,
) -> Counter[str]:
    """Report a season on a plan that is in the database, through the ledger; gives how many receipts of each kind.

    The season is the programme's working days in the year before its deadline. Of the units with a target, in
    the programme's order, the first is ahead, the second behind, and the third falls silent after eight days;
    the others vary. Work goes site by site; rain stops it everywhere at once; every block is started, reported
    on, finished, checked by the county (some are returned and done again), measured and accepted by somebody
    else, and entered on the map; some reports come a day or two late, some figures are mistyped and corrected.
    Scheme B is reported once a month, in the same manner. until: the last day of which anything is received; the deadline and 40 days by default. The same seed gives
    the same events: made twice, the second time they are all "repeated".
    """
    owed = [u for u in programme.units if u.has_target]
    deadline = max(u.deadline for u in owed if u.deadline)
    last = until or deadline + AFTER_DEADLINE
    blocks = by_block(store, programme.id, programme.issued, plan_id)
    blocks = blocks.loc[~blocks["withdrawn"]]
    season = forecast.working_days(programme.working_windows, deadline - timedelta(days=365), deadline)
    random = np.random.default_rng(seed)
    # one year's weather for all: a wet day stops nearly everything
    weather = np.where(random.random(len(season)) < 0.15, 0.05, random.gamma(6.0, 1 / 6, len(season)))
    reports = [_approval(programme, plan_id, seed, season)]
    for i, unit in enumerate([u for u in owed if (blocks["county"] == u.adcode).any()]):
        pace = (AHEAD, BEHIND, SILENT)[i] if i < 3 else OTHERS[i % len(OTHERS)]
        mine = blocks.loc[blocks["county"] == unit.adcode]
        silent = season[SILENT_AFTER - 1].item() if i == 2 else date.max
        found = _County(unit, plan_id, seed, season, weather).work(mine, pace)
        reports += [r for r in found if r.event.happened.astimezone(LOCAL).date() <= silent]
    reports += _measures(programme, seed)
    return _send(store, reports, last, progress, programme)


def _measures(programme: Programme, seed: int) -> Iterator[_Report]:
    """What counties do for scheme B in its year: a report a month from April to October for each measure."""
    if programme.scheme_b is None:
        return
    months = range(4, 11)
    for i, unit in enumerate(u for u in programme.units if u.has_target):
        random = np.random.default_rng([seed, int(unit.adcode), 1])
        share = (AHEAD, BEHIND, SILENT)[i] if i < 3 else OTHERS[i % len(OTHERS)]
        for measure in programme.scheme_b.measures:
            parts = (
                random.dirichlet(np.full(len(months), 4.0)) * share * measure.targets.get(unit.adcode, 0.0)
            )
            for month, part in zip(months, np.round(parts), strict=True):
                if not part or (i == 2 and month > SILENT_MONTH):
                    continue
                moment = datetime(programme.scheme_b.year, month, 28, 16, tzinfo=LOCAL)
                actor, space = f"演示·{unit.name_zh}农技站", f"{measure.id}|{unit.adcode}"
                mistyped = random.random() < MISTYPED
                report = Event(
                    _id(programme.id, seed, space, month), "measure", "", programme.id, actor, moment,
                    measure=measure.id, county=unit.adcode, units=float(part) * (10 if mistyped else 1),
                )  # fmt: skip
                yield _Report(datetime.combine(moment, EVENING, LOCAL), report)
                if mistyped:
                    moment += timedelta(days=1)
                    number = _id(programme.id, seed, space, 100 + month)
                    right = Event(
                        number,
                        "correction",
                        "",
                        programme.id,
                        actor,
                        moment,
                        corrects=report.id,
                        units=float(part),
                    )
                    yield _Report(datetime.combine(moment, EVENING, LOCAL), right)


def _send(
    store: Store, reports: list[_Report], last: date, progress: Progress | None, programme: Programme
) -> Counter[str]:
    reports = [r for r in reports if r.received.astimezone(LOCAL).date() <= last]
    reports.sort(key=lambda r: (r.received, r.event.happened))
    receipts: Counter[str] = Counter()
    for received, batch in groupby(reports, key=lambda r: r.received):
        receipts.update(
            r.status for r in append(store, [r.event for r in batch], now=received, programmes=[programme])
        )
        if progress is not None:
            progress("history", sum(receipts.values()) / len(reports))
    return receipts


def _approval(programme: Programme, plan_id: str, seed: int, season: forecast.Days) -> _Report:
    moment = datetime.combine(season[0].item() - timedelta(days=12), time(10), LOCAL)
    event = Event(_id(plan_id, seed, "", 0), "plan_approved", "", plan_id, "演示·市级", moment)
    return _Report(moment + timedelta(minutes=1), event)


def _id(plan_id: str, seed: int, block_id: str, number: int) -> uuid.UUID:
    return uuid.uuid5(SPACE, f"{plan_id}|{seed}|{block_id}|{number}")


class _County:
    """The season of one county."""

    def __init__(
        self, unit: Unit, plan_id: str, seed: int, season: forecast.Days, weather: forecast.Amounts
    ) -> None:
        self.unit, self.plan_id, self.seed, self.season = unit, plan_id, seed, season
        self.random = np.random.default_rng([seed, int(unit.adcode)])
        self.weather = weather * self.random.gamma(8.0, 1 / 8, len(season))

    def work(self, blocks: pd.DataFrame, pace: float) -> list[_Report]:
        """The reports on the blocks that get done, at a pace of so many floors (or plans, if smaller) a season."""
        order = self._order(blocks)
        goal = min(self.unit.floor_mu or 0.0, 0.75 * float(order.loc[order["counts"], "area_mu"].sum()))
        done = np.cumsum(self.weather) / self.weather.sum() * goal * pace / (1 - OUT_OF_TURN)
        days = np.searchsorted(done, order["area_mu"].cumsum().to_numpy())
        reports: list[_Report] = []
        for block_id, area, day in zip(order["block_id"], order["area_mu"], days, strict=True):
            if day < len(self.season):
                reports += self._block(str(block_id), float(area), int(day))
        return reports

    def _order(self, blocks: pd.DataFrame) -> pd.DataFrame:
        """The blocks as they are done: the largest sites first, few that do not count in between."""
        counts = blocks["meets_minimum"] & blocks["site_meets_minimum"]
        if not counts.any():
            # in a small region no site is large enough: work goes on all the same
            counts = ~counts
        size = blocks.groupby("site_id")["area_mu"].transform("sum").fillna(0.0)
        sorted_ = blocks.assign(size=size, counts=counts).sort_values(
            ["size", "site_id", "block_id"], ascending=[False, True, True]
        )
        good, rest = sorted_[sorted_["counts"]], sorted_[~sorted_["counts"]]
        some = rest.sample(min(len(rest), round(OUT_OF_TURN * len(good))), random_state=self.seed)
        places = np.concatenate(
            [np.arange(len(good), dtype=float), self.random.uniform(0, max(len(good), 1), len(some))]
        )
        return pd.concat([good, some]).iloc[np.argsort(places, kind="stable")]

    def _block(self, block_id: str, area: float, day: int) -> Iterator[_Report]:
        """The way of one block that is finished on the season's working day `day`."""
        random, plan = self.random, self.plan_id
        team = f"演示·{self.unit.name_zh}施工队{1 + hash_of(block_id) % 6}"
        number = iter(range(1, 100))
        late = int(random.integers(1, 3)) if random.random() < OFFLINE else 0
        first = max(day - int(random.integers(0, 4)), 0)

        def send(kind: str, on: date, hour: float, actor: str, wait: int = late, **figures: Any) -> _Report:
            happened = datetime.combine(on, time(), LOCAL) + timedelta(
                minutes=round(60 * hour + random.uniform(0, 50))
            )
            received = datetime.combine(on + timedelta(days=wait), EVENING, LOCAL)
            event = Event(
                _id(plan, self.seed, block_id, next(number)), kind, block_id, plan, actor, happened, **figures
            )
            return _Report(received, event)

        begun, ended = self.season[first].item(), self.season[day].item()
        yield send("started", begun, 7, team)
        for between in range(first, day):
            on = self.season[between].item()
            done = min(round(area * (between - first + 1) / (day - first + 1), 1), area)
            if random.random() < MISTYPED:
                # the whole block instead of the part of it
                wrong = send("progress", on, 16, team, done_mu=area)
                yield wrong
                yield send("correction", on, 18, team, corrects=wrong.event.id, done_mu=done)
            else:
                yield send("progress", on, 17, team, done_mu=done)
        yield send("finished", ended, 18, team)
        check = ended + timedelta(days=int(random.integers(3, 9)) + late)
        county = f"演示·{self.unit.name_zh}初验组"
        if random.random() < FAILS and day + 8 < len(self.season):
            yield send("checked", check, 10, county, 0, passed=False, reason=REASON)
            again = self.season[self.season > np.datetime64(check)]
            if not len(again):
                return
            ended = again[min(2, len(again) - 1)].item()
            yield send("finished", ended, 18, team)
            check = ended + timedelta(days=3 + late)
        yield send("checked", check, 10, county, 0, passed=True)
        if random.random() < ACCEPTED:
            # acceptance goes round once a week, on Fridays
            accepted = check + timedelta(days=7 + (4 - check.weekday()) % 7)
            measured = round(area * float(np.clip(random.normal(0.998, 0.006), 0.97, 1.03)), 2)
            figures = {"measured_mu": measured, "level_points": max(int(area), 4), "inspector": "演示·验收组"}
            yield send("accepted", accepted, 14, "演示·市级验收组", 0, **figures)
            if random.random() < ACCEPTED:
                yield send(
                    "mapped", accepted + timedelta(days=int(random.integers(4, 15))), 15, "演示·市级", 0
                )


def hash_of(text: str) -> int:
    """A number of a text that is the same in every process."""
    return uuid.uuid5(SPACE, text).int
