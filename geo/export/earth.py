"""Blocks and sites as KML, for viewers of the whole earth; in degrees of WGS84, or GCJ-02 where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import looks
from geo.crs import transform
from geo.export.map_layers import SITE_COLOUR
from geo.export.options import Datum, Options
from geo.export.public import COLUMNS, Outgoing, Ring, rings
from geo.gcj02 import wgs84_to_gcj02

WGS84 = 4326
DECIMALS = 8
"""Of a degree: a millimetre."""

DATUMS: dict[Datum, tuple[str, str]] = {
    "wgs84": (
        "坐标 WGS84，未偏移：Google Earth 直接打开；奥维请用火星坐标的一份",
        "WGS84 coordinates as surveyed: for Google Earth; OviMap wants the GCJ-02 file",
    ),
    "gcj02": (
        "坐标 GCJ-02（火星坐标，比测量坐标偏几百米）：只供奥维、高德等国内地图，不得用于放样",
        "GCJ-02 coordinates, some hundred metres off: for Chinese web maps alone, not for setting out",
    ),
}
"""What the degrees are in, said inside the file, in Chinese and English."""

COLOURS = {**{state: look.colour for state, look in looks.BLOCKS.items()}, "outline": SITE_COLOUR}

_WORDLESS = str.maketrans(
    {"<": "＜", ">": "＞", "&": "＆", **{chr(c): " " for c in (*range(32), 0xFFFE, 0xFFFF)}}
)
"""A viewer shows values as HTML: markup in a name is taken apart here, not only escaped."""


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write two folders, blocks (styled by state) and sites, UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines(out, options.datum))


def lines(out: Outgoing, datum: Datum = "wgs84") -> Iterator[str]:
    """The document line by line. datum: of its degrees; the document says which."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
    zh, en = out.about()
    told_zh, told_en = DATUMS[datum]
    yield f"<name>{_text(zh)}{'（GCJ-02）' if datum == 'gcj02' else ''}</name>"
    yield f"<description>{_text(f'{zh}；{told_zh}。 {en}; {told_en}.')}</description>"
    for state, colour in COLOURS.items():
        red, green, blue = colour[1:3], colour[3:5], colour[5:7]
        fill = "00" if state == "outline" else "80"
        yield (
            f'<Style id="{state}"><LineStyle><color>ff{blue}{green}{red}</color><width>1.5</width></LineStyle>'
            f"<PolyStyle><color>{fill}{blue}{green}{red}</color></PolyStyle></Style>"
        )
    states = out.blocks["state"].tolist()
    named = out.blocks.assign(
        state=[looks.BLOCKS[s].zh for s in states],
        county=[out.names.get(c, (c,))[0] for c in out.blocks["county"]],
    )
    shown = [
        "county",
        "irrigation_district",
        "site_id",
        "state",
        "area_mu",
        "n_parcels",
        "design_level_m",
        "cut_m3",
        "cost_yuan",
    ]
    yield from _folder("大池 blocks", named, "block_id", shown, states, datum)
    sites = out.sites.assign(county=[out.names.get(c, (c,))[0] for c in out.sites["county"]])
    yield from _folder(
        "示范点 sites",
        sites,
        "site_id",
        ["county", "irrigation_district", "area_mu", "n_blocks"],
        ["outline"] * len(sites),
        datum,
    )
    yield "</Document></kml>"


def _folder(
    title: str, frame: gpd.GeoDataFrame, key: str, shown: list[str], styles: list[str], datum: Datum
) -> Iterator[str]:
    shapes = transform(frame, WGS84).geometry.to_numpy()
    if datum == "gcj02":
        shapes = shapely.transform(shapes, lambda at: np.column_stack(wgs84_to_gcj02(*at.T)))
    parts, owner = shapely.get_parts(shapes, return_index=True)
    polygons: list[list[str]] = [[] for _ in range(len(frame))]
    # KML wants the outer ring counter-clockwise
    for i, own in enumerate(rings(parts, DECIMALS)):
        polygons[owner[i]].append(_polygon(own))
    titles = [COLUMNS[c].zh for c in shown]
    titles = ["县（市、区）" if c == "county" else t for c, t in zip(shown, titles, strict=True)]
    columns = [[_value(v) for v in frame[c]] for c in shown]
    yield f"<Folder><name>{_text(title)}</name>"
    for i, name in enumerate(frame[key]):
        data = "".join(
            f'<Data name="{_text(t)}"><value>{c[i]}</value></Data>'
            for t, c in zip(titles, columns, strict=True)
            if c[i]
        )
        yield (
            f"<Placemark><name>{_text(name)}</name><styleUrl>#{styles[i]}</styleUrl>"
            f"<ExtendedData>{data}</ExtendedData><MultiGeometry>{''.join(polygons[i])}</MultiGeometry></Placemark>"
        )
    yield "</Folder>"


def _polygon(own: list[Ring]) -> str:
    text = "<Polygon>"
    for ring in own:
        where = "outerBoundaryIs" if ring.number == 1 else "innerBoundaryIs"
        points = " ".join(f"{x:.{DECIMALS}f},{y:.{DECIMALS}f}" for x, y in ring.points[::-1])
        text += f"<{where}><LinearRing><coordinates>{points}</coordinates></LinearRing></{where}>"
    return text + "</Polygon>"


def _value(value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    return f"{value:.2f}" if isinstance(value, float) else _text(str(value))


def _text(text: str) -> str:
    return escape(text.translate(_WORDLESS))
