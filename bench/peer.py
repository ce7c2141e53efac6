"""One joining of one instance in a process of its own, by a peer or by chigai, with the CPU seconds it took.

    python -m bench.peer METHOD INSTANCE.npz ANSWER.npz CPU_SECONDS

Run by whichever Python has the method: a peer's needs the dependency group `peers` and nothing of chigai, and
chigai's nothing of them. Imports, compilation (a small instance is joined first) and the library's own object
for the neighbours are not counted. Beyond CPU_SECONDS the kernel ends the process.
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SEED = 1
MOST_BYTES = 8 << 30
"""A peer that wants more has failed; other people work on the machine."""

Instance = dict[str, np.ndarray]
Solve = Callable[[], Any]


def around(it: Instance) -> list[list[int]]:
    """Neighbours of each parcel."""
    out: list[list[int]] = [[] for _ in it["area_mu"]]
    for a, b in zip(it["left"].tolist(), it["right"].tolist(), strict=True):
        out[a].append(b)
        out[b].append(a)
    return out


def spopt(it: Instance) -> Solve:
    """MaxPHeuristic with its own settings."""
    import geopandas as gpd
    from libpysal.weights import W
    from spopt.region import MaxPHeuristic

    frame = gpd.GeoDataFrame(
        {"level": it["elevation_m"], "area": it["area_mu"]}, geometry=gpd.points_from_xy(it["x"], it["y"])
    )
    weights = W(dict(enumerate(around(it))), silence_warnings=True)
    model = MaxPHeuristic(frame, weights, ["level"], "area", float(it["minimum_mu"]))

    def solve() -> Any:
        np.random.seed(SEED)  # noqa: NPY002 — the library draws from the old generator
        model.solve()
        return model.labels_

    return solve


def pygeoda(it: Instance, name: str) -> Solve:
    """Max-p by growing, annealing or tabu search; trees cut with a least area in every region."""
    import pygeoda as geoda

    area = it["area_mu"].tolist()
    level = [it["elevation_m"].tolist()]
    least = float(it["minimum_mu"])
    n = len(area)
    with tempfile.TemporaryDirectory() as folder:
        gal = Path(folder) / "neighbours.gal"
        lines = [f"0 {n} parcels id"]
        for i, others in enumerate(around(it), 1):
            lines += [f"{i} {len(others)}", " ".join(str(j + 1) for j in others)]
        gal.write_text("\n".join(lines) + "\n")
        weights = geoda.read_gal(str(gal), [str(i) for i in range(1, n + 1)])
    if name in ("skater", "redcap"):
        # as many regions as the area could give; the cutting ends earlier, at the last tree that can be cut
        most = math.floor(sum(area) / least)
        bound = {"bound_variable": area, "min_bound": least, "random_seed": SEED}
        if name == "skater":
            return lambda: geoda.skater(most, weights, level, **bound)["Clusters"]
        return lambda: geoda.redcap(most, weights, level, "fullorder-wardlinkage", **bound)["Clusters"]
    return lambda: getattr(geoda, name)(weights, level, area, least, random_seed=SEED)["Clusters"]


def chigai(it: Instance, name: str) -> Solve:
    """The engine as the pipeline calls it: which parcels could be in a block, then the blocks.

    name: the effort, and "earth alone" for prices of nothing but earth.
    """
    from geo.neighbours import adjacency
    from planning.blocks import join
    from planning.cost import Prices
    from planning.effort import Effort
    from planning.fields import Fields, Rules
    from planning.reach import reachable

    n = len(it["area_mu"])
    fields = Fields(
        area_m2=it["area_m2"],
        elevation_m=it["elevation_m"],
        minimum_m2=np.full(n, float(it["minimum_m2"])),
        operator=np.full(n, -1, np.int32),
        box_m=it["box_m"],
        unit=np.zeros(n, np.int32),
        left=it["left"],
        right=it["right"],
        facing_m=it["facing_m"],
        ridge_m2=it["ridge_m2"],
    )
    prices = Prices(*it["prices"].tolist())
    effort, _, earth = name.partition(", ")
    if earth:
        prices = Prices(prices.earthwork_yuan_per_m3, 0.0, 0.0, 0.0)
    rules = Rules(float(it["maximum_m2"]), float(it["max_step_m"]), prices)

    def solve() -> Any:
        ptr, nbr, edge = adjacency(n, fields.left, fields.right)
        can = reachable(
            fields.area_m2, fields.elevation_m, ptr, nbr, fields.ridge_m2[edge], fields.minimum_m2,
            rules.max_step_m + 1e-9,
        )  # fmt: skip
        return join(fields, can, rules, SEED, effort=Effort(effort))

    return solve


def prepared(method: str, it: Instance) -> Solve:
    library, name = method.split(" ", 1)
    if library == "chigai":
        return chigai(it, name)
    return spopt(it) if library == "spopt" else pygeoda(it, name)


def small(it: Instance, side: int = 8) -> Instance:
    """The first parcels of the instance, to compile on: side × side of its grid."""
    columns = int(it["columns"])
    row, column = np.divmod(np.arange(len(it["area_mu"])), columns)
    rows = np.flatnonzero((row < side) & (column < side))
    place = np.full(len(row), -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    pair = (place[it["left"]] >= 0) & (place[it["right"]] >= 0)
    out = dict(it)
    for name in ("area_mu", "area_m2", "elevation_m", "box_m", "x", "y"):
        out[name] = it[name][rows]
    for name in ("left", "right", "facing_m", "ridge_m2"):
        out[name] = it[name][pair]
    out["left"], out["right"] = place[out["left"]], place[out["right"]]
    return out


def cpu_seconds() -> float:
    """User and system seconds of this process, all of its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """Most memory this process ever held. Not ru_maxrss: that begins with what the parent held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return math.nan


def main() -> None:
    method, instance, answer, limit = sys.argv[1:]
    seconds = int(float(limit))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    with np.load(instance) as file:
        it = dict(file)
    prepared(method, small(it))()
    solve = prepared(method, it)
    cpu, wall = cpu_seconds(), time.perf_counter()
    found = solve()
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    np.savez(answer, labels=np.asarray(found, np.int64), cpu_s=cpu, wall_s=wall, peak_mb=peak_mb())


if __name__ == "__main__":
    main()
