"""The address of what differs between two plans."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from planning.editing.changes import Asked, changed
from planning.editing.unit import load
from planning.editing.writing import write
from tracking.desk import Desk
from tracking.people import Person
from tracking.store import ENVIRONMENT, Store
from ui import routes, sign_in


@pytest.fixture
def client(plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    shutil.copytree(plan_folder, tmp_path / "plans" / "P")
    Store().upgrade()
    return TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1")


def test_the_parcels_that_change_hands_are_named_by_row_with_their_places(
    client: TestClient, tmp_path: Path
) -> None:
    base = tmp_path / "plans" / "P"
    blocks = pd.read_parquet(base / "blocks.parquet", columns=["block_id", "field_unit"])
    unit = load(base, int(blocks.field_unit.iloc[0]))
    after = changed(unit, unit.base, Asked("take_out", blocks=(blocks.block_id.iloc[0],)))
    write(base, {unit.number: after}, tmp_path / "plans" / "Q", {})
    told = client.get("/chigai/data/plan/Q/hands.json", params={"against": "P"}).json()
    parcels = pd.read_parquet(tmp_path / "plans" / "Q" / "parcels.parquet", columns=["parcel_id", "reason"])
    gone = {unit.names[row] for row in np.flatnonzero(after.out)}
    assert set(parcels.parcel_id.iloc[told["numbers"]["left"]]) == gone
    assert set(parcels.reason.iloc[told["numbers"]["left"]]) == {"taken_out"}
    assert told["numbers"]["joined"] == told["numbers"]["moved"] == []
    west, south, east, north = told["box"]
    assert len(told["points"]["left"]) == len(gone)
    assert all(west <= x <= east and south <= y <= north for x, y in told["points"]["left"])
    back = client.get("/chigai/data/plan/P/hands.json", params={"against": "Q"}).json()
    assert len(back["numbers"]["joined"]) == len(gone)
    same = client.get("/chigai/data/plan/P/hands.json", params={"against": "P"}).json()
    assert same["box"] is None and same["points"] == {}


def test_it_asks_for_a_plan_and_for_who_may_see(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "/chigai/data/plan/P/hands.json"
    assert client.get(address).status_code == 400
    assert client.get(address, params={"against": "../P"}).status_code == 400
    assert client.get(address, params={"against": "nobody"}).status_code in (404, 500)
    stranger = Desk(Store(), Person("x", "x", "nobody", None))
    monkeypatch.setattr(sign_in, "of_request", lambda request: stranger)
    assert client.get(address, params={"against": "P"}).status_code == 403
    monkeypatch.setattr(sign_in, "of_request", lambda request: None)
    assert client.get(address, params={"against": "P"}).status_code == 401
