"""Taking a plan out on the page 方案: who is offered what, what is asked for, and what lies ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.page_home import small_plan
from tests.ui.test_plan_page import words
from tracking import exports, jobs, prepared
from tracking.exports import Wanted
from tracking.people import Person
from ui import parts, plan_export, sign_in, text

MAIN = Path(parts.__file__).with_name("main.py")
HULIN, MISHAN = "230381", "230382"
PLANNER = Person("p", "王规划", "planner", None)
OF_MISHAN = Person("m", "密山", "planner", frozenset({MISHAN}))
VIEWER = Person("v", "查看", "viewer", None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    small_plan(tmp_path / "plans" / "one")
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """What the page's download button stands for each time that it is drawn."""
    seen: list[Wanted] = []
    whole = exports.file_name

    def named(plan_id: str, wanted: Wanted, names: Any) -> str:
        seen.append(wanted)
        return whole(plan_id, wanted, names)

    monkeypatch.setattr(exports, "file_name", named)
    return seen


def opened(lang: str = "zh") -> AppTest:
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    at.query_params["lang"] = lang
    at.run()
    at.switch_page("plan.py").run()
    assert not at.exception
    return at


def choose(at: AppTest, label: str, value: Any) -> AppTest:
    (box,) = [s for s in at.selectbox if s.label == label]
    box.set_value(value).run()
    assert not at.exception
    return at


def options(at: AppTest, label: str) -> list[str]:
    (box,) = [s for s in at.selectbox if s.label == label]
    return list(box.options)


def html(at: AppTest) -> str:
    return "\n".join(e.proto.body for e in at.get("html"))


def buttons(at: AppTest) -> set[str]:
    return {b.key for b in at.get("download_button")} | {b.key for b in at.button}


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_format_is_offered_with_what_it_is_for(home: Path, lang: str) -> None:
    at, t = opened(lang), text.Words(lang)
    label = t("export.format")
    assert options(at, label) == [t(f"export.{f}") for f in (*plan_export.FORMATS, "households")]
    for fmt in (*plan_export.FORMATS, "households"):
        choose(at, label, fmt)
        assert t(f"export.for_{fmt}") in words(at)
        assert "download" in buttons(at), fmt


def test_all_public_formats_of_the_library_are_on_the_page() -> None:
    assert {*plan_export.FORMATS, "households"} == set(exports.FORMATS)
    assert set(plan_export.SECONDS_A_THOUSAND) == set(exports.FORMATS)


def test_a_viewer_is_offered_nothing_of_households(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "person", lambda cookies: VIEWER)
    at = opened()
    assert "分户表（内部资料）" not in options(at, "格式") and "download" in buttons(at)
    assert not [c for c in at.checkbox if "原编号" in c.label]


def test_a_planner_of_another_county_gets_no_households_of_this_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "person", lambda cookies: OF_MISHAN)
    at = choose(opened(), "格式", "households")
    choose(at, "范围", "county")
    assert "没有这个县（市、区）的农户信息权限" in html(at)
    assert "download" not in buttons(at)


@pytest.mark.parametrize(
    ("scope", "selection"),
    [("county", {"counties": (HULIN,)}), ("site", {"counties": (HULIN,), "sites": ("S1",)})],
)
def test_a_part_is_chosen(home: Path, asked: list[Wanted], scope: str, selection: dict[str, Any]) -> None:
    at = choose(opened(), "范围", scope)
    assert "download" in buttons(at)
    assert {k: v for k, v in vars(asked[-1].selection).items() if v} == selection


def test_blocks_are_typed(home: Path, asked: list[Wanted]) -> None:
    at = choose(opened(), "范围", "block")
    assert "请先选好范围" in words(at) and "download" not in buttons(at)
    (box,) = [b for b in at.text_input if "大池编号" in b.label]
    box.set_value("B1，B2 B1").run()
    assert asked[-1].selection.blocks == ("B1", "B2")
    box.set_value("B1 <b>B9").run()
    assert "没有大池" in html(at) and "<b>B9" not in html(at) and "download" not in buttons(at)


def test_the_shifted_kml_warns(home: Path, asked: list[Wanted]) -> None:
    at = choose(opened(), "格式", "kml")
    assert "偏几百米" not in html(at) and asked[-1].options.datum == "wgs84"
    choose(at, "坐标", "gcj02")
    assert "不能用来放样" in html(at) and asked[-1].options.datum == "gcj02"


def test_households_are_private_and_come_in_three_forms(home: Path, asked: list[Wanted]) -> None:
    at = choose(opened(), "格式", "households")
    assert options(at, "文件") == ["一个文件（.xlsx）", "一个文件（.pdf）", "每个村一个文件（.zip）"]
    assert asked[-1].private and asked[-1].ending() == ".xlsx"
    choose(at, "文件", ".zip")
    assert asked[-1].ending() == ".zip"


def test_own_ids_are_asked_for_by_a_box(home: Path, asked: list[Wanted]) -> None:
    at = choose(opened(), "格式", "stakes")
    assert not asked[-1].private
    (box,) = [c for c in at.checkbox if "原编号" in c.label]
    box.check().run()
    assert asked[-1].private and asked[-1].own_ids


def test_what_takes_long_is_prepared_by_a_job(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_export, "LONGEST_S", 0.0)
    sent: list[tuple[str, dict[str, Any]]] = []

    def start(kind: str, request: dict[str, Any], at_home: Path) -> str:
        sent.append((kind, request))
        return jobs.create(kind, request, at_home).name

    monkeypatch.setattr(jobs, "start", start)
    at = choose(opened(), "格式", "dxf")
    assert "download" not in buttons(at)
    at.button(key="prepare").click().run()
    assert not at.exception
    ((kind, request),) = sent
    assert kind == "export" and request["plan"] == "one" and request["fmt"] == "dxf"
    # one asks for one at a time, and may stop it
    assert at.button(key="prepare").disabled and at.button(key="cancel_export")


def test_a_long_household_list_is_prepared_for_the_one_who_asks(
    home: Path, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    at = choose(opened(), "格式", "households")
    assert "download" in buttons(at) and "prepare" not in buttons(at)
    monkeypatch.setattr(plan_export, "LONGEST_S", 0.0)
    at = choose(opened(), "格式", "households")
    assert "download" not in buttons(at) and "只有您能下载，存放一天后自动删除" in words(at)
    at.button(key="prepare").click().run()
    job = jobs.recent(home)[0]
    assert (job.kind, job.state) == ("private", "done")
    assert "文件已备好" in words(at) and f"fetch_{job.id}" in buttons(at)
    assert "one-households-内部.xlsx" in words(opened())
    monkeypatch.setattr(sign_in, "person", lambda cookies: PLANNER)
    assert f"fetch_{job.id}" not in buttons(opened())


def test_what_lies_ready_is_listed_with_its_button(home: Path) -> None:
    made = prepared.room(home, "j1")
    (made / "one-dxf.zip").write_bytes(b"x" * 2_000_000)
    prepared.put(home, made, "plan one", "dxf.zip", ["export"])
    at = opened()
    assert "one-dxf.zip · 2.0 MB" in words(at)
    assert "fetch_j1" in buttons(at)


def test_without_a_typeface_the_page_says_how_to_get_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geo.export import typeface

    class Few:
        def families(self) -> list[str]:
            return []

    monkeypatch.setattr(typeface, "_fonts", lambda folder: Few())
    at = choose(opened(), "格式", "sheets")
    assert "fonts-noto-cjk" in html(at)
    assert "download" not in buttons(at)


def test_a_large_scale_of_map_sheets_takes_longer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # twelve parcels: hundredths of a second at 1 : 2,000, sixteen times that at 1 : 500
    monkeypatch.setattr(plan_export, "LONGEST_S", 0.02)
    at = choose(opened(), "格式", "sheets")
    assert "download" in buttons(at)
    choose(at, "比例尺", 500)
    assert "prepare" in buttons(at) and "download" not in buttons(at)


def test_a_list_too_long_for_one_pdf_is_said_before_it_is_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_export.households, "MOST_PDF_ROWS", 5)
    at = choose(opened(), "格式", "households")
    assert "download" in buttons(at)
    choose(at, "文件", ".pdf")
    assert "一份 PDF 放不下" in html(at) and "download" not in buttons(at)
