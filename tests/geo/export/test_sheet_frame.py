"""Scales are round, windows take the site, detail sheets cover every block once between them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.export.sheet_frame import DETAIL, HIGH_MM, SCALES, WIDE_MM, Box, grid, round_length, sheets

W, S = 480_000.0, 5_010_000.0


@st.composite
def sites(draw: st.DrawFn) -> tuple[Box, np.ndarray]:
    """The extent of a site and the bounds of some blocks in it."""
    wide, high = draw(st.floats(30, 6000)), draw(st.floats(30, 6000))
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    low = np.column_stack([W + rng.uniform(0, wide, n), S + rng.uniform(0, high, n)])
    bounds = np.column_stack([low, low + rng.uniform(5, 60, (n, 2))])
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    return (west, south, east, north), bounds


@given(sites(), st.sampled_from([None, 1000, 2000, 5000]))
def test_every_sheet_is_true_to_its_scale_and_all_blocks_are_on_one(
    site: tuple[Box, np.ndarray], scale: int | None
) -> None:
    box, bounds = site
    found = sheets(box, bounds, scale)
    assert [s.number for s in found] == list(range(1, len(found) + 1))
    for sheet in found:
        west, south, east, north = sheet.box
        assert (east - west) / sheet.scale * 1000 == pytest.approx(WIDE_MM)
        assert (north - south) / sheet.scale * 1000 == pytest.approx(HIGH_MM)
    first, details = found[0], found[1:]
    assert first.scale in (*SCALES, scale)
    assert shapely.covers(shapely.box(*first.box), shapely.box(*box))
    assert first.kind == ("overview" if details else "whole")
    if not details:
        assert first.scale <= (scale or DETAIL)
        return
    assert {s.scale for s in details} == {scale or DETAIL} and first.scale >= (scale or DETAIL)
    windows = shapely.box(*np.array([s.box for s in details]).T)
    cover = shapely.union_all(shapely.buffer(windows, 1e-6))
    assert shapely.covers(cover, shapely.box(*bounds.T)).all()
    # none without a block, and none lies over another
    assert all(shapely.intersects(window, shapely.box(*bounds.T)).any() for window in windows)
    assert shapely.area(windows).sum() == pytest.approx(shapely.union_all(windows).area, rel=1e-6)


def test_a_small_site_fills_one_sheet_at_the_largest_scale() -> None:
    bounds = np.array([[W, S, W + 280, S + 100]])
    (only,) = sheets((W, S, W + 280, S + 100), bounds)
    assert (only.kind, only.scale) == ("whole", 1000)


def test_a_scale_that_is_asked_for_is_kept() -> None:
    bounds = np.array([[W, S, W + 280, S + 100]])
    assert [s.scale for s in sheets((W, S, W + 280, S + 100), bounds, 1500)] == [1500]
    assert {
        s.scale for s in sheets((W, S, W + 3000, S + 100), np.array([[W, S, W + 3000, S + 100]]), 1500)[1:]
    } == {1500}


@given(sites())
def test_the_grid_is_round_and_some_centimetres_wide(site: tuple[Box, np.ndarray]) -> None:
    for sheet in sheets(*site):
        for lines, low, high in zip(grid(sheet), sheet.box[:2], sheet.box[2:], strict=True):
            assert lines and low <= lines[0] and lines[-1] <= high
            steps = np.diff(lines)
            if len(steps):
                assert np.allclose(steps, steps[0]) and round_length(steps[0]) == steps[0]
                assert 20 <= steps[0] / sheet.scale * 1000 <= 60


@pytest.mark.parametrize(
    ("metres", "round_one"), [(1, 1), (1.9, 1), (2, 2), (4.99, 2), (5, 5), (99, 50), (100, 100)]
)
def test_round_lengths(metres: float, round_one: float) -> None:
    assert round_length(metres) == round_one
