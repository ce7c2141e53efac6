"""The tasks of a run, kind after kind: units of split districts, tracts, pairs across tracts, counties, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from geo import files
from geo.datasets import Part
from planning.engines import Call, Engine
from planning.splitting import across, pieces, stretches, tell_pairs, tell_units
from planning.tally import Tally, added
from planning.tasks import (
    ACROSS,
    PAIR,
    Brief,
    County,
    Finish,
    Sites,
    Tract,
    choose_sites,
    finish_sites,
    finish_tract,
    plan_tract,
)
from planning.tract import STAGES as TRACT_STAGES
from planning.tract import Numbers

Progress = Callable[[str, float], None]
"""(stage, how far all tasks of it are, 0..1); may raise to stop."""
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Conductor:
    """Has tasks done by an engine and tells how far all of them are.

    at: told where the tracts or the sites stand, 0..1 of each; heard: asked several times a second whether to go on.
    """

    brief: Brief
    engine: Engine
    at: Progress
    heard: Callable[[], None]

    def tracts(self, parts: Sequence[Part], gap_m: float, counties: set[str]) -> list[Tract]:
        """The tracts of a dataset: its parts, those of districts that are too large split at canals."""
        asked = stretches(self.brief, parts, gap_m)
        if asked:
            self._all(tell_units, asked, [t.part.rows for t in asked], lambda stage, fraction: 0.0)
        found: list[Tract] = []
        units, blocks = 0, dict.fromkeys(counties, 0)
        for some in pieces(self.brief, parts):
            numbers = Numbers({c: n for c, n in blocks.items() if n}, units)
            of = added([piece.counties(self.brief.dataset) for piece in some])
            found.append(Tract(self.brief, len(found), some, numbers, sum(of.values())))
            units += sum(of.values())
            for county in counties & of.keys():
                blocks[county] += of[county]
        return found

    def planned(self, tracts: Sequence[Tract]) -> list[Tally]:
        """What was told of the tracts once all are planned, in their order."""
        return self._all(plan_tract, tracts, [t.rows for t in tracts], far)

    def with_sites(
        self, tracts: Sequence[Tract], sums: Sequence[Tally], counties: Sequence[str], gap_m: float
    ) -> dict[str, dict[str, Any]]:
        """What is told of each county's sites once they are chosen and every block knows its own."""
        pairs = across(self.brief, [t.pieces for t in tracts], gap_m)
        if pairs:
            found = self._all(tell_pairs, pairs, [1] * len(pairs), _between(0.0, 0.1))
            rows = pd.DataFrame([row for some in found for row in some], columns=list(PAIR))
            files.write_table(rows, self.brief.work / ACROSS)
        of = {c: tuple(i for i, s in enumerate(sums) if c in s["counties"]) for c in counties}
        asked = [
            County(self.brief, c, of[c], added([sums[i]["counties"][c]["stopped"] for i in of[c]]))
            for c in counties
        ]
        told = self._all(
            choose_sites, asked, [sum(tracts[i].rows for i in of[c]) for c in counties], _between(0.1, 0.6)
        )
        finish = [Finish(self.brief, i, tuple(c for c in counties if i in of[c])) for i in range(len(tracts))]
        self._all(finish_tract, finish, [t.rows for t in tracts], _between(0.6, 0.9))
        self._all(
            finish_sites, [Sites(self.brief, c, of[c]) for c in counties], [1] * len(of), _between(0.9, 1.0)
        )
        return dict(zip(counties, told, strict=True))

    def _all(
        self,
        call: Call[Task, Result],
        tasks: Sequence[Task],
        weights: Sequence[int],
        place: Callable[[str, float], float],
    ) -> list[Result]:
        """The results of all tasks, in their order. place: how far what a task tells is, 0..1."""
        whole = max(sum(weights), 1)
        share = [place("", 0.0)] * len(tasks)

        def tell(number: int, stage: str, fraction: float) -> None:
            if number < 0:
                self.heard()
                return
            share[number] = max(share[number], place(stage, fraction))
            self.at(stage, sum(s * w for s, w in zip(share, weights, strict=True)) / whole)

        found: dict[int, Result] = {}
        for number, result in self.engine.run(call, tasks, tell):
            found[number] = result
            share[number] = place("", 1.0)
        return [found[i] for i in range(len(tasks))]


def far(stage: str, fraction: float) -> float:
    """How far a tract is, 0..1, that stands so far in a stage."""
    if stage not in TRACT_STAGES:
        return fraction
    names = list(TRACT_STAGES)
    before = sum(TRACT_STAGES[n] for n in names[: names.index(stage)])
    return (before + TRACT_STAGES[stage] * fraction) / sum(TRACT_STAGES.values())


def _between(begin: float, end: float) -> Callable[[str, float], float]:
    return lambda stage, fraction: begin + (end - begin) * fraction
