"""Other sites for a plan that is there: its blocks stay, the choice among them is made anew."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from geo import plans
from geo.errors import ChigaiError
from planning.choosing import Chosen, Goal, Wish, choose_sites, put_in
from planning.effort import Effort
from planning.programme import Programme, available, load


def programme_of(meta: Mapping[str, Any], named: str | Path | None = None) -> Programme:
    """The notice that a plan was made by, or the one named. Raises ChigaiError where it is not among ours."""
    own = str(meta["programme"]["id"])
    if named is None and own not in available():
        raise ChigaiError(
            f"这个方案用的规则文件“{own}”不在程序自带的通知里。",
            f"The rules of this plan, “{own}”, are not among those that come with chigai.",
            do_zh="用 --programme 给出那个规则文件。",
            do_en="name their file with --programme.",
        )
    programme = load(own if named is None else named)
    missing = {str(row["county"]) for row in meta["counties"]} - {unit.adcode for unit in programme.units}
    if missing:
        raise ChigaiError(
            f"规则“{programme.id}”里没有方案中的县区：{'、'.join(sorted(missing))}。",
            f"The rules “{programme.id}” lack counties of the plan: {', '.join(sorted(missing))}.",
            do_zh="给出做这个方案所用的规则。",
            do_en="name the rules that the plan was made by.",
        )
    return programme.model_copy(update={"parameters": programme.parameters.with_values(**meta["parameters"])})


def rechoose(
    folder: Path,
    programme: Programme,
    goal: Goal | None = None,
    budget_yuan: float | None = None,
    county: str | None = None,
    effort: Effort = Effort.normal,
) -> tuple[Chosen, pd.DataFrame, dict[str, Any]]:
    """(what was chosen, the blocks with their new sites, plan.json with them) of the plan in `folder`.

    goal, budget_yuan: for `county` (adcode), or for every county with a target; what is not named stays as the
    plan had it. Raises ChigaiError for a county without a target or without paddies in the plan.
    """
    plan = plans.read(folder)
    meta = copy.deepcopy(plan.meta)
    asked = {unit.adcode for unit in programme.units if unit.has_target}
    rows = {row["county"]: row for row in meta["counties"] if row["county"] in asked}
    if county is not None and county not in rows:
        raise ChigaiError(
            f"方案里没有县区 {county}，或通知没有给它任务。",
            f"The plan has no county {county}, or the notice asks nothing of it.",
            do_zh="可用的代码：" + "、".join(rows) + "。",
            do_en="codes that work: " + ", ".join(rows) + ".",
        )
    goals: dict[str, Goal] = {code: row["goal_asked"] for code, row in rows.items() if row.get("goal_asked")}
    budgets: dict[str, float | None] = {
        code: row["budget_yuan"] for code, row in rows.items() if row.get("budget_asked")
    }
    for code in rows if county is None else [county]:
        if goal is not None:
            goals[code] = goal
        if budget_yuan is not None:
            budgets[code] = budget_yuan
    chosen = choose_sites(
        plan.parcels, plan.blocks, programme, programme.parameters, Wish(goals, budgets), effort
    )
    blocks = plan.blocks.assign(site_id=pd.Series(chosen.site_id, index=plan.blocks.index, dtype="str"))
    good = chosen.sites[chosen.sites.meets_minimum]
    units = {unit.adcode: unit for unit in programme.units}
    for row in meta["counties"]:
        unit = units[row["county"]]
        # the notice named may ask for other areas than the one that the plan was made by
        row |= {name: getattr(unit, name) for name in ("floor_mu", "ceiling_mu", "site_minimum_mu")}
        own = good[good.county == row["county"]]
        row |= {"sites": len(own), "site_mu": float(own.area_mu.sum())}
        row["gap_mu"] = None if row["floor_mu"] is None else max(row["floor_mu"] - row["site_mu"], 0.0)
    totals = meta["totals"]
    totals |= {"sites": len(good), "site_mu": float(good.area_mu.sum())}
    for key in ("floor_mu", "ceiling_mu", "gap_mu"):
        totals[key] = float(sum(row[key] or 0.0 for row in meta["counties"]))
    put_in(chosen.counties, meta["counties"], totals)
    return chosen, blocks, meta


def write(source: Path, folder: Path, chosen: Chosen, blocks: pd.DataFrame, meta: dict[str, Any]) -> Path:
    """The plan of `source` with these sites as a plan of its own in `folder`; it says from which it was made."""
    made = meta | {
        "id": folder.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sites_from": meta["id"],
    }
    tables = {"blocks": blocks, "sites": chosen.sites, "frontier": chosen.frontier}
    return plans.derive(source, folder, tables, made)
