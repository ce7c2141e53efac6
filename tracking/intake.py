"""Reports from a table or a file: rows of text to events, each sound or refused with the reason."""

from __future__ import annotations

import csv
import io
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from geo.errors import ChigaiError
from planning.programme import Programme
from tracking import counties, rules
from tracking.books import MANY, chunks
from tracking.ledger import Event, Receipt, append
from tracking.reports import end_of
from tracking.store import Store
from tracking.tables import events
from tracking.targets import LOCAL

FIELDS = rules.FIELDS_ZH
"""The columns of a file of reports, in English or Chinese. Needed: kind, happened, and block_id but for the
approval of a whole plan and for scheme B (kind measure), which takes measure, units and county instead."""
KINDS_ZH = {zh: kind for kind, zh in rules.ZH.items() if kind in rules.KINDS}
LARGEST_FILE = 200_000_000
SPACE = uuid.UUID("0c5a4b0e-65b7-4a55-8d4f-2f1f3b9f6f57")
YES = ("true", "yes", "y", "1", "是", "合格", "同意", "通过")
NO = ("false", "no", "n", "0", "否", "不合格", "不同意", "退回")
AS_WRITTEN = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII
)
"""A day, or a day and a time, as spreadsheets and people write it: 2021/10/5, 2021年10月5日 8:05."""
BACKLOG = "补录：按发生时间计收到时间"
"""The note that marks a report of which the paper came in when it happened."""


@dataclass(frozen=True)
class Answer:
    """What became of one row, counted from 1."""

    row: int
    receipt: Receipt

    def as_json(self) -> dict[str, Any]:
        r = self.receipt
        return {"row": self.row, "id": str(r.id), "status": r.status, "code": r.code, "zh": r.zh, "en": r.en}


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a .csv (UTF-8 or GBK) or .json file (a list of objects), by the names in FIELDS.

    Raises ChigaiError where the file cannot be read or has a column that is not known.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _unreadable(path, "文件过大", "it is too large")
        raw = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error.strerror or "", error.strerror or "") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as error:
            raise _unreadable(path, "编码既不是 UTF-8 也不是 GBK", "it is neither UTF-8 nor GBK") from error
    rows = _json(path, text) if path.suffix.lower() == ".json" else _csv(path, text)
    known = {**dict.fromkeys(FIELDS), **{zh: en for en, zh in FIELDS.items()}}
    found = []
    for number, row in enumerate(rows, 1):
        for name in row:
            if name not in known:
                raise ChigaiError(
                    f"不认识的列“{str(name)[:40]}”。",
                    f"There is no column {str(name)[:40]!r}.",
                    do_zh=f"可用的列：{'、'.join(FIELDS.values())}。",
                    do_en=f"the columns are {', '.join(FIELDS)}.",
                    file=path,
                    row=number,
                )
        found.append({known[name] or name: value for name, value in row.items()})
    return found


def _csv(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(text), restkey="…", strict=True)
        return [dict(row) for row in reader]
    except csv.Error as error:
        raise _unreadable(path, "不是 CSV", f"it is no CSV: {error}") from error


def _json(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "不是 JSON", "it is no JSON") from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise _unreadable(path, "应为由对象组成的列表", "it should be a list of objects")
    return found


def _unreadable(path: Path, zh: str, en: str) -> ChigaiError:
    return ChigaiError(
        f"读不了这个文件：{zh}。",
        f"The file cannot be read: {en}.",
        do_zh="请给出 .csv 或 .json 文件。",
        do_en="name a .csv or .json file.",
        file=path,
    )


def take(
    store: Store,
    rows: Sequence[Mapping[str, Any]],
    plan_id: str,
    actor: str,
    *,
    programme: Programme | None = None,
    backlog: bool = False,
    now: datetime | None = None,
) -> list[Answer]:
    """Put rows into the ledger, each by itself; one answer for each, in order.

    plan_id, actor: for rows that name none; programme: that of reports of scheme B that name none. A row without id gets one that is made of its content, so the same
    file again is "repeated". backlog: papers that came in when they happened and are only now typed in; they
    count as received then, and their note says so (BACKLOG).
    """
    now = now or datetime.now(UTC)
    answers: dict[int, Receipt] = {}
    sound: list[tuple[int, Event]] = []
    for number, row in enumerate(rows, 1):
        made = event(row, programme.id if programme and _kind(row) == "measure" else plan_id, actor, now)
        if isinstance(made, Receipt):
            answers[number] = made
        else:
            sound.append((number, _marked(made) if backlog else made))
    sound = _with_the_plans_of_measures(store, rows, sound)
    known = (programme,) if programme else ()
    if backlog:
        sound.sort(key=lambda pair: pair[1].happened)
        for day, batch in groupby(sound, key=lambda pair: pair[1].happened.astimezone(LOCAL).date()):
            answers |= _appended(store, list(batch), min(end_of(day), now), known)
    else:
        answers |= _appended(store, sound, now, known)
    return [Answer(number, answers[number]) for number in sorted(answers)]


def needs_plan(row: Mapping[str, Any]) -> bool:
    """Whether a row is about a plan, and does not say which."""
    of_scheme_b = _kind(row) == "measure" or (_kind(row) == "correction" and not _clean(row.get("block_id")))
    return not of_scheme_b and not _clean(row.get("plan_id"))


def _kind(row: Mapping[str, Any]) -> str:
    given = str(_clean(row.get("kind")) or "")
    return KINDS_ZH.get(given, given)


def _with_the_plans_of_measures(
    store: Store, rows: Sequence[Mapping[str, Any]], numbered: list[tuple[int, Event]]
) -> list[tuple[int, Event]]:
    """A correction that names neither block nor plan belongs to the programme of the report it corrects."""
    open_ = {
        one.corrects
        for number, one in numbered
        if one.corrects and not one.block_id and not _clean(rows[number - 1].get("plan_id"))
    }
    if not open_:
        return numbered
    belongs = {one.id: one.plan_id for _, one in numbered if one.kind == "measure"}
    with store.reading() as connection:
        for part in chunks(list(open_), MANY):
            query = select(events.c.id, events.c.plan_id)
            found = connection.execute(query.where(events.c.id.in_(part), events.c.kind == "measure"))
            belongs |= {row.id: row.plan_id for row in found}
    return [
        (number, replace(one, plan_id=belongs[one.corrects]))
        if one.corrects in open_ and one.corrects in belongs and not one.block_id
        else (number, one)
        for number, one in numbered
    ]


def _appended(
    store: Store, numbered: list[tuple[int, Event]], now: datetime, known: Sequence[Programme]
) -> dict[int, Receipt]:
    receipts = append(store, [one for _, one in numbered], now=now, programmes=known)
    return {number: receipt for (number, _), receipt in zip(numbered, receipts, strict=True)}


def _marked(one: Event) -> Event:
    return replace(one, note=f"{one.note}；{BACKLOG}" if one.note else BACKLOG)


def event(row: Mapping[str, Any], plan_id: str, actor: str, now: datetime) -> Event | Receipt:
    """The event of a row, or the receipt that refuses it. A time without zone is one of Asia/Shanghai, and a
    day alone its noon (today: now at the latest)."""
    values = {name: _clean(row.get(name)) for name in FIELDS}
    values["plan_id"] = values["plan_id"] or plan_id
    values["actor"] = values["actor"] or actor
    content = json.dumps(
        {n: str(v) for n, v in values.items() if v is not None}, ensure_ascii=False, sort_keys=True
    )
    made_id = uuid.uuid5(SPACE, content)
    try:
        column = "id"
        made_id = UUID(str(values["id"])) if values["id"] else made_id
        made: dict[str, Any] = {}
        for column, read_as in _READ.items():
            made[column] = None if values[column] is None else read_as(values[column])
        column = "happened"
        happened = _moment(values["happened"], now)
    except (TypeError, ValueError, OverflowError):
        return _refusal(made_id, column, values[column])
    return Event(
        made_id,
        _kind(values),
        str(values["block_id"] or ""),
        str(values["plan_id"]),
        str(values["actor"]),
        happened,
        note=str(values["note"] or ""),
        files=tuple(f for f in str(values["files"] or "").split(";") if f),
        **made,
    )


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        value = value.strip()
    return None if value == "" else value


def _refusal(made_id: UUID, column: str, value: Any) -> Receipt:
    shown = str(value)[:40]
    return Receipt(
        made_id,
        "refused",
        f"{FIELDS[column]}（{column}）“{shown}”读不懂。",
        f"{column} {shown!r} cannot be read.",
        code="form",
    )


def _truth(value: Any) -> bool:
    text = str(value).lower()
    if text in YES:
        return True
    if text in NO:
        return False
    raise ValueError(text)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(value)
    return float(value)


def _whole(value: Any) -> int:
    number = _number(value)
    if not number.is_integer():
        raise ValueError(value)
    return int(number)


def _county(value: Any) -> str:
    codes = {name: code for code, both in counties.names().items() for name in both}
    return codes.get(str(value), str(value))


_READ: dict[str, Callable[[Any], Any]] = {
    "done_mu": _number, "passed": _truth, "reason": str, "measured_mu": _number, "level_points": _whole,
    "inspector": str, "corrects": lambda value: UUID(str(value)), "operator": str, "given": _truth,
    "block_version": _whole, "measure": str, "units": _number, "county": _county,
}  # fmt: skip


def _moment(value: Any, now: datetime) -> datetime:
    text = str(value)
    if written := AS_WRITTEN.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in written.groups())
        found = date(year, month, day)
        if written[4]:
            return datetime.combine(found, time(hour, minute, second), LOCAL)
    else:
        try:
            found = date.fromisoformat(text)
        except ValueError:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=LOCAL)
    noon = datetime.combine(found, time(12), LOCAL)
    # noticed in the morning, it happened in the morning
    return now if noon > now and found == now.astimezone(LOCAL).date() else noon
