"""The first answer of the page 方案: is there a cheaper way, and how far is the plan from the best one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planning.effort import Effort
from ui import numbers, parts, safe

NOTHING = 1e-4
"""Below this share of the cost a gap is rounding."""


def cheaper(ctx: parts.Context, meta: Mapping[str, Any]) -> None:
    """A number for whoever asks whether there is a cheaper way; nothing where an older plan does not know."""
    q, t, lang = meta.get("quality"), ctx.t, ctx.lang
    if not q:
        return
    cost, bound = q["cost_yuan"], q["cost_bound_yuan"]
    most = t("plan.cheaper_most", money=numbers.money(cost - bound, lang), gap=numbers.percent(q["gap"]))
    says = t("plan.cheaper_none") if q["gap"] < NOTHING else most
    how = t("plan.cheaper_how", bound=numbers.money(bound, lang), cost=numbers.money(cost, lang))
    parts.notice(
        "good" if q["gap"] < NOTHING else "plain",
        f"{safe.text(t('plan.cheaper'))} <b>{safe.text(says)}</b>",
        f"<span>{safe.text(parts.together(how))}</span>",
    )


def quality(ctx: parts.Context, meta: Mapping[str, Any]) -> None:
    """Area and cost beside what no plan passes, and how much is proven."""
    q, t, lang = meta.get("quality"), ctx.t, ctx.lang
    if not q:
        return
    effort = str(meta.get("effort", Effort.normal))
    known = t(f"plan.effort_{effort}") if effort in list(Effort) else effort
    saved = numbers.money(q["cost_yuan"] - q["cost_bound_yuan"], lang)
    parts.heading(t("plan.quality"), t("plan.quality_note"))
    parts.cards(
        [
            (
                t("plan.quality_area"),
                numbers.mu(q["compliant_mu"], lang, False),
                t("unit.mu"),
                t("plan.quality_area_note", bound=numbers.mu(q["compliant_bound_mu"], lang)),
            ),
            (
                t("plan.quality_cost"),
                numbers.money(q["cost_yuan"], lang, False),
                t("unit.money"),
                t("plan.quality_cost_note", bound=numbers.money(q["cost_bound_yuan"], lang)),
            ),
            (
                t("plan.quality_gap"),
                numbers.percent(q["gap"]),
                "",
                t("plan.quality_gap_note", money=saved, effort=known),
            ),
            (
                t("plan.quality_proven"),
                numbers.percent(q["units_proven_share"]),
                "",
                t("plan.quality_proven_note", n=numbers.plain(q["units"])),
            ),
        ]
    )
