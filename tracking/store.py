"""The database: a SQLite file in the data folder, or PostgreSQL with PostGIS by URL; one way in for both."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from geo import plans as plan_folders
from geo.errors import ChigaiError
from tracking.together import Together

try:
    import fcntl
except ImportError:  # Windows has no such locks: there SQLite's own waiting has to do
    fcntl = None  # type: ignore[assignment]

FILE = "chigai.db"
ENVIRONMENT = "CHIGAI_DATABASE_URL"
BUSY_MS = 15_000
"""How long SQLite waits for another writer before it gives up, milliseconds."""
QUIET_S = 5.0
"""Seconds after which a connection to PostgreSQL that was not used is asked whether it still is one."""
UPGRADE_LOCK = 0x63686967
"""Key of PostgreSQL's advisory lock under which one process at a time changes the schema."""

T = TypeVar("T")
# alembic keeps what it works on in globals of its own
_migrating = threading.Lock()
_making = threading.Lock()


class Store:
    """One database. url: of SQLAlchemy; without it CHIGAI_DATABASE_URL, without that the file in CHIGAI_HOME.

    All work happens in `reading()` or `writing()`, which are transactions. Raises ChigaiError where the
    database cannot be reached, is not one of ours, or has another schema than this chigai.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = _url(url)
        self.postgres = self.url.get_backend_name() == "postgresql"
        self.path = None if self.postgres else Path(self.url.database or "")
        self.kept: dict[str, Any] = {}
        self._checked = False
        with explained(self):
            self.engine = self._postgres() if self.postgres else self._sqlite()
        self._writer = self.engine.execution_options(chigai_write=True)
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._together = Together.of(self.url.render_as_string(hide_password=False), self._lasting)

    def __repr__(self) -> str:
        return f"Store({self.url.render_as_string(hide_password=True)!r})"

    def _postgres(self) -> Engine:
        engine = create_engine(self.url, pool_size=10, max_overflow=20, hide_parameters=True)

        @event.listens_for(engine, "checkin")
        def _used(_raw: Any, record: Any) -> None:
            record.info["used"] = time.monotonic()

        @event.listens_for(engine, "checkout")
        def _alive(raw: Any, record: Any, _proxy: Any) -> None:
            # asked only after a pause: a question more for every report would cost a tenth of its time
            if time.monotonic() - record.info.get("used", math.inf) > QUIET_S:
                try:
                    raw.execute("SELECT 1")
                    raw.rollback()
                except psycopg.Error as error:
                    raise DisconnectionError from error

        return engine

    def _sqlite(self) -> Engine:
        assert self.path is not None
        _make(self.path)
        engine = create_engine(
            self.url,
            connect_args={"timeout": BUSY_MS / 1000, "isolation_level": None},
            pool_size=10,
            max_overflow=40,
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def _settings(raw: Any, _record: Any) -> None:
            for setting in (
                "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON",
                f"busy_timeout={BUSY_MS}",
            ):  # fmt: skip
                raw.execute(f"PRAGMA {setting}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # a reader that turns writer half way cannot wait for its turn, it fails: writers say so at once
            write = connection.get_execution_options().get("chigai_write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with explained(self):
            self._check()
            with self.engine.begin() as connection:
                yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction in which every read sees one and the same moment."""
        with explained(self):
            self._check()
            engine = (
                self.engine.execution_options(isolation_level="REPEATABLE READ") if self.postgres else None
            )
            with (engine or self.engine).begin() as connection:
                yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write; what it wrote is on disk when it ends. Keep it short."""
        with explained(self):
            self._check()
            with self._turn(), self._writer.begin() as connection:
                yield connection

    @contextlib.contextmanager
    def _lasting(self) -> Iterator[Connection]:
        """As `writing`; in PostgreSQL others may go on with what was written while the disk is waited for.

        The transaction itself does not wait, so the ledger's head is free at once. A second one, which does, ends
        only when all that was logged before it is on disk: twenty who wait share one waiting.
        """
        with self.writing() as connection:
            if self.postgres:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection
        if self.postgres:
            with explained(self), self._alone.connect() as connection:
                connection.exec_driver_sql("SELECT pg_logical_emit_message(true, 'chigai', '')")

    def together(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that it may share with what others want written at the same moment.

        work may run twice: where the shared transaction fails, each runs again by itself.
        """
        return self._together.run(work)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        # SQLite's writers wait by sleeping and looking again, and starve each other; this queue wakes the next
        if self.path is None or fcntl is None:
            yield
            return
        handle = os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _check(self) -> None:
        if self._checked:
            return
        with self.engine.begin() as connection:
            found = _revision(connection)
        wanted = _script().get_current_head()
        if found != wanted:
            newer = found is not None and found not in revisions()
            raise ChigaiError(
                f"数据库结构版本为 {found or '空'}，本程序需要 {wanted}。",
                f"The database's schema is {found or 'empty'}; this chigai needs {wanted}.",
                do_zh="请安装更新的 chigai。" if newer else "请运行 chigai db upgrade。",
                do_en="install a newer chigai." if newer else "run chigai db upgrade.",
            )
        self._checked = True

    def version(self) -> str | None:
        """The step of the schema that the database stands at; None where it is empty."""
        with explained(self), self.engine.begin() as connection:
            return _revision(connection)

    def upgrade(self) -> str:
        """Bring the schema to what this chigai needs, whole or not at all; gives the step reached."""
        with explained(self), self._turn(), self._writer.begin() as connection:
            migrate(connection)
        self._checked = False
        self._check()
        return str(_script().get_current_head())

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()


def _make(path: Path) -> None:
    """Make the file, if it is not there: the ledger names people, so only its owner may read it.

    A file that is there is not touched: closing a handle of our own would drop every lock that this process's
    connections hold on it, and another process would take the write-ahead log away under them.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _making, contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise ChigaiError(
            f"数据库文件无法建立：{error.strerror}。",
            f"The database's file cannot be made: {error.strerror}.",
            do_zh="请检查数据文件夹的权限和剩余空间。",
            do_en="check who may write to the data folder, and the space left.",
            file=path,
        ) from error


def migrate(connection: Connection, to: str = "head") -> None:
    """Run the steps from where the database stands to `to` ("base" empties it), in the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        if to != "base":
            _postgis(connection)
    script = _script()
    config = Config(attributes={"connection": connection})

    def steps(revision: Any, _context: Any) -> Any:
        if to == "base":
            return script._downgrade_revs("base", revision)
        return script._upgrade_revs(to, revision)

    with _migrating, EnvironmentContext(config, script, fn=steps, destination_rev=to):
        script.run_env()


def _postgis(connection: Connection) -> None:
    if connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'")):
        return
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE EXTENSION postgis"))
    except DBAPIError as error:
        raise ChigaiError(
            "这个 PostgreSQL 数据库没有 PostGIS 扩展，且当前用户无权添加。",
            "This PostgreSQL database has no PostGIS, and this user may not add it.",
            do_zh="请数据库管理员安装 PostGIS 并在该库中执行 CREATE EXTENSION postgis。",
            do_en="ask the database's administrator to install PostGIS and run CREATE EXTENSION postgis in it.",
        ) from error


def revisions() -> list[str]:
    """The steps of the schema that this chigai knows, the newest first."""
    return [step.revision for step in _script().walk_revisions()]


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _url(named: str | None) -> URL:
    given = named or os.environ.get(ENVIRONMENT)
    if not given:
        return URL.create("sqlite", database=str(plan_folders.home() / FILE))
    try:
        url = make_url(given)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
    if backend == "postgresql" or given.startswith("postgres://"):
        # the one driver that is installed, whichever way the address is written
        return make_url(given.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    raise ChigaiError(
        "数据库地址无法识别。",
        "The database's address is not understood.",
        do_zh=f"{ENVIRONMENT} 应形如 postgresql://用户:口令@主机/库名，或 sqlite:///文件路径；不填则使用数据文件夹内的 {FILE}。",
        do_en=f"{ENVIRONMENT} reads postgresql://user:password@host/name or sqlite:///path; without it {FILE} in the data folder is used.",
    )


@contextlib.contextmanager
def explained(store: Store) -> Iterator[None]:
    """What the driver complains of, as a ChigaiError without values, passwords or names in it."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error, psycopg.Error) as error:
        cause = getattr(error, "orig", None) or error
        said = str(cause).split("\n")[0]
        if "append only" in said:
            raise ChigaiError(
                "台账只能追加，不能修改或删除。",
                "The ledger takes additions only; nothing in it is changed or deleted.",
                do_zh="如有错误，请添加更正记录。",
                do_en="where something is wrong, add a correction.",
            ) from error
        if isinstance(cause, psycopg.OperationalError):
            # where the server went away, all connections are void
            store.engine.dispose(close=False)
        place = "PostgreSQL" if store.postgres else f"SQLite {FILE}"
        raise ChigaiError(
            f"数据库（{place}）拒绝或无法访问：{type(cause).__name__}。",
            f"The database ({place}) refused or cannot be reached: {type(cause).__name__}.",
            do_zh="请检查数据库是否在运行、地址和口令是否正确、磁盘是否已满；刚才的操作没有写入。",
            do_en="check that it runs, that address and password are right, that the disk is not full; nothing of this was written.",
            file=store.path,
        ) from error
