"""The findings of a check by a job: for who may know of the households of every county in the data."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from tests.page_home import checked_parcels
from tests.tracking.test_exports import finished
from tracking import finding_jobs, jobs, people, prepared
from tracking.desk import Desk
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"


def test_a_planner_of_the_county_has_them_prepared_and_nobody_else_sees_them(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    monkeypatch.setenv("CHIGAI_DATABASE_URL", store.url.render_as_string(hide_password=False))
    parcels = checked_parcels(tmp_path)
    asker = people.add_user(store, LOCAL, "王规划", "wang@example.org", "planner", [HULIN])
    mine = Desk(store, asker, tmp_path)
    job = finished(finding_jobs.prepare(mine, parcels, "xlsx", "zh"), tmp_path)
    assert (job.state, job.result) == ("done", f"personal/{job.id}"), job
    what = finding_jobs.what(parcels)
    assert prepared.listed(Desk(store, LOCAL, tmp_path), what) == []
    (ready,) = prepared.listed(mine, what)
    assert prepared.fetch(mine, ready) == ready.path.read_bytes()
    sheet = openpyxl.load_workbook(ready.path).active
    assert [cell.value for cell in sheet[2]][:2] == [7, "p7"]


@pytest.mark.parametrize(
    "person", [Person("m", "m", "planner", frozenset({MISHAN})), Person("o", "o", "official", None)]
)
def test_who_may_not_begins_nothing(store: Store, tmp_path: Path, person: Person) -> None:
    parcels = checked_parcels(tmp_path)
    with pytest.raises(ForbiddenError):
        finding_jobs.prepare(Desk(store, person, tmp_path), parcels, "csv", "zh")
    assert jobs.recent(tmp_path) == []


def test_many_are_so_by_the_sum_of_all_kinds() -> None:
    half = {"count": finding_jobs.AT_A_TIME // 2}
    assert not finding_jobs.many({"summary": [half, half]})
    assert finding_jobs.many({"summary": [half, half, {"count": 1}]})
