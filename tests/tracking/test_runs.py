"""What a job does: the demo region is made whole, once, and not at all where it was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from geo.errors import CancelledError
from tracking import files, runs


def test_the_demo_region_is_made_whole_and_only_once(tmp_path: Path) -> None:
    told: list[float] = []
    made = runs.demo({"paddies": 60}, tmp_path, "one", lambda stage, fraction: told.append(fraction))
    assert set(files.demo(tmp_path)) == {"parcels", "barriers", "dem"}
    assert told == sorted(told) and told[-1] == 1.0
    first = (made / "parcels.gpkg").stat().st_mtime_ns
    again = runs.demo({"paddies": 60}, tmp_path, "two", lambda stage, fraction: None)
    assert again == made and (made / "parcels.gpkg").stat().st_mtime_ns == first


def test_a_demo_that_is_stopped_leaves_no_region(tmp_path: Path) -> None:
    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.5:
            raise CancelledError

    with pytest.raises(CancelledError):
        runs.demo({"paddies": 60}, tmp_path, "one", stop)
    assert files.demo(tmp_path) == {}
