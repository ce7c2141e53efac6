"""A province by simulation: city after city through one Dask cluster, and what each process holds meanwhile.

    python -m bench.province [--cities 8] [--parcels 2000000] [--workers 2] [--effort quick] [--json]

Each city is made by the generator with a seed of its own, taken in as a dataset, and planned by the workers of one
cluster on this machine, which live from the first city to the last. Memory is what a process holds (resident), looked
at ten times a second: it is to be the same for the last city as for the second.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.scale import apart
from planning.effort import Effort

LOOK_S = 0.1
WORKER_GB = 4


class Watch:
    """The most that this process and each worker held since it was asked last, in MB."""

    def __init__(self, workers: list[int]) -> None:
        self._processes = {"driver": psutil.Process()} | {
            f"worker {i + 1}": psutil.Process(pid) for i, pid in enumerate(workers)
        }
        self._most = dict.fromkeys(self._processes, 0.0)
        self._over = threading.Event()
        self._eye = threading.Thread(target=self._look, daemon=True)
        self._eye.start()

    def told(self) -> dict[str, float]:
        found, self._most = self._most, dict.fromkeys(self._processes, 0.0)
        return found

    def end(self) -> None:
        self._over.set()
        self._eye.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            for name, process in self._processes.items():
                self._most[name] = max(self._most[name], process.memory_info().rss / 2**20)


def take_in(demo: str, folder: str) -> None:
    """Read and check a demo region into a dataset."""
    from geo.reading import Source
    from planning import importing
    from planning.inputs import Request

    of = Path(demo)
    request = Request(Source(of / "parcels.gpkg"), of / "barriers.gpkg", of / "dem.tif")
    importing.imported(request, Path(folder))


def city(number: int, parcels: int, folder: Path, scheduler: str, effort: Effort) -> dict[str, Any]:
    """Make, take in and plan one city below `folder`, which is left empty; seconds and figures."""
    from geo.reading import Source
    from planning import pipeline

    demo, dataset, out = folder / "demo", folder / "set", folder / "plan"
    _, made = apart("-m", "cli", "demo", str(demo), "--parcels", str(parcels), "--seed", str(number))
    code = f"from bench.province import take_in; take_in({str(demo)!r}, {str(dataset)!r})"
    _, taken = apart("-c", code)
    (demo / "parcels.gpkg").unlink()
    request = pipeline.Request(Source(dataset), dem=demo / "dem.tif", seed=number, effort=effort)
    began = time.perf_counter()
    told = pipeline.run(request, out, scheduler=scheduler, work=folder / "work")
    seconds = time.perf_counter() - began
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 2**20
    for used in (demo, dataset, out):
        shutil.rmtree(used)
    return {
        "parcels": told["totals"]["parcels"], "blocks": told["totals"]["blocks"], "make_s": made["wall_s"],
        "import_s": taken["wall_s"], "import_mb": taken["peak_mb"], "plan_s": seconds, "stages": told["seconds"],
        "plan_mb": size,
    }  # fmt: skip


def main() -> None:
    """Plan the cities and show what each took."""
    from distributed import LocalCluster

    parser = argparse.ArgumentParser(description="City after city through one Dask cluster.")
    parser.add_argument("--cities", type=int, default=8)
    parser.add_argument("--parcels", type=int, default=2_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--effort", choices=[str(e) for e in Effort], default=str(Effort.quick))
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    asked = parser.parse_args()
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="chigai-province-") as name,
        LocalCluster(
            n_workers=asked.workers, threads_per_worker=1, processes=True, memory_limit=f"{WORKER_GB}GB",
            dashboard_address=None,
        ) as cluster,
    ):  # fmt: skip
        watch = Watch([nanny.pid for nanny in cluster.workers.values()])
        for number in range(1, asked.cities + 1):
            watch.told()
            row = city(number, asked.parcels, Path(name), cluster.scheduler_address, Effort(asked.effort))
            rows.append(row | {"held_mb": watch.told()})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        watch.end()
    if asked.json:
        print(json.dumps(rows, indent=1))
    else:
        show(rows, f"{asked.cities} cities through Dask, {asked.workers} workers, effort {asked.effort}")


def show(rows: list[dict[str, Any]], title: str) -> None:
    held = list(rows[0]["held_mb"])
    heads = ("city", "parcels", "blocks", "make, s", "import, s", "plan, s", "µs per parcel", "plan, MB")
    table = Table(*heads, *(f"{name}, MB" for name in held), title=title)
    for i, row in enumerate(rows):
        table.add_row(
            str(i + 1), f"{row['parcels']:,}", f"{row['blocks']:,}", f"{row['make_s']:.0f}",
            f"{row['import_s']:.0f}", f"{row['plan_s']:.0f}", f"{row['plan_s'] / row['parcels'] * 1e6:.1f}",
            f"{row['plan_mb']:.0f}", *(f"{row['held_mb'][name]:,.0f}" for name in held),
        )  # fmt: skip
    Console(width=60 + 22 * (len(held) + 5)).print(table)


if __name__ == "__main__":
    main()
