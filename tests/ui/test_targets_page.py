"""任务: the answer comes first, every county with its bar, what does not count and why, and the address keeps it all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from planning import programme as programmes
from tests.tracking.conftest import report
from tests.ui.office import HULIN, OFFICIAL, TEAM, TRICK, VIEWER, Office, html, words
from tracking import ledger, measures, progress, targets
from tracking.register import change_block
from tracking.rules import Event
from ui import palette, season, target_parts, text

DONE = ("started", "finished")
JIXI = programmes.load("jixi-2020-8")


def open_page(office: Office, **query: str) -> AppTest:
    return office.open("targets", **query)


@pytest.fixture
def worked(office: Office) -> Office:
    """b1 of Hulin finished and accepted a little smaller, b2 under way, b3 of Mishan finished in too small a site."""
    for kind, day, block, actor, figures in (
        ("plan_approved", 0, "", "official", {}),
        *(
            (kind, day + i, b, "team", {})
            for b, day in (("b1", 17), ("b3", 18))
            for i, kind in enumerate(DONE)
        ),
        ("checked", 20, "b1", "county", {"passed": True}),
        ("started", 20, "b2", "team", {}),
        ("accepted", 21, "b1", "city", {"measured_mu": 29.0, "level_points": 9, "inspector": TRICK}),
    ):
        send(office, report(kind, day, block, actor, **figures))
    return office


def send(office: Office, event: Event) -> None:
    """Received within the hour, as it is in the season."""
    receipt = ledger.append(office.store, [event], now=event.happened + timedelta(hours=1))[0]
    assert receipt.status == "accepted", receipt.en


def table(at: AppTest) -> dict[str, str]:
    """The text of each county's row, with what lies below it, by its name."""
    body = next(
        e.proto.body for e in at.get("html") if "cg-targets" in e.proto.body and "<tbody>" in e.proto.body
    )
    found: dict[str, str] = {}
    for row in re.findall(r"<tr class=\"cg-(county|more)[^>]*>(.*?)</tr>", body):
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row[1])).strip()
        if row[0] == "county":
            name = said.split(" ")[0]
            found[name] = said
        else:
            found[name] += f" {said}"
    return found


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_page_opens_in_both_languages_and_answers_first(worked: Office, lang: str) -> None:
    at = open_page(worked, as_of="2021-10-25")
    if lang == "en":
        next(w for w in at.get("button_group") if w.key == "switch").set_value("en").run()
        assert not at.exception
    said = unescape(words(at))
    t = text.Words(lang)
    for key in ("title", "question", "map", "table", "curve", "how_range"):
        values = {"run": 5, "draws": "2,000", "days": 60} if key.startswith("how") else {}
        assert t(f"targets.{key}", **values) in said
    assert t("targets.answer_none", n=8) in said
    first = said.index(t("targets.answer_none", n=8))
    assert first < said.index(t("targets.map")) < said.index(t("targets.table_note"))


def test_without_a_followed_plan_the_page_says_what_to_do(
    store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.setenv("CHIGAI_DATABASE_URL", store.url.render_as_string(hide_password=False))  # type: ignore[attr-defined]
    office = Office(store, tmp_path, monkeypatch)  # type: ignore[arg-type]
    at = open_page(office)
    assert "还没有登记的方案" in words(at)
    assert at.button(key="go_plan")
    said = words(open_page(office, as_of="2021-10-25")) + words(office.open("targets", VIEWER))
    assert "登记方案要由规划人员来做" in said


def test_the_table_shows_what_counts_and_below_it_what_does_not_and_why(worked: Office) -> None:
    rows = table(open_page(worked, as_of="2021-10-25"))
    assert list(rows) == [u.name_zh for u in JIXI.units]
    hulin, mishan = rows["虎林市"], rows["密山市"]
    assert "有风险" in hulin and "任务 40,000–50,000" in hulin
    assert re.search(r"\b29\.0\b", hulin), "the accepted block counts as measured"
    assert "实测小于计划的部分" in hulin and "1.0 亩" in hulin
    assert "施工中" in hulin and "30.0 亩" in hulin
    assert (
        "示范点不到下限 （其中已完工 30.0 亩）" in mishan or "示范点不到下限（其中已完工 30.0 亩）" in mishan
    )
    assert "不计入 60.0 亩，其中已完工 30.0 亩" in mishan
    assert "无任务" in rows["鸡冠区"] and "不计入" not in rows["鸡冠区"]


def test_the_figures_are_the_target_tables_own(worked: Office) -> None:
    day = date(2021, 10, 25)
    found = progress.targets(worked.store, JIXI, day)
    rows = table(open_page(worked, as_of="2021-10-25"))
    for row in found:
        if row.floor_mu is not None:
            assert f"{row.working_days_left} 天" in rows[row.name]
    total = sum(row.counted_mu for row in found)
    assert f"{total:.1f} 亩计入任务" in re.sub(r"\s+", " ", words(open_page(worked, as_of="2021-10-25")))


def test_the_day_is_in_the_address_and_another_day_tells_of_that_day(worked: Office) -> None:
    at = open_page(worked, as_of="2021-10-06")
    assert at.date_input(key="targets_as_of").value == date(2021, 10, 6)
    assert "还没有开工" in table(at)["虎林市"]
    at.date_input(key="targets_as_of").set_value(date(2021, 10, 25)).run()
    assert not at.exception
    assert at.query_params["as_of"] == "2021-10-25"
    assert re.search(r"\b29\.0\b", table(at)["虎林市"])
    # what makes no sense in an address is today
    assert open_page(worked, as_of="<script>").query_params["as_of"] == targets.today().isoformat()


def test_the_county_in_the_address_turns_answer_row_and_curve(worked: Office) -> None:
    at = open_page(worked, as_of="2021-10-25", county=HULIN)
    said = words(at)
    assert "虎林市有风险：预计" in said and "任务下限 40,000 亩" in said
    assert "要按期完成，每个可施工日需" in said
    assert 'class="cg-county cg-chosen"' in html(at)
    pills = next(w for w in at.get("button_group") if "虎林市" in str(w.options))
    assert pills.value in (HULIN, [HULIN])


def test_who_has_not_reported_is_marked_beside_the_state(worked: Office) -> None:
    rows = table(open_page(worked, as_of="2021-11-20"))
    silent = [name for name, row in rows.items() if "未报送" in row]
    expected = [r.name for r in progress.targets(worked.store, JIXI, date(2021, 11, 20)) if r.missed_cutoff]
    assert silent == expected and "恒山区" in silent
    assert all("有风险" in rows[name] for name in silent)


def test_after_the_deadline_the_outcome_stands_in_the_forecasts_place(worked: Office) -> None:
    at = open_page(worked, as_of="2022-04-20")
    assert "结果" not in html(at).split("<tbody>")[0].rsplit("<thead>", 1)[1]
    at = open_page(worked, as_of="2022-05-10", county=HULIN)
    rows = table(at)
    assert "未完成" in rows["虎林市"] and "差 39,971" in rows["虎林市"]
    assert "虎林市没有完成：计入 29.0 亩，还差 39,971 亩" in words(at)
    assert "期限已过：0 个完成，8 个未完成" in words(open_page(worked, as_of="2022-05-10", county="x"))


def test_states_are_told_by_colour_sign_and_word_and_never_by_red_against_green(worked: Office) -> None:
    page = html(open_page(worked, as_of="2021-10-25"))
    for state in ("at_risk", "no_target"):
        look = palette.PROGRESS[state]
        assert look.colour in page and look.mark in page
    marks = [look.mark for look in (*palette.PROGRESS.values(), palette.SILENT)]
    assert len(set(marks)) == len(marks)
    assert len({look.colour for look in palette.WORK.values()}) == len(palette.WORK)


def test_the_map_is_of_the_plan_the_county_and_the_day_of_the_page(
    worked: Office, write_plan: Callable[..., Path]
) -> None:
    at = open_page(worked, as_of="2021-10-25", county=HULIN)
    assert not at.get("iframe") and "画不出地图" in words(at)
    shutil.copytree(worked.home / "plan" / "p", worked.home / "plans" / "p")
    at = open_page(worked, as_of="2021-10-25")
    at.selectbox(key="choose_county_zh").set_value(HULIN).run()
    assert [e.proto.src for e in at.get("iframe")] == [
        "/chigai/map/state/p?lang=zh#county=230381&day=2021-10-25"
    ]


@pytest.mark.parametrize("person", [VIEWER, TEAM, OFFICIAL])
def test_the_figures_are_for_everybody_who_is_signed_in(worked: Office, person: object) -> None:
    at = worked.open("targets", person, as_of="2021-10-25")  # type: ignore[arg-type]
    assert "虎林市" in table(at)
    assert TRICK not in html(at) and "检查员" not in html(at)


def test_names_from_data_are_shown_as_text(worked: Office) -> None:
    change_block(worked.store, "p", "b4", 1, {"site_id": TRICK, "village": TRICK}, "planner")
    assert "<img src=x" not in html(open_page(worked, as_of="2021-10-25"))


def test_scheme_b_stands_below_in_units_and_tonnes(worked: Office) -> None:
    assert JIXI.scheme_b is not None
    said = words(open_page(worked, as_of="2021-10-25"))
    rows, _ = measures.table(worked.store, JIXI, date(2021, 10, 25))
    for row in rows:
        if row.county is None:
            assert row.name_zh in said and f"{row.target:,.0f}" in said and f"{row.goal_t:,.2f}" in said
    assert "全市目标" in said


def test_a_report_shows_at_once_and_nothing_is_reckoned_twice(
    worked: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page(worked, as_of="2021-10-25")
    asked: list[object] = []
    real = progress.targets
    monkeypatch.setattr(progress, "targets", lambda *a, **k: asked.append(a) or real(*a, **k))
    at.run()
    assert not asked
    send(worked, report("finished", 22, "b2", "team"))
    at.run()
    assert asked and "59.0" in table(at)["虎林市"]


def test_a_bar_begins_at_nothing_and_holds_floor_ceiling_and_forecast() -> None:
    drawn = target_parts.bar(10, 40, 50, (30, 60))
    widths = [float(v) for v in re.findall(r"(?:left|width):([\d.]+)%", drawn)]
    value, low, wide, floor, ceiling = widths
    assert [value, low, wide, floor, ceiling] == pytest.approx(
        [10 / 0.6, 50, 50, 40 / 0.6, 50 / 0.6], abs=0.01
    )
    assert target_parts.bar(0, 0, 0).count("0.00%") == 2


def test_every_state_of_a_block_has_a_letter_a_look_and_a_word() -> None:
    from tracking import forecast, rules
    from ui import map_text

    assert set(palette.WORK) >= set(rules.STATES) - {"approved"}
    assert set(palette.PROGRESS) == set(forecast.STATES)
    assert len(set(season.CODES.values())) == len(palette.WORK)
    words_of_map = map_text.plan_texts("zh")
    assert all(words_of_map[kind] for kind in rules.KINDS if kind != "measure")
    for why in progress.WHY:
        assert f"targets.{why}" in text.TEXTS
