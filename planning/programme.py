"""A notice as data: its units, targets, figures and assumptions, read from a file into frozen models."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import Field, Strict, ValidationError, field_validator, model_validator

from planning import programme_messages as messages
from planning.parameters import (
    Adcode,
    Amount,
    Confidence,
    Day,
    Model,
    Parameter,
    Parameters,
    Positive,
    Share,
    Switch,
    Text,
    Truth,
)

BUNDLED = Path(__file__).resolve().parents[1] / "data" / "programmes"
"""Where the notices that come with chigai lie."""

LARGEST_FILE = 2_000_000
"""Bytes; a notice is some twenty thousand."""

MonthDay = Annotated[str, Strict(), Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class Area(Model):
    """The paddies of the city before the work, mu."""

    paddy_mu: Positive
    largest_single_mu: Positive
    smallest_single_below_mu: Positive


class Scope(Model):
    """Where the notice holds; basin_minimum_mu: in principle only basins of at least this."""

    zh: Text
    en: Text
    excludes_zh: tuple[Text, ...] = ()
    excludes_en: tuple[Text, ...] = ()
    basin_minimum_mu: Amount | None = None


class Unit(Model):
    """One county or district and what it owes; all areas in mu, null where the notice sets none."""

    adcode: Adcode
    name_zh: Text
    name_en: Text
    kind: Literal["county", "district"]
    floor_mu: Amount | None
    ceiling_mu: Amount | None
    deadline: Day | None
    site_minimum_mu: Amount | None
    site_scope: Literal["irrigation_district"] | None
    block_minimum_mu: Amount | None
    budget_yuan: Amount | None
    budget_note_zh: Text
    budget_note_en: Text

    @property
    def has_target(self) -> bool:
        """Whether the notice asks anything of this unit."""
        return self.floor_mu is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = (self.floor_mu, self.ceiling_mu, self.deadline)
        if any(p is None for p in parts) != all(p is None for p in parts):
            raise ValueError(messages.pair("half_target"))
        if self.floor_mu is not None and self.ceiling_mu is not None and self.floor_mu > self.ceiling_mu:
            raise ValueError(messages.pair("floor_above_ceiling"))
        return self


class Principle(Model):
    """One principle of the notice; a smaller rank weighs more."""

    id: Text
    rank: Annotated[int, Strict(), Field(ge=1)]
    zh: Text
    en: Text
    parcel_priorities: tuple[Text, ...] = ()
    """Values of a parcel's `priority` that this principle puts first."""
    counts_consent: Truth = False
    """Whether it also puts parcels first whose consent is on record."""
    weight_yuan_per_mu: Amount = 0.0
    """How much dearer a mu may be that serves this principle and still be taken before one that does not."""
    weight_source: Text | None = None
    confidence: Confidence = "W"
    confirm: Truth = True


class WorkingWindow(Model):
    """Days of the year, both included, in which earth can be moved."""

    id: Text
    zh: Text
    en: Text
    from_day: MonthDay
    to_day: MonthDay
    source: Text
    confidence: Confidence
    confirm: Truth


class ReportCutoff(Model):
    """A day of every year by whose end a county is to have reported; day: MM-DD."""

    day: MonthDay
    zh: Text
    en: Text
    source: Text
    confidence: Confidence
    confirm: Truth


class Counting(Model):
    """From which step on a block's area counts toward a target."""

    counts_from: Literal["finished", "accepted"]
    source: Text
    confidence: Confidence
    confirm: Truth


class LandZone(Model):
    """A zone of land taken and its price, yuan per m²."""

    id: Text
    area_zh: Text
    yuan_per_m2: Positive
    places_zh: Text | None = None


class LandPrices(Model):
    """What land taken by new roads and canals costs, and who gets it."""

    source: Text
    from_date: Day
    owners_share: Share
    collective_share: Share
    zones: tuple[LandZone, ...]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.owners_share + self.collective_share - 1) > 1e-9:
            raise ValueError(messages.pair("shares_not_one"))
        return self


class Measure(Model):
    """One measure of scheme B: targets per unit in mu or in sets, and what it saves."""

    id: Text
    name_zh: Text
    name_en: Text
    counted_in: Literal["mu", "set"]
    city_total: Amount
    districts_total: Amount
    targets: dict[Adcode, Amount]
    saves: Literal["fertiliser", "pesticide", "herbicide_pesticide"]
    kg_per_mu: Amount
    mu_per_piece: Positive
    """Mu that one counted piece treats: 1 for mu, 30 for a set of nozzles."""
    effect_t: Amount
    """Tonnes saved a year as the notice states them."""

    @property
    def effect_computed_t(self) -> float:
        """Tonnes saved a year: the city's total times what one piece saves."""
        return self.city_total * self.mu_per_piece * self.kg_per_mu / 1000


class Goal(Model):
    """A city goal of scheme B, tonnes cut and the use efficiency (0–1) to reach."""

    id: Text
    name_zh: Text
    name_en: Text
    cut_t: Amount
    use_efficiency_at_least: Share


class Subsidy(Model):
    """A subsidy of scheme B: a share of the price (0–1) or yuan per mu."""

    id: Text
    name_zh: Text
    name_en: Text
    share: Share | None = None
    yuan_per_mu: Amount | None = None


class SchemeB(Model):
    """Targets of another kind that the same counties owe."""

    name_zh: Text
    name_en: Text
    year: Annotated[int, Strict()]
    scope_zh: Text
    scope_en: Text
    measures: tuple[Measure, ...]
    goals: tuple[Goal, ...]
    subsidies: tuple[Subsidy, ...]


class Programme(Model):
    """A notice: who owes what by when, and the figures to plan with."""

    id: Annotated[str, Strict(), Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    name_zh: Text
    name_en: Text
    source: Text
    issued: Day
    issuer_zh: Text
    issuer_en: Text
    currency_year: Annotated[int, Strict()]
    timezone: Text
    area: Area
    scope: Scope
    units: Annotated[tuple[Unit, ...], Field(min_length=1)]
    principles: tuple[Principle, ...] = ()
    duties_zh: tuple[Text, ...] = ()
    duties_en: tuple[Text, ...] = ()
    departments_zh: tuple[Text, ...] = ()
    departments_en: tuple[Text, ...] = ()
    levels_zh: tuple[Text, ...] = ()
    levels_en: tuple[Text, ...] = ()
    equipment_zh: tuple[Text, ...] = ()
    equipment_en: tuple[Text, ...] = ()
    working_windows: tuple[WorkingWindow, ...] = ()
    report_cutoffs: tuple[ReportCutoff, ...] = ()
    counting: Counting | None = None
    """None: finished work counts."""
    parameters: Parameters
    land_prices: LandPrices | None = None
    scheme_b: SchemeB | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(messages.pair("unknown_timezone", value=value)) from error
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        codes = [u.adcode for u in self.units]
        twice = sorted({c for c in codes if codes.count(c) > 1})
        if twice:
            raise ValueError(messages.pair("unit_twice", codes=", ".join(twice)))
        for measure in self.scheme_b.measures if self.scheme_b else ():
            stray = sorted(set(measure.targets) - set(codes))
            if stray:
                raise ValueError(messages.pair("stray_target", measure=measure.id, codes=", ".join(stray)))
            total = sum(measure.targets.values())
            if abs(total - measure.city_total) > 1e-6 * max(total, 1):
                raise ValueError(
                    messages.pair("sum_differs", measure=measure.id, total=total, stated=measure.city_total)
                )
        return self

    def unit(self, adcode: str) -> Unit:
        """The unit of this adcode; ChigaiError with the known ones when there is none."""
        for unit in self.units:
            if unit.adcode == adcode:
                return unit
        raise messages.unknown_unit(adcode, self)

    def deadline_ends(self, adcode: str) -> datetime | None:
        """The first moment that is too late for this unit: 24:00 of its deadline, in the notice's zone."""
        day = self.unit(adcode).deadline
        if day is None:
            return None
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(self.timezone))


class _Loader(yaml.SafeLoader):
    """YAML without two of its traps: a key given twice, and aliases that blow a small file up."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise messages.AliasUsedError(self.peek_event().start_mark.line + 1)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise messages.KeyTwiceError(key.value, key.start_mark.line + 1)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def available() -> list[str]:
    """Names of the notices that come with chigai."""
    return sorted(p.stem for p in BUNDLED.glob("*.yml"))


def load(name_or_path: str | Path) -> Programme:
    """A notice by its bundled name ("jixi-2020-8") or from a .yml file.

    Raises ChigaiError that names the key and what to do: unknown name, unreadable file, unknown or
    missing key, wrong type, a parameter out of its range, targets that do not add up.
    """
    text = str(name_or_path)
    bundled = (
        isinstance(name_or_path, str)
        and re.fullmatch(r"[\w.-]+", text)
        and Path(text).suffix.lower() not in (".yml", ".yaml")
    )
    path = BUNDLED / f"{text}.yml" if bundled else Path(name_or_path)
    if not path.is_file():
        raise messages.not_found(text, available())
    stat = path.stat()
    if stat.st_size > LARGEST_FILE:
        raise messages.too_large(path)
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, changed_ns: int, size: int) -> Programme:
    """The file's notice, kept while the file does not change (models are frozen, so sharing is safe)."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise messages.not_utf8(path) from error
    except OSError as error:
        raise messages.unreadable(path) from error
    except messages.AliasUsedError as error:
        raise messages.alias_used(path, error.line) from error
    except messages.KeyTwiceError as error:
        raise messages.key_twice(path, error.key, error.line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise messages.not_yaml(path, error) from error
    if not isinstance(content, dict):
        raise messages.not_a_mapping(path)
    try:
        return Programme.model_validate(content)
    except ValidationError as error:
        raise messages.invalid(path, error) from error


__all__ = [
    "BUNDLED",
    "Counting",
    "Goal",
    "LandPrices",
    "Measure",
    "Parameter",
    "Parameters",
    "Principle",
    "Programme",
    "ReportCutoff",
    "SchemeB",
    "Switch",
    "Unit",
    "WorkingWindow",
    "available",
    "load",
]


def block_minimums(programme: Programme) -> dict[str, float]:
    """Block minimum of each unit, mu; one without a target takes the least minimum of its kind."""
    by_kind = {
        kind: min(
            (u.block_minimum_mu for u in programme.units if u.kind == kind and u.block_minimum_mu),
            default=0.0,
        )
        for kind in ("county", "district")
    }
    return {u.adcode: u.block_minimum_mu or by_kind[u.kind] for u in programme.units}
