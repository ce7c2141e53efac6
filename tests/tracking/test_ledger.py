"""What was acknowledged is in the ledger, once, for good; what was not taken says why."""

from __future__ import annotations

import json
import os
import random
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import sqlalchemy as sa

from geo.errors import ChigaiError
from tests.tracking.writer import heard, opinion, start
from tracking import ledger, tables
from tracking.ledger import Event, Receipt, append, conflicts, events, states, verify
from tracking.register import change_block, register_plan
from tracking.store import Store

Make = Callable[..., Event]
SHANGHAI = ZoneInfo("Asia/Shanghai")


def statuses(receipts: Sequence[Receipt]) -> list[str]:
    return [r.status for r in receipts]


def of(frame: pd.DataFrame, block: str) -> dict[str, Any]:
    return dict(frame.set_index("block_id").loc[block])


def test_a_block_goes_its_whole_way(followed: Store, season: Callable[..., list[Event]]) -> None:
    receipts = append(followed, season())
    assert statuses(receipts) == ["accepted"] * 7
    assert [r.seq for r in receipts] == list(range(1, 8))
    b1 = of(states(followed), "b1")
    assert b1["state"] == "mapped"
    assert (b1["done_mu"], b1["measured_mu"]) == (b1["area_mu"], 29.5)
    days = [str(b1[n])[:10] for n in ("started_on", "finished_on", "accepted_on", "last_report")]
    assert days == ["2021-09-21", "2021-09-25", "2021-09-28", "2021-09-25"]
    assert of(states(followed), "b2")["state"] == "approved"
    assert verify(followed) is None


@pytest.mark.parametrize(
    ("day", "state", "done"),
    [
        (date(2021, 9, 19), "planned", 0.0),
        (date(2021, 9, 20), "approved", 0.0),
        (date(2021, 9, 21), "started", 0.0),
        (date(2021, 9, 22), "started", 10.0),
        (date(2021, 9, 25), "finished", 30.0),
        (date(2021, 9, 26), "checked", 30.0),
        (date(2021, 9, 28), "accepted", 30.0),
        (date(2021, 9, 29), "mapped", 30.0),
    ],
)
def test_any_day_can_be_asked(
    followed: Store, season: Callable[..., list[Event]], day: date, state: str, done: float
) -> None:
    append(followed, season())
    b1 = of(states(followed, day), "b1")
    assert (b1["state"], round(b1["done_mu"], 6)) == (state, done)


def test_a_day_ends_at_midnight_in_shanghai(followed: Store, report: Make) -> None:
    append(followed, [report("plan_approved", 0, "")])
    last = datetime(2021, 11, 15, 23, 59, 59, 999999, tzinfo=SHANGHAI)
    first = datetime(2021, 11, 16, tzinfo=SHANGHAI)
    append(followed, [replace(report("started", 0, "b1"), happened=last)])
    append(followed, [replace(report("started", 0, "b2"), happened=first)])
    found = states(followed, date(2021, 11, 15))
    assert (of(found, "b1")["state"], of(found, "b2")["state"]) == ("started", "approved")
    assert str(of(states(followed), "b2")["started_on"])[:10] == "2021-11-16"


def test_what_was_received_later_can_be_left_out(followed: Store, report: Make) -> None:
    early, late = datetime(2021, 10, 1, tzinfo=UTC), datetime(2021, 12, 1, tzinfo=UTC)
    append(followed, [report("plan_approved", 0, "")], now=early)
    append(followed, [report("started", 1)], now=late)
    day = date(2021, 9, 30)
    assert of(states(followed, day), "b1")["state"] == "started"
    assert of(states(followed, day, known=early), "b1")["state"] == "approved"


def test_plans_and_counties_are_asked_apart(
    followed: Store, write_plan: Callable[..., Path], report: Make
) -> None:
    register_plan(followed, write_plan((100.0,), plan_id="other"), "planner")
    append(followed, [report("plan_approved", 0, "", plan_id="other")])
    assert states(followed, plan_id="other")["state"].tolist() == ["approved"]
    assert states(followed, plan_id="p", county="230382")["block_id"].tolist() == ["b3", "b4"]
    assert set(states(followed, plan_id="p")["state"]) == {"planned"}


def test_the_same_event_twice_counts_once(followed: Store, season: Callable[..., list[Event]]) -> None:
    sent = season()
    first = append(followed, sent)
    again = append(followed, sent)
    assert statuses(again) == ["repeated"] * 7
    assert [(r.seq, r.hash) for r in again] == [(r.seq, r.hash) for r in first]
    doubled = [opinion("b2")] * 2
    assert statuses(append(followed, doubled)) == ["accepted", "repeated"]
    assert len(events(followed)) == 8
    assert conflicts(followed).empty


def test_the_same_moment_in_another_zone_is_the_same_event(followed: Store, report: Make) -> None:
    sent = report("plan_approved", 0, "")
    other = replace(sent, happened=sent.happened.astimezone(SHANGHAI))
    assert statuses(append(followed, [sent, other])) == ["accepted", "repeated"]


def test_the_same_id_with_other_content_is_a_conflict_that_is_kept(followed: Store, report: Make) -> None:
    sent = report("plan_approved", 0, "", note="first")
    other = replace(sent, note="second")
    append(followed, [sent])
    for _ in range(2):
        (receipt,) = append(followed, [other])
        assert (receipt.status, receipt.code) == ("conflict", "content")
        assert "备注" in receipt.zh and "note" in receipt.en
    kept = conflicts(followed)
    assert len(kept) == 1 and json.loads(kept["sent"][0])["note"] == "second"
    assert events(followed)["note"].tolist() == ["first"]
    assert statuses(append(followed, [sent])) == ["repeated"]


def test_a_report_on_a_block_that_changed_is_a_conflict_until_it_is_looked_at(
    followed: Store, report: Make
) -> None:
    append(followed, [report("plan_approved", 0, "")])
    change_block(followed, "p", "b1", 1, {"village": "东村"}, "planner")
    sent = report("started", 1, block_version=1)
    (receipt,) = append(followed, [sent])
    assert (receipt.status, receipt.code) == ("conflict", "changed")
    assert "V0 → 东村" in receipt.zh and "V0 → 东村" in receipt.en
    assert not conflicts(followed)["settled"].any()
    assert statuses(append(followed, [replace(sent, block_version=2)])) == ["accepted"]
    assert conflicts(followed)["settled"].all()


def test_a_refused_event_leaves_nothing(followed: Store, report: Make) -> None:
    receipts = append(followed, [report("started", 1), report("accepted", 2, measured_mu=30.0)])
    assert statuses(receipts) == ["refused", "refused"]
    assert all(r.zh and r.en and r.code == "order" and r.seq is None for r in receipts)
    assert events(followed).empty and conflicts(followed).empty


def test_a_batch_takes_what_is_right_and_refuses_the_rest(followed: Store, report: Make) -> None:
    sent = [
        report("plan_approved", 0, ""),
        report("started", 1, "b1"),
        report("finished", 1, "b2"),
        report("started", 1, "nowhere"),
        report("progress", 2, "b1", done_mu=31.5),
        report("progress", 2, "b1", done_mu=31.6),
    ]
    found = append(followed, sent)
    assert [r.code for r in found] == ["", "", "order", "block", "", "area"]


def test_nobody_reports_beyond_his_counties(followed: Store, report: Make) -> None:
    append(followed, [report("plan_approved", 0, "")])
    sent = [report("started", 1, "b1"), report("started", 1, "b3"), report("plan_approved", 1, "")]
    found = append(followed, sent, counties=["230381"])
    assert [r.code for r in found] == ["", "county", "county"]


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "no id"},
        {"corrects": "neither"},
        {"happened": datetime(2021, 10, 1)},
        {"happened": None},
        {"done_mu": float("nan")},
        {"done_mu": float("inf")},
        {"done_mu": "much"},
        {"kind": "harvested"},
        {"note": "x" * 5000},
        {"note": "a\x00b"},
        {"note": None},
        {"actor": ""},
        {"files": None},
        {"files": (1,)},
        {"level_points": 1.5},
        {"block_version": "two"},
        {"note": "\ud800"},
    ],
    ids=str,
)
def test_what_is_no_event_is_refused_in_words(followed: Store, report: Make, broken: dict[str, Any]) -> None:
    good = report("plan_approved", 0, "b2")
    found = append(followed, [replace(report("plan_approved", 0, "b1"), **broken), good])
    assert statuses(found) == ["refused", "accepted"]
    assert found[0].zh and found[0].en


def test_a_late_report_takes_its_place(followed: Store, report: Make) -> None:
    append(followed, [report("plan_approved", 0, ""), report("started", 1), report("finished", 5)])
    assert statuses(append(followed, [report("progress", 3, done_mu=12.0)])) == ["accepted"]
    assert of(states(followed, date(2021, 9, 23)), "b1")["done_mu"] == 12.0
    assert of(states(followed), "b1")["state"] == "finished"
    (receipt,) = append(followed, [report("progress", 2, done_mu=13.0)])
    assert receipt.status == "refused" and receipt.zh.startswith("与之后的记录矛盾")


def test_a_correction_puts_figures_right_and_keeps_the_old_event(followed: Store, report: Make) -> None:
    wrong = report("progress", 2, done_mu=21.0)
    append(followed, [report("plan_approved", 0, ""), report("started", 1), wrong])
    before = states(followed)
    assert of(before, "b1")["done_mu"] == 21.0
    assert statuses(append(followed, [report("correction", 3, corrects=wrong.id, done_mu=12.0)])) == [
        "accepted"
    ]
    assert of(states(followed), "b1")["done_mu"] == 12.0
    assert set(events(followed)["done_mu"].dropna()) == {21.0, 12.0}
    assert statuses(append(followed, [report("progress", 4, done_mu=15.0)])) == ["accepted"]


def test_a_correction_without_figures_makes_an_event_void(followed: Store, report: Make) -> None:
    start_ = report("started", 1)
    append(followed, [report("plan_approved", 0, ""), start_])
    assert statuses(append(followed, [report("correction", 2, corrects=start_.id)])) == ["accepted"]
    b1 = of(states(followed), "b1")
    assert b1["state"] == "approved" and pd.isna(b1["started_on"])
    assert statuses(append(followed, [report("progress", 3, done_mu=1.0)])) == ["refused"]


def test_what_others_rest_on_cannot_be_made_void(
    followed: Store, season: Callable[..., list[Event]], report: Make
) -> None:
    sent = season()
    append(followed, sent)
    (receipt,) = append(followed, [report("correction", 10, corrects=sent[1].id)])
    assert (receipt.status, receipt.code) == ("refused", "order")
    (receipt,) = append(followed, [report("correction", 10, "", corrects=sent[0].id)])
    assert (receipt.status, receipt.code) == ("refused", "order")


def test_an_approval_of_the_plan_is_taken_back_before_work_begins(followed: Store, report: Make) -> None:
    approval = report("plan_approved", 0, "")
    append(followed, [approval])
    assert append(followed, [report("plan_approved", 1, "")])[0].code == "order"
    assert statuses(append(followed, [report("correction", 1, "", corrects=approval.id)])) == ["accepted"]
    assert set(states(followed)["state"]) == {"planned"}
    assert statuses(append(followed, [report("started", 2)])) == ["refused"]


def test_operators_are_shown_only_where_asked_for(followed: Store, report: Make) -> None:
    sent = opinion()
    append(followed, [sent])
    append(followed, [replace(sent, given=False)])
    change_block(followed, "p", "b1", 1, {"village": "东村"}, "planner")
    assert "operator" not in events(followed).columns
    assert events(followed, private=True)["operator"].tolist() == ["张三"]
    assert "张三" not in "".join(conflicts(followed)["sent"])
    assert "张三" in conflicts(followed, private=True)["sent"][0]


def test_the_ledger_is_read_by_what_one_looks_for(
    followed: Store, season: Callable[..., list[Event]]
) -> None:
    append(followed, season("b1"))
    append(followed, season("b3", approve=False))
    assert events(followed, county="230382")["block_id"].unique().tolist() == ["b3"]
    assert len(events(followed, kinds=["started", "finished"], block_id="b1")) == 2
    assert len(events(followed, since=date(2021, 9, 21), until=date(2021, 9, 22))) == 4
    assert events(followed, actor="county")["kind"].unique().tolist() == ["checked"]
    assert events(followed, limit=1)["seq"].tolist() == [13]
    assert events(followed, plan_id="other").empty


ROWS = {
    tables.files: {
        "sha": "a", "media_type": "image/jpeg", "bytes": 1, "width": 1, "height": 1, "received": datetime(2021, 9, 20, tzinfo=UTC), "actor": "me",
    },
    tables.audit: {
        "at": datetime(2021, 9, 20, tzinfo=UTC), "actor": "me", "action": "export", "target": "p", "outcome": "done", "detail": "",
    },
    tables.approvals: {
        "plan": "p", "programme": "jixi-2020-8", "sha256": "a", "at": datetime(2021, 9, 20, tzinfo=UTC), "actor": "me",
    },
}  # fmt: skip


@pytest.mark.parametrize("table", tables.APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET actor = 'x'", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_what_was_written(
    followed: Store, table: str, statement: str, report: Make
) -> None:
    sent = report("plan_approved", 0, "")
    append(followed, [sent, replace(sent, note="other")])
    change_block(followed, "p", "b1", 1, {"village": "东村"}, "planner")
    with followed.writing() as connection:
        for kept, row in ROWS.items():
            connection.execute(sa.insert(kept), row)
    with pytest.raises(ChigaiError, match="additions only"), followed.writing() as connection:
        connection.execute(sa.text(statement.format(table)))
    with followed.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.metadata.tables[table])) == 1


def test_an_event_is_not_replaced_either(followed: Store, report: Make) -> None:
    append(followed, [report("plan_approved", 0, "", note="first")])
    statement = "INSERT OR REPLACE INTO events SELECT * FROM events"
    if followed.postgres:
        statement = "TRUNCATE events"
    with pytest.raises(ChigaiError, match="additions only"), followed.writing() as connection:
        connection.execute(sa.text(statement))
    assert events(followed)["note"].tolist() == ["first"]


def test_twenty_writers_lose_nothing_and_write_nothing_twice(followed: Store) -> None:
    sent = [[opinion(f"b{1 + i % 4}") for _ in range(10)] for i in range(20)]
    # everybody sends the first of his neighbour too
    sent = [[*own, sent[i - 1][0]] for i, own in enumerate(sent)]

    def write(own: list[Event]) -> list[str]:
        return [append(followed, [e])[0].status for e in own]

    with ThreadPoolExecutor(20) as pool:
        counted = Counter(s for found in pool.map(write, sent) for s in found)
    assert counted == {"accepted": 200, "repeated": 20}
    assert set(events(followed)["id"]) == {e.id for own in sent for e in own}
    assert verify(followed) is None


def test_one_that_cannot_be_written_does_not_take_the_others_with_it(followed: Store) -> None:
    def fail(_connection: sa.Connection) -> None:
        raise ValueError("mine alone")

    def write(i: int) -> str:
        if i % 5 == 0:
            with pytest.raises(ValueError, match="mine alone"):
                followed.together(fail)
            return "failed"
        return append(followed, [opinion()])[0].status

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(write, range(40))) == {"failed": 8, "accepted": 32}
    assert len(events(followed)) == 32 and verify(followed) is None


def test_processes_that_write_at_once_do_not_fork_the_chain(followed: Store) -> None:
    url = followed.url.render_as_string(hide_password=False)
    started = [start(url, 15) for _ in range(4)]
    told = [event_id for process, pipe in started for event_id in heard(pipe)]
    for process, _ in started:
        process.join(30)
        assert process.exitcode == 0
    assert len(told) == 60 and set(events(followed)["id"]) == set(told)
    assert verify(followed) is None


def test_what_was_acknowledged_survives_a_kill(followed: Store) -> None:
    url = followed.url.render_as_string(hide_password=False)
    chance = random.Random(7)
    told: set[uuid.UUID] = set()
    for _ in range(20):
        process, pipe = start(url, 10_000)
        for _ in range(chance.randint(1, 12)):
            told.add(uuid.UUID(bytes=pipe.recv_bytes()))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        told.update(heard(pipe))
        process.join(30)
    kept = events(followed)["id"]
    assert told <= set(kept)
    # of each writer at most one was written and not told any more
    assert len(told) <= len(kept) <= len(told) + 20 and kept.is_unique
    assert verify(followed) is None
    assert statuses(append(followed, [opinion()])) == ["accepted"]


def test_states_are_what_the_raw_events_say(
    followed: Store, season: Callable[..., list[Event]], report: Make
) -> None:
    chance = random.Random(3)
    wrong = report("progress", 3, "b2", done_mu=5.0)
    append(followed, [*season("b1"), report("started", 2, "b2"), wrong, *season("b3", approve=False)[:4]])
    append(followed, [report("correction", 4, "b2", corrects=wrong.id, done_mu=4.0)])
    append(
        followed,
        [
            report("checked", 9, "b3", "county", passed=False, reason="不平"),
            report("progress", 10, "b3", done_mu=20.0),
        ],
    )
    raw = events(followed).sort_values("seq")
    for day in (date(2021, 9, 20) + timedelta(days=d) for d in chance.sample(range(12), 6)):
        found = states(followed, day).set_index("block_id")
        for block in ("b1", "b2", "b3", "b4"):
            assert (found.loc[block, "state"], found.loc[block, "done_mu"]) == by_hand(raw, block, day)


def by_hand(raw: pd.DataFrame, block: str, day: date) -> tuple[str, float]:
    """State and area done of a block of 30 mu, straight from the events."""
    state, done = "planned", 0.0
    fixed = {row.corrects: row.done_mu for row in raw.itertuples() if row.kind == "correction"}
    for row in raw[raw["block_id"].isin(["", block])].sort_values(["happened", "seq"]).itertuples():
        if row.happened.astimezone(SHANGHAI).date() > day or row.kind in ("correction", "consent"):
            continue
        state = {"plan_approved": "approved", "progress": "started"}.get(row.kind, row.kind)
        if row.kind == "checked" and not row.passed:
            state = "returned"
        done = fixed.get(row.id, row.done_mu) if row.kind == "progress" else done
    whole = state in ("finished", "checked", "returned", "accepted", "mapped")
    return state, pytest.approx(30.0 if whole else done)


def test_ledgers_doors_are_all_there() -> None:
    assert all(hasattr(ledger, name) for name in ledger.__all__)
