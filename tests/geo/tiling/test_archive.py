"""Tiles of a plan: what GDAL reads out of them is the plan, wherever it is cut, and they are whole or not there."""

from __future__ import annotations

import gzip
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geo import gcj02
from geo.plan_rows import Rows
from geo.schemas import BARRIER_KINDS
from geo.tiling import archive
from geo.tiling.archive import Archive
from geo.tiling.cutting import FIRST, LAST, Cutter
from geo.tiling.grid import world
from tests import map_home


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return map_home.make(tmp_path) / "plans" / "probe"


def in_parts(folder: Path, name: str, cuts: int = 3) -> None:
    """The same table as a folder of files."""
    path = folder / f"{name}.parquet"
    frame = gpd.read_parquet(path)
    path.unlink()
    path.mkdir()
    for i, rows in enumerate(np.array_split(np.arange(len(frame)), cuts)):
        frame.iloc[rows].to_parquet(path / f"part-{i:05d}.parquet", write_covering_bbox=True)


def made(plan: Path, shift=None) -> Path:
    out = plan.parent / "plan.pmtiles"
    archive.write(Cutter(plan, shift), out)
    return out


def as_gdal_reads(path: Path, layer: str) -> gpd.GeoDataFrame:
    """One layer of the last zoom, each shape once; GDAL's own reader, in web metres."""
    found = pyogrio.read_dataframe(path, layer=layer, ZOOM_LEVEL=str(LAST))
    return found.dissolve("mvt_id" if "mvt_id" in found else "id")


@pytest.mark.parametrize("folders", [False, True])
def test_gdal_reads_every_shape_where_the_plan_has_it(plan: Path, folders: bool) -> None:
    frame = gpd.read_parquet(plan / "parcels.parquet").to_crs(3857)
    if folders:
        for name in ("parcels", "blocks"):
            in_parts(plan, name)
    found = as_gdal_reads(made(plan), "parcels")
    assert list(found.index) == list(range(len(frame)))
    # the grid of the last zoom has steps of a decimetre on the ground
    off = shapely.hausdorff_distance(found.geometry.to_numpy(), frame.geometry.to_numpy())
    assert off.max() < 0.25


def test_a_tile_holds_numbers_and_nothing_else_of_a_plan(plan: Path) -> None:
    path = made(plan)
    held = b"".join(
        gzip.decompress(Archive(path).tile(tile) or gzip.compress(b"")) for tile in tiles_of(plan)
    )
    assert held
    for secret in (map_home.OPERATOR, *map_home.ATTACKS, "230381"):
        assert secret.encode() not in held
    columns = set(pyogrio.read_info(path, layer="parcels")["fields"])
    assert columns <= {"mvt_id", "id"}


def tiles_of(plan: Path) -> list[tuple[int, int, int]]:
    """Every tile of each zoom that the plan's box meets."""
    west, south, east, north = gpd.read_parquet(plan / "parcels.parquet").to_crs(4326).total_bounds
    found = []
    for zoom in range(FIRST, LAST + 1):
        x0, y0 = np.floor(world(np.array([west]), np.array([north]))[0] * 2**zoom).astype(int)
        x1, y1 = np.floor(world(np.array([east]), np.array([south]))[0] * 2**zoom).astype(int)
        found += [(zoom, x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)]
    return [tuple(map(int, tile)) for tile in found]  # type: ignore[misc]


def test_a_tile_cut_when_asked_for_is_the_tile_that_was_made_before(plan: Path) -> None:
    kept, cutter = Archive(made(plan)), Cutter(plan)
    for tile in tiles_of(plan):
        before = kept.tile(tile)
        assert cutter.tile(tile) == (gzip.decompress(before) if before else b"")


def test_parcels_are_in_the_nearest_tiles_alone_and_blocks_in_all(plan: Path) -> None:
    kept = Archive(made(plan))
    for tile in tiles_of(plan):
        body = gzip.decompress(kept.tile(tile) or gzip.compress(b""))
        if tile[0] < LAST:
            assert b"parcels" not in body
    for zoom in range(FIRST, LAST + 1):
        bodies = [gzip.decompress(kept.tile(t) or gzip.compress(b"")) for t in tiles_of(plan) if t[0] == zoom]
        assert any(b"blocks" in body for body in bodies)


def test_a_barriers_number_says_its_kind_and_whether_it_may_be_crossed(plan: Path) -> None:
    found = as_gdal_reads(made(plan), "barriers")
    assert list(found.index) == [2 * BARRIER_KINDS.index("main_canal") + 1]


def test_shifted_tiles_lie_where_a_shifted_basemap_has_the_ground(plan: Path) -> None:
    plain, shifted = made(plan), plan.parent / "shifted.pmtiles"
    archive.write(Cutter(plan, gcj02.wgs84_to_gcj02), shifted)
    here = as_gdal_reads(plain, "blocks").centroid.to_crs(4326)
    there = as_gdal_reads(shifted, "blocks").centroid.to_crs(4326)
    lon, lat = gcj02.wgs84_to_gcj02(here.x.to_numpy(), here.y.to_numpy())
    assert np.hypot((there.x - lon) * 78_000, (there.y - lat) * 111_000).max() < 0.5


def test_what_is_stopped_leaves_nothing(plan: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(fraction: float) -> None:
        raise StoppedError

    out = plan.parent / "plan.pmtiles"
    with pytest.raises(StoppedError):
        archive.write(Cutter(plan), out, stop)
    assert list(plan.parent.glob("*plan.pmtiles*")) == []


def test_the_same_plan_makes_the_same_bytes(plan: Path) -> None:
    assert made(plan).read_bytes() == made(plan).read_bytes()


@pytest.mark.parametrize("folders", [False, True])
def test_rows_are_found_by_box_and_number_however_the_table_lies(plan: Path, folders: bool) -> None:
    frame = gpd.read_parquet(plan / "parcels.parquet")
    if folders:
        in_parts(plan, "parcels")
    rows = Rows(plan, "parcels")
    assert rows.count == len(frame)
    west, south, east, north = frame.total_bounds
    box = (west, south, (west + east) / 2, (south + north) / 2)
    meets = frame.geometry.bounds
    expected = (
        (meets.minx <= box[2]) & (meets.maxx >= box[0]) & (meets.miny <= box[3]) & (meets.maxy >= box[1])
    )
    assert rows.in_box(box).tolist() == np.flatnonzero(expected).tolist()
    asked = np.array([1, 7, 20, 35])
    assert rows.take(asked, ["parcel_id"])["parcel_id"].to_pylist() == frame["parcel_id"][asked].tolist()
    assert shapely.equals(rows.shapes(asked), frame.geometry[asked].to_numpy()).all()
