"""The page 改方案 without its map: a draft begun, changed by lists, undone, written; and plans side by side on 方案."""

from __future__ import annotations

import contextlib
import html
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from geo import frozen
from geo.errors import ChigaiError
from planning.editing.changes import Asked
from planning.editing.writing import write
from tests.page_home import MAIN, opened, small_plan
from tracking import draft_units, drafts, files, jobs, variants
from tracking.desk import Desk
from tracking.people import LOCAL, Person
from tracking.store import ENVIRONMENT, Store
from ui import edit_map, sign_in, text

HULIN, MISHAN = "230381", "230382"


@pytest.fixture
def house(plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    shutil.copytree(plan_folder, tmp_path / "plans" / "P")
    path = tmp_path / "plans" / "P" / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"id": "P"}), "utf-8")
    Store().upgrade()
    return tmp_path


@pytest.fixture
def desk(house: Path) -> Desk:
    return Desk(Store(), LOCAL, house)


def words(at: AppTest) -> str:
    bodies = [e.proto.body for e in at.get("html") if not e.proto.body.lstrip().startswith(("<style", "/*"))]
    said = [re.sub(r"<[^>]+>", " ", body) for body in bodies]
    said += [c.value for c in at.caption] + [e.label for e in at.expander]
    return re.sub(r" +", " ", html.unescape("\n".join(said)).replace("\u00a0", " "))


def labelled(at: AppTest, kind: str, label: str) -> object:
    return next(w for w in getattr(at, kind) if w.label == label)


def test_a_draft_is_begun_changed_by_lists_and_undone(desk: Desk) -> None:
    at = opened("edit")
    assert "选一个方案，开始第一份草稿" in words(at)
    at.text_input("edit_name").set_value("张村调整")
    at.button("begin_draft").click().run()
    (draft,) = drafts.listed(desk)
    assert draft.name == "张村调整" and draft.plan == "P"
    assert "已自动保存：0 处改动" in words(at) and "与原方案相同" in words(at)
    at.button("edit_next").click().run()
    said = words(at)
    assert "条田单元" in said and re.search("不足下限|高差超限|农户不同意", said)
    number = int(at.query_params["unit"][0])
    blocks = labelled(at, "multiselect", "选大池")
    blocks.select(blocks.options[0]).run()
    labelled(at, "selectbox", "做什么").select_index(3).run()
    said = words(at)
    assert "改了以后" in said and "全部" in said
    assert drafts.figures(desk, draft.id)["changes"] == 0
    at.button("edit_apply").click().run()
    assert "已保存：移出" in words(at) and "已自动保存：1 处改动" in words(at)
    unit, state, touched, _ = drafts.look(desk, draft.id, number)
    assert touched.version == 1 and state.out.any() and not state.same_blocks(unit.base)
    at.button("edit_undo").click().run()
    assert "与原方案相同" in words(at) and not at.exception
    at.button("edit_redo").click().run()
    assert drafts.figures(desk, draft.id)["changes"] == 1
    assert "改动记录（1）" in words(at)


def test_what_is_forbidden_is_told_and_cannot_be_applied(desk: Desk) -> None:
    draft = drafts.begin(desk, "P", "x")
    rows = draft_units.problems(desk, draft)
    number = int(rows[rows.kind == "step"].field_unit.iloc[0])
    at = opened("edit", draft=draft, unit=str(number))
    unit, *_ = drafts.look(desk, draft, number)
    z = unit.parcels.elevation_m.to_numpy()
    parcels = labelled(at, "multiselect", "选小池")
    parcels.set_value([unit.names[z.argmin()], unit.names[z.argmax()]]).run()
    said = words(at)
    assert "不能这样改" in said and "处理办法" in said
    assert not [b for b in at.button if b.key == "edit_apply"]


def test_a_parcel_is_found_by_its_id_and_the_other_planner_is_named(desk: Desk, house: Path) -> None:
    draft = drafts.begin(desk, "P", "x")
    number = int(draft_units.problems(desk, draft).field_unit.iloc[0])
    other = Desk(Store(), Person("w", "王规划", "planner", None), house)
    unit, *_ = drafts.look(other, draft, number)
    at = opened("edit", draft=draft)
    at.text_input("edit_find").set_value("nobody").run()
    assert "草稿里没有“nobody”" in words(at)
    at.text_input("edit_find").set_value(unit.names[0]).run()
    assert f"条田单元 {number}" in words(at) and "w也在改这个条田单元" in words(at)


def test_the_draft_is_written_by_a_job_and_put_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = drafts.begin(desk, "P", "写成")
    number = int(draft_units.problems(desk, draft).field_unit.iloc[0])
    unit, *_ = drafts.look(desk, draft, number)
    drafts.apply(desk, draft, number, Asked("take_out", blocks=(unit.blocks.block_id.iloc[0],)), 0)
    begun: list[tuple[str, dict[str, object]]] = []

    def start(kind: str, request: dict[str, object], home: Path) -> str:
        begun.append((kind, dict(request)))
        return jobs.create(kind, request, home).name

    monkeypatch.setattr(jobs, "start", start)
    at = opened("edit", draft=draft)
    at.button("write_draft").click().run()
    (said,) = begun
    assert said[0] == "draft" and said[1]["draft"] == draft and said[1]["name"] == "写成"
    assert "写成新方案" in words(at)
    drafts.close(desk, draft)
    at = opened("edit")
    assert drafts.listed(desk) == [] and not at.exception


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_page_says_that_sites_are_chosen_again_and_where_the_raster_is_gone(
    desk: Desk, house: Path, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    later, gone = text.TEXTS["edit.sites_later"], text.TEXTS["edit.no_raster"]
    draft = drafts.begin(desk, "P", "x")
    said = words(opened("edit", draft=draft, lang=lang))
    assert later[lang == "en"] in said and gone[lang == "en"] in said
    monkeypatch.setattr(files, "dem_of", lambda home, plan: house / "dem.tif")
    said = words(opened("edit", draft=draft, lang=lang))
    assert later[lang == "en"] in said and gone[lang == "en"] not in said


def test_a_draft_written_without_the_raster_shows_no_figure_that_is_none(
    desk: Desk, house: Path, at_once: None
) -> None:
    draft = drafts.begin(desk, "P", "没有栅格")
    blocks = pd.read_parquet(house / "plans" / "P" / "blocks.parquet")
    largest = blocks.sort_values("n_parcels").iloc[-1]
    unit, *_ = drafts.look(desk, draft, int(largest.field_unit))
    for row in unit.base.members()[largest.block_id]:
        with contextlib.suppress(ChigaiError):
            drafts.apply(desk, draft, unit.number, Asked("take_out", parcels=(unit.names[row],)), 0)
            break
    plan = jobs.status(drafts.start_writing(desk, draft, ""), house)
    assert plan.state == "done", plan
    works = pd.read_parquet(house / "plans" / plan.id / "works.parquet")
    unknown = works[works.cut_cells_m3.isna()]
    assert len(unknown) and unknown.topsoil_m3.notna().all()
    for lang in text.LANGUAGES:
        said = words(opened("plan", plan=plan.id, block=unknown.block_id.iloc[0], lang=lang))
        assert text.TEXTS["plan.block_works_unknown"][lang == "en"] in said
        assert re.search(r"\bnan\b", said, re.IGNORECASE) is None


def test_the_way_to_the_written_plan_stays_until_it_is_gone(desk: Desk, house: Path) -> None:
    at = opened("edit", draft=drafts.begin(desk, "P", "写成"))
    folder = jobs.create("draft", {"name": "写成"}, house)
    told = json.loads((folder / "status.json").read_text("utf-8"))
    over = {
        "state": "done",
        "started": told["created"],
        "ended": told["created"],
        "result": str(house / "plans" / "P"),
    }
    (folder / "status.json").write_text(json.dumps(told | over), "utf-8")
    at.session_state["job_draft"] = folder.name
    for _ in range(2):
        at.run()
        assert "已写成新方案" in words(at) and at.button("see_plan").label == "看这个方案"
    at.button("see_plan").click().run()
    assert not at.exception and "edit_written" not in at.session_state


def test_without_a_plan_and_without_the_right_the_page_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    empty = opened("edit")
    assert "还没有方案可改" in words(empty) and empty.button("go_plan").label == "去做方案"
    store = Store()
    monkeypatch.setattr(sign_in, "desk", lambda: Desk(store, Person("v", "v", "viewer", None), tmp_path))
    at = AppTest.from_file(str(MAIN), default_timeout=60).run()
    at.switch_page("edit.py").run()
    assert "草稿" not in words(at)


def test_the_map_moves_for_another_unit_and_is_not_loaded_anew(desk: Desk) -> None:
    draft = drafts.draft(desk, drafts.begin(desk, "P"))
    pages = {edit_map.url(draft, "zh", number, n).split("#")[0] for number, n in ((None, 0), (3, 0), (4, 7))}
    assert len(pages) == 1


def test_plans_stand_side_by_side_with_the_parcels_that_change_hands(desk: Desk, house: Path) -> None:
    draft = drafts.begin(desk, "P")
    number = int(draft_units.problems(desk, draft).field_unit.iloc[0])
    unit, *_ = drafts.look(desk, draft, number)
    drafts.apply(desk, draft, number, Asked("take_out", blocks=(unit.blocks.block_id.iloc[0],)), 0)
    write(house / "plans" / "P", drafts.states(desk, draft), house / "plans" / "Q", {"title": "手改"})
    at = opened("plan", plan="P")
    at.multiselect("variants_P_zh").set_value(["P", "Q"]).run()
    said = words(at)
    assert not at.exception
    assert "换了归属的小池" in said and "参数相同" in said and "手改" in said
    gone = int(unit.blocks.n_parcels.iloc[0])
    assert f"{gone} 个小池" in said and f"小池清单（{gone}）" in said


def test_the_approved_plan_is_told_with_its_checksum_and_whether_it_holds(
    desk: Desk, house: Path, at_once: None
) -> None:
    at = opened("plan", plan="P")
    assert at.button("approve_plan").disabled
    at.checkbox("sure_P").check().run()
    at.button("approve_plan").click().run()
    assert not at.exception
    sha = frozen.checksum(house / "plans" / "P")
    said = words(at)
    assert (
        "已批准，用时" in said and sha in said and "文件与批准时完全一致" in said and "当前批准的方案" in said
    )
    assert variants.history(desk)[0].sha256 == sha
    assert not [b for b in at.button if b.key == "approve_plan"]
    path = house / "plans" / "P" / "plan.json"
    path.chmod(0o644)
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    assert "文件与批准时不一致" in words(opened("plan", plan="P"))


def test_a_viewer_compares_and_neither_varies_nor_approves(
    desk: Desk, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "desk", lambda: Desk(desk.store, Person("v", "v", "viewer", None), house))
    at = opened("plan", plan="P")
    keys = {b.key for b in at.button}
    assert not keys & {"approve_plan", "vary_start", "edit_plan"}
    assert "对比与批准" in words(at)


def test_every_word_of_both_is_there_in_both_languages(house: Path) -> None:
    small_plan(house / "plans" / "two")
    for page in ("edit", "plan"):
        at = opened(page, lang="en")
        assert not at.exception
    for key, pair in text.TEXTS.items():
        if key.startswith(("edit.", "variant.", "figure.")):
            assert len(pair) == 2 and all(pair), key
