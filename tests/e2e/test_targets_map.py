"""The map of the work in a real browser: a day only colours it anew, a click tells, no name does any harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from tests import map_home, work_home
from tests.map_visit import CHROMIUM, Visit
from tracking import ledger
from ui import mapdata, maps, palette, routes, sign_in, work_map

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
COLOURS = """(async () => {
    const of = await chigaiTime.looks(), rows = [...Array(chigaiMap.config.grid.blocks).keys()];
    return Object.fromEntries(rows.map(row => [row, chigaiTime.painted(of(row), true).fillColor])); })()"""
OPACITY = COLOURS.replace("fillColor", "fillOpacity")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The routes on a free port, with the hostile plan and what was reported on it."""
    home = map_home.make(tmp_path_factory.mktemp("work"))
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes.routes()), host="127.0.0.1", port=0, log_level="error")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(home))
        patch.delenv("CHIGAI_DATABASE_URL", raising=False)
        work_home.report(sign_in.store(), home)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def open_map(
    browser: Any, address: str, lang: str = "zh", day: date | None = date(2021, 10, 20), **size: Any
) -> Visit:
    visit = Visit(browser, address, work_map.work_map_url("probe", lang, None, day), **size)
    on_day(visit, day.isoformat() if day else "")
    return visit


def on_day(visit: Visit, day: str) -> None:
    visit.until(
        "(m => m.dataset.time === 'ready' && (m.dataset.day || '').startsWith("
        f"'{day}'))(document.querySelector('.folium-map'))"
    )


def slide(visit: Visit, days: int) -> None:
    """Move the slider by so many days, as a finger or a mouse would."""
    visit.page.evaluate(
        "days => { const range = document.querySelector('.cg-time input');"
        " range.value = Number(range.value) + days; range.dispatchEvent(new Event('input')); }",
        days,
    )


def test_the_slider_colours_anew_without_asking_for_a_shape_again(browser: Any, address: str) -> None:
    visit = open_map(browser, address)
    visit.look_at("work")
    origin = visit.page.evaluate("performance.timeOrigin")
    late = visit.page.evaluate(COLOURS)
    plain = {
        str(i): palette.WORK[s].colour
        for i, s in enumerate(("started", "finished", "checked", "accepted", "mapped"))
    }
    assert {row: late[row] for row in plain} == plain
    assert late["5"] == {}, "a returned block is hatched"
    assert visit.colour_of("blocks", 0) == palette.WORK["started"].colour
    shapes = [a for a in visit.asked if "geojson" in a or ".mvt" in a]
    slide(visit, -12)
    on_day(visit, "2021-10-08")
    early = visit.page.evaluate(COLOURS)
    assert early["4"] == palette.WORK["finished"].colour and early["0"] == late["0"]
    assert [a for a in visit.asked if "geojson" in a or ".mvt" in a] == shapes
    assert len([a for a in visit.asked if "states.json" in a]) == 2
    slide(visit, 12)
    on_day(visit, "2021-10-20")
    assert len([a for a in visit.asked if "states.json" in a]) == 2, (
        "a day that was seen is not asked for again"
    )
    assert visit.page.evaluate(COLOURS) == late
    assert visit.page.evaluate("performance.timeOrigin") == origin
    visit.close()


def test_another_day_in_the_address_neither_loads_nor_moves_the_map(browser: Any, address: str) -> None:
    visit = open_map(browser, address)
    visit.look_at("work")
    before = visit.page.evaluate("[chigai.views[0].map.getCenter().lat, performance.timeOrigin]")
    visit.page.evaluate("location.hash = 'day=2021-10-07'")
    on_day(visit, "2021-10-07")
    assert visit.page.evaluate("[chigai.views[0].map.getCenter().lat, performance.timeOrigin]") == before
    assert visit.page.locator(".cg-day").inner_text() == "2021-10-07"
    visit.page.evaluate("location.hash = 'county=230382&day=2021-10-07'")
    visit.until(f"chigai.views[0].map.getCenter().lat !== {before[0]}")
    assert visit.page.locator(".cg-select select").input_value() == "230382"
    visit.close()


def test_the_chosen_county_stands_out_and_its_figures_are_told(browser: Any, address: str) -> None:
    visit = open_map(browser, address)
    visit.look_at("work")
    whole = visit.page.locator(".cg-sum").inner_text()
    assert "有风险" in whole
    visit.page.select_option(".cg-select select", "230381")
    visit.until("document.querySelector('.cg-sum').textContent.includes('计入任务')")
    visit.look_at("work")
    visit.until(f"{OPACITY}.then(found => Object.values(found).some(one => one < 0.5))")
    county = mapdata.plan("probe", False).blocks["county"]
    opacity = visit.page.evaluate(OPACITY)
    assert {county[int(row)]: round(o, 2) for row, o in opacity.items()} == {"230381": 0.88, "230382": 0.22}
    visit.close()


@pytest.mark.parametrize(("lang", "touch"), [("zh", False), ("en", True)])
def test_a_click_on_a_block_tells_its_state_and_history_and_hostile_names_are_text(
    browser: Any, address: str, lang: str, touch: bool
) -> None:
    size = {"width": 390, "height": 700} if touch else {"width": 1200, "height": 800}
    visit = open_map(browser, address, lang, touch=touch, **size)
    visit.look_at("work")
    # the block that was returned, whose reason is hostile
    visit.page.evaluate("void chigaiMap.show('blocks', 5)")
    visit.until("document.querySelectorAll('.cg-events li').length === 4")
    told = visit.page.locator(".cg-card").inner_text()
    words = ("初验退回", "开工", "完工", "退回") if lang == "zh" else ("returned", "started", "finished")
    assert all(word in told for word in words)
    assert work_home.REASON in told and map_home.ATTACKS[1] in told
    for secret in (work_home.TEAM, work_home.NOTE, map_home.OPERATOR):
        assert secret not in visit.page.content()
    visit.close()


def test_from_afar_sites_and_counties_tell_and_labels_are_text(browser: Any, address: str) -> None:
    visit = open_map(browser, address)
    told = visit.click_on("work_sites")
    assert "已完工" in told and "%" in told
    visit.page.evaluate("void chigai.views[0].unpop()")
    assert map_home.ATTACKS[2] in visit.page.locator(".cg-county").all_inner_texts()
    visit.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_bar_covers_nothing_and_is_large_enough_for_a_finger(
    browser: Any, address: str, width: int
) -> None:
    visit = open_map(browser, address, "en", width=width, height=480)
    boxes = visit.page.evaluate(
        """() => Object.fromEntries(['.cg-time', '.cg-play', '.cg-time input', '.cg-legend', '.leaflet-control-scale']
        .map(q => { const b = document.querySelector(q).getBoundingClientRect(); return [q, [b.x, b.y, b.right, b.bottom]]; }))"""
    )
    bar = boxes[".cg-time"]
    assert bar[0] >= 0 and bar[2] <= width and bar[3] <= 480
    for name in (".cg-legend", ".leaflet-control-scale"):
        assert boxes[name][3] <= bar[1], f"{name} lies under the bar"
    for name in (".cg-play", ".cg-time input"):
        assert boxes[name][3] - boxes[name][1] >= 40
    visit.close()


def test_playing_goes_through_the_season_and_stops_when_told(browser: Any, address: str) -> None:
    visit = open_map(browser, address)
    visit.page.locator(".cg-play").click()
    visit.until("document.querySelector('.folium-map').dataset.day > '2021-10-25'")
    visit.page.locator(".cg-play").click()
    on_day(visit, "2021")
    visit.page.wait_for_timeout(400)
    stopped = visit.page.locator(".cg-day").inner_text()
    visit.page.wait_for_timeout(500)
    assert visit.page.locator(".cg-day").inner_text() == stopped
    assert visit.page.locator(".cg-play").get_attribute("aria-label") == "播放"
    visit.close()


def test_a_report_changes_a_colour_on_the_plans_map_and_no_tile(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.look_at()
    visit.page.select_option(".cg-colour select", "work")
    visit.until("document.querySelector('.cg-legend').textContent.includes('大池施工进度')")
    visit.page.wait_for_timeout(300)
    tiles = [a for a in visit.asked if ".mvt" in a]
    before = visit.colour_of("blocks", 8)
    assert visit.colour_of("blocks", 0) != before
    (receipt,) = ledger.append(
        sign_in.store(), [work_home.event("started", mapdata.plan("probe", False).blocks["block_id"][8], 5)]
    )
    assert receipt.status == "accepted"
    visit.page.evaluate("void chigaiMap.refresh()")
    visit.page.wait_for_timeout(800)
    assert visit.colour_of("blocks", 8) == visit.colour_of("blocks", 0) != before
    assert [a for a in visit.asked if ".mvt" in a] == tiles
    visit.close()
