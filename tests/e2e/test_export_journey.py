"""A planner takes a plan out in a real browser: a site for the builders, a village's list, a file made by a job."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ezdxf
import geopandas as gpd
import openpyxl
import pytest

from geo import plans
from tests.geo.export import pdf_reader
from tests.map_visit import ARGUMENTS, CHROMIUM
from tests.sign_in_home import free_port, process
from tracking import audit
from tracking.people import LOCAL
from tracking.store import Store

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture
def home(plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.delenv("CHIGAI_DATABASE_URL", raising=False)
    shutil.copytree(plan_folder, tmp_path / "plans" / "plan")
    return tmp_path


@pytest.fixture
def base(home: Path) -> Iterator[str]:
    """The app for this machine alone, with one plan."""
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "cli", "app", "--port", address.rpartition(":")[2]]
    with process(command, f"{address}/_stcore/health", home / "app.log"):
        yield address


@pytest.fixture(params=[1440, 390])
def page(base: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(
            viewport={"width": request.param, "height": 900}, locale="zh-CN", accept_downloads=True
        )
        page.set_default_timeout(60_000)
        page.asked = []
        page.on("request", lambda r: page.asked.append(r.url))
        page.goto(f"{base}/plan?plan=plan")
        page.get_by_role("heading", name="导出", exact=True).wait_for()
        page.get_by_role("button", name="下载", exact=True).first.wait_for()
        settled(page)
        yield page
        browser.close()


def settled(page: Any) -> None:
    """The page is drawn, and was not begun anew a moment later."""
    for _ in range(3):
        page.wait_for_timeout(400)
        page.locator('[data-testid=stApp][data-test-script-state="notRunning"]').wait_for()


def choose(page: Any, label: str, option: str) -> None:
    box = page.locator("[data-testid=stSelectbox]", has_text=label).first
    found = page.get_by_role("option", name=option)
    for _ in range(10):
        box.scroll_into_view_if_needed()
        box.locator("input").click()
        try:
            found.first.click(timeout=3_000)
            break
        except sync_api.TimeoutError:
            # the page was drawn anew while the list opened
            page.keyboard.press("Escape")
    sync_api.expect(box.locator("input")).to_have_value(re.compile(option))
    settled(page)


def download(page: Any, to: Path) -> Path:
    with page.expect_download() as got:
        page.get_by_role("button", name="下载", exact=True).last.click()
    out = to / got.value.suggested_filename
    got.value.save_as(out)
    return out


def test_builders_and_a_village_get_what_they_need(page: Any, home: Path) -> None:
    plan = plans.read(home / "plans" / "plan")
    site = plan.sites.sort_values("area_mu")["site_id"].iloc[-1]
    own = plan.blocks[plan.blocks["site_id"] == site]
    choose(page, "范围", "一个示范点")
    page.get_by_text("用 QGIS 打开就有颜色").wait_for()
    qgis = download(page, home)
    assert site in qgis.name and len(gpd.read_file(qgis, layer="大池")) == len(own)

    choose(page, "格式", "DXF 施工图")
    drawing = ezdxf.readfile(download(page, home))
    assert not drawing.audit().errors and "旧田埂" in drawing.layers

    choose(page, "格式", "A3 示范点平面图")
    sheet = download(page, home)
    assert pdf_reader.sizes_mm(sheet) == {(420, 297)} and site in pdf_reader.texts(sheet)[0]

    choose(page, "格式", "KML")
    choose(page, "坐标", "GCJ-02")
    page.get_by_text("不能用来放样").wait_for()
    assert "GCJ02" in download(page, home).name

    choose(page, "范围", "一个村")
    choose(page, "格式", "分户表")
    book = openpyxl.load_workbook(download(page, home))
    assert "内部资料" in book.worksheets[0].oddHeader.right.text

    told = audit.entries(Store(), LOCAL)
    assert told["action"].tolist() == ["export_private", *["export"] * 4]
    # nothing is wider than a phone
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    hosts = {urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}
