"""The `chigai` command: making, checking, planning and looking; commands/ has the verbs beside these."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import data, db, explain, export, ledger, package, people, sites
from commands.options import Barriers, Crs, Dem, Encoding, Layer, Map, Parcels, Where, source_of
from geo.errors import CancelledError, ChigaiError
from planning.effort import Effort
from ui.terminal import Lang, Screen, guarded, language, print_counties, print_findings, print_stopped

# Everything heavy (geopandas, numba, streamlit) is imported inside the verb that needs it, so that
# `chigai --help` answers at once.
if TYPE_CHECKING:
    import pandas as pd

    from geo.checking import Checked

app = typer.Typer(
    name="chigai",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="池改：把小池规划成大池。 Plans the joining of small rice paddies into large ones.",
)


@app.callback()
def _start(
    ctx: typer.Context,
    lang: Annotated[
        Lang | None,
        typer.Option(envvar="CHIGAI_LANG", help="表格和进度的语言 · language of tables and progress"),
    ] = None,
) -> None:
    ctx.obj = Screen.open(language(lang))


@app.command()
@guarded
def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            show_default=False,
            help="写到哪里；有 --history 时可省略 · where to; with --history optional",
        ),
    ] = None,
    parcels: Annotated[int, typer.Option(min=1, help="池块数 · how many paddies")] = 150_000,
    seed: Annotated[int, typer.Option(min=0, help="种子：同种子同结果 · same seed, same content")] = 1,
    history: Annotated[
        bool,
        typer.Option("--history", help="并编一季填报写入数据库 · and report an invented season on its plan"),
    ] = False,
) -> None:
    """生成演示区。 Make the demo region: parcels.gpkg, barriers.gpkg, dem.tif.

    With --history the database in CHIGAI_HOME gets a season of reports, from the approval in September 2021 to
    the acceptances after the deadline: one county ahead, one behind, one that fell silent. They are made on the
    newest plan of the demo region in CHIGAI_HOME; where there is none, or a DIR is named, region and plan are
    made first. Once more changes nothing.
    """
    from geo import synthetic

    screen: Screen = ctx.obj
    if history:
        ledger.season(screen, folder, parcels, seed)
        return
    if folder is None:
        raise ChigaiError(
            "没有说写到哪里。",
            "It is not said where to.",
            do_zh="写成 chigai demo 文件夹。",
            do_en="write chigai demo FOLDER.",
        )
    with screen.progress() as progress:
        synthetic.make(folder, parcels=parcels, seed=seed, progress=progress)
    screen.say(f"演示区已生成：{folder}", f"The demo region is in {folder}")


@app.command()
@guarded
def check(
    ctx: typer.Context,
    parcels: Parcels,
    barriers: Barriers = None,
    dem: Dem = None,
    layer: Layer = None,
    where: Where = None,
    crs: Crs = None,
    encoding: Encoding = None,
    pairs: Map = None,
    as_json: Annotated[bool, typer.Option("--json", help="只输出 JSON · print JSON alone")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.gpkg", help="写出问题与修复后的池块（不含户名）· findings and mended parcels"
        ),
    ] = None,
) -> None:
    """检查数据，能修的修，修不了的列出。 Check the data: what was found, and what was done with it."""
    from geo import checking
    from planning.inputs import Request, read_and_check

    screen: Screen = ctx.obj
    source = source_of(parcels, layer, where, crs, encoding, pairs)
    if out is not None and out.suffix.lower() != ".gpkg":
        raise ChigaiError(
            "--out 要以 .gpkg 结尾。",
            "--out must end in .gpkg.",
            do_zh="改文件名。",
            do_en="change the file's name.",
            file=out,
        )
    with screen.progress() as progress:
        request = Request(source=source, barriers=barriers, dem=dem)
        share = {"read": (0.0, 0.4), "check": (0.4, 0.6)}
        _, _, checked = read_and_check(
            request, lambda stage, fraction: progress(stage, share[stage][0] + share[stage][1] * fraction)
        )
    rows = checking.summary(checked)
    if out is not None:
        _write_checked(checked, out)
    if as_json:
        typer.echo(json.dumps(_check_report(checked, rows), ensure_ascii=False, indent=1, allow_nan=False))
        return
    print_findings(screen, rows, checked.findings)
    screen.say(
        f"读入 {checked.area_in_mu:,.1f} 亩，可规划 {len(checked.parcels):,} 块 {checked.parcels.area_mu.sum():,.1f} 亩，"
        f"剔除 {len(checked.left_out):,} 块 {checked.area_left_out_mu:,.1f} 亩。",
        f"{checked.area_in_mu:,.1f} mu read; {len(checked.parcels):,} parcels of {checked.parcels.area_mu.sum():,.1f} mu "
        f"can be planned; {len(checked.left_out):,} of {checked.area_left_out_mu:,.1f} mu left out.",
    )
    if out is not None:
        screen.say(f"已写出 {out}", f"Written to {out}")


def _check_report(checked: Checked, rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "area_in_mu": float(checked.area_in_mu),
        "area_planned_mu": float(checked.parcels.area_mu.sum()),
        "area_left_out_mu": float(checked.area_left_out_mu),
        "parcels": len(checked.parcels),
        "left_out": len(checked.left_out),
        "findings": json.loads(rows.to_json(orient="records", force_ascii=False)),
    }


def _write_checked(checked: Checked, out: Path) -> None:
    """Findings, mended parcels and those left out as layers of one GeoPackage, without operators' names."""
    import pyogrio

    layers = {
        "findings": checked.findings,
        "parcels": checked.parcels.drop(columns="operator", errors="ignore"),
        "left_out": checked.left_out,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.stem}.{uuid.uuid4().hex[:8]}.part.gpkg")
    try:
        for name, frame in layers.items():
            pyogrio.write_dataframe(frame, part, layer=name, geometry_type="Unknown", append=part.exists())
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


@app.command()
@guarded
def plan(
    ctx: typer.Context,
    parcels: Parcels,
    out: Annotated[Path, typer.Option(metavar="DIR", help="方案文件夹 · the plan folder")],
    barriers: Barriers = None,
    dem: Dem = None,
    programme: Annotated[
        str, typer.Option(help="方案规则：名称或文件 · name or file of the rules")
    ] = "jixi-2020-8",
    county: Annotated[
        str | None, typer.Option(metavar="ADCODE", help="数据未写县区时用它 · for data that name no county")
    ] = None,
    layer: Layer = None,
    where: Where = None,
    crs: Crs = None,
    encoding: Encoding = None,
    pairs: Map = None,
    max_mu: Annotated[float | None, typer.Option(help="单池上限，亩 · largest block, mu [50]")] = None,
    max_step: Annotated[
        float | None, typer.Option(help="池内最大高差，米 · largest step inside, m [0.3]")
    ] = None,
    ridge_gap: Annotated[float | None, typer.Option(help="可拆田埂最宽，米 · widest ridge, m [1.5]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="种子 · seed")] = 1,
    effort: Annotated[Effort, typer.Option(help="快、常规、最好 · time against cost")] = Effort.normal,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="同时计算的进程数，默认每核一个 · processes at work [one for each core]"),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://…", help="Dask 调度器地址 · address of a Dask scheduler")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="接着上次停下的地方做 · go on where a stopped run was")
    ] = False,
) -> None:
    """规划并池。 Join the paddies into blocks and write a plan folder.

    PARCELS is a file, or the folder of a dataset that chigai import made: that has its barriers and its elevation.
    """
    from geo import plans
    from planning import pipeline

    screen: Screen = ctx.obj
    plans.check_target(out)
    dem = dem or data.dem_of(parcels)
    given = {"max_mu": max_mu, "max_step_m": max_step, "ridge_max_gap_m": ridge_gap}
    request = pipeline.Request(
        source=source_of(parcels, layer, where, crs, encoding, pairs, county),
        barriers=barriers,
        dem=dem,
        programme=programme,
        overrides={name: value for name, value in given.items() if value is not None},
        seed=seed,
        effort=effort,
    )
    if dem is None:
        screen.note(
            "没有给 --dem：按不计土方、不限高差规划。",
            "No --dem: planned without earthwork and without the limit on elevation.",
        )
    try:
        with screen.progress() as progress:
            made = pipeline.run(
                request, out, progress, workers=workers, scheduler=scheduler, resume=resume, keep=True
            )
    except (CancelledError, KeyboardInterrupt):
        screen.note(
            "已完成的部分保留 7 天：同一命令加 --resume 接着做。",
            "What is done is kept for 7 days: the same command with --resume goes on.",
        )
        raise
    print_counties(screen, made)
    print_stopped(screen, made)
    sites.print_sites(screen, [c for c in made["counties"] if c["goal"]])
    screen.say(f"方案已写入 {out}", f"The plan is in {out}")


@app.command(name="app")
@guarded
def serve(
    ctx: typer.Context,
    plan: Annotated[Path | None, typer.Option(metavar="DIR", help="打开这个方案 · open this plan")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="端口 · port")] = 8501,
    home: Annotated[Path | None, typer.Option(metavar="DIR", help="数据目录 · CHIGAI_HOME")] = None,
    host: Annotated[
        str, typer.Option(help="监听地址；非本机须先设置登录 · beyond 127.0.0.1: with sign-in only")
    ] = "127.0.0.1",
) -> None:
    """打开网页界面；设置登录之前只供本机使用。 Serve the app; without sign-in set up, on this machine alone."""
    import uvicorn

    from geo import plans
    from ui import settings

    how = settings.listen(host)
    _check_free(port)
    if home is not None:
        os.environ["CHIGAI_HOME"] = str(home.resolve())
    chosen = _adopt(plan, plans.home()) if plan is not None else None
    origin = how.origin if how else f"http://127.0.0.1:{port}"
    address = f"{origin}/" + (f"?plan={chosen}" if chosen else "")
    ctx.obj.say(f"在浏览器打开 {address}（Ctrl-C 停止）", f"Open {address} in a browser (Ctrl-C stops it)")
    uvicorn.run("app:app", host=host, port=port, log_level="warning", access_log=False, server_header=False)


def _check_free(port: int) -> None:
    """Raise ChigaiError where something else listens on the port already."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ChigaiError(
                f"端口 {port} 已被占用。",
                f"Port {port} is taken.",
                do_zh="用 --port 换一个，或用 make app PORT=8600。",
                do_en="name another with --port, or make app PORT=8600.",
            )


def _adopt(folder: Path, home: Path) -> str:
    """The name of a plan among those of `home`, where it is copied if it lies elsewhere."""
    from geo import plans
    from ui.mapdata import known_id

    meta, folder, kept = plans.read_meta(folder), folder.resolve(), home.resolve() / "plans"
    if folder.parent == kept:
        return folder.name
    stamp = re.sub(r"\D", "", meta["created"])
    # the app's addresses take letters and digits alone, and another plan of that name must stay
    names = [n for n in (folder.name, f"plan-{stamp}", f"plan-{uuid.uuid4().hex}") if known_id(n)]
    name = next(n for n in names if not (kept / n).exists() or plans.read_meta(kept / n) == meta)
    if not (kept / name).exists():
        part = kept / f".{name}.{uuid.uuid4().hex[:8]}.part"
        try:
            shutil.copytree(folder, part)
            part.rename(kept / name)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return name


for verbs in (data, explain, export, ledger, db, package, people, sites):
    verbs.register(app)


def main() -> None:
    """Entry point of the `chigai` command."""
    app()


if __name__ == "__main__":
    main()
