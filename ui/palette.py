"""One colour per state everywhere, told apart without red and green alone (Okabe and Ito, 2008)."""

from __future__ import annotations

from geo.looks import BARRIERS, BLOCKS, OTHER, PARCELS, REASONS, REST, Look

__all__ = [
    "BARRIERS", "BLOCKS", "FONT", "FOOTPRINT", "OTHER", "PARCELS", "PROGRESS", "REASONS", "REST", "SEVERITIES",
    "SILENT", "TARGETS", "WORK", "Look",
]  # fmt: skip

FONT = (
    '"Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", '
    "system-ui, sans-serif"
)
"""Typefaces that Chinese offices have, best first."""


TARGETS: dict[str, Look] = {
    "reached": Look("#0072B2", "plain", "●", "已达任务", "target reached"),
    "within_reach": Look(
        "#56B4E9",
        "lines",
        "◐",
        "可以达到：大池够，示范点或预算不够",
        "within reach: blocks suffice, sites or budget do not",
    ),
    "short": Look("#D55E00", "cross", "○", "不足任务", "short of the target"),
    "no_target": Look("#A9B0B5", "plain", "–", "无任务", "no target"),
    "no_data": Look("#8C8C8C", "empty", "◌", "方案中没有地块", "no parcels in the plan"),
}
"""State of a county's target in a plan, by tracking.targets.State."""

PROGRESS: dict[str, Look] = {
    "reached": Look("#0072B2", "plain", "●", "已完成", "reached"),
    "on_course": Look("#56B4E9", "lines", "◐", "进度正常", "on course"),
    "at_risk": Look("#E69F00", "plain", "▲", "有风险", "at risk"),
    "missed": Look("#D55E00", "cross", "✕", "未完成", "missed"),
    "no_target": Look("#A9B0B5", "plain", "–", "无任务", "no target"),
}
"""State of a county's target in the fields, by tracking.forecast.State."""

SILENT = Look("#5B6B7A", "plain", "◇", "未报送", "no report")
"""A county that has not reported by the cut-off: beside its state, not in place of it."""

WORK: dict[str, Look] = {
    "planned": Look("#EFEBDD", "plain", "○", "未开工", "not started"),
    "started": Look("#F2DC3D", "plain", "◔", "施工中", "under way"),
    "returned": Look("#D55E00", "cross", "↩", "初验退回", "returned by the check"),
    "finished": Look("#8FCBEF", "plain", "◑", "已完工", "finished"),
    "checked": Look("#3C96D2", "plain", "◕", "初验合格", "passed the check"),
    "accepted": Look("#0A5C94", "plain", "●", "已验收", "accepted"),
    "mapped": Look("#06304F", "plain", "◉", "已上图", "on the map"),
    "withdrawn": Look("#8C8C8C", "empty", "◌", "已移出方案", "no longer in the plan"),
}
"""How far the work on a block is, by tracking.rules.STATES; one that is approved has not been started either."""


FOOTPRINT = Look("#8FB08C", "plain", "", "稻田所在（概略）", "where the paddies lie, coarsely")
"""The coarse grid of the far view."""

SEVERITIES: dict[str, Look] = {
    "error": Look("#D55E00", "plain", "✕", "错误", "error"),
    "warning": Look("#E69F00", "plain", "!", "警告", "warning"),
    "info": Look("#56B4E9", "plain", "i", "提示", "note"),
}
"""A finding, worst first."""
