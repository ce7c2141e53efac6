"""The plan folder: what a run of the planner leaves on disk, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa

from geo import files, frozen, schemas
from geo.errors import ChigaiError

TABLES = ("parcels", "blocks", "sites", "findings")
MANIFEST = "plan.json"


@dataclass
class Plan:
    """One run of the planner: its tables (DESIGN §4), in projected metres, and what plan.json says of it.

    more: further tables without geometry by name, each written as <name>.parquet (units, hauls, frontier …);
    `read` leaves them on disk, `read_more` fetches one.
    """

    parcels: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    sites: gpd.GeoDataFrame
    shares: pd.DataFrame
    findings: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    more: dict[str, pd.DataFrame] = field(default_factory=dict)


def home() -> Path:
    """The folder of everything that runs make: CHIGAI_HOME, or var/ beside the code."""
    named = os.environ.get("CHIGAI_HOME")
    return Path(named).expanduser() if named else Path(__file__).resolve().parents[1] / "var"


def find(root: Path | None = None) -> list[Path]:
    """The plan folders under `root`/plans, newest first by the time that they say they were made."""
    folder = (root or home()) / "plans"
    found = [
        (_manifest(p).get("created", ""), p.name, p) for p in folder.glob("*") if (p / MANIFEST).is_file()
    ]
    return [p for _, _, p in sorted(found, reverse=True)]


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def read_meta(folder: Path) -> dict[str, Any]:
    """plan.json of a plan folder. Raises ChigaiError where there is none."""
    meta = _manifest(folder)
    if not meta:
        raise ChigaiError(
            "这里没有方案：找不到可读的 plan.json。",
            "There is no plan here: no readable plan.json.",
            do_zh="请给出 chigai plan --out 写出的文件夹。",
            do_en="name a folder that chigai plan --out wrote.",
            file=folder,
        )
    return meta


def title(meta: Mapping[str, Any]) -> str:
    """What a plan is called (its plan.json), or else the name of the data that it is made from."""
    inputs = [i["name"] for i in meta.get("inputs", []) if i.get("role") == "parcels"]
    return str(meta.get("title") or meta.get("name") or next(iter(inputs), ""))


def table_files(folder: Path, name: str) -> list[Path]:
    """The files of a table in the order of its rows: one, or the parts of a folder of that name; none, no table."""
    path = Path(folder) / f"{name}.parquet"
    if path.is_dir():
        return sorted(part for part in path.rglob("*.parquet") if part.is_file())
    return [path] if path.is_file() else []


def checksum(folder: Path) -> str:
    """A mark of what a plan holds, 16 hexadecimal digits: another plan at the same place has another."""
    mark = hashlib.sha256()
    for name in (*TABLES, "barriers"):
        for path in table_files(folder, name):
            about = path.stat()
            mark.update(f"{path.relative_to(folder)} {about.st_size} {about.st_mtime_ns}\n".encode())
    try:
        mark.update((Path(folder) / MANIFEST).read_bytes())
    except OSError as error:
        raise damaged(folder, error) from error
    return mark.hexdigest()[:16]


def read(folder: Path) -> Plan:
    """A plan folder as tables. Raises ChigaiError where a table is missing or cannot be read."""
    meta = read_meta(folder)
    try:
        frames = {name: gpd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
        shares = pd.read_parquet(folder / "shares.parquet")
        path = folder / "barriers.parquet"
        barriers = gpd.read_parquet(path) if path.exists() else None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(folder, error) from error
    return Plan(**frames, shares=shares, barriers=barriers, meta=meta)


def read_more(
    folder: Path, name: str, filters: Any = None, columns: list[str] | None = None
) -> pd.DataFrame | None:
    """One of the further tables of a plan folder (filters, columns: as pandas.read_parquet takes them); None where
    the plan has none of that name. Raises ChigaiError where it cannot be read."""
    path = Path(folder) / f"{name}.parquet"
    if not path.exists():
        return None
    try:
        return pd.read_parquet(path, filters=filters, columns=columns)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(folder, error) from error


def read_part(
    folder: Path, name: str, *, bbox: tuple[float, float, float, float] | None = None, filters: Any = None
) -> gpd.GeoDataFrame | None:
    """Rows of a table with geometry: those in a box (the plan's metres), or that pass filters; None where the plan
    has no such table. Raises ChigaiError where it cannot be read."""
    path = Path(folder) / f"{name}.parquet"
    if not path.exists():
        return None
    try:
        return gpd.read_parquet(path, bbox=bbox, filters=filters)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(folder, error) from error


def damaged(folder: Path, error: Exception) -> ChigaiError:
    """What is said where a plan's files cannot be read."""
    return ChigaiError(
        f"方案文件不完整或已损坏：{error}",
        f"The plan's files are incomplete or damaged: {error}",
        do_zh="请重新运行 chigai plan。",
        do_en="run chigai plan again.",
        file=folder,
    )


def write(plan: Plan, folder: Path, finish: Callable[[], None] | None = None) -> Path:
    """Write the plan beside `folder`, flush it, and rename it into place; a killed write leaves no half plan.

    finish: called once the tables are written and before plan.json is, to say in `plan.meta` how long all took.
    An older plan at `folder` goes only once the new one is whole. Raises ChigaiError where `folder` holds
    something that is not a plan, and pandera's SchemaError where a table is not as DESIGN §4 says.
    """
    folder = Path(folder)
    check_target(folder)
    schemas.PARCELS.validate(plan.parcels)
    schemas.BLOCKS.validate(plan.blocks)
    schemas.SITES.validate(plan.sites)
    schemas.SHARES.validate(plan.shares)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    part.mkdir()
    try:
        for name in TABLES:
            files.write_geo(getattr(plan, name), part / f"{name}.parquet")
        if plan.barriers is not None:
            files.write_geo(plan.barriers, part / "barriers.parquet")
        for name, table in {"shares": plan.shares, **plan.more}.items():
            files.write_table(table, part / f"{name}.parquet")
        if finish is not None:
            finish()
        _write_meta(plan.meta, part)
        files.flush_all(part)
        files.put_in_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def assemble(
    folder: Path, tables: Mapping[str, Sequence[Path]], meta: dict[str, Any], finish: Callable[[Path], None]
) -> Path:
    """A plan folder of tables that lie in files already: one is taken as it is, several are a folder of that name.

    The files go into the plan. finish: called with the folder once the tables are there and before plan.json is, to
    write more and to say in `meta` how long all took. Whole or not at all, as `write`.
    """
    folder = Path(folder)
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    part.mkdir()
    try:
        for name, found in tables.items():
            if len(found) == 1:
                shutil.move(found[0], part / f"{name}.parquet")
                continue
            (part / f"{name}.parquet").mkdir()
            for i, path in enumerate(found):
                shutil.move(path, part / f"{name}.parquet" / f"part-{i:05d}.parquet")
        finish(part)
        _write_meta(meta, part)
        files.flush_all(part)
        files.put_in_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def derive(source: Path, folder: Path, tables: dict[str, pd.DataFrame], meta: dict[str, Any]) -> Path:
    """A plan like that in `source` with other tables of these names and another plan.json; whole or not at all.

    `source` stays as it is; it may be `folder` itself, which then is replaced. Raises as `write` does.
    """
    source, folder = Path(source), Path(folder)
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        shutil.copytree(source, part)
        for name, table in tables.items():
            path = part / f"{name}.parquet"
            if path.is_dir():
                shutil.rmtree(path)
            if isinstance(table, gpd.GeoDataFrame):
                {"blocks": schemas.BLOCKS, "sites": schemas.SITES}[name].validate(table)
                files.write_geo(table, path)
            else:
                files.write_table(table, path)
        _write_meta(meta, part)
        files.flush_all(part)
        files.put_in_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _write_meta(meta: dict[str, Any], folder: Path) -> None:
    text = json.dumps(meta, ensure_ascii=False, indent=1, sort_keys=False, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")


def check_target(folder: Path) -> None:
    """Raise ChigaiError unless `folder` is free, empty, or an older plan that may be replaced."""
    folder = Path(folder)
    if not folder.exists():
        return
    if frozen.mark(folder) is not None:
        raise ChigaiError(
            "这个方案已批准并冻结，不能覆盖。",
            "This plan is approved and frozen; it is not overwritten.",
            do_zh="请换一个新的文件夹名；要修改，先复制成草稿。",
            do_en="name a new folder; to change it, begin a draft over it.",
            file=folder,
        )
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
        raise ChigaiError(
            "输出位置已有别的内容，不会覆盖。",
            "The output folder holds something else; it is not overwritten.",
            do_zh="请换一个新的文件夹名。",
            do_en="name a new folder.",
            file=folder,
        )
