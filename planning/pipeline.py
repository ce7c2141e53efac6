"""One run of the planner: from the bureau's files, or a dataset, to a plan folder.

What was read and checked lies in parts on disk (geo.datasets). Each part is made a tract and planned by a task,
anywhere (planning.engines); then each county's sites are chosen from the tracts' figures, and each tract's blocks
are told theirs (planning.conduct). This process sees names, numbers and files, never the shapes of the whole.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from geo import datasets, files, plans, schemas, terrain
from geo.errors import ChigaiError
from planning import layout, machines, quality, tables, tally
from planning.choosing import put_in
from planning.conduct import Conductor
from planning.engines import engine, threads_of
from planning.importing import dataset_of, work_home
from planning.inputs import Request, known_counties, name_of, together, told_of
from planning.programme import Parameters, Programme, block_minimums, load
from planning.tally import Tally
from planning.tasks import TABLES, Brief, Tract
from planning.tract import STAGES as TRACT_STAGES

__all__ = ["STAGES", "Request", "run"]

Progress = Callable[[str, float], None]

STAGES = {
    "read": 0.08,
    "check": 0.14,
    "import": 0.03,
    **TRACT_STAGES,
    "sites": 0.06,
    "write": 0.04,
}
"""The stages in order, and the share of a run's time that each takes."""
OLD_S = 7 * 86_400.0
"""A run that was stopped is forgotten after this time."""


class _Clock:
    """Tells the progress of the whole run, which never goes back, and keeps the seconds of its own stages."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._progress = progress or (lambda stage, fraction: None)
        self._stage, self._since, self._last = "", 0.0, 0.0

    def at(self, stage: str, fraction: float) -> None:
        """Where a stage of this process stands, 0..1; the first word of a stage begins it."""
        if stage != self._stage:
            self.end()
            self._stage, self._since = stage, time.perf_counter()
        self.tell(stage, _before(stage) + STAGES[stage] * fraction)

    def tracts(self, stage: str, fraction: float) -> None:
        """Where all tracts stand, 0..1, one of which is in `stage`."""
        begin = _before(next(iter(TRACT_STAGES)))
        self.tell(stage, begin + sum(TRACT_STAGES.values()) * fraction)

    def tell(self, stage: str, fraction: float) -> None:
        self._last = max(self._last, min(fraction, 1.0))
        self._progress(stage, self._last)

    def again(self, stage: str) -> None:
        """Hear whether the run is to stop."""
        self._progress(stage, self._last)

    def end(self) -> None:
        if self._stage:
            self.add({self._stage: time.perf_counter() - self._since})
            self._stage = ""

    def add(self, seconds: dict[str, float]) -> None:
        for stage, spent in seconds.items():
            self.seconds[stage] = round(self.seconds[stage] + spent, 3)


def _before(stage: str) -> float:
    names = list(STAGES)
    return sum(STAGES[n] for n in names[: names.index(stage)])


def run(
    request: Request,
    out: Path,
    progress: Progress | None = None,
    *,
    workers: int | None = 1,
    scheduler: str | None = None,
    resume: bool = False,
    keep: bool = False,
    work: Path | None = None,
) -> dict[str, Any]:
    """Plan what the request names; what plan.json says of the plan that then lies in `out`.

    request.source: a file, or a dataset (`planning.importing`). workers: processes, None: one for each core;
    scheduler: address of a Dask scheduler whose workers see the same folders; both change nothing in the plan.
    progress(stage, fraction of the whole run) may raise CancelledError: the run stops, and `out` stays as it was.
    keep: what was done stays for a later run with `resume`, which goes on there if it asks for the same.
    work: where the tracts lie meanwhile, None: below CHIGAI_HOME, in a place of this plan's own.
    Raises ChigaiError for input or parameters that cannot be planned.
    """
    out = Path(out)
    plans.check_target(out)
    programme = load(request.programme)
    parameters = programme.parameters.with_values(**request.overrides)
    clock = _Clock(progress)
    work = work or work_home() / hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:24]
    with _alone(work, out):
        _begin(work, request, resume)
        try:
            meta = _run(request, out, programme, parameters, clock, work, workers, scheduler)
        except BaseException:
            if not keep:
                shutil.rmtree(work, ignore_errors=True)
            raise
        shutil.rmtree(work, ignore_errors=True)
    return meta


def _run(
    request: Request,
    out: Path,
    programme: Programme,
    parameters: Parameters,
    clock: _Clock,
    work: Path,
    workers: int | None,
    scheduler: str | None,
) -> dict[str, Any]:
    clock.tell("read", 0.0)
    dataset, manifest = dataset_of(request, work, clock.at)
    clock.end()
    strangers = known_counties(manifest["places"], programme, request.source.path)
    parts = datasets.parts(manifest)
    if request.dem is not None:
        terrain.check_reach(request.dem, [p.bounds for p in parts], manifest["crs"])
    brief = Brief(
        work, dataset, request.programme, dict(request.overrides), request.dem, request.seed, request.effort,
        threads=1 if scheduler is not None else threads_of(workers, len(parts)),
    )  # fmt: skip
    known = {u.adcode for u in programme.units}
    parts = [p for p in parts if known & p.counties.keys()]
    with engine(workers, scheduler, len(parts)) as at_work:
        first = next(iter(TRACT_STAGES))
        planning = Conductor(brief, at_work, clock.tracts, partial(clock.again, first))
        tracts = planning.tracts(parts, parameters.ridge_max_gap_m.value, known)
        each = planning.planned(tracts)
        for one in each:
            clock.add(one.pop("seconds"))
        whole = tally.added(each)
        if request.dem is not None and whole["levelled"] == 0:
            raise terrain.covers_none(request.dem)

        clock.at("sites", 0.0)
        siting = Conductor(brief, at_work, clock.at, partial(clock.again, "sites"))
        counties = [u.adcode for u in programme.units if u.adcode in whole["counties"]]
        told = siting.with_sites(tracts, each, counties, parameters.site_gap_m.value)

    clock.at("write", 0.0)
    findings = together(schemas.findings_frame(strangers, manifest["crs"]), datasets.findings(dataset))
    sites = pd.concat([_sites(brief, c) for c in counties], ignore_index=True)
    rows, total = tally.of_counties(
        whole["counties"], sites, programme.units, block_minimums(programme),
        tables.prices(parameters, request.dem is not None),
    )  # fmt: skip
    put_in(told, rows, total)
    meta = {
        "id": out.name,
        "name": name_of(request, manifest),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **_said(request, programme, parameters, manifest, whole),
        "totals": total,
        "counties": rows,
        "area": {
            "in_mu": manifest["area"]["in_mu"],
            "planned_mu": total["parcels_mu"],
            "left_out_mu": manifest["area"]["left_out_mu"] + sum(f.area_mu for f in strangers),
        },
        "findings": {str(k): int(v) for k, v in findings.kind.value_counts().items()},
        **request.told,
    }

    def finish(folder: Path) -> None:
        files.write_geo(findings, folder / "findings.parquet")
        clock.at("write", 0.9)
        clock.end()
        meta["seconds"] = clock.seconds

    plans.assemble(out, _written(brief, tracts, counties), meta, finish)
    clock.tell("write", 1.0)
    return meta


def _said(
    request: Request, programme: Programme, parameters: Parameters, manifest: dict[str, Any], whole: Tally
) -> dict[str, Any]:
    """What plan.json says of the run and of its whole."""
    inputs = [i for i in manifest["inputs"] if i["role"] != "dem"]
    return {
        "chigai": importlib.metadata.version("chigai"),
        "programme": {"id": programme.id, "name_zh": programme.name_zh, "name_en": programme.name_en},
        "parameters": parameters.as_values(),
        "parameter_notes": parameters.notes(),
        "seed": request.seed,
        "effort": str(request.effort),
        "quality": quality.told(whole["quality"]),
        "versions": {p: importlib.metadata.version(p) for p in ("geopandas", "shapely", "numba", "pyogrio")},
        "crs": manifest["crs"],
        "earthwork": request.dem is not None,
        "machines": machines.told(whole["machines"]),
        "layout": layout.told(whole["layout"]),
        "inputs": inputs + ([told_of("dem", request.dem)] if request.dem is not None else []),
    }


def _sites(brief: Brief, county: str) -> pd.DataFrame:
    return pd.read_parquet(brief.work / "counties" / county / "sites.parquet")


def _written(brief: Brief, tracts: Sequence[Tract], counties: Sequence[str]) -> dict[str, list[Path]]:
    """The files of the plan's tables, by name."""
    folders = [brief.tract(t.number) for t in tracts]
    found = {name: [folder / f"{name}.parquet" for folder in folders] for name in ("parcels", *TABLES)}
    found["blocks"] = [brief.work / "finished" / f"{t.number:05d}" / "blocks.parquet" for t in tracts]
    found["sites"] = [brief.work / "sites" / "sites.parquet"]
    found["frontier"] = [brief.work / "sites" / "frontier.parquet"]
    drawn = pd.concat([files.read_geo(brief.work / "sites" / c / "sites.parquet") for c in counties])
    files.write_geo(drawn.reset_index(drop=True), found["sites"][0])
    points = [pd.read_parquet(brief.work / "counties" / c / "frontier.parquet") for c in counties]
    files.write_table(pd.concat(points, ignore_index=True), found["frontier"][0])
    barriers = brief.dataset / datasets.BARRIERS
    if barriers.exists():
        copy = brief.work / datasets.BARRIERS
        shutil.copyfile(barriers, copy)
        found["barriers"] = [copy]
    return found


@contextmanager
def _alone(work: Path, out: Path) -> Iterator[None]:
    """The folder of a run's work for this run alone: the system lets go of it however the process ends."""
    work.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work.with_suffix(".lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise ChigaiError(
            "另一次运行正在写这个方案。",
            "Another run is writing this plan.",
            do_zh="请等它结束，或换一个 --out。",
            do_en="wait until it has ended, or name another --out.",
            file=out,
        ) from error
    try:
        yield
    finally:
        lock.release()


def _begin(work: Path, request: Request, resume: bool) -> None:
    """Make the folder of a run's work, empty unless a run that asked for the same left it; forget old ones."""
    for other in work_home().glob("*"):
        with suppress(OSError):
            if other != work and time.time() - other.stat().st_mtime > OLD_S:
                shutil.rmtree(other) if other.is_dir() else other.unlink()
    said = _asked(request)
    note = work / "asked.json"
    if not (resume and note.is_file() and note.read_text("utf-8") == said):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        note.write_text(said, "utf-8")


def _asked(request: Request) -> str:
    """What a run asks for, in words that another run for the same would use."""
    source = {k: str(v) for k, v in asdict(request.source).items() if v is not None}
    named = [p for p in (request.source.path, request.barriers, request.dem) if p is not None]
    told = {
        "source": source,
        "files": [[str(p.resolve()), _stamp(p)] for p in named],
        "programme": load(request.programme).model_dump(mode="json"),
        "overrides": dict(request.overrides),
        "seed": request.seed,
        "effort": str(request.effort),
        "chigai": importlib.metadata.version("chigai"),
    }
    return json.dumps(told, sort_keys=True, ensure_ascii=False)


def _stamp(path: Path) -> list[float]:
    """Size and time of a file, or of the manifest of a dataset."""
    file = path / datasets.MANIFEST if datasets.is_dataset(path) else path
    if not file.exists():
        return []
    stat = file.stat()
    return [stat.st_size, stat.st_mtime]
