"""Who may take what out of a plan, what the audit has of it, and the jobs that prepare large files."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from geo.errors import ChigaiError
from geo.export.options import Options
from geo.export.selection import Selection
from tests.page_home import small_plan
from tracking import audit, exports, jobs, people, prepared
from tracking.desk import Desk
from tracking.exports import FORMATS, Wanted
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store

HULIN, MISHAN = "230381", "230382"
PLANNER = Person("p", "王规划", "planner", None)
OF_HULIN = Person("h", "虎林", "planner", frozenset({HULIN}))
OF_MISHAN = Person("m", "密山", "planner", frozenset({MISHAN}))
OFFICIAL = Person("o", "领导", "official", None)
VIEWER = Person("v", "查看", "viewer", None)
FIELD = Person("f", "施工", "field", frozenset({HULIN}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan of one county, Hulin, below a home of its own."""
    return small_plan(tmp_path / "plans" / "one")


def desk(store: Store, person: Person, folder: Path) -> Desk:
    return Desk(store, person, folder.parents[1])


def told(store: Store) -> pd.DataFrame:
    return audit.entries(store, PLANNER)[["actor", "action", "county", "target", "outcome", "detail"]]


@pytest.mark.parametrize("person", [PLANNER, OF_MISHAN, OFFICIAL, VIEWER], ids=lambda p: p.id)
def test_whoever_may_export_takes_the_public_plan_and_the_audit_has_it(
    store: Store, folder: Path, tmp_path: Path, person: Person
) -> None:
    wanted = Wanted("gpkg", selection=Selection(counties=(HULIN,)))
    exports.take(desk(store, person, folder), folder, wanted, tmp_path / "a.gpkg")
    assert (tmp_path / "a.gpkg").stat().st_size > 0
    (row,) = told(store).to_dict("records")
    assert row == {
        "actor": person.id, "action": "export", "county": None, "target": "plan one", "outcome": "done",
        "detail": "gpkg.gpkg counties=230381",
    }  # fmt: skip


def test_whoever_may_not_export_takes_nothing(store: Store, folder: Path, tmp_path: Path) -> None:
    for fmt in FORMATS:
        out = tmp_path / f"a{Wanted(fmt).ending()}"
        with pytest.raises(ForbiddenError):
            exports.take(desk(store, FIELD, folder), folder, Wanted(fmt), out)
        assert not out.exists()
    assert set(told(store)["outcome"]) == {"refused"}


HOUSEHOLDS = Wanted("households")
OWN_IDS = Wanted("stakes", own_ids=True)


@pytest.mark.parametrize("wanted", [HOUSEHOLDS, OWN_IDS], ids=["households", "own ids"])
@pytest.mark.parametrize("person", [OF_MISHAN, OFFICIAL, VIEWER, FIELD], ids=lambda p: p.id)
def test_households_are_for_planners_of_the_county_alone(
    store: Store, folder: Path, tmp_path: Path, person: Person, wanted: Wanted
) -> None:
    for selection in (Selection(), Selection(counties=(HULIN,)), Selection(blocks=("B1",))):
        asked = Wanted(wanted.fmt, selection=selection, own_ids=wanted.own_ids)
        with pytest.raises(ForbiddenError):
            exports.take(desk(store, person, folder), folder, asked, tmp_path / "h.xlsx")
    assert not (tmp_path / "h.xlsx").exists()
    assert set(told(store)["outcome"]) == {"refused"} and set(told(store)["action"]) == {"export_private"}


@pytest.mark.parametrize("person", [PLANNER, OF_HULIN, LOCAL], ids=lambda p: p.id)
def test_a_planner_of_the_county_takes_them_and_the_audit_names_it(
    store: Store, folder: Path, tmp_path: Path, person: Person
) -> None:
    exports.take(desk(store, person, folder), folder, HOUSEHOLDS, tmp_path / "h.xlsx")
    book = openpyxl.load_workbook(tmp_path / "h.xlsx")
    assert "内部资料" in book.worksheets[0].oddHeader.right.text
    (row,) = told(store).to_dict("records")
    # a planner of some counties gets these, and it says so
    limited = person.counties is not None
    assert (row["action"], row["outcome"]) == ("export_private", "done")
    assert row["county"] == (HULIN if limited else None)
    assert row["detail"] == "households.xlsx" + (" counties=230381" if limited else "")


def test_the_audit_never_has_what_is_in_the_file(store: Store, folder: Path, tmp_path: Path) -> None:
    exports.take(desk(store, LOCAL, folder), folder, OWN_IDS, tmp_path / "s.xlsx")
    said = told(store).to_json()
    assert "own ids" in said and not any(name in said for name in ("o0", "o1", "p1", "p2"))


def test_a_failed_export_is_not_put_down_as_taken(store: Store, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ChigaiError):
        exports.take(
            desk(store, LOCAL, folder),
            folder,
            Wanted("gpkg", selection=Selection(sites=("S9",))),
            tmp_path / "a.gpkg",
        )
    assert told(store).empty


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (Wanted("kml", options=Options(datum="gcj02")), "kml.kml datum=gcj02"),
        (Wanted("dxf", ".zip", options=Options(cad="2007", scale=500)), "dxf.zip cad=2007 scale=500"),
        (Wanted("txt", options=Options(points=frozenset({"prefix", "gbk"}))), "txt.txt points=gbk,prefix"),
        (Wanted("sheets", selection=Selection(sites=("S1", "S2"))), "sheets.pdf sites=S1,S2"),
    ],
)
def test_what_was_asked_for_in_a_line(wanted: Wanted, line: str) -> None:
    assert wanted.told() == line
    again = Wanted.of_json(json.loads(json.dumps(wanted.as_json())), lambda fraction: None)
    assert again.told() == line


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Wanted("gpkg"), "one.gpkg"),
        (Wanted("stakes", selection=Selection(sites=("S230381-001",))), "one-S230381-001-stakes.xlsx"),
        (Wanted("kml", options=Options(datum="gcj02")), "one-GCJ02.kml"),
        (
            Wanted("households", ".pdf", Selection(counties=(HULIN,), villages=("安仁村",))),
            "one-虎林市-安仁村-households-内部.pdf",
        ),
        (Wanted("dxf", ".zip", Selection(blocks=("a", "b", "c"))), "one-a-b-等-dxf.zip"),
    ],
)
def test_a_file_says_by_its_name_what_it_is(wanted: Wanted, name: str) -> None:
    assert exports.file_name("one", wanted, {HULIN: ("虎林市", "Hulin")}) == name


# files that a job prepares


def test_a_job_prepares_a_file_that_whoever_may_export_fetches(store: Store, folder: Path) -> None:
    home = folder.parents[1]
    asked = Wanted("dxf", ".zip", Selection(counties=(HULIN,)))
    job_id = exports.prepare(desk(store, VIEWER, folder), folder, asked)
    job = finished(job_id, home)
    assert (job.state, job.result, job.by) == ("done", f"exports/{job_id}", "v"), job
    (ready,) = prepared.listed(desk(store, OFFICIAL, folder), "plan one")
    assert ready.path.name == "one-虎林市-dxf.zip" and ready.told == "dxf.zip counties=230381"
    assert ready.size_mb > 0 and not ready.private
    assert prepared.listed(desk(store, OFFICIAL, folder), "plan other") == []
    content = prepared.fetch(desk(store, OFFICIAL, folder), ready)
    assert content == ready.path.read_bytes()
    with zipfile.ZipFile(ready.path) as archive:
        assert len(archive.namelist()) == 1
    (row,) = told(store).to_dict("records")
    assert (row["actor"], row["action"], row["detail"]) == ("o", "export", "dxf.zip counties=230381")


@pytest.mark.usefixtures("at_once")
def test_what_cannot_be_made_ends_in_words(store: Store, folder: Path) -> None:
    job_id = exports.prepare(
        desk(store, VIEWER, folder), folder, Wanted("gpkg", selection=Selection(sites=("S9",)))
    )
    job = finished(job_id, folder.parents[1])
    assert job.state == "failed" and "没有示范点" in job.message_zh
    assert prepared.listed(desk(store, VIEWER, folder), "plan one") == []


def test_households_are_prepared_by_who_may_see_them_alone(store: Store, folder: Path) -> None:
    for person in (OF_MISHAN, OFFICIAL, VIEWER, FIELD):
        for wanted in (HOUSEHOLDS, OWN_IDS):
            with pytest.raises(ForbiddenError):
                exports.prepare(desk(store, person, folder), folder, wanted)
    assert not (folder.parents[1] / "jobs").exists()
    assert set(told(store)["action"]) == {"export_private"} and set(told(store)["outcome"]) == {"refused"}


@pytest.fixture
def asker(store: Store, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A planner of one county, whom the job's own process finds in the database too."""
    monkeypatch.setenv("CHIGAI_DATABASE_URL", store.url.render_as_string(hide_password=False))
    return people.add_user(store, LOCAL, "王规划", "wang@example.org", "planner", [HULIN])


@pytest.mark.usefixtures("at_once")
def test_a_household_list_is_prepared_for_the_one_who_asked_and_the_audit_has_the_download(
    store: Store, folder: Path, asker: Person
) -> None:
    home = folder.parents[1]
    job = finished(exports.prepare(desk(store, asker, folder), folder, HOUSEHOLDS), home)
    assert (job.kind, job.state, job.result) == ("private", "done", f"personal/{job.id}"), job
    place = home / "personal" / job.id
    assert place.stat().st_mode & 0o077 == 0
    # planners of the same county see nothing of it, nor may they stop it
    for other in (OF_HULIN, PLANNER, LOCAL):
        assert prepared.listed(desk(store, other, folder), "plan one") == []
        assert not desk(store, other, folder).sees(job)
    (ready,) = prepared.listed(desk(store, asker, folder), "plan one")
    with pytest.raises(ForbiddenError):
        prepared.fetch(desk(store, OF_HULIN, folder), ready)
    content = prepared.fetch(desk(store, asker, folder), ready)
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert "内部资料" in book.worksheets[0].oddHeader.right.text
    row = told(store).iloc[0].to_dict()
    assert (row["actor"], row["action"], row["county"], row["outcome"]) == (
        asker.id, "export_private", HULIN, "done",
    )  # fmt: skip


@pytest.mark.usefixtures("at_once")
def test_a_job_in_the_name_of_somebody_who_lost_the_right_makes_nothing(
    store: Store, folder: Path, asker: Person
) -> None:
    home = folder.parents[1]
    people.change_user(store, LOCAL, asker.id, 1, role="official")
    job = finished(exports.prepare(desk(store, asker, folder), folder, HOUSEHOLDS), home)
    assert job.state == "failed" and "没有“导出农户信息”的权限" in job.message_zh
    people.change_user(store, LOCAL, asker.id, 2, role="planner", active=False)
    assert finished(exports.prepare(desk(store, asker, folder), folder, HOUSEHOLDS), home).state == "failed"
    assert not (home / "personal").exists()


def test_nobody_without_the_right_prepares_sees_or_stops(store: Store, folder: Path) -> None:
    at = desk(store, FIELD, folder)
    for refused in (lambda: exports.prepare(at, folder, Wanted("gpkg")), lambda: at.start("export", {})):
        with pytest.raises(ForbiddenError):
            refused()
    assert prepared.listed(at, "plan one") == []


def test_an_export_is_stopped_by_whoever_may_export_and_a_plan_is_not(store: Store, folder: Path) -> None:
    home = folder.parents[1]
    job = jobs.create("export", {"plan": "one"}, home)
    desk(store, VIEWER, folder).stop(job.name)
    assert (job / "cancel").exists()
    other = jobs.create("plan", {}, home)
    with pytest.raises(ForbiddenError):
        desk(store, VIEWER, folder).stop(other.name)
    assert not (other / "cancel").exists()


def test_a_personal_job_is_stopped_by_the_one_whose_it_is_alone(store: Store, folder: Path) -> None:
    job = jobs.create("private", {"plan": "one", "by": OF_HULIN.id}, folder.parents[1])
    with pytest.raises(ForbiddenError):
        desk(store, PLANNER, folder).stop(job.name)
    assert not (job / "cancel").exists()
    desk(store, OF_HULIN, folder).stop(job.name)
    assert (job / "cancel").exists()


def finished(job_id: str, home: Path) -> jobs.Job:
    end = time.monotonic() + 120
    while not (job := jobs.status(job_id, home)).finished:
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job
