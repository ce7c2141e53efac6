"""GeoPackage and GeoJSON of what may leave the house."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from geo.crs import transform
from geo.errors import ChigaiError
from geo.export import map_layers
from geo.export.options import Options
from geo.export.public import Outgoing
from geo.export.qgis_style import Layer, style

TYPES = {"blocks": "Polygon", "sites": "MultiPolygon", "parcels": "Polygon"}
WGS84 = 4326


def write_gpkg(out: Outgoing, path: Path, options: Options) -> None:
    """Layers 大池, 示范点, 小池 and the barriers, in the plan's coordinates, with the column names of DESIGN §4.

    Each has its style in the table layer_styles, where QGIS looks for it by itself.
    """
    zh, en = out.about()
    styles: list[tuple[Layer, str]] = []
    made = {
        "blocks": map_layers.blocks(out.blocks, out.names),
        "sites": map_layers.sites(out.sites, out.names),
        "parcels": map_layers.parcels(out.parcels, out.names),
    }
    for at, (name, frame) in enumerate(out.layers.items(), 1):
        _layer(path, made[name].table, frame, TYPES[name], f"{zh} | {en}")
        styles.append((made[name], "geom"))
        options.progress(at / 5)
    for areas, frame in _barriers(out.barriers):
        layer = map_layers.barriers(frame, areas)
        _layer(path, layer.table, frame, "MultiPolygon" if areas else "MultiLineString", f"{zh} | {en}")
        styles.append((layer, "geom"))
    pyogrio.write_dataframe(
        _styles(styles), path, layer="layer_styles", driver="GPKG", append=True, layer_options={"FID": "id"}
    )
    counted(path, "layer_styles", len(styles))


def _layer(path: Path, table: str, frame: gpd.GeoDataFrame, kind: str, about: str) -> None:
    pyogrio.write_dataframe(
        frame,
        path,
        layer=table,
        driver="GPKG",
        geometry_type=kind,
        append=path.exists(),
        # older programs take it without a warning
        dataset_options={} if path.exists() else {"VERSION": "1.2"},
        layer_options={"DESCRIPTION": about},
        use_arrow=False,
    )
    counted(path, table, len(frame))


def _barriers(barriers: gpd.GeoDataFrame | None) -> list[tuple[bool, gpd.GeoDataFrame]]:
    """The barriers drawn as lines and those drawn as areas, where there are any; whether they are areas."""
    if barriers is None or barriers.empty:
        return []
    flat = barriers.explode(index_parts=False)
    dimension = shapely.get_dimensions(flat.geometry.to_numpy())
    found = []
    for areas, many in ((False, shapely.multilinestrings), (True, shapely.multipolygons)):
        own = flat[dimension == (2 if areas else 1)].reset_index(drop=True)
        if len(own):
            shapes = many(own.geometry.to_numpy(), indices=np.arange(len(own)))
            found.append((areas, own.set_geometry(gpd.GeoSeries(shapes, crs=own.crs))))
    return found


def _styles(layers: list[tuple[Layer, str]]) -> pd.DataFrame:
    """The table in which QGIS keeps styles inside a GeoPackage, one a layer and each the one to begin with."""
    now = pd.Timestamp(datetime.now(UTC).replace(tzinfo=None)).floor("ms")
    return pd.DataFrame(
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": [layer.table for layer, _ in layers],
            "f_geometry_column": [column for _, column in layers],
            "styleName": [layer.title for layer, _ in layers],
            "styleQML": [style(layer) for layer, _ in layers],
            "styleSLD": "",
            "useAsDefault": [True] * len(layers),
            "description": "chigai",
            "owner": "",
            "ui": "",
            "update_time": now,
        }
    )


def write_geojson(out: Outgoing, path: Path, options: Options) -> None:
    """The blocks in longitude and latitude (WGS84) as RFC 7946 wants them, each with its state."""
    zh, en = out.about()
    pyogrio.write_dataframe(
        transform(out.blocks, WGS84),
        path,
        layer="blocks",
        driver="GeoJSON",
        geometry_type="Polygon",
        layer_options={"RFC7946": "YES", "DESCRIPTION": f"{zh} | {en}"},
    )
    counted(path, "blocks", len(out.blocks))


def counted(path: Path, layer: str | None, wanted: int) -> None:
    """Raise ChigaiError unless the layer as written holds every row: a full disk can cut it short."""
    found = pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"]
    if found != wanted:
        raise ChigaiError(
            f"只写出 {found} 行，应为 {wanted} 行，已放弃。",
            f"Only {found} of {wanted} rows were written; given up.",
            do_zh="检查磁盘空间后重试。",
            do_en="Check the free disk space and try again.",
            file=path,
            layer=layer,
        )
