"""What a run starts from: its request, the barriers, the parcels of the programme's counties, checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geo import boundaries, checking, plans, reading, schemas
from geo.checking import Checked
from geo.errors import ChigaiError
from geo.reading import Loaded, Source
from geo.schemas import Finding
from planning.effort import Effort
from planning.programme import Programme

DEMO = "demo"
"""The demo region: its folder below CHIGAI_HOME, and its name in plan.json."""


@dataclass(frozen=True)
class Request:
    """What to plan: the parcels' file, what may lie with it, and the rules. overrides: {parameter: value}."""

    source: Source
    barriers: Path | None = None
    dem: Path | None = None
    programme: str = "jixi-2020-8"
    overrides: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1
    effort: Effort = Effort.normal


def read_and_check(
    request: Request, progress: Callable[[str, float], None] | None = None
) -> tuple[Loaded, gpd.GeoDataFrame | None, Checked]:
    """The parcels as read, the barriers (their own file's and those given with them), and the parcels checked.

    The findings of the barriers are among those of the check. progress(stage, fraction of that stage): the
    stages are read and check; what it raises stops the work.
    """
    tell = progress or (lambda stage, fraction: None)
    tell("read", 0.0)
    loaded = reading.read(request.source, lambda fraction: tell("read", 0.95 * fraction))
    frames = [] if loaded.barriers is None else [loaded.barriers]
    if request.barriers is not None:
        given, found = reading.read_barriers(Source(request.barriers), loaded.crs)
        frames.append(given)
        loaded = replace(loaded, findings=[*loaded.findings, *found])
    barriers = None
    if frames:
        columns = [c for c in schemas.BARRIERS.columns if any(c in f for f in frames)]
        table = pd.concat([f.reindex(columns=columns) for f in frames], ignore_index=True)
        barriers = gpd.GeoDataFrame(table, geometry="geometry", crs=loaded.crs)
    tell("check", 0.0)
    checked = checking.check(
        loaded,
        dem=request.dem,
        counties=boundaries.load(),
        barriers=barriers,
        progress=lambda fraction: tell("check", fraction),
    )
    return loaded, barriers, checked


def known_counties(
    parcels: gpd.GeoDataFrame, programme: Programme, file: Path
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Parcels of the programme's counties; the others are left out and told. None left: ChigaiError."""
    names = {u.adcode for u in programme.units}
    known = parcels.county.isin(names).to_numpy()
    if known.all():
        return parcels, []
    strange = parcels[~known]
    codes = sorted({str(c) for c in strange.county.dropna()})
    if not known.any():
        listed = "、".join(f"{u.adcode} {u.name_zh}" for u in programme.units)
        raise ChigaiError(
            f"没有一个地块属于本方案的县区{f'（数据中为 {codes[:5]}）' if codes else '（数据未写县区，位置也不在县界内）'}。",
            f"No parcel belongs to a county of this programme"
            f"{f' (the data say {codes[:5]})' if codes else ' (the data name none, and they lie in none)'}.",
            do_zh=f"用 --county 指定县区代码：{listed}。",
            do_en=f"name the county with --county: {', '.join(f'{u.adcode} {u.name_en}' for u in programme.units)}.",
            file=file,
        )
    sums = (
        strange.assign(county=strange.county.astype(object).fillna(""))
        .groupby("county")
        .area_mu.agg(["sum", "size"])
    )
    told = [
        Finding(
            kind="county_unknown",
            severity="error",
            action="left_out",
            zh=f"{size} 个地块的县区{f' {code} 不在本方案内' if code else '未知'}，未参加规划",
            en=f"{size} parcels of {f'county {code}, not in this programme' if code else 'no known county'}: not planned",
            area_mu=float(area),
        )
        for code, area, size in sums.itertuples()
    ]
    return parcels[known].reset_index(drop=True), told


def together(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Two tables of findings as one, the first on top."""
    if len(first) == 0:
        return second
    both = pd.concat([first, second[list(schemas.FINDING_COLUMNS)]], ignore_index=True)
    return gpd.GeoDataFrame(both, geometry="geometry", crs=second.crs)


def name_of(request: Request) -> str:
    """What the paddies go by in a list of plans: DEMO for the demo region of CHIGAI_HOME, else the file's name."""
    path = request.source.path
    return DEMO if path.resolve().parent == (plans.home() / DEMO).resolve() else path.name


def inputs_of(request: Request, rows: int, checksum: str) -> list[dict[str, Any]]:
    """What plan.json says of the files; rows, checksum: of the parcels' file as read."""
    inputs = [
        {
            "role": "parcels",
            "name": request.source.path.name,
            "sha256": checksum,
            "rows": rows,
        }
    ]
    for role, path in (("barriers", request.barriers), ("dem", request.dem)):
        if path is not None:
            inputs.append({"role": role, "name": path.name, "sha256": _sha256(path), "rows": None})
    return inputs


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as handle:
                while chunk := handle.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()
