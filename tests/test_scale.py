"""Facts about the bench of growth: what it measures adds up, a slope of one is flat, its drawing stands alone."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest

from bench import scale
from bench.lines import Line, drawn
from planning.pipeline import STAGES


def told(cpu: float) -> dict[str, float]:
    return {"cpu_s": cpu, "wall_s": cpu / 2, "peak_mb": 100 * cpu}


def rows() -> list[scale.Row]:
    """Check grows with the paddies, sites with their square, and each size has something fixed besides."""
    return [
        {
            "parcels": n,
            "demo": told(n / 1e4),
            "total": told(n),
            "stages": {"check": told(n / 1e4), "sites": told(n * n / 1e9)},
        }
        for n in (10_000, 100_000, 1_000_000)
    ]


def test_a_slope_of_one_is_flat_and_of_two_is_quadratic() -> None:
    found = scale.slopes(rows())
    assert found["check"] == pytest.approx((1.0, 100.0))
    assert found["sites"] is not None and found["sites"][0] == pytest.approx(2.0)
    assert scale.slope([5], [1.0]) is None
    # the order of the sizes has no say, and what is too short to measure does no harm
    assert scale.slope([1000, 10], [2.0, 0.02]) == pytest.approx(scale.slope([10, 1000], [0.02, 2.0]))
    assert scale.slope([10, 1000], [0.0, 0.0]) == (0.0, 0.0)


def test_the_table_shows_every_stage_and_size(capsys: pytest.CaptureFixture[str]) -> None:
    scale.show(rows(), "growth")
    text = capsys.readouterr().out
    for word in ("check", "sites", "all stages", "1,000,000", "100.0 · 50.0 · 10,000 · 100.0", "2.00"):
        assert word in text


def test_the_drawing_is_whole_and_names_every_line() -> None:
    picture = scale.chart(rows(), "a < b & c")
    root = ElementTree.fromstring(picture)
    texts = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b & c" in texts
    assert any(t.startswith("check 100.0") for t in texts) and any(t.startswith("peak 10") for t in texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 3
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    ElementTree.fromstring(drawn("", [("one point", [Line("a", [5.0], [0.0])])], "x"))


def test_a_watch_gives_each_stage_its_seconds_and_its_memory() -> None:
    watch = scale.Watch()
    watch.at("first")
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    held = bytearray(80 * 2**20)
    watch.at("second", 0.5)
    time.sleep(0.15)
    del held
    found = watch.end()
    assert list(found) == ["first", "second"]
    assert found["first"]["cpu_s"] >= 0.1 > found["second"]["cpu_s"]
    assert found["second"]["wall_s"] >= 0.15
    assert found["second"]["peak_mb"] > 80


@pytest.mark.parametrize("source", scale.SOURCES)
def test_a_small_region_is_made_planned_and_measured(tmp_path, source: str) -> None:
    row = scale.measure(300, tmp_path, source)
    assert list(row["stages"]) == list(STAGES)
    assert 250 < row["planned"] <= 300 and row["blocks"] > 10
    assert all(stage["cpu_s"] >= 0 and stage["wall_s"] > 0 for stage in row["stages"].values())
    assert row["total"]["peak_mb"] > 100 and row["demo"]["cpu_s"] > 0
