"""The plans that are followed: their blocks in the database, each with a version that every change raises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection, bindparam, insert, select, update

from geo import crs
from geo import plans as plan_folders
from geo.errors import ChigaiError
from tracking.books import chunks
from tracking.jobs import Told, nobody
from tracking.rules import REPORTS
from tracking.store import Store
from tracking.tables import SRID, block_history, blocks, events, plans

PLAIN = (
    "county", "irrigation_district", "village", "site_id", "area_mu", "meets_minimum", "site_meets_minimum",
    "withdrawn",
)  # fmt: skip
FIELDS = (*PLAIN, "geometry")
NAMES = {
    "county": ("县区", "county"), "irrigation_district": ("灌区", "irrigation district"), "village": ("村", "village"),
    "site_id": ("示范点", "site"), "area_mu": ("面积", "area"), "meets_minimum": ("是否达标", "whether it meets the minimum"),
    "site_meets_minimum": ("示范点是否达标", "whether its site meets the minimum"),
    "withdrawn": ("是否移出方案", "whether it is out of the plan"), "geometry": ("边界", "outline"),
}  # fmt: skip


SAME_GROUND = 0.5
"""A block is the same field as before where at least this share of what either covers is covered by both."""


PART = 2_000
"""Blocks between two words of progress."""


class ChangedError(ChigaiError):
    """Somebody changed the block first. changed: field → (what this person saw, what it is now); typed: what
    this person wanted, to be kept on the screen; version: what to build on when trying again."""

    def __init__(
        self, zh: str, en: str, changed: dict[str, tuple[Any, Any]], typed: dict[str, Any], version: int
    ) -> None:
        super().__init__(
            zh, en, do_zh="请核对新内容后再保存；您填写的内容仍保留。", do_en="look at what is new and save again; what you typed is kept."
        )  # fmt: skip
        self.changed, self.typed, self.version = changed, typed, version


def register_plan(store: Store, folder: Path, actor: str, progress: Told = nobody) -> int:
    """Put a plan folder's blocks into the database; gives how many are new or changed (0: all as they were).

    progress: told the share done, 0 to 1; what it raises ends it, and the database is as it was.

    A block that differs from what is there gets a new version; one that the plan no longer has is withdrawn.
    Raises ChigaiError where the folder is no plan, or where a block on which work began would be another field.
    """
    meta = plan_folders.read_meta(Path(folder))
    progress(0.0)
    frame = _read(Path(folder))
    progress(0.4)
    sha = _sha(frame)
    progress(0.5)
    now = datetime.now(UTC)
    plan: dict[str, Any] = {
        "id": str(meta["id"]),
        "programme": str(meta["programme"]["id"]),
        "created": _moment(meta["created"]),
        "name": Path(folder).name,
        "sha": sha,
        "registered": now,
        "actor": actor,
    }
    with store.writing() as connection:
        query = select(plans.c.sha).where(plans.c.id == plan["id"])
        before = connection.scalar(query.with_for_update())
        if before == sha:
            return 0
        if before is None:
            connection.execute(insert(plans), plan)
        else:
            connection.execute(update(plans).where(plans.c.id == plan["id"]), plan)
        return _put(connection, plan["id"], frame, now, actor, lambda done: progress(0.5 + 0.5 * done))


def _read(folder: Path) -> pd.DataFrame:
    found = plan_folders.read_part(folder, "blocks")
    if found is None:
        raise plan_folders.damaged(folder, FileNotFoundError("blocks.parquet"))
    sites = plan_folders.read_table(folder, "sites", ["site_id", "meets_minimum"])
    parcels = plan_folders.read_table(folder, "parcels", ["block_id", "village", "area_mu"])
    good = set(sites.loc[sites["meets_minimum"].astype(bool), "site_id"])
    villages = (
        parcels.dropna(subset=["block_id", "village"]).groupby(["block_id", "village"])["area_mu"].sum()
    )
    # the village that most of the block lies in
    main = villages.reset_index().sort_values("area_mu").drop_duplicates("block_id", keep="last")
    shapes = crs.transform(found, SRID).geometry.to_numpy() if len(found) else np.empty(0, object)
    single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    shapes[single] = [shapely.MultiPolygon([s]) for s in shapes[single]]
    frame = pd.DataFrame(
        found[["block_id", "county", "irrigation_district", "site_id", "area_mu", "meets_minimum"]]
    )
    frame["village"] = frame["block_id"].map(main.set_index("block_id")["village"])
    frame["site_meets_minimum"] = frame["site_id"].isin(good)
    frame["withdrawn"] = False
    frame["geometry"] = list(shapely.to_wkb(shapes))
    frame = frame.astype(object).where(frame.notna(), None)
    return frame[["block_id", *FIELDS]].sort_values("block_id", ignore_index=True)


def _sha(frame: pd.DataFrame) -> str:
    found = hashlib.sha256()
    for row in frame.itertuples(index=False):
        found.update(json.dumps([v for v in row if not isinstance(v, bytes)], ensure_ascii=False).encode())
        found.update(cast(bytes, row.geometry))
    return found.hexdigest()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _put(
    connection: Connection,
    plan_id: str,
    frame: pd.DataFrame,
    now: datetime,
    actor: str,
    progress: Told,
) -> int:
    query = select(blocks.c.block_id, blocks.c.version, *(blocks.c[n] for n in FIELDS))
    there = {r.block_id: r._asdict() for r in connection.execute(query.where(blocks.c.plan_id == plan_id))}
    new: list[dict[str, Any]] = []
    changed: list[tuple[dict[str, Any], dict[str, Any]]] = []
    rows = cast(list[dict[str, Any]], frame.to_dict("records"))
    wanted = {row["block_id"]: row for row in rows}
    for block_id, row in wanted.items():
        old = there.get(block_id)
        if old is None:
            new.append({**row, "plan_id": plan_id, "version": 1})
        elif any(old[n] != row[n] for n in FIELDS):
            changed.append((old, row))
    _stay(connection, plan_id, changed)
    gone = [
        (old, {**old, "withdrawn": True})
        for i, old in there.items()
        if i not in wanted and not old["withdrawn"]
    ]
    moved = [*changed, *gone]
    whole = max(len(new) + len(moved), 1)
    for number, part in enumerate(chunks(new, PART)):
        progress(number * PART / whole)
        connection.execute(insert(blocks), list(part))
    for at, (old, row) in enumerate(moved):
        if at % PART == 0:
            progress((len(new) + at) / whole)
        _replace(connection, plan_id, old, row, now, actor)
    # the last word before it stands
    progress(1.0)
    return len(new) + len(changed) + len(gone)


def _stay(connection: Connection, plan_id: str, changed: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Raise ChigaiError where a block on which work began would be another field: its reports are of the old one."""
    pairs = [(old, row) for old, row in changed if old["geometry"] != row["geometry"]]
    if not pairs:
        return
    e = events.c
    work = select(e.block_id).where(e.plan_id == plan_id, e.kind.in_(REPORTS)).distinct()
    begun = set(connection.scalars(work))
    pairs = [(old, row) for old, row in pairs if old["block_id"] in begun]
    was, now = (shapely.from_wkb([pair[i]["geometry"] for pair in pairs]) for i in (0, 1))
    shared = shapely.area(shapely.intersection(was, now)) / shapely.area(shapely.union(was, now))
    moved = [old["block_id"] for (old, _), share in zip(pairs, shared, strict=True) if share < SAME_GROUND]
    if moved:
        named = "、".join(moved[:3])
        raise ChigaiError(
            f"方案 {plan_id} 重做后，有 {len(moved)} 个已开工的大池换了地方（如 {named}），没有登记。",
            f"Made anew, plan {plan_id} has other fields under the ids of blocks at work (such as {moved[0]}): "
            f"{len(moved)}. It was not registered.",
            do_zh="请把新方案另存为一个文件夹（新编号）再登记；原方案保持不变。",
            do_en="save the new plan in a folder of another name and register that; the old one stays as it is.",
        )


_UPDATE = (
    update(blocks)
    .where(
        blocks.c.plan_id == bindparam("in_plan"),
        blocks.c.block_id == bindparam("of_block"),
        blocks.c.version == bindparam("seen"),
    )
    .values({name: bindparam(f"to_{name}") for name in (*FIELDS, "version")})
)


def _replace(
    connection: Connection,
    plan_id: str,
    old: Mapping[str, Any],
    row: Mapping[str, Any],
    now: datetime,
    actor: str,
) -> bool:
    """Put `row` in the place of `old`, unless its version is no longer what it was; keep what it was."""
    values = {f"to_{n}": row[n] for n in FIELDS} | {"to_version": old["version"] + 1}
    place = {"in_plan": plan_id, "of_block": old["block_id"], "seen": old["version"]}
    if connection.execute(_UPDATE, values | place).rowcount != 1:
        return False
    was = {n: v.hex() if isinstance(v := old[n], bytes) else v for n in FIELDS}
    history = {"plan_id": plan_id, "block_id": old["block_id"], "version": old["version"]}
    text = json.dumps(was, ensure_ascii=False)
    connection.execute(insert(block_history), history | {"changed": now, "actor": actor, "was": text})
    return True


def change_block(
    store: Store, plan_id: str, block_id: str, seen: int, changes: Mapping[str, Any], actor: str
) -> int:
    """Change fields of a block that was seen in version `seen`; gives its new version.

    Raises ChangedError where somebody changed it since, ChigaiError where there is no such block or field.
    """
    strange = set(changes) - set(FIELDS)
    if strange:
        raise ChigaiError(
            f"大池没有这些可改的内容：{'、'.join(sorted(strange))}。",
            f"A block has no such fields to change: {', '.join(sorted(strange))}.",
        )
    with store.writing() as connection:
        query = select(blocks).where(blocks.c.plan_id == plan_id, blocks.c.block_id == block_id)
        row = connection.execute(query.with_for_update()).first()
        if row is None:
            raise ChigaiError(f"方案中没有大池 {block_id}。", f"The plan has no block {block_id}.")
        old = row._asdict()
        if old["version"] == seen and _replace(
            connection, plan_id, old, old | dict(changes), datetime.now(UTC), actor
        ):
            return seen + 1
        zh, en = what_changed(connection, plan_id, block_id, seen)
        raise ChangedError(
            zh, en, _differences(connection, plan_id, block_id, seen), dict(changes), old["version"]
        )


def _differences(
    connection: Connection, plan_id: str, block_id: str, seen: int
) -> dict[str, tuple[Any, Any]]:
    h = block_history.c
    query = select(h.was).where(h.plan_id == plan_id, h.block_id == block_id, h.version == seen)
    text = connection.scalar(query)
    row = connection.execute(
        select(blocks).where(blocks.c.plan_id == plan_id, blocks.c.block_id == block_id)
    ).one()
    if text is None:
        return {}
    was, now = json.loads(text), row._asdict()
    now["geometry"] = now["geometry"].hex()
    return {n: (was[n], now[n]) for n in FIELDS if was[n] != now[n]}


def what_changed(connection: Connection, plan_id: str, block_id: str, seen: int) -> tuple[str, str]:
    """In both languages: what became of a block since somebody saw it in version `seen`."""
    found = _differences(connection, plan_id, block_id, seen)
    zh, en = [], []
    for name, (was, now) in found.items():
        called = NAMES[name]
        if name == "geometry" or not isinstance(now, (str, float)):
            zh.append(called[0])
            en.append(called[1])
        elif isinstance(now, float):
            zh.append(f"{called[0]} {was or 0:.2f} → {now:.2f} 亩")
            en.append(f"{called[1]} {was or 0:.2f} → {now:.2f} mu")
        else:
            zh.append(f"{called[0]} {was or '无'} → {now}")
            en.append(f"{called[1]} {was or 'none'} → {now}")
    return (
        f"大池 {block_id} 在您查看之后已有变动：{'；'.join(zh) or '版本不同'}。",
        f"Block {block_id} changed after you saw it: {'; '.join(en) or 'another version'}.",
    )
