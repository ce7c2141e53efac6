"""One journey through the app in a real browser: upload, check, plan, see blocks on the map, change the language."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import geopandas as gpd
import pytest

from tests.map_visit import ARGUMENTS, CHROMIUM

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).parents[2]
COUNTY = "230321"
REACH_M = 700
SLOW_MS = 180_000
"""A first run compiles what is compiled; a later one takes seconds."""
INKED = """() => [...document.querySelectorAll('canvas')].reduce((sum, canvas) => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 40) sum += 1;
    return sum;
}, 0)"""
TRICKS = [
    "<img src=x onerror=window.pwned=1>",
    "${window.pwned=1}",
    "{{7*7}}<svg/onload=window.pwned=1>",
    "`+(window.pwned=1)+`",
]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app as it is started for people, on a free port, with an empty home."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("journey")
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = [f"--server.port={port}", "--server.address=127.0.0.1"]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command + options,
            cwd=ROOT,
            env={**os.environ, "CHIGAI_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{base}/_stcore/health", server)
        yield base
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="module")
def dk_zip(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paddies of one village as a 确权 shapefile: GBK without .cpg, Chinese values, neighbours' names, zipped."""
    every = gpd.read_file(demo_folder / "parcels.gpkg", where=f"county = '{COUNTY}'")
    every = every[every.area > 0]
    near = every[every.distance(every.geometry.iloc[len(every) // 2].centroid) < REACH_M]
    ids = near.parcel_id.to_numpy(object)
    ids[: len(TRICKS)] = TRICKS
    table = {
        "DKBM": ids,
        "DKMC": "南大洼",
        "SCMJM": near.declared_mu,
        "GQMC": TRICKS[0],
        "DKDZ": "张三",
    }
    folder = tmp_path_factory.mktemp("dk")
    frame = gpd.GeoDataFrame(table, geometry=near.geometry.values, crs=near.crs)
    frame.to_file(folder / "地块.shp", encoding="GBK", engine="pyogrio")
    (folder / "地块.cpg").unlink(missing_ok=True)
    out = folder / "鸡东DK<img src=x onerror=window.pwned=1>${window.pwned=1}{{7*7}}.zip"
    with zipfile.ZipFile(out, "w") as archive:
        for file in folder.glob("地块.*"):
            archive.write(file, file.name)
    return out


@pytest.fixture
def page() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, locale="zh-CN")
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def map_frame(page: Any) -> Any:
    """The map inside its frame, once it has drawn what it asked for."""
    handle = page.wait_for_selector("iframe")
    frame = handle.content_frame()
    _until(
        page, frame, "[...document.querySelectorAll('.folium-map')].some(m => m.dataset.state === 'ready')"
    )
    return frame


def _until(page: Any, frame: Any, holds: str, seconds: float = 30) -> None:
    # the map's policy forbids Playwright's own wait, which is an eval
    end = time.monotonic() + seconds
    while not frame.evaluate(holds):
        assert time.monotonic() < end, f"never came true: {holds}"
        page.wait_for_timeout(100)


def test_a_planner_uploads_checks_plans_and_sees_the_blocks_with_no_other_host_asked(
    address: str, dk_zip: Path, page: Any
) -> None:
    asked: list[str] = []
    failures: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda e: failures.append(str(e)))

    page.goto(address)
    page.get_by_text("第一次用：跟着演示区走一遍").wait_for()
    page.get_by_role("button", name="去检查地块").click()
    page.get_by_text("我的数据可靠吗？").wait_for()

    page.locator("input[type=file]").first.set_input_files(dk_zip)
    page.get_by_text("识别为：确权地块（DK）").wait_for()
    assert page.get_by_text("不读入的个人信息列：DKDZ").count() == 1
    page.get_by_role("button", name="开始检查").click()
    page.get_by_text("检查完成，用时").wait_for(timeout=SLOW_MS)
    assert page.get_by_text("张三").count() == 0
    assert page.evaluate("window.pwned") is None
    map_frame(page)

    page.get_by_role("button", name="用它做方案").click()
    page.get_by_text("把哪些池合起来？").wait_for()
    page.get_by_role("button", name="开始计算").click()
    page.get_by_text("方案已完成，用时").wait_for(timeout=SLOW_MS)

    page.get_by_text("合并后", exact=True).click()
    page.wait_for_selector("iframe[src*='view=after']")
    frame = map_frame(page)
    for _ in range(6):
        if frame.evaluate("Number(document.querySelector('.folium-map').dataset.blocks || 0)") > 0:
            break
        frame.click(".leaflet-control-zoom-in")
        page.wait_for_timeout(400)
    _until(page, frame, "Number(document.querySelector('.folium-map').dataset.blocks || 0) > 0")
    assert frame.evaluate(INKED) > 1_000

    page.get_by_text("English", exact=True).click()
    page.get_by_text("What shall we join?").wait_for()
    page.get_by_text("Hold it against the targets").wait_for()
    page.wait_for_timeout(500)
    chosen = page.locator("[data-testid=stSelectbox]")
    shown = chosen.all_inner_texts() + [f.input_value() for f in chosen.locator("input").all()]
    assert any("mu" in words for words in shown) and not any("亩" in words for words in shown)
    page.get_by_role("link", name="Overview").click()
    page.get_by_text("Will we make it?").wait_for()
    assert "lang=en" in page.url
    map_frame(page)

    assert [frame.evaluate("window.pwned") for frame in page.frames] == [None, None]
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}
    assert failures == []
