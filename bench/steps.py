"""What the three costly steps of a run take by themselves, CPU seconds per million paddies:

    python -m bench.steps [--parcels 200000] [--times 3] [--json]

A demo region is taken as one tract, as bench.quality does, and its paddies are handed to each step as the run hands
them: neighbours across ridges, the barriers that cross them, blocks at effort `quick` on one thread and on two, and
outlines with their ridges filled. Each step is called `times` times after a first call on which it compiles; the
least figure stands, for the machine is shared. Beside them, in the same process, what a plain library takes for the
same: shapely's STRtree with `dwithin` for the pairs (which does not know how far they face each other), and
geopandas' dissolve for the outlines (which leaves the ridges open).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from rich.console import Console
from rich.table import Table

from bench.speed import ROOT
from geo import terrain
from geo.crossing import crossing
from geo.frames import directions
from geo.neighbours import field_units, neighbours, renumbered
from geo.outlines import outlines
from geo.reading import Source
from planning import joining, tract
from planning.blocks import solve
from planning.effort import Effort
from planning.inputs import Request, read_and_check
from planning.programme import block_minimums, load

Figures = dict[str, float]


def least(times: int, call: Callable[[], Any]) -> tuple[float, Any]:
    """The least CPU seconds of `times` calls after a first one, and what the last gave."""
    found, seconds = call(), float("inf")
    for _ in range(times):
        began = time.process_time()
        found = call()
        seconds = min(seconds, time.process_time() - began)
    return seconds, found


def measure(demo: Path, times: int) -> Figures:
    """CPU seconds of each step over all paddies of the demo."""
    request = Request(Source(demo / "parcels.gpkg"), demo / "barriers.gpkg", demo / "dem.tif")
    _, barriers, checked = read_and_check(request)
    programme = load(request.programme)
    parameters = programme.parameters
    gap, facing = parameters.ridge_max_gap_m.value, parameters.min_facing_m.value
    parcels = checked.parcels.iloc[
        tract.in_order(checked.parcels.geometry.to_numpy(), checked.parcels.parcel_id)
    ]
    geoms, walls = parcels.geometry.to_numpy(), tract.walls_of(barriers)
    out: Figures = {"parcels": float(len(parcels))}

    out["neighbours"], nb = least(times, lambda: neighbours(geoms, gap, facing))
    out["crossing"], fenced = least(times, lambda: crossing(nb, geoms, walls))
    out["pairs by dwithin"], _ = least(1, lambda: shapely.STRtree(geoms).query(geoms, "dwithin", gap))

    unit = field_units(len(geoms), nb.left[~fenced], nb.right[~fenced])
    order = np.argsort(unit, kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    nb, pair = renumbered(nb, place)
    fenced, unit = fenced[pair], unit[order]
    parcels = parcels.iloc[order].reset_index(drop=True)
    geoms = parcels.geometry.to_numpy()
    parcels["elevation_m"] = terrain.elevations(geoms, request.dem, parcels.crs)
    given: dict[str, Any] = {}

    def listen(*rest: Any, **more: Any) -> Any:
        given["rest"] = rest
        return solve(*rest, **more)

    joining.solve = listen  # type: ignore[assignment]
    try:
        made = joining.joined(
            parcels, nb, fenced, directions(geoms, unit)[unit],
            parcels.county.map(block_minimums(programme)).to_numpy(float), parameters, True, request.seed,
            Effort.quick, lambda fraction: None,
        )  # fmt: skip
    finally:
        joining.solve = solve
    fields, could, rules, seed = given["rest"][:4]
    for threads in (1, 2):
        out[f"blocks, quick, threads: {threads}"], _ = least(
            times, lambda n=threads: solve(fields, could, rules, seed, None, n, Effort.quick)
        )
    out["outlines"], _ = least(times, lambda: outlines(geoms, made.label, nb, ~fenced, gap))
    joined = gpd.GeoDataFrame({"block": made.label}, geometry=geoms)[made.label >= 0]
    out["outlines by dissolve"], _ = least(1, lambda: joined.dissolve("block"))
    return out


def show(found: Figures) -> None:
    """The figures as a table, per million paddies."""
    table = Table("step", "CPU s per million paddies", title=f"{found['parcels']:,.0f} paddies")
    for name, seconds in found.items():
        if name != "parcels":
            table.add_row(name, f"{seconds / found['parcels'] * 1e6:,.1f}")
    Console().print(table)


def main() -> None:
    """Measure the size named on the command line."""
    parser = argparse.ArgumentParser(description="What the costly steps of a run take by themselves.")
    parser.add_argument("--parcels", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chigai-steps-") as folder:
        demo = Path(folder) / "demo"
        made = [sys.executable, "-m", "cli", "demo", str(demo), "--parcels", str(asked.parcels)]
        subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
        found = measure(demo, asked.times)
    print(json.dumps(found)) if asked.json else show(found)


if __name__ == "__main__":
    main()
