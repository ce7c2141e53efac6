"""How what a plan holds is shown, on every screen and in every export: one colour and one name for each thing.

Colours are told apart without red and green alone (Okabe and Ito, 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Hatch = Literal["plain", "lines", "cross", "empty"]


@dataclass(frozen=True)
class Look:
    """How one state is shown: fill, a hatch that tells it apart in grey, a mark for tables, and its names."""

    colour: str
    hatch: Hatch
    mark: str
    zh: str
    en: str

    def name(self, lang: str) -> str:
        """The state's name in one language."""
        return self.zh if lang == "zh" else self.en


BLOCKS: dict[str, Look] = {
    "site": Look(
        "#0072B2", "plain", "●", "达标，示范点达到下限", "meets the minimum, in a site large enough"
    ),
    "site_small": Look("#56B4E9", "plain", "◐", "达标，示范点不够大", "meets the minimum, site too small"),
    "spare": Look("#A9B0B5", "plain", "□", "达标，未选入示范点", "meets the minimum, not chosen for a site"),
    "below": Look("#E69F00", "plain", "○", "已合并，未达单池下限", "joined, below the block minimum"),
}
"""State of a block."""

REASONS: dict[str, Look] = {
    "isolated": Look("#6E6E6E", "plain", "", "孤立：没有可合并的相邻池", "isolated: no neighbour to join"),
    "elevation": Look("#D55E00", "plain", "", "高差过大", "elevation step too large"),
    "consent": Look("#CC79A7", "plain", "", "农户未同意", "consent refused"),
    "barrier": Look(
        "#882255", "plain", "", "被渠、沟、路、林带隔开", "cut off by a canal, road or shelterbelt"
    ),
    "too_small_together": Look("#F0E442", "plain", "", "合并后仍小于下限", "too small even together"),
    "left_over": Look(
        "#009E73", "plain", "", "余下：邻池另有更优组合", "left over: neighbours serve better elsewhere"
    ),
    "taken_out": Look("#4B0082", "plain", "", "规划人员移出", "taken out by the planner"),
}
"""Why a parcel lies in no block that meets the minimum."""

OTHER = Look("#B8B0A0", "plain", "", "其他原因", "another reason")
"""Where the reason would tell what a household wants to somebody whom that does not concern."""

PARCELS: dict[str, Look] = {
    "large": Look("#7FA7C4", "plain", "", "现状已达单池下限", "already meets the block minimum"),
    "small": Look("#F3DDAE", "plain", "", "现状小于单池下限", "below the block minimum"),
}
"""A parcel as it is today."""

REST = Look("#ECE7DA", "plain", "", "保持原状的地块", "parcel that keeps its outline")
"""A parcel in no block, where the reason is not asked for."""

BARRIERS: dict[str, Look] = {
    "main_canal": Look("#003F6B", "plain", "", "干渠", "main canal"),
    "branch_canal": Look("#14588C", "plain", "", "支渠", "branch canal"),
    "lateral_canal": Look("#3A7CB8", "plain", "", "斗渠", "lateral canal"),
    "field_canal": Look("#6FA3D2", "plain", "", "农渠", "field canal"),
    "ditch": Look("#9CC3E4", "plain", "", "毛渠", "ditch"),
    "drain": Look("#6B7FA3", "plain", "", "排水沟", "drain"),
    "road": Look("#5C5248", "plain", "", "道路", "road"),
    "shelterbelt": Look("#2E6B4F", "plain", "", "林带", "shelterbelt"),
    "village": Look("#8A6F5A", "plain", "", "村庄", "village"),
    "other": Look("#777777", "plain", "", "其他", "other"),
}
"""Lines and areas between parcels."""

BARRIER_MM: dict[str, float] = {
    "main_canal": 1.4, "branch_canal": 1.1, "lateral_canal": 0.8, "field_canal": 0.6, "ditch": 0.5, "drain": 0.6,
    "road": 1.0, "shelterbelt": 1.0, "village": 0.6, "other": 0.5,
}  # fmt: skip
"""How wide each of them is drawn, mm."""
