"""From the bureau's files to a dataset: read, checked and kept in parts, once; later runs start from it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from geo import checking, datasets, plans
from geo.crs import code_of
from geo.errors import ChigaiError
from planning.inputs import Request, read_and_check, sha256_of, told_of

Progress = Callable[[str, float], None]
"""(stage, how far it is, 0..1); may raise to stop."""

KEPT_FROM = 100_000
"""Parcels from which on what was read for a plan is kept for the next one that starts from the same files."""
SMALL_BYTES = 10_000_000
"""A file below this has fewer parcels than that, and is not worth a checksum beforehand."""


def work_home() -> Path:
    """The folder of what runs keep for each other; whatever lies there may go at any time between two runs."""
    return plans.home() / "work"


def imported(
    request: Request, folder: Path, progress: Progress | None = None, more: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Read and check what the request names and leave it in `folder` as a dataset; its manifest.

    progress: the stages are read, check and import. more: what the manifest says besides. Raises ChigaiError for
    what cannot be read.
    """
    tell = progress or (lambda stage, fraction: None)
    loaded, barriers, checked = read_and_check(request, tell)
    tell("import", 0.0)
    parcels = checked.parcels
    inputs = [told_of("parcels", request.source.path, loaded.checksum, len(loaded.parcels))]
    if request.barriers is not None:
        inputs.append(told_of("barriers", request.barriers))
    summary = checking.summary(checked)
    sums = pd.DataFrame({"county": parcels.county.fillna(""), "area_mu": parcels.area_mu})
    places = sums.groupby("county").area_mu.agg(["size", "sum"])
    told = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "chigai": importlib.metadata.version("chigai"),
        "inputs": inputs,
        "sha256": loaded.checksum,
        "profile": loaded.profile,
        "crs": code_of(loaded.crs),
        "rows": len(loaded.parcels),
        "parcels": len(parcels),
        "left_out": len(checked.left_out),
        "area": {
            "in_mu": checked.area_in_mu,
            "usable_mu": float(parcels.area_mu.sum()),
            "left_out_mu": checked.area_left_out_mu,
        },
        "counties": {str(code): float(mu) for code, mu in places["sum"].items() if code},
        "places": {
            str(code): {"parcels": int(n), "area_mu": float(mu)} for code, n, mu in places.itertuples()
        },
        "summary": json.loads(summary.to_json(orient="records", force_ascii=False)),
        **(more or {}),
    }
    further = {
        datasets.BARRIERS: barriers,
        datasets.FINDINGS: checked.findings,
        datasets.LEFT_OUT: checked.left_out,
    }
    del loaded, checked
    return datasets.write(folder, parcels, further, told, lambda fraction: tell("import", fraction))


def dataset_of(request: Request, work: Path, progress: Progress) -> tuple[Path, dict[str, Any]]:
    """The dataset that a run starts from, and its manifest: the one that the request names, one that was kept of the
    same files, one that an earlier run left in `work`, or one made there now."""
    path = request.source.path
    if datasets.is_dataset(path):
        if request.barriers is not None:
            raise ChigaiError(
                "已导入的数据自带渠、沟、路，不能另给 --barriers。",
                "A dataset has its canals and roads already; --barriers cannot be given with it.",
                do_zh="请在 chigai import 时给出 --barriers。",
                do_en="give --barriers to chigai import.",
                file=path,
            )
        return path, datasets.manifest(path)
    kept = _kept(request)
    for folder in (kept, work / "dataset"):
        if folder is not None and datasets.is_dataset(folder):
            return folder, datasets.manifest(folder)
    manifest = imported(request, work / "dataset", progress)
    if kept is not None and manifest["parcels"] >= KEPT_FROM:
        kept.parent.mkdir(parents=True, exist_ok=True)
        datasets.move(work / "dataset", kept)
        return kept, manifest
    return work / "dataset", manifest


def _kept(request: Request) -> Path | None:
    """Where what is read of these files is kept, by their content and how they are read; None for a small file."""
    path = request.source.path
    size = sum(f.stat().st_size for f in path.rglob("*")) if path.is_dir() else _size(path)
    if size < SMALL_BYTES:
        return None
    source = {k: v for k, v in asdict(request.source).items() if k != "path"}
    said = {
        "source": source,
        "files": [sha256_of(p) for p in (path, request.barriers, request.dem) if p is not None],
        "chigai": importlib.metadata.version("chigai"),
    }
    text = json.dumps(said, sort_keys=True, default=str)
    return work_home() / f"dataset-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _size(path: Path) -> int:
    """Bytes of a file with those beside it that belong to the same shapefile; 0 where there is none."""
    return sum(f.stat().st_size for f in path.parent.glob(f"{path.stem}.*")) if path.exists() else 0
