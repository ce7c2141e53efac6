"""The one door for pages and routes: what a person does and sees, by the rights that the person has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

import pandas as pd
from sqlalchemy import select

from geo import plans as plan_folders
from geo.errors import AbsentError, ChigaiError
from planning.programme import Programme
from tracking import (
    audit,
    chain,
    files,
    jobs,
    ledger,
    measures,
    nearby,
    people,
    progress,
    register,
    reports,
    rules,
    seen,
    states,
    tables,
)
from tracking.people import Person
from tracking.progress import CountyTarget
from tracking.rules import Event
from tracking.store import Store
from tracking.tables import blocks

if TYPE_CHECKING:
    from tracking.photos import Photo

ACTION_OF: dict[str, people.Action] = {
    "plan_approved": "approve", "started": "report", "progress": "report", "finished": "report",
    "checked": "check", "accepted": "accept", "mapped": "map", "correction": "correct", "consent": "consent",
    "measure": "measure",
}  # fmt: skip
"""The right that each kind of event takes; a kind that is not here takes one that nobody has."""

RIGHT_OF_JOB: dict[str, people.Action] = {
    "demo": "plan", "check": "plan", "plan": "plan", "draft": "plan", "export": "export", "tiles": "plan",
    "register": "plan", "approve": "approve", "verify": "see_ledger", "private": "export_private", "ledger": "export",
    "findings": "export_private",
}  # fmt: skip
"""The right that beginning or stopping each kind of job takes."""
OWN_JOBS = frozenset({"verify", "private", "ledger", "findings"})
"""Kinds of which everybody sees and stops their own alone: they answer one person, by that person's rights."""


class Desk:
    """One person at work on one database. home: the data folder, where photos lie."""

    def __init__(self, store: Store, person: Person, home: Path | None = None) -> None:
        self.store, self.person = store, person
        self.home = home or plan_folders.home()

    def may(self, action: str, county: str | None = None) -> bool:
        """As people.may, of this person."""
        return people.may(self.person, action, county)

    def somewhere(self, action: str) -> bool:
        """As people.somewhere, of this person: what a page asks before it shows itself."""
        return people.somewhere(self.person, action)

    def require(self, action: str, county: str | None = None, target: str = "") -> None:
        """As people.require, of this person."""
        people.require(self.store, self.person, action, county, target)

    def report(self, events: Sequence[Event], now: datetime | None = None) -> list[ledger.Receipt]:
        """Put reports into the ledger as this person's own, whoever they say sent them; a receipt for each.

        What the person has no right to report is refused (code "right"; "county": not there), and audited.
        """
        receipts: dict[int, ledger.Receipt] = {}
        sent: dict[int, Event] = {}
        for at, event in enumerate(events):
            refusal = self._no_right(event)
            if refusal is None:
                sent[at] = replace(event, actor=self.person.id)
            else:
                receipts[at] = ledger.Receipt(event.id, "refused", refusal.zh, refusal.en, code=refusal.code)
        taken = ledger.append(self.store, list(sent.values()), now=now, counties=self.person.counties)
        receipts |= dict(zip(sent, taken, strict=True))
        self._audit_refused(events, receipts)
        return [receipts[at] for at in range(len(events))]

    def _no_right(self, event: Event) -> rules.Refusal | None:
        action = ACTION_OF.get(event.kind, "")
        county = getattr(event, "county", None)
        if event.kind in rules.KINDS and not (self.may(action, county) if county else self.somewhere(action)):
            error = people.ForbiddenError(action, county, self.somewhere(action))
            return rules.Refusal("county" if self.somewhere(action) else "right", error.zh, error.en)
        return None

    def _audit_refused(self, events: Sequence[Event], receipts: Mapping[int, ledger.Receipt]) -> None:
        limited = self.person.counties is not None
        codes = {"right", "county"} if limited else {"right"}
        refused = [event for at, event in enumerate(events) if receipts[at].code in codes]
        if not refused:
            return
        counted = Counter((e.kind, e.plan_id) for e in refused)
        first = {(e.kind, e.plan_id): e.block_id for e in reversed(refused)}
        with self.store.writing() as connection:
            for (kind, plan_id), n in counted.items():
                action = ACTION_OF.get(kind, "report")
                target = f"{plan_id} {first[kind, plan_id]}".strip()
                audit.write(connection, self.person.id, action, target, "refused", detail=f"{kind} × {n}")

    def require_plan(self, folder: Path, action: people.Action = "plan") -> None:
        """Raise ForbiddenError where the person may not do this in every county that a plan folder has."""
        meta = plan_folders.read_meta(folder)
        for county in counties_of(folder):
            self.require(action, county, str(meta["id"]))

    def plan_folder(self, plan: str) -> Path:
        """Where the plan of that id lies. Raises AbsentError for what is no id: no path leads out of plans/."""
        if not plan or Path(plan).name != plan or plan.startswith("."):
            raise AbsentError("没有这个方案。", "There is no such plan.")
        return self.home / "plans" / plan

    def register(self, folder: Path, progress: jobs.Told = jobs.nobody) -> int:
        """Put a plan folder's blocks into the database; needs `plan` in every county that the plan has."""
        self.require_plan(folder)
        return register.register_plan(self.store, folder, self.person.id, progress)

    def approve(self, plan_id: str, now: datetime | None = None) -> list[ledger.Receipt]:
        """Approve a plan: as a whole by whoever may in every county, otherwise each block of the own counties
        that is not approved yet."""
        now = now or datetime.now(UTC)
        if not self.somewhere("approve"):
            self.require("approve", None, plan_id)
        if self.may("approve"):
            return self.report([Event(uuid4(), "plan_approved", "", plan_id, self.person.id, now)], now)
        standing = self._own(states.states(self.store, plan_id=plan_id), "approve")
        waiting = standing.loc[standing["state"] == "planned", "block_id"]
        return self.report(
            [Event(uuid4(), "plan_approved", b, plan_id, self.person.id, now) for b in waiting], now
        )

    def change_block(self, plan_id: str, block_id: str, version: int, changes: Mapping[str, Any]) -> int:
        """As register.change_block; moving a block to another county takes the right in both."""
        with self.store.reading() as connection:
            b = blocks.c
            county = connection.scalar(select(b.county).where(b.plan_id == plan_id, b.block_id == block_id))
        target = f"{plan_id} {block_id}"
        self.require("edit_block", county, target)
        if "county" in changes:
            self.require("edit_block", changes["county"], target)
        return register.change_block(self.store, plan_id, block_id, version, changes, self.person.id)

    def targets(self, programme: Programme, as_of: date, plan_id: str | None = None) -> list[CountyTarget]:
        """As progress.targets: of every county, for all who are signed in."""
        self.require("see")
        return progress.targets(self.store, programme, as_of, plan_id)

    def daily(self, programme: Programme, as_of: date, plan_id: str | None = None) -> pd.DataFrame:
        """As progress.daily: of every county, for all who are signed in."""
        self.require("see")
        return progress.daily(reports.by_block(self.store, programme.id, as_of, plan_id), programme, as_of)

    def measures(
        self, programme: Programme, as_of: date
    ) -> tuple[list[measures.MeasureTarget], list[measures.GoalStanding]]:
        """As measures.table: scheme B of every county, for all who are signed in."""
        self.require("see")
        return measures.table(self.store, programme, as_of)

    def states(self, plan_id: str | None = None, as_of: date | None = None) -> pd.DataFrame:
        """As states.states: where the blocks of every county stand, for all who are signed in."""
        self.require("see")
        return states.states(self.store, as_of, plan_id)

    def plans(self) -> pd.DataFrame:
        """The plans that are followed, the newest first: id, programme, created (UTC), name."""
        self.require("see")
        p = tables.plans.c
        with self.store.reading() as connection:
            query = select(p.id, p.programme, p.created, p.name).order_by(p.created.desc())
            return pd.DataFrame(
                connection.execute(query).fetchall(), columns=["id", "programme", "created", "name"]
            )

    def blocks(
        self,
        plan_id: str,
        village: str | None = None,
        near: tuple[float, float] | None = None,
        limit: int | None = 50,
        block_id: str | None = None,
    ) -> pd.DataFrame:
        """As nearby.find: the blocks of the person's counties."""
        self.require("see")
        mine = self.person.counties
        return nearby.find(
            self.store, plan_id, counties=mine, village=village, near=near, limit=limit, block_id=block_id
        )

    def villages(self, plan_id: str) -> pd.DataFrame:
        """As nearby.villages: of the person's counties."""
        self.require("see")
        return nearby.villages(self.store, plan_id, self.person.counties)

    def events(self, **filters: Any) -> pd.DataFrame:
        """As seen.events: the ledger of the person's counties, the last first."""
        self._require_somewhere("see_ledger", filters.get("county"))
        return seen.events(self.store, self.person, **filters)

    def reporters(self, plan_id: str | None = None) -> pd.DataFrame:
        """As seen.reporters: who reported in the person's counties."""
        self._require_somewhere("see_ledger")
        return seen.reporters(self.store, self.person, plan_id)

    def conflicts(self, plan_id: str | None = None) -> pd.DataFrame:
        """As seen.conflicts: what was kept beside the ledger, of the person's counties."""
        self._require_somewhere("see_ledger")
        return seen.conflicts(self.store, self.person, plan_id=plan_id)

    def verify(
        self, noted: chain.Head | None = None, progress: jobs.Told = jobs.nobody
    ) -> chain.Broken | None:
        """As chain.verify."""
        self._require_somewhere("see_ledger")
        return chain.verify(self.store, noted, progress)

    def head(self) -> chain.Head:
        """The last event's number and hash: what one notes down to hold the ledger against later."""
        self._require_somewhere("see_ledger")
        with self.store.reading() as connection:
            return chain.last(connection)

    def photo_flags(self, plan_id: str, block_id: str) -> pd.DataFrame:
        """As photos.flags, of those reports on a block whose photos the person may see."""
        from tracking import photos

        shown = self.events(plan_id=plan_id, block_id=block_id)
        ids = shown.loc[shown["files"] != "[]", "id"]
        found = photos.flags(self.store, plan_id, block_id)
        return found[found["event_id"].isin(list(ids))]

    def export_ledger(
        self, kind: str = "xlsx", *, private: bool = False, lang: str = "zh", **filters: Any
    ) -> bytes:
        """The ledger as a file, as `ledger_file` makes it; the audit has it before it leaves."""
        content, told = self.ledger_file(kind, private=private, lang=lang, **filters)
        with self.store.writing() as connection:
            action = "export_private" if private else "export"
            audit.write(connection, self.person.id, action, "ledger", "done", filters.get("county"), told)
        return content

    def ledger_file(
        self,
        kind: str,
        *,
        private: bool = False,
        lang: str = "zh",
        progress: jobs.Told = jobs.nobody,
        **filters: Any,
    ) -> tuple[bytes, str]:
        """The ledger as `events` gives it, as a file that has not left yet, and a line of what it is for the audit.

        kind: "xlsx" or "csv"; text in it never runs as a formula. private: with names and households, of the counties
        in which the person has export_private, and what was freely written; without it nobody is named, whatever the
        person may see.
        """
        from tracking import ledger_files

        county = filters.get("county")
        for action in ("see_ledger", "export", *(("export_private",) if private else ())):
            self._require_somewhere(action, county)
        progress(0.0)
        frame = seen.events(self.store, self.person, **filters)
        frame = self._own(frame, "export_private") if private else seen.without_persons(frame)
        content = ledger_files.write(frame, kind, lang, lambda done: progress(0.3 + 0.7 * done))
        return content, " ".join(
            [kind, f"{len(frame)} rows", *(f"{n}={v}" for n, v in sorted(filters.items()))]
        )

    def add_photo(self, content: bytes) -> Photo:
        """As photos.keep: a photo to be named by a report of the person's."""
        from tracking import photos

        if not any(self.somewhere(a) for a in ACTION_OF.values()):
            self.require("report", None, "photo")
        return photos.keep(self.store, content, self.person.id, self.home)

    def photo(self, sha: str) -> tuple[bytes, str]:
        """A photo's bytes and media type, for those who see a report that names it."""
        from tracking import photos

        found = photos.get(self.store, sha)
        if found is None or not seen.photo(self.store, self.person, sha):
            self.refuse("see_ledger", None, f"photo {sha}")
        try:
            content = photos.path(self.home, sha).read_bytes()
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha:
            # a photo that was changed since is no proof of anything
            raise ChigaiError(
                "照片文件缺失或被改动过。", "The photo's file is missing or was changed.",
                do_zh="请从备份恢复数据文件夹。", do_en="restore the data folder from a backup.",
            )  # fmt: skip
        return content, found.media_type

    def exported(self, what: str, county: str | None = None, detail: str = "", private: bool = False) -> None:
        """Put down that data leave the house by another door: a plan's export, a package. Needs the right."""
        action = "export_private" if private else "export"
        self.require(action, county, what)
        with self.store.writing() as connection:
            audit.write(connection, self.person.id, action, what, "done", county, detail)

    def checked(self) -> list[dict[str, Any]]:
        """As files.checked: the sets of checked parcels of the counties that the person plans."""
        places = people.where(self.person, "plan")
        return [m for m in files.checked(self.home) if places is None or set(m["counties"]) <= places]

    def require_checked(self, parcels_id: str) -> None:
        """Raise ForbiddenError where the person does not plan every county of these checked parcels."""
        places = people.where(self.person, "plan")
        if places is not None and not set(files.manifest(self.home, parcels_id)["counties"]) <= places:
            self.refuse("plan", None, f"parcels {parcels_id}")

    def keep_upload(self, content: Mapping[str, bytes], limit_mb: float, suffixes: tuple[str, ...]) -> str:
        """As files.keep: data to be checked."""
        self._require_somewhere("plan")
        return files.keep(self.home, content, limit_mb, suffixes)

    def start(self, kind: str, request: Mapping[str, Any]) -> str:
        """As jobs.start, in this person's name: of what takes every county (a plan, registering, approving), only where
        the person has the right in each."""
        self._require_somewhere(RIGHT_OF_JOB[kind])
        if kind == "plan":
            self.require_checked(str(request["parcels"]))
        elif kind in ("register", "approve"):
            self.require_plan(self.home / "plans" / str(request["plan"]), RIGHT_OF_JOB[kind])
        return jobs.start(kind, {**request, "by": self.person.id}, self.home)

    def sees(self, job: jobs.Job) -> bool:
        """Whether a job is this person's business: their own, or of a kind that everybody with the right sees."""
        return job.by == self.person.id or (
            job.kind not in OWN_JOBS and self.somewhere(RIGHT_OF_JOB[job.kind])
        )

    def stop(self, job_id: str) -> None:
        """As jobs.cancel."""
        try:
            job = jobs.status(job_id, self.home)
        except ChigaiError:
            # what is not there says nothing of itself to whoever may not plan
            self._require_somewhere("plan")
            raise
        right = RIGHT_OF_JOB[job.kind]
        self._require_somewhere(right)
        if not self.sees(job):
            self.refuse(right, None, f"job {job.kind}")
        jobs.cancel(job_id, self.home)

    def _own(self, frame: pd.DataFrame, action: str) -> pd.DataFrame:
        """The rows of the counties in which the person may do it."""
        places = people.where(self.person, action)
        return frame if places is None else frame[frame["county"].isin(list(places))]

    def _require_somewhere(self, action: str, county: str | None = None) -> None:
        if county is None and self.somewhere(action):
            return
        self.require(action, county)

    def refuse(self, action: str, county: str | None, target: str) -> NoReturn:
        """Put a refusal into the audit and raise it as a ForbiddenError."""
        with self.store.writing() as connection:
            audit.write(connection, self.person.id, action, target, "refused", county)
        raise people.ForbiddenError(action, county, self.somewhere(action))


def counties_of(folder: Path) -> list[str]:
    """The counties of a plan folder's blocks."""
    return sorted(set(plan_folders.read_table(folder, "blocks", ["county"])["county"].astype(str)))
