"""The app's own addresses: what they answer, what they refuse, and what they never tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
import shapely
import streamlit as st
from starlette.applications import Starlette

from geo import tiles
from tests import map_home
from tracking import people
from tracking.desk import Desk
from ui import assets, maps, routes, sign_in


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def features(self) -> list[dict]:
        return json.loads(self.body)["features"]


def ask(address: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    """One request to the routes alone, without a server."""
    parts = urlsplit(address)
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    got: list[MutableMapping[str, Any]] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        got.append(message)

    asyncio.run(Starlette(routes=routes.routes())(scope, receive, send))
    told = {k.decode(): v.decode() for k, v in got[0]["headers"]}
    return Answer(got[0]["status"], told, b"".join(m.get("body", b"") for m in got[1:]))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    return map_home.make(tmp_path)


PLAN = "/chigai/data/plan/probe"
UPLOAD = "/chigai/data/upload/probe"


def test_the_routes_do_not_stand_in_streamlits_way() -> None:
    st.App(Path(__file__), routes=routes.routes())


def test_a_page_comes_with_its_policy() -> None:
    page = ask("/chigai/map/plan/probe?lang=zh&view=before_after")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "no-cache" in page.headers["cache-control"]
    again = ask(
        "/chigai/map/plan/probe?lang=zh&view=before_after", headers={"If-None-Match": page.headers["etag"]}
    )
    assert (again.status, again.body) == (304, b"")


def test_an_asset_is_served_for_ever_under_its_own_mark() -> None:
    for name in (assets.own("map.js").name, assets.own("map.css").name):
        asset = ask(f"/chigai/assets/{name}")
        assert asset.status == 200
        assert asset.body == assets.served()[name].content
        assert "immutable" in asset.headers["cache-control"]
        assert asset.headers["content-type"].startswith(("text/javascript", "text/css"))


@pytest.mark.parametrize(
    "address",
    [
        "/chigai/assets/",
        "/chigai/assets/map.js",
        "/chigai/assets/..%2f..%2fapp.py",
        "/chigai/assets/../maps.py",
        "/chigai/map/plan/",
        "/chigai/map/plan/none",
        "/chigai/map/plan/..",
        "/chigai/map/plan/%2e%2e",
        "/chigai/map/plan/..%2fplans%2fprobe",
        "/chigai/map/plan/.probe",
        "/chigai/map/upload/none",
        "/chigai/map/upload/..%2f..%2fplans%2fprobe",
        "/chigai/data/plan/none/sites.geojson",
        "/chigai/data/plan/none/tiles/12/1/1.mvt",
        "/chigai/data/plan/none/card.json?block=0",
        f"{PLAN}/blocks.geojson",
        f"{PLAN}/parcels.geojson",
        f"{PLAN}/shares.geojson",
        f"{PLAN}/findings.geojson",
        f"{PLAN}/plan.json",
        f"{PLAN}/_sites.geojson",
        f"{UPLOAD}/blocks.geojson",
        "/chigai/data/plan/probe",
        "/chigai/",
    ],
)
def test_what_is_not_there_is_not_found(address: str) -> None:
    assert ask(address).status == 404


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3",
        "bbox=a,b,c,d",
        "bbox=nan,0,1,1",
        "bbox=2,0,1,1",
        "bbox=0,0,inf,1",
        "limit=0",
        "limit=5001",
        "limit=x",
        "zoom=99",
        "zoom=1.5",
    ],
)
def test_a_question_without_sense_is_refused(query: str) -> None:
    answer = ask(f"{PLAN}/sites.geojson?{query}")
    assert answer.status == 400
    assert query.partition("=")[2] not in answer.body.decode() or query == "limit=0"


def test_an_unknown_view_is_refused() -> None:
    assert ask("/chigai/map/plan/probe?view=<script>").status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(method: str) -> None:
    assert ask(f"{PLAN}/sites.geojson", method).status == 405


def test_an_answer_is_geojson_that_a_browser_reads() -> None:
    for address in (f"{PLAN}/sites.geojson", f"{UPLOAD}/parcels.geojson"):
        answer = ask(address)
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"].startswith("private")
        told = json.loads(answer.body)
        assert told["shown"] == told["total"] == len(told["features"]) > 0
        for feature in told["features"]:
            west, south, east, north = shapely.from_geojson(json.dumps(feature["geometry"])).bounds
            assert 132 < west <= east < 134 and 45 < south <= north < 47


def test_no_household_and_nothing_declared_is_told() -> None:
    told = [ask(f"{PLAN}/sites.geojson"), ask("/chigai/map/plan/probe"), ask(f"{UPLOAD}/parcels.geojson")]
    told += [ask(f"{PLAN}/card.json?{what}=0") for what in ("block", "parcel")]
    for answer in told:
        body = answer.body.decode("utf-8")
        assert map_home.OPERATOR not in body
        assert 'operator"' not in body and "declared" not in body and "99999" not in body


def test_a_box_answers_what_meets_it_and_no_more() -> None:
    every = ask(f"{UPLOAD}/parcels.geojson").features
    shapes = shapely.from_geojson([json.dumps(f["geometry"]) for f in every])
    west, south, east, north = shapely.total_bounds(shapes)
    box = (west, south, west + (east - west) * 0.4, south + (north - south) * 0.4)
    got = ask(f"{UPLOAD}/parcels.geojson?bbox={','.join(map(str, box))}").features
    expected = shapely.intersects(shapely.envelope(shapes), shapely.box(*box))
    assert {f["properties"]["parcel_id"] for f in got} == {
        f["properties"]["parcel_id"] for f, hit in zip(every, expected, strict=True) if hit
    }
    assert 0 < len(got) < len(every)
    assert ask(f"{UPLOAD}/parcels.geojson?bbox=0,0,1,1").features == []


def test_a_short_answer_says_so_and_takes_the_worst_first() -> None:
    told = json.loads(ask(f"{UPLOAD}/findings.geojson?limit=12").body)
    assert (told["total"], told["shown"]) == (36, 12)
    assert {f["properties"]["severity"] for f in told["features"]} == {"error"}
    assert {f["geometry"]["type"] for f in told["features"]} == {"Polygon"}
    far = ask(f"{UPLOAD}/findings.geojson?zoom=8").features
    assert {f["geometry"]["type"] for f in far} == {"Point"}


def test_shapes_are_thinned_for_a_far_view_but_stay() -> None:
    near, far = (ask(f"{UPLOAD}/parcels.geojson?zoom={zoom}").features for zoom in (18, 12))
    assert len(near) == len(far)
    assert all(f["geometry"]["coordinates"] for f in far)


def test_coordinates_have_seven_decimals() -> None:
    shapes = [f["geometry"]["coordinates"] for f in ask(f"{UPLOAD}/parcels.geojson").features]
    values = np.asarray(shapes).ravel()
    assert np.all(values == np.round(values, 7))


def test_a_damaged_plan_is_an_error_without_a_path(home: Path) -> None:
    (home / "plans" / "probe" / "blocks.parquet").write_bytes(b"PAR1 nothing")
    answer = ask(f"{PLAN}/card.json?block=0")
    assert answer.status == 422
    assert str(home) not in answer.body.decode("utf-8")


def test_a_wrong_setting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIGAI_BASEMAP_URL", "nonsense")
    answer = ask("/chigai/map/plan/probe")
    assert answer.status == 500
    assert "CHIGAI_BASEMAP_URL" in answer.body.decode("utf-8")


def test_the_limit_of_an_answer_is_what_the_page_asks_for() -> None:
    assert f'"limit":{maps.LIMIT}' in ask("/chigai/map/plan/probe").body.decode("utf-8")


def as_person(monkeypatch: pytest.MonkeyPatch, role: str, counties: frozenset[str] | None) -> None:
    """Whoever asks is this person."""
    desk = sign_in.Desk(sign_in.store(), people.Person("u1", "某某", role, counties))
    monkeypatch.setattr(sign_in, "of_request", lambda request: desk)


@pytest.mark.parametrize(
    "address",
    [
        "/chigai/map/plan/probe",
        "/chigai/map/upload/probe",
        "/chigai/data/plan/probe/sites.geojson",
        "/chigai/data/plan/probe/tiles/12/3555/1458.mvt",
        "/chigai/data/plan/probe/looks/state.bin",
        "/chigai/data/plan/probe/parcels/0.bin",
        "/chigai/data/plan/probe/townships.json",
        "/chigai/data/plan/probe/about.json",
        "/chigai/data/plan/probe/card.json?block=0",
        "/chigai/data/plan/probe/why.json?block=0",
        "/chigai/data/plan/probe/find.json?q=b1",
        "/chigai/data/plan/probe/within.json?layer=blocks&ring=0,0,1,0,1,1",
        "/chigai/data/plan/probe/shapes.json?layer=blocks&rows=0",
        "/chigai/ground/orthophoto/12/1/1.png",
        "/chigai/data/upload/probe/parcels.geojson",
    ],
)
def test_nobody_is_told_anything(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "of_request", lambda request: None)
    answer = ask(address)
    assert answer.status == 401 and "请先登录" in answer.body.decode()
    as_person(monkeypatch, "no such role", None)
    assert ask(address).status == 403


@pytest.mark.parametrize(
    ("role", "counties", "told"),
    [
        ("planner", None, ["consent", "left_over", "elevation", None] * 2),
        (
            "field",
            frozenset({"230381"}),
            ["consent", "left_over", "elevation", None, "other", "other", "elevation", None],
        ),
        ("viewer", None, ["other", "other", "elevation", None] * 2),
    ],
)
def test_that_a_household_refused_is_told_in_ones_own_counties_alone(
    role: str, counties: frozenset[str] | None, told: list[str | None]
) -> None:
    table = pd.DataFrame(
        {"county": ["230381"] * 4 + ["230382"] * 4, "reason": ["consent", "left_over", "elevation", None] * 2}
    )
    points = shapely.points(np.arange(8.0), 45.0)
    layer = tiles.Layer(table, points, np.zeros(8))
    desk = Desk(cast(Any, None), people.Person("u1", "某", role, counties))
    found = routes._without_private(layer, desk).table["reason"]
    assert [None if pd.isna(reason) else reason for reason in found] == told
    assert list(table["reason"])[:1] == ["consent"]


def test_uploads_are_for_those_who_plan_where_they_lie(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = home / "parcels" / "probe" / "manifest.json"
    manifest.write_text(json.dumps({"counties": {map_home.COUNTIES[0]: 1.0}}), "utf-8")
    both = ("/chigai/map/upload/probe", "/chigai/data/upload/probe/parcels.geojson")
    for role, counties, status in (
        ("planner", frozenset(map_home.COUNTIES[:1]), 200),
        ("planner", frozenset(map_home.COUNTIES[1:]), 403),
        ("field", frozenset(map_home.COUNTIES[:1]), 403),
        ("viewer", None, 403),
    ):
        as_person(monkeypatch, role, counties)
        assert [ask(address).status for address in both] == [status, status]


@pytest.mark.parametrize(("asked", "led_to"), [("/overview", "/"), ("/overview?lang=en", "/?lang=en")])
def test_the_first_page_is_found_by_its_name_too(asked: str, led_to: str) -> None:
    answer = ask(asked)
    assert (answer.status, answer.headers["location"]) == (307, led_to)
