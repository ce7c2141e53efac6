"""Checked parcels on disk: immutable, in parts of one place each, with a manifest that says what they are.

A dataset is a folder: `parcels.parquet` (a file, or a folder of files once there are many), what was left out, the
findings, the barriers, and `manifest.json`. Parcels stand by county, then by irrigation district, both districts
and the parcels of each along a space-filling curve; a part holds one district, several small ones, or a stretch of a
large one. Barriers stand along such a curve, too, so that those near a part are read without the others.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from geo import files
from geo.errors import ChigaiError

MANIFEST = "manifest.json"
PARCELS, BARRIERS, FINDINGS, LEFT_OUT = (
    f"{name}.parquet" for name in ("parcels", "barriers", "findings", "left_out")
)
PART_ROWS = 30_000
"""Parcels of a part, about: what a worker plans at once takes some hundred megabytes."""


GROUP_ROWS = 5_000
"""Rows of a table besides the parcels that are read at once, about."""


@dataclass(frozen=True)
class Part:
    """One file of parcels. counties: parcels by adcode, "" where it is not known; stretch: of which district it is
    a stretch that goes on elsewhere, by number, None: its districts are whole."""

    file: str
    counties: dict[str, int]
    stretch: int | None
    rows: int
    area_mu: float
    bounds: tuple[float, float, float, float]
    sha256: str


def parts_of(parcels: gpd.GeoDataFrame, part_rows: int) -> list[tuple[npt.NDArray[np.int64], int | None]]:
    """The rows of each part, and the number of the district of which it is a stretch, None: its districts are whole.

    parcels: parcel_id, county, irrigation_district, geometry in projected metres.
    """
    county = pd.factorize(parcels.county, sort=True)[0].astype(np.int64)
    name = pd.factorize(parcels.irrigation_district, sort=True)[0]
    district = np.unique(county * (int(name.max(initial=0)) + 2) + name, return_inverse=True)[1]
    curve = parcels.geometry.hilbert_distance(level=16).to_numpy().astype(np.int64)
    # districts beside each other come after each other, so that a part lies together
    middle = np.bincount(district, curve) / np.bincount(district)
    order = np.lexsort((parcels.parcel_id.to_numpy(str), curve, district, middle[district], county))
    new = np.diff(district[order]) != 0
    edges = np.concatenate([[0], np.flatnonzero(new) + 1, [len(order)]])
    found: list[tuple[npt.NDArray[np.int64], int | None]] = []
    small: list[npt.NDArray[np.int64]] = []
    for i, (a, b) in enumerate(itertools.pairwise(edges)):
        if b - a > 2 * part_rows:
            cuts = np.linspace(a, b, -(-(b - a) // part_rows) + 1).astype(int)
            found += [(order[c:d], i) for c, d in itertools.pairwise(cuts)]
            continue
        small.append(order[a:b])
        if sum(map(len, small)) >= part_rows:
            found.append((np.concatenate(small), None))
            small = []
    return found + ([(np.concatenate(small), None)] if small else [])


def write(
    folder: Path,
    parcels: gpd.GeoDataFrame,
    tables: dict[str, gpd.GeoDataFrame | None],
    told: dict[str, Any],
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Write a dataset beside `folder` and rename it into place; returns its manifest.

    tables: further tables by file name, None: not there. told: what the manifest says besides. progress is given
    0..1 and may raise to stop: nothing is left then. What was at `folder` before goes once the new one is whole.
    """
    tell = progress or (lambda fraction: None)
    folder = Path(folder)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    beside.mkdir(parents=True)
    try:
        found = parts_of(parcels, PART_ROWS)
        written = []
        for i, (rows, stretch) in enumerate(found):
            tell(i / len(found))
            file = PARCELS if len(found) == 1 else f"{PARCELS}/part-{i:05d}.parquet"
            path = beside / file
            path.parent.mkdir(exist_ok=True)
            some = parcels.iloc[rows].reset_index(drop=True)
            files.write_geo(some, path)
            written.append(
                Part(
                    file,
                    {str(k): int(n) for k, n in some.county.fillna("").value_counts(sort=False).items()},
                    stretch,
                    len(some),
                    float(some.area_mu.sum()),
                    tuple(float(v) for v in some.total_bounds),  # type: ignore[arg-type]
                    hashlib.sha256(path.read_bytes()).hexdigest(),
                )
            )
        for name, table in tables.items():
            if table is not None:
                files.write_geo(_along(table) if name == BARRIERS else table, beside / name, GROUP_ROWS)
        manifest = {**told, "parts": [asdict(p) for p in written]}
        (beside / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
        files.flush_all(beside)
        files.put_in_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    tell(1.0)
    return manifest


def _along(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The rows along a space-filling curve, those of one place in the order that they have."""
    if table.geometry.is_empty.any() or table.geometry.isna().any():
        return table
    order = np.argsort(table.geometry.hilbert_distance(level=16).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def is_dataset(folder: Path) -> bool:
    """Whether a folder of checked parcels lies here."""
    return (Path(folder) / MANIFEST).is_file() and (Path(folder) / PARCELS).exists()


def manifest(folder: Path) -> dict[str, Any]:
    """What a dataset says of itself. Raises ChigaiError where there is none, or one of an older version."""
    try:
        found = json.loads((Path(folder) / MANIFEST).read_text("utf-8"))
        found["parts"][0]["rows"]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ChigaiError(
            "这里没有可用的已检查数据。",
            "There are no checked parcels here that can be used.",
            do_zh="请重新检查：chigai import。",
            do_en="check the data again: chigai import.",
            file=folder,
        ) from error
    return found


def parts(found: dict[str, Any]) -> list[Part]:
    """The parts that a manifest names."""
    return [Part(**{**p, "bounds": tuple(p["bounds"])}) for p in found["parts"]]


def read_part(folder: Path, part: Part, rows: npt.NDArray[np.int64] | None = None) -> gpd.GeoDataFrame:
    """The parcels of a part, or some rows of it."""
    frame = gpd.read_parquet(Path(folder) / part.file)
    return frame if rows is None else frame.iloc[rows].reset_index(drop=True)


def near(
    folder: Path, name: str, bounds: tuple[float, float, float, float], margin_m: float
) -> gpd.GeoDataFrame | None:
    """Rows of a table whose boxes come within `margin_m` of a box; None where the dataset has no such table."""
    path = Path(folder) / name
    if not path.exists():
        return None
    x0, y0, x1, y1 = bounds
    box = (x0 - margin_m, y0 - margin_m, x1 + margin_m, y1 + margin_m)
    return gpd.read_parquet(path, bbox=box).reset_index(drop=True)


def findings(folder: Path) -> gpd.GeoDataFrame:
    """What reading and checking found."""
    return gpd.read_parquet(Path(folder) / FINDINGS)


def move(folder: Path, place: Path) -> None:
    """Move a dataset to where it is kept; one that somebody else put there in the meantime is as good."""
    try:
        folder.rename(place)
    except OSError:
        if not is_dataset(place):
            beside = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.part")
            shutil.copytree(folder, beside)
            files.put_in_place(beside, place)
        shutil.rmtree(folder, ignore_errors=True)
