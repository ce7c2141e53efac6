"""Shapefiles of what may leave the house: GBK, short names, texts that are never cut inside a character."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from geo import looks
from geo.export import map_layers
from geo.export.map_layers import TITLES
from geo.export.options import Options
from geo.export.public import COLUMNS, Outgoing
from geo.export.qgis_style import style
from geo.export.vectors import TYPES, counted
from geo.export.words import REASONS

ENCODING = "GBK"
LANGUAGE = (29, b"\x4d")
"""Place and value of the byte of a .dbf that says GBK; programs that do not look at a .cpg look there."""
LONGEST_BYTES = 254
"""What one text of a .dbf can hold."""
UNKNOWN = "〓"
"""What a character is replaced by that the encoding does not have: the sign that Chinese printers put for it."""

_FINISH = {"county": "COUNTY_ZH", "state": "STATE_ZH", "reason": "REASON_ZH"}
"""Columns of codes, each followed by a column of words in a shapefile, which knows no other way to show them."""


def write(out: Outgoing, path: Path, options: Options) -> None:
    """A set of three shapefiles beside `path`, or in one archive where `path` ends with .zip.

    GBK, said so in the header and in .cpg; names of columns have ten letters at most. Codes (county, state,
    reason) are followed by a column of words. Each has its look for QGIS in a .qml. The set: <stem>.shp holds the
    blocks, <stem>_sites and <stem>_parcels the rest, <stem>_fields.txt says what the short names mean; in the
    archive blocks, sites, parcels and fields.txt.
    """
    if path.suffix.lower() == ".zip":
        folder = path.with_name("shp")
        folder.mkdir()
        files = _shapefiles(out, {n: folder / f"{n}.shp" for n in out.layers}, folder / "fields.txt", options)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.name)
        return
    stem = path.stem
    named = {
        "blocks": path.with_name(f"{stem}.shp"),
        "sites": path.with_name(f"{stem}_sites.shp"),
        "parcels": path.with_name(f"{stem}_parcels.shp"),
    }
    _shapefiles(out, named, path.with_name(f"{stem}_fields.txt"), options)


def _shapefiles(out: Outgoing, paths: dict[str, Path], fields: Path, options: Options) -> list[Path]:
    """Write the three shapefiles and the description of their fields; the files made."""
    made: list[Path] = []
    text, unknown = [*out.about(), ""], 0
    for at, (name, frame) in enumerate(out.layers.items(), 1):
        table, replaced = _short(frame, out.names)
        unknown += replaced
        pyogrio.write_dataframe(
            table, paths[name], driver="ESRI Shapefile", encoding=ENCODING, geometry_type=TYPES[name]
        )
        counted(paths[name], None, len(frame))
        layer = getattr(map_layers, name)(frame, out.names, short=True)
        paths[name].with_suffix(".qml").write_text(style(layer), encoding="utf-8")
        paths[name].with_suffix(".cpg").write_text(ENCODING, encoding="ascii")
        with paths[name].with_suffix(".dbf").open("r+b") as file:
            file.seek(LANGUAGE[0])
            file.write(LANGUAGE[1])
        made += sorted(paths[name].parent.glob(f"{paths[name].stem}.*"))
        text += [f"{paths[name].name} · {TITLES[name]}", *_described(frame), ""]
        options.progress(at / 4)
    if unknown:
        text += [f"有 {unknown} 处文字含 GBK 没有的字，写作“{UNKNOWN}”；要原字请用 GeoPackage。"]
        text += [
            f"{unknown} texts hold characters that GBK lacks, written as {UNKNOWN}; a GeoPackage has them."
        ]
    # with a byte order mark, or the notepads of older Windows take it for GBK
    fields.write_text("\n".join(text), encoding="utf-8-sig", newline="\r\n")
    return [*made, fields]


def _short(frame: gpd.GeoDataFrame, names: dict[str, tuple[str, str]]) -> tuple[gpd.GeoDataFrame, int]:
    """A table as a .dbf takes it: short names, numbers for truths, texts that fit; how many texts lost a character."""
    words = {
        "county": {code: zh for code, (zh, _) in names.items()},
        "state": {state: look.zh for state, look in looks.BLOCKS.items()},
        "reason": {reason: zh for reason, (zh, _) in REASONS.items()},
    }
    columns: dict[str, Any] = {}
    replaced = 0
    for name in frame.columns.drop(frame.geometry.name):
        values = frame[name]
        if values.dtype == bool:
            values = values.astype("int32")
        elif values.dtype == "boolean":
            values = values.astype("Int32")
        elif not pd.api.types.is_numeric_dtype(values):
            values, lost = _fitted(values)
            replaced += lost
        columns[COLUMNS[name].short] = values
        if name in _FINISH:
            columns[_FINISH[name]] = frame[name].map(words[name]).astype("str")
    return gpd.GeoDataFrame(columns, geometry=frame.geometry.to_numpy(), crs=frame.crs), replaced


def _fitted(values: pd.Series) -> tuple[pd.Series, int]:
    """Texts that the encoding has and a .dbf can hold, never half a character; how many lost one."""
    different = {v: fitted(v) for v in values.dropna().unique()}
    lost = [v for v, said in different.items() if UNKNOWN in said and UNKNOWN not in v]
    return values.map(different).astype("str"), int(values.isin(lost).sum())


def fitted(text: str) -> str:
    """The text in characters of ENCODING, cut after the last that is whole within LONGEST_BYTES."""
    known = "".join(c if _known(c) else UNKNOWN for c in text)
    return known.encode(ENCODING)[:LONGEST_BYTES].decode(ENCODING, "ignore")


def _known(character: str) -> bool:
    try:
        character.encode(ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def _described(frame: gpd.GeoDataFrame) -> list[str]:
    lines = []
    for name in frame.columns:
        if name in COLUMNS:
            column = COLUMNS[name]
            lines.append(f"{column.short}\t{column.zh}\t{column.en}")
        if name in _FINISH:
            lines.append(f"{_FINISH[name]}\t{COLUMNS[name].zh}，文字\t{COLUMNS[name].en}, in Chinese words")
    return lines
