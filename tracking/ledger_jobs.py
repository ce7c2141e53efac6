"""The ledger as a file by a job: what is asked for, and how it comes to lie ready for the one who asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from geo.export.naming import safe_name
from tracking import people, prepared
from tracking.desk import Desk
from tracking.jobs import Told
from tracking.states import LOCAL

WHAT = "ledger"
"""What it goes by in the audit."""
AT_A_TIME = 20_000
"""Reports of a ledger that is written while one waits."""
DAYS = ("since", "until")
"""Filters that are days."""


def file_name(kind: str, private: bool) -> str:
    """What the file is called: by the day, and marked where it tells of households."""
    mark = "-内部" if private else ""
    return safe_name(f"chigai-台账-{datetime.now(LOCAL):%Y%m%d}{mark}.{kind}")


def prepare(desk: Desk, kind: str, private: bool, lang: str, filters: Mapping[str, Any]) -> str:
    """Begin the job; its id. filters: as Desk.events takes them. Raises ForbiddenError without the rights."""
    for action in rights(private):
        if not desk.somewhere(action):
            desk.require(action, None, WHAT)
    plain = {n: v.isoformat() if isinstance(v, date) else v for n, v in filters.items()}
    request = {"kind": kind, "private": private, "lang": lang, "filters": plain}
    return desk.start("ledger", {"name": file_name(kind, private), **request})


def rights(private: bool) -> list[str]:
    """What making and fetching the file takes."""
    return ["see_ledger", "export", *(["export_private"] if private else [])]


def make(desk: Desk, request: Mapping[str, Any], job_id: str, progress: Told) -> Path:
    """The job: the file lies ready for the one who asked, as long as the rights last that it was made by."""
    private, kind = bool(request["private"]), str(request["kind"])
    filters = {n: date.fromisoformat(v) if n in DAYS else v for n, v in request["filters"].items()}
    content, told = desk.ledger_file(
        kind, private=private, lang=request["lang"], progress=progress, **filters
    )
    room = prepared.room(desk.home, job_id)
    (room / file_name(kind, private)).write_bytes(content)
    progress(1.0)
    places = people.where(desk.person, "export_private" if private else "see_ledger")
    return prepared.put(desk.home, room, WHAT, told, rights(private), places, desk.person.id)
