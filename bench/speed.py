"""Speed and quality of planning, beside the plain ways of doing the same: `python -m bench.speed [PARCELS …]`.

For each size a demo region is made and planned, each in a process of its own, from files to a plan folder.
The peers work on the very same paddies, levels and pairs: a greedy joining (lowest paddy first, always the
neighbour nearest in level, until the minimum is reached) and geopandas' dissolve for the outlines.
Machines differ and are noisy: the ratios in one row compare, the seconds of two days do not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from rich.console import Console
from rich.table import Table

from geo import plans
from geo.crossing import crossing
from geo.neighbours import adjacency, neighbours
from geo.plans import Plan
from geo.schemas import MU_M2
from planning.cost import levelling
from planning.tract import Made

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Row:
    """One size. Times in wall seconds; peak in MB; share of the area in blocks that meet the minimum."""

    parcels: int
    make_s: float
    plan_s: float
    peak_mb: float
    join_s: float
    share: float
    cut_per_mu: float
    outline_s: float
    greedy_s: float
    greedy_share: float
    greedy_cut_per_mu: float
    dissolve_s: float


def chigai(*words: str) -> tuple[float, float]:
    """Run the command in a process of its own: wall seconds and peak MB."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "cli", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        raise SystemExit(f"chigai {' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    # kilobytes, except on macOS where ru_maxrss counts bytes
    return seconds, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def measure(parcels: int, folder: Path) -> Row:
    """Make, plan and compare one size below `folder`."""
    demo, out = folder / f"demo-{parcels}", folder / f"plan-{parcels}"
    make_s, _ = chigai("demo", str(demo), "--parcels", str(parcels))
    files = [
        str(demo / "parcels.gpkg"),
        "--barriers",
        str(demo / "barriers.gpkg"),
        "--dem",
        str(demo / "dem.tif"),
    ]
    plan_s, peak = chigai("plan", *files, "--out", str(out))
    plan = plans.read(out)
    good = plan.blocks[plan.blocks.meets_minimum]
    greedy_s, greedy_share, greedy_cut = greedy_of_plan(plan)
    began = time.perf_counter()
    joined = gpd.GeoDataFrame(plan.parcels.dropna(subset="block_id"))
    joined[["block_id", "geometry"]].dissolve("block_id")
    return Row(
        parcels=parcels,
        make_s=make_s,
        plan_s=plan_s,
        peak_mb=peak,
        join_s=plan.meta["seconds"]["blocks"],
        share=plan.meta["totals"]["share"],
        cut_per_mu=float(good.cut_m3.sum() / good.parcels_mu.sum()),
        outline_s=plan.meta["seconds"]["outlines"],
        greedy_s=greedy_s,
        greedy_share=greedy_share,
        greedy_cut_per_mu=greedy_cut,
        dissolve_s=time.perf_counter() - began,
    )


def greedy_of_plan(plan: Plan) -> tuple[float, float, float]:
    """`greedy` under the plan's own rules."""
    wanted = {c["county"]: c["block_minimum_mu"] or np.inf for c in plan.meta["counties"]}
    return greedy(plan, plan.barriers, plan.meta["parameters"], wanted)


def greedy(
    plan: Plan | Made,
    barriers: gpd.GeoDataFrame | None,
    rules: Mapping[str, Any],
    minimum_mu: Mapping[str, float],
) -> tuple[float, float, float]:
    """Plain joining of the plan's paddies: seconds, share of the area, cut m³ per mu. minimum_mu: by county."""
    geoms = plan.parcels.geometry.to_numpy()
    nb = neighbours(geoms, rules["ridge_max_gap_m"], rules["min_facing_m"])
    fixed = None if barriers is None else barriers.geometry[barriers.fixed].to_numpy()
    open_ = ~crossing(nb, geoms, fixed)
    for column in ("county", "irrigation_district"):
        group = plan.parcels[column].astype("category").cat.codes.to_numpy()
        open_ &= group[nb.left] == group[nb.right]
    least = plan.parcels.county.map(minimum_mu).to_numpy(float) * MU_M2
    refused = (plan.parcels.consent == False).fillna(False).to_numpy(bool)  # noqa: E712
    area = plan.parcels.area_mu.to_numpy() * MU_M2
    level = plan.parcels.elevation_m.to_numpy(float)

    began = time.perf_counter()
    n = len(area)
    indptr, other, edge = adjacency(n, nb.left[open_], nb.right[open_])
    ridge = nb.ridge_m2[open_]
    label = np.full(n, -1)
    taken = refused | np.isnan(level)
    for seed in np.argsort(level, kind="stable"):
        if taken[seed]:
            continue
        block, total, low, high = [seed], area[seed], level[seed], level[seed]
        edge_of = {int(q): ridge[e] for q, e in _around(seed, indptr, other, edge) if not taken[q]}
        while total < least[seed] and edge_of:
            near = min(edge_of, key=lambda q: level[q])
            gained = area[near] + edge_of.pop(near)
            span = max(high, level[near]) - min(low, level[near])
            if span > rules["max_step_m"] or total + gained > rules["max_mu"] * MU_M2:
                continue
            low, high = min(low, level[near]), max(high, level[near])
            block.append(near)
            total += gained
            inside = set(block)
            for q, e in _around(near, indptr, other, edge):
                if not taken[q] and q not in inside:
                    edge_of[int(q)] = edge_of.get(int(q), 0.0) + ridge[e]
        if total >= least[seed]:
            taken[block] = True
            label[block] = seed
    seconds = time.perf_counter() - began

    _, cut = levelling(area, level, label, n)
    inside_m2 = area[label >= 0].sum()
    return seconds, float(inside_m2 / area.sum()), float(cut.sum() / max(inside_m2 / MU_M2, 1e-9))


def _around(p: int, indptr: np.ndarray, other: np.ndarray, edge: np.ndarray) -> zip[tuple[int, int]]:
    part = slice(indptr[p], indptr[p + 1])
    return zip(other[part].tolist(), edge[part].tolist(), strict=True)


def show(rows: list[Row]) -> None:
    """The figures as a table, one size a column."""
    table = Table(
        "", *(f"{row.parcels:,} paddies" for row in rows), title="chigai, file to folder, and plain ways"
    )
    lines = [
        ("demo made, s", lambda r: f"{r.make_s:.1f}"),
        ("planned, file to folder, s", lambda r: f"{r.plan_s:.1f}"),
        ("peak memory, MB", lambda r: f"{r.peak_mb:,.0f}"),
        ("joining alone: chigai / greedy, s", lambda r: f"{r.join_s:.2f} / {r.greedy_s:.2f}"),
        ("area in blocks: chigai / greedy", lambda r: f"{r.share:.3f} / {r.greedy_share:.3f}"),
        ("  ratio", lambda r: f"{r.share / r.greedy_share:.2f}"),
        ("cut, m³ per mu: chigai / greedy", lambda r: f"{r.cut_per_mu:.1f} / {r.greedy_cut_per_mu:.1f}"),
        ("  ratio", lambda r: f"{r.cut_per_mu / r.greedy_cut_per_mu:.2f}"),
        ("outlines: chigai / dissolve, s", lambda r: f"{r.outline_s:.2f} / {r.dissolve_s:.2f}"),
        ("  ratio", lambda r: f"{r.outline_s / r.dissolve_s:.2f}"),
    ]
    for title, value in lines:
        table.add_row(title, *(value(row) for row in rows))
    Console().print(table)


def main() -> None:
    """Measure the sizes named on the command line."""
    parser = argparse.ArgumentParser(description="Speed and quality of planning beside the plain ways.")
    parser.add_argument("parcels", nargs="*", type=int, default=[20_000, 150_000])
    sizes = parser.parse_args().parcels
    with tempfile.TemporaryDirectory(prefix="chigai-bench-") as folder:
        # compiled code is cached by the first run on a machine; a first run is not what is measured
        measure(1000, Path(folder))
        show([measure(size, Path(folder)) for size in sizes])


if __name__ == "__main__":
    main()
