"""An SQL condition on the rows of a file: made fit for GDAL's own SQL, or decided by SQLite in memory."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa

from geo.errors import ChigaiError


class ConditionError(ChigaiError):
    """An SQL condition that cannot be run."""

    def __init__(self) -> None:
        super().__init__("筛选条件不能执行。", "The condition cannot be run.")


def columns(where: str | None, known: Collection[str]) -> list[str]:
    """The columns that a condition may speak of: one that is not read is null to it, and the wrong rows are chosen."""
    return [c for c in known if where and c.casefold() in where.casefold()]


def quoted(where: str, names: Collection[str]) -> str:
    """The condition with Chinese column names in double quotes, without which GDAL's own SQL knows none."""
    foreign = {c.casefold(): c for c in names if not c.isascii()}

    def word(match: re.Match[str]) -> str:
        name = foreign.get(match.group().casefold())
        return match.group() if name is None else f'"{name}"'

    # what stands in quotes already is passed over whole
    return re.sub(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+""", word, where)


def matching(table: pa.Table, where: str) -> np.ndarray:
    """Row positions that meet an SQL condition, decided by SQLite in memory with everything but reading denied."""
    names = "".join(', "' + c.replace('"', '""') + '"' for c in table.column_names)
    marks = ", ".join("?" for _ in range(table.num_columns + 1))
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
    memory = sqlite3.connect(":memory:")
    try:
        memory.execute(f'CREATE TABLE "rows" ("chigai row" INTEGER{names})')
        memory.executemany(f'INSERT INTO "rows" VALUES ({marks})', _values(table))
        memory.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY
        )
        found = memory.execute(f'SELECT "chigai row" FROM "rows" WHERE (\n{where}\n)').fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ConditionError from error
    finally:
        memory.close()
    rows = [r[0] for r in found]
    if not all(isinstance(r, int) and 0 <= r < table.num_rows for r in rows):
        raise ConditionError
    return np.array(rows, dtype=np.int64)


def _values(table: pa.Table) -> Iterator[tuple[object, ...]]:
    """The rows as SQLite takes them, numbers first."""
    at = 0
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [
            [v if isinstance(v, (int, float, str, bytes, type(None))) else str(v) for v in column.to_pylist()]
            for column in batch.columns
        ]
        yield from zip(range(at, at + batch.num_rows), *columns, strict=True)
        at += batch.num_rows
