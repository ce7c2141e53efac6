"""The addresses of a draft: who may ask, what they say, and that nothing but a right POST changes anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from starlette.applications import Starlette
from starlette.testclient import TestClient

from geo import gcj02, tiles
from planning.editing.unit import load
from tracking import draft_units, drafts
from tracking.desk import Desk
from tracking.people import LOCAL, Person
from tracking.store import ENVIRONMENT, Store
from ui import routes, settings, sign_in

HULIN, MISHAN = "230381", "230382"


@pytest.fixture
def house(plan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    shutil.copytree(plan_folder, tmp_path / "plans" / "P")
    Store().upgrade()
    return tmp_path


@pytest.fixture
def desk(house: Path) -> Desk:
    return Desk(Store(), LOCAL, house)


@pytest.fixture
def client(house: Path) -> TestClient:
    return TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1")


@pytest.fixture
def signed_in(house: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Person | None], None]:
    def be(person: Person | None) -> None:
        found = None if person is None else Desk(Store(), person, house)
        monkeypatch.setattr(sign_in, "of_request", lambda request: found)

    return be


def first(desk: Desk, county: str = HULIN) -> Any:
    rows = draft_units.problems(desk, drafts.begin(desk, "P"))
    return load(desk.home / "plans" / "P", int(rows[rows.county == county].field_unit.iloc[0]))


def test_a_change_is_told_made_undone_and_done_again(client: TestClient, desk: Desk) -> None:
    draft, unit = drafts.begin(desk, "P"), first(desk)
    root = f"/chigai/draft/{draft}"
    before = client.get(f"{root}/figures.json").json()
    told = client.get(f"{root}/unit/{unit.number}.json").json()
    assert told["version"] == 0 and len(told["parcels"]) == len(unit.names)
    assert {f["properties"]["kind"] for f in told["shapes"]["features"]} >= {"block", "parcel"}
    block = told["blocks"][0]["block_id"]
    asked = {"field_unit": unit.number, "kind": "take_out", "blocks": [block]}
    would = client.post(f"{root}/preview", json=asked).json()
    assert would["allowed"] and [b["block_id"] for b in would["gone"]] == [block] and would["made"] == []
    assert client.get(f"{root}/figures.json").json() == before
    assert client.post(f"{root}/apply", json=asked | {"seen": 0}).json() == {"allowed": True, "version": 1}
    after = client.get(f"{root}/figures.json").json()
    assert after["totals"] == would["counties"][-1]["after"] and after["changes"] == after["undo"] == 1
    (drawn,) = {f["properties"]["field_unit"] for f in client.get(f"{root}/overlay.json").json()["features"]}
    assert drawn == unit.number
    again = client.post(f"{root}/apply", json=asked | {"seen": 0})
    assert again.status_code == 409 and again.json()["version"] == 1
    assert client.post(f"{root}/undo", json={}).json() == {"field_unit": unit.number}
    undone = client.get(f"{root}/figures.json").json()
    assert (
        undone["totals"] == before["totals"]
        and undone["counties"] == before["counties"]
        and undone["redo"] == 1
    )
    assert client.post(f"{root}/redo", json={}).json() == {"field_unit": unit.number}
    assert client.get(f"{root}/figures.json").json()["totals"] == after["totals"]


def test_what_is_forbidden_says_which_rule_and_where(client: TestClient, desk: Desk) -> None:
    draft, unit = drafts.begin(desk, "P"), first(desk)
    z = unit.parcels.elevation_m.to_numpy()
    ends = [unit.names[z.argmin()], unit.names[z.argmax()]]
    asked = {"field_unit": unit.number, "kind": "join", "parcels": ends, "seen": 0}
    for way in ("preview", "apply"):
        told = client.post(f"/chigai/draft/{draft}/{way}", json=asked).json()
        assert not told["allowed"] and all(r["zh"] and r["en"] and r["rule"] for r in told["refusals"])
    assert client.get(f"/chigai/draft/{draft}/figures.json").json()["changes"] == 0


@pytest.mark.parametrize("shifted", [False, True])
def test_a_ring_and_a_point_find_what_lies_there(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch, shifted: bool
) -> None:
    monkeypatch.setattr(settings.Settings, "shifted", property(lambda self: shifted))
    draft, unit = drafts.begin(desk, "P"), first(desk)
    shift = gcj02.wgs84_to_gcj02 if shifted else None
    row = int(np.flatnonzero(unit.base.block != None)[0])  # noqa: E711 — elementwise
    point = tiles.lonlat(
        np.array([shapely.point_on_surface(unit.geoms[row])], object), unit.parcels.crs, shift
    )[0]
    root = f"/chigai/draft/{draft}/pick.json"
    found = client.get(root, params={"what": "parcels", "ring": f"{point.x},{point.y}"}).json()
    assert found == {"field_unit": unit.number, "parcels": [unit.names[row]], "blocks": [], "others": 0}
    found = client.get(root, params={"what": "blocks", "ring": f"{point.x},{point.y}"}).json()
    assert found["blocks"] == [unit.base.block[row]] and found["parcels"] == []
    whole = shapely.box(*unit.parcels.total_bounds)
    ring = shapely.get_coordinates(tiles.lonlat(np.array([whole], object), unit.parcels.crs, shift))[:-1]
    said = ",".join(f"{v:.8f}" for v in ring.ravel())
    found = client.get(root, params={"what": "parcels", "ring": said}).json()
    assert set(found["parcels"]) == set(unit.names)
    far = client.get(root, params={"what": "parcels", "ring": "100.0,10.0"}).json()
    assert far["field_unit"] is None


def test_problems_are_walked_through_and_ids_are_found(client: TestClient, desk: Desk) -> None:
    draft, unit = drafts.begin(desk, "P"), first(desk)
    root = f"/chigai/draft/{draft}"
    seen, after = [], ""
    for _ in range(5):
        told = client.get(
            f"{root}/next.json", params={"after": after, "county": HULIN, "kind": "step"}
        ).json()
        assert {p["kind"] for p in told["problems"]} == {"step"} and told["box"][0] < told["box"][2]
        assert told["problems"][0]["parcels"]
        seen.append(told["field_unit"])
        after = str(told["field_unit"])
    assert len(set(seen)) == len(seen)
    names = f"{unit.names[0]},{unit.blocks.block_id.iloc[0]},nobody"
    assert client.get(f"{root}/find.json", params={"names": names}).json() == {
        unit.names[0]: unit.number,
        unit.blocks.block_id.iloc[0]: unit.number,
    }


def test_only_who_plans_in_the_county_is_answered(
    client: TestClient, desk: Desk, signed_in: Callable[[Person | None], None]
) -> None:
    draft, unit = drafts.begin(desk, "P"), first(desk)
    root = f"/chigai/draft/{draft}"
    asked = {"field_unit": unit.number, "kind": "lock", "parcels": [unit.names[0]], "seen": 0}
    ways = [
        lambda: client.get(f"{root}/unit/{unit.number}.json"),
        lambda: client.post(f"{root}/preview", json=asked),
        lambda: client.post(f"{root}/apply", json=asked),
    ]
    signed_in(None)
    assert [way().status_code for way in ways] == [401] * 3
    for person in (
        Person("m", "密山", "planner", frozenset({MISHAN})),
        Person("f", "外业", "field", frozenset({HULIN})),
        Person("v", "查阅", "viewer", None),
    ):
        signed_in(person)
        answered = [way() for way in ways]
        assert [a.status_code for a in answered] == [403] * 3
        assert all(unit.names[0] not in a.text for a in answered)
    signed_in(Person("m", "密山", "planner", frozenset({MISHAN})))
    drafts.apply(desk, draft, unit.number, _lock(unit), 0)
    assert client.get(f"{root}/overlay.json").json()["features"] == []
    signed_in(Person("h", "虎林", "planner", frozenset({HULIN})))
    assert client.post(f"{root}/apply", json=asked | {"seen": 1, "kind": "unlock"}).json()["version"] == 2


def _lock(unit: Any) -> Any:
    from planning.editing.changes import Asked

    return Asked("lock", parcels=(unit.names[0],))


def test_what_makes_no_sense_is_refused_and_changes_nothing(client: TestClient, desk: Desk) -> None:
    draft, unit = drafts.begin(desk, "P"), first(desk)
    root = f"/chigai/draft/{draft}"
    fine = {"field_unit": unit.number, "kind": "lock", "parcels": [unit.names[0]], "seen": 0}
    for wrong in (
        {"kind": "drop"}, {"field_unit": "x"}, {"parcels": "p"}, {"to": 7}, {"line": [["a", "b"]]},
        {"line": [[1.0, 2.0]]}, {"seen": -1}, {"seen": None},
    ):  # fmt: skip
        assert client.post(f"{root}/apply", json=fine | wrong).status_code == 400, wrong
    assert client.post(f"{root}/apply", json=fine | {"field_unit": 10**9}).status_code == 404
    assert client.post("/chigai/draft/nobody/apply", json=fine).status_code == 404
    assert client.get("/chigai/draft/nobody/figures.json").status_code == 404
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(f"{root}/apply", content=json.dumps(fine), headers=form).status_code == 415
    assert (
        client.post(f"{root}/apply", content="[1]", headers={"Content-Type": "application/json"}).status_code
        == 400
    )
    large = {"Content-Type": "application/json"}
    assert client.post(f"{root}/apply", content="x" * 1_100_000, headers=large).status_code == 413
    assert client.get(f"{root}/apply").status_code == 405
    for ring in ("", "1", "1,2,3,4", "nan,1", "x,y"):
        assert client.get(f"{root}/pick.json", params={"ring": ring}).status_code == 400, ring
    assert client.get(f"{root}/next.json", params={"kind": "x"}).status_code == 400
    assert client.get(f"{root}/figures.json").json()["changes"] == 0
