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
from dataclasses import replace as replace_fields
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

from geo import plans as plan_folders
from geo.errors import ChigaiError
from geo.files import flush
from tracking import audit, chain, photos, tables
from tracking.chain import Broken, Head
from tracking.store import Store, migrate, revisions
from tracking.tables import EPOCH, MICROSECOND, Moment

FORMAT = "chigai backup 1"
MANIFEST = "manifest.json"
KEPT: tuple[Table, ...] = (
    tables.plans, tables.blocks, tables.block_history, tables.events, tables.conflicts,
    tables.users, tables.files, tables.audit, tables.drafts, tables.draft_changes, tables.draft_units,
    tables.approvals,
)  # fmt: skip
"""In the order in which they are put back. The head follows from the manifest; who is signed in is not kept."""
LATER = frozenset({"users", "files", "audit", "drafts", "draft_changes", "draft_units", "approvals"})
"""Tables that older backups do not have."""
COUNTED = ("conflicts", "audit", "approvals")
"""Tables whose rows PostgreSQL numbers."""
PHOTOS = "photos/"
"""Where the bytes of photos lie in a backup, by their sum."""
AT_ONCE = 5000
"""Rows written in one go."""


@dataclass(frozen=True)
class Saved:
    """What a backup holds. rows: by table; head: of its ledger; created: UTC; sha256: of the file.

    lost: photos that the database knows and whose bytes are not in it: they were gone or spoilt.
    """

    rows: dict[str, int]
    head: Head
    created: datetime
    sha256: str = ""
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restored:
    """What was put back. broken: where the ledger's chain is broken; it was so when the backup was made.

    lost: photos whose bytes the backup did not hold.
    """

    rows: dict[str, int]
    head: Head
    broken: Broken | None
    lost: tuple[str, ...] = ()


def backup(store: Store, path: Path, home: Path | None = None, actor: str = "local") -> Saved:
    """Write everything as of one moment to a new file, whole or not at all. It names people: keep it safe.

    home: the data folder, where photos lie; CHIGAI_HOME by default. actor: who is put down in the audit.
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
            saved = _write(store, file, home or plan_folders.home())
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        # a link takes the name only while it is free
        os.link(part, path)
        flush(path.parent)
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
    with store.writing() as connection:
        audit.write(connection, actor, "backup", f"{saved.head.seq} events", "done")
    return replace_fields(saved, sha256=sha)


def _write(store: Store, file: IO[bytes], home: Path) -> Saved:
    created = datetime.now(UTC)
    listed: dict[str, dict[str, Any]] = {}
    # photos are not cleared before they are copied
    with photos.held(home), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as box:
        with store.snapshot() as connection:
            for table in KEPT:
                with box.open(f"{table.name}.jsonl", "w", force_zip64=True) as out:
                    rows, digest = 0, hashlib.sha256()
                    for line in _lines(connection, table):
                        out.write(line)
                        digest.update(line)
                        rows += 1
                listed[table.name] = {"rows": rows, "sha256": digest.hexdigest()}
            head = chain.last(connection)
            shas = list(connection.scalars(select(tables.files.c.sha).order_by(tables.files.c.sha)))
        lost = tuple(sha for sha in shas if not _copied(box, home, sha))
        manifest = {
            "format": FORMAT,
            "created": created.isoformat(),
            "schema": store.version(),
            "tables": listed,
            "ledger": {"seq": head.seq, "hash": head.hash},
            "photos": {"kept": len(shas) - len(lost), "lost": lost},
        }
        box.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return Saved({name: entry["rows"] for name, entry in listed.items()}, head, created, lost=lost)


def _copied(box: zipfile.ZipFile, home: Path, sha: str) -> bool:
    """Put a photo's bytes into the backup; no where they are gone or spoilt: the rest is worth keeping."""
    try:
        content = photos.path(home, sha).read_bytes()
    except OSError:
        return False
    if hashlib.sha256(content).hexdigest() != sha:
        return False
    box.writestr(f"{PHOTOS}{sha}", content, zipfile.ZIP_STORED)
    return True


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
    rows = {name: int(entry["rows"]) for name, entry in manifest["tables"].items()}
    return Saved(rows, _head(manifest), datetime.fromisoformat(manifest["created"]), lost=_lost(manifest))


def _head(manifest: dict[str, Any]) -> Head:
    return Head(int(manifest["ledger"]["seq"]), str(manifest["ledger"]["hash"]))


def _lost(manifest: dict[str, Any]) -> tuple[str, ...]:
    return tuple(manifest.get("photos", {}).get("lost", ()))


def restore(
    path: Path, store: Store, home: Path | None = None, *, replace: bool = False, actor: str = "local"
) -> Restored:
    """Put a backup into an empty database; with `replace`, in the place of what is there. All or nothing.

    home: the data folder, where photos go; CHIGAI_HOME by default. Raises ChigaiError where the file is damaged
    or of a newer chigai, or the database is not empty.
    """
    store.upgrade()
    with _opened(path) as box:
        manifest = _manifest(box)
        if not replace:
            with store.reading() as connection:
                _must_be_empty(connection)
        # a row follows its bytes
        with photos.held(home := home or plan_folders.home()):
            for sha, entry in _photos(box).items():
                photos.put(home, sha, box.read(entry))
            broken = _fill_all(store, box, manifest, replace, actor)
    rows = {name: int(entry["rows"]) for name, entry in manifest["tables"].items()}
    return Restored(rows, _head(manifest), broken, _lost(manifest))


def _fill_all(
    store: Store, box: zipfile.ZipFile, manifest: dict[str, Any], replace: bool, actor: str
) -> Broken | None:
    with store.writing() as connection:
        if replace:
            migrate(connection, "base")
            migrate(connection)
        _must_be_empty(connection)
        for table in KEPT:
            if table.name in manifest["tables"]:
                _fill(connection, box, table)
        head = _head(manifest)
        connection.execute(update(tables.head).values(seq=head.seq, hash=head.hash))
        for name in COUNTED if store.postgres else ():
            last = f"SELECT setval(pg_get_serial_sequence('{name}', 'no'), coalesce(max(no), 0) + 1, false) FROM {name}"
            connection.execute(text(last))
        audit.write(connection, actor, "restore", f"{head.seq} events", "done")
        return chain.check(connection)


def _must_be_empty(connection: Connection) -> None:
    held = {t.name: int(connection.scalar(select(func.count()).select_from(t)) or 0) for t in KEPT}
    if any(held.values()):
        raise ChigaiError(
            f"数据库不是空的：已有 {held['plans']} 个方案、{held['events']} 条台账记录、{held['users']} 个用户、{held['audit']} 条操作记录，不会覆盖。",
            f"The database is not empty: it holds {held['plans']} plans, {held['events']} events, {held['users']} users "
            f"and {held['audit']} lines of audit; they are not overwritten.",
            do_zh="请恢复到空库；确需替换时，先备份现有数据，再明确要求替换。",
            do_en="restore into an empty one; to replace what is there, back it up first and say so.",
        )


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
        # older backups do not have the columns that came later, which may all be empty
        value = values.setdefault(column.name, None) if column.nullable else values[column.name]
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
        if manifest["format"] != FORMAT:
            raise _damaged(path)
        if manifest["schema"] not in revisions():
            raise ChigaiError(
                "这份备份来自更新版本的 chigai。",
                "This backup is of a newer chigai.",
                do_zh="请先升级 chigai。",
                do_en="install a newer chigai first.",
                file=path,
            )
        if not {t.name for t in KEPT} - LATER <= set(manifest["tables"]) <= {t.name for t in KEPT}:
            raise _damaged(path)
        for name, entry in manifest["tables"].items():
            with box.open(f"{name}.jsonl") as lines:
                if hashlib.file_digest(lines, "sha256").hexdigest() != entry["sha256"]:  # type: ignore[arg-type]
                    raise _damaged(path)
        _check_photos(box, manifest)
    except (
        OSError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise _damaged(path) from error
    return manifest


def _photos(box: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    inside = (entry for entry in box.infolist() if entry.filename.startswith(PHOTOS))
    return {entry.filename.removeprefix(PHOTOS): entry for entry in inside}


def _check_photos(box: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
    """Every photo that the backup knows is in it under its own sum, but for those that were lost before."""
    known = set()
    if "files" in manifest["tables"]:
        with box.open("files.jsonl") as lines:
            known = {str(json.loads(line)["sha"]) for line in lines}
    found = _photos(box)
    sound = set(found) == known - set(_lost(manifest))
    for sha, entry in found.items():
        with box.open(entry) as content:
            sound &= hashlib.file_digest(content, "sha256").hexdigest() == sha  # type: ignore[arg-type]
    if not sound:
        raise _damaged(Path(box.filename or ""))


def _damaged(path: Path) -> ChigaiError:
    return ChigaiError(
        "这不是完整的 chigai 备份：文件缺失、损坏或被改动过。",
        "This is no whole backup of chigai: it is missing, damaged or was changed.",
        do_zh="请换另一份备份；数据库没有改动。",
        do_en="take another backup; the database was not touched.",
        file=path,
    )
