"""A planner changes a draft on the map: clicks, a box, a ring and a line, what is refused, undo and redo."""

from __future__ import annotations

import itertools
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import uvicorn
from starlette.applications import Starlette

from geo import plans, tiles
from planning.editing.changes import Asked, changed
from planning.editing.rules import RefusedError
from planning.editing.unit import FieldUnit, load
from planning.editing.writing import write
from tests.map_visit import CHROMIUM, Visit
from tracking import drafts
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.store import ENVIRONMENT, Store
from ui import routes

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


class Workshop:
    """A served home with the demo's plan P, and the desk of the one user of this machine."""

    def __init__(self, home: Path, base: str) -> None:
        self.home, self.base = home, base
        self.desk = Desk(Store(), LOCAL, home)
        blocks = plans.read(home / "plans" / "P").blocks
        self.units = [load(home / "plans" / "P", int(n)) for n in blocks.field_unit.value_counts().index[:8]]

    def open(self, browser: Any, draft: str, unit: FieldUnit, **size: Any) -> Visit:
        visit = Visit(
            browser, self.base, f"/chigai/map/plan/P?lang=zh&draft={draft}#unit={unit.number}", **size
        )
        visit.until("window.chigaiEdit && chigaiEdit.at.unit !== null", 30)
        visit.until("!document.body.classList.contains('cg-edit-busy')")
        return visit


@pytest.fixture(scope="module")
def workshop(plan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    home = tmp_path_factory.mktemp("workshop")
    shutil.copytree(plan_folder, home / "plans" / "P")
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes.routes()), host="127.0.0.1", port=0, log_level="error")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(home))
        patch.delenv(ENVIRONMENT, raising=False)
        Store().upgrade()
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield Workshop(home, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        server.should_exit = True
        thread.join(10)


def on_screen(visit: Visit, unit: FieldUnit, shape: shapely.Geometry) -> tuple[float, float]:
    """Where a point of a shape lies on the page, once it is brought to the middle, away from the map's controls."""
    inside = shapely.point_on_surface(shape)
    there = tiles.lonlat(np.array([inside], object), unit.parcels.crs)[0]
    visit.page.evaluate(f"void chigaiMap.map.panTo([{there.y}, {there.x}], {{animate: false}})")
    return place(visit, unit, inside)


def place(visit: Visit, unit: FieldUnit, point: shapely.Point) -> tuple[float, float]:
    there = tiles.lonlat(np.array([point], object), unit.parcels.crs)[0]
    found = visit.page.evaluate(
        f"""(() => {{ const p = chigaiMap.map.latLngToContainerPoint([{there.y}, {there.x}]);
        const box = chigaiMap.map.getContainer().getBoundingClientRect(); return [p.x + box.x, p.y + box.y]; }})()"""
    )
    return float(found[0]), float(found[1])


def press(visit: Visit, name: str) -> None:
    visit.page.get_by_role("button", name=name, exact=True).click()
    settled(visit)


def settled(visit: Visit) -> None:
    visit.page.wait_for_timeout(150)
    visit.until("!document.body.classList.contains('cg-edit-busy')", 30)


def choose(visit: Visit, *names: str) -> None:
    for name in names:
        visit.page.get_by_role("radio", name=name, exact=True).click()


def drag(visit: Visit, points: list[tuple[float, float]]) -> None:
    mouse = visit.page.mouse
    mouse.move(*points[0])
    mouse.down()
    for point in points[1:]:
        mouse.move(*point, steps=6)
    mouse.up()
    settled(visit)


def pair(workshop: Workshop) -> tuple[FieldUnit, str, str]:
    """Two blocks beside each other that may be one."""
    for unit in workshop.units:
        block = unit.base.block
        for a, b in zip(block[unit.nb.left], block[unit.nb.right], strict=True):
            if a is not None and b is not None and a != b:
                try:
                    changed(unit, unit.base, Asked("join", blocks=(a, b)))
                except RefusedError:
                    continue
                return unit, a, b
    raise AssertionError("no two blocks of the demo may be joined")


def test_two_blocks_are_clicked_joined_undone_and_joined_again(browser: Any, workshop: Workshop) -> None:
    unit, a, b = pair(workshop)
    draft = drafts.begin(workshop.desk, "P")
    plan = drafts.figures(workshop.desk, draft)["totals"]
    visit = workshop.open(browser, draft, unit)
    choose(visit, "大池")
    for name in (a, b):
        shape = unit.blocks.geometry[unit.blocks.block_id == name].iloc[0]
        visit.page.mouse.click(*on_screen(visit, unit, shape))
        settled(visit)
    assert "2 个大池" in visit.page.inner_text(".cg-edit-picked")
    press(visit, "合并")
    told = visit.page.inner_text(".cg-edit-told")
    assert told.startswith("改了以后") and a in told and b in told and "合计" in told
    assert "规则都满足" in told and "上限 50" in told and "不跨固定的渠" in told
    assert drafts.figures(workshop.desk, draft)["changes"] == 0
    press(visit, "确定")
    assert visit.page.inner_text(".cg-edit-told") == "已保存"
    joined = drafts.figures(workshop.desk, draft)
    assert joined["changes"] == 1 and joined["totals"]["blocks"] == plan["blocks"] - 1
    visit.until("chigaiEdit.at.unit.version === 1")
    press(visit, "撤销（1）")
    assert drafts.figures(workshop.desk, draft)["totals"] == plan
    visit.page.keyboard.press("Control+y")
    settled(visit)
    assert drafts.figures(workshop.desk, draft)["totals"] == joined["totals"]
    visit.page.keyboard.press("Control+z")
    settled(visit)
    assert drafts.figures(workshop.desk, draft)["totals"] == plan
    press(visit, "重做（1）")
    assert drafts.figures(workshop.desk, draft)["totals"] == joined["totals"]
    assert visit.complaints == []
    assert all(a.startswith(workshop.base) for a in visit.asked if a.startswith("http"))
    visit.close()


def tab_to(visit: Visit, name: str, back: bool = False) -> None:
    """Tab until a control of this name has the keyboard."""
    for _ in range(60):
        visit.page.keyboard.press("Shift+Tab" if back else "Tab")
        said = visit.page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        )
        if (said or "").startswith(name):
            return
    raise AssertionError(f"Tab never comes by {name}")


def enter(visit: Visit) -> None:
    visit.page.keyboard.press("Enter")
    settled(visit)


def middle(visit: Visit, unit: FieldUnit, shape: shapely.Geometry) -> None:
    """As arrows do in many steps."""
    on_screen(visit, unit, shape)
    settled(visit)


def test_by_keys_alone_blocks_are_selected_joined_and_undone(browser: Any, workshop: Workshop) -> None:
    unit, a, b = pair(workshop)
    draft = drafts.begin(workshop.desk, "P")
    plan = drafts.figures(workshop.desk, draft)["totals"]
    visit = workshop.open(browser, draft, unit)
    shapes = {name: unit.blocks.geometry[unit.blocks.block_id == name].iloc[0] for name in (a, b)}
    tab_to(visit, "大池")
    enter(visit)
    tab_to(visit, "地图：", back=True)
    centre = "chigaiMap.map.getCenter().lng"
    was = visit.page.evaluate(centre)
    visit.page.keyboard.press("ArrowRight")
    visit.until(f"{centre} > {was}")
    for shape in shapes.values():
        middle(visit, unit, shape)
        enter(visit)
    assert "2 个大池" in visit.page.inner_text(".cg-edit-picked")
    tab_to(visit, "合并")
    enter(visit)
    # the keyboard waits on what comes next, and afterwards on the answer
    assert visit.page.evaluate("document.activeElement.innerText") == "确定"
    enter(visit)
    assert visit.page.evaluate("document.activeElement.innerText") == "已保存"
    assert drafts.figures(workshop.desk, draft)["totals"]["blocks"] == plan["blocks"] - 1
    tab_to(visit, "撤销（1）", back=True)
    enter(visit)
    assert drafts.figures(workshop.desk, draft)["totals"] == plan
    visit.close()


def test_by_keys_alone_a_block_is_locked_and_a_parcel_moved(browser: Any, workshop: Workshop) -> None:
    def movable() -> Iterator[tuple[FieldUnit, int, str]]:
        for unit in workshop.units:
            block = unit.base.block
            for i, j in zip(unit.nb.left, unit.nb.right, strict=True):
                if block[j] is not None and block[i] != block[j]:
                    try:
                        changed(unit, unit.base, Asked("move", (unit.names[i],), to=block[j]))
                    except RefusedError:
                        continue
                    yield unit, i, block[j]

    unit, row, to = next(movable())
    draft = drafts.begin(workshop.desk, "P")
    visit = workshop.open(browser, draft, unit)
    tab_to(visit, "地图：")
    middle(visit, unit, unit.geoms[row])
    enter(visit)
    tab_to(visit, "移到邻池")
    enter(visit)
    # the keyboard is on the map again, for the block to move to
    middle(visit, unit, unit.blocks.geometry[unit.blocks.block_id == to].iloc[0])
    enter(visit)
    assert visit.page.evaluate("document.activeElement.innerText") == "确定"
    enter(visit)
    state = drafts.look(workshop.desk, draft, unit.number)[1]
    there = next(i for i in np.flatnonzero(unit.base.block == to) if i != row)
    assert state.block[row] == state.block[there] != unit.base.block[row]
    # two corners are a box
    tab_to(visit, "框", back=True)
    enter(visit)
    tab_to(visit, "地图：", back=True)
    west, south, east, north = unit.parcels.total_bounds
    for corner in (shapely.Point(west, south), shapely.Point(east, north)):
        middle(visit, unit, corner)
        enter(visit)
    assert f"{len(unit.names)} 个小池" in visit.page.inner_text(".cg-edit-picked")
    tab_to(visit, "锁定")
    enter(visit)
    enter(visit)
    assert all(drafts.look(workshop.desk, draft, unit.number)[1].locked)
    visit.close()


def test_what_breaks_a_rule_is_refused_with_the_rule_and_where(browser: Any, workshop: Workshop) -> None:
    unit = workshop.units[0]
    z = unit.parcels.elevation_m.to_numpy()
    draft = drafts.begin(workshop.desk, "P")
    visit = workshop.open(browser, draft, unit)
    for row in (z.argmin(), z.argmax()):
        visit.page.mouse.click(*on_screen(visit, unit, unit.geoms[row]))
        settled(visit)
    assert "2 个小池" in visit.page.inner_text(".cg-edit-picked")
    press(visit, "合并")
    told = visit.page.inner_text(".cg-edit-told")
    assert told.startswith("不能这样改") and "高差" in told and "0.30 m" in told
    assert visit.page.get_by_role("button", name="确定", exact=True).is_hidden()
    visit.close()


def test_a_box_and_a_ring_select_what_lies_in_them(browser: Any, workshop: Workshop) -> None:
    unit = workshop.units[0]
    draft = drafts.begin(workshop.desk, "P")
    visit = workshop.open(browser, draft, unit)
    west, south, east, north = unit.parcels.total_bounds
    corners = [(west, south), (west, north), (east, north), (east, south)]
    ring = [place(visit, unit, shapely.Point(*c)) for c in corners]
    choose(visit, "框")
    drag(visit, [ring[0], ring[2]])
    assert f"{len(unit.names)} 个小池" in visit.page.inner_text(".cg-edit-picked")
    press(visit, "清除选择")
    assert visit.page.inner_text(".cg-edit-picked b") == "还没有选中"
    choose(visit, "圈", "大池")
    row = int(np.argmax(unit.parcels.area_mu))
    middle = on_screen(visit, unit, unit.geoms[row])
    drag(
        visit, [(middle[0] + dx, middle[1] + dy) for dx, dy in ((-3, -3), (3, -3), (3, 3), (-3, 3), (-3, -3))]
    )
    home = unit.base.block[row]
    said = visit.page.inner_text(".cg-edit-picked")
    assert ("1 个大池" if home is not None else "1 个小池") in said
    visit.close()


def test_a_line_that_is_drawn_across_a_block_parts_it(browser: Any, workshop: Workshop) -> None:
    def parted() -> Iterator[tuple[FieldUnit, str, np.ndarray]]:
        for unit in workshop.units:
            for name, rows in unit.base.members().items():
                for i, j in itertools.combinations(rows, 2):
                    a, b = shapely.get_coordinates(shapely.centroid(unit.geoms[[i, j]]))
                    across = np.array([-(b - a)[1], (b - a)[0]]) / np.hypot(*(b - a)) * 90
                    ends = np.array([(a + b) / 2 - across, (a + b) / 2 + across])
                    try:
                        changed(unit, unit.base, Asked("split", blocks=(name,), line=tuple(map(tuple, ends))))
                    except RefusedError:
                        continue
                    yield unit, name, ends

    unit, name, ends = next(parted())
    draft = drafts.begin(workshop.desk, "P")
    visit = workshop.open(browser, draft, unit)
    choose(visit, "大池")
    shape = unit.blocks.geometry[unit.blocks.block_id == name].iloc[0]
    visit.page.mouse.click(*on_screen(visit, unit, shape))
    settled(visit)
    choose(visit, "画线拆分")
    drag(visit, [place(visit, unit, shapely.Point(*end)) for end in ends])
    assert visit.page.inner_text(".cg-edit-told").startswith("改了以后")
    press(visit, "确定")
    _, state, touched, _ = drafts.look(workshop.desk, draft, unit.number)
    assert touched.version == 1 and len(state.of(name)) < len(unit.base.of(name))
    visit.close()


def test_the_next_problem_is_shown_and_a_second_planner_is_told(browser: Any, workshop: Workshop) -> None:
    unit = workshop.units[0]
    draft = drafts.begin(workshop.desk, "P")
    visit = workshop.open(browser, draft, unit)
    shape = unit.blocks.geometry.iloc[0]
    choose(visit, "大池")
    visit.page.mouse.click(*on_screen(visit, unit, shape))
    settled(visit)
    press(visit, "锁定")
    # in the meantime somebody else changes the same field unit
    rng = random.Random(1)
    name = rng.choice(list(unit.base.members()))
    drafts.apply(workshop.desk, draft, unit.number, Asked("lock", blocks=(name,)), 0)
    press(visit, "确定")
    assert "之后被" in visit.page.inner_text(".cg-edit-told")
    assert drafts.figures(workshop.desk, draft)["changes"] == 1
    press(visit, "下一个问题")
    told = visit.page.inner_text(".cg-edit-told")
    assert any(word in told for word in ("不足下限", "高差超限", "农户不同意"))
    assert visit.page.evaluate("chigaiEdit.at.unit.field_unit") != unit.number
    # the browser itself writes the conflict's status down, and nothing else
    assert len(visit.complaints) == 1 and "409" in visit.complaints.pop()
    visit.close()


def test_a_change_that_is_made_on_the_page_moves_nothing_and_another_unit_is_gone_to(
    browser: Any, workshop: Workshop
) -> None:
    unit, other = workshop.units[:2]
    visit = workshop.open(browser, drafts.begin(workshop.desk, "P"), unit)
    seen = "[chigaiMap.map.getZoom(), chigaiMap.map.getCenter().lat, chigaiMap.map.getCenter().lng]"
    before = visit.page.evaluate(seen)
    assert before[0] > 15
    visit.page.evaluate(f"void (location.hash = 'n=1&unit={unit.number}')")
    settled(visit)
    assert visit.page.evaluate(seen) == before
    visit.page.evaluate(f"void (location.hash = 'n=1&unit={other.number}')")
    visit.until(f"chigaiEdit.at.unit.field_unit === {other.number}")
    settled(visit)
    west, south, east, north = visit.page.evaluate(
        "(b => [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()])(chigaiMap.map.getBounds())"
    )
    middle = shapely.Point(
        tiles.lonlat(np.array([other.parcels.union_all().centroid], object), other.parcels.crs)[0]
    )
    assert shapely.box(west, south, east, north).contains(middle)
    visit.close()


def test_on_a_phone_the_tools_stand_below_the_map(browser: Any, workshop: Workshop) -> None:
    unit = workshop.units[0]
    visit = workshop.open(browser, drafts.begin(workshop.desk, "P"), unit, width=390, height=800)
    panel, drawn = (visit.page.locator(s).bounding_box() for s in (".cg-panel", ".folium-map"))
    assert panel["y"] >= drawn["y"] + drawn["height"] - 1 and panel["width"] <= 390
    visit.close()


def test_what_differs_between_two_plans_is_marked_on_the_map(browser: Any, workshop: Workshop) -> None:
    unit = workshop.units[0]
    name = unit.blocks.block_id.iloc[0]
    after = changed(unit, unit.base, Asked("take_out", blocks=(name,)))
    write(workshop.home / "plans" / "P", {unit.number: after}, workshop.home / "plans" / "Q", {})
    visit = Visit(browser, workshop.base, "/chigai/map/plan/Q?lang=zh&against=P")
    visit.until("document.querySelector('.cg-compare') !== null")
    gone = int(after.out.sum())
    assert visit.page.inner_text(".cg-compare").split() == [
        "并入大池",
        "0",
        "离开大池",
        str(gone),
        "换了大池",
        "0",
    ]
    shape = unit.blocks.geometry[unit.blocks.block_id == name].iloc[0]
    x, y = place(visit, unit, shapely.point_on_surface(shape))
    assert 0 < x < 1200 and 0 < y < 800
    visit.close()
