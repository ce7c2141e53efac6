"""The findings of a check as a file by a job, for the one who asked: they name parcels by the codes of the register."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracking import files, findings, prepared
from tracking.desk import Desk
from tracking.jobs import Told

AT_A_TIME = 20_000
"""Findings that are written while one waits."""


def what(parcels_id: str) -> str:
    """What they go by in the audit."""
    return f"findings {parcels_id}"


def file_name(parcels_id: str, fmt: str) -> str:
    """What the file is called."""
    return f"findings-{parcels_id[:13]}.{fmt}"


def many(manifest: Mapping[str, Any]) -> bool:
    """Whether writing them takes long."""
    return sum(int(one["count"]) for one in manifest["summary"]) > AT_A_TIME


def prepare(desk: Desk, parcels_id: str, fmt: str, lang: str) -> str:
    """Begin the job; its id. Needs `export_private` in every county of the data."""
    allowed(desk, parcels_id)
    name = file_name(parcels_id, fmt)
    return desk.start("findings", {"name": name, "parcels": parcels_id, "fmt": fmt, "lang": lang})


def allowed(desk: Desk, parcels_id: str) -> list[str]:
    """The counties of the data, in each of which this person may take households along. Raises ForbiddenError."""
    desk.require_checked(parcels_id)
    counties = sorted(files.manifest(desk.home, parcels_id)["counties"])
    for county in counties or [None]:
        desk.require("export_private", county, what(parcels_id))
    return counties


def make(desk: Desk, request: Mapping[str, Any], job_id: str, progress: Told) -> Path:
    """The job. request: parcels (their id), fmt (of findings.FORMATS), lang."""
    parcels_id, fmt = str(request["parcels"]), str(request["fmt"])
    counties = allowed(desk, parcels_id)
    progress(0.1)
    content = findings.export(files.checked_folder(desk.home, parcels_id), fmt, str(request["lang"]))
    room = prepared.room(desk.home, job_id)
    (room / file_name(parcels_id, fmt)).write_bytes(content)
    progress(1.0)
    by = desk.person.id
    return prepared.put(desk.home, room, what(parcels_id), fmt, ["export_private"], counties or None, by)
