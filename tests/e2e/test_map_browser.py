"""The map in a real browser: drawn without another host, harmless whatever the names are, and telling."""

from __future__ import annotations

from typing import Any

import pytest

from tests import map_home
from tests.map_visit import CHROMIUM, Visit
from ui import maps

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


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
        visit.ready()
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
            visit.page.evaluate("void chigai.views[0].map.removeLayer(chigai.views[0].groups.blocks)")
            visit.ready()
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


def test_tiles_are_asked_for_only_from_near(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    assert not [a for a in visit.asked if ".mvt" in a]
    visit.look_at()
    assert [a for a in visit.asked if ".mvt" in a]
    assert not [a for a in visit.asked if "blocks.geojson" in a or "parcels.geojson" in a]
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


def test_what_was_clicked_is_marked_until_its_card_is_closed(browser: Any, address: str) -> None:
    visit = Visit(browser, address, maps.plan_map_url("probe"))
    visit.look_at()
    visit.click_on("blocks")
    assert visit.page.evaluate("chigai.views[0].painted.marks.get('card').numbers.size") == 1
    visit.page.locator(".leaflet-popup-close-button").click()
    visit.until("chigai.views[0].painted.marks.size === 0")
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
    visit.page.route("**/*.mvt*", lambda route: route.fulfill(status=500, body="no"))
    visit.page.evaluate("void chigai.views[0].map.setView([45.767, 132.3905], 16, {animate: false})")
    visit.until("document.querySelector('.cg-status').textContent.includes('数据未能载入')")
    visit.complaints.clear()
    visit.close()


def test_an_answer_cut_short_is_said(browser: Any, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "LIMIT", 5)
    from ui import mappages

    monkeypatch.setattr(mappages, "_code", lambda: "limit 5")
    visit = Visit(browser, address, maps.findings_map_url("probe"))
    visit.look_at("findings")
    assert visit.page.locator(".cg-status").inner_text().endswith("放大以显示全部")
    visit.close()
