"""The tiles of each plan: where they lie, the job that makes them once, and what became of it."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from geo import gcj02, plans
from geo.errors import ChigaiError
from geo.plan_rows import Rows
from geo.tiling import archive
from geo.tiling.cutting import FORMAT, Cutter
from planning.places import places
from tracking import jobs
from tracking.jobs import Progress

KIND = "tiles"
SMALL = 20_000
"""Parcels up to which nothing is made beforehand: cutting a tile takes no longer than looking it up."""
TILES, PLACES = "plan.pmtiles", "places.parquet"
_PLACES_SHARE = 0.1
"""Part of the job's time that the sums of townships and villages take."""
_HELD = 8
"""Groups of rows that the job holds: a tile of the first zoom reaches into some."""
_begin = threading.Lock()

State = Literal["ready", "small", "none", "queued", "running", "failed", "cancelled"]


@dataclass(frozen=True)
class Standing:
    """How a plan's tiles stand. fraction: 0 to 1, of a job that runs; job: its id, where there is one."""

    state: State
    fraction: float = 0.0
    job: str | None = None
    message_zh: str = ""
    message_en: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether a job is at work on them or waits for its turn."""
        return self.state in ("queued", "running")


def place(home: Path, plan_id: str, shifted: bool) -> Path:
    """The folder of a plan's tiles; another plan under the same id, or another datum, has another."""
    mark = f"{plans.checksum(Path(home) / 'plans' / plan_id)}-{FORMAT}"
    return Path(home) / "tiles" / f"{plan_id}@{mark}{'-gcj02' if shifted else ''}"


def ready(folder: Path) -> bool:
    """Whether all of it lies there."""
    return (folder / TILES).is_file()


def standing(home: Path, plan_id: str, shifted: bool) -> Standing:
    """How the tiles of a plan stand. Raises ChigaiError where the plan cannot be read."""
    folder = place(home, plan_id, shifted)
    if ready(folder):
        return Standing("ready")
    job = next((j for j in jobs.recent(home, limit=60) if j.kind == KIND and j.name == folder.name), None)
    if job is None:
        if Rows(Path(home) / "plans" / plan_id, "parcels").count <= SMALL:
            return Standing("small")
        return Standing("none")
    # done, but not there any more; or the server was stopped in between
    state: State = "none" if job.state in ("done", "broken_off") else job.state  # type: ignore[assignment]
    return Standing(state, job.fraction, job.id, job.message_zh, job.message_en)


def begin(home: Path, plan_id: str, shifted: bool, again: bool = False) -> Standing:
    """See that the tiles of a plan are made: begin the job unless they are there, small, or being made.

    Whoever looks at a plan may have them made: it changes nothing that anybody sees but the speed. What was
    stopped or failed is begun again only where somebody asks for it.
    """
    with _begin:
        now = standing(home, plan_id, shifted)
        if now.state == "none" or (again and now.state in ("failed", "cancelled")):
            request = {"plan": plan_id, "shifted": shifted, "name": place(home, plan_id, shifted).name}
            job = jobs.start(KIND, request, home)
            return Standing("queued", 0.0, job)
        return now


def build(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """The job. request: plan (its id), shifted (into GCJ-02)."""
    plan_id, shifted = str(request["plan"]), bool(request["shifted"])
    folder, source = place(home, plan_id, shifted), Path(home) / "plans" / plan_id
    made = Path(home) / "jobs" / job_id / "out" / "tiles"
    made.mkdir(parents=True)
    progress(KIND, 0.0)
    places(source).to_parquet(made / PLACES)
    cutter = Cutter(source, gcj02.wgs84_to_gcj02 if shifted else None, kept=_HELD)
    archive.write(
        cutter, made / TILES, lambda done: progress(KIND, _PLACES_SHARE + (1 - _PLACES_SHARE) * done)
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    made.replace(folder)
    clear(home)
    return folder


def clear(home: Path) -> None:
    """Take away the tiles of plans that are not there any more, or are others by now."""
    for folder in (Path(home) / "tiles").glob("*@*"):
        plan_id, _, mark = folder.name.rpartition("@")
        try:
            now = f"{plans.checksum(Path(home) / 'plans' / plan_id)}-{FORMAT}"
            stale = mark.removesuffix("-gcj02") != now
        except ChigaiError:
            stale = True
        if stale:
            shutil.rmtree(folder, ignore_errors=True)
