"""The pages, run without a browser: what they say with nothing, with data, with a plan, and when refused."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from geo.errors import ChigaiError
from planning import programme
from tests.page_home import MAIN, SITE_MU, TRICK, checked_parcels, opened, small_plan
from tracking import files, finding_jobs, jobs, tilesets
from ui import naming, parts, progress, text


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    return tmp_path


def sound(at: AppTest) -> AppTest:
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    """All that the page says: its HTML without tags, its captions and its errors."""
    bodies = [e.proto.body for e in at.get("html") if not e.proto.body.lstrip().startswith(("<style", "/*"))]
    said = [re.sub(r"<[^>]+>", " ", body) for body in bodies]
    every = [*said, *(c.value for c in at.caption), *(e.value for e in at.error)]
    return "\n".join(every).replace("\u00a0", " ")


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("page", ["overview", "parcels", "plan"])
@pytest.mark.parametrize("filled", [False, True])
def test_every_page_opens_in_both_languages_empty_and_filled(
    page: str, lang: str, filled: bool, home: Path
) -> None:
    if filled:
        small_plan(home / "plans" / "one")
        checked_parcels(home)
    at = opened(page, lang=lang)
    t = text.Words(lang)
    assert t(f"{page}.title") in words(at)
    assert t(f"{page}.question") in words(at)
    assert TRICK.split("$")[0] not in "".join(e.proto.body for e in at.get("html"))


def test_chinese_comes_first_and_english_by_the_switch_or_the_address(home: Path) -> None:
    at = opened()
    assert "能按期完成任务吗" in words(at)
    at.get("button_group")[0].set_value("en").run()
    assert "Will we make it?" in words(sound(at))
    assert at.query_params["lang"] == "en"
    assert "Will we make it?" in words(opened(lang="en"))
    assert "能按期完成任务吗" in words(opened(lang="xx"))


def test_without_a_plan_the_overview_says_what_to_do_and_shows_the_targets(home: Path) -> None:
    at = opened()
    said = words(at)
    assert "跟着演示区走一遍" in said
    assert "129,100–159,100" in said
    at.button(key="go_parcels").click().run()
    assert "我的数据可靠吗" in words(sound(at))


def test_the_overview_answers_with_what_is_missing_by_the_counties_floors(home: Path) -> None:
    small_plan(home / "plans" / "one")
    at = opened()
    said = words(at)
    floors = {u.adcode: u.floor_mu for u in programme.load("jixi-2020-8").units if u.floor_mu}
    missing = sum(max(floor - SITE_MU.get(code, 0.0), 0.0) for code, floor in floors.items())
    counted = sum(min(floor, SITE_MU.get(code, 0.0)) for code, floor in floors.items())
    assert f"还差 {missing:,.0f} 亩：6 个" in said
    assert f"{sum(SITE_MU.values()):,.0f}" in said
    assert "2 / 8" in said
    assert f"{counted / sum(floors.values()):.1%}".replace("%", " %") in said
    assert "鸡冠区" in said and "未下达任务" in said
    assert "大池够，示范点或预算不够" in said
    assert "方案中没有数据" in said
    assert [e.proto.src for e in at.get("iframe")] == ["/chigai/map/plan/one?lang=zh&view=after"]


def test_the_as_of_date_says_which_plan_was_the_newest_by_then_and_how_long_there_was(home: Path) -> None:
    small_plan(home / "plans" / "old", created="2022-04-10T01:00:00+00:00")
    small_plan(home / "plans" / "new", created="2026-11-20T06:30:00+00:00")
    at = opened()
    assert at.selectbox(key="choose_plan_zh").options[0].startswith("2026-11-20 14:30")
    for day, says in (
        (date(2022, 4, 18), "还剩 2 天"),
        (date(2022, 4, 20), "今天截止"),
        (date(2022, 4, 21), "已过 1 天"),
    ):
        at.date_input(key="as_of").set_value(day).run()
        assert says in words(sound(at))
        assert [o[:10] for o in at.selectbox(key="choose_plan_zh").options] == ["2022-04-10"]
    at.date_input(key="as_of").set_value(date(2022, 4, 9)).run()
    assert "还没有方案" in words(sound(at))


def test_an_address_opens_its_plan_and_county(home: Path) -> None:
    small_plan(home / "plans" / "old", created="2026-11-10T06:30:00+00:00")
    small_plan(home / "plans" / "new", created="2026-11-20T06:30:00+00:00")
    at = opened(plan="old", county="230381", lang="en")
    (frame,) = at.get("iframe")
    assert frame.proto.src == "/chigai/map/plan/old?lang=en&view=after#county=230381"
    at = opened(plan="../../etc")
    assert "/plan/new?" in at.get("iframe")[0].proto.src


def test_plans_and_parcels_of_the_demo_region_are_called_so_in_the_pages_language(home: Path) -> None:
    t = {lang: text.Words(lang) for lang in text.LANGUAGES}
    meta = {"created": "2026-11-22T00:51:46+00:00", "totals": {"compliant_mu": 225_963.0}}
    inputs = [{"role": "dem", "name": "dem.tif"}, {"role": "parcels", "name": "鸡东DK.zip"}]
    assert naming.plan_label({**meta, "name": "demo"}, t["zh"]) == "2026-11-22 08:51 · 演示区 · 225,963 亩"
    assert "Demo region" in naming.plan_label({**meta, "name": "demo", "inputs": inputs}, t["en"])
    assert "鸡东DK.zip" in naming.plan_label({**meta, "name": "鸡东DK.zip"}, t["zh"])
    assert "鸡东DK.zip" in naming.plan_label({**meta, "inputs": inputs}, t["zh"])
    assert naming.parcels_label(files.manifest(home, checked_parcels(home)), t["en"]).startswith(
        "DK.zip · 98"
    )
    assert naming.data_name("demo", t["en"]) == "Demo region"


def test_plans_that_would_be_called_the_same_are_told_apart_wherever_they_are_chosen(home: Path) -> None:
    for folder in ("20261120T063001000000-aaaaaa", "20261120T063002000000-bbbbbb"):
        small_plan(home / "plans" / folder)
    small_plan(home / "plans" / "another", created="2026-11-10T06:30:00+00:00")
    for page in ("overview", "plan", "edit"):
        at = opened(page)
        options = at.selectbox(key="choose_plan_zh").options
        assert [o.rpartition(" · ")[2] for o in options[:2]] == ["bbbbbb", "aaaaaa"]
        assert options[2].endswith(" 亩") and len(set(options)) == 3
        at.selectbox(key="choose_plan_zh").select(options[1]).run()
        assert sound(at).query_params["plan"] == "20261120T063001000000-aaaaaa"


def test_labels_get_no_more_of_an_id_than_tells_them_apart() -> None:
    told = naming.distinct({"1-abcdef": "A", "2-abcdef": "A", "3-ghijkl": "A", "4": "B"})
    assert told == {
        "1-abcdef": "A · 1-abcdef", "2-abcdef": "A · 2-abcdef", "3-ghijkl": "A · ghijkl", "4": "B",
    }  # fmt: skip


def test_a_plan_shows_before_and_after_its_cost_and_why_the_rest_stays(home: Path) -> None:
    small_plan(home / "plans" / "one")
    at = opened("plan")
    said = words(at)
    assert "12 → 8" in said  # four blocks of two parcels and four parcels by themselves
    assert "5.0 → 7.6" in said  # 60 mu in 12 fields; 60 mu and 1 mu gained in 8
    assert "400" in said and "拆田埂 0.2 km" in said
    assert "占 66.7 %；任何方案至多 90.0 %" in said
    charts = [json.loads(e.proto.spec) for e in at.get("vega_lite_chart")]
    assert len(charts) == 2
    assert [e.proto.src for e in at.get("iframe")] == ["/chigai/map/plan/one?lang=zh&view=before_after#close"]


def test_checked_parcels_show_the_balance_of_their_area_and_their_findings(home: Path) -> None:
    parcels_id = checked_parcels(home)
    at = opened("parcels")
    said = words(at)
    assert "100" in said and "98.0" in said and "2.0" in said
    assert "可以用" in said and "自相交" in said
    assert [e.proto.src for e in at.get("iframe")] == [f"/chigai/map/upload/{parcels_id}?lang=zh"]
    assert list(at.dataframe[0].value["row"]) == [7]


def test_a_choice_outlives_a_change_of_page_and_language_and_its_words_change(home: Path) -> None:
    small_plan(home / "plans" / "old", created="2026-11-10T06:30:00+00:00")
    small_plan(home / "plans" / "new")
    checked_parcels(home)
    at = opened()
    at.selectbox(key="choose_plan_zh").select("old").run()
    at.switch_page("plan.py").run()
    assert sound(at).selectbox(key="choose_plan_zh").value == "old"
    at.selectbox(key="format_zh").select("dxf").run()
    for lang, unit in (("en", " mu"), ("zh", " 亩")):
        next(b for b in at.get("button_group") if b.key == "switch").set_value(lang).run()
        assert sound(at).selectbox(key=f"format_{lang}").value == "dxf"
        chosen = at.selectbox(key=f"choose_plan_{lang}")
        assert chosen.value == "old" and all(o.endswith(unit) for o in chosen.options)
    at.switch_page("overview.py").run()
    assert at.selectbox(key="choose_plan_zh").value == "old"
    assert "/plan/old?" in at.get("iframe")[0].proto.src


def test_what_was_not_reckoned_is_no_nought(home: Path) -> None:
    folder = small_plan(home / "plans" / "one")
    meta = json.loads((folder / "plan.json").read_text("utf-8"))
    (folder / "plan.json").write_text(json.dumps({**meta, "earthwork": False}), "utf-8")
    assert "1,234" not in words(opened("plan"))


def test_a_plan_leads_on_to_the_targets_and_a_page_without_data_to_where_they_are_checked(home: Path) -> None:
    at = opened("plan")
    assert "演示区" not in words(at)
    (home / "demo").mkdir()
    (home / "demo" / "parcels.gpkg").touch()
    assert "演示区" in words(at.run())
    at.button(key="plan_go_parcels").click().run()
    assert "我的数据可靠吗" in words(sound(at))
    small_plan(home / "plans" / "one")
    at = opened("plan")
    at.button(key="go_overview").click().run()
    assert "能按期完成任务吗" in words(sound(at))


def test_a_long_file_name_leaves_room_for_the_figures_after_it() -> None:
    assert naming.short("鸡东DK.zip") == "鸡东DK.zip"
    assert (
        naming.short("黑龙江省鸡西市鸡东县东海镇新华村_承包地块_2024年最终版.zip")
        == "黑龙江省鸡西市鸡东县东海…024年最终版.zip"
    )


def test_a_number_and_its_unit_stand_in_one_line() -> None:
    assert parts.together("占 84.0 %；至多 85.2 %") == "占 84.0\u00a0%；至多 85.2\u00a0%"
    assert parts.together("20.4 m³ a mu") == "20.4\u00a0m³ a mu"


def test_much_left_out_is_called_by_its_name(home: Path) -> None:
    checked_parcels(home, left_out_mu=30.0)
    assert "要先处理" in words(opened("parcels"))


def test_the_parameters_carry_unit_source_and_doubt_and_only_changes_are_sent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parcels_id = checked_parcels(home)
    sent: list[dict[str, Any]] = []

    def start(kind: str, request: dict[str, Any], at_home: Path) -> str:
        sent.append(request)
        return jobs.create(kind, request, at_home).name

    monkeypatch.setattr(jobs, "start", start)
    at = opened("plan")
    known = programme.load("jixi-2020-8").parameters.items()
    for name, parameter in known.items():
        (field,) = [w for w in (*at.number_input, *at.toggle) if w.key == f"p_{name}"]
        assert field.value == parameter.value
        assert parameter.title_zh in field.label
        assert parameter.source in field.help.replace("\\~", "~")
        assert ("待确认" in field.label) == parameter.confirm
    at.number_input(key="p_max_mu").set_value(40.0)
    at.button(key="start_plan").click().run()
    assert sent == [
        {
            "name": "DK.zip",
            "parcels": parcels_id,
            "programme": "jixi-2020-8",
            "overrides": {"max_mu": 40.0},
            "seed": 1,
            "effort": "normal",
            "by": "local",
            "shifted": False,
        }
    ]
    assert "方案计算排队中" in words(sound(at))
    at.button(key="cancel_plan").click().run()
    assert (home / "jobs" / jobs.recent(home)[0].id / "cancel").exists()


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("kind", jobs.KINDS)
def test_a_job_that_failed_says_why_in_the_pages_language(kind: str, lang: str, home: Path) -> None:
    if kind in ("export", "private", "approve", "tiles"):
        small_plan(home / "plans" / "one")
    # the tiles of a plan are told by their own name, whoever began the job
    name = tilesets.place(home, "one", False).name if kind == "tiles" else "x"
    folder = jobs.create(kind, {"name": name}, home)
    jobs._end(folder, "failed", ChigaiError("坏了", "it is broken"))
    at = AppTest.from_file(str(MAIN), default_timeout=30)
    at.query_params["lang"] = lang
    at.session_state[f"job_{kind}"] = folder.name
    at.run()
    if kind == "findings":
        checked_parcels(home)
    where = {
        "check": "parcels.py",
        "findings": "parcels.py",
        "demo": "overview.py",
        "draft": "edit.py",
        "register": "field.py",
    }
    where |= dict.fromkeys(("verify", "ledger"), "ledger.py")
    at.query_params["view"] = "chain" if kind == "verify" else "records"
    at.switch_page(where.get(kind, "plan.py")).run()
    assert ("坏了" if lang == "zh" else "it is broken") in words(sound(at))


def test_many_findings_are_written_by_a_job_for_the_one_who_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    checked_parcels(home)
    assert "findings_xlsx" in {b.key for b in opened("parcels").get("download_button")}
    monkeypatch.setattr(finding_jobs, "AT_A_TIME", 0)
    at = opened("parcels")
    assert len(at.get("download_button")) == 0
    at.button(key="findings_xlsx").click().run()
    job = jobs.recent(home)[0]
    said = words(sound(at))
    assert (job.kind, job.state) == ("findings", "done") and "文件已备好" in said and ".xlsx" in said
    assert [b.key for b in opened("parcels").get("download_button")] == [f"fetch_{job.id}"]


def test_a_refusal_keeps_the_page_and_shows_no_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ChigaiError("文件坏了", "the file is broken", do_zh="换一份", file="DK.shp", row=3)

    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("inner detail")

    for fault, says in ((refuse, "文件坏了"), (fail, "页面出错了")):
        with monkeypatch.context() as patch:
            patch.setattr(parts, "plan_metas", fault)
            said = words(opened())
        assert says in said and "总览" in said
        assert "inner detail" not in said and "Traceback" not in said


def uploaded(at: AppTest, name: str, content: bytes) -> AppTest:
    at.file_uploader(key="upload_parcels").upload(name, content)
    return sound(at.run())


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("地块.mdb", b"x", "不认识这种文件"),
        ("a.gpkg", b"", "文件是空的"),
        ("a.gpkg", b"this is no GeoPackage", "a.gpkg"),
        ("a.zip", b"PK\x03\x04 and nothing more", "a.zip"),
    ],
)
def test_a_bad_upload_is_refused_in_words_and_asks_for_no_check(
    name: str, content: bytes, says: str, home: Path
) -> None:
    at = opened("parcels")
    said = words(uploaded(at, name, content))
    assert says in said
    assert not [b for b in at.button if b.key == "start_check"]


def test_the_stages_shown_are_the_pipelines_own() -> None:
    from planning import pipeline

    assert progress.STAGES["plan"] == tuple(pipeline.STAGES)


@pytest.mark.parametrize("trick", ["*a*", "[x](y)", "`c`", ":red[z]", "$a$", "# h", "~s~"])
def test_a_label_shows_the_signs_of_markdown_and_obeys_none(trick: str) -> None:
    shown = parts.plain_markdown(trick)
    assert re.sub(r"\\(.)", r"\1", shown) == trick
    assert not re.search(r"(?<!\\)[*\[\]`:$#~]", shown)
