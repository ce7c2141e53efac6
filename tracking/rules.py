"""What may be reported, in which order and by whom: with `tracking.soundness` the one place that says no."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from planning.programme import Programme
from tracking.counties import called

KINDS = (
    "plan_approved", "started", "progress", "finished", "checked", "accepted", "mapped", "correction", "consent",
    "measure",
)  # fmt: skip
STATES = ("planned", "approved", "started", "finished", "checked", "returned", "accepted", "mapped")
REPORTS = frozenset({"started", "progress", "finished"})
"""What the field team reports; who sent one of these does not accept the block."""
AFTER: dict[str, frozenset[str]] = {
    "plan_approved": frozenset({"planned"}),
    "started": frozenset({"approved", "returned"}),
    "progress": frozenset({"started", "returned"}),
    "finished": frozenset({"started", "returned"}),
    "checked": frozenset({"finished"}),
    "accepted": frozenset({"checked"}),
    "mapped": frozenset({"accepted"}),
}
"""The states in which a kind of event may happen."""
TOLERANCE = 1.05
"""Area done or measured may exceed the block's by this factor: tapes and phones are not surveys."""

ZH = {
    "plan_approved": "方案批准", "started": "开工", "progress": "进度", "finished": "完工", "checked": "县级初验",
    "accepted": "竣工验收", "mapped": "上图入库", "correction": "更正", "consent": "农户意见", "measure": "三减",
    "planned": "未批准", "approved": "已批准", "returned": "初验退回",
}  # fmt: skip
STATE_ZH = ZH | {
    "started": "施工中",
    "finished": "已完工",
    "checked": "初验合格",
    "accepted": "已验收",
    "mapped": "已上图",
}
EN = {
    "plan_approved": "plan approval", "started": "start", "progress": "progress", "finished": "finish",
    "checked": "county check", "accepted": "acceptance", "mapped": "entry on the map",
    "correction": "correction", "consent": "consent", "measure": "measure of scheme B",
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One report. happened: when, by the reporter's clock, with its zone; received: when the server had it.

    block_id: empty for plan_approved of the whole plan. done_mu: area done in the block so far, mu, not since
    the last report. passed, reason: of checked; a block that did not pass needs the reason. measured_mu,
    level_points (how many were levelled), inspector: of accepted. corrects: the event that a correction names;
    figures given with it stand in the place of that event's, and without any the event is void.
    operator, given: of consent; the operator is private. files: content addresses. block_version: the version
    of the block that the reporter saw, None where he saw none.
    measure, county, units: of scheme B, which is about a county and no block: block_id is empty, plan_id the id
    of the programme, units what was done by this report alone, in mu or sets as the programme counts them.
    """

    id: UUID
    kind: str
    block_id: str
    plan_id: str
    actor: str
    happened: datetime
    received: datetime | None = None
    note: str = ""
    done_mu: float | None = None
    passed: bool | None = None
    reason: str | None = None
    measured_mu: float | None = None
    level_points: int | None = None
    inspector: str | None = None
    corrects: UUID | None = None
    operator: str | None = None
    given: bool | None = None
    files: tuple[str, ...] = ()
    block_version: int | None = None
    measure: str | None = None
    units: float | None = None
    county: str | None = None


FIGURES = (
    "done_mu", "passed", "reason", "measured_mu", "level_points", "inspector", "operator", "given", "units",
)  # fmt: skip
"""The fields of an event that a correction can put right."""
FIELDS_ZH = {
    "id": "编号", "kind": "类型", "block_id": "大池", "plan_id": "方案", "actor": "填报人", "happened": "时间",
    "note": "备注", "done_mu": "已完成亩数", "passed": "是否合格", "reason": "原因", "measured_mu": "实测亩数",
    "level_points": "测点数", "inspector": "验收人", "corrects": "更正", "operator": "农户", "given": "是否同意",
    "files": "附件", "block_version": "大池版本", "measure": "措施", "units": "数量", "county": "县区",
}  # fmt: skip
"""What the fields of an event are called."""
TAKES: dict[str, frozenset[str]] = {
    "plan_approved": frozenset(),
    "started": frozenset(),
    "progress": frozenset({"done_mu"}),
    "finished": frozenset(),
    "checked": frozenset({"passed", "reason"}),
    "accepted": frozenset({"measured_mu", "level_points", "inspector"}),
    "mapped": frozenset(),
    "correction": frozenset(FIGURES),
    "consent": frozenset({"operator", "given", "reason"}),
    "measure": frozenset({"units"}),
}
"""The figures that each kind of event may carry."""


@dataclass(frozen=True)
class Refusal:
    """Why an event is not taken. code: for programs; zh, en: for people, with what would cure it."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True)
class Block:
    """What the rules need of a block."""

    plan_id: str
    block_id: str
    county: str
    area_mu: float
    version: int
    withdrawn: bool = False


@dataclass
class Standing:
    """Where a block stands after its events so far; done_mu is the area done, mu."""

    state: str = "planned"
    done_mu: float = 0.0
    reporters: set[str] = field(default_factory=set)


def place(
    event: Event, block: Block | None, counties: Iterable[str] | None, county: str | None = None
) -> Refusal | None:
    """Whether the event is about a place that exists, and that this person may report on.

    counties: the person's, None for any. county: the one that an event without a block is about.
    """
    allowed = None if counties is None else frozenset(counties)
    if not event.block_id:
        if event.kind not in ("plan_approved", "correction", "measure"):
            return Refusal("block", "缺少大池编号。", "It does not say which block.")
        if allowed is not None and county is not None and county not in allowed:
            zh, en = called(county)
            return Refusal("county", f"{zh}不在您负责的县区。", f"{en} is not one of your counties.")
        if allowed is not None and county is None:
            return Refusal(
                "county",
                "整个方案的批准超出您负责的县区。",
                "Approving a whole plan reaches beyond your counties.",
            )
        return None
    if block is None:
        return Refusal(
            "block",
            f"方案中没有大池 {event.block_id[:60]}。",
            f"The plan has no block {event.block_id[:60]}.",
        )
    if allowed is not None and block.county not in allowed:
        zh, en = called(block.county)
        return Refusal(
            "county",
            f"大池 {block.block_id} 属于{zh}，不在您负责的县区。",
            f"Block {block.block_id} is of {en}, not of your counties.",
        )
    if block.withdrawn and event.kind not in ("correction", "consent"):
        return Refusal(
            "withdrawn",
            f"大池 {block.block_id} 已不在方案中。",
            f"Block {block.block_id} is no longer in the plan.",
        )
    return None


def measure(event: Event, programme: Programme | None) -> Refusal | None:
    """Whether a report of scheme B is about a measure and a county of its programme (None: no such programme)."""
    if programme is None or programme.scheme_b is None:
        return Refusal(
            "programme",
            f"“{event.plan_id[:60]}”没有三减任务。",
            f"There is no scheme B of a programme {event.plan_id[:60]!r}.",
        )
    known = [one.id for one in programme.scheme_b.measures]
    if event.measure not in known:
        named = "、".join(f"{one.name_zh}（{one.id}）" for one in programme.scheme_b.measures)
        return Refusal(
            "measure",
            f"三减措施不对，应为：{named}。",
            f"There is no such measure; there are {', '.join(known)}.",
        )
    if event.county not in [unit.adcode for unit in programme.units]:
        named = "、".join(f"{unit.name_zh} {unit.adcode}" for unit in programme.units)
        codes = ", ".join(unit.adcode for unit in programme.units)
        return Refusal(
            "county", f"县区不对，应为：{named}。", f"The programme has no such county; there are {codes}."
        )
    return None


def files(event: Event, kept: Container[str]) -> Refusal | None:
    """Whether every file that the event names is kept."""
    missing = sum(name not in kept for name in event.files)
    if not missing:
        return None
    return Refusal(
        "files",
        f"有 {missing} 张照片没有保存在系统中：请先上传照片，再填报。",
        f"{missing} of its photos are not kept here: send the photos first, then the report.",
    )


def step(standing: Standing, event: Event, block: Block) -> Refusal | None:
    """Move `standing` on by one event of the block, in the order in which they happened; or say why not."""
    kind = event.kind
    if kind == "consent":
        return None
    if kind == "plan_approved" and not event.block_id and standing.state != "planned":
        return None
    if standing.state not in AFTER[kind]:
        return _order(standing, kind, block)
    most = block.area_mu * TOLERANCE
    area = event.done_mu if kind == "progress" else event.measured_mu
    if area is not None and area > most:
        return Refusal(
            "area",
            f"面积 {area:g} 亩超过大池 {block.block_id} 的 {block.area_mu:.2f} 亩（容差 {TOLERANCE - 1:.0%}）。",
            f"{area:g} mu are more than block {block.block_id} has: {block.area_mu:.2f} mu (tolerance {TOLERANCE - 1:.0%}).",
        )
    if kind == "progress":
        done = float(event.done_mu or 0.0)
        if done < standing.done_mu:
            return Refusal(
                "less",
                f"已完成面积不能从 {standing.done_mu:g} 亩降到 {done:g} 亩：填累计面积；若此前填错，请添加更正。",
                f"The area done cannot fall from {standing.done_mu:g} to {done:g} mu: it is the total so far; "
                "where the earlier figure was wrong, add a correction.",
            )
        standing.done_mu = done
    if kind == "accepted" and event.actor in standing.reporters:
        return Refusal("same", "验收人不能是填报人。", "The one who accepts is not the one who reported.")
    if kind in REPORTS:
        standing.reporters.add(event.actor)
    standing.state = _state(kind, event)
    return None


def _state(kind: str, event: Event) -> str:
    if kind == "checked":
        return "checked" if event.passed else "returned"
    return {"plan_approved": "approved", "progress": "started"}.get(kind, kind)


def _order(standing: Standing, kind: str, block: Block) -> Refusal:
    before = [s for s in STATES if s in AFTER[kind]]
    zh, en = "、".join(STATE_ZH[s] for s in before), " or ".join(before)
    return Refusal(
        "order",
        f"顺序不对：大池 {block.block_id} 当时为“{STATE_ZH[standing.state]}”，“{ZH[kind]}”只能在“{zh}”之后。",
        f"Out of order: block {block.block_id} was {standing.state} then; {EN[kind]} comes only after {en}.",
    )


Placed = tuple[Event, int]
"""An event and its number in the ledger."""


def effective(history: Sequence[Placed]) -> list[Placed]:
    """The events that count, as they happened: corrected ones carry the new figures, or are gone."""
    corrections = {e.corrects: e for e, _ in history if e.kind == "correction"}
    found = [(corrected(e, corrections.get(e.id)), n) for e, n in history if e.kind != "correction"]
    kept = [(e, n) for e, n in found if e is not None]
    return sorted(kept, key=when)


def when(placed: Placed) -> tuple[datetime, int]:
    """The order of events: as they happened, and what happened at the same moment as it was received."""
    return placed[0].happened, placed[1]


def corrected(event: Event, correction: Event | None) -> Event | None:
    """The event with the figures of its last correction; None where that makes it void."""
    if correction is None:
        return event
    figures = {name: v for name in FIGURES if (v := getattr(correction, name)) is not None}
    if not figures:
        return None
    changed = replace(event, **figures)
    # who puts figures right answers for them
    return replace(changed, actor=correction.actor) if changed != event else event


def run(history: Sequence[Placed], block: Block) -> tuple[Standing, Refusal | None, Event | None]:
    """Follow a block's events from the beginning: where it stands, and the first that breaks a rule."""
    standing = Standing()
    for event, _ in effective(history):
        refusal = step(standing, event, block)
        if refusal is not None:
            return standing, refusal, event
    return standing, None, None


def later(refusal: Refusal) -> Refusal:
    """The refusal of an event that something reported for a later time speaks against."""
    return Refusal(
        refusal.code,
        f"与之后的记录矛盾：{refusal.zh}",
        f"It contradicts what was reported after it. {refusal.en}",
    )


def approved_before() -> Refusal:
    return Refusal("order", "整个方案此前已批准。", "The whole plan was approved before.")


def begun() -> Refusal:
    return Refusal(
        "order",
        "方案中已有大池开工，方案批准不能再更正。",
        "Work on the plan has begun: its approval can no longer be corrected.",
    )
