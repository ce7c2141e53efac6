"""The verbs of the `chigai` command that follow the work: targets, report, ledger, and the demo's season."""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geo.errors import ChigaiError
from ui.terminal import Screen, guarded

if TYPE_CHECKING:
    from tracking.chain import Head
    from tracking.store import Store

PROGRAMME = "jixi-2020-8"

report = typer.Typer(no_args_is_help=True, help="填报。 Report what was done.")
ledger = typer.Typer(no_args_is_help=True, help="台账。 The ledger of reports.")

Rules = Annotated[str, typer.Option("--programme", help="方案规则：名称或文件 · name or file of the rules")]
Plan = Annotated[
    str | None,
    typer.Option(
        "--plan",
        metavar="ID",
        help="规划方案编号或文件夹，默认最新 · id or folder of the plan; the newest by default",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="只输出 JSON · print JSON alone")]


def register(app: typer.Typer) -> None:
    """Put these verbs into the command."""
    app.command()(targets)
    app.add_typer(report, name="report")
    app.add_typer(ledger, name="ledger")


def opened() -> Store:
    """The database. A SQLite file that is not there yet is made; PostgreSQL waits for `chigai db upgrade`."""
    from tracking.store import Store

    store = Store()
    if not store.postgres and store.version() is None:
        store.upgrade()
    return store


def followed(store: Store, programme: str, named: str | None) -> str | None:
    """The id of the plan that is meant, put into the database first where it lies in CHIGAI_HOME alone.

    named: an id or a folder. Without it the plan that the database has of this programme, which None stands
    for where there are several or none anywhere.
    """
    from sqlalchemy import select

    from geo import plans
    from tracking import tables
    from tracking.register import register_plan

    with store.reading() as connection:
        query = select(tables.plans.c.id, tables.plans.c.programme).order_by(tables.plans.c.created)
        known = {row.id: row.programme for row in connection.execute(query)}
    if named is None:
        mine = [name for name, of in known.items() if of == programme]
        folders = [] if mine else [f for f in plans.find() if _programme_of(f) == programme]
        if not folders:
            return mine[0] if len(mine) == 1 else None
    elif named in known:
        return named
    else:
        folders = [f for f in (plans.home() / "plans" / named, Path(named)) if (f / plans.MANIFEST).is_file()]
        if not folders:
            raise ChigaiError(
                f"没有方案“{named}”。",
                f"There is no plan {named!r}.",
                do_zh="请给出 chigai plan 写出的文件夹，或数据目录中方案的编号。",
                do_en="name a folder that chigai plan wrote, or the id of a plan in the data folder.",
            )
    register_plan(store, folders[0], "chigai")
    return str(plans.read_meta(folders[0])["id"])


def _programme_of(folder: Path) -> str:
    from geo import plans

    return str(plans.read_meta(folder).get("programme", {}).get("id", ""))


@guarded
def targets(
    ctx: typer.Context,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            formats=["%Y-%m-%d"],
            help="截至哪天（含当天，北京时间），默认今天 · to the end of this day",
        ),
    ] = None,
    programme: Rules = PROGRAMME,
    plan: Plan = None,
    measures: Annotated[
        bool, typer.Option("--measures", help="只列三减（吨） · scheme B alone, in tonnes")
    ] = False,
    as_json: Json = False,
) -> None:
    """各县区任务：进度、预测、能否完成。 Each county against its target: progress, forecast, state.

    What counts is finished work in blocks that reach the minimum, in sites that reach the site minimum. The
    forecast is what is counted plus pace × working days left; its range is drawn from the county's own days.
    """
    from planning import programme as programmes
    from tracking import measures as scheme_b
    from tracking import progress
    from tracking.targets import today
    from ui import targets_terminal

    screen: Screen = ctx.obj
    rules = programmes.load(programme)
    day = as_of.date() if as_of else today()
    store = opened()
    rows = [] if measures else progress.targets(store, rules, day, followed(store, rules.id, plan))
    table = scheme_b.table(store, rules, day) if measures or (rules.scheme_b and not as_json) else ([], [])
    if as_json:
        found: Any = [row.as_json() for row in rows]
        if measures:
            found = {
                "measures": [row.as_json() for row in table[0]],
                "goals": [g.as_json() for g in table[1]],
            }
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False))
        return
    if rows:
        targets_terminal.print_targets(screen, rows, day)
    if table[0]:
        targets_terminal.print_measures(screen, rules, *table, day)


def season(screen: Screen, demo: Path | None, parcels: int, seed: int) -> None:
    """Plan the demo region, unless that was done, and report an invented season on the plan, in CHIGAI_HOME.

    demo: where the demo region is to lie; without it the newest plan of it in CHIGAI_HOME is taken, and the
    region is made there only where no such plan is.
    """
    from geo import plans, synthetic
    from geo.reading import Source
    from planning import pipeline
    from planning import programme as programmes
    from planning.inputs import DEMO
    from tracking import history
    from tracking.register import register_plan

    home = plans.home()
    made = [] if demo else [f for f in plans.find(home) if plans.read_meta(f).get("name") == DEMO]
    with screen.progress() as progress:
        if not made:
            region = demo or home / DEMO
            if demo or not (region / "dem.tif").exists():
                synthetic.make(region, parcels=parcels, seed=seed, progress=progress)
            request = pipeline.Request(
                source=Source(region / "parcels.gpkg"),
                barriers=region / "barriers.gpkg",
                dem=region / "dem.tif",
                programme=PROGRAMME,
                overrides={},
                seed=1,
            )
            made = [home / "plans" / f"{region.resolve().name}-{PROGRAMME}"]
            pipeline.run(request, made[0], progress)
        store = opened()
        register_plan(store, made[0], "演示 demo")
        plan_id = str(plans.read_meta(made[0])["id"])
        receipts = history.make(store, programmes.load(PROGRAMME), plan_id, seed=seed, progress=progress)
    new, old = receipts["accepted"], receipts["repeated"]
    screen.say(
        f"方案 {plan_id} 上已有一季填报：新增 {new:,} 条，原有 {old:,} 条。试试 chigai targets --as-of 2021-11-15",
        f"A season is reported on plan {plan_id}: {new:,} new, {old:,} that were there. "
        "Try chigai targets --as-of 2021-11-15",
    )


@report.command("add")
@guarded
def add(
    ctx: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            help="报什么 · what is reported: plan_approved · started · progress · finished · checked · accepted · mapped · correction · consent · measure"
        ),
    ],
    block: Annotated[
        str,
        typer.Argument(help="大池编号；整个方案批准和三减时留空 · block; none for a whole plan, a measure"),
    ] = "",
    actor: Annotated[str, typer.Option(help="填报人 · who reports")] = "",
    happened: Annotated[
        str,
        typer.Option(metavar="TIME", help="时间，默认现在 · 2021-10-08 or 2021-10-08T17:30, Shanghai time"),
    ] = "",
    plan: Plan = None,
    programme: Rules = PROGRAMME,
    done_mu: Annotated[float | None, typer.Option(help="累计完成，亩 · done so far, mu")] = None,
    passed: Annotated[bool | None, typer.Option("--passed/--returned", help="初验结果 · of a check")] = None,
    reason: Annotated[str | None, typer.Option(help="原因 · why")] = None,
    measured_mu: Annotated[float | None, typer.Option(help="实测，亩 · measured, mu")] = None,
    level_points: Annotated[int | None, typer.Option(help="测点数 · level points")] = None,
    inspector: Annotated[str | None, typer.Option(help="验收人 · inspector")] = None,
    corrects: Annotated[
        str | None, typer.Option(metavar="ID", help="更正哪一条 · the report corrected")
    ] = None,
    operator: Annotated[str | None, typer.Option(help="农户 · household")] = None,
    given: Annotated[bool | None, typer.Option("--given/--withheld", help="农户意见 · consent")] = None,
    measure: Annotated[str | None, typer.Option(help="三减措施 · of scheme B")] = None,
    units: Annotated[float | None, typer.Option(help="本次完成，亩或套 · done by this report")] = None,
    county: Annotated[str | None, typer.Option(metavar="ADCODE", help="三减县区 · of scheme B")] = None,
    note: Annotated[str, typer.Option(help="备注 · note")] = "",
    event_id: Annotated[
        str | None, typer.Option("--id", help="UUID；重发同一条时用同一个 · the same when sent again")
    ] = None,
    as_json: Json = False,
) -> None:
    """填报一条。 Report one thing; ends with 2 where it is refused or in conflict."""
    from datetime import UTC

    row = {
        "id": event_id or str(uuid.uuid4()), "kind": kind, "block_id": block, "happened": happened or datetime.now(UTC).isoformat(),
        "note": note, "done_mu": done_mu, "passed": passed, "reason": reason, "measured_mu": measured_mu,
        "level_points": level_points, "inspector": inspector, "corrects": corrects, "operator": operator, "given": given,
        "measure": measure, "units": units, "county": county,
    }  # fmt: skip
    _take(ctx.obj, [row], plan, programme, actor, as_json=as_json)


@report.command("import")
@guarded
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="文件 · a file: .csv (UTF-8, GBK), .json")],
    actor: Annotated[str, typer.Option(help="未写填报人的行用它 · for rows that name nobody")] = "",
    plan: Plan = None,
    programme: Rules = PROGRAMME,
    backlog: Annotated[
        bool,
        typer.Option(
            "--backlog", help="补录纸质记录：收到时间按发生时间计 · papers that came in when it happened"
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """导入填报。 Import reports; every row is answered: accepted, repeated, conflict or refused.

    Columns, in English or Chinese: kind, block_id, happened, and where they apply id, plan_id, actor, note,
    done_mu, passed, reason, measured_mu, level_points, inspector, corrects, operator, given, files,
    block_version, measure, units, county. A row without id gets one made of its content: the same file again changes nothing. The rows
    that are sound are taken whatever becomes of the others; it ends with 2 where any was refused or in conflict.
    """
    from tracking import intake

    _take(ctx.obj, intake.read(file), plan, programme, actor, backlog=backlog, as_json=as_json)


def _take(
    screen: Screen,
    rows: list[dict[str, Any]],
    plan: str | None,
    programme: str,
    actor: str,
    *,
    backlog: bool = False,
    as_json: bool,
) -> None:
    import getpass

    from planning import programme as programmes
    from tracking import intake
    from ui import targets_terminal

    store = opened()
    rules = programmes.load(programme)
    plan_id = followed(store, rules.id, plan)
    if plan_id is None and any(intake.needs_plan(row) for row in rows):
        raise ChigaiError(
            "不清楚是哪个方案。",
            "It is not clear for which plan.",
            do_zh="请用 --plan 指明方案编号或文件夹。",
            do_en="name the plan's id or folder with --plan.",
        )
    sender = actor or getpass.getuser()
    answers = intake.take(store, rows, plan_id or "", sender, programme=rules, backlog=backlog)
    if as_json:
        typer.echo(json.dumps([a.as_json() for a in answers], ensure_ascii=False, indent=1))
    else:
        targets_terminal.print_answers(screen, answers)
    if any(a.receipt.status in ("refused", "conflict") for a in answers):
        raise typer.Exit(2)


def _head(noted: str | None) -> Head | None:
    """What was noted down: NUMBER:HASH."""
    from tracking.chain import Head

    if noted is None:
        return None
    number, _, seal = noted.partition(":")
    if not number.strip().isdecimal() or not re.fullmatch("[0-9a-f]{64}", seal.strip().lower()):
        raise ChigaiError(
            "记下的条号和校验值格式不对。", "What was noted down is not of the form NUMBER:HASH.",
            do_zh="写成 条号:校验值，如 120:3fa9…（64 位）。", do_en="write it as 120:3fa9…, with all 64 digits.",
        )  # fmt: skip
    return Head(int(number), seal.strip().lower())


@ledger.command("verify")
@guarded
def verify(
    ctx: typer.Context,
    noted: Annotated[
        str | None,
        typer.Option(
            "--noted",
            metavar="N:HASH",
            help="以前记下的条号和校验值，查整本重写 · what was noted down before",
        ),
    ] = None,
) -> None:
    """核对台账：是否有人改过。 Whether the ledger is as it was written; ends with 2 where it is broken.

    A ledger that was written anew as a whole is found only by what was noted down elsewhere: number and hash of
    a receipt, or of the last event as this command said it then.
    """
    from tracking import chain

    store = opened()
    broken = chain.verify(store, _head(noted))
    if broken is not None:
        raise ChigaiError(
            f"台账在第 {broken.seq} 条处断开：{broken.zh}",
            f"The ledger is broken at event {broken.seq}: {broken.en}",
            do_zh="请保留现场，用最近的备份核对。",
            do_en="keep it as it is, and hold it against the last backup.",
        )
    with store.reading() as connection:
        head = chain.last(connection)
    screen: Screen = ctx.obj
    screen.say(
        f"台账完好：{head.seq} 条，末条 {head.hash}",
        f"The ledger is whole: {head.seq} events, head {head.hash}",
    )
