"""What the jobs do: make the demo region, check an upload, make and register a plan, write a file, verify the ledger. Everything is made in the job's folder and moved when whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geo import synthetic
from geo.reading.source import Source
from planning import importing, pipeline
from planning.editing import writing
from planning.editing.unit import load
from planning.effort import Effort
from planning.inputs import DEMO, Request
from tracking import (
    exports,
    files,
    finding_jobs,
    jobs,
    journal,
    ledger_jobs,
    people,
    proofs,
    tilesets,
    variants,
)
from tracking.desk import Desk
from tracking.jobs import Progress, Work
from tracking.store import Store

IMPORT_STAGES = {"read": 0.28, "check": 0.60, "import": 0.12}
"""The stages of a check in order, and the share of its time that each takes."""


def demo(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Make the demo region where there is none. request: paddies (how many)."""
    place = home / DEMO
    if set(files.demo(home)) == {"parcels", "barriers", "dem"}:
        return place
    made = home / "jobs" / job_id / "out" / DEMO
    synthetic.make(made, parcels=int(request["paddies"]), progress=progress)
    return files.put_in_place(made, place)


def check(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Read and check parcels. request: name, source (see `files.source`), barriers and dem (references or null)."""
    made = home / "jobs" / job_id / "out" / job_id
    made.parent.mkdir(parents=True, exist_ok=True)
    keep(request, home, job_id, made, progress)
    return files.put_in_place(made, files.checked_folder(home, job_id))


def keep(request: dict[str, Any], home: Path, name: str, folder: Path, progress: Progress) -> Path:
    """What `check` is asked, left in `folder` as the dataset of that id."""
    asked = Request(
        source=files.source(request["source"], home),
        barriers=files.path(home, request["barriers"]) if request.get("barriers") else None,
        dem=files.path(home, request["dem"]) if request.get("dem") else None,
    )
    said = {"id": name, "name": request.get("name") or asked.source.path.name, "request": request}
    importing.imported(asked, folder, lambda stage, done: progress(stage, _so_far(stage, done)), said)
    return folder


def _so_far(stage: str, done: float) -> float:
    """How far a check is in the whole, 0..1, where a stage is done so far."""
    names = list(IMPORT_STAGES)
    before = sum(IMPORT_STAGES[n] for n in names[: names.index(stage)])
    return before + IMPORT_STAGES[stage] * done


def plan(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Plan checked parcels, and begin to make the plan's tiles. request: parcels (their id), programme, overrides
    {parameter: value}, seed, effort, shifted (the map's datum is GCJ-02)."""
    given = files.manifest(home, request["parcels"])["request"]
    asked = Request(
        source=Source(files.checked_folder(home, request["parcels"])),
        dem=files.path(home, given["dem"]) if given.get("dem") else None,
        programme=request.get("programme", "jixi-2020-8"),
        overrides=dict(request.get("overrides", {})),
        seed=int(request.get("seed", 1)),
        effort=Effort(request.get("effort", Effort.normal)),
        told={name: request[name] for name in ("title", "variant_of") if request.get(name)},
    )
    made = home / "jobs" / job_id / "out" / job_id
    made.parent.mkdir(parents=True, exist_ok=True)
    pipeline.run(asked, made, progress, workers=None, work=made.with_name("work"))
    folder = files.put_in_place(made, home / "plans" / job_id)
    tilesets.begin(home, folder.name, bool(request.get("shifted", False)))
    return folder


def draft(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Make a plan of a draft. request: draft (its id), plan (the folder that it lies over), name.

    Whoever began the job was asked for the right in every county that the draft changed (`drafts.start_writing`).
    """
    base, store = home / "plans" / request["plan"], Store()
    with store.snapshot() as connection:
        found = journal.changed_units(connection, request["draft"])
        states = {n: journal.state(connection, request["draft"], load(base, n)) for n in found}
        changes = journal.counted(connection, request["draft"], "")["changes"]
    made = home / "jobs" / job_id / "out" / job_id
    made.parent.mkdir(parents=True, exist_ok=True)
    told = {"edited": {"from": request["plan"], "draft": request["draft"], "changes": changes}}
    if request.get("name"):
        told["title"] = request["name"]
    writing.write(
        base, states, made, told, files.dem_of(home, request["plan"]), lambda f: progress("draft", 0.99 * f)
    )
    folder = files.put_in_place(made, home / "plans" / job_id)
    tilesets.begin(home, folder.name, bool(request.get("shifted", False)))
    return folder


def export(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Write a plan's export for whoever may export. request: as `exports.make` has it; never with households."""
    return exports.make(None, request, home, job_id, lambda done: progress("export", 0.99 * done))


def private(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Write what tells of households, for the one who asked. request: as `exports.make` has it, and by."""
    desk = _desk(request, home)
    return exports.make(desk, request, home, job_id, lambda done: progress("private", 0.99 * done))


def ledger(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Write the ledger to a file, as the one who asked sees it. request: as `ledger_jobs.prepare` has it, and by."""
    return ledger_jobs.make(
        _desk(request, home), request, job_id, lambda done: progress("ledger", 0.99 * done)
    )


def findings(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Write the findings of a check to a file. request: as `finding_jobs.make` has it, and by."""
    return finding_jobs.make(
        _desk(request, home), request, job_id, lambda done: progress("findings", 0.99 * done)
    )


def verify(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Go through the whole ledger. request: as `proofs.make` has it, and by."""
    return proofs.make(_desk(request, home), request, job_id, progress)


def register(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Take a plan among those that are followed: whole or not at all. request: plan (its folder) and by."""
    folder = home / "plans" / request["plan"]
    _desk(request, home).register(folder, lambda done: progress("register", done))
    return folder


def approve(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Make a plan the approved one. request: plan (its folder) and by. A cancel leaves it registered at the most; the
    steps of the approval itself belong together, and are not stopped."""

    def closing() -> None:
        progress("approve", 0.9)
        jobs.closing(job_id, home)

    variants.approve(
        _desk(request, home), request["plan"], lambda done: progress("register", 0.9 * done), closing
    )
    return home / "plans" / request["plan"]


def _desk(request: dict[str, Any], home: Path) -> Desk:
    """The desk of the one who began the job, with the rights of now: they may have changed while it waited."""
    store = Store()
    return Desk(store, people.find(store, request["by"]), home)


KINDS: dict[str, Work] = {
    "demo": demo, "check": check, "plan": plan, "draft": draft, "export": export, "tiles": tilesets.build,
    "register": register, "approve": approve, "verify": verify, "private": private, "ledger": ledger,
    "findings": findings,
}  # fmt: skip
