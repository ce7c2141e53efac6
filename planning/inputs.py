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
    """What to plan: the parcels' file, what may lie with it, and the rules. overrides: {parameter: value}; told: what
    plan.json says besides."""

    source: Source
    barriers: Path | None = None
    dem: Path | None = None
    programme: str = "jixi-2020-8"
    overrides: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1
    effort: Effort = Effort.normal
    told: Mapping[str, Any] = field(default_factory=dict)


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
    places: Mapping[str, Mapping[str, float]], programme: Programme, file: Path
) -> list[Finding]:
    """What is told of parcels beyond the programme's counties: they are left out. None within: ChigaiError.

    places: parcels and area_mu by adcode, "" where the county is not known.
    """
    names = {u.adcode for u in programme.units}
    strange = {code: of for code, of in places.items() if code not in names}
    if len(strange) == len(places):
        codes = sorted(code for code in strange if code)
        listed = "、".join(f"{u.adcode} {u.name_zh}" for u in programme.units)
        raise ChigaiError(
            f"没有一个地块属于本方案的县区{f'（数据中为 {codes[:5]}）' if codes else '（数据未写县区，位置也不在县界内）'}。",
            f"No parcel belongs to a county of this programme"
            f"{f' (the data say {codes[:5]})' if codes else ' (the data name none, and they lie in none)'}.",
            do_zh=f"用 --county 指定县区代码：{listed}。",
            do_en=f"name the county with --county: {', '.join(f'{u.adcode} {u.name_en}' for u in programme.units)}.",
            file=file,
        )
    return [
        Finding(
            kind="county_unknown",
            severity="error",
            action="left_out",
            zh=f"{of['parcels']} 个地块的县区{f' {code} 不在本方案内' if code else '未知'}，未参加规划",
            en=f"{of['parcels']} parcels of {f'county {code}, not in this programme' if code else 'no known county'}: not planned",
            area_mu=float(of["area_mu"]),
        )
        for code, of in sorted(strange.items())
    ]


def together(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Two tables of findings as one, the first on top."""
    if len(first) == 0:
        return second
    both = pd.concat([first, second[list(schemas.FINDING_COLUMNS)]], ignore_index=True)
    return gpd.GeoDataFrame(both, geometry="geometry", crs=second.crs)


def name_of(request: Request, manifest: Mapping[str, Any]) -> str:
    """What the paddies go by in a list of plans: DEMO for the demo region of CHIGAI_HOME, else the file's name.

    manifest: of the dataset that was made of them, which is what the request names or comes of it.
    """
    path = request.source.path
    if path.resolve().parent == (plans.home() / DEMO).resolve():
        return DEMO
    return str(manifest.get("name") or manifest["inputs"][0]["name"])


def told_of(role: str, path: Path, checksum: str | None = None, rows: int | None = None) -> dict[str, Any]:
    """What plan.json says of a file that a run started from."""
    return {"role": role, "name": path.name, "sha256": checksum or sha256_of(path), "rows": rows}


def sha256_of(path: Path) -> str:
    """Checksum of a file, or of all files of a folder."""
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as handle:
                while chunk := handle.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()
