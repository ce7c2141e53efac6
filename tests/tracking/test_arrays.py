"""What is kept in memory is what the database says, whoever wrote to it in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planning import programme as programmes
from tests.tracking.conftest import report
from tests.tracking.writer import opinion
from tracking import backup, ledger, progress, reports
from tracking.arrays import look
from tracking.ledger import Event, append
from tracking.register import change_block, register_plan
from tracking.store import Store

JIXI = programmes.load("jixi-2020-8")
DAY = date(2021, 10, 1)


def said(store: Store, day: date = DAY) -> list[pd.DataFrame]:
    """All that is told from memory."""
    return [
        reports.by_block(store, JIXI.id, day), ledger.states(store, day), pd.DataFrame(progress.targets(store, JIXI, day)),
    ]  # fmt: skip


def agrees_with_a_new_reader(store: Store, day: date = DAY) -> bool:
    new = Store(store.url.render_as_string(hide_password=False))
    try:
        return all(a.equals(b) for a, b in zip(said(store, day), said(new, day), strict=True))
    finally:
        new.close()


@pytest.fixture
def other(followed: Store) -> Any:
    """Somebody else at the same database."""
    found = Store(followed.url.render_as_string(hide_password=False))
    yield found
    found.close()


def test_what_others_report_and_put_right_is_seen_at_once(
    followed: Store, other: Store, season: Callable[..., list[Event]]
) -> None:
    assert said(followed)[0]["started"].isna().all()
    way = season("b1")
    for event in way:
        append(other, [event])
        assert agrees_with_a_new_reader(followed)
    assert said(followed)[0]["accepted"].notna().sum() == 1
    append(other, [report("correction", 20, "b1", "planner", corrects=way[5].id, measured_mu=28.0)])
    assert said(followed)[0]["measured_mu"].max() == 28.0


def test_what_others_change_of_a_block_is_seen_at_once(
    followed: Store, other: Store, write_plan: Callable[..., Path]
) -> None:
    assert set(said(followed)[0]["site_id"]) == {"s1", "s2"}
    change_block(other, "p", "b1", 1, {"site_id": "s9"}, "planner")
    assert "s9" in set(said(followed)[0]["site_id"])
    change_block(other, "p", "b1", 2, {"site_id": "s8"}, "planner")
    assert "s8" in set(said(followed)[0]["site_id"])
    register_plan(other, write_plan((100.0,) * 3, name="again"), "planner")
    assert said(followed)[0]["withdrawn"].sum() == 1
    assert said(followed)[0]["area_mu"].min() == pytest.approx(15.0)
    register_plan(other, write_plan((120.0,) * 4, "q"), "planner")
    assert agrees_with_a_new_reader(followed)


def test_another_ledger_in_the_place_of_this_one_is_seen(
    followed: Store, other: Store, tmp_path: Path
) -> None:
    approved = report("plan_approved", 0, "", "official")
    append(followed, [approved])
    backup.backup(followed, tmp_path / "first.zip")
    append(followed, [report("started", 1, "b1")])
    change_block(followed, "p", "b1", 1, {"site_id": "s9"}, "planner")
    assert said(followed)[0]["started"].notna().tolist() == [True, False, False, False]
    # as many events and changes as before, but others
    backup.restore(tmp_path / "first.zip", other, replace=True)
    append(other, [report("started", 1, "b2")])
    change_block(other, "p", "b2", 1, {"site_id": "s7"}, "planner")
    frame = said(followed)[0]
    assert frame["started"].notna().tolist() == [False, True, False, False]
    assert frame["site_id"].tolist() == ["s1", "s7", "s2", "s2"]
    assert agrees_with_a_new_reader(followed)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["way", "right", "void", "change", "look", "opinion"]), st.integers(1, 4), st.integers(0, 9)
    ),
    max_size=25,
)  # fmt: skip
KINDS = ("plan_approved", "started", "progress", "finished", "checked", "accepted")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, days=st.integers(0, 12))
def test_memory_never_falls_behind(
    followed: Store, other: Store, steps: list[tuple[str, int, int]], days: int
) -> None:
    for what, number, figure in steps:
        block = f"b{number}"
        if what == "change":
            seen = int(version(other, block))
            change_block(other, "p", block, seen, {"site_id": f"s{figure}"}, "planner")
        elif what == "look":
            said(followed)
        elif what == "opinion":
            append(other, [opinion(block)])
        elif what == "way":
            # whatever goes
            made = [
                report("plan_approved", 0, block, "official"), report("started", 1, block),
                report("progress", 2 + figure, block, done_mu=3.0 * figure), report("finished", 11, block),
                report("checked", 12, block, "county", passed=figure > 4, reason="r"),
            ]  # fmt: skip
            append(other, made[: figure + 1])
        else:
            old = ledger.events(other, block_id=block, kinds=["progress"], limit=1)
            for event_id in old["id"]:
                figures = {"done_mu": float(figure)} if what == "right" else {}
                append(other, [report("correction", 13, block, corrects=event_id, **figures)])
    assert agrees_with_a_new_reader(followed, date(2021, 9, 20) + timedelta(days=days))


def version(store: Store, block: str) -> int:
    from sqlalchemy import select

    from tracking.tables import blocks

    with store.reading() as connection:
        query = select(blocks.c.version).where(blocks.c.plan_id == "p", blocks.c.block_id == block)
        return int(connection.scalar(query) or 0)


def test_what_was_told_stays_as_it_was(followed: Store) -> None:
    append(followed, [report("plan_approved", 0, "", "official")])
    before = said(followed)
    copies = [frame.copy(deep=True) for frame in before]
    with look(followed) as seen:
        old = seen.ledger
    append(followed, [report("started", 1, "b1"), report("progress", 2, "b1", done_mu=5.0)])
    said(followed)
    assert all(a.equals(b) for a, b in zip(before, copies, strict=True))
    assert len(old.seq) == 1


def test_many_readers_while_others_write(followed: Store, other: Store) -> None:
    append(followed, [report("plan_approved", 0, "", "official")])
    failed: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        last = 0
        try:
            while not stop.is_set():
                with look(followed) as seen:
                    number = len(seen.ledger.seq)
                assert number >= last
                last = number
                reports.by_block(followed, JIXI.id, DAY)
        except BaseException as error:
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(30):
        append(other, [opinion(f"b{number % 4 + 1}")])
    stop.set()
    for reader in readers:
        reader.join()
    assert not failed
    assert agrees_with_a_new_reader(followed)
    with look(followed) as seen:
        assert seen.ledger.seq.tolist() == list(range(1, 32))


def test_figures_are_read_to_the_last_digit(followed: Store) -> None:
    exact = 10.0 / 3.0
    append(
        followed,
        [
            report("plan_approved", 0, ""), report("started", 1, "b1"), report("progress", 2, "b1", done_mu=exact),
            report("started", 1, "b2"), report("progress", 2, "b2", done_mu=0.1 + 0.2),
        ],
    )  # fmt: skip
    done = reports.by_block(followed, JIXI.id, DAY)["done_mu"]
    assert done.tolist()[:2] == [exact, 0.1 + 0.2]


def test_an_empty_database_has_nothing_to_tell(store: Store) -> None:
    assert reports.by_block(store, JIXI.id, DAY).empty and ledger.states(store).empty
    assert {row.planned_mu for row in progress.targets(store, JIXI, datetime.now(UTC).date())} == {0.0}
