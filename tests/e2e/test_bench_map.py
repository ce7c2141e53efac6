"""Facts about the bench of the map: its real pages jump, click and are timed on the running app."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench import map as bench
from tests.map_visit import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def test_two_real_pages_jump_and_click(
    plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("playwright.async_api", reason="Playwright is not installed")
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.setattr(bench, "THINK_S", (0.1, 0.3))
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "bench").symlink_to(plan_folder)
    with bench.Server(tmp_path) as server:
        found = asyncio.run(bench.browsers(server, 2, 5.0))
    assert found["browsers"] == 2 and found["heap_mb"] > 1 and found["server_mb"] > 50
    assert found["jump"]["count"] > found["click"]["count"] > 0
    for kind in ("jump", "click"):
        assert 0 < found[kind]["median_s"] <= found[kind]["p95_s"] <= found[kind]["worst_s"] < 30
