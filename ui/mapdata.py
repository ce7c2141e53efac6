"""What the map shows of a plan or an upload: its tables as layers, read once and kept for the last few."""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geo import boundaries, gcj02, plans, tiles
from geo.errors import AbsentError
from geo.plan_rows import Rows
from geo.tiling.archive import Archive
from geo.tiling.cutting import Cutter
from geo.tiling.grid import Ground, Tile
from planning.places import places
from tracking import tilesets

KEPT = 3
"""Plans and uploads held in memory at once."""
KEPT_ANSWERS = 256
"""Answers held of a plan: colours of parcels (64 kB each), and tiles as long as they are not made (some 10 kB)."""
LOOK_AGAIN_S = 2.0
"""Time after which it is looked again whether tiles were made."""

_ID = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$")
_SEVERITY_RANK = {"error": 3.0, "warning": 2.0, "info": 1.0}


def known_id(value: str) -> bool:
    """True where `value` may name a plan or an upload: no path, no hidden folder."""
    return bool(_ID.match(value)) and ".." not in value


@dataclass
class PlanMap:
    """A plan folder as the map has it: what is short is held, shapes stay on the disk.

    shift: into the basemap's datum, or None.
    """

    folder: Path
    meta: dict[str, Any]
    shift: tiles.Shift | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _archive: Archive | None = None
    _looked: float = -LOOK_AGAIN_S
    _answers: OrderedDict[Hashable, bytes] = field(default_factory=OrderedDict, repr=False)
    _places: gpd.GeoDataFrame | None = None

    @cached_property
    def counties(self) -> dict[str, dict[str, Any]]:
        """The counties of plan.json by adcode."""
        return {str(c["county"]): c for c in self.meta.get("counties", [])}

    @cached_property
    def cutter(self) -> Cutter:
        """The plan's tables by row, and tiles cut from them."""
        with self._lock:
            return Cutter(self.folder, self.shift)

    @property
    def archive(self) -> Archive | None:
        """The plan's tiles, once a job has made them."""
        with self._lock:
            now = time.monotonic()
            if self._archive is None and now - self._looked > LOOK_AGAIN_S:
                self._looked = now
                path = tilesets.place(self.folder.parents[1], self.folder.name, self.shift is not None)
                if tilesets.ready(path):
                    self._archive = Archive(path / tilesets.TILES)
            return self._archive

    def tile(self, tile: Tile) -> bytes:
        """A tile, gzipped: looked up where tiles are made already, cut otherwise; of nothing, where it is empty."""
        if (made := self.archive) is not None:
            return made.tile(tile) or b""

        def cut() -> bytes:
            data = self.cutter.tile(tile)
            return gzip.compress(data, 4, mtime=0) if data else b""

        return self.keep(tile, cut)

    def keep(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """What was made for this key, as long as it is among the last few."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = make()
        with self._lock:
            self._answers[key] = made
            while len(self._answers) > KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return made

    @property
    def places(self) -> gpd.GeoDataFrame | None:
        """As planning.places; None as long as the job that sums them up for a large plan is not done."""
        with self._lock:
            if self._places is None:
                path = tilesets.place(self.folder.parents[1], self.folder.name, self.shift is not None)
                if tilesets.ready(path):
                    self._places = _parquet(path / tilesets.PLACES)
                elif self.cutter.parcels.count <= tilesets.SMALL:
                    self._places = places(self.folder)
            return self._places

    @cached_property
    def _sites(self) -> gpd.GeoDataFrame:
        found = plans.read_part(self.folder, "sites")
        if found is None:
            raise plans.damaged(self.folder, FileNotFoundError("sites.parquet"))
        return found

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """block_id, county, site_id, area_mu of each block in the order of its table, and its state: site,
        site_small, spare (in no site) or below (its own minimum)."""
        with self._lock:
            told = self.cutter.blocks.table(["block_id", "county", "site_id", "area_mu", "meets_minimum"])
            frame = told.drop(["meets_minimum"]).to_pandas(types_mapper=_short)
            good = set(self._sites.loc[self._sites["meets_minimum"], "site_id"])
            in_site = frame["site_id"].isin(good)
            states = np.select(
                [~told["meets_minimum"].to_numpy(), in_site, frame["site_id"].notna()],
                ["below", "site", "site_small"],
                "spare",
            )
            frame["state"] = pd.Categorical(states, ["site", "site_small", "spare", "below"])
            return frame

    def block_row(self, block_id: str) -> int | None:
        """The row of the block of that id."""
        found = np.flatnonzero((self.blocks["block_id"] == block_id).to_numpy(bool, na_value=False))
        return int(found[0]) if len(found) else None

    @cached_property
    def sites(self) -> tiles.Layer:
        """Sites as one point each, inside the site."""
        with self._lock:
            frame = _rounded(self._sites, {"area_mu": 1, "cost_yuan": 0})
            frame["state"] = np.where(frame["meets_minimum"].to_numpy(bool), "site", "site_small")
            frame["geometry"] = frame.geometry.representative_point()
            frame["row"] = np.arange(len(frame))
            columns = [
                "row",
                "site_id",
                "county",
                "irrigation_district",
                "area_mu",
                "n_blocks",
                "cost_yuan",
                "state",
            ]
            return tiles.layer(frame, columns, size="area_mu", shift=self.shift)

    def minimum_mu(self, county: pd.Series) -> NDArray[np.float64]:
        """The least area of a block in each of these counties, mu; 0 where the plan names none."""
        known = {code: c.get("block_minimum_mu") or 0.0 for code, c in self.counties.items()}
        return county.astype(str).map(known).fillna(0.0).to_numpy(np.float64)

    @cached_property
    def _middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Of the blocks (of the parcels, where nothing is joined): boxes in metres, middles' longitude and latitude."""
        rows = self.cutter.blocks if self.cutter.blocks.count else self.cutter.parcels
        boxes = rows.extents()
        lon, lat = self.cutter.ground.degrees((boxes[:, :2] + boxes[:, 2:]) / 2)
        return boxes, lon, lat

    @cached_property
    def footprint(self) -> bytes:
        """Where the plan's paddies lie, coarsely, as one GeoJSON Feature."""
        with self._lock:
            return tiles.footprint(*self._middles[1:])

    @cached_property
    def extents(self) -> dict[str, tiles.Box]:
        """West, south, east, north of the blocks of each county."""
        with self._lock:
            boxes = self._middles[0]
            of, codes = pd.factorize(self.blocks["county"], sort=True)
            return {str(code): self.cutter.ground.around(boxes[of == i]) for i, code in enumerate(codes)}

    @cached_property
    def close_ups(self) -> list[tuple[str, list[float]]]:
        """County and where in it the joining is seen best: latitude and longitude of a block amid its largest
        site that meets its minimum, else amid its largest site or its blocks. The best of all comes first."""
        if not len(self.blocks):
            return []
        frame = self.blocks[["county", "area_mu"]].assign(
            site=self.blocks["site_id"].astype(object).fillna(""),
            rank=self.blocks["state"].astype(str).map({"below": 0, "spare": 0, "site_small": 1, "site": 2}),
            x=self._middles[1],
            y=self._middles[2],
        )
        frame["county"] = frame["county"].astype(str)
        groups = frame.groupby(["county", "site"])
        sites = groups.agg(
            rank=("rank", "max"), area=("area_mu", "sum"), x=("x", "median"), y=("y", "median")
        )
        best = sites.sort_values(["rank", "area"], ascending=False, kind="stable").reset_index()
        x, y = frame["x"].to_numpy(np.float64), frame["y"].to_numpy(np.float64)
        found = []
        for site in best.drop_duplicates("county").to_dict("records"):
            rows = groups.indices[site["county"], site["site"]]
            # the middle of a site may lie between its field units: a block of it lies in none
            off = np.hypot((x[rows] - site["x"]) * np.cos(np.radians(site["y"])), y[rows] - site["y"])
            block = rows[int(off.argmin())]
            found.append((str(site["county"]), [float(y[block]), float(x[block])]))
        return found

    @cached_property
    def outlines(self) -> gpd.GeoDataFrame:
        """Every county of the region, in the map's datum."""
        return outlines(self.shift)

    @cached_property
    def extent(self) -> tiles.Box | None:
        """West, south, east, north of the paddies; None where there are none."""
        boxes = self._middles[0]
        return self.cutter.ground.around(boxes) if len(boxes) else None

    @cached_property
    def at_home(self) -> bool:
        """True where a county of the plan has an outline that its paddies touch: not for data from elsewhere."""
        mine = self.outlines[self.outlines["adcode"].isin(list(self.counties))]
        box = self.extent
        return bool(box and len(mine) and mine.intersects(shapely.box(*box)).any())


def _short(kind: pa.DataType) -> Any:
    """Text that repeats as categories, ids as Arrow's own text: what a city has of both is held in few bytes."""
    return pd.ArrowDtype(kind) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


@dataclass
class UploadMap:
    """A checked upload as the map has it: its findings, worst first, over its parcels, which stay on the disk."""

    folder: Path
    shift: tiles.Shift | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @cached_property
    def findings(self) -> tiles.Layer:
        """Findings that have a place, worst first, then largest."""
        with self._lock:
            frame = _parquet(self.folder / "findings.parquet")
            frame = _rounded(frame, {"area_mu": 3})
            rank = frame["severity"].map(_SEVERITY_RANK).fillna(0.0).to_numpy(np.float64)
            area = frame["area_mu"].fillna(0.0).to_numpy(np.float64)
            columns = ["kind", "severity", "action", "row", "parcel_id", "area_mu", "zh", "en"]
            return tiles.layer(frame, columns, size=rank + area / (area.max(initial=0) + 1), shift=self.shift)

    @cached_property
    def finding_points(self) -> tiles.Layer:
        """The same findings as one point each, for a view from afar."""
        with self._lock:
            every = self.findings
            return tiles.Layer(every.table, tiles.inner_points(every.geoms), every.size)

    @cached_property
    def _parcels(self) -> Rows:
        return Rows(self.folder, "parcels")

    @cached_property
    def _ground(self) -> Ground:
        return Ground(self._parcels.crs, self.shift)

    def parcels(self, box: tiles.Box, limit: int) -> tuple[tiles.Layer, int]:
        """The parcels that the check kept, near a box of degrees: at most `limit`, the largest; and how many there are."""
        rows = self._parcels.in_box(self._ground.box_around(box))
        told = self._parcels.take(rows, ["parcel_id", "area_mu"]).to_pandas()
        many = len(rows)
        if many > limit:
            largest = np.sort(np.argsort(-told["area_mu"].to_numpy(), kind="stable")[:limit])
            rows, told = rows[largest], told.iloc[largest]
        frame = gpd.GeoDataFrame(told, geometry=self._parcels.shapes(rows), crs=self._parcels.crs)
        return tiles.layer(
            _rounded(frame, {"area_mu": 3}), ["parcel_id", "area_mu"], size="area_mu", shift=self.shift
        ), many

    @cached_property
    def _middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        boxes = self._parcels.extents()
        return self._ground.degrees((boxes[:, :2] + boxes[:, 2:]) / 2)

    @cached_property
    def extent(self) -> tiles.Box | None:
        """West, south, east, north of parcels and findings; None where there are none."""
        boxes = self._parcels.extents()
        own = [self._ground.around(boxes)] if len(boxes) else []
        return tiles.around([*own, *filter(None, [self.findings.extent])])

    @cached_property
    def footprint(self) -> bytes:
        """Where the parcels lie, coarsely, as one GeoJSON Feature."""
        x, y = tiles.middles([self.findings])
        return tiles.footprint(np.r_[self._middles[0], x], np.r_[self._middles[1], y])


def outlines(shift: tiles.Shift | None) -> gpd.GeoDataFrame:
    """Every county of the region (adcode, name_zh, name_en, geometry) in the map's datum."""
    frame = boundaries.load().copy()
    frame["geometry"] = tiles.lonlat(np.asarray(frame.geometry.array, object), frame.crs, shift)
    return frame


def _rounded(frame: gpd.GeoDataFrame, places: dict[str, int]) -> gpd.GeoDataFrame:
    frame = frame.copy()
    for column, decimals in places.items():
        frame[column] = pd.to_numeric(frame[column], errors="coerce").round(decimals)
    return frame


_T = TypeVar("_T", PlanMap, UploadMap)
_kept: OrderedDict[tuple[str, str, float, bool], PlanMap | UploadMap] = OrderedDict()
_kept_lock = threading.Lock()


def _keep(key: tuple[str, str, float, bool], make: Callable[[], _T]) -> _T:
    with _kept_lock:
        if key not in _kept:
            _kept[key] = make()
        _kept.move_to_end(key)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
        return _kept[key]  # type: ignore[return-value]


def plan(plan_id: str, shifted: bool) -> PlanMap:
    """The plan of that id. shifted: moved into GCJ-02. Raises AbsentError where there is none."""
    folder = plans.home() / "plans" / plan_id
    manifest = folder / plans.MANIFEST
    if not known_id(plan_id) or not manifest.is_file():
        raise _absent("方案", "plan")
    key = (str(folder), "plan", manifest.stat().st_mtime, shifted)
    return _keep(key, lambda: PlanMap(folder, plans.read_meta(folder), shift(shifted)))


def upload(upload_id: str, shifted: bool) -> UploadMap:
    """The checked upload of that id. Raises AbsentError where there is none."""
    folder = plans.home() / "parcels" / upload_id
    if not known_id(upload_id) or not all(
        (folder / name).exists() for name in ("findings.parquet", "parcels.parquet")
    ):
        raise _absent("上传数据", "upload")
    newest = max((folder / name).stat().st_mtime for name in ("findings.parquet", "parcels.parquet"))
    return _keep((str(folder), "upload", newest, shifted), lambda: UploadMap(folder, shift(shifted)))


def version(data: PlanMap | UploadMap) -> str:
    """A mark that changes when the data on disk do."""
    names = (plans.MANIFEST,) if isinstance(data, PlanMap) else ("findings.parquet", "parcels.parquet")
    return f"{max((data.folder / name).stat().st_mtime_ns for name in names):x}"


def shift(shifted: bool) -> tiles.Shift | None:
    return gcj02.wgs84_to_gcj02 if shifted else None


def _absent(zh: str, en: str) -> AbsentError:
    return AbsentError(f"没有这个{zh}。", f"There is no such {en}.")


def _parquet(path: Path, **asked: Any) -> gpd.GeoDataFrame:
    """A GeoParquet table, or what is asked of it. Raises ChigaiError where it cannot be read."""
    try:
        return gpd.read_parquet(path, **asked)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise plans.IncompleteError(
            "数据文件缺失或已损坏，无法画图。",
            "The data are missing or damaged and cannot be drawn.",
            do_zh="请重新运行方案或重新上传。",
            do_en="run the plan again, or upload again.",
            file=path,
        ) from error
