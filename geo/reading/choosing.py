"""Choosing what to read of a file: which layer, in which encoding; and telling which columns were not."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from geo.errors import ChigaiError
from geo.reading import encodings, mapping, rows, shapefiles
from geo.reading.mapping import Recognition
from geo.reading.rows import Head
from geo.reading.sources import Layer
from geo.schemas import Finding


def pick(
    found: list[Layer], wanted: str | None, name: str, *, barriers: bool = False
) -> tuple[Layer, list[Finding]]:
    """The layer to read: the one named, the only one, or the only one recognised; else ChigaiError with all names.

    barriers: a layer of lines or polygons that says what kind of barrier each is; else one of parcels.
    """
    names = [layer.name for layer in found]
    if wanted is not None:
        hits = [x for x in found if x.name == wanted] or [x for x in found if x.inner == wanted]
        if len(hits) == 1:
            return hits[0], []
        raise ChigaiError(
            f"没有名为“{wanted}”的图层。",
            f"There is no layer '{wanted}'.",
            do_zh=f"可选的图层：{'、'.join(names) or '无'}。",
            do_en=f"The layers are: {', '.join(names) or 'none'}.",
            file=name,
        )
    usable = [x for x in found if (x.geometry_type if barriers else x.may_hold_polygons)]
    if not usable:
        raise ChigaiError(
            "没有带图形的图层。" if barriers else "没有面图层。",
            "It has no layer with geometry." if barriers else "It has no layer of polygons.",
            do_zh=f"文件里的图层：{'、'.join(names) or '无'}。" + ("" if barriers else "地块必须是面。"),
            do_en=f"Its layers: {', '.join(names) or 'none'}."
            + ("" if barriers else " Parcels have to be polygons."),
            file=name,
        )
    if len(usable) == 1:
        return usable[0], []
    known = [x for x in usable if (_tells_kind(x) if barriers else _is_parcels(x))]
    if len(known) == 1:
        zh, en = ("障碍物", "barriers") if barriers else ("地块", "parcels")
        note = Finding(
            "layer_chosen",
            "info",
            "kept",
            f"文件有多个图层，读取了其中的{zh}图层“{known[0].name}”。",
            f"Of the file's layers, '{known[0].name}' was read, the only one recognised as {en}.",
        )
        return known[0], [note]
    choices = known or usable
    raise ChigaiError(
        f"文件有 {len(usable)} 个可用的图层，不知道读哪一个。",
        f"The file has {len(usable)} layers that could be meant; which one cannot be told.",
        do_zh=f"请用 --layer 指明：{'、'.join(x.name for x in choices)}。",
        do_en=f"Name it with --layer: {', '.join(x.name for x in choices)}.",
        file=name,
    )


def _is_parcels(layer: Layer) -> bool:
    return mapping.recognise(rows.head(layer).columns).profile != "generic"


def _tells_kind(layer: Layer) -> bool:
    columns = rows.head(layer).columns
    return mapping.find(columns, "kind", "DLBM") is not None


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


def left_out(head: Head) -> list[Finding]:
    """What of a layer is not read: columns with personal data, rows that were deleted but never cleared away."""
    findings = []
    if dropped := mapping.personal(head.columns):
        findings.append(
            Finding(
                "personal_dropped",
                "info",
                "left_out",
                f"含个人信息的列没有读入：{'、'.join(dropped)}。",
                f"Columns with personal data were not read: {', '.join(dropped)}.",
            )
        )
    if head.deleted:
        findings.append(
            Finding(
                "rows_deleted",
                "info",
                "left_out",
                f"文件里有 {head.deleted:,} 行已标记删除（未清理），没有读入。",
                f"The file holds {head.deleted:,} rows marked as deleted; they were not read.",
            )
        )
    return findings
