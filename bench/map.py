"""What the map of a large plan costs: its tiles, first paint, pans and heap in a real browser, thirty planners at once.

    python -m bench.map [--parcels 200000 | --plan FOLDER] [--planners 30] [--browsers 4] [--seconds 60] [--json]

A demo region is made and planned (or --plan taken), its tiles are made by the app's own job in a process of its own,
and the whole app is served by uvicorn as for work. Then Chromium opens the map at 1440 × 900: *first paint* is from
asking for the page until the last tile in view is drawn; *a pan* from moving the map by 600 × 300 pixels until every
tile is drawn, at each zoom, where the paddies lie thickest; *heap* is what JavaScript holds, with array buffers, the
most seen before and the rest after the garbage is collected. Nothing may be asked of another host.

*Planners* are connections that ask for what a browser asks for: now a pan (the tiles that come into view, six at a
time), now a click (the card), with some seconds between; all in one process, beside the server. An answer's time is
from asking until the last of it is there. Memory per session is what the server holds of its own (without files that
it only maps) more after half the time than before, by their number; what it holds more after the other half tells
whether that is bounded. The page around the map (Streamlit's own session) is not in it.

*Browsers* are so many real pages, each in a context of its own, in one Chromium: a jump to another place until every
tile there is drawn, then now and then a click until the card is open. They draw on the machine that serves them, so
their times are the machine's as much as the server's: more than its cores can draw is not what an office sees.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from bench.homes import ROOT, placed, planned
from geo.tiling.grid import world
from tracking import tilesets
from ui import mapdata, maps

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
ZOOMS = (12, 13, 14, 15, 16, 17)
PANS = 8
"""At each zoom."""
STEP = (600, 300)
"""Pixels of a pan."""
THINK_S = (1.0, 5.0)
"""Between what a planner does."""
MOST_AT_ONCE = 6
"""Connections of a browser to one host."""
_DRAWN = "[...document.querySelectorAll('.folium-map')].every(m => m.dataset.state === 'ready')"
_PAN = """([dx, dy]) => new Promise(done => {
    const grid = chigai.views[0].painted.grid, map = chigai.views[0].map;
    const begin = performance.now();
    const end = () => requestAnimationFrame(() => done(performance.now() - begin));
    map.panBy([dx, dy], {animate: false});
    if (grid.isLoading()) grid.once('load', end); else end();
})"""

_JUMP = """([lat, lon, zoom]) => new Promise(done => {
    const view = chigai.views[0], grid = view.painted.grid;
    view.unpop();
    const begin = performance.now();
    const end = () => requestAnimationFrame(() => done(performance.now() - begin));
    view.map.setView([lat, lon], zoom, {animate: false});
    if (grid.isLoading()) grid.once('load', end); else end();
})"""

Row = dict[str, Any]


def main() -> None:
    """See above."""
    ask = argparse.ArgumentParser(prog="bench.map", description="what the map of a large plan costs")
    ask.add_argument("--parcels", type=int, default=200_000)
    ask.add_argument("--plan", type=Path, help="a plan folder, instead of making one")
    ask.add_argument("--planners", type=int, default=30)
    ask.add_argument("--browsers", type=int, default=4)
    ask.add_argument("--seconds", type=float, default=60.0)
    ask.add_argument("--json", action="store_true")
    given = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        placed(home, given.plan or planned(home, given.parcels))
        # whatever of ours is asked in this process looks there, too
        os.environ["CHIGAI_HOME"] = str(home)
        found: Row = {"parcels": mapdata.plan("bench", False).cutter.parcels.count, "tiles": _tiles(home)}
        with Server(home) as server:
            found["browser"] = _browser(server)
            found["planners"] = asyncio.run(_planners(server, given.planners, given.seconds))
            found["browsers"] = asyncio.run(browsers(server, given.browsers, given.seconds))
    if given.json:
        print(json.dumps(found, indent=1))
    else:
        _told(found)


def _tiles(home: Path) -> Row:
    """Seconds and megabytes of the job that makes them, in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from tracking import tilesets;"
        "tilesets.build({'plan': 'bench', 'shifted': False}, Path(sys.argv[1]), 'bench', lambda *said: None)"
    )
    began, peak = time.perf_counter(), 0
    with psutil.Popen([sys.executable, "-c", code, str(home)], cwd=ROOT) as job:
        while job.poll() is None:
            peak = max(peak, job.memory_info().rss)
            time.sleep(0.05)
        if job.returncode:
            raise SystemExit("the tiles could not be made")
    file = tilesets.place(home, "bench", False) / tilesets.TILES
    return {
        "seconds": time.perf_counter() - began,
        "peak_mb": peak / 1e6,
        "file_mb": file.stat().st_size / 1e6,
    }


class Server:
    """The whole app on a free port."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "error"]
        self.process = psutil.Popen(
            [*command, "--no-access-log"],
            cwd=ROOT,
            env=os.environ | {"CHIGAI_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Server:
        end = time.monotonic() + 120
        while True:
            try:
                # the first visit draws the page; from then on it is there
                if httpx.get(self.base + maps.plan_map_url("bench"), timeout=60).status_code == 200:
                    httpx.get(f"{self.base}/chigai/data/plan/bench/looks/state.bin", timeout=60)
                    return self
            except httpx.HTTPError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    @property
    def mb(self) -> float:
        """What it holds of its own now."""
        told = self.process.memory_info()
        return (told.rss - told.shared) / 1e6


def _thick() -> tuple[float, float]:
    """Latitude and longitude where the blocks lie thickest."""
    x, y = (np.asarray(ends) for ends in mapdata.plan("bench", False)._middles[1:])
    cell = np.stack([x // 0.05, y // 0.04], axis=1)
    _, which, many = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    mine = which.ravel() == int(many.argmax())
    return float(np.median(y[mine])), float(np.median(x[mine]))


def _browser(server: Server) -> Row:
    """One planner in Chromium."""
    from playwright.sync_api import sync_playwright

    lat, lon = _thick()
    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        paints = {}
        for name, mark in (
            ("whole", ""),
            ("close", f"#at={lat},{lon},16"),
            ("blocks", f"#at={lat},{lon},12"),
        ):
            times = []
            for _ in range(3):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                page.on("request", lambda request: asked.append(request.url))
                began = time.perf_counter()
                page.goto(server.base + maps.plan_map_url("bench") + mark, wait_until="commit")
                while not page.evaluate(f"Boolean(window.chigai?.views?.length) && {_DRAWN}"):
                    page.wait_for_timeout(10)
                times.append(time.perf_counter() - began)
                context.close()
            paints[name] = statistics.median(times)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.base + maps.plan_map_url("bench"))
        heap = context.new_cdp_session(page)
        pans: dict[int, list[float]] = {}
        most = 0.0
        for zoom in ZOOMS:
            page.evaluate(f"void chigai.views[0].map.setView([{lat}, {lon}], {zoom}, {{animate: false}})")
            page.wait_for_timeout(400)
            while not page.evaluate(_DRAWN):
                page.wait_for_timeout(20)
            pans[zoom] = []
            for i in range(PANS):
                right, down = STEP[0] * (1 if i % 4 < 2 else -1), STEP[1] * (1 if i % 2 else -1)
                pans[zoom].append(page.evaluate(_PAN, [right, down]) / 1000)
                most = max(most, _heap(heap))
                page.wait_for_timeout(150)
        heap.send("HeapProfiler.collectGarbage")
        rest = _heap(heap)
        browser.close()
    every = [one for times in pans.values() for one in times]
    return {
        "first_paint_s": paints,
        "pan_s": {"median": statistics.median(every), "worst": max(every)},
        "pan_median_s_by_zoom": {zoom: statistics.median(times) for zoom, times in pans.items()},
        "heap_mb": {"most": most, "rest": rest},
        "outside": sorted({url for url in asked if not url.startswith((server.base, "data:"))}),
    }


def _heap(session: Any) -> float:
    return _held(session.send("Runtime.getHeapUsage"))


def _held(told: dict[str, float]) -> float:
    return (told["usedSize"] + told.get("backingStorageSize", 0)) / 1e6


async def _planners(server: Server, many: int, seconds: float) -> Row:
    """So many at once on the running server."""
    data = mapdata.plan("bench", False)
    _, lon, lat = data._middles
    times: dict[str, list[float]] = {"pan": [], "click": []}
    held, began = [server.mb], psutil.cpu_times()
    for half in range(2):
        until = time.monotonic() + seconds / 2
        await asyncio.gather(*(_one(server, half * many + i, until, lon, lat, times) for i in range(many)))
        held.append(server.mb)
    after = psutil.cpu_times()
    idle = (after.idle - began.idle) / (seconds * (psutil.cpu_count() or 1))
    return _summed(times) | {
        "planners": many,
        "server_mb": held[-1],
        "session_mb": (held[1] - held[0]) / many,
        "later_mb": (held[2] - held[1]) / many,
        "idle_share": idle,
    }


def _summed(times: dict[str, list[float]]) -> Row:
    return {
        kind: {
            "count": len(found),
            "median_s": statistics.median(found),
            "p95_s": float(np.percentile(found, 95)),
            "worst_s": max(found),
        }
        for kind, found in times.items()
        if found
    }


async def browsers(server: Server, many: int, seconds: float) -> Row:
    """So many real pages at once."""
    from playwright.async_api import async_playwright

    _, lon, lat = mapdata.plan("bench", False)._middles
    times: dict[str, list[float]] = {"jump": [], "click": []}
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        pages = []
        for _ in range(many):
            page = await browser.new_page(viewport={"width": 1440, "height": 900})
            await page.goto(server.base + maps.plan_map_url("bench"))
            while not await page.evaluate(f"Boolean(window.chigai?.views?.length) && {_DRAWN}"):
                await asyncio.sleep(0.05)
            pages.append(page)
        until = time.monotonic() + seconds
        await asyncio.gather(*(_page(page, i, until, lon, lat, times) for i, page in enumerate(pages)))
        spies = [await page.context.new_cdp_session(page) for page in pages]
        told = [await spy.send("Runtime.getHeapUsage") for spy in spies]
        await browser.close()
    most = max(map(_held, told), default=0.0)
    return _summed(times) | {"browsers": many, "heap_mb": most, "server_mb": server.mb}


async def _page(page: Any, who: int, until: float, lon: Any, lat: Any, times: dict[str, list[float]]) -> None:
    """One page: from block to block; half of the time the block in the middle is clicked."""
    dice = random.Random(who)
    await asyncio.sleep(dice.uniform(0, THINK_S[1]))
    while time.monotonic() < until:
        row, zoom = dice.randrange(len(lon)), dice.choice(ZOOMS)
        there = [float(lat[row]), float(lon[row]), zoom]
        times["jump"].append(await page.evaluate(_JUMP, there) / 1000)
        if zoom >= ZOOMS[2] and dice.random() < 0.5:
            begin = time.perf_counter()
            await page.mouse.click(720, 450)
            await page.wait_for_selector(".cg-card", timeout=60_000)
            times["click"].append(time.perf_counter() - begin)
        await asyncio.sleep(dice.uniform(*THINK_S))


async def _one(
    server: Server, who: int, until: float, lon: Any, lat: Any, times: dict[str, list[float]]
) -> None:
    """One planner: pans from block to block, clicks now and then."""
    dice = random.Random(who)
    root = f"{server.base}/chigai/data/plan/bench"
    # the server closes a connection after five seconds of nothing, as a browser would see
    limits = httpx.Limits(max_connections=MOST_AT_ONCE, keepalive_expiry=4.0)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        await asyncio.sleep(dice.uniform(0, THINK_S[1]))
        row = dice.randrange(len(lon))
        while time.monotonic() < until:
            begin = time.perf_counter()
            if dice.random() < 0.5:
                row = dice.randrange(len(lon))
                tiles, chunks = _in_view(lon[row], lat[row], dice.choice((12, 13, 14, 15)))
                await asyncio.gather(*(client.get(f"{root}/tiles/{z}/{x}/{y}.mvt") for z, x, y in tiles))
                if chunks:
                    await client.get(f"{root}/parcels/0.bin")
                times["pan"].append(time.perf_counter() - begin)
            else:
                (await client.get(f"{root}/card.json", params={"block": str(row)})).raise_for_status()
                times["click"].append(time.perf_counter() - begin)
            await asyncio.sleep(dice.uniform(*THINK_S))


def _in_view(lon: float, lat: float, zoom: int) -> tuple[list[tuple[int, int, int]], bool]:
    """The tiles that a pan by most of a screen brings into view: three columns of five; whether parcels are asked for."""
    x, y = (int(part) for part in world(np.array([lon]), np.array([lat]))[0] * 2**zoom)
    return [(zoom, x + i, y + j) for i in range(3) for j in range(-2, 3)], zoom == ZOOMS[3]


def _told(found: Row) -> None:
    table = Table(title=f"{found['parcels']:,} parcels", show_header=False)
    made, seen, crowd = found["tiles"], found["browser"], found["planners"]
    table.add_row(
        "tiles", f"{made['seconds']:.0f} s, {made['file_mb']:.0f} MB, peak {made['peak_mb']:,.0f} MB"
    )
    for name, value in seen["first_paint_s"].items():
        table.add_row(f"first paint, {name}", f"{value:.2f} s")
    table.add_row("a pan", f"median {seen['pan_s']['median']:.2f} s, worst {seen['pan_s']['worst']:.2f} s")
    by = ", ".join(f"{zoom}: {value:.2f}" for zoom, value in seen["pan_median_s_by_zoom"].items())
    table.add_row("by zoom, median s", by)
    table.add_row("heap", f"most {seen['heap_mb']['most']:.0f} MB, rest {seen['heap_mb']['rest']:.0f} MB")
    table.add_row("asked of other hosts", str(len(seen["outside"])))
    pages = found["browsers"]
    for many, of in ((f"{crowd['planners']} at once", crowd), (f"{pages['browsers']} browsers", pages)):
        for kind in ("pan", "jump", "click"):
            if one := of.get(kind):
                table.add_row(
                    f"{many}, {kind}",
                    f"median {one['median_s']:.3f} s, 95 % {one['p95_s']:.2f} s, "
                    f"worst {one['worst_s']:.2f} s ({one['count']})",
                )
    table.add_row(
        "server",
        f"{crowd['server_mb']:.0f} MB, {crowd['session_mb']:.1f} MB a session, then {crowd['later_mb']:.1f} MB",
    )
    Console().print(table)


if __name__ == "__main__":
    main()
