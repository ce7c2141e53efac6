"""Seconds, memory and size of each export of a plan: python -m bench.exports PLAN [FORMAT.SUFFIX …]."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from geo import export as doors

USUAL = (
    "gpkg.gpkg", "shp.zip", "geojson.geojson", "kml.kml", "txt.txt", "xlsx.xlsx", "dxf.dxf", "dxf.zip", "stakes.xlsx",
    "stakes.zip", "sheets.zip", "households.xlsx",
)  # fmt: skip


def measured(plan: Path, what: str) -> tuple[float, float, float]:
    """Seconds, peak megabytes of the process, megabytes of the file."""
    fmt, _, suffix = what.partition(".")
    process, peak, over = psutil.Process(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.05):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / f"plan.{suffix}"
        watcher.start()
        began = time.perf_counter()
        if fmt == "households":
            doors.export_households(plan, out)
        else:
            doors.export(plan, fmt, out)
        seconds = time.perf_counter() - began
        over.set()
        watcher.join()
        return seconds, peak / 1e6, out.stat().st_size / 1e6


def main(plan: Path, wanted: list[str]) -> None:
    """Measure each in a process of its own, so that none has what another left in memory."""
    print(f"{'':18}{'seconds':>9}{'peak MB':>9}{'file MB':>9}")
    for what in wanted or USUAL:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, peak, size = pool.apply(measured, (plan, what))
        print(f"{what:18}{seconds:9.1f}{peak:9.0f}{size:9.1f}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
