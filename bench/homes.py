"""A home with one plan of a demo region in it, for benches that work on a plan."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def placed(home: Path, plan: Path) -> None:
    """Put a plan folder among the plans of a home, as `bench`."""
    (home / "plans").mkdir(exist_ok=True)
    (home / "plans" / "bench").symlink_to(plan.resolve())


def planned(home: Path, parcels: int) -> Path:
    """A demo region of so many parcels, planned quickly."""
    demo, out = home / "demo", home / "planned"
    chigai = [sys.executable, str(ROOT / "cli.py")]
    files = [
        str(demo / "parcels.gpkg"),
        "--barriers",
        str(demo / "barriers.gpkg"),
        "--dem",
        str(demo / "dem.tif"),
    ]
    for command in (
        [*chigai, "demo", str(demo), "--parcels", str(parcels)],
        [*chigai, "plan", *files, "--out", str(out), "--effort", "quick"],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return out
