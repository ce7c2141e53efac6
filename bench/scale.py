"""What a run costs as it grows: seconds and memory of each stage by the number of paddies.

    python -m bench.scale [--parcels 20000,200000,2000000] [--source parquet] [--effort quick] [--json] [--draw FILE.svg]

For each size a demo region is made and planned, each in a process of its own, from a file to a plan folder. CPU
seconds are those of the process with all its threads; machines are shared and noisy, so compare these and not the
wall's. Memory is what the process holds (resident), looked at a hundred times a second; some 280 MB of it are
Python and its libraries. `slope` is the power of the number of paddies with which a stage's CPU grows between the two
largest sizes: 1 is flat per paddy, less is what starting costs spread over more of them. `next` is what a million
paddies more cost at that slope's upper end: CPU seconds between those two sizes, per million.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from bench.lines import Line, drawn
from planning.effort import Effort

ROOT = Path(__file__).resolve().parents[1]
SIZES = (20_000, 200_000, 2_000_000)
SOURCES = ("parquet", "gpkg", "shp")
SHP_NAMES = {"irrigation_district": "irrigation", "declared_mu": "declared_m"}
"""What a shapefile makes of names of more than ten characters."""

LOOK_S = 0.01
WARM = 6000
"""Paddies of the first run, enough for villages and all else that some code is compiled for."""

Row = dict[str, Any]
"""Of one size: parcels, demo and stages: {name: {cpu_s, wall_s, peak_mb}}, total the same."""


class Watch:
    """CPU and wall seconds of each stage of this process, and the most memory that it held in it."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        self._stage, self._since = "", (0.0, 0.0)
        self._process, self._over = psutil.Process(), threading.Event()
        self._eye = threading.Thread(target=self._look, daemon=True)
        self._eye.start()

    def at(self, stage: str, fraction: float = 0.0) -> None:
        """The run has come to this stage (a pipeline's progress)."""
        now = time.process_time(), time.perf_counter()
        if stage == self._stage:
            return
        if self._stage:
            told = self.stages[self._stage]
            told["cpu_s"] += now[0] - self._since[0]
            told["wall_s"] += now[1] - self._since[1]
        self.stages.setdefault(stage, {"cpu_s": 0.0, "wall_s": 0.0, "peak_mb": 0.0})
        self._stage, self._since = stage, now

    def end(self) -> dict[str, dict[str, float]]:
        """The figures of all stages."""
        self.at("")
        self._over.set()
        self._eye.join()
        return {stage: told for stage, told in self.stages.items() if stage}

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            told = self.stages.get(self._stage)
            if told is not None:
                told["peak_mb"] = max(told["peak_mb"], self._process.memory_info().rss / 2**20)


def plan_here(demo: Path, source: str, effort: Effort, out: Path) -> Row:
    """Plan a demo region in this process."""
    from geo.reading import Source
    from planning import pipeline

    request = pipeline.Request(
        Source(demo / f"parcels.{source}", mapping=SHP_NAMES if source == "shp" else None),
        barriers=demo / "barriers.gpkg",
        dem=demo / "dem.tif",
        effort=effort,
    )
    watch = Watch()
    made = pipeline.run(request, out, watch.at)
    return {"planned": made["totals"]["parcels"], "blocks": made["totals"]["blocks"], "stages": watch.end()}


def measure(parcels: int, folder: Path, source: str = "parquet", effort: Effort = Effort.quick) -> Row:
    """Make and plan one size below `folder`, each in a process of its own."""
    demo, out = folder / f"demo-{parcels}", folder / f"plan-{parcels}"
    _, made = apart("-m", "cli", "demo", str(demo), "--parcels", str(parcels))
    if source != "gpkg":
        apart("-c", f"from bench.scale import converted; converted({str(demo)!r}, {source!r})")
    code = (
        "import json; from pathlib import Path; from planning.effort import Effort; from bench.scale import plan_here; "
        f"print(json.dumps(plan_here(Path({str(demo)!r}), {source!r}, Effort({str(effort)!r}), Path({str(out)!r}))))"
    )
    text, whole = apart("-c", code)
    row: Row = json.loads(text.strip().splitlines()[-1])
    return {"parcels": parcels, **row, "demo": made, "total": whole}


def converted(demo: str, source: str) -> None:
    """The demo's parcels as GeoParquet or as a shapefile, beside the GeoPackage."""
    import pyogrio
    import shapely

    frame = pyogrio.read_dataframe(Path(demo) / "parcels.gpkg", use_arrow=True)
    if source == "parquet":
        frame.to_parquet(Path(demo) / "parcels.parquet", write_covering_bbox=True)
        return
    frame["geometry"] = shapely.force_2d(np.asarray(frame.geometry.array))
    frame["consent"] = frame["consent"].map({True: 1, False: 2}).astype("Int32")
    pyogrio.write_dataframe(
        frame.rename(columns=SHP_NAMES), Path(demo) / "parcels.shp", encoding="UTF-8", geometry_type="Polygon"
    )


def apart(*words: str) -> tuple[str, dict[str, float]]:
    """Run Python in a process of its own: what it prints, its CPU and wall seconds and the most memory it held."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(words)[:200]} ended with {os.waitstatus_to_exitcode(status)}")
    # kilobytes, except on macOS where ru_maxrss counts bytes
    peak = usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    cpu = usage.ru_utime + usage.ru_stime
    return text, {"cpu_s": cpu, "wall_s": time.perf_counter() - began, "peak_mb": peak}


def slope(parcels: Sequence[int], seconds: Sequence[float]) -> tuple[float, float] | None:
    """(power of the number of parcels with which seconds grow, seconds a million parcels more) between the two
    largest sizes; None of one size."""
    (small, less), (large, more) = (
        sorted(zip(parcels, seconds, strict=True))[-2:] if len(parcels) > 1 else ((0, 0), (0, 0))
    )
    if small == large:
        return None
    power = np.log(max(more, 1e-3) / max(less, 1e-3)) / np.log(large / small)
    return float(power), (more - less) / (large - small) * 1e6


def slopes(rows: Sequence[Row]) -> dict[str, tuple[float, float] | None]:
    """The slope of each stage's CPU seconds, of their sum, and of the demo's making."""
    sizes = [row["parcels"] for row in rows]
    by_stage = {name: [row["stages"][name]["cpu_s"] for row in rows] for name in rows[0]["stages"]}
    by_stage["all stages"] = [sum(own) for own in zip(*by_stage.values(), strict=True)]
    by_stage["demo"] = [row["demo"]["cpu_s"] for row in rows]
    return {name: slope(sizes, seconds) for name, seconds in by_stage.items()}


def show(rows: Sequence[Row], title: str) -> None:
    """The figures as a table: of each stage and size CPU s, wall s, peak MB, and CPU s per million paddies."""
    table = Table("", title=title)
    for row in rows:
        table.add_column(f"{row['parcels']:,}\ncpu s · wall s · MB · cpu s/M", justify="right")
    table.add_column("slope", justify="right")
    table.add_column("next\ncpu s/M", justify="right")
    grown = slopes(rows)

    def cell(told: dict[str, float], parcels: int) -> str:
        return (
            f"{told['cpu_s']:,.1f} · {told['wall_s']:,.1f} · {told['peak_mb']:,.0f} · "
            f"{told['cpu_s'] / parcels * 1e6:,.1f}"
        )

    def line(name: str, told: list[dict[str, float]]) -> None:
        found = grown.get(name)
        cells = [cell(t, row["parcels"]) for t, row in zip(told, rows, strict=True)]
        table.add_row(name, *cells, *(("", "") if found is None else (f"{found[0]:.2f}", f"{found[1]:,.1f}")))

    line("demo", [row["demo"] for row in rows])
    for name in rows[0]["stages"]:
        line(name, [row["stages"][name] for row in rows])
    line("all stages", [_sum(row["stages"]) for row in rows])
    line("process", [row["total"] for row in rows])
    Console(width=60 + 36 * len(rows)).print(table)


def _sum(stages: dict[str, dict[str, float]]) -> dict[str, float]:
    figures = {key: sum(told[key] for told in stages.values()) for key in ("cpu_s", "wall_s")}
    return figures | {"peak_mb": max(told["peak_mb"] for told in stages.values())}


def chart(rows: Sequence[Row], title: str) -> str:
    """CPU seconds per million paddies of each stage, and the most memory, by the number of paddies: an SVG."""
    sizes = [float(row["parcels"]) for row in rows]
    stages = [
        Line(name, sizes, [row["stages"][name]["cpu_s"] / row["parcels"] * 1e6 for row in rows])
        for name in rows[0]["stages"]
    ]
    memory = [Line("peak", sizes, [_sum(row["stages"])["peak_mb"] for row in rows])]
    return drawn(title, [("CPU s per million paddies", stages), ("peak memory, MB", memory)], "paddies")


def main() -> None:
    """Measure the sizes named on the command line."""
    parser = argparse.ArgumentParser(description="Seconds and memory of each stage by the number of paddies.")
    parser.add_argument(
        "--parcels", type=lambda text: [int(n) for n in text.split(",")], default=list(SIZES), metavar="N,N,…"
    )
    parser.add_argument("--source", choices=SOURCES, default="parquet")
    parser.add_argument("--effort", choices=[str(e) for e in Effort], default=str(Effort.quick))
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--draw", type=Path, metavar="FILE.svg", help="draw the figures")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="chigai-scale-") as folder:
        # what is compiled is kept by the first run on a machine; a first run is not what is measured
        measure(WARM, Path(folder), asked.source, Effort(asked.effort))
        for parcels in asked.parcels:
            rows.append(measure(parcels, Path(folder), asked.source, Effort(asked.effort)))
    title = f"chigai plan --effort {asked.effort}, from {asked.source} to a plan folder"
    if asked.draw is not None:
        asked.draw.write_text(chart(rows, title), "utf-8")
    if asked.json:
        print(json.dumps({"title": title, "sizes": rows, "slopes": slopes(rows)}, indent=1))
    else:
        show(rows, title)


if __name__ == "__main__":
    main()
