"""A plan on the map as a planner uses it: colours, cards, search, where I am, paper, and what hangs onto the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from tests import map_home
from tests.map_visit import CHROMIUM, Visit
from ui import ground_routes, maps, palette

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def alike(one: str, other: str) -> bool:
    """Whether two colours are the same but for the rounding of what is half transparent."""
    parts = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (one, other)]
    return max(abs(a - b) for a, b in zip(*parts, strict=True)) <= 2


def opened(browser: Any, address: str, lang: str = "zh", **size: Any) -> Visit:
    visit = Visit(browser, address, maps.plan_map_url("probe", lang), **size)
    visit.look_at()
    return visit


@pytest.fixture
def blocks(address: str) -> gpd.GeoDataFrame:
    """The plan's table of blocks, from the home that is served."""
    from geo import plans

    return gpd.read_parquet(plans.home() / "plans" / "probe" / "blocks.parquet")


def test_another_colouring_asks_for_bytes_and_for_no_tile(
    browser: Any, address: str, blocks: gpd.GeoDataFrame
) -> None:
    visit = opened(browser, address)
    tiles = [a for a in visit.asked if ".mvt" in a]
    site = int(np.flatnonzero(blocks["site_id"].astype(str).str.endswith("s0"))[0])
    assert alike(visit.colour_of("blocks", site), palette.BLOCKS["site"].colour)
    visit.page.select_option(".cg-colour select", "size")
    visit.until("document.querySelector('.cg-legend').textContent.includes('亩以上')")
    of = sum(blocks["area_mu"][site] >= edge for edge in palette.SIZE_EDGES)
    visit.until("!chigai.views[0].painted.busy()")
    visit.page.wait_for_timeout(300)
    assert alike(visit.colour_of("blocks", site), palette.SIZES[f"c{of}"].colour)
    assert [a for a in visit.asked if ".mvt" in a] == tiles
    assert len([a for a in visit.asked if "looks/size.bin" in a]) == 1
    visit.close()


def test_a_plan_that_nobody_reports_on_is_not_coloured_by_work(browser: Any, address: str) -> None:
    visit = opened(browser, address)
    offered = visit.page.locator(".cg-colour option").all_inner_texts()
    assert offered == ["达标状态", "面积大小", "每亩挖方", "示范点", "户数"]
    visit.close()


def test_a_card_tells_levels_earth_and_why_and_leads_to_the_parcel_and_back(
    browser: Any, address: str
) -> None:
    visit = opened(browser, address)
    told = visit.click_on("blocks")
    for fact in ("30.00 亩", "60.00–60.25 米", "60.10 米", "321 立方米", "2.35 万元", "1 户"):
        assert fact in told, fact
    visit.page.get_by_text("看这里的原有地块").click()
    visit.page.wait_for_selector(".cg-card >> text=看所属大池")
    assert "达标大池内" in visit.page.locator(".cg-card").last.inner_text()
    visit.page.get_by_text("看所属大池").click()
    visit.page.wait_for_selector(".cg-card >> text=并入地块")
    visit.page.locator(".cg-card").last.locator("summary", has_text="经过").click()
    visit.until("[...document.querySelectorAll('.cg-card')].at(-1).textContent.includes('还没有填报')")
    visit.close()


@pytest.mark.parametrize("touch", [False, True])
def test_what_is_searched_is_gone_to_and_opens_its_card(browser: Any, address: str, touch: bool) -> None:
    size = {"width": 390, "height": 700} if touch else {"width": 1200, "height": 800}
    visit = Visit(browser, address, maps.plan_map_url("probe"), touch=touch, **size)
    visit.page.fill(".cg-find input", "b4")
    visit.page.wait_for_selector(".cg-hit")
    names = visit.page.locator(".cg-hit b").all_inner_texts()
    assert names and all("b4" in name for name in names)
    box = visit.page.locator(".cg-found").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"]
    visit.page.locator(".cg-find input").press("Enter")
    visit.page.wait_for_selector(".cg-card")
    assert "b4" in visit.page.locator(".cg-name").inner_text()
    assert visit.page.evaluate("chigai.views[0].map.getZoom()") >= 15
    visit.page.fill(".cg-find input", "没有的地方")
    visit.page.wait_for_selector(".cg-none >> text=没有找到")
    visit.close()


def test_an_address_that_names_a_block_or_a_place_opens_there(
    browser: Any, address: str, blocks: gpd.GeoDataFrame
) -> None:
    from urllib.parse import quote

    name = blocks["block_id"][3]
    visit = Visit(browser, address, f"{maps.plan_map_url('probe')}#block={quote(name, safe='')}")
    visit.page.wait_for_selector(".cg-card")
    assert visit.page.evaluate("chigai.views[0].painted.marks.get('card').numbers.has(3)")
    visit.page.evaluate("location.hash = 'at=45.5,132.1,13'")
    visit.until("chigai.views[0].map.getZoom() === 13")
    assert visit.page.evaluate("chigai.views[0].map.getCenter().lat") == pytest.approx(45.5, abs=1e-3)
    visit.close()


def test_what_is_seen_is_in_the_address_and_a_new_load_shows_the_same(
    browser: Any, address: str, blocks: gpd.GeoDataFrame
) -> None:
    visit = opened(browser, address)
    visit.click_on("blocks")
    visit.until("location.hash.includes('block=') && location.hash.includes('at=')")
    seen = "[chigai.views[0].map.getCenter().lat, chigai.views[0].map.getCenter().lng, chigai.views[0].map.getZoom()]"
    marked = "[...chigai.views[0].painted.marks.get('card').numbers]"
    before, card = visit.page.evaluate(seen), visit.page.evaluate(marked)
    link = visit.page.url
    visit.page.evaluate("void chigai.views[0].map.closePopup()")
    visit.until("!location.hash.includes('block=') && location.hash.includes('at=')")
    visit.close()
    # another browser, which remembers nothing
    again = Visit(browser, address, link.removeprefix(address))
    again.page.wait_for_selector(".cg-card")
    assert again.page.evaluate(seen) == pytest.approx(before, abs=1e-4)
    assert again.page.evaluate(marked) == card and len(card) == 1
    again.close()


def test_a_map_inside_a_page_writes_what_is_seen_into_that_pages_address(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 900, "height": 600})
    page = context.new_page()

    def opened_at(hash: str) -> Any:
        page.goto(f"{address}/around{hash}")
        frame = page.wait_for_selector("iframe").content_frame()
        for _ in range(200):
            if frame.evaluate("document.querySelector('.folium-map')?.dataset.state === 'ready'"):
                return frame
            page.wait_for_timeout(50)
        raise AssertionError("the map was never ready")

    frame = opened_at("")
    assert page.evaluate("location.hash") == ""
    frame.evaluate("void chigai.views[0].map.setView([45.767, 132.3905], 14, {animate: false})")
    page.wait_for_function("location.hash === '#at=45.76700,132.39050,14'")
    page.goto("about:blank")
    frame = opened_at("#at=45.75,132.4,15")
    assert frame.evaluate("chigai.views[0].map.getZoom()") == 15
    assert frame.evaluate("chigai.views[0].map.getCenter().lat") == pytest.approx(45.75, abs=1e-4)
    page.evaluate("location.hash = '#at=45.7,132.3,13'")
    for _ in range(100):
        if frame.evaluate("chigai.views[0].map.getZoom()") == 13:
            break
        page.wait_for_timeout(50)
    assert frame.evaluate("chigai.views[0].map.getZoom()") == 13
    context.close()


def test_where_i_am_is_shown_and_a_refusal_is_said(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.page.locator(".cg-tool-locate").click()
    visit.until("document.querySelector('.cg-status').textContent.includes('没有得到位置')")
    visit.context.grant_permissions(["geolocation"])
    visit.context.set_geolocation({"latitude": 45.767, "longitude": 132.3905, "accuracy": 20})
    visit.page.locator(".cg-tool-locate").click()
    visit.until("Boolean(chigai.views[0].me) && chigai.views[0].map.getZoom() >= 15")
    assert visit.page.evaluate("chigai.views[0].map.getCenter().lng") == pytest.approx(132.3905, abs=1e-4)
    visit.close()


def test_on_paper_stand_map_legend_scale_and_day_and_no_button(browser: Any, address: str) -> None:
    visit = opened(browser, address)
    visit.page.emulate_media(media="print")
    for hidden in (".cg-find", ".cg-colour", ".cg-tools", ".leaflet-control-zoom", ".cg-select"):
        assert not visit.page.locator(hidden).first.is_visible(), hidden
    for shown in (".cg-legend", ".leaflet-control-scale", ".cg-printed", ".folium-map"):
        assert visit.page.locator(shown).first.is_visible(), shown
    assert map_home.ATTACKS[2] in visit.page.locator(".cg-printed").inner_text()
    visit.page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    visit.page.emulate_media(media="screen")
    visit.page.locator(".cg-tool-print").click()
    assert visit.page.evaluate("window.printed")
    visit.close()


def test_other_scripts_hear_clicks_mark_pick_and_stand_beside_the_map(browser: Any, address: str) -> None:
    visit = opened(browser, address)
    page = visit.page
    page.evaluate(
        "() => { window.heard = []; window.end = chigaiMap.onClick(c => { heard.push(c); return true; }); }"
    )
    found = page.evaluate("chigaiMap.within('blocks', chigaiMap.map.getBounds())")
    assert found["numbers"] and not found["more"]
    x, y = page.evaluate(
        """async n => { const shape = (await chigaiMap.shapes('blocks', [n])).features[0];
        const at = chigaiMap.map.latLngToContainerPoint(L.geoJSON(shape).getBounds().getCenter()); return [at.x, at.y]; }""",
        found["numbers"][0],
    )
    page.mouse.click(x, y)
    visit.until("heard.length === 1")
    click = page.evaluate(
        "({layer: heard[0].layer, number: heard[0].number, name: heard[0].name, mu: heard[0].facts.area_mu})"
    )
    assert click["layer"] == "blocks" and click["number"] == found["numbers"][0] and click["mu"] == 30
    assert page.locator(".cg-card").count() == 0, "whoever takes a click shows what is to be shown"
    before = visit.colour_of("blocks", found["numbers"][1])
    page.evaluate(
        f"chigaiMap.highlight('mine', 'blocks', {found['numbers'][:2]}, {{fillColor: '#ff00ff', fillOpacity: 1}})"
    )
    assert visit.colour_of("blocks", found["numbers"][1]) == before, "marks lie over the plan, not in it"
    assert page.evaluate("chigai.views[0].painted.marks.get('mine').numbers.size") == 2
    page.evaluate("void chigaiMap.panel(Object.assign(document.createElement('p'), {textContent: '改图'}))")
    box, panel = page.locator(".folium-map").bounding_box(), page.locator(".cg-panel").bounding_box()
    assert box["x"] + box["width"] <= panel["x"] + 1 and panel["width"] > 300
    page.evaluate("() => { chigaiMap.panel(null); chigaiMap.highlight('mine', 'blocks', []); end(); }")
    page.mouse.click(x, y)
    page.wait_for_selector(".cg-card")
    visit.close()


def test_a_photo_lies_under_the_plan_and_may_be_taken_away(
    browser: Any, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=900, height=900, count=3, dtype="uint8", crs=map_home.CRS,
        transform=from_origin(map_home.EAST - 500, map_home.NORTH + 1200, 2, 2),
    ) as out:  # fmt: skip
        out.write(np.full((3, 900, 900), 120, np.uint8))
    monkeypatch.setenv("CHIGAI_ORTHOPHOTO", str(path))
    ground_routes._opened.cache_clear()
    visit = opened(browser, address)
    visit.page.wait_for_selector(".cg-picture-orthophoto img.leaflet-tile-loaded")
    assert [a for a in visit.asked if "/chigai/ground/orthophoto/" in a]
    names = visit.page.locator(".leaflet-control-layers-overlays label").all_text_contents()
    assert "正射影像" in [name.strip() for name in names]
    assert visit.page.evaluate("chigai.views[0].painted.grid.options.opacity") < 0.7
    visit.close()


def test_a_browser_holds_few_shapes_however_many_it_has_seen(browser: Any, address: str) -> None:
    visit = opened(browser, address)
    kept = visit.page.evaluate(
        "Object.values(chigai.views[0].painted.grid._tiles).map(t => Object.keys(t.el.chigaiRenderer._layers).length)"
    )
    assert kept and set(kept) == {0}
    visit.close()
