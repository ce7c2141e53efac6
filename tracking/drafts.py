"""The door to drafts: plans changed by hand, by whoever may plan in the counties that a change touches, and audited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from sqlalchemy import Connection, Row

from geo import plans
from geo.errors import AbsentError, ChigaiError
from planning.editing import totals
from planning.editing.changes import Asked, changed
from planning.editing.effect import Effect, change_of, effect
from planning.editing.figures import drawn
from planning.editing.state import State
from planning.editing.unit import FieldUnit, load
from planning.editing.words import KINDS
from planning.effort import Effort
from tracking import audit, journal, people
from tracking.desk import Desk
from tracking.journal import Draft, Touched
from tracking.register import ChangedError

UNDONE, AGAIN = "undo", "redo"
HISTORY = 200
"""So many of the last changes are told."""


def begin(desk: Desk, plan: str, name: str = "") -> str:
    """A new draft over the plan in this folder of plans/; gives its id. Needs `plan` in some county of the plan."""
    meta = plans.read_meta(desk.plan_folder(plan))
    _require_some(desk, {str(row["county"]) for row in meta["counties"]}, plan)
    with desk.store.writing() as connection:
        draft = journal.create(connection, plan, name.strip()[:80], desk.person.id)
        audit.write(connection, desk.person.id, "plan", draft, "done", detail=f"draft of {plan}")
    return draft


def listed(desk: Desk, plan: str | None = None) -> list[Draft]:
    """The open drafts, of one plan or of all, the newest first; for those who plan somewhere."""
    _require_somewhere(desk, "drafts")
    with desk.store.reading() as connection:
        return journal.listed(connection, plan)


def draft(desk: Desk, draft_id: str) -> Draft:
    """One draft. Raises ChigaiError where there is none."""
    _require_somewhere(desk, draft_id)
    with desk.store.reading() as connection:
        return _there(connection, draft_id)


def close(desk: Desk, draft_id: str) -> None:
    """Take a draft off the list; its journal stays. For those who plan every county that it changed."""
    found = draft(desk, draft_id)
    with desk.store.reading() as connection:
        numbers = journal.changed_units(connection, draft_id)
    for county in sorted({c for n in numbers for c in _counties(unit_of(desk, found, n))}):
        desk.require("plan", county, draft_id)
    with desk.store.writing() as connection:
        journal.close(connection, draft_id)
        audit.write(connection, desk.person.id, "plan", draft_id, "done", detail="closed")


def figures(desk: Desk, draft_id: str) -> dict[str, Any]:
    """counties, totals: as plan.json would have them with the draft's changes, sites as in the plan; changes, undo,
    redo: how many there are, and how many this person can undo and do again."""
    found = draft(desk, draft_id)
    meta = plans.read_meta(desk.plan_folder(found.plan))
    with desk.store.reading() as connection:
        moved = journal.changes(connection, draft_id)
        counted = journal.counted(connection, draft_id, desk.person.id)
    rows, whole = totals.after(meta, moved)
    return {"counties": rows, "totals": whole, "changed_units": sorted(moved), **counted}


def counted(desk: Desk, draft_id: str) -> dict[str, int]:
    """How many changes the draft has, and how many this person can undo and do again; cheap enough to ask often."""
    _require_somewhere(desk, draft_id)
    with desk.store.reading() as connection:
        return journal.counted(connection, draft_id, desk.person.id)


def look(desk: Desk, draft_id: str, number: int) -> tuple[FieldUnit, State, Touched, list[str]]:
    """A field unit as the draft has it, its version, and the names of others who are at work on it.

    Needs `plan` in every county of the unit.
    """
    found = draft(desk, draft_id)
    unit = unit_of(desk, found, number)
    _require_all(desk, unit, draft_id)
    with desk.store.writing() as connection:
        others = journal.visit(connection, draft_id, number, desk.person.id)
        known = people.names(connection)
        state = journal.state(connection, draft_id, unit)
        return unit, state, journal.touched(connection, draft_id, number), [known.get(o, o) for o in others]


def preview(desk: Desk, draft_id: str, number: int, asked: Asked) -> tuple[FieldUnit, Effect]:
    """What a change would do. Raises RefusedError where a rule forbids it."""
    unit = unit_of(desk, draft(desk, draft_id), number)
    _require_all(desk, unit, draft_id)
    with desk.store.reading() as connection:
        state = journal.state(connection, draft_id, unit)
    return unit, effect(unit, state, _after(desk, draft_id, unit, state, asked))


def foreseen(desk: Desk, draft_id: str, unit: FieldUnit, found: Effect) -> list[dict[str, Any]]:
    """The counties of a field unit, and all together (county None), before a change and after it: `summary` of each."""
    base = draft(desk, draft_id)
    meta = plans.read_meta(desk.plan_folder(base.plan))
    with desk.store.reading() as connection:
        moved = dict(journal.changes(connection, draft_id))
    was = totals.after(meta, moved)
    moved.pop(unit.number, None)
    now = totals.after(meta, moved | ({unit.number: found.change} if found.change else {}))
    own = set(_counties(unit))
    pairs = [(b, a) for b, a in zip(was[0], now[0], strict=True) if str(b["county"]) in own]
    return [
        {
            "county": before.get("county"), "name_zh": before.get("name_zh"), "name_en": before.get("name_en"),
            "floor_mu": before.get("floor_mu"), "before": summary(before), "after": summary(after),
        }
        for before, after in [*pairs, (was[1], now[1])]
    ]  # fmt: skip


def apply(desk: Desk, draft_id: str, number: int, asked: Asked, seen: int) -> int:
    """Make a change, and keep it at once; gives the unit's new version. seen: the version that the person looked at.

    Raises RefusedError where a rule forbids it, ChangedError where somebody changed the unit since.
    """
    found = draft(desk, draft_id)
    unit = unit_of(desk, found, number)
    _require_all(desk, unit, draft_id)
    with desk.store.reading() as connection:
        now = journal.touched(connection, draft_id, number)
        if now.version != seen:
            raise _told(connection, now, asked)
        before = journal.state(connection, draft_id, unit)
    # reckoned outside of the transaction: the engine may take a second, and the version says whether it still holds
    after = _after(desk, draft_id, unit, before, asked)
    sums = change_of(unit, drawn(unit, after), after)
    with desk.store.writing() as connection:
        _open(_there(connection, draft_id))
        now = journal.touched(connection, draft_id, number)
        if now.version != seen:
            raise _told(connection, now, asked)
        placed = after.differs(before, unit.names)
        journal.append(connection, draft_id, number, _counties(unit), desk.person.id, asked, placed, sums)
        _put_down(connection, desk, draft_id, number, _counties(unit), asked.kind)
        return now.version + 1


def undo(desk: Desk, draft_id: str) -> int | None:
    """Undo this person's last change, with its figures; gives its field unit, None where there is nothing to undo.

    Raises ChangedError where somebody else changed the same field unit after it.
    """
    return _turned(desk, draft_id, UNDONE)


def redo(desk: Desk, draft_id: str) -> int | None:
    """Do again what this person undid last; as `undo`."""
    return _turned(desk, draft_id, AGAIN)


def _turned(desk: Desk, draft_id: str, way: str) -> int | None:
    found = draft(desk, draft_id)
    with desk.store.reading() as connection:
        change = (journal.next_undo if way == UNDONE else journal.next_redo)(
            connection, draft_id, desk.person.id
        )
    if change is None:
        return None
    # a right can have been taken away since the change was made
    _require_all(desk, unit_of(desk, found, change.field_unit), draft_id)
    with desk.store.writing() as connection:
        _open(_there(connection, draft_id))
        change = (journal.next_undo if way == UNDONE else journal.next_redo)(
            connection, draft_id, desk.person.id
        )
        if change is None:
            return None
        over = journal.later(connection, change)
        if over is not None:
            _lies_over(connection, over)
        journal.turn(connection, change, "undone" if way == UNDONE else "active", way)
        _put_down(connection, desk, draft_id, change.field_unit, json.loads(change.counties), way)
    return int(change.field_unit)


def units_of(desk: Desk, draft_id: str, names: Iterable[str]) -> dict[str, int]:
    """The field unit of each parcel or block that is named, of the plan or of the draft; what is not there is left out."""
    found = draft(desk, draft_id)
    folder, wanted = desk.plan_folder(found.plan), list(dict.fromkeys(names))
    out: dict[str, int] = {}
    for table, column in (("blocks", "block_id"), ("parcels", "parcel_id")):
        missing = [name for name in wanted if name not in out]
        if missing:
            rows = plans.read_more(folder, table, [(column, "in", missing)], [column, "field_unit"])
            if rows is None:
                raise plans.damaged(folder, FileNotFoundError(f"{table}.parquet"))
            out |= {str(n): int(u) for n, u in zip(rows[column], rows.field_unit, strict=True)}
    missing = [name for name in wanted if name not in out]
    with desk.store.reading() as connection:
        numbers = journal.changed_units(connection, draft_id) if missing else []
        for number in numbers:
            there = set(journal.state(connection, draft_id, unit_of(desk, found, number)).members())
            out |= {name: number for name in missing if name in there}
    return out


def history(desk: Desk, draft_id: str) -> list[dict[str, Any]]:
    """The last changes, the newest first: no, field_unit, who, at (UTC), kind, undone; in this person's counties."""
    draft(desk, draft_id)
    with desk.store.reading() as connection:
        known = people.names(connection)
        rows = journal.history(connection, draft_id, HISTORY)
    return [
        {"no": r.no, "field_unit": r.field_unit, "who": known.get(r.actor, r.actor), "at": r.at, "kind": r.kind,
         "undone": r.state == "undone"}
        for r in rows
        if all(desk.may("plan", county) for county in json.loads(r.counties))
    ]  # fmt: skip


def states(desk: Desk, draft_id: str) -> dict[int, State]:
    """Every changed field unit as the draft has it. Needs `plan` in all of their counties."""
    found = draft(desk, draft_id)
    with desk.store.reading() as connection:
        units = [unit_of(desk, found, n) for n in journal.changed_units(connection, draft_id)]
        out = {unit.number: journal.state(connection, draft_id, unit) for unit in units}
    for county in sorted({c for unit in units for c in _counties(unit)}):
        desk.require("plan", county, draft_id)
    return out


def start_writing(desk: Desk, draft_id: str, name: str, shifted: bool = False) -> str:
    """Begin the job that makes a plan of the draft; gives the job's id, which will be the plan's. Needs `plan` in
    every county that the draft changed. shifted: whether its tiles are for a basemap in GCJ-02."""
    found = draft(desk, draft_id)
    states(desk, draft_id)
    with desk.store.writing() as connection:
        audit.write(connection, desk.person.id, "plan", draft_id, "done", detail=f"written over {found.plan}")
    request = {"draft": draft_id, "plan": found.plan, "name": name or found.name, "shifted": shifted}
    return desk.start("draft", request)


def unit_of(desk: Desk, found: Draft, number: int) -> FieldUnit:
    """A field unit of the plan that a draft lies over; asks for no right."""
    return load(desk.plan_folder(found.plan), number)


def _after(desk: Desk, draft_id: str, unit: FieldUnit, state: State, asked: Asked) -> State:
    found = draft(desk, draft_id)
    meta = plans.read_meta(desk.plan_folder(found.plan))
    # a planner waits for the answer: what takes minutes is for a plan of its own
    return changed(unit, state, asked, Effort.normal, int(meta.get("seed", 1)))


def _there(connection: Connection, draft_id: str) -> Draft:
    found = journal.find(connection, draft_id)
    if found is None:
        raise AbsentError(
            "没有这份草稿。", "There is no such draft.",
            do_zh="请从草稿清单里选择。", do_en="choose one from the list of drafts.",
        )  # fmt: skip
    return found


def _open(found: Draft) -> None:
    if found.closed is not None:
        raise ChigaiError(
            "这份草稿已经关闭，不能再改。", "This draft is closed: it takes no more changes.",
            do_zh="请新建一份草稿。", do_en="begin a new one.",
        )  # fmt: skip


def _counties(unit: FieldUnit) -> list[str]:
    return sorted({str(county) for county in unit.county})


def _require_all(desk: Desk, unit: FieldUnit, draft_id: str) -> None:
    for county in _counties(unit):
        desk.require("plan", county, f"{draft_id} {unit.number}")


def _require_some(desk: Desk, counties: set[str], target: str) -> None:
    if not any(desk.may("plan", county) for county in counties):
        desk.require("plan", min(counties, default=None), target)


def _require_somewhere(desk: Desk, target: str) -> None:
    if not desk.somewhere("plan"):
        desk.require("plan", None, target)


def _put_down(
    connection: Connection, desk: Desk, draft_id: str, number: int, counties: Iterable[str], what: str
) -> None:
    for county in counties:
        audit.write(connection, desk.person.id, "plan", f"{draft_id} {number}", "done", county, what)


def _named(connection: Connection, actor: str, kind: str) -> tuple[str, str, str]:
    extra = {UNDONE: ("撤销", "undo"), AGAIN: ("重做", "redo")}
    zh, en = (KINDS | extra).get(kind, (kind, kind))
    return people.names(connection).get(actor, actor), zh, en


def _told(connection: Connection, now: Touched, asked: Asked) -> ChangedError:
    who, zh, en = _named(connection, now.by, now.kind)
    return ChangedError(
        f"这个条田单元在您查看之后被{who}改动（{zh}），您的这一步没有保存。",
        f"{who} changed this field unit after you looked ({en}); your change was not kept.",
        {}, {"kind": asked.kind, "parcels": list(asked.parcels), "blocks": list(asked.blocks), "to": asked.to},
        now.version,
    )  # fmt: skip


def _lies_over(connection: Connection, over: Row[Any]) -> NoReturn:
    who, zh, en = _named(connection, over.actor, over.kind)
    raise ChangedError(
        f"同一条田单元里，{who}之后又做了改动（{zh}），不能越过它撤销或重做。",
        f"{who} changed the same field unit after that ({en}): it cannot be undone or done again beneath it.",
        {}, {}, over.no,
    )  # fmt: skip


def summary(of: Mapping[str, Any]) -> dict[str, float]:
    """The figures that a change is told by, of a county's row or the totals."""
    return {name: float(of[name]) for name in ("blocks", "compliant_mu", "cut_m3", "cost_yuan")}
