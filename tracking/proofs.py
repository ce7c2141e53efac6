"""Whether every report stands as it was received: gone through by a job, and what it found, kept to be looked at."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracking.chain import Head
from tracking.desk import Desk
from tracking.jobs import Progress

FOLDER = "proofs"
KEPT = 20
"""So many are kept; an older one goes when the next is there."""


@dataclass(frozen=True)
class Proof:
    """What was found. at: UTC; head: the last event then; noted: the number of the head that it was held against;
    broken: number, zh, en of the first event that cannot be trusted."""

    at: datetime
    by: str
    head: Head
    noted: int | None = None
    broken: tuple[int, str, str] | None = None


def begin(desk: Desk, noted: Head | None = None) -> str:
    """Begin the job that goes through the whole ledger; its id. Needs `see_ledger` somewhere."""
    return desk.start("verify", {"noted": None if noted is None else asdict(noted)})


def make(desk: Desk, request: dict[str, Any], job_id: str, progress: Progress) -> Path:
    """The job. request: noted (seq and hash of a head, or null)."""
    noted = Head(**request["noted"]) if request.get("noted") else None
    head = desk.head()
    broken = desk.verify(noted, lambda done: progress("verify", done))
    told = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "by": desk.person.id, "head": asdict(head),
        "noted": None if noted is None else noted.seq,
        "broken": None if broken is None else [broken.seq, broken.zh, broken.en],
    }  # fmt: skip
    place = desk.home / FOLDER / f"{job_id}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}")
    beside.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
    beside.replace(place)
    for old in sorted(place.parent.glob("[!.]*.json"), reverse=True)[KEPT:]:
        old.unlink(missing_ok=True)
    return place


def last(desk: Desk) -> Proof | None:
    """The newest proof. One that was held against a noted head is for the one who noted it: a slip of the pen there
    must not frighten everybody. Needs `see_ledger` somewhere."""
    desk.require("see_ledger")
    for path in sorted((desk.home / FOLDER).glob("[!.]*.json"), reverse=True):
        told = json.loads(path.read_text("utf-8"))
        if told["noted"] is None or told["by"] == desk.person.id:
            broken = None if told["broken"] is None else tuple(told["broken"])
            at = datetime.fromisoformat(told["at"])
            return Proof(at, told["by"], Head(**told["head"]), told["noted"], broken)
    return None
