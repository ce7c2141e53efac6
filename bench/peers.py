"""chigai's joining beside libraries that build regions, all scored by the same referee.

    python -m bench.peers [PARCELS ...] --python PEERS_PYTHON [--keep FOLDER] [--write docs/peers.md]

PEERS_PYTHON is a Python that has the dependency group `peers` (requirements-peers.lock); chigai runs in this
one. Each method works on the very same neighbours, areas and levels, in a process of its own with a limit on its
CPU seconds (`bench.peer`). With --keep, a peer's answer that is there already is not made again; chigai's is.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.frames import boxes, rectangularity
from geo.neighbours import neighbours
from geo.schemas import MU_M2
from planning import programme, tables
from planning.cost import Prices, block_cost, levelling, ridge_cost
from planning.effort import Effort

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]

ROOT = Path(__file__).resolve().parents[1]
SIZES = (400, 2500, 10_000, 50_000)
PEERS_UP_TO = 10_000
"""Parcels up to which the peers are run: beyond, spopt asks for a square array, pygeoda for more than there is."""
EARTH = ", earth alone"
EFFORTS = tuple(f"chigai {effort.value}" for effort in Effort)
CHIGAI = EFFORTS + tuple(name + EARTH for name in EFFORTS)
"""At the notice's prices; and as for one who pays for earth alone, which is nearest to what the peers seek."""
PEERS = (
    "pygeoda redcap",
    "pygeoda skater",
    "pygeoda maxp_greedy",
    "pygeoda maxp_sa",
    "pygeoda maxp_tabu",
    "spopt MaxPHeuristic",
)
CITED = {
    10_000: ("Pyneapple SMPP, cited", "1,714", "", "", "", "13.2", "", "", "0.46", "6.2", "374"),
    50_000: ("Pyneapple SMPP, cited", "", "", "", "", "", "", "", "", "63", "2,400"),
}
"""What was measured once, by hand, of a peer that needs Java: on like grids, not on these paddies."""
CPU_LIMIT_S = 900
MINIMUM_MU = 5.0
"""A county's least block in the notice."""
PARCEL_MU = 1.2
JITTER = 0.2
"""How far a corner of the grid is moved at the most, in sides of a paddy."""
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
"""Threads of numerical libraries that only wait burn CPU seconds, to nobody's credit."""
LAST_RUN = "## The last run"


@dataclass(frozen=True)
class Ground:
    """Paddies of one unit without a canal: a jittered grid; shapes of n parcels and what faces what."""

    shapes: npt.NDArray[np.object_]
    columns: int
    elevation_m: Floats
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    facing_m: Floats
    ridge_m2: Floats


@dataclass(frozen=True)
class Limits:
    """The hard rules and prices that all are scored by."""

    minimum_mu: float
    maximum_mu: float
    max_step_m: float
    prices: Prices


@dataclass(frozen=True)
class Score:
    """What a partition is worth. blocks: regions; compliant_mu: of those that break no rule."""

    blocks: int
    compliant_mu: float
    share: float
    below: int
    above: int
    steep: int
    torn: int
    cut_m3_per_mu: float
    cost_yuan_per_mu: float
    largest_mu: float
    compactness: float


@dataclass(frozen=True)
class Run:
    """One method on one instance; failed: why there is no answer. Seconds are CPU, of all threads."""

    method: str
    score: Score | None
    cpu_s: float
    peak_mb: float
    failed: str = ""


def ground(parcels: int, seed: int = 1) -> Ground:
    """A square jittered grid of about `parcels` paddies of about 1.2 mu on gently falling ground.

    Levels: a fall of 1 in 300, waves of 200 to 900 m, and 2.5 cm (standard deviation) of a paddy's own. It is as
    steep as makes redcap move about ten m³ a mu, as on the grid that the targets were set by.
    """
    rng = np.random.default_rng(seed)
    side = math.isqrt(parcels)
    length = math.sqrt(PARCEL_MU * MU_M2)
    j, i = np.meshgrid(np.arange(side + 1), np.arange(side + 1))
    corner = np.stack([j, i], axis=-1) + rng.uniform(-JITTER, JITTER, (side + 1, side + 1, 2))
    corner = corner * length + np.array([500_000.0, 5_000_000.0])
    ring = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=2)
    shapes = shapely.polygons(ring.reshape(-1, 4, 2))
    middle = shapely.get_coordinates(shapely.centroid(shapes)) - np.array([500_000.0, 5_000_000.0])
    level = 100 + middle @ np.array([1 / 300, 1 / 750])
    for wave in rng.uniform(200, 900, 5):
        way = rng.uniform(0, np.pi)
        along = middle @ np.array([np.cos(way), np.sin(way)])
        level += 0.0003 * wave * np.sin(2 * np.pi * along / wave + rng.uniform(0, 2 * np.pi))
    level += rng.normal(0, 0.025, len(level))
    nb = neighbours(shapes)
    return Ground(shapes, side, level, nb.left, nb.right, nb.facing_m, nb.ridge_m2)


def limits() -> Limits:
    """Those of the bundled notice."""
    p = programme.load("jixi-2020-8").parameters
    return Limits(MINIMUM_MU, p.max_mu.value, p.max_step_m.value, tables.prices(p, earthwork=True))


def score(it: Ground, labels: Ints, rules: Limits) -> Score:
    """The referee. labels: int[n], -1 in no region. Cut is of all regions, whether they break a rule or not.

    A region that is torn, below the minimum, above the maximum or over the step does not count as compliant; it
    costs what is less, making it or keeping its ridges. A paddy alone costs nothing but its ridges.
    """
    _, names = np.unique(labels[labels >= 0], return_inverse=True)
    lab = np.full(len(labels), -1)
    lab[labels >= 0] = names
    n = int(lab.max(initial=-1)) + 1
    area = shapely.area(it.shapes)
    same = (lab[it.left] == lab[it.right]) & (lab[it.left] >= 0)
    whole = np.bincount(names, area[lab >= 0], n) + np.bincount(lab[it.left][same], it.ridge_m2[same], n)
    size = np.bincount(names, minlength=n)
    below = whole < rules.minimum_mu * MU_M2
    above = (whole > rules.maximum_mu * MU_M2) & (size > 1)
    steep = _span_m(it, lab, n) > rules.max_step_m + 1e-9
    torn = _pieces(it, lab, same, n) > 1
    good = ~(below | above | steep | torn)
    order = np.argsort(lab, kind="stable")[np.sum(lab < 0) :]
    groups = np.split(it.shapes[order], np.cumsum(size)[:-1])
    outline = np.array([shapely.union_all(group) for group in groups], dtype=object)
    _, cut = levelling(area, it.elevation_m, lab, n)
    made = block_cost.py_func(cut, whole, rectangularity(outline), np.ones(n), rules.prices)
    removed = np.bincount(lab[it.left][same], it.facing_m[same], n)
    left_as_is = rules.prices.ridge_yuan_per_m * removed
    cost = np.where(size == 1, 0.0, np.where(good, made, np.minimum(made, left_as_is)))
    spent = cost.sum() + ridge_cost(float(it.facing_m[~same].sum()), rules.prices)
    parcels_mu = np.bincount(names, area[lab >= 0], n) / MU_M2
    return Score(
        blocks=n,
        compliant_mu=float(parcels_mu[good].sum()),
        share=float(parcels_mu[good].sum() * MU_M2 / area.sum()),
        below=int(below.sum()),
        above=int(above.sum()),
        steep=int(steep.sum()),
        torn=int(torn.sum()),
        cut_m3_per_mu=float(cut.sum() / parcels_mu.sum()),
        cost_yuan_per_mu=float(spent / (area.sum() / MU_M2)),
        largest_mu=float(whole.max() / MU_M2),
        compactness=float(np.mean(4 * np.pi * shapely.area(outline) / shapely.length(outline) ** 2)),
    )


def _span_m(it: Ground, lab: Ints, n: int) -> Floats:
    """From the lowest to the highest paddy of each region."""
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, lab[lab >= 0], it.elevation_m[lab >= 0])
    np.maximum.at(high, lab[lab >= 0], it.elevation_m[lab >= 0])
    return high - low


def _pieces(it: Ground, lab: Ints, same: npt.NDArray[np.bool_], n: int) -> Ints:
    """Connected pieces of each region; same: pairs within one."""
    links = coo_array((np.ones(same.sum()), (it.left[same], it.right[same])), shape=(len(lab), len(lab)))
    held = connected_components(links, directed=False)[1]
    return np.bincount(np.unique(np.stack([lab, held])[:, lab >= 0], axis=1)[0], minlength=n)


def write_instance(it: Ground, rules: Limits, path: Path) -> None:
    """The arrays that `bench.peer` reads."""
    area = shapely.area(it.shapes)
    middle = shapely.get_coordinates(shapely.centroid(it.shapes))
    np.savez(
        path, area_m2=area, area_mu=area / MU_M2, elevation_m=it.elevation_m, x=middle[:, 0], y=middle[:, 1],
        box_m=boxes(it.shapes, np.zeros(len(area))), left=it.left, right=it.right, facing_m=it.facing_m,
        ridge_m2=it.ridge_m2, columns=it.columns, minimum_mu=rules.minimum_mu,
        minimum_m2=rules.minimum_mu * MU_M2, maximum_m2=rules.maximum_mu * MU_M2, max_step_m=rules.max_step_m,
        prices=np.array(rules.prices),
    )  # fmt: skip


def run(
    method: str, it: Ground, rules: Limits, instance: Path, python: str, limit_s: float, keep: Path
) -> Run:
    """One method in a process of its own; a peer's answer to the same instance is taken from `keep`."""
    seen = (shapely.area(it.shapes), it.elevation_m, it.left, it.right, np.float64(rules.minimum_mu))
    name = hashlib.sha256(b"".join(a.tobytes() for a in seen)).hexdigest()[:12]
    answer = keep / f"{'-'.join(method.replace(',', '').split())}-{len(it.shapes)}-{name}.npz"
    refusal = answer.with_suffix(".failed")
    if method in CHIGAI or not (answer.exists() or refusal.exists()):
        answer.unlink(missing_ok=True)
        command = [python, "-m", "bench.peer", method, str(instance), str(answer), str(limit_s)]
        done = subprocess.run(
            command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode != 0:
            refusal.write_text(_reason(done.returncode, limit_s, done.stderr.decode(errors="replace")))
    if not answer.exists():
        return Run(method, None, math.nan, math.nan, refusal.read_text())
    with np.load(answer) as file:
        return Run(method, score(it, file["labels"], rules), float(file["cpu_s"]), float(file["peak_mb"]))


def _reason(code: int, limit_s: float, told: str) -> str:
    if code == -signal.SIGXCPU:
        return f"over {limit_s:.0f} CPU s"
    lines = told.strip().splitlines()
    return f"failed ({code}): {lines[-1][:80] if lines else 'ended without a word'}"


HEAD = (
    "method", "blocks", "compliant mu", "share", "too small / large / steep", "cut m³/mu", "cost yuan/mu",
    "largest mu", "compact", "CPU s", "peak MB",
)  # fmt: skip


def row(r: Run) -> tuple[str, ...]:
    s = r.score
    if s is None:
        return (r.method, r.failed, *[""] * (len(HEAD) - 2))
    broken = f"{s.below} / {s.above} / {s.steep}" + (f", {s.torn} torn" if s.torn else "")
    return (
        r.method, f"{s.blocks:,}", f"{s.compliant_mu:,.1f}", f"{s.share:.2%}", broken, f"{s.cut_m3_per_mu:.2f}",
        f"{s.cost_yuan_per_mu:.1f}", f"{s.largest_mu:.1f}", f"{s.compactness:.3f}", f"{r.cpu_s:.2f}",
        f"{r.peak_mb:,.0f}",
    )  # fmt: skip


def verdicts(runs: list[Run]) -> list[str]:
    """What the table says of chigai beside every peer that answered: a line for each of its rows."""
    peers = [r.score for r in runs if r.method not in CHIGAI and r.score is not None]
    redcap = next((r.score for r in runs if r.method == "pygeoda redcap"), None)
    out = []
    for r in runs:
        s = r.score
        if r.method not in CHIGAI or s is None or not peers:
            continue
        area = round(s.compliant_mu - max(p.compliant_mu for p in peers), 1) + 0.0
        line = f"{r.method}: {area:+,.1f} mu beside the most of any peer"
        if not r.method.endswith(EARTH):
            cost = s.cost_yuan_per_mu / min(p.cost_yuan_per_mu for p in peers) - 1
            line += f", {cost:+.1%} yuan beside the cheapest"
        elif redcap is not None:
            line += f", {s.cut_m3_per_mu / redcap.cut_m3_per_mu - 1:+.1%} cut beside redcap"
        out.append(line)
    return out


def table(runs: list[Run], parcels: int) -> str:
    """The rows of one size, what was measured elsewhere at that size, and what they say, as markdown."""
    cited = [CITED[parcels]] if parcels in CITED else []
    lines = [HEAD, ("---",) * len(HEAD), *map(row, runs), *cited]
    told = [f"- {line}" for line in verdicts(runs)]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", *told])


def versions(python: str) -> str:
    """The peers' versions and the Python they run on."""
    ask = (
        "import platform; from importlib.metadata import version as v; "
        'print(f\'spopt {v("spopt")}, pygeoda {v("pygeoda")}, Python {platform.python_version()}\')'
    )
    return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def write(found: dict[int, str], peers: str, path: Path) -> None:
    """Put the tables in the place of those of the last run, below the page's last-run heading."""
    text = path.read_text("utf-8")
    kept = text[: text.index(LAST_RUN)]
    said = f"{date.today():%Y-%m-%d}; {peers}; {os.cpu_count()} cores, shared with other work."
    tables = [f"### {parcels:,} parcels\n\n{lines}\n" for parcels, lines in found.items()]
    path.write_text("\n".join([kept + LAST_RUN, "", said, "", *tables]), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parcels", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--python", help="a Python that has the group `peers`; without it chigai runs alone")
    parser.add_argument("--keep", type=Path, help="folder of the peers' answers, which are not made again")
    parser.add_argument(
        "--seconds", type=float, default=CPU_LIMIT_S, help="CPU seconds that a method may take"
    )
    parser.add_argument("--write", type=Path, help="page whose last run is to be replaced")
    args = parser.parse_args()
    rules = limits()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        keep = args.keep or Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        for parcels in args.parcels:
            it = ground(parcels)
            instance = Path(folder) / f"{parcels}.npz"
            write_instance(it, rules, instance)
            methods = [*CHIGAI, *(PEERS if args.python and parcels <= PEERS_UP_TO else ())]
            runs = []
            for method in methods:
                python = sys.executable if method in CHIGAI else args.python
                runs.append(run(method, it, rules, instance, python, args.seconds, keep))
                print(" | ".join(row(runs[-1])), file=sys.stderr, flush=True)
            found[parcels] = table(runs, parcels)
            print(f"\n{parcels:,} parcels\n\n{found[parcels]}\n", flush=True)
    if args.write is not None:
        write(found, versions(args.python) if args.python else "chigai alone", args.write)


if __name__ == "__main__":
    main()
