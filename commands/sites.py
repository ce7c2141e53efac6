"""The verb of the `chigai` command that chooses a plan's sites anew: sites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geo.errors import ChigaiError
from planning.effort import Effort
from ui import numbers
from ui.terminal import Screen, guarded

if TYPE_CHECKING:
    import pandas as pd


def register(app: typer.Typer) -> None:
    """Put this verb into the command."""
    app.command("sites")(sites)


@guarded
def sites(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="方案文件夹 · a plan folder")],
    budget: Annotated[
        float | None,
        typer.Option(metavar="YUAN", min=0, help="每个县区的预算，元 · budget of each county, yuan"),
    ] = None,
    goal_floor: Annotated[
        bool, typer.Option("--floor", help="只做到任务下限 · the target's lower end")
    ] = False,
    goal_ceiling: Annotated[
        bool, typer.Option("--ceiling", help="做到任务上限 · the target's upper end")
    ] = False,
    county: Annotated[
        str | None, typer.Option(metavar="ADCODE", help="只改这个县区 · change this county alone")
    ] = None,
    programme: Annotated[
        str | None, typer.Option(help="方案所用规则的名称或文件 · name or file of the plan's rules")
    ] = None,
    effort: Annotated[Effort, typer.Option(help="快、常规、最好 · time against cost")] = Effort.normal,
    as_json: Annotated[bool, typer.Option("--json", help="只输出 JSON · print JSON alone")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR2", help="另存为新方案 · keep as a plan of its own")
    ] = None,
) -> None:
    """重选示范点，大池不变。 Choose the sites of a plan anew; its blocks stay as they are.

    Without --out nothing is written: what the choice would come to is shown.
    """
    from geo import plans
    from planning import rechoosing

    screen: Screen = ctx.obj
    if goal_floor and goal_ceiling:
        raise ChigaiError(
            "--floor 与 --ceiling 只能给一个。",
            "--floor and --ceiling exclude each other.",
            do_zh="去掉其中一个。",
            do_en="leave one of them out.",
        )
    if out is not None:
        plans.check_target(out)
    rules = rechoosing.programme_of(plans.read_meta(folder), programme)
    chosen, blocks, meta = rechoosing.rechoose(
        folder, rules, "floor" if goal_floor else "ceiling" if goal_ceiling else None, budget, county, effort
    )
    if out is not None:
        rechoosing.write(folder, out, chosen, blocks, meta)
    shown = [c for c in meta["counties"] if c["goal"] and county in (None, c["county"])]
    if as_json:
        typer.echo(json.dumps(_report(shown, chosen.frontier), ensure_ascii=False, indent=1, allow_nan=False))
        return
    print_sites(screen, shown)
    if out is not None:
        screen.say(f"方案已写入 {out}", f"The plan is in {out}")


def _report(counties: list[dict[str, Any]], frontier: pd.DataFrame) -> dict[str, Any]:
    own = frontier[frontier.county.isin([c["county"] for c in counties])]
    return {"counties": counties, "frontier": json.loads(own.to_json(orient="records"))}


def print_sites(screen: Screen, counties: list[dict[str, Any]]) -> None:
    """What was chosen in each county with a target, as plan.json tells it, and what is missing."""
    if not counties:
        return
    lang = screen.lang.value
    heads = [
        ("县区", "county"),
        ("任务 亩", "target mu"),
        ("选入 亩", "chosen mu"),
        ("示范点", "sites"),
        ("费用", "cost"),
        ("至少", "at least"),
        ("预算", "budget"),
        ("涉及农户", "households"),
        ("差额 亩", "missing mu"),
    ]
    rows = [
        [
            c[f"name_{lang}"],
            numbers.mu_range(c["floor_mu"], c["ceiling_mu"], lang, unit=False),
            numbers.plain(c["chosen_mu"]),
            numbers.plain(c["sites"]),
            numbers.money(c["chosen_cost_yuan"], lang),
            numbers.money(c["cost_bound_yuan"], lang),
            numbers.money(c["budget_yuan"], lang),
            numbers.plain(c["households"]),
            numbers.plain(c["shortfall_mu"]),
        ]
        for c in counties
    ]
    screen.table(("示范点", "Sites"), heads, rows)
    for c in counties:
        if c["shortfall_mu"]:
            screen.say(c["shortfall_zh"], c["shortfall_en"])
            for way in c["cures"]:
                screen.say(f"  · {way['zh']}", f"  · {way['en']}")
