"""The ledger's file by a job: as the one who asked sees it, for that one alone."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from geo.errors import CancelledError
from tests.tracking.conftest import HULIN, MISHAN, report
from tests.tracking.test_exports import finished
from tracking import audit, jobs, ledger, ledger_files, ledger_jobs, people, prepared
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store


@pytest.fixture
def desk(followed: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: None) -> Desk:
    monkeypatch.setenv("CHIGAI_DATABASE_URL", followed.url.render_as_string(hide_password=False))
    events = [
        report("plan_approved", 0, "", "official"),
        report("started", 1, "b1"),
        report("started", 2, "b3"),
        report("consent", 3, "b2", operator="张三", given=False),
        report("consent", 4, "b4", operator="李四", given=False),
    ]
    assert {r.status for r in ledger.append(followed, events)} == {"accepted"}
    return Desk(followed, LOCAL, tmp_path)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1:]


def of(desk: Desk, role: str, county: str) -> Desk:
    user = people.add_user(desk.store, LOCAL, "王", f"{role}{county}@example.org", role, [county])
    return Desk(desk.store, user, desk.home)


def test_a_job_writes_what_the_one_who_asked_sees_and_nobody_is_named(desk: Desk) -> None:
    mine = of(desk, "official", MISHAN)
    job = finished(ledger_jobs.prepare(mine, "csv", False, "zh", {"since": date(2021, 9, 21)}), desk.home)
    assert (job.kind, job.state) == ("ledger", "done"), job
    assert prepared.listed(desk, "ledger") == []
    (ready,) = prepared.listed(mine, "ledger")
    assert ready.path.suffix == ".csv" and ready.told == "csv 2 rows since=2021-09-21"
    content = prepared.fetch(mine, ready)
    assert [row[5] for row in rows(content)] == ["b4", "b3"] and "李四" not in content.decode("utf-8-sig")
    entry = audit.entries(desk.store, LOCAL).iloc[0]
    assert (entry["actor"], entry["action"], entry["target"]) == (mine.person.id, "export", "ledger")


def test_names_are_in_it_for_who_may_have_them_in_their_counties(desk: Desk) -> None:
    mine = of(desk, "planner", HULIN)
    finished(ledger_jobs.prepare(mine, "csv", True, "zh", {"kinds": ("consent",)}), desk.home)
    (ready,) = prepared.listed(mine, "ledger")
    said = prepared.fetch(mine, ready).decode("utf-8-sig")
    assert "张三" in said and "李四" not in said and "内部" in ready.path.name
    entry = audit.entries(desk.store, LOCAL).iloc[0]
    assert (entry["action"], entry["county"]) == ("export_private", HULIN)


@pytest.mark.parametrize(("role", "private"), [("field", False), ("viewer", False), ("official", True)])
def test_without_the_right_no_job_begins(desk: Desk, role: str, private: bool) -> None:
    at = Desk(desk.store, Person("x", "x", role, frozenset({HULIN})), desk.home)
    with pytest.raises(ForbiddenError):
        ledger_jobs.prepare(at, "xlsx", private, "zh", {})
    assert jobs.recent(desk.home) == []


def test_a_cancel_while_it_is_written_leaves_no_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_files, "OFTEN", 1)

    def stop(done: float) -> None:
        if done > 0.5:
            raise CancelledError

    request = {"kind": "xlsx", "private": False, "lang": "en", "filters": {}}
    with pytest.raises(CancelledError):
        ledger_jobs.make(desk, request, "j1", stop)
    assert prepared.listed(desk, "ledger") == [] and not (desk.home / "personal").exists()
