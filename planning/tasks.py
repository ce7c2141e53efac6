"""The tasks of a run, from disk to disk: each reads what is its own and puts what it made in place in one step.

What a task leaves behind in the run's work folder is what the next ones read, so a run that was stopped goes on
where it was, and a task that is done twice does no harm.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from geo import datasets, files, schemas
from geo.datasets import Part
from planning import layout
from planning.choosing import Wish, choose_county
from planning.effort import Effort
from planning.programme import block_minimums, load
from planning.sites import Nodes, grouped, of_blocks, together, with_outlines
from planning.tract import Made, Numbers, Rules, planned

Progress = Callable[[str, float], None]
Ints = npt.NDArray[np.int64]

DONE = "done.json"
ACROSS = "across.parquet"
"""Pairs of nodes in two tracts of one district, in the work folder where there are such."""
PAIR = ("left_tract", "left", "right_tract", "right", "touching")
MARGIN_M = layout.AROUND_M + 100.0
"""Barriers are read this far around a tract's parcels."""
TABLES = ("shares", "layout", "straight", "hauls", "units", "works")
"""Tables of a tract that go into the plan as they are, besides its parcels and blocks."""


@dataclass(frozen=True)
class Piece:
    """Parcels of a tract: a part of the dataset, or some rows of it."""

    part: Part
    rows: Ints | None = None

    def counties(self, dataset: Path) -> dict[str, int]:
        if self.rows is None:
            return dict(self.part.counties)
        county = pd.read_parquet(dataset / self.part.file, columns=["county"]).county.iloc[self.rows]
        return {str(k): int(n) for k, n in county.fillna("").value_counts(sort=False).items()}


@dataclass(frozen=True)
class Brief:
    """What all tasks of a run know. work: the run's folder; programme: name or path; overrides: {parameter: value}."""

    work: Path
    dataset: Path
    programme: str
    overrides: Mapping[str, float]
    dem: Path | None
    seed: int
    effort: Effort
    threads: int

    def rules(self) -> Rules:
        programme = load(self.programme)
        parameters = programme.parameters.with_values(**self.overrides)
        return Rules(
            programme, parameters, block_minimums(programme), self.dem, self.seed, self.effort, self.threads
        )

    def tract(self, number: int) -> Path:
        return self.work / "tracts" / f"{number:05d}"


@dataclass(frozen=True)
class Tract:
    """Brief one tract: its parcels, and where its numbers begin."""

    brief: Brief
    number: int
    pieces: tuple[Piece, ...]
    numbers: Numbers
    rows: int


@dataclass(frozen=True)
class County:
    """Choose the sites of one county from the nodes of its tracts. stopped: mu in no block, by their reason."""

    brief: Brief
    county: str
    tracts: tuple[int, ...]
    stopped: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finish:
    """Tell a tract's blocks which sites they belong to, and collect the outlines of its sites."""

    brief: Brief
    number: int
    counties: tuple[str, ...]


def plan_tract(task: Tract, progress: Progress) -> dict[str, Any]:
    """Plan a tract; its sums (planning.tally) and the seconds of its stages."""
    folder = task.brief.tract(task.number)
    if (told := done(folder)) is not None:
        return told
    clock = _Clock(progress)
    clock.at("neighbours", 0.0)
    rules = task.brief.rules()
    frames = [datasets.read_part(task.brief.dataset, piece.part, piece.rows) for piece in task.pieces]
    parcels = frames[0] if len(frames) == 1 else gpd.GeoDataFrame(pd.concat(frames, ignore_index=True))
    known = parcels.county.isin([u.adcode for u in rules.programme.units]).to_numpy()
    if not known.all():
        parcels = parcels[known].reset_index(drop=True)
    bounds = tuple(float(v) for v in parcels.total_bounds)
    barriers = datasets.near(task.brief.dataset, datasets.BARRIERS, bounds, MARGIN_M)  # type: ignore[arg-type]
    made = planned(parcels, barriers, rules, task.numbers, clock.at)
    told = {**made.tally, "seconds": clock.ended()}
    with left_behind(folder, told) as beside:
        _write(made, beside)
    return told


class _Clock:
    """The seconds of each stage of a task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seconds: dict[str, float] = {}
        self._stage, self._since = "", 0.0

    def at(self, stage: str, fraction: float) -> None:
        if stage != self._stage:
            self.ended()
            self._stage, self._since = stage, time.perf_counter()
        self._progress(stage, fraction)

    def ended(self) -> dict[str, float]:
        if self._stage:
            spent = time.perf_counter() - self._since
            self._seconds[self._stage] = round(self._seconds.get(self._stage, 0.0) + spent, 3)
            self._stage = ""
        return self._seconds


def _write(made: Made, folder: Path) -> None:
    schemas.PARCELS.validate(made.parcels)
    schemas.BLOCKS.validate(made.blocks)
    schemas.SHARES.validate(made.shares)
    # all parts of a table say the same of its columns, also where one of them is empty
    made.parcels["consent"] = made.parcels["consent"].astype("boolean")
    files.write_geo(made.parcels, folder / "parcels.parquet")
    files.write_geo(made.blocks.assign(node=made.node), folder / "blocks.parquet")
    for name in TABLES:
        files.write_table(made.shares if name == "shares" else made.more[name], folder / f"{name}.parquet")
    _write_nodes(made.nodes, folder)


def _write_nodes(nodes: Nodes, folder: Path) -> None:
    files.write_table(nodes.table, folder / "nodes.parquet")
    pairs = pd.DataFrame({"left": nodes.left, "right": nodes.right, "touching": nodes.touching})
    files.write_table(pairs, folder / "near.parquet")


def nodes_of(folder: Path) -> Nodes:
    """The nodes that a tract left behind."""
    pairs = pd.read_parquet(folder / "near.parquet")
    return Nodes(
        pd.read_parquet(folder / "nodes.parquet"),
        pairs.left.to_numpy(np.int64),
        pairs.right.to_numpy(np.int64),
        pairs.touching.to_numpy(bool),
    )


def choose_sites(task: County, progress: Progress) -> dict[str, Any]:
    """Choose a county's sites; what plan.json says of it."""
    folder = task.brief.work / "counties" / task.county
    if (told := done(folder)) is not None:
        return told
    progress("sites", 0.0)
    rules = task.brief.rules()
    unit = next(u for u in rules.programme.units if u.adcode == task.county)
    each = [nodes_of(task.brief.tract(number)) for number in task.tracts]
    tract = np.repeat(np.array(task.tracts), [len(n) for n in each])
    within = np.concatenate([np.arange(len(n)) for n in each])
    found = together(each)
    found = _with_pairs_across(found, tract, within, task)
    own = np.flatnonzero(found.table.county.to_numpy() == task.county)
    found = found.of(own)
    chosen, told, frontier = choose_county(
        found, task.stopped, unit, rules.parameters.site_gap_m.value, Wish(), task.brief.effort
    )
    site, rows = grouped(found, {task.county: unit.site_minimum_mu}, chosen)
    with left_behind(folder, told) as beside:
        places = pd.DataFrame(
            {"tract": tract[own], "node": within[own], "site_id": pd.Series(site, dtype="str")}
        )
        files.write_table(places, beside / "places.parquet")
        files.write_table(rows, beside / "sites.parquet")
        files.write_table(frontier, beside / "frontier.parquet")
    return told


def _with_pairs_across(found: Nodes, tract: Ints, within: Ints, task: County) -> Nodes:
    """The nodes with the pairs that lie in two tracts of one district, where there are such."""
    path = task.brief.work / ACROSS
    if not path.exists():
        return found
    pairs = pd.read_parquet(path)
    place = pd.Series(np.arange(len(tract)), index=pd.MultiIndex.from_arrays([tract, within]))
    left = place.reindex(pd.MultiIndex.from_frame(pairs[["left_tract", "left"]])).to_numpy(float)
    right = place.reindex(pd.MultiIndex.from_frame(pairs[["right_tract", "right"]])).to_numpy(float)
    here = np.isfinite(left) & np.isfinite(right)
    return Nodes(
        found.table,
        np.concatenate([found.left, left[here].astype(np.int64)]),
        np.concatenate([found.right, right[here].astype(np.int64)]),
        np.concatenate([found.touching, pairs.touching.to_numpy(bool)[here]]),
    )


def finish_tract(task: Finish, progress: Progress) -> dict[str, Any]:
    """The blocks of a tract with their sites, and what of each site lies in the tract."""
    folder = task.brief.work / "finished" / f"{task.number:05d}"
    if (told := done(folder)) is not None:
        return told
    progress("sites", 0.0)
    draft = gpd.read_parquet(task.brief.tract(task.number) / "blocks.parquet")
    node = draft.pop("node").to_numpy(np.int64)
    site = np.full(int(node.max(initial=-1)) + 1, None, dtype=object)
    rows = []
    for county in task.counties:
        chosen = task.brief.work / "counties" / county
        places = pd.read_parquet(chosen / "places.parquet", filters=[("tract", "==", task.number)])
        named = places.site_id.notna().to_numpy()
        site[places.node.to_numpy()[named]] = places.site_id.to_numpy(object)[named]
        rows.append(pd.read_parquet(chosen / "sites.parquet"))
    ids = of_blocks(site, node)
    blocks = draft.assign(site_id=pd.Series(ids, index=draft.index, dtype="str"))
    here = pd.concat(rows, ignore_index=True)
    here = here[here.site_id.isin(set(ids[pd.notna(ids)]))].reset_index(drop=True)
    outlines = with_outlines(here, ids, blocks.geometry.to_numpy(), blocks.crs)
    with left_behind(folder, {}) as beside:
        files.write_geo(gpd.GeoDataFrame(blocks[[*schemas.BLOCKS.columns]]), beside / "blocks.parquet")
        files.write_geo(outlines, beside / "sites.parquet")
    return {}


@dataclass(frozen=True)
class Sites:
    """Put the outlines of one county's sites together, which may lie in several tracts."""

    brief: Brief
    county: str
    tracts: tuple[int, ...]


def finish_sites(task: Sites, progress: Progress) -> dict[str, Any]:
    """The table of a county's sites."""
    folder = task.brief.work / "sites" / task.county
    if (told := done(folder)) is not None:
        return told
    progress("sites", 0.0)
    rows = pd.read_parquet(task.brief.work / "counties" / task.county / "sites.parquet")
    pieces = [
        gpd.read_parquet(task.brief.work / "finished" / f"{number:05d}" / "sites.parquet")
        for number in task.tracts
    ]
    drawn = pd.concat([p[p.county == task.county] for p in pieces], ignore_index=True)
    table = with_outlines(rows, drawn.site_id.to_numpy(object), drawn.geometry.to_numpy(), pieces[0].crs)
    schemas.SITES.validate(table)
    with left_behind(folder, {}) as beside:
        files.write_geo(table, beside / "sites.parquet")
    return {}


def done(folder: Path) -> dict[str, Any] | None:
    """What a task said that is done already; None where it is not."""
    try:
        return json.loads((folder / DONE).read_text("utf-8"))
    except (OSError, ValueError):
        return None


@contextmanager
def left_behind(folder: Path, told: Mapping[str, Any]) -> Any:
    """A folder beside `folder` to write into; it is put in place, with what the task says, once all is written."""
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    beside.mkdir(parents=True)
    try:
        yield beside
        (beside / DONE).write_text(json.dumps(told, ensure_ascii=False), "utf-8")
        if folder.exists():  # another worker was faster, with the same
            shutil.rmtree(folder)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
