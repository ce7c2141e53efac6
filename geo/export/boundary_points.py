"""Boundary-point text (界址点 TXT) of blocks, as land platforms ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyproj import CRS

from geo.crs import epsg, grid
from geo.errors import ChigaiError
from geo.export.corners import PRECISION, Corners, corners
from geo.export.options import Options, Variant
from geo.export.public import Outgoing

USE_ZH = "水田"
USE_CODE = "0101"
ZONE_M = 1_000_000
"""What a zone's number is multiplied by before an easting that carries it."""


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write the blocks' boundary points, lines ended by CR LF as Windows programs expect.

    UTF-8, or GBK where that variant is asked for. Raises ChigaiError where eastings are to carry a zone's number and
    the plan's system has none.
    """
    encoding = "gbk" if "gbk" in options.points else "utf-8"
    with path.open("w", encoding=encoding, errors="replace", newline="\r\n") as file:
        file.writelines(f"{line}\n" for line in lines(out, options.points))


def lines(out: Outgoing, variants: frozenset[Variant] = frozenset()) -> Iterator[str]:
    """The file line by line.

    Each block: a head line `点数,面积(公顷),编号,名称,面,图幅号,用途,地类编码,@`, then its points as
    `J1,1,north,east` in metres, easting without zone prefix (the zone is in the head). Second column: 1 for
    the outer ring, clockwise from its north-western corner, 2 and up for holes. A ring ends with its first
    point under its first number; 点数 counts the lines.
    variants: what a platform wants otherwise (geo.export.options.Variant).
    """
    crs = CRS.from_user_input(out.blocks.crs)
    shift = _prefix(crs) if "prefix" in variants else 0
    yield "[属性描述]"
    yield "格式版本号=1.01版本"
    yield "数据产生单位="
    yield f"数据产生日期={str(out.meta.get('created', ''))[:10]}"
    for key, value in system(crs):
        yield f"{key}={value}"
    yield "计量单位=米"
    yield f"精度={10**-PRECISION:.{PRECISION}f}"
    yield "转换参数=,,,,,,"
    remarks = [out.about()[0]] if out.internal else []
    remarks += ["坐标顺序为东、北"] if "swapped" in variants else []
    if remarks:
        yield f"备注={'；'.join(remarks)}"
    yield "[地块坐标]"
    blocks = out.blocks
    hectares = blocks.geometry.area.to_numpy() / 10_000
    compliant = blocks["meets_minimum"].to_numpy(bool)
    names = out.names
    found = corners(blocks.geometry.to_numpy())
    for i in range(len(blocks)):
        own = list(_points(found, i, shift, variants))
        county = names.get(blocks["county"].iat[i], (blocks["county"].iat[i],))[0]
        kind = "大池" if compliant[i] else "大池（未达下限）"
        yield ",".join(
            [
                str(len(own)),
                f"{hectares[i]:.4f}",
                _field(blocks["block_id"].iat[i]),
                _field(f"{county}{kind}"),
                "面",
                "",
                USE_ZH,
                USE_CODE,
                "@",
            ]
        )
        yield from own


def _points(found: Corners, block: int, shift: int, variants: frozenset[Variant]) -> Iterator[str]:
    """The lines of a block's points."""
    letter = "" if "bare" in variants else "J"
    rows = slice(found.at[block], found.at[block + 1])
    ring, number = found.ring[rows].tolist(), found.number[rows].tolist()
    x, y = (found.x[rows] + shift).tolist(), found.y[rows].tolist()
    first = 0
    for i in range(len(ring)):
        ends = i + 1 == len(ring) or ring[i + 1] != ring[i]
        for k in (i,) if "open" in variants or not ends else (i, first):
            a, b = (x[k], y[k]) if "swapped" in variants else (y[k], x[k])
            yield f"{letter}{number[k]},{ring[k]},{a:.{PRECISION}f},{b:.{PRECISION}f}"
        if ends:
            first = i + 1


def _prefix(crs: CRS) -> int:
    """What is added to an easting that is to carry its zone's number."""
    own = grid(crs)
    if own is None:
        raise ChigaiError(
            "方案的坐标系不是高斯克吕格分带坐标，东坐标不能带带号。",
            "The plan's coordinates are in no Gauss-Krüger zone: eastings cannot carry its number.",
            do_zh="不选“带号”，或换用 CGCS2000 分带坐标的数据重新规划。",
            do_en="leave the prefix out, or plan with data in a CGCS2000 zone.",
        )
    return 0 if own.prefix is not None else int(own.meridian // 3) * ZONE_M


def system(crs: CRS) -> list[tuple[str, str]]:
    """坐标系, 几度分带, 投影类型 and 带号 of a projected CRS, empty where the question does not fit."""
    own = grid(crs)
    code = epsg(crs)
    datum = crs.geodetic_crs.name if crs.geodetic_crs is not None else ""
    if own is not None:
        china = "2000" in datum and "China" in datum
        name = "2000国家大地坐标系" if china else f"{datum}（EPSG:{code}）" if code else datum
        six = own.prefix is not None and own.prefix < 25
        zone = own.prefix if own.prefix is not None else own.meridian // 3
        return _rows(name, "6" if six else "3", "高斯克吕格", str(zone))
    name = f"{crs.name}（EPSG:{code}）" if code else crs.name
    if crs.utm_zone:
        return _rows(name, "6", "通用横轴墨卡托（UTM）", crs.utm_zone.rstrip("NS"))
    method = crs.coordinate_operation.method_name if crs.coordinate_operation is not None else ""
    return _rows(name, "", method, "")


def _rows(name: str, width: str, projection: str, zone: str) -> list[tuple[str, str]]:
    return [("坐标系", name), ("几度分带", width), ("投影类型", projection), ("带号", zone)]


def _field(text: str) -> str:
    """Text that cannot end a field or a line."""
    return " ".join(text.replace(",", "，").replace("@", "＠").split())
