"""The verbs of the `chigai` command for the database: db upgrade, backup, restore, tidy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from commands.ledger import opened
from ui.terminal import Screen, guarded

db = typer.Typer(no_args_is_help=True, help="数据库。 The database.")
MB = 1_000_000


def register(app: typer.Typer) -> None:
    """Put these verbs into the command."""
    app.add_typer(db, name="db")


@db.command("upgrade")
@guarded
def upgrade(ctx: typer.Context) -> None:
    """建立或升级数据库。 Make the database, or bring it to what this chigai needs."""
    from tracking.store import Store

    step = Store().upgrade()
    ctx.obj.say(f"数据库结构：{step}", f"The database's schema is {step}")


@db.command("backup")
@guarded
def backup(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="写到哪里 · where to")]
) -> None:
    """备份（含个人信息，请妥善保管）。 Back up into one file, which either kind of database takes; it names people."""
    from geo import plans
    from tracking import audit, people
    from tracking import backup as backups

    store = opened()
    with store.writing() as connection:
        audit.write(connection, people.LOCAL.id, "backup", file.name, "done")
    saved = backups.backup(store, file, plans.home())
    count, photos = saved.rows.get("events", 0), saved.rows.get("files", 0) - len(saved.lost)
    ctx.obj.say(
        f"已备份 {count} 条台账、{photos} 张照片到 {file}，sha256 {saved.sha256}",
        f"Backed up to {file}: events {count}, photos {photos}, sha256 {saved.sha256}",
    )
    _tell_lost(ctx.obj, saved.lost)


@db.command("restore")
@guarded
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="备份文件 · a backup")],
    replace: Annotated[
        bool, typer.Option("--replace", help="覆盖现有数据 · in the place of what is there")
    ] = False,
) -> None:
    """恢复备份，SQLite 与 PostgreSQL 可互换。 Restore a backup, from SQLite or PostgreSQL into either."""
    from geo import plans
    from tracking import backup as backups
    from tracking.store import Store

    store = Store()
    if store.version() is None:
        store.upgrade()
    done = backups.restore(file, store, plans.home(), replace=replace)
    count, photos = done.rows.get("events", 0), done.rows.get("files", 0) - len(done.lost)
    ctx.obj.say(f"已恢复 {count} 条台账、{photos} 张照片", f"Restored: events {count}, photos {photos}")
    _tell_lost(ctx.obj, done.lost)
    if done.broken is not None:
        ctx.obj.note(
            f"备份时台账已在第 {done.broken.seq} 条处断开：{done.broken.zh}",
            f"Its ledger was broken at event {done.broken.seq} already: {done.broken.en}",
        )


def _tell_lost(screen: Screen, lost: Sequence[str]) -> None:
    if lost:
        screen.note(
            f"有 {len(lost)} 张照片的文件丢失或损坏，不在备份中，如 {lost[0]}",
            f"Photos that are lost or damaged and not in the backup: {len(lost)}, such as {lost[0]}",
        )


@db.command("tidy")
@guarded
def tidy(
    ctx: typer.Context,
    clear: Annotated[bool, typer.Option("--clear", help="清除它们 · clear them")] = False,
) -> None:
    """列出（--clear 时清除）超过 7 天仍无填报引用的照片。 List, or clear, photos that no report named within 7 days."""
    from geo import plans
    from tracking import orphans

    screen: Screen = ctx.obj
    store = opened()
    found = orphans.clear(store, plans.home()) if clear else orphans.listed(store)
    for one in [] if clear else found:
        typer.echo(f"{one.sha}  {one.received:%Y-%m-%d}  {one.bytes / MB:.1f} MB")
    size = sum(one.bytes for one in found) / MB
    if clear:
        screen.say(
            f"已清除 {len(found)} 张照片，{size:.1f} MB", f"Photos cleared: {len(found)}, {size:.1f} MB"
        )
    else:
        screen.say(
            f"{len(found)} 张照片超过 7 天仍无填报引用，共 {size:.1f} MB{'；加 --clear 清除' if found else ''}",
            f"Photos that no report named within 7 days: {len(found)}, {size:.1f} MB"
            f"{'; --clear takes them away' if found else ''}",
        )
