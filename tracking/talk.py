"""Several statements in one message to the database, as the driver's plain values: whoever holds the ledger is quick."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import ARRAY, ColumnElement, Connection, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement

Values = Mapping[str, Any]
Question = tuple[ClauseElement, Values | Sequence[Values]]
"""A statement, which is kept for good, and its values; with a list of them it is run for each."""


class Among(ColumnElement[bool]):
    """Whether a column's value is in the list that is given as `name`, however long that is."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column, self.name = column, name


@compiles(Among, "postgresql")
def _among_array(one: Among, compiler: Any, **options: Any) -> str:
    given = bindparam(one.name, type_=ARRAY(one.column.type))
    return f"{compiler.process(one.column, **options)} = ANY ({compiler.process(given, **options)})"


@compiles(Among, "sqlite")
def _among_json(one: Among, compiler: Any, **options: Any) -> str:
    given = compiler.process(bindparam(one.name, type_=Text()), **options)
    return f"{compiler.process(one.column, **options)} IN (SELECT value FROM json_each({given}))"


_compiled: dict[tuple[ClauseElement, str], Any] = {}


def ask(connection: Connection, *questions: Question) -> list[list[tuple[Any, ...]]]:
    """The rows of each statement, in order; PostgreSQL gets and answers them all in one message.

    Values and rows are the driver's own: moments are whole microseconds; SQLite gives ids as texts and yes and
    no as numbers.
    """
    postgres = connection.dialect.name == "postgresql"
    driver: Any = connection.connection.driver_connection
    together = postgres and psycopg.Pipeline.is_supported()
    cursors = []
    with driver.pipeline() if together else contextlib.nullcontext():
        for statement, values in questions:
            text = _compiled.get((statement, connection.dialect.name))
            if text is None:
                text = statement.compile(dialect=connection.dialect)
                _compiled[statement, connection.dialect.name] = text
            cursor = driver.cursor()
            if isinstance(values, Mapping):
                cursor.execute(str(text), _given(text, values, postgres))
            else:
                cursor.executemany(str(text), [_given(text, each, postgres) for each in values])
            cursors.append(cursor)
    return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def _given(text: Any, values: Values, postgres: bool) -> Any:
    if postgres:
        return {**text.params, **values}
    whole = {**text.params, **values}
    return [_for_sqlite(whole[name]) for name in text.positiontup]


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    return json.dumps([_for_sqlite(one) for one in value]) if isinstance(value, list) else value
