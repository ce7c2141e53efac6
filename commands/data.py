"""The verb of the `chigai` command that takes a bureau's files in for good: import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.options import Barriers, Crs, Dem, Encoding, Layer, Map, Parcels, Where, source_of
from ui.terminal import Screen, guarded


def register(app: typer.Typer) -> None:
    """Put this verb into the command."""
    app.command("import")(import_)


@guarded
def import_(
    ctx: typer.Context,
    parcels: Parcels,
    barriers: Barriers = None,
    dem: Dem = None,
    name: Annotated[
        str | None, typer.Option(help="页面上的名称，默认文件名 · name on the pages [the file's]")
    ] = None,
    layer: Layer = None,
    where: Where = None,
    crs: Crs = None,
    encoding: Encoding = None,
    pairs: Map = None,
    county: Annotated[
        str | None, typer.Option(metavar="ADCODE", help="数据未写县区时用它 · for data that name no county")
    ] = None,
) -> None:
    """读入并检查一次，按县、灌区分块存好，供网页和规划使用。 Read and check once, and keep it in parts for the app and for plans.

    The page takes uploads of some tens of megabytes; this verb takes a file of any size that lies on the server.
    """
    from geo import plans
    from tracking import files, jobs, runs

    screen: Screen = ctx.obj
    home = plans.home()
    source = source_of(parcels, layer, where, crs, encoding, pairs, county)
    with screen.progress() as progress:
        progress("read", 0.0)
        said: dict[str, Any] = {
            "file": files.adopt(home, parcels),
            **{k: v for k, v in vars(source).items() if k != "path" and v is not None},
        }
        request = {
            "name": name or parcels.name,
            "source": said,
            "barriers": files.adopt(home, barriers) if barriers is not None else None,
            "dem": files.adopt(home, dem) if dem is not None else None,
        }
        made = jobs.new_id()
        folder = runs.keep(request, home, made, files.checked_folder(home, made), progress)
    manifest = files.manifest(home, made)
    screen.say(
        f"已存入 {manifest['parcels']:,} 块、{manifest['area']['usable_mu']:,.1f} 亩，剔除 {manifest['left_out']:,} 块：{folder}\n"
        f"网页上可直接规划，或用 chigai plan {folder} --out 方案文件夹",
        f"{manifest['parcels']:,} parcels of {manifest['area']['usable_mu']:,.1f} mu are kept, {manifest['left_out']:,} left out: {folder}\n"
        f"plan them in the app, or by chigai plan {folder} --out FOLDER",
    )


def dem_of(parcels: Path) -> Path | None:
    """The elevation model that a dataset was imported with; None for a file or a dataset without."""
    from geo import datasets, plans
    from tracking import files

    if not datasets.is_dataset(parcels):
        return None
    reference = datasets.manifest(parcels).get("request", {}).get("dem")
    return files.path(plans.home(), reference) if reference else None
