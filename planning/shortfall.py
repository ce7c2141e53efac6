"""Why a county's sites fall short of its target, and what would cure it, in figures and in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from planning.effort import Effort
from planning.programme import Unit
from planning.siting import LIMITS, Choice, Ground, choose

WHY: dict[str, tuple[str, str]] = {
    "money": ("预算不够", "are beyond the budget"),
    "site_too_small": ("所在片区不够示范点下限", "lie in groups below the site minimum"),
    "consent": ("待农户同意", "wait for consent"),
    "elevation": ("高差超限", "exceed the step"),
    "barrier": ("被渠、沟、路、林带隔开", "are cut off by a canal, road or shelterbelt"),
    "too_small_together": ("并起来也不够单池下限", "are too small even together"),
    "isolated": ("四周无池可并", "have no neighbour to join"),
    "left_over": ("邻池另有更优组合", "are left over"),
    "taken_out": ("被规划人员移出", "were taken out by the planner"),
    "not_there": ("在数据里没有水田", "have no paddies in the data"),
}
"""What keeps land out of sites, and how the sentence says it: what can be cured first."""

LEAST_MU = 0.05
"""Less is not told of."""

NEARLY = 0.25
"""A group below the site minimum is told of as a cure from this part of it on."""

SAID = 3
"""So many reasons stand in the sentence; the figures hold all."""


def why(
    stopped: Mapping[str, float], ground: Ground, choice: Choice, short_of_money: bool, floor_mu: float
) -> dict[str, float]:
    """Mu of the county by what keeps them out of sites, in the order of WHY.

    stopped: mu of the county's parcels in no block, by their reason. Blocks count with their own area, parcels in
    no block with theirs. `money`, at most what the floor lacks, is said only where the budget stopped the choice;
    `not_there` is what the floor asks beyond all paddies of the data.
    """
    possible = ground.possible
    spare = float(ground.area_mu[possible & ~choice.chosen].sum())
    short = floor_mu - choice.area_mu
    found = {
        "money": min(spare, short) if short_of_money else 0.0,
        "site_too_small": float(ground.area_mu[~possible].sum()),
    }
    found |= {str(reason): float(mu) for reason, mu in stopped.items()}
    found["not_there"] = short - spare - sum(mu for reason, mu in found.items() if reason != "money")
    return {reason: found[reason] for reason in WHY if found.get(reason, 0.0) >= LEAST_MU}


def cures(
    unit: Unit,
    ground: Ground,
    choice: Choice,
    reasons: Mapping[str, float],
    budget_yuan: float | None,
    wider: tuple[float, float, float],
) -> list[dict[str, Any]]:
    """What would help, the surest first: zh, en, mu that it may bring (at most), yuan that it takes (None: open).

    wider: gap inside a site, a wider one [m], and the mu that would then lie in groups large enough.
    """
    found = []
    floor = unit.floor_mu or 0.0
    if budget_yuan is not None and "money" in reasons:
        free = choose(ground, floor, None, LIMITS[Effort.quick])
        more = free.cost_yuan - budget_yuan
        if free.area_mu > choice.area_mu and more > 0:
            # a sum to ask for is rounded up, to a hundred yuan
            more = float(np.ceil(more / 100) * 100)
            found.append(
                _cure(
                    f"追加 {_money_zh(more)}可达 {free.area_mu:,.0f} 亩",
                    f"+{more:,.0f} yuan reaches {free.area_mu:,.0f} mu",
                    free.area_mu - choice.area_mu,
                    more,
                )
            )
    _, area = ground.groups()
    small = area[area < ground.site_minimum_mu * (1 - 1e-9)]
    largest = float(small.max(initial=0.0))
    if largest >= NEARLY * ground.site_minimum_mu > 0:
        found.append(
            _cure(
                f"不够示范点下限的片区中最大的一处有 {largest:,.0f} 亩，再增加 {ground.site_minimum_mu - largest:,.0f} 亩即可算数",
                f"the largest group below the site minimum has {largest:,.0f} mu and counts with "
                f"{ground.site_minimum_mu - largest:,.0f} more",
                largest,
                None,
            )
        )
    gap_m, wider_m, more_mu = wider
    if more_mu >= LEAST_MU:
        found.append(
            _cure(
                f"示范点连片距离由 {gap_m:,.0f} m 放宽到 {wider_m:,.0f} m，最多增加 {more_mu:,.0f} 亩",
                f"a gap inside sites of {wider_m:,.0f} m in place of {gap_m:,.0f} m brings up to {more_mu:,.0f} mu",
                more_mu,
                None,
            )
        )
    if "consent" in reasons:
        mu = reasons["consent"]
        found.append(
            _cure(
                f"取得农户同意，最多增加 {mu:,.0f} 亩",
                f"consent of the households brings up to {mu:,.0f} mu",
                mu,
                None,
            )
        )
    if "elevation" in reasons:
        mu = reasons["elevation"]
        found.append(
            _cure(
                f"放宽池内高差，最多增加 {mu:,.0f} 亩，土方随之增加",
                f"a larger step inside blocks brings up to {mu:,.0f} mu, with more earth",
                mu,
                None,
            )
        )
    if "barrier" in reasons:
        mu = reasons["barrier"]
        found.append(
            _cure(
                f"结合渠系改造打通隔断，最多增加 {mu:,.0f} 亩",
                f"moving canals or roads brings up to {mu:,.0f} mu",
                mu,
                None,
            )
        )
    return found


def sentence(
    unit: Unit, chosen_mu: float, reasons: Mapping[str, float], ways: list[dict[str, Any]]
) -> tuple[str, str]:
    """The shortfall in one sentence of each language; empty where the floor is reached."""
    floor = unit.floor_mu or 0.0
    if chosen_mu >= floor * (1 - 1e-9):
        return "", ""
    named = sorted(reasons, key=lambda r: -reasons[r])[:SAID]
    said = [r for r in WHY if r in named]
    zh = f"{unit.name_zh}任务 {floor:,.0f} 亩，可达 {chosen_mu:,.0f} 亩"
    en = f"{unit.name_en} reaches {chosen_mu:,.0f} of {floor:,.0f} mu"
    if said:
        zh += "：" + "，".join(f"{reasons[r]:,.0f} 亩{WHY[r][0]}" for r in said)
        en += ": " + ", ".join(f"{reasons[r]:,.0f} mu {WHY[r][1]}" for r in said)
    paid = [way for way in ways if way["yuan"] is not None]
    if paid:
        zh += f"；{paid[0]['zh']}"
        en += f"; {paid[0]['en']}"
    return f"{zh}。", f"{en}."


def _cure(zh: str, en: str, mu: float, yuan: float | None) -> dict[str, Any]:
    return {"zh": zh, "en": en, "mu": mu, "yuan": yuan}


def _money_zh(yuan: float) -> str:
    return f"{yuan / 1e4:,.4g} 万元" if yuan < 1e7 else f"{yuan / 1e4:,.0f} 万元"
