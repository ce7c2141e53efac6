"""Choosing what to read of a file: which layer, in which encoding; and telling which columns were not."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from geo import encodings, mapping, rows, shapefiles
from geo.errors import ChigaiError
from geo.mapping import Recognition
from geo.schemas import Finding
from geo.sources import Layer


def pick(
    found: list[Layer], wanted: str | None, name: str, *, polygons: bool = True
) -> tuple[Layer, list[Finding]]:
    """The layer to read: the one named, the only one, or the only one recognised; else ChigaiError with all names."""
    names = [layer.name for layer in found]
    if wanted is not None:
        for layer in found:
            if wanted in (layer.name, layer.inner):
                return layer, []
        raise ChigaiError(
            f"没有名为“{wanted}”的图层。",
            f"There is no layer '{wanted}'.",
            do_zh=f"可选的图层：{'、'.join(names) or '无'}。",
            do_en=f"The layers are: {', '.join(names) or 'none'}.",
            file=name,
        )
    usable = (
        [layer for layer in found if layer.may_hold_polygons]
        if polygons
        else [x for x in found if x.geometry_type]
    )
    if not usable:
        raise ChigaiError(
            "没有面图层。" if polygons else "没有带图形的图层。",
            "It has no layer of polygons." if polygons else "It has no layer with geometry.",
            do_zh=f"文件里的图层：{'、'.join(names) or '无'}；需要面状的地块图层。",
            do_en=f"Its layers: {', '.join(names) or 'none'}; parcels have to be polygons.",
            file=name,
        )
    if len(usable) == 1:
        return usable[0], []
    known = [layer for layer in usable if mapping.recognise(rows.head(layer).columns).profile != "generic"]
    if len(known) == 1:
        note = Finding(
            "layer_chosen",
            "info",
            "kept",
            f"文件有多个图层，读取了其中的地块图层“{known[0].name}”。",
            f"Of the file's layers, '{known[0].name}' was read, the only one recognised as parcels.",
        )
        return known[0], [note]
    choices = known or usable
    raise ChigaiError(
        f"文件有 {len(usable)} 个面图层，不知道读哪一个。",
        f"The file has {len(usable)} layers of polygons; which one is meant cannot be told.",
        do_zh=f"请用 --layer 指明：{'、'.join(x.name for x in choices)}。",
        do_en=f"Name it with --layer: {', '.join(x.name for x in choices)}.",
        file=name,
    )


def used_columns(recognised: Recognition, columns: list[str]) -> list[str]:
    """The columns of the file that reading needs."""
    used = [*recognised.mapping.values(), *([recognised.land_use] if recognised.land_use else [])]
    if recognised.profile == "dltb":
        extra = (mapping.find(columns, "BSM"), mapping.find(columns, "TBBH"), mapping.find(columns, "XZDWKD"))
        used += [c for c in extra if c is not None]
    return list(dict.fromkeys(used))


def encoding(
    layer: Layer, given: str | None, where: str | None, used: list[str]
) -> tuple[str | None, list[Finding]]:
    """The encoding to read a layer with (None where the format says it), and what to tell about it."""
    if layer.dataset.driver != "ESRI Shapefile":
        return None, []
    names = encodings.column_names(cast(Path, shapefiles.part(layer.dataset.path, ".dbf")))
    asked = [n for n in names if where and n.casefold() in where.casefold()]
    return encodings.choose(layer.dataset.path, given, [*used, *asked])


def personal_note(columns: list[str]) -> list[Finding]:
    """Says which columns were dropped because they hold personal data."""
    dropped = mapping.personal(columns)
    if not dropped:
        return []
    return [
        Finding(
            "personal_dropped",
            "info",
            "left_out",
            f"含个人信息的列没有读入：{'、'.join(dropped)}。",
            f"Columns with personal data were not read: {', '.join(dropped)}.",
        )
    ]
