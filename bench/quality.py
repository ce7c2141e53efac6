"""How near each effort comes to the best plan, and beside plain greedy joining: gaps, bounds, CPU seconds.

    python -m bench.quality [PARCELS …] [--data PARCELS --dem DEM [--where SQL] [--county ADCODE] [--step M …]]

For each size a demo region is read, checked and cut into parts once; each effort then joins the same arrays,
on one thread, timed in CPU seconds of this process. The proven optimum of a part is that of the `best` effort;
gaps at equal area leave out the few parts in which an effort holds less area than the proven optimum. With
--data, the same for real paddies, once for each step; there the worth of a mu is varied too, because area
first also joins paddies on steep ground that plain greedy joining leaves alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from bench.speed import ROOT, greedy
from geo import reading
from geo.schemas import MU_M2
from planning import joining, quality, tract
from planning.blocks import solve
from planning.cost import levelling
from planning.effort import Effort
from planning.fields import Fields, Rules
from planning.inputs import Request, read_and_check
from planning.programme import block_minimums, load

WORTHS_YUAN_PER_MU = (1500.0, 1000.0, 700.0, 500.0)
SMALL = 30
"""Parcels of a field unit up to which its optimum is to be proven."""


@dataclass(frozen=True)
class Case:
    """What a plan's engine was given, and the plan beside it."""

    name: str
    fields: Fields
    could: np.ndarray
    rules: Rules
    field_unit: np.ndarray
    plan: tract.Made
    barriers: gpd.GeoDataFrame | None
    parameters: dict[str, Any]
    minimum_mu: dict[str, float]


def case(name: str, request: Request) -> Case:
    """Plan all of it as one tract at the quick effort, and keep what the engine was given."""
    _, barriers, checked = read_and_check(request)
    programme = load(request.programme)
    parameters = programme.parameters.with_values(**request.overrides)
    rules = tract.Rules(
        programme, parameters, block_minimums(programme), request.dem, request.seed, Effort.quick
    )
    given: dict[str, Any] = {}
    real = joining.solve

    def listen(fields: Fields, could: np.ndarray, rules: Rules, *rest: Any, **more: Any) -> Any:
        given.update(fields=fields, could=could, rules=rules)
        return real(fields, could, rules, *rest, **more)

    joining.solve = listen  # type: ignore[assignment]
    try:
        plan = tract.planned(checked.parcels, barriers, rules)
    finally:
        joining.solve = real
    # the engine's rows come from the plan's by a stable sort on what may be joined; units follow from areas
    order = np.lexsort((plan.parcels.elevation_m, plan.parcels.area_mu))
    mine = np.lexsort((given["fields"].elevation_m, given["fields"].area_m2))
    unit = np.empty(len(order), np.int64)
    unit[mine] = plan.parcels.field_unit.to_numpy()[order]
    return Case(
        name, field_unit=unit, plan=plan, barriers=barriers, parameters=parameters.as_values(),
        minimum_mu=block_minimums(programme), **given,
    )  # fmt: skip


def joined(c: Case, effort: Effort, rules: Rules) -> tuple[float, pd.DataFrame, np.ndarray]:
    """CPU seconds, the parts' quality, and the labels at one effort."""
    began = time.process_time()
    labels, bounds = solve(c.fields, c.could, rules, 1, None, 1, effort)
    seconds = time.process_time() - began
    rows = quality.by_part(c.fields, bounds, labels, rules.prices)
    return seconds, rows.assign(unit=c.field_unit[rows["first"]]), labels


def cut_per_mu(c: Case, labels: np.ndarray) -> float:
    inside = labels >= 0
    _, cut = levelling(c.fields.area_m2, c.fields.elevation_m, labels, int(labels.max(initial=-1)) + 1)
    return float(cut.sum() / max(c.fields.area_m2[inside].sum() / MU_M2, 1e-9))


def show_efforts(console: Console, c: Case) -> None:
    """Each effort against its own bounds, and against the proven optimum of small units."""
    table = Table(
        "effort", "CPU s per million", "area, mu (bound)", "cost, yuan (bound)", "stated gap: whole / mean unit",
        f"true mean gap, units ≤ {SMALL}", "true gap, proven parts", "units proven", "units ≤ 30 proven",
        title=f"{c.name}: {len(c.could):,} paddies",
    )  # fmt: skip
    found = {effort: joined(c, effort, c.rules) for effort in Effort}
    best = found[Effort.best][1]
    small = best.groupby("unit").parcels.transform("sum") <= SMALL
    for effort, (seconds, rows, _) in found.items():
        units = quality.by_unit(rows, c.field_unit)
        equal = best.proven & np.isclose(rows.compliant_m2, best.compliant_m2, atol=1e-3)
        whole = rows[equal].cost_yuan.sum() / max(best[equal].cost_yuan.sum(), 1e-9) - 1
        little = pd.DataFrame({"u": rows.unit, "c": rows.cost_yuan, "b": best.cost_yuan})[equal & small]
        sums = little.groupby("u").sum()
        gap = (sums.c / sums.b.clip(lower=1e-9) - 1)[sums.b > 0].mean()
        say = quality.told(quality.sums(units))
        table.add_row(
            str(effort),
            f"{seconds / len(c.could) * 1e6:.0f}",
            f"{say['compliant_mu']:,.1f} ({say['compliant_bound_mu']:,.1f})",
            f"{say['cost_yuan']:,.0f} ({say['cost_bound_yuan']:,.0f})",
            f"{say['gap']:.2%} / {units.gap.mean():.2%}",
            f"{gap:.3%}",
            f"{whole:.3%}",
            f"{say['units_proven_share']:.1%}",
            f"{units[units.parcels <= SMALL].proven.mean():.1%}",
        )
    console.print(table)


def show_worths(console: Console, c: Case) -> None:
    """Area and earth per mu for several worths of a mu, beside greedy joining of the same paddies."""
    _, share, cut = greedy(c.plan, c.barriers, c.parameters, c.minimum_mu)
    possible = c.fields.area_m2[c.could].sum() / c.fields.area_m2.sum()
    table = Table(
        "worth of a mu, yuan", "area in blocks / possible", "cut, m³ per mu", "parts proven", title=c.name
    )
    table.add_row("(greedy joining)", f"{share / possible:.4f}", f"{cut:.2f}", "")
    for yuan in (c.rules.worth_yuan_per_m2 * MU_M2, *WORTHS_YUAN_PER_MU):
        _, rows, labels = joined(c, Effort.normal, replace(c.rules, worth_yuan_per_m2=yuan / MU_M2))
        area = rows.compliant_m2.sum() / c.fields.area_m2.sum() / possible
        table.add_row(
            f"{yuan:,.0f}", f"{area:.4f}", f"{cut_per_mu(c, labels):.2f}", f"{rows.proven.mean():.1%}"
        )
    console.print(table)


def main() -> None:
    """Measure the sizes and the data named on the command line."""
    parser = argparse.ArgumentParser(description="How near each effort comes to the best plan.")
    parser.add_argument("parcels", nargs="*", type=int)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--dem", type=Path)
    parser.add_argument("--where")
    parser.add_argument("--county")
    parser.add_argument("--step", type=float, nargs="+", default=[0.3])
    given = parser.parse_args()
    console = Console(width=180)
    with tempfile.TemporaryDirectory(prefix="chigai-bench-") as folder:
        home = Path(folder)
        for size in given.parcels or ([] if given.data else [20_000, 150_000]):
            demo = home / f"demo-{size}"
            made = [sys.executable, "-m", "cli", "demo", str(demo), "--parcels", str(size)]
            subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
            source = reading.Source(demo / "parcels.gpkg")
            request = Request(source, demo / "barriers.gpkg", demo / "dem.tif")
            show_efforts(console, case(f"demo-{size}", request))
        for step in given.step if given.data else []:
            source = reading.Source(given.data, where=given.where, county=given.county)
            request = Request(source, None, given.dem, overrides={"max_step_m": step})
            c = case(f"{given.data.stem}-{step}", request)
            show_efforts(console, c)
            show_worths(console, c)


if __name__ == "__main__":
    main()
