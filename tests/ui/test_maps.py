"""The map page: drawn once, offline, in the basemap's datum, and harmless whatever the names are."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import folium
import geopandas as gpd
import numpy as np
import pytest
import shapely
from folium.plugins import DualMap, Fullscreen

from geo import boundaries, gcj02, tiles
from geo.errors import ChigaiError
from tests import map_home
from ui import assets, map_counties, map_text, mapdata, mappages, maps, palette, safe, settings, text_targets


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    return map_home.make(tmp_path)


def config_of(page: mappages.Page) -> dict:
    text = page.html.decode("utf-8")
    start = text.index("chigai.start(") + len("chigai.start(")
    return json.JSONDecoder().raw_decode(text[start:])[0]


def test_addresses_name_the_plan_the_language_and_the_county() -> None:
    assert maps.plan_map_url("p-1") == "/chigai/map/plan/p-1?lang=zh&view=after"
    assert maps.plan_map_url("p", "en", "before_after", "230381").endswith(
        "?lang=en&view=before_after#county=230381"
    )
    assert maps.plan_map_url("p", close=True).endswith("&view=after#close")
    assert maps.plan_map_url("p", county="230381", close=True).endswith("#county=230381&close")
    assert maps.findings_map_url("u", "en") == "/chigai/map/upload/u?lang=en"
    assert maps.plan_map_url("a/../b?x#y").startswith("/chigai/map/plan/a%2F..%2Fb%3Fx%23y?")


@pytest.mark.parametrize("view", maps.VIEWS)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_page_names_no_other_host(home: Path, view: maps.View, lang: str) -> None:
    text = maps.plan_page("probe", lang, view).html.decode("utf-8")
    asked = re.findall(r"""(?:src|href)=["']([^"']+)""", text)
    assert asked
    assert all(a.startswith("/chigai/assets/") or a == "data:," for a in asked)
    assert not re.search(r"https?://", text)
    names = {a.removeprefix("/chigai/assets/") for a in asked} - {"data:,"}
    assert names <= set(assets.served())


def test_every_class_used_has_all_its_links_carried_along() -> None:
    for kind in (folium.Map, DualMap, Fullscreen, folium.LayerControl):
        for _, address in [*getattr(kind, "default_js", []), *getattr(kind, "default_css", [])]:
            assert assets.by_address(address).content


def test_a_link_that_is_not_carried_is_refused() -> None:
    with pytest.raises(LookupError):
        assets.by_address("https://example.org/x.js")


def test_no_style_that_is_served_asks_for_a_picture_elsewhere() -> None:
    for asset in assets.served().values():
        if asset.name.endswith(".css"):
            found = re.findall(rb"url\(\s*['\"]?([^)'\"]{0,40})", asset.content)
            assert all(f.startswith((b"data:", b"#")) for f in found), asset.name


def test_folium_itself_is_left_as_it_was(home: Path) -> None:
    maps.plan_page("probe", "zh", "before_after")
    assert all(address.startswith("https://") for _, address in folium.Map.default_js)


def test_a_page_is_drawn_once_and_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = maps.plan_page("probe", "zh", "after")
    monkeypatch.setattr(maps, "render", lambda *a, **k: pytest.fail("drawn anew"))
    assert maps.plan_page("probe", "zh", "after") is first
    mappages._pages.clear()
    assert maps.plan_page("probe", "zh", "after") == first
    assert (home / "tiles" / "maps" / f"{first.tag}.html").read_bytes() == first.html


def test_the_newest_plan_is_drawn_before_anybody_asks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps.warm()
    monkeypatch.setattr(maps, "render", lambda *a, **k: pytest.fail("drawn anew"))
    assert maps.plan_page("probe", "zh", "after").html


def test_nothing_to_draw_or_nothing_sound_keeps_no_server_from_starting(home: Path) -> None:
    (home / "plans" / "probe" / "blocks.parquet").write_bytes(b"PAR1 nothing")
    maps.warm()
    shutil.rmtree(home / "plans")
    maps.warm()


def test_another_plan_language_view_or_setting_is_another_page(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [maps.plan_page("probe", lang, view).tag for lang in ("zh", "en") for view in maps.VIEWS]
    monkeypatch.setenv("CHIGAI_BASEMAP_URL", "/tiles/{z}/{x}/{y}.png")
    pages.append(maps.plan_page("probe", "zh", "after").tag)
    assert len(set(pages)) == len(pages)


def test_a_plan_written_anew_is_drawn_anew(home: Path) -> None:
    first = maps.plan_page("probe", "zh", "after").tag
    map_home.make(home)
    assert maps.plan_page("probe", "zh", "after").tag != first


def test_no_name_can_end_the_script_or_be_markup(home: Path) -> None:
    page = maps.plan_page("probe", "zh", "after")
    text = page.html.decode("utf-8")
    assert "<img" not in text
    assert "onload=window" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert config_of(page)["title"] == map_home.ATTACKS[2]
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text))


@pytest.mark.parametrize("attack", [*map_home.ATTACKS, "{{7*7}}", "{%for a in 'ab'%}x{%endfor%}", "{#x#}"])
def test_no_name_is_a_template_that_runs_on_the_server(attack: str) -> None:
    # Folium renders its own output again: what it was handed must come out as it went in
    one = folium.Map(tiles=None)
    group = maps.group(attack).add_to(one)
    folium.LayerControl().add_to(one)
    views = [{"map": one, "title": attack, "groups": {"blocks": group}, "grid": None}]
    one.get_root().add_child(maps._Start({"title": attack, "kept": {"a": {"b": attack}}}, views))
    text = one.get_root().render()
    start = text.index("chigai.start(") + len("chigai.start(")
    config, end = json.JSONDecoder().raw_decode(text[start:])
    assert config == {"title": attack, "kept": {"a": {"b": attack}}}
    title = text.index("title:", start + end) + len("title:")
    assert json.JSONDecoder().raw_decode(text[title:])[0] == attack
    assert f'"{safe.text(attack)}"' in text.replace("\\u0026", "&")


def test_a_layer_name_is_text() -> None:
    group = maps.group("<img src=x>${1}`")
    assert group.layer_name == "&lt;img src=x&gt;&#36;&#123;1&#125;&#96;"


def test_counties_carry_state_and_facts(home: Path) -> None:
    config = config_of(maps.plan_page("probe", "zh", "after"))
    told = {f["properties"]["code"]: f["properties"] for f in config["counties"]["features"]}
    assert len(told) == len(boundaries.load())
    assert told["230381"]["state"] == "reached"
    assert told["230382"]["state"] == "within_reach"
    assert told["230321"]["state"] == "no_data"
    facts = dict(told["230382"]["facts"])
    assert facts["任务"] == "40,000–50,000 亩"
    assert facts["缺口"] == "28,000 亩"
    assert facts["期限"] == "2022-04-20"
    assert facts["费用"] == "900.0 万元"


def test_the_first_view_holds_the_counties_of_the_plan(home: Path) -> None:
    box = shapely.box(*config_of(maps.plan_page("probe", "zh", "after"))["box"])
    outlines = boundaries.load().set_index("adcode").geometry
    assert all(box.buffer(1e-6).contains(outlines[code]) for code in map_home.COUNTIES)


def block_shapes(home: Path, shifted: bool = False) -> np.ndarray:
    """The blocks' outlines in the map's degrees, straight from the plan's table."""
    frame = gpd.read_parquet(home / "plans" / "probe" / "blocks.parquet").to_crs(4326)
    return tiles.lonlat(frame.geometry.to_numpy(), 4326, gcj02.wgs84_to_gcj02 if shifted else None)


def test_a_county_has_a_box_round_its_blocks(home: Path) -> None:
    places = {p["code"]: p["box"] for p in config_of(maps.plan_page("probe", "zh", "after"))["places"]}
    county = mapdata.plan("probe", False).blocks["county"].astype(str).to_numpy()
    shapes = block_shapes(home)
    for code, box in places.items():
        expected = shapely.total_bounds(shapes[county == code])
        # a box of the plan's metres lies a little askew in degrees
        assert np.allclose(box, expected, atol=1e-4)
        assert box[0] <= expected[0] + 2e-7 and box[3] >= expected[3] - 2e-7


def test_a_map_may_open_amid_the_largest_site_that_meets_its_minimum(home: Path) -> None:
    config = config_of(maps.plan_page("probe", "zh", "before_after"))
    table, shapes = mapdata.plan("probe", False).blocks, block_shapes(home)
    in_site = table[table["state"] == "site"].astype({"county": str, "site_id": object})
    areas = in_site.groupby(["county", "site_id"])["area_mu"].sum()
    county, site = areas.idxmax()
    lat, lon = config["close"]
    (block,) = np.flatnonzero(shapely.contains_xy(shapes, lon, lat))
    assert config["close_in"] == county and table["site_id"][block] == site
    for place in config["places"]:
        lat, lon = place["close"]
        (block,) = np.flatnonzero(shapely.contains_xy(shapes, lon, lat))
        assert table["county"][block] == place["code"] and table["state"][block] == "site"


def test_a_plan_that_joins_nothing_has_nothing_to_open_amid(home: Path) -> None:
    data = mapdata.plan("probe", False)
    data.__dict__["blocks"] = data.blocks.iloc[:0]
    assert data.close_ups == []


def test_paddies_outside_every_outline_are_shown_without_counties(home: Path) -> None:
    data = mapdata.plan("probe", False)
    away = data.outlines.assign(geometry=data.outlines.geometry.translate(8, -9))
    data.__dict__["outlines"] = away
    assert map_counties.features(data, "zh") is None
    assert maps.whole(data) == data.extent


def test_findings_are_named_and_placed(home: Path) -> None:
    config = config_of(maps.findings_page("probe", "zh"))
    assert config["title"] == "数据检查"
    assert set(config["layers"]) == {"upload", "findings"}
    assert "code" not in config["counties"]["features"][0]["properties"]


@pytest.mark.parametrize("bad", ["", "..", "a/b", "../probe", ".hidden", "a b", "x" * 200, "方案"])
def test_an_id_that_could_leave_the_folder_is_unknown(home: Path, bad: str) -> None:
    assert not mapdata.known_id(bad)
    with pytest.raises(mapdata.AbsentError):
        mapdata.plan(bad, False)
    with pytest.raises(mapdata.AbsentError):
        mapdata.upload(bad, False)


def test_only_the_last_few_plans_are_held(home: Path) -> None:
    for i in range(mapdata.KEPT + 2):
        map_home.make(home, f"p{i}", f"u{i}", side=4)
        assert len(mapdata.plan(f"p{i}", False).blocks)
    assert len(mapdata._kept) == mapdata.KEPT


def test_an_upload_in_many_files_answers_as_one_in_one_file_does(home: Path) -> None:
    whole, many = mapdata.upload("probe", False).parcels((-180, -90, 180, 90), 100)
    path = home / "parcels" / "probe" / "parcels.parquet"
    frame = gpd.read_parquet(path)
    path.unlink()
    path.mkdir()
    for i, rows in enumerate(np.array_split(np.arange(len(frame)), 3)):
        frame.iloc[rows].to_parquet(path / f"part-{i:05d}.parquet")
    mapdata._kept.clear()
    parts, still = mapdata.upload("probe", False).parcels((-180, -90, 180, 90), 100)
    assert many == still == len(frame)
    assert parts.table["parcel_id"].tolist() == whole.table["parcel_id"].tolist()
    assert shapely.equals_exact(parts.geoms, whole.geoms, 1e-9).all()


def test_a_damaged_plan_is_said_to_be_damaged(home: Path) -> None:
    (home / "plans" / "probe" / "blocks.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ChigaiError, match="损坏"):
        maps.plan_page("probe", "zh", "after")


def test_with_a_shifted_basemap_everything_is_shifted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_box = config_of(maps.plan_page("probe", "zh", "after"))["box"]
    monkeypatch.setenv("CHIGAI_BASEMAP_URL", "https://t{s}.example.cn/{z}/{x}/{y}.png")
    monkeypatch.setenv("CHIGAI_BASEMAP_CRS", "gcj02")
    page = maps.plan_page("probe", "zh", "after")
    before, after = (
        np.array(mapdata.plan("probe", False).extent),
        np.array(mapdata.plan("probe", True).extent),
    )
    metres = np.hypot((after - before)[[0, 2]] * 78_000, (after - before)[[1, 3]] * 111_000)
    assert np.all((metres > 550) & (metres < 750))
    assert np.allclose(after, shapely.total_bounds(block_shapes(home, True)), atol=1e-4)
    assert config_of(page)["box"] != plain_box
    assert "g&" in config_of(page)["layers"]["sites"]["url"]
    assert "img-src 'self' data: https://*.example.cn;" in page.policy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHIGAI_BASEMAP_URL", "javascript:alert(1)//{x}{y}{z}"),
        ("CHIGAI_BASEMAP_URL", "https://example.cn/tile.png"),
        ("CHIGAI_BASEMAP_URL", "https://example.cn/{x}/{y}/{z}; script-src *"),
        ("CHIGAI_BASEMAP_URL", "https://example.cn/{x}/{y}/{z}/{{7*7}}"),
        ("CHIGAI_BASEMAP_CRS", "bd09"),
        ("CHIGAI_BASEMAP_LABELS_URL", "ftp://example.cn/{x}/{y}/{z}"),
        ("CHIGAI_ORTHOPHOTO", "/nowhere/photo.tif"),
        ("CHIGAI_HILLSHADE", "/nowhere"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ChigaiError, match=name):
        settings.current()


def test_a_basemap_may_have_a_layer_of_names_from_another_host(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIGAI_BASEMAP_URL", "https://t{s}.one.cn/img/{z}/{x}/{y}?tk=key")
    monkeypatch.setenv("CHIGAI_BASEMAP_LABELS_URL", "https://two.cn/cia/{z}/{x}/{y}?tk=key")
    page = maps.plan_page("probe", "zh", "after")
    text = page.html.decode("utf-8")
    assert text.index("one.cn/img") < text.index("two.cn/cia")
    assert "img-src 'self' data: https://*.one.cn https://two.cn;" in page.policy


def test_an_attribution_is_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIGAI_BASEMAP_URL", "/tiles/{z}/{x}/{y}.png")
    monkeypatch.setenv("CHIGAI_BASEMAP_ATTRIBUTION", "<img src=x onerror=window.pwned=1>")
    assert b"<img" not in maps.plan_page("probe", "zh", "after").html


def test_the_policy_allows_exactly_the_scripts_of_the_page(home: Path) -> None:
    page = maps.plan_page("probe", "zh", "after")
    scripts = re.search(r"script-src ([^;]*);", page.policy)
    assert scripts is not None
    assert "unsafe" not in scripts[1] and "http" not in page.policy
    inline = re.findall(r"<script>", page.html.decode("utf-8"))
    assert len(inline) == scripts[1].count("sha256-")
    assert "connect-src 'self'" in page.policy and "default-src 'none'" in page.policy


def test_every_word_and_every_state_has_both_languages() -> None:
    zh, en = map_text.texts("zh"), map_text.texts("en")
    assert zh.keys() == en.keys()
    assert all(zh.values())
    books = (
        *(palette.TARGETS, palette.PROGRESS, palette.WORK, palette.BLOCKS, palette.REASONS),
        *(palette.SEVERITIES, palette.BARRIERS),
    )
    for book in books:
        assert all(
            look.name("zh") and look.name("en") and look.name("zh") != look.name("en")
            for look in book.values()
        )
        # told apart by more than colour, or by colours that differ
        assert len({(look.colour, look.hatch) for look in book.values()}) == len(book)


def test_every_word_that_the_script_uses_is_there() -> None:
    used: set[str] = set()
    for file in (name for name in assets.OWN if name.endswith(".js")):
        code = (assets.FOLDER / file).read_text("utf-8")
        used |= set(re.findall(r"\bT\.(\w+)", code)) | set(re.findall(r'"((?:u|legend|unit)_\w+)"', code))
    assert used <= set(map_text.plan_texts("zh"))
    assert used - set(map_text.TEXTS) <= set(text_targets.MAP)
