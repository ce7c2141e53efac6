"""What the tests share: a home of their own, one small demo region and one plan of it, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def chigai_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that runs write to during the tests, never the one that a person works in."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIGAI_HOME", str(home))
        for name in ("CHIGAI_LANG", "LC_ALL", "LC_MESSAGES"):
            patch.delenv(name, raising=False)
        patch.setenv("LANG", "C.UTF-8")
        yield home


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo region of some 2,000 paddies: parcels.gpkg, barriers.gpkg, dem.tif. Read it, do not write to it."""
    from geo import synthetic

    return synthetic.make(tmp_path_factory.mktemp("demo") / "demo", parcels=2000, seed=1)


@pytest.fixture(scope="session")
def plan_folder(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan folder made from `demo_folder`. Read it, do not write to it."""
    from geo.reading import Source
    from planning import pipeline

    out = tmp_path_factory.mktemp("plans") / "plan"
    request = pipeline.Request(
        source=Source(demo_folder / "parcels.gpkg"),
        barriers=demo_folder / "barriers.gpkg",
        dem=demo_folder / "dem.tif",
        programme="jixi-2020-8",
        overrides={},
        seed=1,
    )
    pipeline.run(request, out)
    return out
