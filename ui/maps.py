"""The map pages: Folium draws each once, our own script then asks for what is in view."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import folium
import shapely
from branca.element import Element, Figure, MacroElement
from folium.elements import JSCSSMixin
from folium.plugins import DualMap, Fullscreen, VectorGridProtobuf
from folium.template import Template

from geo import plans, tiles
from geo.errors import ChigaiError
from geo.export import public
from geo.schemas import BARRIER_KINDS
from geo.tiling import cutting
from geo.tiling.pictures import Pictures
from tracking import tilesets
from ui import assets, colouring, ground_routes, map_counties, map_text, mapdata, mappages, palette, safe
from ui.settings import Settings, current

View = Literal["after", "before", "before_after"]
VIEWS: tuple[View, ...] = ("after", "before", "before_after")
ROOT = "/chigai"
ASSETS = f"{ROOT}/assets/"
BLOCKS_FROM_ZOOM = cutting.BLOCKS_FROM
PARCELS_FROM_ZOOM = cutting.PARCELS_FROM
TOWNSHIPS_FROM_ZOOM = 10
SEAMS_FROM_ZOOM = 16
"""From here the old ridges inside a block are told apart from its edge."""
MAX_ZOOM = 20
LIMIT = 5_000
"""Shapes in one answer: what a browser draws without stutter."""
CITY: tiles.Box = (130.3, 44.5, 134.1, 46.7)
"""Shown where a plan has nothing to show: the Jixi region."""


def plan_map_url(
    plan_id: str, lang: str = "zh", view: View = "after", county: str | None = None, close: bool = False
) -> str:
    """Address of a plan's map for st.iframe. Another `county` only moves the map: it is not loaded anew.

    close: the map opens amid the largest site, of the county or of all, where parcels and blocks are seen.
    """
    wishes = [f"county={quote(county, safe='')}"] if county else []
    mark = "#" + "&".join([*wishes, "close"] if close else wishes) if wishes or close else ""
    return f"{ROOT}/map/plan/{quote(plan_id, safe='')}?lang={lang_of(lang)}&view={view}{mark}"


def findings_map_url(upload_id: str, lang: str = "zh") -> str:
    """Address of the map of an upload's findings for st.iframe."""
    return f"{ROOT}/map/upload/{quote(upload_id, safe='')}?lang={lang_of(lang)}"


class _Start(JSCSSMixin, MacroElement):
    """Hands the maps and their layers to our own script."""

    _template = Template(
        "{% macro script(this, kwargs) %}chigai.start({{ this.config }}, [{{ this.views }}]);{% endmacro %}"
    )

    def __init__(self, config: dict[str, Any], views: list[dict[str, Any]]) -> None:
        super().__init__()
        self._name = "ChigaiStart"
        self.config = safe.json_for_script(config)
        self.views = ",".join(
            "{map:"
            + view["map"].get_name()
            + ",title:"
            + safe.json_for_script(view["title"])
            + ",groups:{"
            + ",".join(f"{key}:{group.get_name()}" for key, group in view["groups"].items())
            + "}"
            + (f",grid:{view['grid'].get_name()}" if view["grid"] is not None else "")
            + "}"
            for view in views
        )
        links = [(f"chigai_{file}", ASSETS + assets.own(file).name) for file in assets.OWN]
        self.default_js = [link for link in links if link[1].endswith(".js")]
        self.default_css = [link for link in links if link[1].endswith(".css")]


def plan_page(plan_id: str, lang: str, view: View) -> mappages.Page:
    """The map of a plan, drawn once per plan, language, view and settings. Raises ChigaiError without a plan."""
    settings = current()
    data = mapdata.plan(plan_id, settings.shifted)
    key = ("plan", plan_id, mapdata.version(data), lang_of(lang), view, mark(settings))
    return mappages.kept(key, lambda: _draw_plan(data, plan_id, lang_of(lang), view, settings), settings)


def findings_page(upload_id: str, lang: str) -> mappages.Page:
    """The map of an upload's findings. Raises ChigaiError without such an upload."""
    settings = current()
    data = mapdata.upload(upload_id, settings.shifted)
    key = ("upload", upload_id, mapdata.version(data), lang_of(lang), "", mark(settings))
    return mappages.kept(key, lambda: _draw_findings(data, upload_id, lang_of(lang), settings), settings)


def warm() -> None:
    """Draw the newest plan's map before anybody asks. What cannot be drawn is said to the one who asks."""
    with suppress(ChigaiError):
        for folder in plans.find()[:1]:
            data = mapdata.plan(folder.name, current().shifted)
            plan_page(folder.name, "zh", "after")
            len(data.sites.geoms)
            colouring.blocks(data, "state", None)


def prepare(home: Path, plan_id: str) -> None:
    """See that the tiles of a plan that somebody looks at are made, or being made."""
    tilesets.begin(home, plan_id, current().shifted)


def mark(settings: Settings) -> str:
    """A mark of the settings and of the pictures that they name. Raises ChigaiError where one cannot be read."""
    pictures = {kind: drawn.mark for kind, drawn in ground_routes.given(settings).items()}
    return settings.model_dump_json() + json.dumps(pictures)


def lang_of(lang: str) -> Literal["zh", "en"]:
    """The language that an address asks for; Chinese unless it is English."""
    return "en" if lang == "en" else "zh"


def _draw_plan(data: mapdata.PlanMap, plan_id: str, lang: str, view: View, settings: Settings) -> str:
    words = map_text.plan_texts(lang)
    base = f"{ROOT}/data/plan/{quote(plan_id, safe='')}/"
    layers: dict[str, dict[str, Any]] = {"sites": {"to": BLOCKS_FROM_ZOOM - 1}}
    on_grid: dict[str, dict[str, Any]] = {
        "parcels": {"from": PARCELS_FROM_ZOOM, "hint": "zoom_parcels"},
        "blocks": {"from": BLOCKS_FROM_ZOOM, "hint": "zoom_blocks"},
        "rest": {"from": PARCELS_FROM_ZOOM},
        "seams": {"from": SEAMS_FROM_ZOOM},
        "why": {"from": PARCELS_FROM_ZOOM, "hint": "zoom_parcels"},
    }
    if data.cutter.barriers is not None:
        on_grid["barriers"] = {"from": cutting.BARRIERS_FROM}
    before, after = (
        ("before", {"parcels", "barriers"}),
        ("after", {"sites", "blocks", "rest", "seams", "barriers"}),
    )
    shown = {"after": [after], "before": [before], "before_after": [before, after]}[view]
    named = f"name_{lang}"
    close_ups = dict(data.close_ups)
    config = {
        "kind": "plan",
        "title": data.meta.get("programme", {}).get(named, ""),
        "footprint": json.loads(data.footprint),
        "why": f"/plan?lang={lang}&plan={quote(plan_id, safe='')}&block=",
        "counties": map_counties.features(data, lang),
        "places": [
            {
                "code": code,
                "name": c.get(named) or code,
                "box": data.extents.get(code),
                "close": close_ups.get(code),
            }
            for code, c in data.counties.items()
        ],
        "close": next(iter(close_ups.values()), None),
        "close_in": next(iter(close_ups), ""),
        "box": whole(data),
        "layers": layers,
        "grid": grid(data, base, on_grid),
    }
    groups = ["counties", "townships", "footprint", *layers, *on_grid]
    return render(config, base, groups, shown, words, lang, mapdata.version(data), settings)


def grid(data: mapdata.PlanMap, base: str, layers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the script needs to know of a plan's tiles. layers: what is drawn from them, from which zoom."""
    return {
        "base": base,
        "layers": layers,
        "first": cutting.FIRST,
        "last": cutting.LAST,
        "blocks": data.cutter.blocks.count,
        "chunk": colouring.CHUNK,
        "reasons": list(colouring.REASONS),
        "kinds": list(BARRIER_KINDS),
        "counties": list(data.counties),
        "edges": {
            "state": palette.SHARE_EDGES, "site": palette.SHARE_EDGES, "size": palette.SIZE_EDGES,
            "cut": palette.CUT_EDGES, "operators": palette.OPERATOR_EDGES,
        },
        "townships_from": TOWNSHIPS_FROM_ZOOM,
    }  # fmt: skip


def _draw_findings(data: mapdata.UploadMap, upload_id: str, lang: str, settings: Settings) -> str:
    words = map_text.texts(lang)
    base = f"{ROOT}/data/upload/{quote(upload_id, safe='')}/"
    layers = {"upload": {"from": PARCELS_FROM_ZOOM, "file": "parcels"}, "findings": {"from": 0}}
    config = {
        "kind": "upload",
        "title": words["title_findings"],
        "footprint": json.loads(data.footprint),
        "counties": _context(data, lang),
        "places": [],
        "box": data.extent or CITY,
        "none": not len(data.findings.geoms),
        "layers": layers,
    }
    shown = [("", {"upload", "findings"})]
    return render(
        config, base, ["counties", "footprint", *layers], shown, words, lang, mapdata.version(data), settings
    )


def render(
    config: dict[str, Any],
    base: str,
    keys: list[str],
    shown: list[tuple[str, set[str]]],
    words: Mapping[str, str],
    lang: str,
    version: str,
    settings: Settings,
) -> str:
    """The page's HTML: one map, or two that move together, with a group per layer and its switch.

    config: what the script is told; base: address of the data, keys: the groups from below, shown: of each map
    the title and the groups that are on, words: every text of the map, version: mark of the data.
    """
    # another version or datum is another address, so that no browser shows what it has kept
    mark = f"?v={version}{'g' if settings.shifted else ''}"
    for key, spec in config["layers"].items():
        spec |= {"kind": key, "url": f"{base}{spec.pop('file', key)}.geojson{mark}&"}
    pictures = ground_routes.given(settings)
    config |= {
        "lang": "zh-CN" if lang == "zh" else "en",
        "text": dict(words),
        "near": BLOCKS_FROM_ZOOM,
        "limit": LIMIT,
        "looks": _looks(lang),
    }
    west, south, east, north = config["box"]
    options: dict[str, Any] = {
        "location": [(south + north) / 2, (west + east) / 2],
        "zoom_start": 9,
        "tiles": None,
        "prefer_canvas": True,
        "max_zoom": MAX_ZOOM,
        "min_zoom": 5,
        # tiles are sharp at whole zooms only; without them the view may fit what it shows
        "zoom_snap": 1 if settings.basemap_url else 0.25,
    }
    if len(shown) == 2:
        dual = DualMap(**options)
        maps, root = [dual.m1, dual.m2], dual.m1.get_root()
    else:
        maps = [folium.Map(**options)]
        root = maps[0].get_root()
    views = []
    for each, (title, on) in zip(maps, shown, strict=True):
        _basemap(each, settings)
        for kind, drawn in pictures.items():
            _picture(kind, drawn, words[f"layer_{kind}"]).add_to(each)
        tiled = None
        if "grid" in config:
            tiled = VectorGridProtobuf(
                f"{base}tiles/{{z}}/{{x}}/{{y}}.mvt{mark}", "tiles", "chigaiTiles.options()", control=False
            )
            tiled.add_to(each)
        groups = {
            key: group(words[f"layer_{key}"], show=key in on | {"counties", "townships", "footprint"}).add_to(
                each
            )
            for key in keys
        }
        if len(maps) == 1:
            Fullscreen(
                position="topleft",
                title=words["full"],
                title_cancel=words["leave_full"],
                force_separate_button=True,
            ).add_to(each)
        folium.LayerControl(collapsed=True).add_to(each)
        views.append(
            {"map": each, "title": words[title] if len(maps) == 2 else "", "groups": groups, "grid": tiled}
        )
    assert isinstance(root, Figure)
    root.add_child(_Start(config, views))
    # a browser that finds no picture for the tab would ask for one
    root.header.add_child(Element('<link rel="icon" href="data:,">'), name="chigai_icon")
    assets.make_local(root, ASSETS)
    html = root.render()
    head = f'<html lang="{config["lang"]}"'
    return html.replace("<html", head, 1)


def group(name: str, show: bool = True) -> folium.FeatureGroup:
    """A named layer; its name reaches the page as text, whatever it holds."""
    return folium.FeatureGroup(name=safe.text(name), show=show)


def _basemap(onto: folium.Map, settings: Settings) -> None:
    """The basemap that the settings name, lowest of all, and its names above everything."""
    for url, level in ((settings.basemap_url, 1), (settings.basemap_labels_url, 9)):
        if url:
            folium.TileLayer(
                tiles=url,
                attr=safe.text(settings.basemap_attribution) or " ",
                control=False,
                subdomains=settings.basemap_subdomains,
                max_native_zoom=settings.basemap_max_zoom,
                max_zoom=MAX_ZOOM,
                z_index=level,
            ).add_to(onto)


def _picture(kind: str, drawn: Pictures, name: str) -> folium.TileLayer:
    """An orthophoto or hillshade of our own, between the basemap and the plan."""
    return folium.TileLayer(
        tiles=f"{ground_routes.ROOT}/{kind}/{{z}}/{{x}}/{{y}}.png?v={drawn.mark}",
        attr=" ",
        name=safe.text(name),
        overlay=True,
        min_zoom=drawn.first_zoom,
        max_zoom=MAX_ZOOM,
        z_index=2 + ground_routes.KINDS.index(drawn.kind),
        class_name=f"cg-picture-{kind}",
    )


def _looks(lang: str) -> dict[str, dict[str, dict[str, str]]]:
    """Colour, hatch and name of every state, as the script wants them."""
    books = {
        "targets": palette.TARGETS,
        "progress": palette.PROGRESS,
        "work": palette.WORK,
        "blocks": palette.BLOCKS,
        "why": palette.REASONS | {public.OTHER: palette.OTHER},
        "rest": {"rest": palette.REST},
        "footprint": {"footprint": palette.FOOTPRINT},
        "parcels": palette.PARCELS,
        "findings": palette.SEVERITIES,
        "barriers": palette.BARRIERS,
        "shares": palette.SHARES,
        **{by: looks for by, looks in palette.COLOURINGS.items() if by != "state"},
    }
    return {
        book: {key: {"c": look.colour, "h": look.hatch, "t": look.name(lang)} for key, look in looks.items()}
        for book, looks in books.items()
    }


def _context(data: mapdata.UploadMap, lang: str) -> dict[str, Any] | None:
    """Outlines and names of the counties, to see where an upload lies; None where it lies elsewhere."""
    outlines = mapdata.outlines(data.shift)
    if not data.extent or not outlines.intersects(shapely.box(*data.extent)).any():
        return None
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": str(name)},
                "geometry": json.loads(shapely.to_geojson(shape)),
            }
            for name, shape in zip(outlines[f"name_{lang}"], outlines.geometry, strict=True)
        ],
    }


def whole(data: mapdata.PlanMap) -> tiles.Box:
    """What the map shows first: the counties where there are several, else where the paddies lie."""
    if len(data.counties) > 1 and data.at_home:
        mine = data.outlines[data.outlines["adcode"].isin(list(data.counties))]
        west, south, east, north = map(float, mine.total_bounds)
        return west, south, east, north
    return data.extent or CITY
