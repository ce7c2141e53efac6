"""Which hard rules some parcels would break as one block, and where: DESIGN §5, rule by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.errors import ChigaiError
from geo.neighbours import field_units
from planning.editing import words
from planning.editing.unit import FieldUnit

Rows = npt.NDArray[np.integer]
SLACK = 1e-9


@dataclass(frozen=True)
class Break:
    """A rule that forbids a change. parcels: where, by id; value, limit: in `unit`, where it is one of measure."""

    rule: str
    parcels: tuple[str, ...] = ()
    value: float | None = None
    limit: float | None = None
    unit: str = ""

    def text(self, lang: str) -> str:
        return words.forbidden(self.rule, self.parcels, self.value, self.limit, self.unit)[lang != "zh"]


class RefusedError(ChigaiError):
    """A change that rules forbid. breaks: each rule, and where."""

    def __init__(self, breaks: Sequence[Break]) -> None:
        zh, en = ("".join(b.text("zh") for b in breaks), " ".join(b.text("en") for b in breaks))
        cure = words.cure(breaks[0].rule)
        super().__init__(zh, en, do_zh=cure[0], do_en=cure[1])
        self.breaks = tuple(breaks)


def breaks(unit: FieldUnit, rows: Rows) -> list[Break]:
    """Every rule that these parcels break as one block; none: they may be one.

    The minimum is no such rule: a block below it is drawn, counts for nothing, and is told of as a problem.
    """
    found = _consent(unit, rows)
    if len(rows) < 2:
        return found
    found += _levels(unit, rows) + _borders(unit, rows) + _pieces(unit, rows)
    most, area = unit.parameters.max_mu.value, unit.whole_mu(rows)
    if area > most * (1 + SLACK):
        found.append(Break("maximum", (), area, most, "mu"))
    return found


def _named(unit: FieldUnit, rows: Rows) -> tuple[str, ...]:
    return tuple(unit.names[row] for row in rows)


def _consent(unit: FieldUnit, rows: Rows) -> list[Break]:
    refused = rows[unit.made.refused[rows]]
    return [Break("consent", _named(unit, refused))] if len(refused) else []


def _levels(unit: FieldUnit, rows: Rows) -> list[Break]:
    if not unit.earthwork:
        return []
    unknown = rows[unit.made.unlevelled[rows]]
    if len(unknown):
        return [Break("level", _named(unit, unknown))]
    z = unit.parcels.elevation_m.to_numpy(float)[rows]
    step, most = float(np.ptp(z)), unit.parameters.max_step_m.value
    if step <= most + SLACK:
        return []
    ends = np.array([rows[z.argmin()], rows[z.argmax()]])
    return [Break("step", _named(unit, ends), step, most, "m")]


def _borders(unit: FieldUnit, rows: Rows) -> list[Break]:
    """Borders that the block would lie across; where: the parcels on the side that has fewer."""
    columns = {"county": "county", "district": "irrigation_district"}
    if unit.parameters.same_village.value:
        columns["village"] = "village"
    found = []
    for rule, column in columns.items():
        code = pd.factorize(unit.parcels[column].iloc[rows], use_na_sentinel=False)[0]
        count = np.bincount(code)
        if len(count) > 1:
            found.append(Break(rule, _named(unit, rows[code != count.argmax()])))
    return found


def _pieces(unit: FieldUnit, rows: Rows) -> list[Break]:
    """Whether the block would hang together: by ridges that may go, or only across a barrier, or not at all."""
    free = parts(unit, rows, ~unit.fenced)
    if free.max() == 0:
        return []
    anyhow = parts(unit, rows, np.ones(len(unit.fenced), bool))
    rule, code = ("barrier", free) if anyhow.max() == 0 else ("apart", anyhow)
    return [Break(rule, _named(unit, rows[code != np.bincount(code).argmax()]))]


def parts(unit: FieldUnit, rows: Rows, pairs: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Which piece each of some parcels lies in, 0..: pieces hang together by `pairs`, bool[pairs of the unit]."""
    place = np.full(len(unit.names), -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    a, b = place[unit.nb.left], place[unit.nb.right]
    inside = (a >= 0) & (b >= 0) & pairs
    return field_units(len(rows), a[inside], b[inside])
