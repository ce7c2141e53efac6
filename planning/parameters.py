"""The parameters of a plan: value, range, unit, source and how sure it is, in frozen models."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict, model_validator

from planning import programme_messages as messages

Text = Annotated[str, Strict(), Field(min_length=1)]
Adcode = Annotated[str, Strict(), Field(pattern=r"^\d{6}$")]
Number = Annotated[FiniteFloat, Strict()]
Amount = Annotated[FiniteFloat, Strict(), Field(ge=0)]
Positive = Annotated[FiniteFloat, Strict(), Field(gt=0)]
Day = Annotated[date, Strict()]
Share = Annotated[FiniteFloat, Strict(), Field(ge=0, le=1)]
Truth = Annotated[bool, Strict()]
Confidence = Literal["S", "C", "W"]
"""S read in a source, C computed from sources, W weak or general knowledge: an assumption."""


class Model(BaseModel):
    """Frozen, and closed: a key that nobody reads is a mistake in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Described(Model):
    unit: Text
    unit_zh: Text
    group: Literal["rules", "cost", "benefit"]
    title_zh: Text
    title_en: Text
    help_zh: Text
    help_en: Text
    source: Text
    confidence: Confidence
    confirm: Truth


class Parameter(_Described):
    """A number of the plan with its range, in `unit`."""

    value: Number
    minimum: Number
    maximum: Number

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if not self.minimum <= self.value <= self.maximum:
            raise ValueError(
                messages.pair("out_of_range", value=self.value, low=self.minimum, high=self.maximum)
            )
        return self


class Switch(_Described):
    """A yes or no of the plan."""

    value: Truth


class Parameters(Model):
    """What a plan may vary; the names are the keys of `with_values` and of plan.json."""

    max_mu: Parameter
    max_step_m: Parameter
    ridge_max_gap_m: Parameter
    min_facing_m: Parameter
    site_gap_m: Parameter
    beside_m: Parameter
    level_by_canal: Switch
    canal_head_m: Parameter
    straighten: Switch
    same_village: Switch
    ridge_width_m: Parameter
    earthwork_yuan_per_m3: Parameter
    plough_layer_m: Parameter
    topsoil_yuan_per_m3: Parameter
    ridge_yuan_per_m: Parameter
    shape_yuan_per_mu: Parameter
    operator_yuan: Parameter
    area_worth_yuan_per_mu: Parameter
    upset_yuan: Parameter
    planted_yuan_per_mu_year: Parameter
    turning_yuan_per_m_year: Parameter
    shape_yuan_per_mu_year: Parameter
    machine_passes_per_year: Parameter
    machine_yuan_per_h: Parameter

    def items(self) -> dict[str, Parameter | Switch]:
        """Name → parameter, in the order of the screen."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def as_values(self) -> dict[str, float | bool]:
        """Name → value, as plan.json keeps it; `with_values(**as_values())` changes nothing."""
        return {name: parameter.value for name, parameter in self.items().items()}

    def notes(self) -> dict[str, dict[str, str | bool]]:
        """Name → what the parameter means and where its default is from: plan.json's `parameter_notes`."""
        return {
            name: parameter.model_dump(exclude={"value", "minimum", "maximum"})
            for name, parameter in self.items().items()
        }

    def with_values(self, **values: float | bool) -> Parameters:
        """These parameters with other values (in each one's unit; a switch takes true, false, 1 or 0).

        Raises ChigaiError for a name that does not exist, a value of another type or out of range.
        """
        known = self.items()
        changed: dict[str, Parameter | Switch] = {}
        for name, value in values.items():
            if name not in known:
                raise messages.unknown_parameter(name, list(known))
            old = known[name]
            if isinstance(old, Switch):
                if isinstance(value, str) or value not in (0, 1):
                    raise messages.not_a_switch(name, old.title_zh, old.title_en, value)
                changed[name] = old.model_copy(update={"value": bool(value)})
                continue
            if isinstance(value, bool) or not _is_number(value):
                raise messages.not_a_number(name, old.title_zh, old.title_en, value)
            if not old.minimum <= float(value) <= old.maximum:
                raise messages.outside(
                    name, old.title_zh, old.title_en, value, old.minimum, old.maximum, old.unit_zh, old.unit
                )
            changed[name] = old.model_copy(update={"value": float(value)})
        return self.model_copy(update=changed)


def _is_number(value: object) -> bool:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str) and number == number and abs(number) != float("inf")
