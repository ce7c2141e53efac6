"""Backups that any home takes: a zip of JSON lines with a manifest, the same from SQLite and from PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import (
    BigInteger,
    Connection,
    LargeBinary,
    Table,
    Uuid,
    func,
    insert,
    select,
    text,
    type_coerce,
    update,
)

from geo.errors import ChigaiError
from tracking import chain, tables
from tracking.chain import Broken, Head
from tracking.store import Store, migrate, revisions
from tracking.tables import EPOCH, MICROSECOND, Moment

FORMAT = "chigai backup 1"
MANIFEST = "manifest.json"
KEPT: tuple[Table, ...] = (
    tables.plans, tables.blocks, tables.block_history, tables.events, tables.conflicts,
)  # fmt: skip
"""In the order in which they are put back. The head follows from the manifest."""
AT_ONCE = 5000
"""Rows written in one go."""


@dataclass(frozen=True)
class Saved:
    """What a backup holds. rows: by table; head: of its ledger; created: UTC; sha256: of the file."""

    rows: dict[str, int]
    head: Head
    created: datetime
    sha256: str = ""


@dataclass(frozen=True)
class Restored:
    """What was put back. broken: where the ledger's chain is broken; it was so when the backup was made."""

    rows: dict[str, int]
    head: Head
    broken: Broken | None


def backup(store: Store, path: Path) -> Saved:
    """Write everything as of one moment to a new file, whole or not at all. It names people: keep it safe.

    Raises ChigaiError where the file exists or cannot be written.
    """
    path = Path(path)
    if path.exists():
        raise ChigaiError(
            "备份文件已存在，不会覆盖。",
            "The backup file exists; it is not overwritten.",
            do_zh="请换一个文件名。",
            do_en="give another name.",
            file=path,
        )
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as file:
            saved = _write(store, file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        # a link takes the name only while it is free
        os.link(part, path)
        _flush(path.parent)
    except (OSError, zipfile.BadZipFile) as error:
        raise ChigaiError(
            f"备份无法写入：{type(error).__name__}。",
            f"The backup cannot be written: {type(error).__name__}.",
            do_zh="请检查位置和剩余空间。",
            do_en="check the place and the space left.",
            file=path,
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return Saved(saved.rows, saved.head, saved.created, sha)


def _flush(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(store: Store, file: IO[bytes]) -> Saved:
    created = datetime.now(UTC)
    listed: dict[str, dict[str, Any]] = {}
    with store.snapshot() as connection, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as box:
        for table in KEPT:
            with box.open(f"{table.name}.jsonl", "w", force_zip64=True) as out:
                rows, digest = 0, hashlib.sha256()
                for line in _lines(connection, table):
                    out.write(line)
                    digest.update(line)
                    rows += 1
            listed[table.name] = {"rows": rows, "sha256": digest.hexdigest()}
        head = chain.last(connection)
        manifest = {
            "format": FORMAT,
            "created": created.isoformat(),
            "schema": store.version(),
            "tables": listed,
            "ledger": {"seq": head.seq, "hash": head.hash},
        }
        box.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return Saved({name: entry["rows"] for name, entry in listed.items()}, head, created)


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    shown = [type_coerce(c, BigInteger).label(c.name) if isinstance(c.type, Moment) else c for c in table.c]
    query = select(*shown).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=AT_ONCE).execute(query):
        values = {name: _neutral(value) for name, value in row._asdict().items()}
        yield json.dumps(values, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _neutral(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return bytes(value).hex() if isinstance(value, (bytes, memoryview)) else value


def look(path: Path) -> Saved:
    """What a backup says of itself, after every table in it was held against its sum. Raises ChigaiError."""
    with _opened(path) as box:
        manifest = _manifest(box)
    head = Head(int(manifest["ledger"]["seq"]), str(manifest["ledger"]["hash"]))
    rows = {name: int(entry["rows"]) for name, entry in manifest["tables"].items()}
    return Saved(rows, head, datetime.fromisoformat(manifest["created"]))


def restore(path: Path, store: Store, *, replace: bool = False) -> Restored:
    """Put a backup into an empty database; with `replace`, in the place of what is there. All or nothing.

    Raises ChigaiError where the file is damaged or of a newer chigai, or the database is not empty.
    """
    store.upgrade()
    with _opened(path) as box:
        manifest = _manifest(box)
        with store.writing() as connection:
            _make_room(connection, replace)
            for table in KEPT:
                _fill(connection, box, table)
            head = Head(int(manifest["ledger"]["seq"]), str(manifest["ledger"]["hash"]))
            connection.execute(update(tables.head).values(seq=head.seq, hash=head.hash))
            if store.postgres:
                connection.execute(
                    text(
                        "SELECT setval(pg_get_serial_sequence('conflicts', 'no'), coalesce(max(no), 0) + 1, false) FROM conflicts"
                    )
                )
            broken = chain.check(connection)
    return Restored({name: int(e["rows"]) for name, e in manifest["tables"].items()}, head, broken)


def _make_room(connection: Connection, replace: bool) -> None:
    held = {t.name: int(connection.scalar(select(func.count()).select_from(t)) or 0) for t in KEPT}
    if not any(held.values()):
        return
    if not replace:
        raise ChigaiError(
            f"数据库不是空的：已有 {held['plans']} 个方案、{held['events']} 条台账记录，不会覆盖。",
            f"The database is not empty: it holds {held['plans']} plans and {held['events']} events; they are not overwritten.",
            do_zh="请恢复到空库；确需替换时，先备份现有数据，再明确要求替换。",
            do_en="restore into an empty one; to replace what is there, back it up first and say so.",
        )
    migrate(connection, "base")
    migrate(connection)


def _fill(connection: Connection, box: zipfile.ZipFile, table: Table) -> None:
    rows: list[dict[str, Any]] = []
    target = tables.raw_events if table is tables.events else table
    with box.open(f"{table.name}.jsonl") as lines:
        for line in lines:
            rows.append(_row(target, json.loads(line)))
            if len(rows) == AT_ONCE:
                connection.execute(insert(target), rows)
                rows = []
    if rows:
        connection.execute(insert(target), rows)


def _row(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    for column in table.c:
        value = values[column.name]
        if value is None:
            continue
        if isinstance(column.type, Moment):
            values[column.name] = EPOCH + value * MICROSECOND
        elif isinstance(column.type, Uuid):
            values[column.name] = uuid.UUID(value)
        elif isinstance(column.type, LargeBinary):
            values[column.name] = bytes.fromhex(value)
    return values


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise _damaged(path) from error


def _manifest(box: zipfile.ZipFile) -> dict[str, Any]:
    """The manifest, once every table was read through and fits its sum."""
    path = Path(box.filename or "")
    try:
        manifest: dict[str, Any] = json.loads(box.read(MANIFEST))
        if manifest["format"] != FORMAT or set(manifest["tables"]) != {t.name for t in KEPT}:
            raise _damaged(path)
        if manifest["schema"] not in revisions():
            raise ChigaiError(
                "这份备份来自更新版本的 chigai。",
                "This backup is of a newer chigai.",
                do_zh="请先升级 chigai。",
                do_en="install a newer chigai first.",
                file=path,
            )
        for name, entry in manifest["tables"].items():
            with box.open(f"{name}.jsonl") as lines:
                if hashlib.file_digest(lines, "sha256").hexdigest() != entry["sha256"]:  # type: ignore[arg-type]
                    raise _damaged(path)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path) from error
    return manifest


def _damaged(path: Path) -> ChigaiError:
    return ChigaiError(
        "这不是完整的 chigai 备份：文件缺失、损坏或被改动过。",
        "This is no whole backup of chigai: it is missing, damaged or was changed.",
        do_zh="请换另一份备份；数据库没有改动。",
        do_en="take another backup; the database was not touched.",
        file=path,
    )
