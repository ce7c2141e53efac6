"""Each county against its target: what the plan reaches, what is missing, how many days are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

State = Literal["reached", "within_reach", "short", "no_target", "no_data"]
STATES: tuple[State, ...] = ("reached", "within_reach", "short", "no_target", "no_data")
"""reached: sites hold the floor · within_reach: the blocks would, but they lie too scattered for sites, or
the budget does not reach · short: neither · no_target: the programme asks nothing · no_data: no parcels of it in the plan."""

LOCAL: tzinfo = ZoneInfo("Asia/Shanghai")
"""A deadline ends at 24:00 of this clock."""


class Unit(Protocol):
    """What is needed of a programme's unit."""

    @property
    def adcode(self) -> str: ...
    @property
    def name_zh(self) -> str: ...
    @property
    def name_en(self) -> str: ...
    @property
    def floor_mu(self) -> float | None: ...
    @property
    def ceiling_mu(self) -> float | None: ...
    @property
    def deadline(self) -> date | None: ...
    @property
    def budget_yuan(self) -> float | None: ...


@dataclass(frozen=True)
class Standing:
    """One county. Areas in mu, money in yuan. compliant_mu: in blocks that meet the minimum; site_mu: the
    part of it that lies in sites which reach the site minimum, and cost_yuan what those cost; gap_mu: floor − site_mu, not below 0. planned:
    whether the plan has parcels of it."""

    adcode: str
    name_zh: str
    name_en: str
    state: State
    floor_mu: float | None
    ceiling_mu: float | None
    compliant_mu: float
    site_mu: float
    gap_mu: float | None
    cost_yuan: float
    budget_yuan: float | None
    deadline: date | None
    planned: bool = True

    def name(self, lang: str) -> str:
        return self.name_zh if lang == "zh" else self.name_en


@dataclass(frozen=True)
class City:
    """The counties with a target together. counted_mu takes of each county no more than its floor: what one
    has too much does not help another; countable_mu is what it would be if every site were large enough."""

    floor_mu: float
    ceiling_mu: float
    site_mu: float
    counted_mu: float
    countable_mu: float
    cost_yuan: float
    counties: int
    reached: int

    @property
    def share(self) -> float:
        """Part of the city's floor that is reached, 0 to 1."""
        return self.counted_mu / self.floor_mu if self.floor_mu else 0.0


def standings(units: Sequence[Unit], plan: Mapping[str, Any] | None) -> list[Standing]:
    """Every unit of the programme, in its order, against a plan's plan.json (None: no plan yet)."""
    planned = {c["county"]: c for c in (plan or {}).get("counties", [])}
    return [_standing(unit, planned.get(unit.adcode)) for unit in units]


def _standing(unit: Unit, county: Mapping[str, Any] | None) -> Standing:
    site = float((county or {}).get("site_mu") or 0.0)
    compliant = float((county or {}).get("compliant_mu") or 0.0)
    floor = unit.floor_mu
    if floor is None:
        state: State = "no_target"
    elif county is None:
        state = "no_data"
    elif site >= floor:
        state = "reached"
    else:
        state = "within_reach" if compliant >= floor else "short"
    return Standing(
        adcode=unit.adcode,
        name_zh=unit.name_zh,
        name_en=unit.name_en,
        state=state,
        floor_mu=floor,
        ceiling_mu=unit.ceiling_mu,
        compliant_mu=compliant,
        site_mu=site,
        gap_mu=None if floor is None else max(floor - site, 0.0),
        # of the sites chosen; a plan from before sites were chosen tells the cost of all its blocks
        cost_yuan=float((county or {}).get("chosen_cost_yuan", (county or {}).get("cost_yuan")) or 0.0),
        budget_yuan=(county or {}).get("budget_yuan", unit.budget_yuan),
        deadline=unit.deadline,
        planned=county is not None,
    )


def city(counties: Sequence[Standing]) -> City:
    """The sums over the counties that have a target."""
    asked = [c for c in counties if c.floor_mu is not None]
    return City(
        floor_mu=sum(c.floor_mu or 0.0 for c in asked),
        ceiling_mu=sum(c.ceiling_mu or c.floor_mu or 0.0 for c in asked),
        site_mu=sum(c.site_mu for c in asked),
        counted_mu=sum(min(c.site_mu, c.floor_mu or 0.0) for c in asked),
        countable_mu=sum(min(max(c.compliant_mu, c.site_mu), c.floor_mu or 0.0) for c in asked),
        cost_yuan=sum(c.cost_yuan for c in asked),
        counties=len(asked),
        reached=sum(c.state == "reached" for c in asked),
    )


def today() -> date:
    """The day that it is in Jixi."""
    return datetime.now(LOCAL).date()


def local(moment: str) -> datetime:
    """A stored UTC moment (ISO) on the clock of Jixi."""
    return datetime.fromisoformat(moment).astimezone(LOCAL)


def made_by(plans: Sequence[Mapping[str, Any]], as_of: date) -> list[Mapping[str, Any]]:
    """The plans (their plan.json) that were made on or before a day, in the order given."""
    return [p for p in plans if local(p["created"]).date() <= as_of]


def days_left(deadline: date, as_of: date) -> int:
    """Whole days from a day to the deadline: 0 on the deadline itself, which counts in full; below 0 after."""
    return (deadline - as_of).days
