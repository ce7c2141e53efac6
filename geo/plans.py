"""The plan folder: what a run of the planner leaves on disk, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa

from geo import files, frozen, schemas
from geo.errors import ChigaiError

TABLES = ("parcels", "blocks", "sites", "findings")
MANIFEST = "plan.json"
AGAIN = ("请用同样的数据重新做一次方案。", "plan the same data again.")
_SCHEMAS = {
    "parcels": schemas.PARCELS, "blocks": schemas.BLOCKS, "sites": schemas.SITES, "barriers": schemas.BARRIERS,
}  # fmt: skip


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


class IncompleteError(ChigaiError):
    """A plan folder that lacks what is asked of it, or whose files cannot be read: it is to be planned again."""


class Meta(dict[str, Any]):
    """plan.json, or an object in it. What a plan of an older version does not tell is refused where it is asked for."""

    def __missing__(self, name: str) -> Any:
        raise IncompleteError(
            f"这个方案由较早的版本生成，plan.json 里没有“{name}”。",
            f"This plan was made by an older version: its plan.json has no '{name}'.",
            do_zh=AGAIN[0],
            do_en=AGAIN[1],
        )


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"), object_hook=Meta)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_meta(folder: Path) -> dict[str, Any]:
    """plan.json of a plan folder, which goes by the folder's name and age where it does not say its own. Raises
    ChigaiError where there is none, and IncompleteError from whatever asks for what it does not tell."""
    folder = Path(folder)
    meta = _manifest(folder)
    if meta:
        written = datetime.fromtimestamp((folder / MANIFEST).stat().st_mtime, UTC)
        meta.setdefault("id", folder.name)
        meta.setdefault("created", written.isoformat(timespec="seconds"))
    else:
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


def read_table(folder: Path, name: str, columns: list[str]) -> pd.DataFrame:
    """Columns of a table that every plan has. Raises IncompleteError where it is not there or lacks one of them."""
    found = read_more(folder, name, columns=columns)
    if found is None:
        raise damaged(folder, FileNotFoundError(f"{name}.parquet"))
    return found


def read_part(
    folder: Path, name: str, *, bbox: tuple[float, float, float, float] | None = None, filters: Any = None
) -> gpd.GeoDataFrame | None:
    """Rows of a table with geometry: those in a box (the plan's metres), or that pass filters; None where the plan
    has no such table. Raises ChigaiError where it cannot be read."""
    path = Path(folder) / f"{name}.parquet"
    if not path.exists():
        return None
    try:
        found = gpd.read_parquet(path, bbox=bbox, filters=filters)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(folder, error) from error
    require_columns(name, found.columns)
    return found


def require_columns(name: str, there: Iterable[str]) -> None:
    """Raise IncompleteError where a plan's table, of which `there` are the columns, lacks one that DESIGN §4 names."""
    asked = _SCHEMAS.get(name)
    missing = (
        [] if asked is None else [c for c, of in asked.columns.items() if of.required and c not in there]
    )
    if missing:
        raise IncompleteError(
            f"这个方案由较早的版本生成，表 {name} 里没有“{'、'.join(missing)}”。",
            f"This plan was made by an older version: its table {name} has no '{', '.join(missing)}'.",
            do_zh=AGAIN[0],
            do_en=AGAIN[1],
        )


def damaged(folder: Path, error: Exception) -> IncompleteError:
    """What is said where a plan's files cannot be read."""
    return IncompleteError(
        f"方案文件不完整或已损坏：{error}",
        f"The plan's files are incomplete or damaged: {error}",
        do_zh=AGAIN[0],
        do_en=AGAIN[1],
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
