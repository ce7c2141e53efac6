"""台账: who said what and when, what is in conflict, and the proof that nothing was changed."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import openpyxl
import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from tests.tracking.camera import photo
from tests.tracking.conftest import report
from tests.ui.office import HULIN, LOCAL, MISHAN, OFFICIAL, PLANNER, TEAM, TRICK, VIEWER, Office, html, words
from tracking import audit, jobs, ledger, ledger_jobs
from tracking.people import Person
from tracking.register import change_block
from tracking.rules import Event
from tracking.tables import APPEND_ONLY
from ui import ledger as page

MISHAN_TEAM = Person("team2", "孙队长", "field", frozenset({MISHAN}))


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert not at.exception
    return at


def numbers_listed(at: AppTest) -> list[int]:
    """The numbers of the reports that are listed, in the order of the list."""
    return [int(n) for n in re.findall(r'data-label="编号">([0-9,]+)<', html(at))]


@pytest.fixture
def filled(begun: Office) -> Office:
    """b1 under way, b3 begun too, a consent on b2 with a household's name, all with hostile words."""
    begun.report("started", 3, "b3", "team2", note=TRICK)
    begun.report("consent", 4, "b2", "team", operator="张三" + TRICK, given=False, reason="地界没说清")
    return begun


def test_the_newest_comes_first_with_who_what_when_and_where(filled: Office) -> None:
    at = filled.open("ledger", PLANNER)
    assert numbers_listed(at) == [5, 4, 3, 2, 1]
    said = words(at)
    assert "5 条，最新的在前" in said
    assert "累计 10.0 亩" in said and "虎林市 · V0" in said and "2021-09-22 08:00" in said and "team2" in said
    assert "整个方案" in said


def test_names_and_notes_are_shown_and_never_run(filled: Office) -> None:
    body = html(filled.open("ledger", PLANNER))
    assert body.count("&lt;img src=x onerror=window.pwned=1&gt;") == 2
    assert "<img src=x" not in body and "${window" not in body and "{{7*7}}" not in body


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ({"county": MISHAN}, [4]),
        ({"place": "V0"}, [4, 3, 2]),
        ({"kind": "started"}, [4, 2]),
        ({"who": "team"}, [5, 3, 2]),
        ({"block": "b1"}, [3, 2]),
        ({"since": "2021-09-22", "until": "2021-09-23"}, [4, 3]),
        ({"county": HULIN, "kind": "progress", "since": "not a day"}, [3]),
        ({"kind": "no such kind", "county": "000000"}, [5, 4, 3, 2, 1]),
    ],
)
def test_a_filter_of_the_address_limits_the_list(
    filled: Office, query: dict[str, str], listed: list[int]
) -> None:
    at = filled.open("ledger", PLANNER, **query)
    assert numbers_listed(at) == listed


def test_a_filter_goes_into_the_address_and_away_with_one_tap(filled: Office) -> None:
    at = filled.open("ledger", PLANNER)
    at.selectbox(key="choose_kind_zh").set_value("started").run()
    at.text_input(key="typed_block_zh").set_value("b1").run()
    assert (at.query_params["kind"], at.query_params["block"]) == ("started", "b1")
    assert numbers_listed(at) == [2]
    at = press(at, "clear")
    assert numbers_listed(at) == [5, 4, 3, 2, 1]
    assert "kind" not in at.query_params and "block" not in at.query_params


def test_where_nothing_fits_it_says_what_to_do(filled: Office) -> None:
    assert "放宽或清除筛选" in words(filled.open("ledger", PLANNER, kind="mapped"))
    assert "没有编号为“b9”的大池" in words(filled.open("ledger", PLANNER, block="b9"))


def test_of_one_block_it_shows_where_it_stands_and_all_about_it(filled: Office) -> None:
    at = filled.open("ledger", PLANNER, block="b1")
    said = words(at)
    assert "这个大池的全部记录" in said and "施工中" in said and "已做 10.0 / 30.0 亩" in said


def test_a_long_ledger_is_listed_in_parts(filled: Office) -> None:
    many = [report("progress", 5 + n, "b1", "team", done_mu=10.0 + n / 10) for n in range(60)]
    assert {r.status for r in ledger.append(filled.store, many)} == {"accepted"}
    at = filled.open("ledger", PLANNER)
    assert numbers_listed(at) == list(range(65, 15, -1)) and "最新的 50 条" in words(at)
    assert numbers_listed(press(at, "ledger_more")) == list(range(65, 0, -1))


def test_everyone_sees_their_own_counties_and_households_where_they_may(filled: Office) -> None:
    assert numbers_listed(filled.open("ledger", MISHAN_TEAM)) == [4, 1]
    assert "张三" in words(filled.open("ledger", TEAM))
    official = words(filled.open("ledger", OFFICIAL))
    assert "农户意见" in official and "张三" not in official and "地界" not in official
    assert numbers_listed(filled.open("ledger", VIEWER)) == []


def test_a_corrected_report_says_so(filled: Office) -> None:
    wrong = filled.desk().events(kinds=("progress",)).iloc[0]
    filled.report("correction", 5, "b1", "planner", corrects=wrong["id"], done_mu=8.0)
    assert "已更正，见第 6 号" in words(filled.open("ledger", PLANNER))
    filled.report("correction", 6, "b1", "planner", corrects=wrong["id"])
    assert "已作废" in words(filled.open("ledger", PLANNER))


def test_photos_stand_beside_their_report_with_what_is_odd_about_them(filled: Office) -> None:
    far = filled.desk(TEAM).add_photo(photo(place=(132.0, 45.0), taken="2020:01:01 10:00:00"))
    filled.report("progress", 5, "b1", "team", done_mu=11.0, files=(far.sha,))
    at = filled.open("ledger", PLANNER)
    said = words(at)
    assert f'src="/chigai/photo/{far.sha}?w=320"' in html(at)
    assert "拍在开工之前" in said and re.search(r"离大池约 [\d,.]+ 公里", said)


def test_two_contents_of_one_number_stand_side_by_side(filled: Office) -> None:
    sent = filled.report("progress", 5, "b1", "team", done_mu=12.0, note="先报的")
    filled.desk(LOCAL).report([replace(sent, done_mu=13.0, note=TRICK)])
    at = filled.open("ledger", PLANNER, view="conflicts")
    said, body = words(at), html(at)
    assert "同一编号，内容不同" in said and "先到的（计入）" in said and "以先到的为准" in said
    row = re.search(r"<tr><th>累计完成（亩）</th><td><b>12</b></td><td><b>13</b></td></tr>", body)
    assert row is not None
    assert "先报的" in said and "<img src=x" not in body and "window.pwned=1&gt;" in body


def test_a_report_on_a_block_that_had_changed_says_what_changed_and_whether_it_came_again(
    filled: Office,
) -> None:
    change_block(filled.store, "p", "b1", 1, {"area_mu": 24.0}, "planner")
    late = Event(uuid4(), "progress", "b1", "p", "x", datetime.now(UTC), done_mu=15.0, block_version=1)
    desk = filled.desk(TEAM)
    assert desk.report([late])[0].status == "conflict"
    said = words(filled.open("ledger", PLANNER, view="conflicts"))
    assert "1 起，1 起还要重报" in said and "面积 30.00 → 24.00 亩" in said
    assert desk.report([replace(late, block_version=2)])[0].status == "accepted"
    said = words(filled.open("ledger", PLANNER, view="conflicts"))
    assert "1 起，0 起还要重报" in said and "已解决" in said


def test_without_conflicts_it_says_so(filled: Office) -> None:
    assert "没有冲突" in words(filled.open("ledger", PLANNER, view="conflicts"))


def test_the_proof_says_that_all_is_sound_and_what_to_note_down(filled: Office, at_once: None) -> None:
    at = press(filled.open("ledger", LOCAL, view="chain"), "verify")
    head = filled.desk().head()
    assert "完好：5 条记录" in words(at)
    assert head.hash in re.sub(r"\s", "", words(at)) and "第 5 条" in words(at)


def test_the_proof_is_found_again_and_says_what_came_since(filled: Office, at_once: None) -> None:
    press(filled.open("ledger", LOCAL, view="chain"), "verify")
    at = filled.open("ledger", OFFICIAL, view="chain")
    assert "完好：5 条记录" in words(at) and "此后又收到" not in words(at)
    filled.report("progress", 6, "b1", "team", done_mu=14.0)
    assert "此后又收到 1 条，还没有核对" in words(filled.open("ledger", OFFICIAL, view="chain"))


def test_while_the_ledger_is_verified_no_second_is_begun_and_it_can_be_stopped(
    filled: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "start", lambda *asked: jobs.create(*asked).name)
    press(filled.open("ledger", LOCAL, view="chain"), "verify")
    at = filled.open("ledger", LOCAL, view="chain")
    assert "台账核对排队中" in words(at) and "verify" not in [b.key for b in at.button]
    at.button(key="cancel_verify").click().run()
    assert (filled.home / "jobs" / jobs.recent(filled.home)[0].id / "cancel").exists()
    # it answers the one who asked: others begin their own
    assert "verify" in [b.key for b in filled.open("ledger", PLANNER, view="chain").button]


def test_the_proof_says_where_the_ledger_was_changed(filled: Office, at_once: None) -> None:
    with filled.store.engine.begin() as connection:
        if filled.store.postgres:
            connection.exec_driver_sql("ALTER TABLE events DISABLE TRIGGER USER")
        else:
            names = connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
            )
            for (name,) in names.fetchall():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.execute(sa.text("UPDATE events SET done_mu = 29 WHERE seq = 3"))
        if filled.store.postgres:
            connection.exec_driver_sql("ALTER TABLE events ENABLE TRIGGER USER")
    assert "events" in APPEND_ONLY
    at = press(filled.open("ledger", LOCAL, view="chain"), "verify")
    assert "从第 3 条起不可信" in words(at) and "交给管理员" in words(at) and "完好" not in words(at)


def test_a_head_that_was_noted_is_held_against_the_ledger(filled: Office, at_once: None) -> None:
    head = filled.desk().head()
    filled.report("progress", 6, "b1", "team", done_mu=14.0)
    at = filled.open("ledger", LOCAL, view="chain")
    at.number_input(key="noted_number").set_value(head.seq).run()
    assert "一起填" in words(press(at, "verify"))
    spaced = " ".join(head.hash[i : i + 8].upper() for i in range(0, 64, 8))
    at.text_input(key="noted_seal").set_value(spaced).run()
    assert "您抄下的凭证（第 5 条）也在其中" in words(press(at, "verify"))
    at.text_input(key="noted_seal").set_value("0" * 64).run()
    assert f"从第 {head.seq} 条起不可信" in words(press(at, "verify"))


def test_what_is_listed_leaves_as_a_file_without_names_unless_one_may_and_asks(filled: Office) -> None:
    at = filled.open("ledger", PLANNER, kind="consent")
    assert {d.key for d in at.get("download_button")} == {"take_xlsx", "take_csv"}
    plain = filled.desk(PLANNER).export_ledger("xlsx", kinds=("consent",))
    cells = [c.value for row in openpyxl.load_workbook(io.BytesIO(plain)).active.iter_rows() for c in row]
    assert not any("张三" in str(c) for c in cells)
    told = filled.desk(PLANNER).export_ledger("csv", private=True, kinds=("consent",)).decode("utf-8-sig")
    assert "张三" in told
    left = audit.entries(filled.store, PLANNER)
    assert left["action"].tolist()[:2] == ["export_private", "export"]


def test_who_may_not_export_finds_no_button_for_it(filled: Office) -> None:
    assert len(filled.open("ledger", TEAM).get("download_button")) == 0
    at = filled.open("ledger", OFFICIAL)
    assert len(at.get("download_button")) == 2 and len(at.checkbox) == 0


def test_a_long_ledger_is_written_by_a_job_for_the_one_who_asked(
    filled: Office, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    many = [report("progress", 5 + n, "b1", "team", done_mu=10.0 + n / 10) for n in range(60)]
    assert {r.status for r in ledger.append(filled.store, many)} == {"accepted"}
    monkeypatch.setattr(ledger_jobs, "AT_A_TIME", 60)
    at = filled.open("ledger", LOCAL)
    assert len(at.get("download_button")) == 0 and "只有您能下载" in words(at)
    at.checkbox(key="with_private").check().run()
    press(at, "prepare_xlsx")
    job = jobs.recent(filled.home)[0]
    assert job.kind == "ledger" and "文件已备好" in words(at) and "内部.xlsx" in words(at)
    assert [d.key for d in filled.open("ledger", LOCAL).get("download_button")] == [f"fetch_{job.id}"]
    # nobody else sees that it is there; what is few is taken at once
    assert len(filled.open("ledger", PLANNER).get("download_button")) == 0
    few = {d.key for d in filled.open("ledger", PLANNER, kind="consent").get("download_button")}
    assert few == {"take_xlsx", "take_csv"}


@pytest.mark.parametrize("view", page.VIEWS)
def test_every_view_speaks_english(filled: Office, view: str) -> None:
    said = words(filled.open("ledger", PLANNER, lang="en", view=view))
    assert "Who said what, and when?" in said
    assert re.findall(
        r"[\u3400-\u9fff]+", said.replace("池改", "").replace("小池改大池", "").replace("赵工", "")
    ) in (
        [],
        ["张三", "地界没说清"],
    )
