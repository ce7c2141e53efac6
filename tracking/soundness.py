"""Whether a report is sound by itself: its texts, times and figures, and what a correction may carry."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from tracking.rules import EN, FIELDS_ZH, FIGURES, KINDS, TAKES, ZH, Event, Refusal, corrected

CLOCK = timedelta(minutes=5)
"""How far a phone's clock may run ahead of the server's."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_TEXT = 2000
MOST_FILES = 50
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, which no database keeps."""


def in_itself(event: Event, now: datetime) -> Refusal | None:
    """Whether an event is sound by itself, whatever else was reported."""
    if event.kind not in KINDS:
        kind = ascii(event.kind)[:40]
        return Refusal(
            "kind",
            f"没有 {kind} 这种记录，应为：{'、'.join(ZH[k] for k in KINDS)}。",
            f"There is no event of kind {kind}; there are {', '.join(KINDS)}.",
        )
    if not _written(event):
        return Refusal(
            "text",
            f"文字缺失、过长（最多 {LONGEST_TEXT} 字）或含有无法保存的字符。",
            f"A text is missing, too long (at most {LONGEST_TEXT} characters) or cannot be kept.",
        )
    if not event.actor or not event.plan_id:
        return Refusal("who", "缺少填报人或方案编号。", "It does not say who reports, or for which plan.")
    if len(event.files) > MOST_FILES:
        return Refusal(
            "files", f"附件过多（最多 {MOST_FILES} 个）。", f"Too many files (at most {MOST_FILES})."
        )
    if event.happened.tzinfo is None:
        return Refusal("zone", "发生时间没有时区。", "The time has no zone.")
    if event.happened > now + CLOCK:
        day = event.happened.date().isoformat()
        return Refusal(
            "future",
            f"发生时间在将来（{day}）：请检查手机时间。",
            f"It lies in the future ({day}): check the phone's clock.",
        )
    if event.happened < EARLIEST:
        return Refusal("past", "发生时间早于 2000 年。", "It lies before the year 2000.")
    return figures(event)


def _written(event: Event) -> bool:
    """Whether every text is there, and can be kept in both homes."""
    needed = (event.block_id, event.plan_id, event.actor, event.note, *event.files)
    given = (
        t
        for t in (event.reason, event.inspector, event.operator, event.measure, event.county)
        if t is not None
    )
    return all(
        isinstance(t, str) and len(t) <= LONGEST_TEXT and "\x00" not in t and not SURROGATE.search(t)
        for t in (*needed, *given)
    )


def figures(event: Event) -> Refusal | None:
    """Whether an event carries the figures that its kind needs, and no others."""
    given = {name for name in FIGURES if getattr(event, name) is not None}
    if not given <= TAKES[event.kind]:
        strange = sorted(given - TAKES[event.kind])
        return Refusal(
            "figures",
            f"“{ZH[event.kind]}”不带这些内容：{'、'.join(FIELDS_ZH[n] for n in strange)}。",
            f"A {EN[event.kind]} carries no {', '.join(strange)}.",
        )
    if event.kind != "measure" and (event.measure is not None or event.county is not None):
        return Refusal(
            "figures",
            "只有三减填报写明措施和县区。",
            "Only a report of scheme B names a measure and a county.",
        )
    for name in ("done_mu", "measured_mu", "units"):
        value = getattr(event, name)
        if value is not None and not (
            isinstance(value, (int, float)) and math.isfinite(value) and value >= 0
        ):
            return Refusal(
                "number", "面积和数量必须是不小于 0 的数。", "Areas and units are numbers of at least 0."
            )
    for count in (event.level_points, event.block_version):
        if count is not None and not (type(count) is int and 0 <= count < 10**6):
            return Refusal(
                "number", "水准点数和版本号必须是整数。", "Level points and versions are whole numbers."
            )
    if any(type(answer) not in (bool, type(None)) for answer in (event.passed, event.given)):
        return Refusal("number", "是否合格、是否同意只能答是或否。", "Passed and given are yes or no.")
    missing = {
        "progress": (event.done_mu is None, "done_mu", "已完成面积"),
        "checked": (event.passed is None, "passed", "是否合格"),
        "accepted": (not event.measured_mu, "measured_mu", "实测面积"),
        "correction": (event.corrects is None, "corrects", "被更正的记录"),
        "consent": (event.given is None or not event.operator, "given, operator", "农户及其意见"),
        "measure": (
            not event.measure or not event.county or event.units is None,
            "measure, county, units",
            "措施、县区、数量",
        ),
    }.get(event.kind)
    if missing and missing[0]:
        return Refusal(
            "missing", f"“{ZH[event.kind]}”缺少：{missing[2]}。", f"A {EN[event.kind]} needs {missing[1]}."
        )
    if event.kind == "measure" and event.block_id:
        return Refusal("block", "三减填报不针对大池。", "A report of scheme B is about no block.")
    if event.kind == "checked" and event.passed is False and not (event.reason or "").strip():
        return Refusal("reason", "初验退回须写明原因。", "A block that is returned needs the reason.")
    if event.kind != "correction" and event.corrects is not None:
        return Refusal("corrects", "只有更正记录可以指向别的记录。", "Only a correction names another event.")
    return None


def correction(event: Event, target: Event | None) -> Refusal | None:
    """Whether a correction names an event of its own block, and carries what that kind of event can carry."""
    if target is None:
        return Refusal("corrects", "被更正的记录不存在。", "The event to be corrected does not exist.")
    if target.kind == "correction":
        return Refusal(
            "corrects",
            "更正不能再被更正：请再更正原记录。",
            "A correction is not corrected itself: correct the first event again.",
        )
    if (target.plan_id, target.block_id) != (event.plan_id, event.block_id):
        return Refusal(
            "corrects", "被更正的记录属于另一个大池。", "The event to be corrected is about another block."
        )
    given = {name for name in FIGURES if getattr(event, name) is not None}
    if not given <= TAKES[target.kind]:
        return Refusal(
            "figures", f"“{ZH[target.kind]}”不带这些内容。", f"A {EN[target.kind]} carries no such figures."
        )
    result = corrected(target, event)
    return None if result is None else figures(result)
