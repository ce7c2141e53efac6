"""What the jobs do: check an upload, make a plan, write an export. Everything is made in the job's folder and moved when whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo import checking, plans
from planning import pipeline
from planning.effort import Effort
from planning.inputs import Request, read_and_check
from tracking import exports, files, tilesets
from tracking.jobs import Progress, Work


def check(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Read and check parcels. request: name, source (see `files.source`), barriers and dem (references or null)."""
    asked = files.source(request["source"], home)
    inputs = Request(
        source=asked,
        barriers=files.path(home, request["barriers"]) if request.get("barriers") else None,
        dem=files.path(home, request["dem"]) if request.get("dem") else None,
    )

    def tell(stage: str, fraction: float) -> None:
        progress(stage, 0.3 * fraction if stage == "read" else 0.3 + 0.6 * fraction)

    loaded, barriers, done = read_and_check(inputs, tell)
    progress("write", 0.9)
    made = home / "jobs" / job_id / "out" / job_id
    made.mkdir(parents=True)
    done.parcels.to_parquet(made / "parcels.parquet", write_covering_bbox=True)
    done.left_out.to_parquet(made / "left_out.parquet")
    done.findings.to_parquet(made / "findings.parquet")
    if barriers is not None:
        barriers.to_parquet(made / "barriers.parquet")
    summary = checking.summary(done)
    manifest = {
        "id": job_id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": request.get("name") or asked.path.name,
        "request": request,
        "sha256": loaded.checksum,
        "profile": loaded.profile,
        "crs": f"EPSG:{loaded.crs.to_epsg()}" if loaded.crs.to_epsg() else loaded.crs.to_wkt(),
        "rows": len(loaded.parcels),
        "parcels": len(done.parcels),
        "left_out": len(done.left_out),
        "area": {
            "in_mu": done.area_in_mu,
            "usable_mu": float(done.parcels.area_mu.sum()),
            "left_out_mu": done.area_left_out_mu,
        },
        "counties": {str(k): float(v) for k, v in done.parcels.groupby("county").area_mu.sum().items()},
        "summary": json.loads(summary.to_json(orient="records", force_ascii=False)),
    }
    (made / files.MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
    progress("write", 0.99)
    return files.put_in_place(made, files.checked_folder(home, job_id))


def plan(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Plan checked parcels, and begin to make the plan's tiles. request: parcels (their id), programme, overrides
    {parameter: value}, seed, effort, shifted (the map's datum is GCJ-02)."""
    given = files.manifest(home, request["parcels"])["request"]
    asked = pipeline.Request(
        source=files.source(given["source"], home),
        barriers=files.path(home, given["barriers"]) if given.get("barriers") else None,
        dem=files.path(home, given["dem"]) if given.get("dem") else None,
        programme=request.get("programme", "jixi-2020-8"),
        overrides=dict(request.get("overrides", {})),
        seed=int(request.get("seed", 1)),
        effort=Effort(request.get("effort", Effort.normal)),
    )
    made = home / "jobs" / job_id / "out" / job_id
    made.parent.mkdir(parents=True, exist_ok=True)
    pipeline.run(asked, made, progress)
    folder = files.put_in_place(made, home / "plans" / job_id)
    tilesets.begin(home, folder.name, bool(request.get("shifted", False)))
    return folder


def export(request: dict[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """Write a plan's export. request: plan (its id) and what `exports.Wanted.as_json` says; never with households."""
    wanted = exports.Wanted.of_json(request, lambda done: progress("export", 0.99 * done))
    if wanted.private:
        raise ValueError("what tells of households is not prepared by a job")
    folder = home / "plans" / request["plan"]
    made = home / "jobs" / job_id / "out" / job_id
    made.mkdir(parents=True)
    names = {c["county"]: (c["name_zh"], c["name_en"]) for c in plans.read_meta(folder).get("counties", [])}
    exports.write(folder, wanted, made / exports.file_name(folder.name, wanted, names))
    progress("export", 0.99)
    return exports.keep(home, job_id, request, made)


KINDS: dict[str, Work] = {"check": check, "plan": plan, "export": export, "tiles": tilesets.build}
