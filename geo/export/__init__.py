"""The door out: a plan folder in the formats that others work with, without persons' data."""

from __future__ import annotations

import dataclasses
import os
import shutil
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyogrio.errors
import xlsxwriter.exceptions

from geo import plans
from geo.errors import ChigaiError
from geo.export import (
    boundary_points,
    drawing,
    earth,
    households,
    shapefiles,
    sheets,
    stakes,
    vectors,
    workbook,
)
from geo.export.naming import safe_name
from geo.export.options import Options
from geo.export.public import Outgoing, no_blocks, outgoing
from geo.export.selection import Selection, chosen
from geo.files import require_place

Writer = Callable[[Outgoing, Path, Options], None]


@dataclass(frozen=True)
class Format:
    """Suffixes that a file of this format may have, the usual one first, who writes it, and which of a plan's
    further tables it takes.

    by_site: where its name ends with .zip, it is an archive of one such file for each site; others: and one for
    the blocks of each county that are in none.
    """

    suffixes: tuple[str, ...]
    write: Writer
    tables: tuple[str, ...] = ()
    by_site: bool = False
    others: bool = True


FORMATS: dict[str, Format] = {
    "gpkg": Format((".gpkg",), vectors.write_gpkg),
    "shp": Format((".shp", ".zip"), shapefiles.write),
    "geojson": Format((".geojson", ".json"), vectors.write_geojson),
    "kml": Format((".kml",), earth.write),
    "dxf": Format((".dxf", ".zip"), drawing.write, ("straight",), by_site=True),
    "txt": Format((".txt",), boundary_points.write),
    "xlsx": Format((".xlsx",), workbook.write, ("hauls", "works")),
    "sheets": Format((".pdf", ".zip"), sheets.write, ("straight",), by_site=True, others=False),
    "stakes": Format((".xlsx", ".zip"), stakes.write, ("hauls",), by_site=True),
}

_STALE = (".sbn", ".sbx", ".qix", ".fix", ".idm", ".ind")
"""Indexes that other programs leave beside a shapefile; they belong to the one that is replaced."""


_FAILURES = (
    OSError,
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    xlsxwriter.exceptions.XlsxFileError,
)
"""How the writers say that a disk is full or a place closed."""


def export(
    folder: Path,
    fmt: str,
    out: Path,
    *,
    names: bool = False,
    selection: Selection | None = None,
    options: Options | None = None,
) -> None:
    """Write the plan in `folder` to `out` in one of FORMATS; what is there goes once the new file is whole.

    Never a household's name, consent or share. names: the parcels' own ids, marked 内部资料; otherwise random
    ones. selection: only a part of it. "shp" writes an archive where `out` ends with .zip, else a set of files
    beside it; formats by_site one file for each site in an archive.
    Raises ChigaiError: unknown format, suffix of another format, no such folder, no plan, nothing selected, disk
    full; and whatever options.progress raises.
    """
    folder, out = Path(folder), Path(out)
    selection, options = selection or Selection(), options or Options()
    chosen_format = _format(fmt)
    _check_place(out, fmt, chosen_format)
    options.progress(0.0)
    plan = plans.read(folder)
    for name in chosen_format.tables:
        table = plans.read_more(folder, name)
        if table is not None:
            plan.more[name] = table
    part_of_plan, around = chosen(plan, selection)
    tables = outgoing(part_of_plan, names, selection, around)
    options.progress(0.1)

    def write(made: Path) -> None:
        if chosen_format.by_site and made.suffix.lower() == ".zip":
            _archive(tables, chosen_format, made, options)
        else:
            chosen_format.write(tables, made, _later(options, 0.1, 1.0))

    put(out, chosen_format.suffixes[0], write, a_set=fmt == "shp")


def export_households(
    folder: Path, out: Path, *, selection: Selection | None = None, options: Options | None = None
) -> None:
    """Write the household lists of the plan's villages, with names: never for the public, and no format of `export`.

    `tracking.exports` is the door that asks who may. Raises as `export` does.
    """
    folder, out = Path(folder), Path(out)
    selection, options = selection or Selection(), options or Options()
    _check_place(out, "households", Format(households.SUFFIXES, lambda *_: None))
    options.progress(0.0)
    part, _ = chosen(plans.read(folder), selection)
    put(out, households.SUFFIXES[0], lambda made: households.write(part, selection, made, options))


def put(out: Path, suffix: str, write: Callable[[Path], None], a_set: bool = False) -> None:
    """Have a file written beside `out` and moved there once it is whole. suffix: where `out` has none.

    a_set: of what is written, all files are moved, unless it is an archive. Raises ChigaiError where the disk is
    full or the place closed.
    """
    part = out.parent / f".{out.name}.{uuid.uuid4().hex[:8]}.part"
    try:
        part.mkdir()
        # drivers look at the suffix, so a file that was asked for without one gets it while it is written
        made = part / (out.name if out.suffix else out.name + suffix)
        write(made)
        if a_set and made.suffix.lower() != ".zip":
            _put_set(part, out.parent)
        else:
            _flush(made)
            os.replace(made, out)
    except _FAILURES as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ChigaiError(
            f"无法写出文件：{why}。",
            f"The file cannot be written: {why}.",
            do_zh="检查磁盘空间和写入权限，并关闭正在打开此文件的程序。",
            do_en="Check disk space and rights, and close the program that has the file open.",
            file=out,
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _later(options: Options, start: float, end: float) -> Options:
    """The options with a progress that runs from start to end."""
    told = options.progress
    return dataclasses.replace(options, progress=lambda done: told(start + (end - start) * done))


def _archive(tables: Outgoing, fmt: Format, path: Path, options: Options) -> None:
    """One file for each site; where others are wanted, or there is no site, for the rest of each county too."""
    sites = set(tables.sites["site_id"])
    parts = [(n, t) for n, t in tables.by_site() if n in sites or fmt.others or not sites]
    if not parts:
        raise no_blocks()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for at, (name, part) in enumerate(parts):
            county = tables.names.get(str(part.blocks["county"].iat[0]), ("",))[0]
            said = safe_name(f"{county}-{name if name in sites else '不在示范点'}")
            made = path.with_name(f"{said}{fmt.suffixes[0]}")
            fmt.write(
                part, made, _later(options, 0.1 + 0.9 * at / len(parts), 0.1 + 0.9 * (at + 1) / len(parts))
            )
            archive.write(made, made.name)
            made.unlink()


def _format(fmt: str) -> Format:
    if fmt not in FORMATS:
        raise ChigaiError(
            f"没有导出格式“{fmt}”。",
            f"There is no export format '{fmt}'.",
            do_zh=f"使用其中之一：{'、'.join(FORMATS)}。",
            do_en=f"Use one of: {', '.join(FORMATS)}.",
        )
    return FORMATS[fmt]


def _check_place(out: Path, fmt: str, chosen: Format) -> None:
    if out.is_dir():
        raise ChigaiError(
            "输出位置是一个文件夹。",
            "The output is a folder.",
            do_zh=f"请给出文件名，例如 {out.name}/plan{chosen.suffixes[-1]}。",
            do_en=f"Name a file, such as {out.name}/plan{chosen.suffixes[-1]}.",
            file=out,
        )
    require_place(out)
    if out.suffix and out.suffix.lower() not in chosen.suffixes:
        raise ChigaiError(
            f"格式 {fmt} 的文件名不能以 {out.suffix} 结尾。",
            f"A file of format {fmt} cannot end with {out.suffix}.",
            do_zh=f"以 {' 或 '.join(chosen.suffixes)} 结尾，或换一种格式。",
            do_en=f"End it with {' or '.join(chosen.suffixes)}, or choose another format.",
            file=out,
        )


def _put_set(part: Path, folder: Path) -> None:
    """Move a set of files into place, .shp last: a program that opens it finds the rest there."""
    files = sorted(part.iterdir(), key=lambda p: (p.suffix == ".shp", p.name))
    for file in files:
        _flush(file)
    for file in files:
        if file.suffix == ".shp":
            for suffix in _STALE:
                (folder / file.name).with_suffix(suffix).unlink(missing_ok=True)
        os.replace(file, folder / file.name)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
