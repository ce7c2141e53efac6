"""The target table on a large ledger: `python -m bench.targets [--events N] [--blocks N] [URL …]`.

Each URL is an empty database that is filled first (SQLite in a temporary folder without one). Rows are written
past the ledger's rules, by themselves that is measured elsewhere: blocks of nine counties, each started,
reported on, finished, checked, accepted, mapped; one block in twenty is returned once, one report in a hundred
is corrected. What is timed is the whole table for a day, in this process: once by a new store, which
reads the whole ledger, then by one that only asks whether something is new. Machines are noisy: the least of the repeats is what the work takes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from planning import programme as programmes
from tracking import progress, tables
from tracking.store import Store

DAYS = (date(2021, 10, 20), date(2021, 11, 15), date(2022, 5, 1))
REPEATS = 7
KINDS = (
    "started",
    "progress",
    "progress",
    "progress",
    "progress",
    "finished",
    "checked",
    "accepted",
    "mapped",
)
JIXI = programmes.load("jixi-2020-8")


def fill(store: Store, events: int, blocks: int) -> None:
    """Write a season of so many events on so many blocks."""
    random = np.random.default_rng(1)
    outline = shapely.to_wkb(shapely.MultiPolygon([shapely.box(131.0, 45.0, 131.001, 45.001)]))
    codes = [unit.adcode for unit in JIXI.units]
    now = datetime(2021, 9, 1, tzinfo=UTC)
    plan = {"id": "bench", "programme": JIXI.id, "created": now, "name": "bench", "sha": "bench"}
    area = random.uniform(3, 30, blocks)
    places = [
        {
            "plan_id": "bench", "block_id": f"b{i:06d}", "county": codes[i % len(codes)], "irrigation_district": "d",
            "village": None, "site_id": f"s{i % 90}", "area_mu": float(area[i]), "meets_minimum": area[i] >= 5,
            "site_meets_minimum": i % 90 > 5, "withdrawn": False, "version": 1, "geometry": outline,
        }
        for i in range(blocks)
    ]  # fmt: skip
    rows: list[dict[str, Any]] = []
    for i in range(blocks):
        begun = datetime(2021, 10, 5, tzinfo=UTC) + timedelta(days=int(random.integers(0, 190)))
        rows += _way(places[i], begun, -(-events // blocks), random)
    rows = [rows[k] for k in random.permutation(len(rows))[:events]]
    for number, row in enumerate(rows, 1):
        row["seq"] = number
    with store.writing() as connection:
        connection.execute(insert(tables.plans), plan | {"registered": now, "actor": "bench"})
        connection.execute(insert(tables.blocks), places)
        for start in range(0, len(rows), 20_000):
            connection.execute(insert(tables.events), rows[start : start + 20_000])


def _way(
    block: dict[str, Any], begun: datetime, length: int, random: np.random.Generator
) -> list[dict[str, Any]]:
    kinds = [*KINDS[: length - 1], "correction" if random.random() < 0.1 else "consent"]
    if random.random() < 0.05:
        kinds[4:6] = ["finished", "checked"]
    found: list[dict[str, Any]] = []
    for step, kind in enumerate(kinds):
        happened = begun + timedelta(hours=9 * step)
        found.append(
            {
                "id": uuid.uuid4(), "kind": kind, "plan_id": "bench", "block_id": block["block_id"], "county": block["county"],
                "actor": "crew", "happened": happened, "received": happened + timedelta(hours=2), "note": "",
                "done_mu": step * 1.0 if kind == "progress" else None, "passed": step > 5 if kind == "checked" else None,
                "measured_mu": block["area_mu"] * 0.99 if kind == "accepted" else None,
                "corrects": found[1]["id"] if kind == "correction" else None, "files": "[]", "hash": "0" * 64,
            }
        )  # fmt: skip
    return found


def measure(store: Store, day: date) -> list[float]:
    """Seconds of a new store's first table, and of each repeat in one that has read the ledger."""
    new = Store(store.url.render_as_string(hide_password=False))
    began = time.perf_counter()
    progress.targets(new, JIXI, day, "bench")
    taken = [time.perf_counter() - began]
    new.close()
    progress.targets(store, JIXI, day, "bench")
    for _ in range(REPEATS):
        began = time.perf_counter()
        progress.targets(store, JIXI, day, "bench")
        taken.append(time.perf_counter() - began)
    return taken


def main() -> None:
    """Print a table of seconds."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--events", type=int, default=200_000)
    words.add_argument("--blocks", type=int, default=20_000)
    words.add_argument("urls", nargs="*")
    asked = words.parse_args()
    shown = Table("database", "day", "new store s", "least s", "median s", title=f"{asked.events:,} events")
    with tempfile.TemporaryDirectory() as folder:
        for url in asked.urls or [f"sqlite:///{folder}/bench.db"]:
            store = Store(url)
            store.upgrade()
            fill(store, asked.events, asked.blocks)
            for day in DAYS:
                taken = measure(store, day)
                cells = [taken[0], min(taken[1:]), float(np.median(taken[1:]))]
                shown.add_row(store.url.get_backend_name(), day.isoformat(), *(f"{s:.3f}" for s in cells))
            store.close()
    Console().print(shown)


if __name__ == "__main__":
    main()
