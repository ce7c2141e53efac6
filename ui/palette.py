"""One colour per state everywhere, told apart without red and green alone (Okabe and Ito, 2008)."""

from __future__ import annotations

from geo.looks import BARRIERS, BLOCKS, OTHER, PARCELS, REASONS, REST, Look

__all__ = [
    "BARRIERS", "BLOCKS", "COLOURINGS", "CUTS", "CUT_EDGES", "FONT", "FOOTPRINT", "OPERATORS", "OPERATOR_EDGES", "OTHER",
    "PARCELS", "PROGRESS", "REASONS", "REST", "SEVERITIES", "SHARES", "SHARE_EDGES", "SILENT", "SITES", "SIZES",
    "SIZE_EDGES", "TARGETS", "WORK", "Look",
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


def _scale(
    colours: str, edges: tuple[float, ...], zh: str, en: str, counted: bool = False
) -> dict[str, Look]:
    """A class below the first edge, one between any two, one from the last on; colours: as many, pale to dark.

    counted: whole numbers, so that the class from 5 to 7 is 5–6.
    """
    looks = {}
    ends = [None, *edges, None]
    for i, colour in enumerate(colours.split()):
        low, high = ends[i], ends[i + 1]
        if low is None:
            names = (f"1{zh}", f"1{en}") if counted else (f"不足 {high:g}{zh}", f"less than {high:g}{en}")
        elif high is None:
            names = f"{low:g}{zh}以上", f"{low:g}{en} or more"
        else:
            last = high - 1 if counted else high
            span = f"{low:g}" if last == low else f"{low:g}–{last:g}"
            names = f"{span}{zh}", f"{span}{en}"
        looks[f"c{i}"] = Look(colour, "plain", "", *names)
    return looks


SIZE_EDGES = (1.0, 3.0, 5.0, 10.0, 20.0, 30.0)
SIZES = _scale("#FFFFCC #C7E9B4 #7FCDBB #41B6C4 #1D91C0 #225EA8 #0C2C84", SIZE_EDGES, " 亩", " mu")
"""Area of a block or a parcel, mu (ColorBrewer YlGnBu)."""

CUT_EDGES = (1.0, 5.0, 10.0, 20.0, 40.0, 80.0)
CUTS = _scale("#FFFFD4 #FEE391 #FEC44F #FE9929 #EC7014 #CC4C02 #8C2D04", CUT_EDGES, " m³/亩", " m³/mu")
"""Earth cut for each mu of a block (ColorBrewer YlOrBr)."""

OPERATOR_EDGES = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
OPERATORS = _scale(
    "#EDF8FB #BFD3E6 #9EBCDA #8C96C6 #8C6BB1 #88419D #4D004B", OPERATOR_EDGES, " 户", "", counted=True
) | {
    "unknown": Look(
        "#D9DDE0",
        "empty",
        "",
        "不显示（不是您负责的县，或没有数据）",
        "not shown (not your county, or no data)",
    )
}
"""Operators in a block (ColorBrewer BuPu)."""

SITES: dict[str, Look] = {
    **{
        f"c{i}": Look(
            colour, "plain", "", "一种颜色一个示范点，相邻的不同色", "one colour a site; neighbours differ"
        )
        for i, colour in enumerate(
            ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"]
        )
    },
    "none": Look("#C9CFD3", "plain", "", "不在示范点里", "in no site"),
}
"""Blocks by their site."""

SHARE_EDGES = (20.0, 40.0, 60.0, 80.0)
SHARES = _scale("#EFF3FF #BDD7E7 #6BAED6 #3182BD #08519C", SHARE_EDGES, " %", " %")
"""Part of a township's paddies, percent (ColorBrewer Blues)."""

COLOURINGS: dict[str, dict[str, Look]] = {
    "state": BLOCKS, "work": WORK, "size": SIZES, "cut": CUTS, "site": SITES, "operators": OPERATORS,
}  # fmt: skip
"""What blocks may be coloured by; the place of a look in its book is the code that stands for it in an answer."""
