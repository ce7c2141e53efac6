"""The ledger under load, in both homes: `python -m bench.ledger [--events 200000] [--blocks 20000] [--kills 200]`.

Fills a database with a season of events, asks for the states of days, lets twenty threads and then twenty
processes append at once, and kills writing processes with -9 while they write. PostgreSQL is taken from
--postgres (an empty database's address); without it only SQLite runs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from uuid import UUID, uuid4

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from tracking import tables
from tracking.ledger import Event, append, events, states, verify
from tracking.store import Store

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2021, 9, 20, tzinfo=UTC)
WRITERS = 20
SQUARE = "0106000000010000000103000000010000000500000000000000000060400000000000004640cdcccccccc4c60400000000000004640cdcccccccc4c6040cdcccccccc4c464000000000000060 40cdcccccccc4c464000000000000060400000000000004640".replace(
    " ", ""
)


def fill(store: Store, blocks: int, number: int) -> float:
    """Register `blocks` blocks and append `number` events; gives events per second."""
    store.upgrade()
    now = datetime.now(UTC)
    with store.writing() as connection:
        connection.execute(
            sa.insert(tables.plans),
            {"id": "p", "programme": "jixi-2020-8", "created": now, "name": "p", "sha": "", "registered": now, "actor": "bench"},
        )  # fmt: skip
        rows = [
            {
                "plan_id": "p", "block_id": f"b{i}", "county": f"23038{i % 2 + 1}", "area_mu": 30.0, "meets_minimum": True,
                "site_meets_minimum": i % 10 > 0, "site_id": f"s{i // 200}", "withdrawn": False, "version": 1,
                "geometry": bytes.fromhex(SQUARE), "village": f"v{i // 50}", "irrigation_district": "d",
            } for i in range(blocks)
        ]  # fmt: skip
        connection.execute(sa.insert(tables.blocks), rows)
    sent = [Event(uuid4(), "plan_approved", "", "p", "official", START)]
    for i in range(blocks):
        sent += season(f"b{i}", (number - 1) // blocks + (i < (number - 1) % blocks), i % 150)
    began = time.perf_counter()
    receipts = append(store, sent)
    seconds = time.perf_counter() - began
    assert all(r.status == "accepted" for r in receipts), next(r for r in receipts if r.status != "accepted")
    return len(sent) / seconds


def season(block: str, number: int, day: int) -> list[Event]:
    """The first `number` events of a block's way: start, progress so often as it takes, finish, check, acceptance."""

    def event(kind: str, after: float, actor: str = "field", **figures: object) -> Event:
        return Event(uuid4(), kind, block, "p", actor, START + timedelta(days=day + after), **figures)  # type: ignore[arg-type]

    steps = max(number - 4, 0)
    way = [
        event("started", 0),
        *(event("progress", 1 + k, done_mu=30.0 * (k + 1) / steps) for k in range(steps)),
        event("finished", steps + 1),
        event("checked", steps + 2, "county", passed=True),
        event("accepted", steps + 4, "planner", measured_mu=29.8, level_points=9, inspector="i"),
    ]
    return way[:number]


def timed(work: Callable[[], object], times: int = 7) -> tuple[float, float]:
    """Seconds of the first call, and the median of the rest."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found[0], median(found[1:])


def opinion(i: int) -> Event:
    return Event(uuid4(), "consent", f"b{i}", "p", "field", START, operator="x", given=True)


def by_threads(store: Store, each: int) -> list[float]:
    """Milliseconds of every append of WRITERS threads that write without a pause."""
    found: list[float] = []

    def write(i: int) -> None:
        for k in range(each):
            one = opinion((i * each + k) % 1000)
            began = time.perf_counter()
            (receipt,) = append(store, [one])
            found.append((time.perf_counter() - began) * 1000)
            assert receipt.status == "accepted"

    threads = [threading.Thread(target=write, args=(i,)) for i in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def writer(url: str, each: int, pause_s: float) -> None:
    """What a writing process does: `go` from its input, then id and milliseconds of every receipt."""
    store = Store(url)
    with store.reading():
        print("ready", flush=True)
    sys.stdin.readline()
    chance = random.Random(os.getpid())
    for _ in range(each):
        if pause_s:
            time.sleep(chance.uniform(0, 2 * pause_s))
        one = opinion(chance.randrange(1000))
        began = time.perf_counter()
        (receipt,) = append(store, [one])
        assert receipt.status == "accepted"
        os.write(1, f"{receipt.id} {(time.perf_counter() - began) * 1000:.3f}\n".encode())


def start(url: str, each: int, pause_s: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.ledger", "--writer", url, str(each), str(pause_s)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def by_processes(url: str, each: int, pause_s: float) -> tuple[list[float], set[UUID]]:
    """The same by WRITERS processes, with a pause between reports of `pause_s` on average."""
    running = [start(url, each, pause_s) for _ in range(WRITERS)]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [line.split() for p in running for line in (p.communicate()[0] or "").splitlines()]
    return [float(ms) for _, ms in lines], {UUID(i) for i, _ in lines}


def killed(url: str, kills: int) -> set[UUID]:
    """Kill a writing process with -9, `kills` times, at any moment; gives all that was acknowledged."""
    chance, told = random.Random(1), set[UUID]()
    ready: list[subprocess.Popen[str]] = []
    for k in range(kills):
        # the next ones load while this one writes
        while len(ready) < min(3, kills - k):
            ready.append(start(url, 100_000))
        process = ready.pop(0)
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        told.add(UUID(process.stdout.readline().split()[0]))
        time.sleep(chance.uniform(0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        rest = process.communicate()[0].splitlines()
        told.update(UUID(line.split()[0]) for line in rest)
    return told


def shown(found: list[float]) -> str:
    cuts = quantiles(found, n=100)
    return f"{median(found):.1f} / {cuts[94]:.1f} / {cuts[98]:.1f} ms"


def measure(url: str, arguments: argparse.Namespace) -> dict[str, str]:
    """All figures of one home."""
    out: dict[str, str] = {}
    store = Store(url)
    out["events appended in bulk, a second"] = f"{fill(store, arguments.blocks, arguments.events):,.0f}"
    day = date(2021, 11, 15)
    cold, _ = timed(lambda: states(Store(url), day), 3)
    first, warm = timed(lambda: states(store, day))
    out["states of a day: a new store / first / again"] = f"{cold:.2f} / {first:.2f} / {warm:.2f} s"
    other = [timed(lambda d=d: states(store, day + timedelta(days=d)), 2)[0] for d in (-40, -20, 20, 100)]  # type: ignore[misc]
    out["states of another day, the slowest of four"] = f"{max(other):.2f} s"
    count = len(events(store)["id"])
    alone = by_threads_of_one(store, 200)
    out["append, one writer: median / p95 / p99"] = shown(alone)
    out[f"append, {WRITERS} threads without a pause"] = shown(by_threads(store, 50))
    busy, told = by_processes(url, 50, 0.0)
    out[f"append, {WRITERS} processes without a pause"] = shown(busy)
    calm, more = by_processes(url, 20, 1.0)
    out[f"append, {WRITERS} processes, 1 s between reports"] = shown(calm)
    told |= more | killed(url, arguments.kills)
    began = time.perf_counter()
    broken = verify(store)
    out["the whole chain verified"] = (
        f"{time.perf_counter() - began:.1f} s: {'whole' if broken is None else broken.en}"
    )
    kept = events(store)["id"]
    lost = len(told - set(kept))
    out[f"acknowledged by processes, of which {arguments.kills} killed: lost, twice"] = (
        f"{len(told)}: {lost}, {len(kept) - kept.nunique()}"
    )
    out["events in the end"] = f"{count:,} → {len(kept):,}"
    store.close()
    return out


def by_threads_of_one(store: Store, number: int) -> list[float]:
    found = []
    for k in range(number):
        one = opinion(k % 1000)
        began = time.perf_counter()
        append(store, [one])
        found.append((time.perf_counter() - began) * 1000)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--blocks", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--postgres", help="address of an empty database")
    parser.add_argument("--writer", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.writer:
        url, each, pause_s = arguments.writer
        writer(url, int(each), float(pause_s))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": measure(f"sqlite:///{folder}/chigai.db", arguments)}
        if arguments.postgres:
            found["PostgreSQL"] = measure(arguments.postgres, arguments)
    table = Table(title=f"{arguments.events:,} events over {arguments.blocks:,} blocks", show_lines=True)
    for name in ("", *found):
        table.add_column(name)
    for line in next(iter(found.values())):
        table.add_row(line, *(f[line] for f in found.values()))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
