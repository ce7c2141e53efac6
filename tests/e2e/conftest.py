"""For the tests of the map: its routes served with the hostile plan, and a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests import map_home
from tests.map_visit import ARGUMENTS, CHROMIUM
from ui import maps, routes

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


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
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
