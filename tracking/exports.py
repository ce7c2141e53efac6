"""The door out of a plan: what is asked for, who may have it, and that it is put down before it leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo import export, plans
from geo.errors import ChigaiError
from geo.export.naming import safe_name
from geo.export.options import Options, Progress
from geo.export.selection import Selection
from tracking import people
from tracking.desk import Desk

HOUSEHOLDS = "households"
FORMATS = (*export.FORMATS, HOUSEHOLDS)
KEPT = 20
"""So many prepared files are kept; an older one goes when the next is made."""
MANIFEST = "export.json"


@dataclass(frozen=True)
class Wanted:
    """What is asked for of a plan: a format (of FORMATS), the file's suffix, which part, and how it is written.

    own_ids: parcels by their own ids instead of random ones, with what only the house may know.
    """

    fmt: str
    suffix: str = ""
    selection: Selection = field(default_factory=Selection)
    options: Options = field(default_factory=Options)
    own_ids: bool = False

    @property
    def private(self) -> bool:
        """Whether it tells of households, so that it takes the right for that."""
        return self.own_ids or self.fmt == HOUSEHOLDS

    def ending(self) -> str:
        """The suffix of the file: the one asked for, else the format's usual one."""
        known = export.households.SUFFIXES if self.fmt == HOUSEHOLDS else export.FORMATS[self.fmt].suffixes
        return self.suffix or known[0]

    def told(self) -> str:
        """What was asked for, in a line for the audit: format, part and options, nothing of what is in it."""
        part = [f"{kind}={','.join(names)}" for kind, names in asdict(self.selection).items() if names]
        usual, own = asdict(Options()), asdict(self.options)
        how = [f"{name}={own[name]}" for name in ("datum", "cad", "scale") if own[name] != usual[name]]
        how += [f"points={','.join(sorted(self.options.points))}"] if self.options.points else []
        return " ".join([self.fmt + self.ending(), *part, *how, *(["own ids"] if self.own_ids else [])])

    def as_json(self) -> dict[str, Any]:
        """For a job's request."""
        options = {**asdict(self.options), "points": sorted(self.options.points)}
        options.pop("progress")
        return {
            "fmt": self.fmt,
            "suffix": self.suffix,
            "selection": asdict(self.selection),
            "options": options,
        }

    @classmethod
    def of_json(cls, request: Mapping[str, Any], progress: Progress) -> Wanted:
        """As `as_json` wrote it; never with own ids."""
        selection = Selection(**{kind: tuple(names) for kind, names in request["selection"].items()})
        options = {**request["options"], "points": frozenset(request["options"]["points"])}
        return cls(request["fmt"], request["suffix"], selection, Options(**options, progress=progress))


def write(folder: Path, wanted: Wanted, out: Path) -> None:
    """Write a plan folder's export to `out`, whoever asks: for those who asked `take` or `prepare` first."""
    if wanted.fmt == HOUSEHOLDS:
        export.export_households(folder, out, selection=wanted.selection, options=wanted.options)
    else:
        export.export(
            folder, wanted.fmt, out, names=wanted.own_ids, selection=wanted.selection, options=wanted.options
        )


def take(desk: Desk, folder: Path, wanted: Wanted, out: Path) -> None:
    """Write what is asked for and put down that it leaves the house.

    What tells of households needs that right in every county that is asked for; where none is named, a person of
    some counties gets those. Raises ForbiddenError without the right (and the audit has it), and as `write`.
    """
    wanted, counties = _allowed(desk, folder, wanted)
    write(folder, wanted, out)
    for county in counties:
        desk.exported(f"plan {folder.name}", county, wanted.told(), private=wanted.private)


def _allowed(desk: Desk, folder: Path, wanted: Wanted) -> tuple[Wanted, list[str | None]]:
    """What the person gets, and the counties that the audit is to name (None: the whole)."""
    what = f"plan {folder.name}"
    if not wanted.private:
        desk.require("export", None, what)
        return wanted, [None]
    places = people.where(desk.person, "export_private")
    if places is not None and not wanted.selection.counties:
        parcels = plans.read_more(folder, "parcels", columns=["county"])
        there = set() if parcels is None else set(parcels["county"].astype(str))
        own = tuple(sorted(places & there))
        if not own:
            desk.require("export_private", None, what)
        wanted = replace(wanted, selection=replace(wanted.selection, counties=own))
    counties: list[str | None] = list(wanted.selection.counties) or [None]
    for county in counties:
        desk.require("export_private", county, what)
    return wanted, counties


# files that take long are prepared by a job and lie ready for whoever may export


@dataclass(frozen=True)
class Prepared:
    """A file that lies ready. told: as Wanted.told; created: UTC ISO."""

    id: str
    plan: str
    fmt: str
    told: str
    created: str
    path: Path

    @property
    def size_mb(self) -> float:
        """Its size, millions of bytes."""
        return self.path.stat().st_size / 1e6


def prepare(desk: Desk, folder: Path, wanted: Wanted) -> str:
    """Begin a job that makes the file; its id. What tells of households is never left lying on the disk."""
    desk.require("export", None, f"plan {folder.name}")
    if wanted.private:
        raise ChigaiError(
            "带农户信息的文件不在服务器上存放。",
            "Files that tell of households are not kept on the server.",
            do_zh="请直接下载；太大就按县（市、区）或村分次导出。",
            do_en="download it straight away; take it county by county or village by village where it is large.",
        )
    return desk.start(
        "export", {"plan": folder.name, "name": f"{folder.name}{wanted.ending()}", **wanted.as_json()}
    )


def keep(home: Path, job_id: str, request: Mapping[str, Any], made: Path) -> Path:
    """Put a finished job's folder where prepared files are found, with what it is; the oldest go."""
    wanted = Wanted.of_json(request, lambda fraction: None)
    manifest = {
        "plan": request["plan"],
        "fmt": wanted.fmt,
        "told": wanted.told(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "file": next(path.name for path in made.iterdir()),
    }
    (made / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False), "utf-8")
    place = Path(home) / "exports" / job_id
    place.parent.mkdir(parents=True, exist_ok=True)
    made.replace(place)
    for old in sorted(place.parent.glob(f"*/{MANIFEST}"), reverse=True)[KEPT:]:
        shutil.rmtree(old.parent, ignore_errors=True)
    return place


def prepared(desk: Desk, plan_id: str) -> list[Prepared]:
    """The files of a plan that lie ready, newest first."""
    desk.require("export", None, f"plan {plan_id}")
    found = []
    for path in sorted((desk.home / "exports").glob(f"*/{MANIFEST}"), reverse=True):
        said = json.loads(path.read_text("utf-8"))
        file = path.parent / said["file"]
        if said["plan"] == plan_id and file.is_file():
            found.append(
                Prepared(path.parent.name, plan_id, said["fmt"], said["told"], said["created"], file)
            )
    return found


def fetch(desk: Desk, ready: Prepared) -> bytes:
    """A prepared file's content; the audit has it before it leaves."""
    desk.require("export", None, f"plan {ready.plan}")
    try:
        content = ready.path.read_bytes()
    except OSError as error:
        raise ChigaiError(
            "这个文件已被清理。",
            "This file was cleared away.",
            do_zh="请重新准备。",
            do_en="have it prepared again.",
            file=ready.path,
        ) from error
    desk.exported(f"plan {ready.plan}", None, ready.told)
    return content


def file_name(plan_id: str, wanted: Wanted, names: Mapping[str, tuple[str, str]]) -> str:
    """What the file is called: the plan, the part, the format. names: county adcode → (zh, en)."""
    part = [names.get(c, (c, c))[0] for c in wanted.selection.counties]
    part += [*wanted.selection.sites, *wanted.selection.villages, *wanted.selection.blocks]
    shown = part[:2] + (["等"] if len(part) > 2 else [])
    gcj = ["GCJ02"] if wanted.fmt == "kml" and wanted.options.datum == "gcj02" else []
    inside = ["内部"] if wanted.private else []
    kind = [wanted.fmt] if wanted.fmt in ("stakes", "sheets", HOUSEHOLDS) or wanted.suffix == ".zip" else []
    return safe_name("-".join([plan_id, *shown, *kind, *gcj, *inside]) + wanted.ending())
