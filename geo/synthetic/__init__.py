"""The demo region: invented paddies, canals and ground inside Jixi's real county boundaries."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import rasterio
import shapely
import yaml
from rasterio.windows import Window

from geo.errors import ChigaiError
from geo.schemas import MU_M2
from geo.synthetic import canals as synthetic_canals
from geo.synthetic import defects as synthetic_defects
from geo.synthetic import ground as synthetic_ground
from geo.synthetic import people as synthetic_people
from geo.synthetic.layout import Layout, Placed, Rng, layout, polygons
from geo.synthetic.room import Room

RECIPE = Path(__file__).resolve().parents[2] / "data" / "demo" / "jixi.yml"
FEWEST = 50
CELL = 5.0  # m, of the elevation model
_TILE = 256
_SMALLEST = 40  # paddies: a county that would get fewer gets none

Progress = Callable[[str, float], None]


@dataclass
class District:
    """One irrigation district: its share of the paddies, then its layout and its place on the map."""

    county: str
    name: str
    hilliness: float
    parcels: int
    seed: np.random.SeedSequence
    township: tuple[int, str]
    first_village: int
    villages: list[str]
    defects: dict[str, int] = field(default_factory=dict)
    far_county: str = ""  # what a row out of its county says instead
    place: Placed | None = None

    def layout(self, rng: Rng) -> Layout:
        """Its paddies before any damage; rows that the damage adds are left room for."""
        return layout(rng, self.parcels - sum(self.defects[kind] for kind in synthetic_defects.ADDED))


def make(folder: Path, parcels: int = 150_000, seed: int = 1, progress: Progress | None = None) -> Path:
    """Write parcels.gpkg, barriers.gpkg, dem.tif and defects.json into a folder, and return it.

    parcels: rows of parcels.gpkg. The same seed gives the same content. defects.json: which rows (from 1)
    have which defect on purpose. The files are written beside the folder and moved in when all are done.
    progress(stage, fraction) is told how far it is and may raise to stop.
    """
    if seed < 0:
        raise ChigaiError(f"种子不能是负数：{seed}。", f"A seed cannot be negative: {seed}.")
    if parcels < FEWEST:
        raise ChigaiError(
            f"示范数据至少需要 {FEWEST} 块地，而要求的是 {parcels} 块。",
            f"The demo region needs at least {FEWEST} parcels, not {parcels}.",
            do_zh="请给出更大的数目。",
            do_en="Ask for more.",
        )
    tell = progress or (lambda stage, fraction: None)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    crs = f"EPSG:{recipe['crs']}"
    tell("districts", 0.0)
    districts = _districts(recipe, parcels, seed)
    frames = _place(districts, recipe, seed)
    tell("parcels", 0.05)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as beside:
        rows = _write(Path(beside), districts, frames, crs, tell)
        (Path(beside) / "defects.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        for name in ("parcels.gpkg", "barriers.gpkg", "dem.tif", "defects.json"):
            (Path(beside) / name).replace(folder / name)
    tell("done", 1.0)
    return folder


def _districts(recipe: dict[str, Any], parcels: int, seed: int) -> list[District]:
    """Share the paddies out among counties and their irrigation districts, to the last one."""
    counties = recipe["counties"]
    wish = pd.Series({code: c["area_mu"] for code, c in counties.items()}, dtype=float)
    kept = wish[wish / wish.sum() * parcels >= _SMALLEST]
    wish = kept if len(kept) else wish.nlargest(1)
    count = _share(wish.to_numpy(), parcels)
    root = np.random.SeedSequence(seed)
    scale = parcels / recipe["parcels"]
    numbers = [max(1, round(area * scale / counties[code]["district_mu"])) for code, area in wish.items()]
    titles = synthetic_people.names(np.random.default_rng([seed, 0]), sum(numbers), "灌区")
    out: list[District] = []
    for code, number, total, own in zip(wish.index, numbers, count, root.spawn(len(wish)), strict=True):
        rng = np.random.default_rng(own)
        sizes = _share(rng.uniform(0.78, 1.22, number), int(total))
        towns = synthetic_people.names(rng, number, "镇")
        villages = synthetic_people.names(rng, int(total) // 400 + 3 * number, "村")
        used = 0
        for k in range(number):
            some = int(sizes[k]) // 400 + 3
            out.append(
                District(
                    county=str(code),
                    name=titles[len(out)],
                    hilliness=float(np.clip(counties[code]["hilliness"] + rng.normal(0, 0.08), 0, 1)),
                    parcels=int(sizes[k]),
                    seed=own.spawn(1)[0],
                    township=(k // 2 + 1, towns[k // 2]),
                    first_village=0 if k % 2 == 0 else 500,
                    villages=villages[used : used + some],
                )
            )
            used += some
    ends = np.cumsum([d.parcels for d in out])
    quota = synthetic_defects.quota(parcels)
    for k, (kind, wanted) in enumerate(quota.items()):
        # each kind rounds at a different place, lest all that are rare meet in one small district
        upto = np.floor(ends * wanted / parcels + (k + 0.5) / len(quota)).astype(int)
        for district, number in zip(out, np.diff(upto, prepend=0), strict=True):
            district.defects[kind] = int(number)
    return out


def _share(weight: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that add up to the total, in proportion to the weights."""
    ends = np.round(np.cumsum(weight) / weight.sum() * total).astype(np.int64)
    return np.diff(ends, prepend=0)


def _place(districts: list[District], recipe: dict[str, Any], seed: int) -> list[shapely.Polygon]:
    """Give every district its place on the map; the land that each one takes."""
    room = Room(recipe, seed)
    for district in districts:
        frame = district.layout(np.random.default_rng(district.seed)).frame
        district.place = room.place(district.county, frame)
        district.far_county = room.farthest(district.county)
    return room.taken


def _write(
    folder: Path, districts: list[District], frames: list[shapely.Polygon], crs: str, tell: Progress
) -> dict[str, list[int]]:
    """The three files; which rows have which defect."""
    x0, y0, x1, y1 = shapely.total_bounds(np.array(frames))
    tile = CELL * _TILE
    west, north = np.floor(x0 / tile) * tile, np.ceil(y1 / tile) * tile
    canals: list[synthetic_canals.Barriers] = []
    defects: dict[str, list[int]] = {kind: [] for kind in synthetic_defects.PER_THOUSAND}
    profile = {
        "driver": "GTiff",
        "width": int(np.ceil((x1 - west) / tile)) * _TILE,
        "height": int(np.ceil((north - y0) / tile)) * _TILE,
        "count": 1,
        "dtype": "float32",
        "crs": crs,
        "transform": rasterio.Affine(CELL, 0.0, west, 0.0, -CELL, north),
        "nodata": synthetic_ground.NODATA,
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 3,
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }
    stopped: list[BaseException] = []
    with rasterio.open(folder / "dem.tif", "w+", **profile) as dem:

        def batches() -> Iterator[pa.RecordBatch]:
            row = 0
            try:
                for k, district in enumerate(districts):
                    batch, water, ground, marred = _build(district, (west, north))
                    canals.append(water)
                    _burn(dem, *ground)
                    for kind, some in marred.items():
                        defects[kind] += (row + 1 + some).tolist()
                    row += batch.num_rows
                    yield batch
                    tell("parcels", 0.05 + 0.85 * (k + 1) / len(districts))
            except BaseException as error:  # GDAL, which asks for the batches, would lose it
                stopped.append(error)
                raise

        try:
            pyogrio.write_arrow(
                pa.RecordBatchReader.from_batches(_SCHEMA, batches()),
                folder / "parcels.gpkg",
                layer="parcels",
                driver="GPKG",
                geometry_name="geometry",
                geometry_type="Unknown",
                crs=crs,
            )
        except Exception:
            if stopped:
                raise stopped[0] from None
            raise
    tell("barriers", 0.9)
    frame = gpd.GeoDataFrame(
        {
            "kind": np.concatenate([c.kind for c in canals]),
            "fixed": np.concatenate([c.fixed for c in canals]),
            "width_m": np.concatenate([c.width_m for c in canals]),
        },
        geometry=np.concatenate([c.geometry for c in canals]),
        crs=crs,
    )
    pyogrio.write_dataframe(
        frame,
        folder / "barriers.gpkg",
        layer="barriers",
        driver="GPKG",
        geometry_type="Unknown",
        use_arrow=True,
    )
    return defects


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("parcel_id", "county", "township", "village")),
        *((name, pa.string()) for name in ("irrigation_district", "operator")),
        ("consent", pa.bool_()),
        ("priority", pa.string()),
        ("declared_mu", pa.float64()),
        pa.field("geometry", pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"}),
    ]
)


def _build(
    district: District, origin: tuple[float, float]
) -> tuple[pa.RecordBatch, synthetic_canals.Barriers, tuple[np.ndarray, int, int], dict[str, np.ndarray]]:
    """One district: its rows, its barriers, its ground, and which of its rows are marred."""
    place = district.place
    assert place is not None
    rng = np.random.default_rng(district.seed)
    plan = district.layout(rng)
    sound = polygons(plan, place)
    canals = synthetic_canals.barriers(rng, plan, place)
    # the land rises from the Ussuri in the east to the hills in the west
    land = synthetic_ground.surface(rng, 62 + max(0.0, 620_000 - place.east) / 1600, district.hilliness)
    level = synthetic_ground.levels(rng, plan, land, district.hilliness)
    ground = synthetic_ground.raster(rng, plan, place, land, level, origin, CELL)
    people = synthetic_people.society(
        rng, plan, district.county, district.township, district.villages, district.first_village
    )
    marred = synthetic_defects.mar(rng, plan, place, sound, district.defects)
    # the register follows what is drawn, so that a planted defect is the only one that its row has
    drawn = shapely.area(marred.geometry)
    crossed = marred.rows["bow_tie"]
    drawn[crossed] = shapely.area(shapely.make_valid(marred.geometry[crossed]))
    drawn = np.where(drawn > 0, drawn, shapely.area(sound)[marred.of])
    told = synthetic_people.declared(rng, drawn / MU_M2) * marred.declared_factor

    of, n = pa.array(marred.of), len(marred.of)
    code = people.code[marred.of]
    # rows beside the register's own numbering, which may not hit another row's code by chance
    code[len(sound) :] += 50_000
    code[marred.moved_county] += 70_000
    code = np.where(marred.same_id_as >= 0, code[marred.same_id_as], code)
    county = np.where(marred.moved_county, int(district.far_county), int(district.county))
    code = code % 10**13 + county * 10**13
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array(code).cast(pa.string()),
            pa.array(county).cast(pa.string()),
            people.township.take(of),
            people.village.take(of),
            pa.array([district.name]).take(pa.array(np.zeros(n, dtype=np.int32))),
            people.operator.take(of),
            people.consent.take(of),
            people.priority.take(of),
            pa.array(np.round(told, 4)),
            pa.array(shapely.to_wkb(marred.geometry, flavor="iso"), type=pa.binary()),
        ],
        schema=_SCHEMA,
    )
    return batch, canals, ground, marred.rows


def _burn(dem: Any, heights: np.ndarray, top: int, left: int) -> None:
    """Write a district's heights; where it shares tiles with another, what is there stays."""
    first_row, first_column = max(top, 0) // _TILE * _TILE, max(left, 0) // _TILE * _TILE
    rows = min(-(-(top + heights.shape[0]) // _TILE) * _TILE, dem.height) - first_row
    columns = min(-(-(left + heights.shape[1]) // _TILE) * _TILE, dem.width) - first_column
    window = Window(first_column, first_row, columns, rows)
    there = dem.read(1, window=window)
    cut = heights[max(-top, 0) : rows + first_row - top, max(-left, 0) : columns + first_column - left]
    r, c = max(top, 0) - first_row, max(left, 0) - first_column
    part = there[r : r + cut.shape[0], c : c + cut.shape[1]]
    there[r : r + cut.shape[0], c : c + cut.shape[1]] = np.where(cut == synthetic_ground.NODATA, part, cut)
    dem.write(there, 1, window=window)
