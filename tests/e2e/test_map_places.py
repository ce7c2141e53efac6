"""Where a map looks, in a real browser: what it opens at, what moves it, and whose the wheel is."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.map_visit import CHROMIUM, Visit
from ui import maps

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


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
