"""The target table and the answers to reports, as the terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from planning.programme import Programme
from tracking.intake import Answer
from tracking.measures import GoalStanding, MeasureTarget
from tracking.progress import CountyTarget
from ui import numbers
from ui.terminal import Screen

ROWS_SHOWN = 100
"""Answers printed as a table; of a longer file only those that were not taken."""

STATES = {
    "reached": ("● 已完成", "● reached"),
    "on_course": ("◐ 进度正常", "◐ on course"),
    "at_risk": ("▲ 有风险", "▲ at risk"),
    "missed": ("✕ 未完成", "✕ missed"),
    "no_target": ("– 无任务", "– no target"),
}
WHY = {
    "block_below_minimum": ("大池未达单池下限", "block below the minimum"),
    "no_site": ("不在示范点内", "in no site"),
    "site_below_minimum": ("示范点未达下限", "site below the minimum"),
    "not_started": ("未开工", "not started"),
    "under_way": ("施工中", "under way"),
    "returned": ("初验退回", "returned by a check"),
    "not_accepted": ("未验收", "not accepted"),
    "late": ("逾期完工或逾期报送", "finished or reported too late"),
    "measured_below_minimum": ("实测未达单池下限", "measured below the minimum"),
    "measured_less": ("实测小于计划", "measured smaller than planned"),
}
STATUSES = {
    "accepted": ("已收", "accepted"),
    "repeated": ("重复", "repeated"),
    "conflict": ("冲突", "conflict"),
    "refused": ("拒收", "refused"),
}


def print_targets(screen: Screen, rows: Sequence[CountyTarget], day: date) -> None:
    """How far each county is, whether it will make it, what does not count, and who has not reported."""
    lang = screen.lang.value
    names = [row.name if lang == "zh" else row.name_en for row in rows]
    heads = [
        ("县区", "county"), ("任务", "target"), ("计划", "planned"), ("开工", "started"), ("完工", "finished"),
        ("验收", "accepted"), ("计入任务", "counted"), ("最近填报", "last report"),
    ]  # fmt: skip
    cells = [
        [
            name,
            numbers.mu_range(row.floor_mu, row.ceiling_mu, lang, unit=False),
            *(numbers.plain(v) for v in (row.planned_mu, row.started_mu, row.finished_mu, row.accepted_mu)),
            numbers.plain(row.counted_mu),
            numbers.NONE if row.last_report is None else row.last_report.isoformat(),
        ]
        for name, row in zip(names, rows, strict=True)
    ]
    screen.table((f"截至 {day} 的进度（亩）", f"Progress to the end of {day} (mu)"), heads, cells)
    heads = [
        ("县区", "county"), ("状态", "state"), ("剩余天数", "days left"), ("其中可施工", "working days"),
        ("日均", "pace a day"), ("日需", "needed a day"), ("期末预测", "forecast"), ("预测范围", "range"),
    ]  # fmt: skip
    cells = [
        [
            name,
            _state(screen, row),
            numbers.NONE if row.days_left is None else str(row.days_left),
            numbers.NONE if row.days_left is None else str(row.working_days_left),
            numbers.mu(row.pace_mu_per_day, lang, unit=False),
            numbers.mu(row.needed_mu_per_day, lang, unit=False),
            numbers.NONE if row.ahead_mu is not None else numbers.mu(row.forecast_mu, lang, unit=False),
            numbers.NONE
            if row.ahead_mu is not None
            else numbers.mu_range(row.forecast_low_mu, row.forecast_high_mu, lang, unit=False),
        ]
        for name, row in zip(names, rows, strict=True)
    ]
    screen.table(("能否完成（亩）", "Will they make it? (mu)"), heads, cells)
    for name, row in zip(names, rows, strict=True):
        reasons = [
            f"{screen.pick(*WHY[why])} {numbers.mu(v, lang)}" for why, v in row.why_finished_mu.items()
        ]
        if reasons:
            screen.say(
                f"{name} 已完工而不计入：{'；'.join(reasons)}",
                f"{name}, finished but not counted: {'; '.join(reasons)}",
            )
        if row.withdrawn_mu:
            area = numbers.mu(row.withdrawn_mu, lang)
            screen.say(
                f"{name} 另有 {area} 是在移出方案或原方案的大池里完工的，不计入",
                f"{name}: {area} more were finished in blocks of an earlier plan or no longer in the plan",
            )
        if row.missed_cutoff is not None:
            screen.say(
                f"{name} 未报送：截至 {row.missed_cutoff} 的报送期内没有收到填报",
                f"{name} has not reported: nothing was received for the cut-off of {row.missed_cutoff}",
            )


def _state(screen: Screen, row: CountyTarget) -> str:
    text = screen.pick(*STATES[row.state])
    if row.ahead_mu is not None:
        over = numbers.plain(abs(row.ahead_mu))
        text += screen.pick(*(("，超 ", ", by ") if row.ahead_mu >= 0 else ("，差 ", ", short by "))) + over
    if row.missed_cutoff is not None:
        text += screen.pick("，未报送", ", not reported")
    return text


UNITS = {"mu": ("亩", "mu"), "set": ("套", "sets")}


def print_measures(
    screen: Screen,
    programme: Programme,
    rows: Sequence[MeasureTarget],
    goals: Sequence[GoalStanding],
    day: date,
) -> None:
    """Scheme B: units done and tonnes saved against the goals."""
    assert programme.scheme_b is not None
    names = {u.adcode: screen.pick(u.name_zh, u.name_en) for u in programme.units}
    cells = [
        [
            f"{screen.pick(row.name_zh, row.name_en)} {screen.pick(*UNITS[row.counted_in])}",
            names[row.county] if row.county else screen.pick("全市", "city"),
            numbers.plain(row.target),
            numbers.plain(row.done),
            numbers.percent(row.share),
            numbers.plain(row.goal_t, 2),
            numbers.plain(row.saved_t, 2),
        ]
        for row in rows
    ]
    cells += [
        [
            screen.pick("目标", "goal"), screen.pick(g.name_zh, g.name_en), numbers.NONE, numbers.NONE,
            numbers.percent(g.saved_t / g.goal_t if g.goal_t else None), numbers.plain(g.goal_t, 2), numbers.plain(g.saved_t, 2),
        ]
        for g in goals
    ]  # fmt: skip
    heads = [
        ("措施", "measure"), ("县区", "county"), ("任务", "target"), ("完成", "done"), ("完成率", "share"),
        ("目标 吨", "goal t"), ("已减 吨", "saved t"),
    ]  # fmt: skip
    scheme = programme.scheme_b
    screen.table(
        (
            f"{scheme.name_zh}：{scheme.year} 年，截至 {day}",
            f"{scheme.name_en}: {scheme.year}, to the end of {day}",
        ),
        heads,
        cells,
    )
    for row in rows:
        if row.county is None and row.other_years:
            other = f"{numbers.plain(row.other_years)} {screen.pick(*UNITS[row.counted_in])}"
            screen.say(
                f"{row.name_zh}：另有 {other} 不在 {scheme.year} 年内，不计入",
                f"{row.name_en}: {other} more are not of {scheme.year} and do not count",
            )


def print_answers(screen: Screen, answers: Sequence[Answer]) -> None:
    """What became of each row; of a long file each that was not taken, and how many were."""
    shown = [a for a in answers if len(answers) <= ROWS_SHOWN or a.receipt.status in ("refused", "conflict")]
    cells = [
        [
            str(a.row),
            screen.pick(*STATUSES[a.receipt.status]),
            screen.pick(a.receipt.zh, a.receipt.en),
            str(a.receipt.id),
        ]
        for a in shown
    ]
    if cells:
        heads = [("行", "row"), ("结果", "answer"), ("说明", "why"), ("编号", "id")]
        screen.table(("填报结果", "Reports"), heads, cells)
    counts = {status: sum(a.receipt.status == status for a in answers) for status in STATUSES}
    zh = "，".join(f"{STATUSES[s][0]} {n}" for s, n in counts.items() if n)
    en = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    screen.say(f"共 {len(answers)} 条：{zh or '无'}", f"{len(answers)} reports: {en or 'none'}")
