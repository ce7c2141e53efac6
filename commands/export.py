"""The verb of the `chigai` command that writes a plan, or a part of it, for everyone who builds it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.ledger import opened
from geo.errors import ChigaiError
from ui.terminal import Screen, guarded

if TYPE_CHECKING:
    from geo.export.selection import Selection


class Format(StrEnum):
    """What `chigai export` can write."""

    gpkg = "gpkg"
    shp = "shp"
    geojson = "geojson"
    kml = "kml"
    dxf = "dxf"
    txt = "txt"
    xlsx = "xlsx"
    stakes = "stakes"
    sheets = "sheets"
    households = "households"
    cutmap = "cutmap"


class Datum(StrEnum):
    """What the degrees of a KML are in."""

    wgs84 = "wgs84"
    gcj02 = "gcj02"


class Cad(StrEnum):
    """Release of the drawing."""

    r2000 = "2000"
    r2007 = "2007"


class Points(StrEnum):
    """What a platform wants of boundary points."""

    prefix = "prefix"
    open = "open"
    bare = "bare"
    swapped = "swapped"
    gbk = "gbk"


def register(app: typer.Typer) -> None:
    """Put this verb into the command."""
    app.command()(export)


@guarded
def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="方案文件夹 · a plan folder")],
    fmt: Annotated[
        Format,
        typer.Option(
            "--format",
            help="格式：dxf 施工图，txt 界址点，stakes 放样、挖填、调运表，sheets A3 示范点图，households 分户表（内部），cutmap 挖填深度图"
            " · dxf: for construction, txt: boundary points, stakes: for the field, sheets: A3 maps, households: private,"
            " cutmap: depths of cut and fill",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="写到哪个文件；dxf、stakes、sheets 以 .zip 结尾则每个示范点一个文件，households 每村一个"
            " · where to; ending in .zip, a file for each site, or village",
        ),
    ],
    county: Annotated[
        list[str] | None,
        typer.Option(
            "--county", metavar="NAME|ADCODE", help="只要这个县（市、区），可重复 · only this county"
        ),
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option("--site", metavar="ID", help="只要这个示范点，可重复 · only this site")
    ] = None,
    village: Annotated[
        list[str] | None,
        typer.Option("--village", metavar="NAME", help="只要这个村，可重复 · only this village"),
    ] = None,
    block: Annotated[
        list[str] | None, typer.Option("--block", metavar="ID", help="只要这个大池，可重复 · only this block")
    ] = None,
    own_ids: Annotated[
        bool, typer.Option("--own-ids", help="带小池原编号，内部资料 · parcels' own ids; internal")
    ] = False,
    datum: Annotated[
        Datum,
        typer.Option(
            help="kml 的坐标：奥维、高德要 gcj02（不是测量坐标）· of a kml; gcj02 is for OviMap alone"
        ),
    ] = Datum.wgs84,
    cad: Annotated[
        Cad, typer.Option(help="dxf 的版本：2000 用 GBK，各种 CAD 都能读；2007 用 UTF-8 · release of a dxf")
    ] = Cad.r2000,
    scale: Annotated[
        int | None,
        typer.Option(
            min=100, max=1_000_000, help="出图比例尺分母：sheets、dxf · 1 : this, of sheets and dxf"
        ),
    ] = None,
    points: Annotated[
        list[Points] | None,
        typer.Option(
            "--points",
            help="txt 的写法，可重复：prefix 东坐标带带号，open 首尾不重复，bare 点号不带 J，swapped 先东后北，gbk 编码"
            " · how a txt is written, repeatable",
        ),
    ] = None,
    dem: Annotated[
        Path | None, typer.Option(help="高程栅格，只用于 cutmap · the elevation raster, for cutmap alone")
    ] = None,
) -> None:
    """导出方案或其中一部分。 Export a plan or a part of it.

    No format holds names or other personal data, but for households and --own-ids, which are internal and put down
    in the audit.
    """
    screen: Screen = ctx.obj
    if fmt is Format.cutmap:
        _cutmap(screen, folder, dem, out)
        return
    from geo.export.options import Options
    from tracking import exports

    with screen.progress() as progress:
        wanted = exports.Wanted(
            fmt.value,
            out.suffix,
            selection(folder, county, site, village, block),
            Options(
                datum=datum.value,
                cad=cad.value,
                scale=scale,
                points=frozenset(p.value for p in points or ()),
                progress=lambda done: progress("export", done),
            ),
            own_ids,
        )
        if wanted.private:
            from tracking.desk import Desk
            from tracking.people import LOCAL

            exports.take(Desk(opened(), LOCAL), folder, wanted, out)
        else:
            exports.write(folder, wanted, out)
    screen.say(f"已导出 {out}", f"Exported to {out}")
    if wanted.private:
        screen.note(
            "这是内部资料，不得公开；导出已记入操作记录。",
            "This is internal, not for publication; the audit has it.",
        )


def selection(
    folder: Path,
    county: list[str] | None = None,
    site: list[str] | None = None,
    village: list[str] | None = None,
    block: list[str] | None = None,
) -> Selection:
    """The part that the options name; a county by its name in either language or by its adcode."""
    from geo import plans
    from geo.export.selection import Selection

    codes = {
        name: str(c["county"])
        for c in (plans.read_meta(folder).get("counties", []) if county else [])
        for name in (c["county"], c.get("name_zh"), c.get("name_en"))
        if name
    }
    named = tuple(codes.get(name, name) for name in county or ())
    return Selection(named, tuple(site or ()), tuple(village or ()), tuple(block or ()))


def _cutmap(screen: Screen, folder: Path, dem: Path | None, out: Path) -> None:
    from geo.export import cutmap

    if dem is None:
        raise ChigaiError(
            "挖填深度图要有高程栅格。",
            "A map of depths needs the elevation raster.",
            do_zh="加上 --dem 规划时所用的栅格。",
            do_en="add --dem with the raster that the plan was made with.",
        )
    if not cutmap.write(folder, dem, out):
        screen.note(
            "注意：这不是规划时所用的高程栅格。",
            "Note: this is not the elevation raster that the plan was made with.",
        )
    screen.say(f"已导出 {out}", f"Exported to {out}")
