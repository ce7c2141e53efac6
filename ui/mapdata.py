"""What the map shows of a plan or an upload: its tables as layers, read once and kept for the last few."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geo import boundaries, gcj02, plans, tiles
from geo.errors import ChigaiError
from geo.export import public

KEPT = 3
"""Plans and uploads held in memory at once."""

_ID = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$")
_SEVERITY_RANK = {"error": 3.0, "warning": 2.0, "info": 1.0}
BLOCK_COLUMNS = [
    "row",
    "block_id",
    "county",
    "irrigation_district",
    "site_id",
    "field_unit",
    "state",
    "area_mu",
    "n_parcels",
    "n_operators",
    "step_m",
    "cut_m3",
    "cost_yuan",
    "gained_mu",
    "has_inlet",
    "has_outlet",
    "has_access",
]
PARCEL_COLUMNS = ["parcel_id", "county", "field_unit", "block_id", "area_mu", "elevation_m", "reason", "size"]
"""Told of a parcel. Never the operator, nor what the file declared."""
PARCEL_SOURCE = ["parcel_id", "county", "field_unit", "block_id", "area_mu", "elevation_m", "reason"]
"""Read of a parcel to tell that."""
IN_MEMORY = 400_000
"""Parcels that are held whole; of a larger table only what is asked for is read."""


class AbsentError(ChigaiError):
    """There is no plan or upload of that id."""


def known_id(value: str) -> bool:
    """True where `value` may name a plan or an upload: no path, no hidden folder."""
    return bool(_ID.match(value)) and ".." not in value


@dataclass
class PlanMap:
    """A plan folder as layers, each read when first asked for. shift: into the basemap's datum, or None."""

    folder: Path
    meta: dict[str, Any]
    shift: tiles.Shift | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def _read(self, name: str, columns: list[str] | None = None) -> gpd.GeoDataFrame:
        return _parquet(self.folder / f"{name}.parquet", columns=columns)

    @cached_property
    def counties(self) -> dict[str, dict[str, Any]]:
        """The counties of plan.json by adcode."""
        return {str(c["county"]): c for c in self.meta.get("counties", [])}

    @cached_property
    def _sites(self) -> gpd.GeoDataFrame:
        return self._read("sites")

    @cached_property
    def blocks(self) -> tiles.Layer:
        """Blocks with their state: site, site_small, spare (in no site) or below (its own minimum)."""
        with self._lock:
            frame = public.with_sides(self._read("blocks"))
            good = set(self._sites.loc[self._sites["meets_minimum"], "site_id"])
            meets = frame["meets_minimum"].to_numpy(bool)
            frame["state"] = np.select(
                [~meets, frame["site_id"].isin(good), frame["site_id"].notna()],
                ["below", "site", "site_small"],
                "spare",
            )
            frame["row"] = np.arange(len(frame))
            frame["step_m"] = (frame["elevation_max_m"] - frame["elevation_min_m"]).round(3)
            frame = _rounded(frame, {"area_mu": 3, "cut_m3": 1, "cost_yuan": 0, "gained_mu": 3})
            return tiles.layer(frame, BLOCK_COLUMNS, size="area_mu", shift=self.shift)

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

    @cached_property
    def _in_memory(self) -> bool:
        return pq.read_metadata(self.folder / "parcels.parquet").num_rows <= IN_MEMORY

    @cached_property
    def _all_parcels(self) -> tiles.Layer:
        with self._lock:
            return self._parcel_layer(self._read("parcels", columns=[*PARCEL_SOURCE, "geometry"]))

    def _parcel_layer(self, frame: gpd.GeoDataFrame) -> tiles.Layer:
        minimum = frame["county"].map({code: c.get("block_minimum_mu") for code, c in self.counties.items()})
        large = frame["area_mu"] >= pd.to_numeric(minimum, errors="coerce").fillna(0.0)
        frame["size"] = np.where(large, "large", "small")
        frame = _rounded(frame, {"area_mu": 3, "elevation_m": 2})
        return tiles.layer(frame, PARCEL_COLUMNS, size="area_mu", shift=self.shift)

    def parcels(self, *, box: tiles.Box | None = None, unit: int | None = None) -> tiles.Layer:
        """Parcels as they are, at least those that meet the box (degrees, the map's datum) or lie in the unit.

        A table too large to hold is asked for these rows alone.
        """
        if self._in_memory:
            return self._all_parcels
        filters = None if unit is None else [("field_unit", "==", unit)]
        path = self.folder / "parcels.parquet"
        ground = None
        if box is not None:
            # GCJ-02 lies up to 700 m off: the exact question is asked again of what was read
            ground = tiles.box_on_ground(box, tiles.stored_crs(path), wider=0.01 if self.shift else 0.0)
        frame = _parquet(path, columns=[*PARCEL_SOURCE, "geometry"], bbox=ground, filters=filters)
        return self._parcel_layer(frame)

    @cached_property
    def barriers(self) -> tiles.Layer | None:
        """Canals, roads and the like; None where the plan had none."""
        with self._lock:
            if not (self.folder / "barriers.parquet").exists():
                return None
            frame = self._read("barriers")
            return tiles.layer(
                frame, ["kind", "fixed"], size=frame.geometry.length.to_numpy(), shift=self.shift
            )

    @cached_property
    def footprint(self) -> bytes:
        """Where the plan's paddies lie, coarsely, as one GeoJSON Feature."""
        return tiles.footprint([self.blocks] if len(self.blocks.geoms) else [self._all_parcels])

    @cached_property
    def extents(self) -> dict[str, tiles.Box]:
        """West, south, east, north of the blocks of each county."""
        return _extents(self.blocks)

    @cached_property
    def close_ups(self) -> list[tuple[str, list[float]]]:
        """County and where in it the joining is seen best: latitude and longitude of a block amid its largest
        site that meets its minimum, else amid its largest site or its blocks. The best of all comes first."""
        table = self.blocks.table
        frame = pd.DataFrame({name: table[name] for name in ("county", "area_mu")})
        frame["site"] = table["site_id"].fillna("")
        frame["rank"] = table["state"].map({"below": 0, "spare": 0, "site_small": 1, "site": 2})
        frame["x"] = self.blocks.bounds[:, [0, 2]].mean(axis=1)
        frame["y"] = self.blocks.bounds[:, [1, 3]].mean(axis=1)
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
        return self.blocks.extent or self._all_parcels.extent

    @cached_property
    def at_home(self) -> bool:
        """True where a county of the plan has an outline that its paddies touch: not for data from elsewhere."""
        mine = self.outlines[self.outlines["adcode"].isin(list(self.counties))]
        box = self.extent
        return bool(box and len(mine) and mine.intersects(shapely.box(*box)).any())


@dataclass
class UploadMap:
    """A checked upload as layers: its findings, worst first, over its parcels."""

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
    def extent(self) -> tiles.Box | None:
        """West, south, east, north of parcels and findings; None where there are none."""
        return tiles.around([self.parcels, self.findings])

    @cached_property
    def parcels(self) -> tiles.Layer:
        """The parcels that the check kept."""
        with self._lock:
            frame = _parquet(self.folder / "parcels.parquet", columns=["parcel_id", "area_mu", "geometry"])
            frame = _rounded(frame, {"area_mu": 3})
            return tiles.layer(frame, ["parcel_id", "area_mu"], size="area_mu", shift=self.shift)

    @cached_property
    def footprint(self) -> bytes:
        """Where the parcels lie, coarsely, as one GeoJSON Feature."""
        return tiles.footprint([self.parcels, self.findings])


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


def _extents(layer: tiles.Layer) -> dict[str, tiles.Box]:
    frame = pd.DataFrame(layer.bounds, columns=["w", "s", "e", "n"])
    frame["county"] = layer.table["county"].to_numpy()
    found = frame.groupby("county").agg({"w": "min", "s": "min", "e": "max", "n": "max"})
    corners = found.to_numpy(np.float64).tolist()
    return {str(code): (w, s, e, n) for code, (w, s, e, n) in zip(found.index, corners, strict=True)}


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
    return _keep(key, lambda: PlanMap(folder, plans.read_meta(folder), _shift(shifted)))


def upload(upload_id: str, shifted: bool) -> UploadMap:
    """The checked upload of that id. Raises AbsentError where there is none."""
    folder = plans.home() / "parcels" / upload_id
    if not known_id(upload_id) or not all(
        (folder / name).is_file() for name in ("findings.parquet", "parcels.parquet")
    ):
        raise _absent("上传数据", "upload")
    newest = max((folder / name).stat().st_mtime for name in ("findings.parquet", "parcels.parquet"))
    return _keep((str(folder), "upload", newest, shifted), lambda: UploadMap(folder, _shift(shifted)))


def version(data: PlanMap | UploadMap) -> str:
    """A mark that changes when the data on disk do."""
    names = (plans.MANIFEST,) if isinstance(data, PlanMap) else ("findings.parquet", "parcels.parquet")
    return f"{max((data.folder / name).stat().st_mtime_ns for name in names):x}"


def _shift(shifted: bool) -> tiles.Shift | None:
    return gcj02.wgs84_to_gcj02 if shifted else None


def _absent(zh: str, en: str) -> AbsentError:
    return AbsentError(f"没有这个{zh}。", f"There is no such {en}.")


def _parquet(path: Path, **asked: Any) -> gpd.GeoDataFrame:
    """A GeoParquet table, or what is asked of it. Raises ChigaiError where it cannot be read."""
    try:
        return gpd.read_parquet(path, **asked)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ChigaiError(
            "数据文件已损坏，无法画图。",
            "The data are damaged and cannot be drawn.",
            do_zh="请重新运行方案或重新上传。",
            do_en="run the plan again, or upload again.",
            file=path,
        ) from error
