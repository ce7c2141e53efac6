"""Scheme B (三减): units done times the effect of one, in tonnes, against the goals of counties and city."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from geo.errors import ChigaiError
from planning.programme import Measure, Programme, SchemeB
from tracking.store import Store
from tracking.tables import events
from tracking.targets import LOCAL

Units = Mapping[tuple[str, str], float]
"""Mu or sets by measure and county."""


@dataclass(frozen=True)
class MeasureTarget:
    """One measure in one county (county None: the whole city). target, done: mu or sets as counted_in says;
    goal_t, saved_t: tonnes a year. other_years: what was reported of other years than the scheme's: it does not
    count."""

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
    other_years: float = 0.0

    @property
    def share(self) -> float | None:
        """done / target, None where nothing is owed."""
        return self.done / self.target if self.target else None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"share": self.share}


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

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"reached": self.reached}


def saved_t(measure: Measure, done: float) -> float:
    """Tonnes a year: units done × mu that one treats × kg saved per mu."""
    return done * measure.mu_per_piece * measure.kg_per_mu / 1000


def table(store: Store, programme: Programme, as_of: date) -> tuple[list[MeasureTarget], list[GoalStanding]]:
    """Each measure in each county that owes or did something, then in the city; and the city's goals.

    What was done in the scheme's year up to the end of `as_of`, Asia/Shanghai, as it is known now: a report that
    a correction names carries the units of its last correction, or is as if never sent where that has none.
    Raises ChigaiError where the programme has no scheme B.
    """
    scheme = _scheme(programme)
    done, others = _done(store, programme.id, scheme.year, as_of)
    rows: list[MeasureTarget] = []
    for measure in scheme.measures:
        mine = [
            _row(
                measure,
                unit.adcode,
                measure.targets.get(unit.adcode, 0.0),
                done.get((measure.id, unit.adcode), 0.0),
                others.get((measure.id, unit.adcode), 0.0),
            )
            for unit in programme.units
        ]
        rows += [row for row in mine if row.target or row.done or row.other_years]
        whole = sum(row.done for row in mine)
        rows.append(_row(measure, None, measure.city_total, whole, sum(row.other_years for row in mine)))
    return rows, _goals(scheme, {row.measure: row.saved_t for row in rows if row.county is None})


def _scheme(programme: Programme) -> SchemeB:
    if programme.scheme_b is None:
        raise ChigaiError(
            "这个方案没有三减任务。", "This programme has no scheme B.", do_zh="换一个方案文件。", do_en="name another programme."
        )  # fmt: skip
    return programme.scheme_b


def _done(store: Store, programme: str, year: int, as_of: date) -> tuple[Units, Units]:
    """The units of the year, and of other years, up to a day."""
    e = events.c
    query = select(e.id, e.kind, e.county, e.measure, e.units, e.corrects, e.happened).where(
        e.plan_id == programme, e.block_id == "", e.kind.in_(("measure", "correction"))
    )
    with store.reading() as connection:
        found = list(connection.execute(query.order_by(e.seq)))
    # of several corrections of one report the last one stays
    put_right = {row.corrects: row.units for row in found if row.kind == "correction"}
    done: dict[tuple[str, str], float] = {}
    others: dict[tuple[str, str], float] = {}
    for row in found:
        day = row.happened.astimezone(LOCAL).date()
        if row.kind == "measure" and day <= as_of:
            sums, key = done if day.year == year else others, (row.measure, row.county)
            sums[key] = sums.get(key, 0.0) + (put_right.get(row.id, row.units) or 0.0)
    return done, others


def _row(measure: Measure, county: str | None, target: float, done: float, others: float) -> MeasureTarget:
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
        other_years=others,
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
