"""Plan folders of older versions: what they lack is said in both languages or done without, on pages and in addresses."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from geo import plans
from tests.page_home import opened
from tracking import drafts, tilesets
from tracking.desk import Desk
from tracking.people import LOCAL
from tracking.store import ENVIRONMENT, Store
from ui import routes

Spoil = Callable[[Path], None]


@pytest.fixture
def house(plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole plan, and the same of which a test takes something away."""
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr(tilesets, "begin", lambda *asked: None)
    for name in ("whole", "older"):
        shutil.copytree(plan_folder, tmp_path / "plans" / name)
    Store().upgrade()
    return tmp_path


@pytest.fixture
def older(house: Path) -> Path:
    return house / "plans" / "older"


@pytest.fixture
def client(house: Path) -> TestClient:
    return TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1")


def told(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Take something out of plan.json."""

    def spoil(folder: Path) -> None:
        meta = json.loads((folder / plans.MANIFEST).read_text("utf-8"))
        change(meta)
        (folder / plans.MANIFEST).write_text(json.dumps(meta), "utf-8")

    return spoil


def column(table: str, name: str) -> Spoil:
    """Take a column out of a table."""

    def spoil(folder: Path) -> None:
        path = folder / f"{table}.parquet"
        gpd.read_parquet(path).drop(columns=name).to_parquet(path)

    return spoil


def table(name: str) -> Spoil:
    return lambda folder: (folder / f"{name}.parquet").unlink()


def said_on(page: str, **query: str) -> str:
    """All that a page says, without an error on it."""
    at = opened(page, **query)
    assert not at.error
    return "\n".join(re.sub(r"<[^>]+>", " ", e.proto.body) for e in at.get("html"))


@pytest.mark.parametrize(
    ("spoil", "lacks"),
    [
        (told(lambda meta: meta.pop("parameters")), "parameters"),
        (told(lambda meta: meta["totals"].pop("share")), "share"),
        (told(lambda meta: [c.pop("parcels_mu") for c in meta["counties"]]), "parcels_mu"),
        (table("sites"), "sites"),
        (column("blocks", "rectangularity"), "rectangularity"),
    ],
)
def test_the_page_of_a_plan_says_what_it_lacks_and_to_plan_again(
    older: Path, spoil: Spoil, lacks: str
) -> None:
    spoil(older)
    for lang, again in (("zh", "重新做一次方案"), ("en", "plan the same data again")):
        said = said_on("plan", plan="older", lang=lang)
        assert lacks in said and again in said
    assert "重新做一次方案" not in said_on("plan", plan="whole")


@pytest.mark.parametrize("name", ["id", "created", "totals", "quality", "inputs", "effort"])
def test_an_older_plan_takes_no_other_plan_off_the_pages(older: Path, name: str) -> None:
    told(lambda meta: meta.pop(name))(older)
    for page in ("overview", "plan", "edit"):
        assert "重新做一次方案" not in said_on(page, plan="whole")


def test_a_draft_goes_without_a_figure_that_is_shown_nowhere(older: Path, client: TestClient) -> None:
    told(lambda meta: [of.pop("ridge_kept_m") for of in (meta["totals"], *meta["counties"])])(older)
    draft = drafts.begin(Desk(Store(), LOCAL), "older")
    root, block = f"/chigai/draft/{draft}", pd.read_parquet(older / "blocks.parquet").iloc[0]
    asked = {"field_unit": int(block.field_unit), "kind": "take_out", "blocks": [block.block_id], "seen": 0}
    assert client.post(f"{root}/preview", json=asked).json()["allowed"]
    before = client.get(f"{root}/figures.json").json()
    assert client.post(f"{root}/apply", json=asked).json()["version"] == 1
    after = client.get(f"{root}/figures.json").json()
    assert after["totals"]["blocks"] == before["totals"]["blocks"] - 1
    said_on("edit", draft=draft)


def test_a_draft_goes_on_where_it_is_not_known_what_lies_beside_the_blocks(
    older: Path, client: TestClient
) -> None:
    for side in ("inlet", "outlet", "access"):
        column("blocks", f"has_{side}")(older)
    draft = drafts.begin(Desk(Store(), LOCAL), "older")
    block = pd.read_parquet(older / "blocks.parquet").iloc[0]
    asked = {"field_unit": int(block.field_unit), "kind": "take_out", "blocks": [block.block_id]}
    assert client.post(f"/chigai/draft/{draft}/preview", json=asked).json()["allowed"]


def test_a_draft_over_a_plan_without_a_figure_that_it_needs_says_so(older: Path, client: TestClient) -> None:
    told(lambda meta: meta["totals"].pop("cut_m3"))(older)
    draft = drafts.begin(Desk(Store(), LOCAL), "older")
    answer = client.get(f"/chigai/draft/{draft}/figures.json")
    assert answer.status_code == 422
    assert "没有“cut_m3”" in answer.text and "has no 'cut_m3'" in answer.text
    assert "没有“cut_m3”" in said_on("edit", draft=draft)


@pytest.mark.parametrize(
    ("spoil", "lacks"),
    [
        (column("blocks", "cut_m3"), "cut_m3"),
        (column("parcels", "field_unit"), "field_unit"),
        (column("sites", "meets_minimum"), "meets_minimum"),
        (table("sites"), "sites.parquet"),
        (table("parcels"), "parcels.parquet"),
    ],
)
def test_the_map_says_what_a_plans_tables_lack_in_place_of_drawing_nothing(
    older: Path, client: TestClient, spoil: Spoil, lacks: str
) -> None:
    spoil(older)
    answer = client.get("/chigai/map/plan/older")
    assert answer.status_code == 422
    assert (
        lacks in answer.text and "重新做一次方案" in answer.text and "plan the same data again" in answer.text
    )
    assert str(older.parent) not in answer.text
    assert client.get("/chigai/map/plan/whole").status_code == 200
