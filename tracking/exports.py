"""The door out of a plan: what is asked for, who may have it, and that it is put down before it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from geo import export, plans
from geo.export.naming import safe_name
from geo.export.options import Options, Progress
from geo.export.selection import Selection
from tracking import people, prepared
from tracking.desk import Desk

HOUSEHOLDS = "households"
FORMATS = (*export.FORMATS, HOUSEHOLDS)


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
            "own_ids": self.own_ids,
        }

    @classmethod
    def of_json(cls, request: Mapping[str, Any], progress: Progress) -> Wanted:
        """As `as_json` wrote it."""
        selection = Selection(**{kind: tuple(names) for kind, names in request["selection"].items()})
        options = {**request["options"], "points": frozenset(request["options"]["points"])}
        return cls(
            request["fmt"],
            request["suffix"],
            selection,
            Options(**options, progress=progress),
            bool(request.get("own_ids")),
        )


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
    wanted, counties = allowed(desk, folder, wanted)
    write(folder, wanted, out)
    for county in counties:
        desk.exported(what(folder.name), county, wanted.told(), private=wanted.private)


def allowed(desk: Desk, folder: Path, wanted: Wanted) -> tuple[Wanted, list[str | None]]:
    """What the person gets, and the counties that the audit is to name (None: the whole)."""
    called = what(folder.name)
    if not wanted.private:
        desk.require("export", None, called)
        return wanted, [None]
    places = people.where(desk.person, "export_private")
    if places is not None and not wanted.selection.counties:
        parcels = plans.read_more(folder, "parcels", columns=["county"])
        there = set() if parcels is None else set(parcels["county"].astype(str))
        own = tuple(sorted(places & there))
        if not own:
            desk.require("export_private", None, called)
        wanted = replace(wanted, selection=replace(wanted.selection, counties=own))
    counties: list[str | None] = list(wanted.selection.counties) or [None]
    for county in counties:
        desk.require("export_private", county, called)
    return wanted, counties


def prepare(desk: Desk, folder: Path, wanted: Wanted) -> str:
    """Begin a job that makes the file; its id. What tells of households lies ready for who asked alone, and a day
    long (`tracking.prepared`). Raises ForbiddenError as `take` does."""
    wanted, _ = allowed(desk, folder, wanted)
    name = f"{folder.name}{wanted.ending()}"
    return desk.start(job_kind(wanted), {"plan": folder.name, "name": name, **wanted.as_json()})


def job_kind(wanted: Wanted) -> str:
    """The kind of job that makes it."""
    return "private" if wanted.private else "export"


def make(desk: Desk | None, request: Mapping[str, Any], home: Path, job_id: str, progress: Progress) -> Path:
    """The job: a file that lies ready. request: plan (its id) and what `Wanted.as_json` says. desk: of who asked, for
    what tells of households, whose rights may be others by now; public files need none."""
    wanted = Wanted.of_json(request, progress)
    folder = home / "plans" / request["plan"]
    counties: list[str | None] = [None]
    if desk is not None:
        wanted, counties = allowed(desk, folder, wanted)
    elif wanted.private:
        raise ValueError("what tells of households is made in the name of somebody")
    room = prepared.room(home, job_id)
    names = {c["county"]: (c["name_zh"], c["name_en"]) for c in plans.read_meta(folder).get("counties", [])}
    write(folder, wanted, room / file_name(folder.name, wanted, names))
    progress(1.0)
    if desk is None:
        return prepared.put(home, room, what(folder.name), wanted.told(), ["export"])
    of = None if counties == [None] else [str(county) for county in counties]
    return prepared.put(home, room, what(folder.name), wanted.told(), ["export_private"], of, desk.person.id)


def what(plan_id: str) -> str:
    """What a plan's files go by in the audit."""
    return f"plan {plan_id}"


def file_name(plan_id: str, wanted: Wanted, names: Mapping[str, tuple[str, str]]) -> str:
    """What the file is called: the plan, the part, the format. names: county adcode → (zh, en)."""
    part = [names.get(c, (c, c))[0] for c in wanted.selection.counties]
    part += [*wanted.selection.sites, *wanted.selection.villages, *wanted.selection.blocks]
    shown = part[:2] + (["等"] if len(part) > 2 else [])
    gcj = ["GCJ02"] if wanted.fmt == "kml" and wanted.options.datum == "gcj02" else []
    inside = ["内部"] if wanted.private else []
    kind = [wanted.fmt] if wanted.fmt in ("stakes", "sheets", HOUSEHOLDS) or wanted.suffix == ".zip" else []
    return safe_name("-".join([plan_id, *shown, *kind, *gcj, *inside]) + wanted.ending())
