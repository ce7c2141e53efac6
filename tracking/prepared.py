"""Files that a job made and that lie ready: public ones for whoever may export, personal ones for who asked, a day long."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from geo.errors import ChigaiError
from geo.files import flush_all
from tracking import people
from tracking.desk import Desk

PUBLIC, PERSONAL = "exports", "personal"
"""The folders of the two kinds."""
KEPT = 20
"""So many public files are kept; an older one goes when the next is made."""
LONGEST = timedelta(hours=24)
"""How long a file that tells of persons lies on the disk."""
MANIFEST = "export.json"


@dataclass(frozen=True)
class Prepared:
    """A file that lies ready. what, told: as the audit names them; created: UTC ISO; by: the one whose it is, None for
    everybody; rights: what fetching it takes, in all of these counties (None: in every one)."""

    id: str
    what: str
    told: str
    created: str
    path: Path
    by: str | None
    rights: tuple[str, ...]
    counties: frozenset[str] | None

    @property
    def size_mb(self) -> float:
        """Its size, millions of bytes."""
        return self.path.stat().st_size / 1e6

    @property
    def private(self) -> bool:
        """Whether it tells of households."""
        return "export_private" in self.rights


def room(home: Path, job_id: str) -> Path:
    """The folder in which a job makes its file, for nobody else's eyes."""
    made = Path(home) / "jobs" / job_id / "out" / job_id
    made.parent.mkdir(parents=True, exist_ok=True)
    made.mkdir(mode=0o700)
    return made


def put(
    home: Path,
    made: Path,
    what: str,
    told: str,
    rights: Iterable[str],
    counties: Iterable[str] | None = None,
    by: str | None = None,
) -> Path:
    """Put a finished room, which holds one file, where prepared files are found; what is too old goes."""
    manifest: dict[str, Any] = {
        "what": what, "told": told, "created": datetime.now(UTC).isoformat(timespec="seconds"), "by": by,
        "rights": list(rights), "counties": None if counties is None else sorted(counties),
        "file": next(path.name for path in made.iterdir()),
    }  # fmt: skip
    (made / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False), "utf-8")
    flush_all(made)
    place = Path(home) / (PUBLIC if by is None else PERSONAL) / made.name
    place.parent.mkdir(mode=0o755 if by is None else 0o700, parents=True, exist_ok=True)
    made.replace(place)
    clear(home)
    return place


def clear(home: Path) -> None:
    """Remove the public files that are too many, and the personal ones that have lain long enough."""
    manifests = sorted((Path(home) / PUBLIC).glob(f"*/{MANIFEST}"), reverse=True)
    old = datetime.now(UTC) - LONGEST
    gone = [path for path in (Path(home) / PERSONAL).glob(f"*/{MANIFEST}") if _created(path) < old]
    for path in [*manifests[KEPT:], *gone]:
        shutil.rmtree(path.parent, ignore_errors=True)


def _created(path: Path) -> datetime:
    try:
        return datetime.fromisoformat(json.loads(path.read_text("utf-8"))["created"])
    except (OSError, ValueError, KeyError):
        # what does not say how old it is does not stay
        return datetime.min.replace(tzinfo=UTC)


def listed(desk: Desk, what: str) -> list[Prepared]:
    """The files of this kind that this person can fetch now, the newest first."""
    clear(desk.home)
    found = []
    for folder in (PUBLIC, PERSONAL):
        for path in (desk.home / folder).glob(f"*/{MANIFEST}"):
            one = _read(path)
            if one is not None and one.what == what and _missing(desk, one) is None:
                found.append(one)
    return sorted(found, key=lambda one: one.id, reverse=True)


def _read(path: Path) -> Prepared | None:
    try:
        said = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    file = path.parent / said["file"]
    if not file.is_file():
        return None
    counties = None if said["counties"] is None else frozenset(said["counties"])
    rights = tuple(said["rights"])
    return Prepared(path.parent.name, said["what"], said["told"], said["created"], file, said["by"], rights, counties)  # fmt: skip


def _missing(desk: Desk, one: Prepared) -> str | None:
    """The right that this person lacks for the file, the whole of it; None where nothing stands in the way."""
    for action in one.rights:
        now = people.where(desk.person, action)
        if now is not None and (one.counties is None or not one.counties <= now):
            return action
    return one.rights[-1] if one.by not in (None, desk.person.id) else None


def fetch(desk: Desk, ready: Prepared) -> bytes:
    """A prepared file's content; the audit has it before it leaves. Raises ForbiddenError for who may not have it now,
    whatever was allowed when it was made."""
    lacking = _missing(desk, ready)
    if lacking is not None:
        desk.refuse(lacking, None, ready.what)
    try:
        content = ready.path.read_bytes()
    except OSError as error:
        raise ChigaiError(
            "这个文件已被清理。", "This file was cleared away.",
            do_zh="请重新准备。", do_en="have it prepared again.", file=ready.path.name,
        ) from error  # fmt: skip
    named = sorted(ready.counties) if ready.private and ready.counties is not None else [None]
    for county in named:
        desk.exported(ready.what, county, ready.told, private=ready.private)
    return content
