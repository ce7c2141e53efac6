"""Scheme B (三减): units done times the effect of one, in tonnes, against the goals of counties and city."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import ChigaiError
from planning.programme import Measure, Programme, SchemeB

COLUMNS = ("id", "measure", "county", "done", "day")
"""A report: its id, the measure's id, the adcode, mu or sets done by this report alone, the day (ISO).
A report that is to be taken back is reported again with the same id and 0."""


@dataclass(frozen=True)
class MeasureTarget:
    """One measure in one county (county None: the whole city). target, done: mu or sets as counted_in says;
    goal_t, saved_t: tonnes a year; share: done / target, None where nothing is owed."""

    measure: str
    name_zh: str
    name_en: str
    county: str | None
    counted_in: str
    saves: str
    target: float
    done: float
    goal_t: float
    saved_t: float

    @property
    def share(self) -> float | None:
        return self.done / self.target if self.target else None


@dataclass(frozen=True)
class GoalStanding:
    """One goal of the city, tonnes. A measure that saves herbicide and pesticide at once counts toward the goals
    of both together, which then stand as one: ids holds all of them."""

    ids: tuple[str, ...]
    name_zh: str
    name_en: str
    goal_t: float
    saved_t: float

    @property
    def reached(self) -> bool:
        return self.saved_t >= self.goal_t - 1e-9


def saved_t(measure: Measure, done: float) -> float:
    """Tonnes a year: units done × mu that one treats × kg saved per mu."""
    return done * measure.mu_per_piece * measure.kg_per_mu / 1000


def follow(
    reports: pd.DataFrame, programme: Programme, as_of: date
) -> tuple[list[MeasureTarget], list[GoalStanding]]:
    """Each measure in each county that owes or did something, then in the city; and the city's goals.

    reports: COLUMNS, in the order in which they came; those of days after `as_of` do not count. Of several
    with one id the last counts. Raises ChigaiError with the row for a measure, a county, an amount or a day
    that cannot be.
    """
    scheme = _scheme(programme)
    done = _done(reports, programme, scheme, as_of)
    rows: list[MeasureTarget] = []
    for measure in scheme.measures:
        for unit in programme.units:
            target, amount = measure.targets.get(unit.adcode, 0.0), done.get((measure.id, unit.adcode), 0.0)
            if target or amount:
                rows.append(_row(measure, unit.adcode, target, amount))
        whole = sum(amount for (which, _), amount in done.items() if which == measure.id)
        rows.append(_row(measure, None, measure.city_total, whole))
    return rows, _goals(scheme, {row.measure: row.saved_t for row in rows if row.county is None})


def _row(measure: Measure, county: str | None, target: float, done: float) -> MeasureTarget:
    return MeasureTarget(
        measure=measure.id,
        name_zh=measure.name_zh,
        name_en=measure.name_en,
        county=county,
        counted_in=measure.counted_in,
        saves=measure.saves,
        target=target,
        done=done,
        goal_t=saved_t(measure, target),
        saved_t=saved_t(measure, done),
    )


def _goals(scheme: SchemeB, saved: Mapping[str, float]) -> list[GoalStanding]:
    """Goals that one measure serves together are put together; the others stand alone."""
    groups = [{goal.id} for goal in scheme.goals]
    for measure in scheme.measures:
        served = {goal.id for goal in scheme.goals if goal.id in measure.saves.split("_")}
        touched = [group for group in groups if group & served]
        if len(touched) > 1:
            groups = [group for group in groups if group not in touched] + [set().union(*touched)]
    found = []
    for group in groups:
        goals = [goal for goal in scheme.goals if goal.id in group]
        mine = [m for m in scheme.measures if group & set(m.saves.split("_"))]
        found.append(
            GoalStanding(
                ids=tuple(goal.id for goal in goals),
                name_zh="、".join(goal.name_zh for goal in goals),
                name_en=" and ".join(goal.name_en for goal in goals),
                goal_t=sum(goal.cut_t for goal in goals),
                saved_t=sum(saved[m.id] for m in mine),
            )
        )
    return found


def read(path: Path) -> pd.DataFrame:
    """A CSV file of reports with the columns COLUMNS. Raises ChigaiError where it cannot be read."""
    try:
        frame = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise ChigaiError("读不出这个文件。", "The file cannot be read.", file=path) from error
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise ChigaiError(
            f"缺少列：{'、'.join(missing)}。",
            f"Columns are missing: {', '.join(missing)}.",
            do_zh=f"表头写 {','.join(COLUMNS)}。",
            do_en=f"let the first line be {','.join(COLUMNS)}.",
            file=path,
        )
    return frame


def _scheme(programme: Programme) -> SchemeB:
    if programme.scheme_b is None:
        raise ChigaiError(
            "这个方案没有三减任务。", "This programme has no scheme B.", do_zh="换一个方案文件。", do_en="name another programme."
        )  # fmt: skip
    return programme.scheme_b


def _done(
    reports: pd.DataFrame, programme: Programme, scheme: SchemeB, as_of: date
) -> dict[tuple[str, str], float]:
    measures, units = {m.id for m in scheme.measures}, {u.adcode for u in programme.units}
    last: dict[Any, tuple[str, str, float, date]] = {}
    for row, report in enumerate(reports[list(COLUMNS)].itertuples(index=False), 1):
        if report.measure not in measures:
            raise _wrong("measure", report.measure, sorted(measures), row)
        if report.county not in units:
            raise _wrong("county", report.county, sorted(units), row)
        last[report.id] = (
            str(report.measure),
            str(report.county),
            _amount(report.done, row),
            _day(report.day, row),
        )
    done: dict[tuple[str, str], float] = {}
    for measure, county, amount, day in last.values():
        if day <= as_of:
            done[measure, county] = done.get((measure, county), 0.0) + amount
    return done


def _amount(value: Any, row: int) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = -1.0
    if not 0 <= amount < 1e9:
        raise _wrong("done", value, ["0 …"], row)
    return amount


def _day(value: Any, row: int) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _wrong("day", value, ["2021-11-15"], row) from None


def _wrong(column: str, value: Any, allowed: list[str], row: int) -> ChigaiError:
    return ChigaiError(
        f"{column} 列的“{str(value)[:40]}”不对。",
        f"{str(value)[:40]!r} in column {column} cannot be.",
        do_zh=f"应为：{'、'.join(allowed)}。",
        do_en=f"expected: {', '.join(allowed)}.",
        row=row,
    )
