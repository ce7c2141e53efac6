"""The page 方案: whether there is a cheaper way, the sites and what they lack, the frontier, a block's card."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from geo import plans
from geo.files import write_geo
from planning import explain
from tests.page_home import SITE_MU, checked_parcels, small_plan
from tracking import jobs, people, tilesets
from tracking.people import Person
from ui import frontier_chart, parts, plan_sites, sign_in, text

MAIN = Path(parts.__file__).with_name("main.py")
HULIN, MISHAN, DISTRICT = SITE_MU


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    return tmp_path


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    at.switch_page("plan.py").run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    bodies = [e.proto.body for e in at.get("html") if not e.proto.body.lstrip().startswith(("<style", "/*"))]
    said = [re.sub(r"<[^>]+>", " ", body) for body in bodies]
    said += [c.value for c in at.caption] + [e.label for e in at.expander]
    return re.sub(r" +", " ", "\n".join(said).replace("\u00a0", " "))


def full_plan(home: Path, **changes: Any) -> Path:
    """A small plan with all that newer plans tell: quality, goals, a frontier, loads and works."""
    folder = small_plan(home / "plans" / "one")
    meta = plans.read_meta(folder)
    meta["effort"] = "best"
    meta["quality"] = {
        "compliant_mu": 40.0,
        "compliant_bound_mu": 44.0,
        "cost_yuan": 500_000.0,
        "cost_bound_yuan": 450_000.0,
        "gap": 0.1,
        "units": 8,
        "units_proven_share": 0.75,
    } | changes
    meta["totals"]["ridge_kept_yuan"] = 123_000.0
    told = {
        HULIN: ("ceiling", 50_000.0, 43_210.0, 0.0, False),
        MISHAN: ("floor", 40_000.0, 31_234.0, 8_766.0, True),
        DISTRICT: ("floor", 2_000.0, 0.0, 2_000.0, False),
    }
    for c in meta["counties"]:
        goal, goal_mu, chosen, short, over = told[c["county"]]
        c |= {
            "goal": goal,
            "goal_mu": goal_mu,
            "chosen_mu": chosen,
            "chosen_cost_yuan": 3e6,
            "cost_bound_yuan": 2.9e6,
            "gap": 0.03,
            "over_budget": over,
            "shortfall_mu": short,
            "why": {},
            "cures": [{"zh": "追加 12 万元可达 880 亩", "en": "+120,000 yuan", "mu": 240.0, "yuan": 120_000.0}] if short else [],
            "shortfall_zh": f"{c['name_zh']}差<b>了</b>" if short else "",
            "shortfall_en": f"{c['name_en']} falls short" if short else "",
        }  # fmt: skip
    (folder / plans.MANIFEST).write_text(json.dumps(meta, ensure_ascii=False), "utf-8")
    points = {
        "county": [HULIN] * 3 + [MISHAN] * 2,
        "area_mu": [5_000.0, 43_210.0, 60_000.0, 5_000.0, 31_234.0],
        "cost_yuan": [2e5, 3e6, 6e6, 2e5, 2.4e6],
        "cost_bound_yuan": [1.9e5, 2.9e6, 5.8e6, 1.9e5, 2.3e6],
        "yuan_per_next_mu": [73.3, 178.7, float("nan"), 83.9, float("nan")],
    }
    pd.DataFrame(points).to_parquet(folder / "frontier.parquet")
    loads = {"block_id": ["B1"], "from_parcel": ["p2"], "to_parcel": ["p3"], "volume_m3": [99.5]}
    pd.DataFrame(loads | {"distance_m": [57.8]}).to_parquet(folder / "hauls.parquet")
    works = {"block_id": ["B1"], "cut_cells_m3": [111.0], "fill_cells_m3": [112.0], "topsoil_m3": [321.0]}
    pd.DataFrame(works).to_parquet(folder / "works.parquet")
    return folder


def test_whoever_asks_for_a_cheaper_way_gets_a_number_before_anything_else(home: Path) -> None:
    full_plan(home)
    at = opened()
    said = words(at)
    assert "还能更省吗？ 最多再省 5.0 万元（10.0 %）" in said
    assert "至少要 45.0 万元；这个方案 50.0 万元" in said
    assert said.index("还能更省吗") < said.index("田块数")
    assert "任何方案至多 44.0 亩" in said and "75.0 %" in said and "计算力度：最好" in said
    english = words(opened(lang="en"))
    assert "Is there a cheaper way? At most 50.0 k yuan could be saved (10.0 %)" in english


def test_a_plan_that_is_proven_says_so(home: Path) -> None:
    full_plan(home, cost_bound_yuan=500_000.0, gap=0.0, units_proven_share=1.0)
    said = words(opened())
    assert "不能：已证明是最省的" in said and "最多再省" not in said


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_plan_of_an_older_version_opens_without_what_it_does_not_know(home: Path, lang: str) -> None:
    small_plan(home / "plans" / "one")
    said = words(opened(lang=lang))
    t = text.Words(lang)
    for key in ("plan.cheaper", "plan.quality", "plan.sites", "plan.frontier"):
        assert t(key) not in said
    assert t("plan.block") in said


def test_each_county_says_what_was_chosen_what_is_missing_and_what_would_cure_it(home: Path) -> None:
    full_plan(home)
    at = opened()
    said = words(at)
    html = "".join(e.proto.body for e in at.get("html"))
    assert "上限 50,000" in said and "下限 40,000" in said
    assert "差 8,766 亩 · 预算不够" in said
    assert "差&lt;b&gt;了" in html and "差<b>" not in html
    assert said.count("→ 追加 12 万元可达 880 亩") == 2
    # the next mu beyond what is chosen, by the county's own frontier
    (row,) = [r for r in re.findall(r"<tr>.*?</tr>", html) if "虎林市" in r and "上限 50,000" in r]
    assert ">179<" in row and "43,210" in row
    assert "差在哪里，怎么补（2 个县（市、区））" in said
    assert "现在选 43,210 亩，费用 300.0 万元。再往上，每多一亩约 179 元。" in said


def test_the_next_mu_is_that_of_the_last_point_reached() -> None:
    points = pd.DataFrame(
        {"county": "a", "area_mu": [10.0, 20.0, 30.0], "yuan_per_next_mu": [5.0, 9.0, float("nan")]}
    )
    assert plan_sites.next_mu(points, "a", 0.0) == 5.0
    assert plan_sites.next_mu(points, "a", 10.0) == 5.0
    assert plan_sites.next_mu(points, "a", 25.0) == 9.0
    assert plan_sites.next_mu(points, "a", 30.0) is None
    assert plan_sites.next_mu(points, "b", 0.0) is None and plan_sites.next_mu(None, "a", 0.0) is None


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_chart_shows_cost_bound_choice_and_target(home: Path, lang: str) -> None:
    folder = full_plan(home)
    points = plans.read_more(folder, "frontier")
    assert points is not None
    county = next(c for c in plans.read_meta(folder)["counties"] if c["county"] == HULIN)
    spec = frontier_chart.chart(points[points.county == HULIN], county, text.Words(lang)).to_dict()
    rows = [row for data in spec["datasets"].values() for row in data]
    unit = 10_000 if lang == "zh" else 1_000
    costs = sorted(r["money"] for r in rows if r.get("which") == "cost_yuan")
    assert costs == pytest.approx([2e5 / unit, 3e6 / unit, 6e6 / unit])
    assert sum(r.get("which") == "cost_bound_yuan" for r in rows) == 3
    names = {r["name"]: r["area_mu"] for r in rows if "name" in r}
    t = text.Words(lang)
    assert names == {
        t("plan.line_floor"): 40_000.0,
        t("plan.line_ceiling"): 50_000.0,
        t("plan.line_chosen"): 43_210.0,
    }


def test_what_the_cost_is_made_of_holds_the_ridges_that_stay(home: Path) -> None:
    full_plan(home)
    charts = [json.loads(e.proto.spec) for e in opened().get("vega_lite_chart")]
    assert len(charts) == 3
    assert "保留田埂" in text.TEXTS["plan.cost_ridges"][0].replace("的", "")


def test_a_link_to_a_block_opens_its_card(home: Path) -> None:
    full_plan(home)
    said = words(opened(block="B1"))
    assert "100.10 m" in said and "小池 100.00–100.20 m，高差 0.20 m" in said
    assert "700 元" in said and "土方 500，形状 0，多户 200" in said
    assert "1 趟土" in said and "321 m³" in said and "挖 111 m³，填 112 m³" in said
    assert "池内高差：现为 0.20 m，限 0.30 m" in said
    assert "与 B0 合成一池" in said and "运土清单（1）" in said and "p2" in said
    # who comes by the link sees the block before the plan's figures
    assert said.index("平均运距") < said.index("田块数")


def test_without_a_block_none_is_reckoned(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("explained without being asked")

    monkeypatch.setattr(explain, "explain", never)
    full_plan(home)
    assert "平均运距" not in words(opened())


def test_a_block_that_is_not_there_is_refused_in_words(home: Path) -> None:
    full_plan(home)
    said = words(opened(block="<b>B9"))
    assert "没有大池“&lt;b&gt;B9”" in said or "没有大池“<b>B9”" in said


def test_who_may_not_see_households_sees_no_parcels_of_a_block(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_plan(home)
    viewer = Person("guest", "访客", "viewer", None)
    assert not people.may(viewer, "see_private", HULIN)
    monkeypatch.setattr(sign_in, "person", lambda cookies: viewer)
    said = words(opened(block="B1"))
    assert "100.10 m" in said and "只给本县（市、区）有权限的人看" in said
    assert "与 B0 合成一池" not in said and "p2" not in said and "运土清单（" not in said


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_that_a_household_refused_is_told_to_those_alone_who_may_know_of_households(
    home: Path, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    folder = full_plan(home)
    parcels = gpd.read_parquet(folder / "parcels.parquet")
    # p4 lies beside B1 and belongs to nobody's block, because its household said no
    own = parcels["parcel_id"] == "p4"
    parcels["consent"] = [False if one else None for one in own]
    parcels.loc[own, ["block_id", "reason"]] = [None, "consent"]
    write_geo(parcels, folder / "parcels.parquet")
    refused, neutral = {
        "zh": ("农户未同意，挡住 1 个相邻小池", "有相邻小池不并入本池"),
        "en": ("Consent refused; it keeps 1 neighbouring parcel out", "Some neighbouring parcels are not joined to it"),
    }[lang]  # fmt: skip
    said = words(opened(block="B1", lang=lang))
    assert refused in said and neutral not in said
    viewer = Person("guest", "访客", "viewer", None)
    monkeypatch.setattr(sign_in, "person", lambda cookies: viewer)
    said = words(opened(block="B1", lang=lang))
    assert neutral in said and refused not in said
    assert "同意" not in said and "onsent" not in said


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_without_the_raster_the_card_says_so_in_place_of_its_figures(home: Path, lang: str) -> None:
    folder = full_plan(home)
    nan = float("nan")
    works = {"block_id": ["B1"], "cut_cells_m3": [nan], "fill_cells_m3": [nan], "topsoil_m3": [321.0]}
    pd.DataFrame(works).to_parquet(folder / "works.parquet")
    said = words(opened(block="B1", lang=lang))
    told = {"zh": "按栅格的挖填算不出", "en": "no cut and fill by the raster"}[lang]
    assert told in said and "321 m³" in said and "挖 –" not in said and "cut –" not in said
    assert re.search(r"\bnan\b", said, re.IGNORECASE) is None


def test_the_effort_is_asked_for_and_sent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked_parcels(home)
    sent: list[dict[str, Any]] = []

    def start(kind: str, request: dict[str, Any], at_home: Path) -> str:
        sent.append(request)
        return jobs.create(kind, request, at_home).name

    monkeypatch.setattr(jobs, "start", start)
    at = opened()
    (box,) = [s for s in at.selectbox if s.label == "计算力度"]
    assert box.options == ["快", "常规", "最好"]
    box.set_value("best")
    at.button(key="start_plan").click().run()
    assert sent[0]["effort"] == "best"


def test_how_far_the_map_tiles_are_is_said_and_they_may_be_stopped_and_begun_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_plan(home)
    job = jobs.create("tiles", {"name": "one"}, home).name
    monkeypatch.setattr(tilesets, "standing", lambda *asked: tilesets.Standing("running", 0.37, job))
    at = opened()
    assert [b.proto.text for b in at.get("progress")] == [
        "正在后台制作地图瓦片：做好之前地图也能用，只是慢一些"
    ]
    at.button("tiles_cancel").click().run()
    assert (home / "jobs" / job / "cancel").exists()
    monkeypatch.setattr(tilesets, "standing", lambda *asked: tilesets.Standing("cancelled", 0.37, job))
    begun: list[bool] = []
    monkeypatch.setattr(tilesets, "begin", lambda *asked, again=False: begun.append(again))
    at = opened()
    assert "已停止制作地图瓦片" in words(at)
    at.button("tiles_again").click().run()
    assert begun == [True]
    monkeypatch.setattr(tilesets, "standing", lambda *asked: tilesets.Standing("ready"))
    assert "瓦片" not in words(opened())
