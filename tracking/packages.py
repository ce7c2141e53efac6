"""Packages for crews without signal: a village's blocks, a table to fill and a map of it; and what comes back."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from sqlalchemy import func, select

from geo import crs, plans
from geo.errors import ChigaiError
from geo.export import bundle
from tracking import audit, files, package_layout, people, states, tables
from tracking.people import Person
from tracking.returned import Review, Row, take
from tracking.states import LOCAL
from tracking.store import Store

__all__ = ["Review", "Row", "make", "take"]

AROUND_M = 200.0
"""How far beyond a village's blocks the canals and roads are shown."""
NO_VILLAGE = "未注明村"


def make(store: Store, plan_folder: Path, village: str | None, person: Person, out: Path) -> list[Path]:
    """Write a package for a village, or for each village of the person's counties where `village` is None.

    One zip for each village and county, named after them; the same state of the database gives the same bytes.
    Nothing in it says who works which land. An older package of that name goes once the new one is whole.
    Raises ChigaiError where the plan is not followed or has no such village, ForbiddenError without the right.
    """
    plan_folder, out = Path(plan_folder), Path(out)
    plan_id = str(plans.read_meta(plan_folder)["id"])
    blocks = _blocks(store, plan_id, village)
    theirs = [county for county in sorted(set(blocks["county"])) if people.may(person, "package", county)]
    if not theirs:
        people.require(store, person, "package", str(blocks["county"].iloc[0]), plan_id)
    ground = _Ground(plan_folder)
    blocks = _drawn(blocks[blocks["county"].isin(theirs)], ground)
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for (county, name), own in blocks.groupby(["county", "village"], sort=True, dropna=False):
        called = name if isinstance(name, str) and name else NO_VILLAGE
        members = _members(own, called, plan_id, ground)
        with store.writing() as connection:
            detail = f"{called}: {len(own)} blocks"
            audit.write(connection, person.id, "package", plan_id, "done", str(county), detail)
        path = out / _file_name(f"{county}-{called}")
        bundle.write_zip(members, path)
        made.append(path)
    return made


def _file_name(name: str) -> str:
    """A name that every system takes; where it had to be changed, no other village's becomes the same."""
    safe = files.safe_name(f"{name}.zip")
    if safe != f"{name}.zip":
        safe = f"{safe.removesuffix('.zip')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}.zip"
    return safe


def _blocks(store: Store, plan_id: str, village: str | None) -> pd.DataFrame:
    """The blocks as the database has them now, with where they stand and when that was last heard of."""
    b, e = tables.blocks.c, tables.events.c
    query = select(
        b.block_id, b.county, b.village, b.site_id, b.area_mu, b.version, b.geometry
    ).where(b.plan_id == plan_id, b.withdrawn.is_(False))  # fmt: skip
    if village is not None:
        query = query.where(b.village == village)
    heard = select(e.block_id, func.max(e.received)).where(e.plan_id == plan_id).group_by(e.block_id)
    with store.reading() as connection:
        plan = connection.execute(select(tables.plans.c.created).where(tables.plans.c.id == plan_id)).first()
        rows = connection.execute(query.order_by(b.block_id)).fetchall()
        last: dict[str, datetime] = {row[0]: row[1] for row in connection.execute(heard)}
    if plan is None:
        raise ChigaiError(
            "数据库中还没有这个方案。",
            "The database does not have this plan.",
            do_zh="请先运行 chigai targets --plan 方案文件夹。",
            do_en="run chigai targets --plan FOLDER first.",
        )
    if not rows:
        raise ChigaiError(
            "方案中没有大池。" if village is None else f"方案中没有“{village[:40]}”的大池。",
            "The plan has no blocks." if village is None else f"The plan has no block in {village[:40]!r}.",
            do_zh="请核对村名，或用 --all 为每个村各做一个包。",
            do_en="check the village's name, or make a package for each with --all.",
        )
    frame = pd.DataFrame.from_records(rows, columns=list(rows[0]._fields))
    whole = max(plan.created, last.get("", plan.created))
    frame["heard"] = [max(whole, last.get(block_id, whole)) for block_id in frame["block_id"]]
    standing = states.states(store, plan_id=plan_id).set_index("block_id")
    for name in ("state", "done_mu", "last_report"):
        frame[name] = frame["block_id"].map(standing[name])
    return frame


class _Ground:
    """What a package shows of the plan folder: parcels without names or numbers, levels, canals and roads."""

    def __init__(self, folder: Path) -> None:
        try:
            self.parcels = gpd.read_parquet(
                folder / "parcels.parquet", columns=["block_id", "village", "county", "area_mu", "geometry"]
            )
            levels = pd.read_parquet(folder / "blocks.parquet", columns=["block_id", "design_level_m"])
            path = folder / "barriers.parquet"
            self.barriers = gpd.read_parquet(path, columns=["kind", "geometry"]) if path.exists() else None
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ChigaiError(
                "方案文件不完整或已损坏。",
                "The plan's files are incomplete or damaged.",
                do_zh="请重新运行 chigai plan。",
                do_en="run chigai plan again.",
                file=folder,
            ) from error
        self.level = levels.set_index("block_id")["design_level_m"]
        self.crs = self.parcels.crs

    def near(self, box: shapely.Geometry) -> Iterator[tuple[package_layout.Layer, gpd.GeoDataFrame]]:
        """The barriers around, as lines and as areas; a layer that would be empty is left out."""
        if self.barriers is None:
            return
        there = self.barriers[self.barriers.intersects(box)]
        cut = gpd.GeoDataFrame(
            {"kind": there["kind"].to_numpy()}, geometry=there.intersection(box).to_numpy(), crs=self.crs
        ).explode(index_parts=False)
        for layer, kind in (
            (package_layout.BARRIER_LINES, "LineString"),
            (package_layout.BARRIER_AREAS, "Polygon"),
        ):
            own = cut[cut.geom_type == kind]
            if len(own):
                yield layer, own


def _drawn(blocks: pd.DataFrame, ground: _Ground) -> gpd.GeoDataFrame:
    shapes = shapely.from_wkb([bytes(g) for g in blocks["geometry"]])
    frame = gpd.GeoDataFrame(blocks.drop(columns="geometry"), geometry=shapes, crs=tables.SRID)
    drawn = crs.transform(frame, ground.crs)
    drawn["level_m"] = drawn["block_id"].map(ground.level).astype(float).round(3)
    return drawn


def _members(
    blocks: gpd.GeoDataFrame, village: str, plan_id: str, ground: _Ground
) -> dict[str, bytes | None]:
    """The files of one village's package."""
    parcels = ground.parcels
    inside = parcels["block_id"].isin(set(blocks["block_id"]))
    if village != NO_VILLAGE:
        inside |= (parcels["village"] == village) & parcels["county"].isin(set(blocks["county"]))
    around = shapely.box(*blocks.total_bounds).buffer(AROUND_M, join_style="mitre")
    shown: list[tuple[package_layout.Layer, gpd.GeoDataFrame]] = [
        (package_layout.BLOCKS, _told(blocks)),
        (package_layout.PARCELS, parcels.loc[inside, ["block_id", "area_mu", "geometry"]]),
        *ground.near(around),
        (package_layout.reports(plan_id), _empty(ground.crs)),
    ]
    found = [
        bundle.Table(layer.table, layer.title, _many(frame, layer), package_layout.qgis.WKB[layer.geometry])
        for layer, frame in shown
    ]
    about = pd.DataFrame(
        {"plan_id": [plan_id], "village": [village], "county": [str(blocks["county"].iloc[0])]}
    )
    found.append(bundle.Table("package", "上报包", about, None))
    moment = max(blocks["heard"])
    title = f"{village} 小池改大池上报"
    names = [table.name for table in found]
    project = package_layout.project(title, plan_id, blocks.total_bounds, ground.crs, names)
    text = package_layout.README.format(
        title=title, project=package_layout.PROJECT, reports="上报", photos=package_layout.PHOTOS,
        geopackage=package_layout.GEOPACKAGE, blocks=len(blocks), plan=plan_id,
        moment=f"{moment.astimezone(LOCAL):%Y-%m-%d %H:%M}",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="chigai-") as room:
        path = Path(room) / package_layout.GEOPACKAGE
        bundle.write_gpkg(found, path, moment)
        content = path.read_bytes()
    return {
        package_layout.PROJECT: project,
        package_layout.GEOPACKAGE: content,
        package_layout.PHOTOS: None,
        # with its mark, or older Windows takes the Chinese for something else
        "使用说明.txt": text.replace("\n", "\r\n").encode("utf-8-sig"),
    }


def _told(blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The blocks as a crew sees them, with texts where pandas has its own types."""
    days = blocks["last_report"].dt.strftime("%Y-%m-%d")
    columns: dict[str, Any] = {
        "block_id": blocks["block_id"], "village": blocks["village"], "site_id": blocks["site_id"],
        "area_mu": blocks["area_mu"].round(2), "level_m": blocks["level_m"], "state": blocks["state"].astype(str),
        "done_mu": blocks["done_mu"].round(2), "last_report": days.where(days.notna(), None).astype(object),
        "version": blocks["version"].astype(np.int32),
    }  # fmt: skip
    return gpd.GeoDataFrame(columns, geometry=blocks.geometry.to_numpy(), crs=blocks.crs)


def _many(frame: gpd.GeoDataFrame, layer: package_layout.Layer) -> gpd.GeoDataFrame:
    """Its shapes as the one type that the layer has."""
    kind = {"Line": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}.get(layer.geometry)
    if kind is None:
        return frame
    shapes = [g if g.geom_type.startswith("Multi") else kind([g]) for g in frame.geometry]
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))


def _empty(system: Any) -> gpd.GeoDataFrame:
    """The table that comes back filled. Its time is text: see package_layout.NOW."""
    types = {"block_version": "int32", "zone_minutes": "int32", "done_mu": "float64"}
    names = [column.name for column in package_layout.reports("").fields]
    return gpd.GeoDataFrame(
        {name: pd.Series([], dtype=types.get(name, "object")) for name in names}, geometry=[], crs=system
    )
