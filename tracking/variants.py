"""Variants of a plan: the same paddies planned with other parameters, plans side by side, and the one that is approved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import insert, select

from geo import frozen, plans
from geo.errors import ChigaiError
from planning import comparing
from planning.programme import load
from tracking import audit, jobs, people
from tracking.desk import Desk
from tracking.tables import approvals


@dataclass(frozen=True)
class Approved:
    """A plan that was approved. sha256: of its folder then; intact: whether the folder still is that."""

    plan: str
    programme: str
    sha256: str
    at: datetime
    by: str
    intact: bool


def asked_for(desk: Desk, plan: str) -> dict[str, Any] | None:
    """What a plan was asked for with, as a job's request with its parameters, to be varied; None where it was not
    made here, or its data are gone. Of a plan changed by hand: what the plan beneath it was asked for with."""
    folder = desk.plan_folder(plan)
    meta = plans.read_meta(folder)
    if "edited" in meta:
        beneath = str(meta["edited"]["from"])
        return asked_for(desk, beneath) if (desk.home / "plans" / beneath).is_dir() else None
    try:
        job = json.loads((desk.home / "jobs" / plan / "request.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if job.get("kind") != "plan" or job["request"].get("parcels") not in {m["id"] for m in desk.checked()}:
        return None
    usual = load(job["request"].get("programme", str(meta["programme"]["id"]))).parameters.as_values()
    own = {name: v for name, v in meta["parameters"].items() if name in usual and v != usual[name]}
    return {**job["request"], "overrides": own}


def vary(desk: Desk, plan: str, changes: Mapping[str, float | bool], name: str = "") -> str:
    """Plan the same paddies with other values of some parameters; gives the job's id, which will be the plan's.

    Needs `plan` in every county of the data. Raises ChigaiError for a value that a parameter cannot take.
    """
    if not desk.somewhere("plan"):
        desk.require("plan", None, plan)
    request = asked_for(desk, plan)
    if request is None:
        raise ChigaiError(
            "这个方案不是在这里算的，或原始数据已清理，不能换参数重算。",
            "This plan was not made here, or its data were cleared away: it cannot be planned again.",
            do_zh="请在“新方案”里选数据，再填参数。", do_en="choose the data under “new plan” and set the parameters there.",
        )  # fmt: skip
    overrides = {**request["overrides"], **changes}
    load(request["programme"]).parameters.with_values(**overrides)
    title = name.strip()[:80]
    return desk.start("plan", {**request, "overrides": overrides, "title": title, "variant_of": plan})


def compare(desk: Desk, plan_ids: Sequence[str]) -> list[dict[str, Any]]:
    """plan.json of two or three plans, for `planning.comparing`; for all who are signed in."""
    desk.require("see")
    if not 2 <= len(set(plan_ids)) <= comparing.MOST:
        raise ChigaiError(
            "请选两个或三个方案对比。", "Choose two or three plans to compare.",
        )  # fmt: skip
    return [plans.read_meta(desk.plan_folder(plan)) for plan in plan_ids]


def hands(desk: Desk, one: str, other: str) -> pd.DataFrame:
    """As comparing.hands; parcels, which lead to households, in the counties alone in which this person sees them."""
    desk.require("see")
    found = _hands(*(_named(desk, plan) for plan in (one, other)))
    places = people.where(desk.person, "see_private")
    return found if places is None else found[found.county.isin(list(places))].reset_index(drop=True)


def hands_summed(desk: Desk, one: str, other: str) -> pd.DataFrame:
    """As comparing.summed, of every county: figures alone."""
    desk.require("see")
    return comparing.summed(_hands(*(_named(desk, plan) for plan in (one, other))))


def rows_that_change(desk: Desk, one: str, other: str) -> pd.DataFrame:
    """kind and row (place in the second plan's table) of every parcel that changes hands: shapes alone, no names."""
    desk.require("see")
    found = _hands(*(_named(desk, plan) for plan in (one, other)))
    return pd.DataFrame(found[["kind", "row"]])


@lru_cache(maxsize=8)
def _hands(one: tuple[str, str], other: tuple[str, str]) -> pd.DataFrame:
    return comparing.hands(Path(one[0]), Path(other[0]))


def _named(desk: Desk, plan: str) -> tuple[str, str]:
    folder = desk.plan_folder(plan)
    return str(folder), str(plans.read_meta(folder)["created"])


def begin_approval(desk: Desk, plan: str) -> str:
    """Begin the job that approves a plan; its id. Refuses what `approve` would refuse."""
    name = plans.title(plans.read_meta(_open(desk, plan)))
    return desk.start("approve", {"plan": plan, "name": name or plan})


def approve(
    desk: Desk,
    plan: str,
    progress: jobs.Told = jobs.nobody,
    closing: Callable[[], None] = lambda: None,
) -> Approved:
    """Make a plan the approved one: it is registered and approved in the ledger, and its folder is frozen with its
    checksum. Needs `plan` and `approve` in every county of the plan. A plan approved earlier stays frozen.

    progress: of the registering, which may be stopped. closing: called before the steps that belong together."""
    folder = _open(desk, plan)
    meta = plans.read_meta(folder)
    desk.register(folder, progress)
    closing()
    # the crews' page approves in the ledger too: what was approved there is frozen all the same
    if (desk.states(str(meta["id"]))["state"] == "planned").any():
        for receipt in desk.approve(str(meta["id"])):
            if receipt.status == "refused":
                raise ChigaiError(receipt.zh, receipt.en)
    now = datetime.now(UTC)
    sha = frozen.freeze(folder, {"at": now.isoformat(timespec="seconds"), "by": desk.person.id})
    programme = str(meta["programme"]["id"])
    row = {"plan": plan, "programme": programme, "sha256": sha, "at": now, "actor": desk.person.id}
    with desk.store.writing() as connection:
        connection.execute(insert(approvals), row)
        audit.write(connection, desk.person.id, "approve", plan, "done", detail=f"sha256={sha}")
    return Approved(plan, programme, sha, now, desk.person.name, True)


def _open(desk: Desk, plan: str) -> Path:
    """The folder of a plan that this person may approve and that nobody approved yet."""
    folder = desk.plan_folder(plan)
    desk.require_plan(folder, "approve")
    if any(found.plan == plan for found in history(desk)):
        raise ChigaiError("这个方案已经批准过。", "This plan was approved before.")
    return folder


def history(desk: Desk) -> list[Approved]:
    """Every plan that was approved, the newest first; the first is the one in force."""
    desk.require("see")
    query = select(approvals).order_by(approvals.c.no.desc())
    with desk.store.reading() as connection:
        known = people.names(connection)
        rows = list(connection.execute(query))
    return [
        Approved(r.plan, r.programme, r.sha256, r.at, known.get(r.actor, r.actor), _intact(desk, r.plan, r.sha256))
        for r in rows
    ]  # fmt: skip


def _intact(desk: Desk, plan: str, sha: str) -> bool:
    folder = desk.home / "plans" / plan
    if not folder.is_dir():
        return False
    stamp = tuple(
        (p.relative_to(folder).as_posix(), p.stat().st_size, p.stat().st_mtime_ns)
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    )
    return _sum(str(folder), stamp) == sha


@lru_cache(maxsize=16)
def _sum(folder: str, stamp: tuple[tuple[str, int, int], ...]) -> str:
    """The checksum of a folder, reckoned once as long as its files have the same sizes and times."""
    return frozen.checksum(Path(folder))
