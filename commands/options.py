"""The options that say what to read and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geo.errors import ChigaiError

if TYPE_CHECKING:
    from geo.reading import Source

Parcels = Annotated[
    Path, typer.Argument(help="池块文件 · the paddies: shp, zip, gpkg, gdb, geojson, parquet, fgb")
]
Barriers = Annotated[
    Path | None, typer.Option(help="渠、沟、路、林带 · canals, ditches, roads, shelterbelts")
]
Dem = Annotated[Path | None, typer.Option(help="高程栅格 · elevation raster")]
Layer = Annotated[str | None, typer.Option(help="图层名 · name of the layer")]
Where = Annotated[
    str | None, typer.Option(metavar="SQL", help="只取符合条件的行 · only rows that fulfil this")
]
Crs = Annotated[
    int | None, typer.Option(metavar="EPSG", help="坐标系，优先于文件所写 · overrides the file's own")
]
Encoding = Annotated[str | None, typer.Option(help="文字编码，如 GBK · encoding of the text, such as GBK")]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD=COLUMN", help="字段对应，可重复 · which column is which field; repeatable"
    ),
]


def source_of(
    parcels: Path,
    layer: str | None,
    where: str | None,
    crs: int | None,
    encoding: str | None,
    pairs: list[str] | None,
    county: str | None = None,
) -> Source:
    """The source that the options describe. Raises ChigaiError for a --map that is no field=column."""
    from geo.reading import Source

    mapping: dict[str, str] = {}
    for pair in pairs or []:
        field, equals, column = pair.partition("=")
        if not equals or not field.strip() or not column.strip():
            raise ChigaiError(
                f"--map {pair} 不是“字段=列名”。",
                f"--map {pair} is not field=column.",
                do_zh="写成 --map parcel_id=DKBM 这样。",
                do_en="write it as --map parcel_id=DKBM.",
            )
        mapping[field.strip()] = column.strip()
    return Source(
        path=parcels,
        layer=layer,
        where=where,
        crs=crs,
        encoding=encoding,
        mapping=mapping or None,
        county=county,
    )
