"""The audit: what is put down, with what it was done to, and that it stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from geo.errors import ChigaiError
from tracking import audit, people, tables
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store


def put(store: Store, *targets: str, at: datetime | None = None, actor: str = "u1") -> None:
    with store.writing() as connection:
        for target in targets:
            audit.write(connection, actor, "export", target, "done", "230381", "xlsx", at)


def test_entries_come_with_the_last_first_and_the_actor_s_name(store: Store) -> None:
    user = people.add_user(store, LOCAL, "李四", "li@example.cn", "field", None)
    put(store, "a", "b", actor=user.id)
    found = audit.entries(store, LOCAL)
    assert list(found["target"]) == ["b", "a", user.id]
    assert list(found["name"][:2]) == ["李四", "李四"]
    assert found["at"][0].tzinfo is not None and found["county"][0] == "230381"
    assert list(audit.entries(store, LOCAL, actor=user.id)["target"]) == ["b", "a"]
    assert list(audit.entries(store, LOCAL, limit=1)["target"]) == ["b"]


def test_a_day_begins_and_ends_in_shanghai(store: Store) -> None:
    midnight = datetime(2021, 10, 7, 16, 0, tzinfo=UTC)
    put(store, "before", at=midnight - timedelta(microseconds=1))
    put(store, "first", at=midnight)
    put(store, "last", at=midnight + timedelta(days=1, microseconds=-1))
    put(store, "after", at=midnight + timedelta(days=1))
    day = date(2021, 10, 8)
    assert list(audit.entries(store, LOCAL, since=day, until=day)["target"]) == ["last", "first"]


def test_nothing_in_it_is_changed_or_deleted(store: Store) -> None:
    put(store, "a")
    for statement in (update(tables.audit).values(actor="nobody"), delete(tables.audit)):
        with pytest.raises(ChigaiError), store.writing() as connection:
            connection.execute(statement)
    assert list(audit.entries(store, LOCAL)["actor"]) == ["u1"]


def test_it_stands_if_and_only_if_the_change_does(store: Store) -> None:
    with pytest.raises(RuntimeError), store.writing() as connection:
        audit.write(connection, "u1", "export", "a", "done")
        raise RuntimeError
    assert audit.entries(store, LOCAL).empty


def test_whatever_was_refused_can_be_put_down(store: Store) -> None:
    with store.writing() as connection:
        audit.write(connection, "u1", "report", "b\x001 \ud800" + "x" * 9999, "refused")
    (target,) = audit.entries(store, LOCAL)["target"]
    assert target.startswith("b1 ?xx") and len(target) == audit.LONGEST


def test_it_is_read_by_planners_of_every_county_alone(store: Store) -> None:
    for role, counties in (("planner", frozenset({"230381"})), ("official", None), ("", None)):
        with pytest.raises(ForbiddenError):
            audit.entries(store, Person("u1", "李四", role, counties))
    assert list(audit.entries(store, LOCAL)["outcome"]) == ["refused"] * 3
