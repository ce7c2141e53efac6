"""The pictures of the guide, taken while a newcomer walks through the first run with the demo region.

CHIGAI_PICTURES=docs/pictures python -m pytest tests/e2e/test_pictures.py takes them anew, in some minutes.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.test_ease import map_of, served, until, visit
from tests.map_visit import CHROMIUM

WANTED = os.environ.get("CHIGAI_PICTURES")
WIDE_PX, MOST_BYTES = 1080, 150_000
SLOW_MS = 600_000
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.skipif(WANTED is None, reason="taken where CHIGAI_PICTURES names the folder"),
]


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    yield from served(tmp_path)


def take(page: Any, name: str) -> None:
    """What the window shows, no wider than WIDE_PX, as a file of the guide."""
    page.wait_for_timeout(1_500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    if picture.width > WIDE_PX:
        picture = picture.resize((WIDE_PX, round(picture.height * WIDE_PX / picture.width)), Image.LANCZOS)
    folder = Path(str(WANTED))
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / f"{name}.webp", quality=80, method=6)
    assert (folder / f"{name}.webp").stat().st_size < MOST_BYTES


def changed_by_hand(page: Any) -> None:
    """A draft over the plan: a problem, what a change would do, the same on the map, the new plan beside the old one."""
    page.get_by_role("link", name="改方案").click()
    page.get_by_label("草稿名称").fill("听了村里的意见")
    page.get_by_label("草稿名称").press("Tab")
    page.get_by_role("button", name="开始改").click()
    page.get_by_role("button", name="下一个", exact=True).click()
    page.get_by_text("的小池和大池").wait_for(timeout=SLOW_MS)
    still(page)
    blocks = page.get_by_role("combobox", name="选大池")
    blocks.click()
    page.get_by_role("option").nth(4).click()
    blocks.press("Escape")
    still(page)
    doing = page.get_by_role("combobox", name="做什么")
    doing.fill("移出")
    doing.press("ArrowDown")
    doing.press("Enter")
    page.get_by_role("button", name="确定").wait_for()
    still(page)
    page.get_by_text("下一个问题").first.evaluate("node => node.scrollIntoView()")
    take(page, "edit")
    page.get_by_role("button", name="确定").click()
    page.get_by_text("已保存：移出").wait_for()
    still(page)
    frame = map_of(page)
    until(frame, "chigaiEdit.at.unit !== null && !document.body.classList.contains('cg-edit-busy')")
    frame.get_by_role("radio", name="大池").click()
    frame.evaluate(
        """() => { const unit = chigaiEdit.at.unit, named = (f) => f.properties.id === unit.blocks[4].block_id;
        const there = L.geoJSON(unit.shapes.features.find(named)).getBounds().getCenter();
        return chigaiEdit.go(() => chigaiEdit.select([there], true)); }"""
    )
    page.locator("iframe").scroll_into_view_if_needed()
    frame.get_by_role("button", name="移出").click()
    frame.get_by_text("改了以后").wait_for()
    take(page, "edit-map")
    page.get_by_role("button", name="写成新方案").click()
    page.get_by_role("button", name="看这个方案").click(timeout=SLOW_MS)
    page.get_by_text("把哪些池合起来？").wait_for()
    still(page)
    chosen = page.get_by_role("combobox", name="对比哪些方案")
    chosen.fill("演示区")
    chosen.press("ArrowDown")
    chosen.press("Enter")
    chosen.press("Escape")
    page.get_by_text("换了归属的小池").first.wait_for(timeout=SLOW_MS)
    still(page)
    page.get_by_text("方案对比与批准").evaluate("node => node.scrollIntoView()")
    take(page, "variants")


def still(page: Any) -> None:
    """Wait until the page has told all that it has to tell."""
    page.wait_for_timeout(400)
    page.locator('[data-testid=stApp][data-test-script-state="notRunning"]').wait_for()


def test_a_newcomer_walks_through_the_first_run_and_every_page_is_pictured(base: str, browser: Any) -> None:
    page = visit(browser, base)
    page.get_by_role("button", name="生成演示区").wait_for()
    take(page, "first-run")
    page.get_by_role("button", name="生成演示区").click()
    page.get_by_role("button", name="检查地块", exact=True).click(timeout=SLOW_MS)
    page.get_by_role("button", name="生成方案").click(timeout=SLOW_MS)
    page.get_by_text("方案计算进行中").wait_for()
    page.wait_for_timeout(4_000)
    take(page, "job")
    page.get_by_role("button", name="在地图上看").click(timeout=SLOW_MS)
    page.get_by_text("把哪些池合起来？").wait_for()
    map_of(page)
    take(page, "plan")
    page.locator("iframe").scroll_into_view_if_needed()
    page.mouse.move(700, 500)
    take(page, "plan-map")
    page.get_by_role("link", name="地块").click()
    page.get_by_text("我的数据可靠吗？").wait_for()
    map_of(page)
    take(page, "parcels")
    page.get_by_role("link", name="总览").click()
    page.get_by_role("button", name="去上传自己的数据").wait_for()
    page.get_by_role("button", name="收起入门").click()
    page.get_by_role("button", name="入门：跟着演示区走一遍").wait_for()
    map_of(page)
    take(page, "overview")
    # a season of reports, as chigai demo --history invents it
    subprocess.run([sys.executable, "-m", "cli", "demo", "--history"], check=True, env=os.environ)
    page.goto(f"{base}/targets?as_of=2021-11-15")
    page.get_by_text("能按期完成吗？").wait_for()
    map_of(page)
    take(page, "targets")
    page.get_by_role("link", name="台账").click()
    page.get_by_text("谁、什么时候、报了什么？").wait_for()
    page.get_by_text("最新的").wait_for()
    take(page, "ledger")
    changed_by_hand(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{base}/field")
    page.get_by_text("今天做了什么？").wait_for()
    take(page, "field-phone")
