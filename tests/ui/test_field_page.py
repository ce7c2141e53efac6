"""上报: what each person sees of a block and may report; what is sent counts once, and nothing typed is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from geo.errors import ChigaiError
from tests.tracking.camera import photo
from tests.ui.office import HULIN, LOCAL, OFFICIAL, PLANNER, TEAM, TRICK, VIEWER, Office, html, words
from tracking.desk import Desk
from tracking.people import Person
from tracking.register import change_block

TEAM_OF_ALL = Person("team2", "孙队长", "field", None)


def events(office: Office, block: str | None = None) -> list[dict[str, Any]]:
    """The ledger as the planner sees it, the first first."""
    frame = office.desk().events(**({"block_id": block} if block else {}))
    return list(reversed(frame.to_dict("records")))


def opened(office: Office, block: str, person: Person = TEAM, **query: str) -> AppTest:
    return office.open("field", person, block=block, **query)


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert not at.exception
    return at


def choose(at: AppTest, kind: str) -> AppTest:
    """Choose what to report."""
    group = next(g for g in at.get("button_group") if "field_kind" in (g.key or ""))
    group.set_value(kind).run()
    assert not at.exception
    return at


def said_yes(at: AppTest, name: str, value: bool) -> AppTest:
    group = next(g for g in at.get("button_group") if f"typed_{name}" in (g.key or ""))
    group.set_value(value).run()
    assert not at.exception
    return at


def box(at: AppTest, kind: str, name: str) -> Any:
    return next(w for w in at.get(kind) if f"typed_{name}" in (w.key or ""))


def test_a_team_sees_its_own_blocks_what_it_works_on_first_each_with_one_next_step(begun: Office) -> None:
    at = begun.open("field", TEAM)
    said = words(at)
    assert said.index("b1") < said.index("b2")
    assert "b3" not in said
    assert "施工中" in said and "已做 10.0 / 30.0 亩" in said and "待开工" in said
    assert [at.button(key=f"open_{b}").label for b in ("b1", "b2")] == ["进度", "开工"]
    assert len([e for e in at.get("button") if (e.key or "").startswith("open_")]) == 2


def test_three_taps_report_a_start_and_the_receipt_says_when_and_which_number(begun: Office) -> None:
    at = press(begun.open("field", TEAM), "open_b2")
    at = press(at, "send")
    event = events(begun)[-1]
    assert (event["kind"], event["block_id"], event["actor"]) == ("started", "b2", "team")
    assert event["block_version"] == 1
    received = event["received"].tz_convert("Asia/Shanghai")
    assert f"{received:%H:%M} 收到，第 {event['seq']} 号" in words(at)


def test_progress_asks_for_the_whole_done_so_far_by_number_or_by_one_tap(begun: Office) -> None:
    at = press(begun.open("field", TEAM), "open_b1")
    assert "quick_25" not in [b.key for b in at.button]
    at = press(at, "send")
    assert "和上次一样" in words(at) and len(events(begun)) == 3
    at = press(press(at, "quick_75"), "send")
    assert "已收到" in words(at)
    assert events(begun)[-1]["done_mu"] == 22.5
    at = press(press(at, "same_block"), "quick_100")
    box(at, "number_input", "done_mu").set_value(23.0).run()
    press(at, "send")
    assert events(begun)[-1]["done_mu"] == 23.0


def test_an_answer_that_was_lost_is_asked_for_again_and_the_report_counts_once(
    begun: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = press(begun.open("field", TEAM), "open_b2")
    true_report = Desk.report

    def lost(self: Desk, *args: Any) -> Any:
        true_report(self, *args)
        raise ChigaiError("连接断了。", "The connection is gone.")

    monkeypatch.setattr(Desk, "report", lost)
    at = press(at, "send")
    assert "再按一次发送" in words(at)
    monkeypatch.setattr(Desk, "report", true_report)
    at = press(at, "send")
    assert "此前已收到，没有重复计算" in words(at)
    assert [e["kind"] for e in events(begun, "b2")] == ["started"]


def test_a_page_loaded_again_shows_the_receipt_not_the_form(begun: Office) -> None:
    at = press(press(begun.open("field", TEAM), "open_b2"), "send")
    address = {name: at.query_params[name] for name in ("kind", "id")}
    again = opened(begun, "b2", **address)
    assert "已收到" in words(again) and "send" not in [b.key for b in again.button]
    fresh = press(again, "same_block")
    assert "send" in [b.key for b in fresh.button]
    assert fresh.query_params["id"] != address["id"]


def test_a_page_loaded_again_before_sending_still_has_what_was_typed_and_the_photo(begun: Office) -> None:
    at = press(press(begun.open("field", TEAM), "open_b1"), "quick_50")
    at.get("file_uploader")[0].set_value([("a.jpg", photo(), "image/jpeg")]).run()
    box(at, "text_area", "note").set_value("东头三块").run()
    again = opened(begun, "b1", kind="progress", id=at.query_params["id"])
    assert box(again, "number_input", "done_mu").value == 15.0
    assert box(again, "text_area", "note").value == "东头三块"
    press(again, "send")
    sent = events(begun)[-1]
    assert (sent["done_mu"], sent["note"]) == (15.0, "东头三块")
    assert len(json.loads(sent["files"])) == 1


def test_what_is_refused_says_why_and_keeps_everything_typed_and_the_photo(begun: Office) -> None:
    at = press(begun.open("field", TEAM), "open_b1")
    at.get("file_uploader")[0].set_value([("a.jpg", photo(), "image/jpeg")]).run()
    assert "照片已存好（1 张）" in words(at)
    box(at, "number_input", "done_mu").set_value(99.0).run()
    at = press(at, "send")
    said = words(at)
    assert "没有收下" in said and "超过大池 b1 的 30.00 亩" in said and "核对面积后再发" in said
    assert "您填的和照片都还在" in said and "照片已存好（1 张）" in said
    assert box(at, "number_input", "done_mu").value == 99.0
    box(at, "number_input", "done_mu").set_value(20.0).run()
    assert "没有收下" not in words(at)
    at = press(at, "send")
    assert "已收到" in words(at) and "照片 1 张已存" in words(at)
    assert len(json.loads(events(begun)[-1]["files"])) == 1


def test_a_file_that_is_no_photo_is_refused_and_the_rest_stays(begun: Office) -> None:
    at = press(press(begun.open("field", TEAM), "open_b1"), "quick_50")
    at.get("file_uploader")[0].set_value([("a.jpg", b"no photo", "image/jpeg")]).run()
    assert not at.exception
    assert "照片已存好" not in words(at) and "cg-bad" in html(at)
    assert box(at, "number_input", "done_mu").value == 15.0


def test_a_block_that_changed_meanwhile_says_what_changed_and_is_sent_with_the_next_tap(
    begun: Office,
) -> None:
    at = press(press(begun.open("field", TEAM), "open_b1"), "quick_50")
    change_block(begun.store, "p", "b1", 1, {"area_mu": 24.0}, "planner")
    at = press(at, "send")
    said = words(at)
    assert "这个大池有变动" in said and "面积 30.00 → 24.00 亩" in said
    assert "现在的面积是 24.0 亩" in said and "按新内容发送：进度" in said
    assert box(at, "number_input", "done_mu").value == 15.0
    at = press(at, "send")
    assert "已收到" in words(at)
    sent = events(begun)[-1]
    assert (sent["done_mu"], sent["block_version"]) == (15.0, 2)
    assert begun.desk().conflicts()["settled"].tolist() == [True]


def test_an_id_that_stands_for_something_else_is_told_and_can_be_reported_as_another(begun: Office) -> None:
    other = begun.report("started", 3, "b2", "team")
    at = opened(begun, "b1", kind="progress", id=str(other.id))
    at = press(press(at, "quick_75"), "send")
    assert "已按另一份内容收下" in words(at)
    at = press(press(at, "send_new"), "send")
    assert "已收到" in words(at)
    assert events(begun)[-1]["done_mu"] == 22.5


def test_whoever_has_the_right_checks_accepts_and_maps_on_the_same_page(begun: Office) -> None:
    begun.report("finished", 3, "b1", "team")
    at = opened(begun, "b1", TEAM)
    assert "等县里初验" in words(at)
    at = opened(begun, "b1", OFFICIAL)
    assert "发送：县级初验" in words(at)
    at = press(at, "send")
    assert "还差：初验结果" in words(at)
    at = press(said_yes(at, "passed", False), "send")
    assert "还差：退回原因" in words(at)
    box(at, "text_area", "reason").set_value("西北角低了十公分").run()
    assert "已收到" in words(press(at, "send"))
    at = opened(begun, "b1", TEAM)
    assert "初验退回：西北角低了十公分" in words(at) and "发送：完工" in words(at)
    press(at, "send")
    press(said_yes(opened(begun, "b1", OFFICIAL), "passed", True), "send")
    at = opened(begun, "b1", PLANNER)
    assert "发送：竣工验收" in words(at)
    box(at, "number_input", "measured_mu").set_value(29.5).run()
    box(at, "number_input", "level_points").set_value(9).run()
    box(at, "text_input", "inspector").set_value("老周").run()
    press(at, "send")
    press(opened(begun, "b1", PLANNER), "send")
    assert [e["kind"] for e in events(begun, "b1")] == [
        "started", "progress", "finished", "checked", "finished", "checked", "accepted", "mapped",
    ]  # fmt: skip
    accepted = events(begun, "b1")[-2]
    assert (accepted["measured_mu"], accepted["level_points"], accepted["inspector"]) == (29.5, 9, "老周")


def test_who_reported_a_block_does_not_accept_it(begun: Office) -> None:
    begun.report("finished", 3, "b1", PLANNER.id)
    begun.report("checked", 4, "b1", "county", passed=True)
    at = opened(begun, "b1", PLANNER)
    box(at, "number_input", "measured_mu").set_value(29.5).run()
    at = press(at, "send")
    assert "验收人不能是填报人" in words(at) and "请没有填报过这个大池的人来验收" in words(at)


def test_a_team_records_what_a_household_says(begun: Office) -> None:
    at = choose(opened(begun, "b2"), "consent")
    at = press(at, "send")
    assert "还差：农户" in words(at)
    box(at, "text_input", "operator").set_value("张三").run()
    said_yes(at, "given", False)
    box(at, "text_input", "why_not").set_value("地界没说清").run()
    press(at, "send")
    sent = events(begun)[-1]
    assert (sent["kind"], sent["operator"], sent["given"], sent["reason"]) == (
        "consent",
        "张三",
        False,
        "地界没说清",
    )


@pytest.mark.parametrize("how", ["figures", "void"])
def test_a_planner_corrects_a_figure_or_takes_a_report_away(begun: Office, how: str) -> None:
    wrong = events(begun)[-1]
    at = choose(opened(begun, "b1", PLANNER), "correction")
    assert "还差：改哪一条" in words(press(at, "send"))
    next(w for w in at.selectbox if "typed_corrects" in (w.key or "")).set_value(wrong["id"]).run()
    next(g for g in at.get("button_group") if "typed_how" in (g.key or "")).set_value(how).run()
    if how == "figures":
        box(at, "number_input", "done_mu").set_value(8.0).run()
    at = press(at, "send")
    assert "已收到" in words(at)
    assert begun.desk().blocks("p", block_id="b1").iloc[0]["done_mu"] == (8.0 if how == "figures" else 0.0)
    assert ("已作废" in words(at)) == (how == "void")


def test_a_block_of_another_county_is_as_if_it_were_not(begun: Office) -> None:
    for block in ("b3", "no such"):
        at = opened(begun, block)
        assert "没有这个大池" in words(at) and "send" not in [b.key for b in at.button]


def test_the_page_is_not_for_those_who_only_look(begun: Office) -> None:
    at = opened(begun, "b1", VIEWER)
    assert "施工中" not in words(at) and "send" not in [b.key for b in at.button]


def test_before_the_plan_is_approved_nothing_begins_and_whoever_may_approves_it(office: Office) -> None:
    at = office.open("field", TEAM)
    assert "方案还没有批准" in words(at) and "field_approve" not in [b.key for b in at.button]
    at = press(office.open("field", LOCAL), "field_approve")
    assert "方案已批准" in words(at)
    assert at.button(key="open_b1").label == "开工"


def test_a_village_limits_the_list_and_the_address_keeps_it(begun: Office) -> None:
    at = begun.open("field", TEAM_OF_ALL, village=f"{HULIN}:V1")
    assert [b.key for b in at.button if (b.key or "").startswith("open_")] == ["open_b2"]
    assert at.query_params["village"] == f"{HULIN}:V1"


def test_near_the_phone_the_nearest_block_comes_first_with_its_distance(
    begun: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ui import position

    b2 = begun.desk().blocks("p", block_id="b2").iloc[0]
    there = position.Position(b2["lon"], b2["lat"], 1000.0)
    monkeypatch.setattr(position, "kept", lambda: there)
    at = begun.open("field", TEAM, near="1")
    said = words(at)
    assert said.index("b2") < said.index("b1")
    assert "0 米" in said and "定位误差约 1,000 米" in said
    monkeypatch.setattr(position, "kept", lambda: "denied")
    assert "没有允许定位" in words(begun.open("field", TEAM, near="1"))


def test_what_was_reported_today_is_listed_with_its_number(begun: Office) -> None:
    at = press(press(begun.open("field", TEAM), "open_b2"), "send")
    at = press(at, "go_on")
    assert "第 4 号" in words(at) and [e.label for e in at.expander] == ["我今天报的（1）"]


def test_names_and_notes_are_shown_and_never_run(begun: Office) -> None:
    begun.report("progress", 3, "b1", TRICK, done_mu=12.0, note=TRICK)
    at = opened(begun, "b1")
    assert "<img src=x" not in html(at) and "${window" not in html(at) and "{{7*7}}" not in html(at)
    assert html(at).count("&lt;img src=x onerror=window.pwned=1&gt;") == 2


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_speaks_both_languages(begun: Office, lang: str) -> None:
    at = begun.open("field", PLANNER, lang=lang)
    assert ("What did we do today?" in words(at)) == (lang == "en")
    at = press(at, "open_b1")
    assert ("Send: Progress" in words(at)) == (lang == "en")
