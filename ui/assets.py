"""Scripts and styles that the map pages need, served by the app itself: a page never needs the internet."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from branca.element import Element
from folium.elements import JSCSSMixin

FOLDER = Path(__file__).parent / "static"
OWN = (
    "map.css", "map_look.js", "map_address.js", "map_place.js", "map_tiles.js", "map_colour.js", "map_card.js",
    "map_find.js", "map_legend.js", "map_time.js", "map_hooks.js", "map_plan.js", "map_edit.js", "map_compare.js",
    "map.js",
)  # fmt: skip
"""Our own files for the map, in the order in which they are loaded."""
UNUSED = frozenset(
    {
        "jquery",
        "bootstrap",
        "awesome_markers",
        "bootstrap_css",
        "glyphicons_css",
        "awesome_markers_font_css",
        "awesome_markers_css",
        "awesome_rotate_css",
    }
)
"""Links that every Folium map carries for its icon markers; our maps have none, and they weigh 1.4 MB."""

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_OUTSIDE = re.compile(r"url\(\s*(['\"]?)(?!data:|#)[^)'\"]*\1\s*\)")


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    name: str
    content: bytes
    media_type: str


def _asset(label: str, suffix: str, content: str) -> Asset:
    if suffix == ".css":
        # pictures and fonts that were not carried along would only be asked for in vain
        content = _OUTSIDE.sub("none", content)
    raw = content.encode("utf-8")
    stem = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
    return Asset(f"{stem}-{hashlib.sha256(raw).hexdigest()[:12]}{suffix}", raw, _TYPES[suffix])


@cache
def _carried() -> dict[str, str]:
    """Address → content of every script and style that Folium and its plugins name."""
    from offlinefolium.elements import _res

    return _res


@cache
def by_address(address: str) -> Asset:
    """The asset that stands for an address of Folium's. Raises LookupError where it is not carried."""
    content = _carried().get(address)
    if content is None:
        raise LookupError(f"no local copy of {address}")
    suffix = ".css" if address.endswith(".css") else ".js"
    return _asset(Path(address.rstrip("/")).stem, suffix, content)


@cache
def own(file: str) -> Asset:
    """One of our own files, by its name in ui/static."""
    path = FOLDER / file
    return _asset(path.stem, path.suffix, path.read_text("utf-8"))


@cache
def served() -> dict[str, Asset]:
    """Every asset that may be asked for, by the name in its address."""
    every = [by_address(address) for address in _carried()] + [own(file) for file in OWN]
    return {asset.name: asset for asset in every}


def make_local(root: Element, prefix: str) -> None:
    """Let every script and style named under `root` be asked of `prefix` + name. Call before rendering.

    Raises LookupError for one that is not carried: better no page than one that needs the internet.
    """
    for element in _walk(root):
        if isinstance(element, JSCSSMixin):
            # on the instance: the classes stay as they are for whoever else draws with Folium
            element.default_js = _local(element.default_js, prefix)
            element.default_css = _local(element.default_css, prefix)


def _local(links: list[tuple[str, str]], prefix: str) -> list[tuple[str, str]]:
    return [
        (name, address if address.startswith(prefix) else prefix + by_address(address).name)
        for name, address in links
        if name not in UNUSED
    ]


def _walk(element: Element) -> Iterator[Element]:
    yield element
    for child in element._children.values():
        yield from _walk(child)
