"""The map in a real browser: drawn without another host, harmless whatever the names are, and telling."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests import map_home
from ui import maps, routes

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = next(
    (p for p in ("/usr/bin/chromium", shutil.which("chromium") or "") if p and Path(p).exists()), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The routes served on a free port, with the hostile plan and upload."""
    home = map_home.make(tmp_path_factory.mktemp("map"))
    tile = Route("/tiles/{z}/{x}/{y}", lambda request: Response(PIXEL, media_type="image/png"))
    frame = f'<iframe src="{maps.plan_map_url("probe")}" style="width:800px;height:450px;border:0"></iframe>'
    around = Route(
        "/around",
        lambda request: Response(f'<div style="height:2000px">{frame}</div>', media_type="text/html"),
    )
    server = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[*routes.routes(), tile, around]), host="127.0.0.1", port=0, log_level="error"
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(home))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """One page, with everything that it asked for and every complaint of the browser."""

    def __init__(
        self,
        browser: Any,
        base: str,
        path: str,
        width: int = 1200,
        height: int = 800,
        touch: bool = False,
    ) -> None:
        self.base = base
        self.touch = touch
        size = {"width": width, "height": height}
        self.context = browser.new_context(viewport=size, locale="zh-CN", has_touch=touch, is_mobile=touch)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        self.page.on("dialog", self._dialog)
        self.page.goto(base + path)
        self.ready()

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append("a dialog opened")
        dialog.dismiss()

    def until(self, holds: str, seconds: float = 15) -> None:
        """Wait until a script's expression is true; the page's policy forbids Playwright's own wait (eval)."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(holds):
            assert time.monotonic() < end, f"never came true: {holds}"
            self.page.wait_for_timeout(50)

    def ready(self) -> None:
        self.until("[...document.querySelectorAll('.folium-map')].every(m => m.dataset.state === 'ready')")

    def look_at(self, layer: str = "blocks") -> None:
        """Bring the paddies into view, close enough for blocks and parcels, and wait for the layer."""
        self.page.evaluate("void chigai.views.at(-1).map.setView([45.767, 132.3905], 16, {animate: false})")
        self.until(f"Number([...document.querySelectorAll('.folium-map')].at(-1).dataset.{layer}) > 0")
        self.ready()

    def switch_on(self, group: str) -> None:
        self.page.evaluate(f"void chigai.views[0].groups.{group}.addTo(chigai.views[0].map)")
        self.until(f"Number(document.querySelector('.folium-map').dataset.{group}) > 0")
        self.ready()

    def click_on(self, layer: str) -> str:
        """Click, or touch, the first shape of a layer that lies free; the card's text."""
        x, y = self.page.evaluate(
            """key => {
                const view = chigai.views.at(-1), map = view.map;
                const box = map.getContainer().getBoundingClientRect();
                const group = key === 'counties' ? view.counties : view.loaders.find(l => l.key === key).group.getLayers()[0];
                for (const shape of group.getLayers()) {
                    const at = map.latLngToContainerPoint(shape.getCenter ? shape.getCenter() : shape.getLatLng());
                    const p = [box.x + at.x, box.y + at.y];
                    const top = document.elementFromPoint(...p);
                    if (top && top.tagName === 'CANVAS') return p;
                }
                return [-1, -1];
            }""",
            layer,
        )
        assert x >= 0, f"no shape of {layer} lies free"
        (self.page.touchscreen.tap if self.touch else self.page.mouse.click)(x, y)
        card = self.page.wait_for_selector(".cg-card")
        return card.inner_text()

    def close(self) -> None:
        assert self.page.evaluate("window.pwned") is None
        assert self.page.evaluate("document.querySelectorAll('img[src=x], svg[onload]').length") == 0
        outside = [a for a in self.asked if not a.startswith((self.base, "data:"))]
        assert outside == []
        assert self.complaints == []
        self.context.close()


@pytest.mark.parametrize("layer", ["blocks", "parcels", "why", "rest", "barriers"])
def test_a_click_tells_of_a_hostile_name_as_text(browser: Any, address: str, layer: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.look_at()
    if layer in ("parcels", "why"):
        visit.switch_on(layer)
        visit.page.evaluate(
            f"for (const k of ['blocks', 'rest', 'why', 'barriers', 'parcels'])"
            f" if (k !== '{layer}') chigai.views[0].map.removeLayer(chigai.views[0].groups[k])"
        )
    told = visit.click_on(layer)
    if layer != "barriers":
        assert any(attack.split("\u2028")[0] in told for attack in map_home.ATTACKS)
    assert map_home.OPERATOR not in visit.page.content()
    visit.close()


@pytest.mark.parametrize("layer", ["counties", "sites"])
def test_a_click_from_afar_tells_as_text_too(browser: Any, address: str, layer: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    told = visit.click_on(layer)
    expected = "状态" if layer == "counties" else "大池数"
    assert expected in told
    visit.close()


TOLD = {
    "counties": ("县（市、区）", "状态", "County", "State"),
    "sites": ("示范点", "大池数", "Site", "Blocks"),
    "blocks": ("大池", "并入地块", "Block", "Parcels joined"),
    "parcels": ("地块", "高程", "Parcel", "Elevation"),
}


@pytest.mark.parametrize("touch", [False, True])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_mouse_and_finger_find_the_facts_of_every_layer(
    browser: Any, address: str, lang: str, touch: bool
) -> None:
    size = (390, 700) if touch else (1200, 800)
    visit = Visit(browser, address, maps.plan_map_url("probe", lang), *size, touch=touch)
    for layer, words in TOLD.items():
        if layer == "blocks":
            visit.look_at()
        if layer == "parcels":
            visit.switch_on("parcels")
        told = visit.click_on(layer)
        assert all(word in told for word in (words[2:] if lang == "en" else words[:2])), layer
        # the next card is not to be taken for this one as it fades, nor the map asked while it moves
        visit.page.evaluate("void chigai.views[0].unpop()")
        visit.until("!document.querySelector('.cg-card, .leaflet-pan-anim')")
        visit.page.wait_for_timeout(500)  # two taps in a moment would zoom
    visit.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_map_of_findings_is_harmless(browser: Any, address: str, lang: str) -> None:
    visit = Visit(browser, address, maps.findings_map_url("probe", lang))
    visit.look_at("findings")
    assert visit.page.locator(".folium-map").get_attribute("data-findings") == "36"
    told = visit.click_on("findings")
    assert any(attack.split("\u2028")[0] in told for attack in map_home.ATTACKS)
    visit.close()


def test_hostile_county_names_are_labels_options_and_titles_as_text(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    labels = visit.page.locator(".cg-county").all_inner_texts()
    assert map_home.ATTACKS[2] in labels and map_home.ATTACKS[1] in labels
    options = visit.page.locator(".cg-select option").all_inner_texts()
    assert options == ["全市", map_home.ATTACKS[2], map_home.ATTACKS[1]]
    assert visit.page.title().startswith(map_home.ATTACKS[2])
    visit.close()


def test_a_hostile_layer_name_is_text(browser: Any, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import map_text, mappages

    for i, attack in enumerate(map_home.ATTACKS):
        monkeypatch.setitem(map_text.TEXTS, "layer_blocks", (attack, attack))
        monkeypatch.setitem(map_text.TEXTS, "legend_targets", (attack, attack))
        monkeypatch.setattr(mappages, "_code", lambda i=i: f"hostile {i}")
        visit = Visit(browser, address, maps.plan_map_url("probe"))
        names = visit.page.locator(".leaflet-control-layers-overlays label").all_text_contents()
        assert attack in [name.strip(" ") for name in names]
        assert attack in visit.page.locator(".cg-part").all_text_contents()
        visit.close()


def test_blocks_are_asked_for_only_from_near(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    assert not [a for a in visit.asked if "blocks.geojson" in a or "parcels.geojson" in a]
    visit.look_at()
    assert [a for a in visit.asked if "blocks.geojson" in a]
    assert not [a for a in visit.asked if "/parcels.geojson" in a]
    visit.click_on("blocks")
    visit.until("Number(document.querySelector('.folium-map').dataset.unit) > 0")
    assert [a for a in visit.asked if "/parcels.geojson" in a and "unit=" in a]
    visit.close()


def test_the_county_in_the_address_moves_the_map_without_loading_it_anew(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    before = visit.page.evaluate("[chigai.views[0].map.getZoom(), performance.timeOrigin]")
    visit.page.evaluate("location.hash = 'county=230382'")
    visit.until("chigai.views[0].map.getZoom() > 12")
    visit.ready()
    after = visit.page.evaluate("[chigai.views[0].map.getZoom(), performance.timeOrigin]")
    assert after[0] > before[0] and after[1] == before[1]
    assert visit.page.locator(".cg-select select").input_value() == "230382"
    visit.page.select_option(".cg-select select", "")
    visit.until("chigai.views[0].map.getZoom() < 12")
    assert visit.page.evaluate("location.hash") == ""
    visit.close()


@pytest.mark.parametrize(("width", "height"), [(1440, 800), (390, 760)])
def test_before_and_after_stand_together_and_move_together(
    browser: Any, address: str, width: int, height: int
) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe", "zh", "before_after"), width, height)
    visit.look_at()
    visit.until("Number(document.querySelector('.folium-map').dataset.parcels) > 0")
    left, right = visit.page.evaluate(
        "[...document.querySelectorAll('.folium-map')].map(m => { const b = m.getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height] })"
    )
    if width > 700:
        assert left[2] == right[2] == width / 2 and right[0] == width / 2 and right[1] == 0
    else:
        assert left[3] == right[3] == height / 2 and right[1] == height / 2 and right[0] == 0
    centres = visit.page.evaluate(
        "chigai.views.map(v => [v.map.getCenter().lat, v.map.getCenter().lng, v.map.getZoom()])"
    )
    assert centres[0] == pytest.approx(centres[1], abs=1e-4)
    assert visit.page.locator(".cg-title").all_inner_texts() == ["改造前：现有地块", "改造后：大池"]
    visit.close()


def test_on_a_phone_nothing_is_too_small_for_a_finger_or_wider_than_the_screen(
    browser: Any, address: str
) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"), 390, 700)
    for selector in (".leaflet-control-zoom-in", ".leaflet-control-layers-toggle", ".cg-select select"):
        box = visit.page.locator(selector).first.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 44, selector
    assert visit.page.locator(".cg-legend").get_attribute("open") is None
    visit.look_at()
    visit.click_on("blocks")
    sheet = visit.page.locator(".cg-sheet").bounding_box()
    assert sheet["x"] >= 0 and sheet["x"] + sheet["width"] <= 390 and sheet["y"] + sheet["height"] <= 700
    visit.page.locator(".cg-close").click()
    assert visit.page.locator(".cg-sheet").count() == 0
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.close()


@pytest.mark.parametrize("size", [(1440, 560), (390, 440)])
def test_before_and_after_open_where_the_joining_is_seen_and_lead_back_to_all(
    browser: Any, address: str, size: tuple[int, int]
) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe", "zh", "before_after", close=True), *size)
    visit.until("Number(document.querySelectorAll('.folium-map')[0].dataset.parcels) > 0")
    visit.until("Number(document.querySelectorAll('.folium-map')[1].dataset.blocks) > 0")
    assert visit.page.evaluate("chigai.views[0].map.getZoom()") == 16
    assert visit.page.locator(".cg-select select").input_value() == "230381"
    visit.page.select_option(".cg-select select", "230382")
    visit.ready()
    assert visit.page.evaluate("chigai.views[0].map.getZoom()") == 16
    back = visit.page.locator(".cg-back")
    assert back.inner_text() == "看全图"
    back.click()
    visit.until("chigai.views[1].map.getZoom() < 12")
    assert not back.is_visible()
    assert visit.page.locator(".cg-select select").input_value() == ""
    visit.close()


def test_another_view_or_language_of_a_plan_opens_where_the_last_one_was_left(
    browser: Any, address: str
) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe", "zh", "before_after", close=True))
    visit.look_at()
    left = visit.page.evaluate("chigai.views[0].map.getCenter().lat")
    visit.page.goto(address + maps.plan_map_url("probe", "en", "after", close=True))
    visit.ready()
    assert visit.page.evaluate("chigai.views[0].map.getCenter().lat") == pytest.approx(left, abs=1e-5)
    # another wish of the page comes first
    visit.page.goto(address + maps.plan_map_url("probe", "en", "after", "230382", close=True))
    visit.ready()
    assert visit.page.evaluate("chigai.views[0].map.getCenter().lat") != pytest.approx(left, abs=1e-4)
    visit.close()


def test_the_wheel_scrolls_the_page_until_the_map_is_clicked_or_ctrl_is_held(
    browser: Any, address: str
) -> None:
    context = browser.new_context(viewport={"width": 900, "height": 600})
    page = context.new_page()
    page.goto(address + "/around")
    frame = page.wait_for_selector("iframe").content_frame()

    def until(holds: str) -> None:
        end = time.monotonic() + 10
        while not frame.evaluate(holds):
            assert time.monotonic() < end, f"never came true: {holds}"
            page.wait_for_timeout(50)

    until("document.querySelector('.folium-map')?.dataset.state === 'ready'")
    before = frame.evaluate("chigai.views[0].map.getZoom()")
    page.wait_for_timeout(300)
    page.mouse.move(250, 330)
    page.mouse.wheel(0, 120)
    until("!document.querySelector('.cg-hint').hidden")
    page.wait_for_timeout(1000)  # a browser takes turns of the wheel close together as one
    scrolled = page.evaluate("scrollY")
    assert scrolled > 0 and frame.evaluate("chigai.views[0].map.getZoom()") == before
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    until(f"chigai.views[0].map.getZoom() > {before}")
    page.keyboard.up("Control")
    page.wait_for_timeout(500)
    page.mouse.click(250, 300)
    zoomed = frame.evaluate("chigai.views[0].map.getZoom()")
    page.mouse.wheel(0, -120)
    until(f"chigai.views[0].map.getZoom() > {zoomed}")
    assert page.evaluate("scrollY") == scrolled
    page.mouse.move(400, 5 if scrolled < 150 else 595)
    page.mouse.move(890, 300)
    page.mouse.move(250, 300)
    last = frame.evaluate("chigai.views[0].map.getZoom()")
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(400)
    assert page.evaluate("scrollY") > scrolled
    assert frame.evaluate("chigai.views[0].map.getZoom()") == last
    context.close()


def test_what_was_clicked_is_marked_until_its_card_is_closed(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.look_at()
    marked = "Boolean(chigai.views[0].marked)"
    visit.click_on("blocks")
    assert visit.page.evaluate(marked)
    assert visit.page.evaluate("chigai.views[0].marked.options.weight") == 3.5
    visit.page.locator(".leaflet-popup-close-button").click()
    visit.until(f"!{marked}")
    visit.close()


def test_words_are_of_the_language_asked_for(browser: Any, address: str) -> None:
    zh = Visit(browser, address, maps.plan_map_url("probe", "zh"))
    assert zh.page.locator(".cg-legend summary").inner_text() == "图例"
    assert zh.page.locator(".leaflet-control-zoom-in").get_attribute("title") == "放大"
    assert zh.page.locator("html").get_attribute("lang") == "zh-CN"
    zh.close()
    en = Visit(browser, address, maps.plan_map_url("probe", "en"))
    assert en.page.locator(".cg-legend summary").inner_text() == "Legend"
    assert not any("\u4e00" <= c <= "\u9fff" for c in en.page.locator(".cg-legend").inner_text())
    en.close()


def test_a_basemap_is_asked_for_where_the_settings_name_one(
    browser: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIGAI_BASEMAP_URL", address + "/tiles/{z}/{x}/{y}")
    monkeypatch.setenv("CHIGAI_BASEMAP_CRS", "gcj02")
    monkeypatch.setenv("CHIGAI_BASEMAP_ATTRIBUTION", "<img src=x onerror=window.pwned=1> © 测绘")
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.page.wait_for_selector("img.leaflet-tile-loaded")
    assert [a for a in visit.asked if "/tiles/" in a]
    assert (
        "<img src=x onerror=window.pwned=1> © 测绘"
        in visit.page.locator(".leaflet-control-attribution").inner_text()
    )
    visit.look_at()
    visit.close()


def test_no_script_may_be_put_into_the_page(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.page.evaluate(
        "() => { document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=window.ran=1>');"
        " const s = document.createElement('script'); s.textContent = 'window.ran=1'; document.body.append(s); }"
    )
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in c for c in visit.complaints)
    visit.complaints.clear()
    visit.close()


def test_what_cannot_be_loaded_is_said(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.page.route("**/blocks.geojson*", lambda route: route.fulfill(status=500, body="no"))
    visit.page.evaluate("void chigai.views[0].map.setView([45.767, 132.3905], 16, {animate: false})")
    visit.until("document.querySelector('.cg-status').textContent.includes('数据未能载入')")
    visit.complaints.clear()
    visit.close()


def test_an_answer_cut_short_is_said(browser: Any, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "LIMIT", 5)
    from ui import mappages

    monkeypatch.setattr(mappages, "_code", lambda: "limit 5")
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.look_at()
    assert visit.page.locator(".cg-status").inner_text().endswith("放大以显示全部")
    visit.close()
