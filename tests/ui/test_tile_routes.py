"""Tiles, what colours them, cards, search and picking: who is told what, and that it is the plan."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from urllib.parse import quote

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from geo.tiling.grid import world
from tests import map_home
from tests.ui.test_routes import as_person, ask
from tracking import tilesets
from ui import card_routes, colouring, ground_routes, mapdata, palette, pick_routes

PLAN = "/chigai/data/plan/probe"
HULIN, MISHAN = map_home.COUNTIES


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    return map_home.make(tmp_path)


def told(address: str) -> dict:
    answer = ask(f"{PLAN}/{address}")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def table(home: Path, name: str) -> gpd.GeoDataFrame:
    return gpd.read_parquet(home / "plans" / "probe" / f"{name}.parquet")


def middle_tile(home: Path, zoom: int) -> str:
    at = table(home, "blocks").to_crs(4326).geometry.iloc[0].centroid
    x, y = (world(np.array([at.x]), np.array([at.y]))[0] * 2**zoom).astype(int)
    return f"tiles/{zoom}/{x}/{y}.mvt"


# tiles


def test_a_tile_is_packed_for_who_takes_that_and_plain_for_who_does_not(home: Path) -> None:
    address = f"{PLAN}/{middle_tile(home, 15)}"
    packed, plain = ask(address, headers={"Accept-Encoding": "gzip"}), ask(address)
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert b"parcels" in plain.body and map_home.OPERATOR.encode() not in plain.body


def test_a_tile_that_was_made_before_is_the_one_that_is_cut(home: Path) -> None:
    cut = ask(f"{PLAN}/{middle_tile(home, 14)}").body
    request = {"plan": "probe", "shifted": False}
    tilesets.build(request, home, "job", lambda stage, fraction: None)
    mapdata._kept.clear()
    assert mapdata.plan("probe", False).archive is not None
    assert ask(f"{PLAN}/{middle_tile(home, 14)}").body == cut


def test_what_a_browser_has_is_not_sent_again(home: Path) -> None:
    for address in (middle_tile(home, 13), "looks/state.bin", "townships.json"):
        first = ask(f"{PLAN}/{address}")
        again = ask(f"{PLAN}/{address}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "address",
    ["tiles/11/1/1.mvt", "tiles/16/1/1.mvt", "tiles/12/99999/1.mvt", "looks/owner.bin", "parcels/1.bin"],
)
def test_what_is_cut_for_nobody_is_not_there(address: str) -> None:
    assert ask(f"{PLAN}/{address}").status == 404


def test_where_nothing_lies_the_tile_is_empty() -> None:
    assert ask(f"{PLAN}/tiles/12/1/1.mvt").status == 204


# colours


def test_a_byte_for_each_block_says_what_the_table_says(home: Path) -> None:
    blocks = table(home, "blocks")
    size = np.frombuffer(ask(f"{PLAN}/looks/size.bin").body, np.uint8)
    cut = np.frombuffer(ask(f"{PLAN}/looks/cut.bin").body, np.uint8)
    state = np.frombuffer(ask(f"{PLAN}/looks/state.bin").body, np.uint8)
    county = np.frombuffer(ask(f"{PLAN}/looks/county.bin").body, np.uint8)
    assert len(size) == len(cut) == len(state) == len(blocks)
    for i, block in enumerate(blocks.itertuples()):
        assert size[i] == sum(block.area_mu >= edge for edge in palette.SIZE_EDGES)
        assert cut[i] == sum(block.cut_m3 / block.area_mu >= edge for edge in palette.CUT_EDGES)
        assert [HULIN, MISHAN][county[i]] == block.county
        assert (list(palette.BLOCKS)[state[i]] == "below") == (not block.meets_minimum)


def test_blocks_of_one_site_have_one_colour_and_those_in_none_the_last(home: Path) -> None:
    blocks = table(home, "blocks")
    site = np.frombuffer(ask(f"{PLAN}/looks/site.bin").body, np.uint8)
    for name in blocks["site_id"].dropna().unique():
        assert len(set(site[(blocks["site_id"] == name).to_numpy()])) == 1
    assert set(site[blocks["site_id"].isna().to_numpy()]) == {list(palette.SITES).index("none")}


def test_a_parcels_byte_says_size_reason_and_whether_it_is_in_a_block(home: Path) -> None:
    parcels = table(home, "parcels")
    byte = np.frombuffer(ask(f"{PLAN}/parcels/0.bin").body, np.uint8)
    assert len(byte) == len(parcels)
    assert ((byte >> colouring.REASON_SHIFT > 0) == parcels["block_id"].isna()).all()
    assert (byte & colouring.LARGE_BIT > 0).all()  # 15 mu, and the minimum is 5
    number = byte >> colouring.REASON_SHIFT
    reasons = [None if n in (0, colouring.BARE) else colouring.REASONS[n - 1] for n in number]
    assert len(colouring.REASONS) < colouring.BARE
    assert reasons == parcels["reason"].astype(object).where(parcels["reason"].notna(), None).tolist()


@pytest.mark.parametrize(
    ("role", "counties", "own"),
    [("planner", None, {HULIN, MISHAN}), ("field", frozenset({MISHAN}), {MISHAN}), ("viewer", None, set())],
)
def test_households_are_told_in_ones_own_counties_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, role: str, counties: frozenset[str] | None, own: set[str]
) -> None:
    as_person(monkeypatch, role, counties)
    blocks, parcels = table(home, "blocks"), table(home, "parcels")
    answer = ask(f"{PLAN}/looks/operators.bin")
    assert answer.headers["cache-control"] == "no-store"
    hidden = list(palette.OPERATORS).index("unknown")
    byte = np.frombuffer(answer.body, np.uint8)
    assert {c for c, b in zip(blocks["county"], byte, strict=True) if b != hidden} == own
    for row in (0, len(blocks) - 1):
        assert (told(f"card.json?block={row}")["n_operators"] is not None) == (blocks["county"][row] in own)
    for row in (0, len(parcels) - 1):
        assert (told(f"card.json?parcel={row}")["parcel_id"] is not None) == (parcels["county"][row] in own)
    found = told("find.json?q=" + "%3Cimg%20src")["found"]
    assert {one["county"] for one in found if one["kind"] == "parcel"} <= own
    assert told("about.json")["private"] == bool(own)


def test_that_a_household_refused_is_hidden_in_the_colours_too(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "plans" / "probe" / "parcels.parquet"
    frame = gpd.read_parquet(path)
    frame.loc[frame["reason"].notna(), "reason"] = "consent"
    frame.to_parquet(path)
    as_person(monkeypatch, "field", frozenset({HULIN}))
    byte = np.frombuffer(ask(f"{PLAN}/parcels/0.bin").body, np.uint8)
    number = byte >> colouring.REASON_SHIFT
    for n, county, reason in zip(number, frame["county"], frame["reason"], strict=True):
        if reason == "consent":
            assert colouring.REASONS[n - 1] == ("consent" if county == HULIN else "other")
    away = int(np.flatnonzero((frame["county"] == MISHAN) & frame["reason"].notna())[0])
    assert told(f"card.json?parcel={away}")["reason"] == "other"


# cards and search


def test_a_card_tells_a_blocks_facts_and_where_it_is(home: Path) -> None:
    blocks = table(home, "blocks")
    card = told("card.json?block=1")
    assert card["block_id"] == blocks["block_id"][1] and card["row"] == 1
    assert (card["n_parcels"], card["n_operators"], card["cut_m3"], card["cost_yuan"]) == (
        2,
        1,
        321.4,
        23456.0,
    )
    assert (card["elevation_min_m"], card["elevation_max_m"], card["design_level_m"]) == (60.0, 60.25, 60.1)
    assert card["minimum_mu"] == 5.0 and card["work"] is None
    expected = blocks.to_crs(4326).geometry[1].bounds
    assert np.allclose(card["box"], expected, atol=1e-5)


@pytest.mark.parametrize(("role", "knows"), [("planner", True), ("viewer", False)])
def test_why_a_block_is_so_is_told_to_all_and_what_else_to_those_who_may_know_of_households(
    monkeypatch: pytest.MonkeyPatch, role: str, knows: bool
) -> None:
    def explained(folder: str, version: str, block_id: str) -> dict:
        rules = [
            {"rule": "maximum", "zh": "最大面积", "en": "maximum", "binds": False},
            {"rule": "consent", "zh": "农户未同意", "en": "consent refused", "binds": True},
            {"rule": "step", "zh": "高差", "en": "step", "binds": True},
        ]
        change = {"zh": "划入小池 2303", "en": "take 2303"}
        return {
            "county": HULIN, "rules": rules, "cost": {}, "haul_mean_m": 12.34, "loads": None,
            "next_best": [change], "better": 0,
        }  # fmt: skip

    monkeypatch.setattr(card_routes, "_explained", explained)
    as_person(monkeypatch, role, None)
    why = told("why.json?block=0")
    said = [rule["zh"] for rule in why["rules"]]
    assert said == ["农户未同意" if knows else "有相邻小池不并入本池", "高差", "最大面积"]
    assert ("consent" in json.dumps(why)) == knows
    assert (why["next_best"] is not None) == knows
    assert ("2303" in json.dumps(why)) == knows


def test_a_block_is_found_by_its_id_and_a_parcel_leads_to_its_block(home: Path) -> None:
    parcels = table(home, "parcels")
    parcel = told("card.json?parcel=2")
    assert parcel["parcel_id"] == parcels["parcel_id"][2]
    assert told(f"card.json?block={parcel['block']}")["block_id"] == parcels["block_id"][2]
    alone = int(np.flatnonzero(parcels["block_id"].isna())[0])
    assert told(f"card.json?parcel={alone}")["block"] is None
    assert ask(f"{PLAN}/card.json?id=none").status == 404
    assert ask(f"{PLAN}/card.json?block=9999").status == 404
    assert ask(f"{PLAN}/card.json").status == 400 and ask(f"{PLAN}/card.json?block=-1").status == 400


def test_search_finds_places_blocks_parcels_and_coordinates(home: Path) -> None:
    path = home / "plans" / "probe" / "parcels.parquet"
    frame = gpd.read_parquet(path)
    frame["township"], frame["village"] = "东方红镇", "团结村"
    frame["parcel_id"] = [f"23038100100101{i:05d}" for i in range(len(frame))]
    frame.to_parquet(path)
    town = told(f"find.json?q={quote('东方')}")["found"][0]
    assert (town["kind"], town["name"]) == ("township", "东方红镇")
    village = told(f"find.json?q={quote('团结')}")["found"][0]
    assert (village["kind"], village["within"]) == ("village", "东方红镇")
    west, south, east, north = village["box"]
    assert 132 < west < east < 134 and 45 < south < north < 47
    parcel = told("find.json?q=2303810010010100007")["found"]
    assert [(one["kind"], one["row"]) for one in parcel] == [("parcel", 7)]
    block = told("find.json?q=b3")["found"]
    assert [one["row"] for one in block if one["kind"] == "block"] == [
        i for i, name in enumerate(table(home, "blocks")["block_id"]) if "b3" in name
    ]
    assert told("find.json?q=132.39,45.77")["found"][0]["box"] == [132.39, 45.77, 132.39, 45.77]
    assert told("find.json?q=nothing")["found"] == []
    assert ask(f"{PLAN}/find.json?q=").status == 400


def test_townships_tell_their_shares(home: Path) -> None:
    path = home / "plans" / "probe" / "parcels.parquet"
    frame = gpd.read_parquet(path)
    frame["township"] = "东方红镇"
    frame.to_parquet(path)
    features = told("townships.json")["features"]
    assert [f["properties"]["parcels"] for f in features] == [18, 18]
    blocks = table(home, "blocks")
    for feature in features:
        p = feature["properties"]
        mine = blocks[(blocks["county"] == p["county"]) & blocks["meets_minimum"]]
        assert p["state"] == pytest.approx(100 * mine["parcels_mu"].sum() / 270.0, abs=0.06)


# picking


def test_what_lies_in_a_ring_is_what_meets_it(home: Path) -> None:
    frame = table(home, "parcels").to_crs(4326)
    west, south, east, north = frame.total_bounds
    ring = [(west, south), (west + (east - west) * 0.55, south), (west, south + (north - south) * 0.55)]
    asked = ",".join(f"{v:.7f}" for corner in ring for v in corner)
    found = told(f"within.json?layer=parcels&ring={asked}")
    expected = np.flatnonzero(frame.intersects(shapely.Polygon(ring)))
    assert found == {"numbers": expected.tolist(), "more": False}
    assert 0 < len(expected) < len(frame)
    shapes = told(f"shapes.json?layer=parcels&rows={','.join(map(str, expected))}")["features"]
    assert [f["id"] for f in shapes] == expected.tolist()
    drawn = shapely.from_geojson([json.dumps(f["geometry"]) for f in shapes])
    assert shapely.hausdorff_distance(drawn, frame.geometry.to_numpy()[expected]).max() < 1e-6
    assert all(f["properties"] == {} for f in shapes)


def test_more_than_the_limit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pick_routes, "MOST", 4)
    found = told("within.json?layer=parcels&ring=130,44,135,44,135,47,130,47")
    assert found["more"] and len(found["numbers"]) == 4


@pytest.mark.parametrize(
    "query",
    [
        "within.json?layer=shares&ring=0,0,1,0,1,1",
        "within.json?layer=blocks&ring=0,0,1,0",
        "within.json?layer=blocks&ring=0,0,nan,0,1,1",
        "within.json?layer=blocks&ring=",
        "shapes.json?layer=blocks&rows=",
        "shapes.json?layer=blocks&rows=99999",
        "shapes.json?layer=operators&rows=1",
    ],
)
def test_picking_without_sense_is_refused(query: str) -> None:
    assert ask(f"{PLAN}/{query}").status == 400


# pictures underneath


def test_a_picture_is_served_where_the_settings_name_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = "/chigai/ground/orthophoto/16"
    at = table(home, "blocks").to_crs(4326).geometry.iloc[0].centroid
    x, y = (world(np.array([at.x]), np.array([at.y]))[0] * 2**16).astype(int)
    assert ask(f"{ground}/{x}/{y}.png").status == 404
    path = tmp_path / "photo.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=900, height=900, count=3, dtype="uint8", crs=map_home.CRS,
        transform=from_origin(map_home.EAST - 500, map_home.NORTH + 1200, 2, 2),
    ) as out:  # fmt: skip
        out.write(np.full((3, 900, 900), 120, np.uint8))
    monkeypatch.setenv("CHIGAI_ORTHOPHOTO", str(path))
    ground_routes._opened.cache_clear()
    answer = ask(f"{ground}/{x}/{y}.png")
    assert answer.status == 200 and answer.headers["content-type"] in ("image/jpeg", "image/png")
    assert ask(f"{ground}/1/1.png").status == 204
    assert ask(f"/chigai/ground/hillshade/16/{x}/{y}.png").status == 404
    page = ask("/chigai/map/plan/probe").body.decode()
    assert "/chigai/ground/orthophoto/" in page and str(tmp_path) not in page
