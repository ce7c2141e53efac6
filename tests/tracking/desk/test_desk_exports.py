"""The desk: what leaves the house with whom, that the audit has it, and that no cell of it runs."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest

from geo.errors import ChigaiError
from tests.tracking.desk.conftest import HULIN, MISHAN, NOW, PRIVATE, At, Report, codes, told
from tracking import ledger, people
from tracking.people import LOCAL, ForbiddenError
from tracking.store import Store


def cells(content: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_an_export_is_audited_and_names_nobody(
    at: At, season_of_both: dict[str, Any], followed: Store
) -> None:
    people.add_user(followed, LOCAL, "李四", "li@example.cn", "field", [HULIN])
    content = at("official", HULIN).export_ledger("csv", plan_id="p")
    rows = lines(content)
    assert len(rows) == 1 + 4 and "发生时间" in rows[0]
    text = content.decode("utf-8-sig")
    for word in (PRIVATE, "电话", "要出国", "东头", "李四", f",{MISHAN},"):
        assert word not in text
    assert told(followed)[-1] == ("u-official", "export", "done", None, "ledger", "csv 4 rows plan_id=p")


def test_an_export_does_not_name_who_is_written_down_with_an_imported_report(
    at: At, report: Report, followed: Store, approved: None
) -> None:
    user = people.add_user(followed, LOCAL, "李四", "li@example.cn", "field", [HULIN])
    sent = [report("started", 1, "b1", "周外业"), report("started", 1, "b2", user.id)]
    sent += [report("progress", 2, "b1", "周外业", done_mu=2), report("started", 1, "b3", "吴外业")]
    assert [r.status for r in ledger.append(followed, sent, now=NOW)] == ["accepted"] * 4
    rows = lines(at("official", HULIN).export_ledger("csv", kinds=["started", "progress"]))
    by = [row[rows[0].index("填报人")] for row in rows[1:]]
    assert by == ["r1", user.id, "r1"]
    whole = lines(at(who="chief").export_ledger("csv", private=True, kinds=["started"]))
    assert {row[whole[0].index("填报人")] for row in whole[1:]} == {"周外业", "吴外业", "李四"}


def test_households_leave_only_with_who_may_take_them_and_of_those_counties(
    at: At, season_of_both: dict[str, Any], followed: Store
) -> None:
    text = at("planner", HULIN).export_ledger("csv", private=True).decode("utf-8-sig")
    assert PRIVATE + HULIN in text and PRIVATE + MISHAN not in text and "东头" in text
    assert told(followed)[-1][:3] == ("u-planner", "export_private", "done")
    for role in ("official", "field", "viewer"):
        with pytest.raises(ForbiddenError):
            at(role).export_ledger("csv", private=True)
    with pytest.raises(ForbiddenError):
        at("planner", HULIN).export_ledger("csv", private=True, county=MISHAN)
    with pytest.raises(ForbiddenError):
        at("field", HULIN).export_ledger()


def test_nothing_leaves_that_the_audit_could_not_take(
    at: At, season_of_both: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr("tracking.audit.write", fails)
    with pytest.raises(RuntimeError):
        at().export_ledger()


@pytest.mark.usefixtures("approved")
def test_no_cell_of_an_export_runs_as_a_formula(at: At, report: Report) -> None:
    evil = '=HYPERLINK("http://x","y")'
    sent = [
        report("started", 1, note=evil),
        report("consent", 1, operator="@SUM(A1)", given=True, reason="+1", note="-1\t"),
    ]
    assert codes(at(who="chief").report(sent, NOW)) == ["accepted"] * 2
    for read, kind in ((lines, "csv"), (cells, "xlsx")):
        rows = read(at().export_ledger(kind, private=True))
        texts = [cell for row in rows for cell in row if isinstance(cell, str)]
        assert f"'{evil}" in texts and "'@SUM(A1)" in texts and "'+1" in texts
        assert not any(t[:1] in ("=", "+", "@", "\t") for t in texts)


@pytest.mark.usefixtures("approved")
def test_both_files_hold_the_same_rows_in_both_languages(at: At, report: Report) -> None:
    at(who="chief").report([report("started", 1), report("progress", 2, done_mu=12.5)], NOW)
    table, sheet = lines(at().export_ledger("csv")), cells(at().export_ledger("xlsx"))
    assert [["" if c is None else str(c) for c in row] for row in sheet] == table
    head = dict(zip(table[0], table[1], strict=True))
    assert (head["类型"], head["累计完成（亩）"], head["发生时间"]) == ("进度", "12.5", "2021-09-22 08:00:00")
    english = lines(at().export_ledger("csv", lang="en"))
    assert english[0][:2] == ["no", "kind"] and english[1][1] == "progress"
    with pytest.raises(ChigaiError, match="xlsx or csv"):
        at().export_ledger("exe")
    assert len(lines(at().export_ledger("csv", block_id="b9"))) == 1


@pytest.mark.usefixtures("approved")
def test_more_rows_than_a_sheet_holds_are_refused_and_not_dropped(
    at: At, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.ledger_files.MOST_ROWS", 1)
    at(who="chief").report([report("started", 1)], NOW)
    with pytest.raises(ChigaiError, match="2 rows"):
        at().export_ledger("xlsx")
    assert len(lines(at().export_ledger("csv"))) == 3


def test_what_leaves_by_another_door_is_put_down_too(at: At, followed: Store) -> None:
    at("viewer", HULIN).exported("plan p", HULIN, "gpkg")
    assert told(followed) == [("u-viewer", "export", "done", HULIN, "plan p", "gpkg")]
    with pytest.raises(ForbiddenError):
        at("official").exported("plan p", private=True)


def test_the_ledger_is_verified_by_those_who_see_it(at: At, season_of_both: dict[str, Any]) -> None:
    assert at("official", HULIN).verify() is None
