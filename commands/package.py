"""The verbs of the `chigai` command for crews without signal: make a village's package, take it back."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from commands.ledger import Json, opened
from geo.errors import ChigaiError
from ui.terminal import Screen, guarded

if TYPE_CHECKING:
    from tracking.packages import Review

ROWS_SHOWN = 50


class PlanFirst(TyperGroup):
    """`chigai package PLAN …` makes packages; only where another verb is named, that one is meant."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Puts the verb before the plan, where none was named."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["make", *args]
        return super().parse_args(ctx, args)


package = typer.Typer(
    cls=PlanFirst,
    no_args_is_help=True,
    help="野外上报包。 Packages for crews without signal: chigai package PLAN --all --out FOLDER",
)


def register(app: typer.Typer) -> None:
    """Put these verbs into the command."""
    app.add_typer(package, name="package")


@package.command("make")
@guarded
def make(
    ctx: typer.Context,
    plan: Annotated[
        Path | None,
        typer.Argument(help="方案文件夹或编号，默认最新 · folder or id of the plan; the newest by default"),
    ] = None,
    village: Annotated[
        str | None, typer.Option("--village", metavar="NAME", help="哪个村 · which village")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="每个村各一个 · one for each village")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="写到哪个文件夹 · where to")
    ] = None,
) -> None:
    """做上报包：每村一个 ZIP，QField、QGIS 可直接打开。 A ZIP for each village, which QField and QGIS open.

    It holds the village's blocks with their state, parcels, canals and roads, and a table of reports to fill on
    a phone without signal. Nobody's name is in it.
    """
    from tracking import packages
    from tracking.people import LOCAL
    from tracking.register import register_plan

    if every == (village is not None):
        raise ChigaiError(
            "请用 --village 指明一个村，或用 --all 为每个村各做一个。",
            "It is not clear for which village.",
            do_zh="例如 --village 星永村。",
            do_en="name one with --village, or make one for each with --all.",
        )
    if out is None:
        raise ChigaiError(
            "没有说写到哪里。",
            "It does not say where to write.",
            do_zh="用 --out 给出文件夹。",
            do_en="name a folder with --out.",
        )
    folder = _folder(plan)
    store = opened()
    register_plan(store, folder, "chigai")
    made = packages.make(store, folder, village, LOCAL, out)
    screen: Screen = ctx.obj
    for path in made:
        screen.say(f"{path}", f"{path}")
    screen.note(f"已做好 {len(made)} 个上报包。", f"{len(made)} packages made.")


def _folder(named: Path | None) -> Path:
    """The plan folder that is meant."""
    from geo import plans

    found = plans.find() if named is None else [plans.home() / "plans" / named, named]
    for folder in found:
        if (folder / plans.MANIFEST).is_file():
            return folder
    raise ChigaiError(
        f"没有方案“{named}”。" if named else "还没有方案。",
        f"There is no plan {str(named)!r}." if named else "There is no plan yet.",
        do_zh="请给出 chigai plan 写出的文件夹，或数据目录中方案的编号。",
        do_en="name a folder that chigai plan wrote, or the id of a plan in the data folder.",
    )


@package.command("import")
@guarded
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="QField 发来的 ZIP、文件夹或 .gpkg · what came back")
    ],
    actor: Annotated[
        str, typer.Option(help="谁交回的，记作填报人 · who hands it in and answers for it")
    ] = "",
    answers: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE.xlsx", help="逐行答复另存为 .xlsx 或 .csv · keep the answers"),
    ] = None,
    as_json: Json = False,
) -> None:
    """收回上报包，逐行核对。 Take a package back; every row is answered: accepted, repeated, conflict, refused.

    Only its table of reports is read. A package that is imported twice changes nothing. The rows that are sound
    are taken whatever becomes of the others; it ends with 2 where any was refused or in conflict.
    """
    from tracking import packages
    from tracking.people import Person

    person = Person(actor or getpass.getuser(), actor, "planner", None, local=True)
    review = packages.take(opened(), file, person)
    if answers is not None:
        review.write(answers)
    if as_json:
        typer.echo(json.dumps([row.as_json() for row in review.rows], ensure_ascii=False, indent=1))
    else:
        _print(ctx.obj, review)
    counts = review.counts()
    if counts["refused"] or counts["conflict"]:
        raise typer.Exit(2)


def _print(screen: Screen, review: Review) -> None:
    """What became of each row; of a long list each that needs a look, and how many were."""
    from tracking.review import STATUS
    from tracking.rules import ZH

    few = len(review.rows) <= ROWS_SHOWN
    shown = [r for r in review.rows if few or r.status in ("refused", "conflict") or r.flags]
    cells = [
        [
            str(row.row),
            screen.pick(*STATUS[row.status]),
            row.block_id,
            screen.pick(ZH.get(row.kind, row.kind), row.kind),
            " ".join([screen.pick(row.zh, row.en), *(screen.pick(zh, en) for _, zh, en in row.flags)]),
        ]
        for row in shown
    ]
    if cells:
        heads = [("行", "row"), ("结果", "answer"), ("大池", "block"), ("做了什么", "kind"), ("说明", "why")]
        screen.table(("上报包", "Package"), heads, cells)
    counts = {status: n for status, n in review.counts().items() if n}
    zh = "，".join(f"{STATUS[s][0]} {n}" for s, n in counts.items())
    en = ", ".join(f"{n} {s}" for s, n in counts.items())
    screen.say(f"共 {len(review.rows)} 条：{zh or '无'}", f"{len(review.rows)} reports: {en or 'none'}")
