"""GeoPackage, shapefile and GeoJSON of what may leave the house."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyogrio

from geo.crs import transform
from geo.errors import ChigaiError
from geo.export.public import COLUMNS, Outgoing, block_states

TYPES = {"blocks": "Polygon", "sites": "MultiPolygon", "parcels": "Polygon"}
WGS84 = 4326


def write_gpkg(out: Outgoing, path: Path) -> None:
    """Layers blocks, sites and parcels, in the plan's coordinates and with the names of DESIGN §4."""
    zh, en = out.about()
    for name, frame in out.layers.items():
        pyogrio.write_dataframe(
            frame,
            path,
            layer=name,
            driver="GPKG",
            geometry_type=TYPES[name],
            append=path.exists(),
            layer_options={"DESCRIPTION": f"{zh} | {en}"},
            use_arrow=False,
        )
        counted(path, name, len(frame))


def write_geojson(out: Outgoing, path: Path) -> None:
    """The blocks in longitude and latitude (WGS84) as RFC 7946 wants them, each with its state."""
    zh, en = out.about()
    blocks = out.blocks.assign(state=block_states(out.blocks, out.sites)).astype({"state": "str"})
    pyogrio.write_dataframe(
        transform(blocks, WGS84),
        path,
        layer="blocks",
        driver="GeoJSON",
        geometry_type="Polygon",
        layer_options={"RFC7946": "YES", "DESCRIPTION": f"{zh} | {en}"},
    )
    counted(path, "blocks", len(blocks))


def write_shp(out: Outgoing, path: Path) -> None:
    """A set of three shapefiles beside `path`, or in one archive where `path` ends with .zip.

    UTF-8, said so in .cpg. The set: <stem>.shp holds the blocks, <stem>_sites and <stem>_parcels the rest,
    <stem>_fields.txt says what the short names mean; in the archive blocks, sites, parcels and fields.txt.
    """
    if path.suffix.lower() == ".zip":
        folder = path.with_name("shp")
        folder.mkdir()
        files = _shapefiles(out, {n: folder / f"{n}.shp" for n in out.layers}, folder / "fields.txt")
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
    _shapefiles(out, named, path.with_name(f"{stem}_fields.txt"))


def _shapefiles(out: Outgoing, paths: dict[str, Path], fields: Path) -> list[Path]:
    """Write the three shapefiles and the description of their fields; the files made."""
    made: list[Path] = []
    for name, frame in out.layers.items():
        short = {c: COLUMNS[c].short for c in frame.columns if c in COLUMNS}
        flags = {c: "int32" for c in frame.columns if frame[c].dtype == bool}
        flags |= {c: "Int32" for c in frame.columns if frame[c].dtype == "boolean"}
        pyogrio.write_dataframe(
            frame.astype(flags).rename(columns=short),
            paths[name],
            driver="ESRI Shapefile",
            encoding="UTF-8",
            geometry_type=TYPES[name],
        )
        counted(paths[name], None, len(frame))
        made += sorted(paths[name].parent.glob(f"{paths[name].stem}.*"))
    text = [*out.about(), ""]
    for name, frame in out.layers.items():
        text += [paths[name].name]
        text += [
            f"{COLUMNS[c].short}\t{COLUMNS[c].zh}\t{COLUMNS[c].en}" for c in frame.columns if c in COLUMNS
        ]
        text += [""]
    # with a byte order mark, or the notepads of older Windows take it for GBK
    fields.write_text("\n".join(text), encoding="utf-8-sig", newline="\r\n")
    return [*made, fields]


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
