"""The verb of the `chigai` command that looks into a finished plan: explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ui.terminal import Screen, guarded

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="方案文件夹 · a plan folder")]


def register(app: typer.Typer) -> None:
    """Put this verb into the command."""
    app.command()(explain)


@guarded
def explain(
    ctx: typer.Context,
    folder: Folder,
    block: Annotated[str, typer.Option(metavar="ID", help="大池编号 · id of the block")],
    top: Annotated[int, typer.Option(min=1, help="列出几种改法 · how many alternatives")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="只输出 JSON · print JSON alone")] = False,
) -> None:
    """说明一个大池为什么这样合。 Why a block is as it is, and what the next best would have been."""
    from planning import explain as why

    told = why.explain(folder, block, top)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False))
        return
    screen: Screen = ctx.obj
    lang = screen.lang.value
    screen.say(told["zh"], told["en"])
    _lines(screen, ("规则", "Rules"), [r[lang] for r in told["rules"]])
    _lines(screen, ("其次最好的改法", "The next best"), [c[lang] for c in told["next_best"]])
    _lines(screen, ("规则不允许的改法", "What the rules forbid"), [c[lang] for c in told["forbidden"]])
    screen.table(
        ("小池", "Parcels"),
        [("小池", "parcel"), ("面积 亩", "area mu"), ("高程 m", "level m"), ("挖（+）填（−）m", "cut (+) fill (−) m")],
        [
            [p["parcel_id"], f"{p['area_mu']:.2f}", _level(p["elevation_m"]), _level(p["above_level_m"], "+")]
            for p in told["parcels"]
        ],
    )  # fmt: skip
    if told["loads"]:
        screen.table(
            ("运土", "Loads"),
            [("从", "from"), ("到", "to"), ("土方 m³", "earth m³"), ("运距 m", "distance m")],
            [
                [w["from_parcel"], w["to_parcel"], f"{w['volume_m3']:,.1f}", f"{w['distance_m']:,.0f}"]
                for w in told["loads"]
            ],
        )


def _lines(screen: Screen, head: tuple[str, str], lines: list[str]) -> None:
    if lines:
        screen.say(*head)
        for line in lines:
            screen.say(f"  · {line}", f"  · {line}")


def _level(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.2f}"
