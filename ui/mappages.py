"""Map pages once drawn: kept in memory and below CHIGAI_HOME/tiles, served with a policy that fits each."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import folium
from starlette.requests import Request
from starlette.responses import Response

from geo import plans
from ui import answers, assets
from ui.settings import Settings

IN_MEMORY = 32
ON_DISK = 200
"""Pages kept; the oldest go first."""

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_pages: OrderedDict[str, Page] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Page:
    """A page as it is served: its HTML, the Content-Security-Policy that fits exactly it, and its mark."""

    html: bytes
    policy: str
    tag: str


@cache
def _code() -> str:
    """A mark of the code that draws: a page kept by an older version is not shown by a newer one."""
    folder = Path(__file__).parent
    files = (
        "maps.py",
        "work_map.py",
        "season.py",
        "text_targets.py",
        "map_text.py",
        "map_counties.py",
        "ground_routes.py",
        "colouring.py",
        "mapdata.py",
        "palette.py",
        "numbers.py",
        "safe.py",
    )
    code = b"".join((folder / name).read_bytes() for name in files)
    own = "".join(assets.own(file).name for file in assets.OWN)
    return hashlib.sha256(code).hexdigest() + own + folium.__version__


def kept(key: tuple[str, ...], draw: Callable[[], str], settings: Settings) -> Page:
    """The page of that key from memory, else from disk, else drawn and put into both.

    One at a time: two who ask for the same new page do not both draw it.
    """
    tag = hashlib.sha256("\n".join([*key, _code()]).encode()).hexdigest()[:32]
    folder = plans.home() / "tiles" / "maps"
    place = f"{folder}/{tag}"
    with _lock:
        if place not in _pages:
            path = folder / f"{tag}.html"
            if path.is_file():
                html = path.read_bytes()
            else:
                html = draw().encode("utf-8")
                _write(path, html)
            _pages[place] = Page(html, policy(html.decode("utf-8"), settings), tag)
        _pages.move_to_end(place)
        while len(_pages) > IN_MEMORY:
            _pages.popitem(last=False)
        return _pages[place]


def answer(request: Request, page: Page) -> Response:
    """The page, or only a word that what the browser has is still right."""

    def make() -> Response:
        return Response(page.html, media_type="text/html; charset=utf-8")

    response = answers.unless_known(request, page.tag, make)
    response.headers["Content-Security-Policy"] = page.policy
    return response


def _write(path: Path, html: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.part")
    part.write_bytes(html)
    os.replace(part, path)
    every = sorted(path.parent.glob("*.html"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in every[ON_DISK:]:
        old.unlink(missing_ok=True)


def policy(html: str, settings: Settings) -> str:
    """Content-Security-Policy of a page: our own host, the basemap's, and exactly the scripts in the page."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'"
        for body in _INLINE.findall(html)
    )
    pictures = " ".join(("'self'", "data:", *settings.basemap_sources()))
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        f"img-src {pictures}; font-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
