"""Boundary-point text (界址点 TXT) of blocks, as land platforms ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pyproj import CRS

from geo.crs import epsg, grid
from geo.export.options import Options
from geo.export.public import Outgoing, Ring, rings

PRECISION = 3
"""Decimals of a coordinate in metres: 0.001, as the head says."""

USE_ZH = "水田"
USE_CODE = "0101"


def write(out: Outgoing, path: Path, options: Options) -> None:
    """Write the blocks' boundary points, UTF-8, lines ended by CR LF as Windows programs expect."""
    with path.open("w", encoding="utf-8", newline="\r\n") as file:
        file.writelines(f"{line}\n" for line in lines(out))


def lines(out: Outgoing) -> Iterator[str]:
    """The file line by line.

    Each block: a head line `点数,面积(公顷),编号,名称,面,图幅号,用途,地类编码,@`, then its points as
    `J1,1,north,east` in metres, easting without zone prefix (the zone is in the head). Second column: 1 for
    the outer ring, clockwise from its north-western corner, 2 and up for holes. A ring ends with its first
    point under its first number; 点数 counts the lines.
    """
    crs = CRS.from_user_input(out.blocks.crs)
    yield "[属性描述]"
    yield "格式版本号=1.01版本"
    yield "数据产生单位="
    yield f"数据产生日期={str(out.meta.get('created', ''))[:10]}"
    for key, value in system(crs):
        yield f"{key}={value}"
    yield "计量单位=米"
    yield f"精度={10**-PRECISION:.{PRECISION}f}"
    yield "转换参数=,,,,,,"
    if out.internal:
        yield f"备注={out.about()[0]}"
    yield "[地块坐标]"
    blocks = out.blocks
    hectares = blocks.geometry.area.to_numpy() / 10_000
    compliant = blocks["meets_minimum"].to_numpy(bool)
    names = out.names
    for i, own in enumerate(rings(blocks.geometry.to_numpy(), PRECISION)):
        county = names.get(blocks["county"].iat[i], (blocks["county"].iat[i],))[0]
        kind = "大池" if compliant[i] else "大池（未达下限）"
        yield ",".join(
            [
                str(sum(len(r.points) for r in own)),
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
        yield from _points(own)


def _points(own: list[Ring]) -> Iterator[str]:
    number = 1
    for ring in own:
        points = ring.points[:-1]
        start = int(np.argmax(points[:, 1] - points[:, 0]))
        first = number
        for x, y in np.roll(points, -start, axis=0):
            yield f"J{number},{ring.number},{y:.{PRECISION}f},{x:.{PRECISION}f}"
            number += 1
        x, y = points[start]
        yield f"J{first},{ring.number},{y:.{PRECISION}f},{x:.{PRECISION}f}"


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
