"""Addresses of the pictures that lie underneath the map: an orthophoto and the shade of hills, where they are given."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo.tiling import grid
from geo.tiling.pictures import Kind, Pictures
from tracking.desk import Desk
from ui import answers
from ui.answers import guarded
from ui.settings import Settings, current

ROOT = "/chigai/ground"
KINDS: tuple[Kind, ...] = ("hillshade", "orthophoto")
"""In the order in which they lie, the lowest first."""
KEPT = 256
"""Tiles held, some twenty kilobytes each."""


def routes() -> list[Route]:
    """To stand beside the others in ui.routes."""
    return [Route(f"{ROOT}/{{kind}}/{{z:int}}/{{x:int}}/{{y:int}}.png", guarded(_tile))]


def given(settings: Settings) -> dict[Kind, Pictures]:
    """The pictures that the settings name. Raises ChigaiError where one cannot be read."""
    paths: dict[Kind, Path | None] = {"hillshade": settings.hillshade, "orthophoto": settings.orthophoto}
    return {
        kind: _opened(path, kind, settings.shifted) for kind in KINDS if (path := paths[kind]) is not None
    }


@lru_cache(maxsize=8)
def _opened(path: Path, kind: Kind, shifted: bool) -> Pictures:
    return Pictures(path, kind, shifted)


@lru_cache(maxsize=KEPT)
def _drawn(pictures: Pictures, tile: grid.Tile) -> tuple[bytes, str] | None:
    return pictures.tile(tile)


def _tile(request: Request, desk: Desk) -> Response:
    at = request.path_params
    tile = (at["z"], at["x"], at["y"])
    pictures = given(current()).get(at["kind"])
    if pictures is None or not grid.known(tile):
        return answers.plain("没有这张瓦片。 No such tile.", 404)

    def make() -> Response:
        drawn = _drawn(pictures, tile)
        return Response(status_code=204) if drawn is None else Response(drawn[0], media_type=drawn[1])

    tag = hashlib.sha256(f"{at['kind']} {tile} {pictures.mark} {pictures.shifted}".encode()).hexdigest()[:32]
    response = answers.unless_known(request, tag, make)
    if desk.person.local:
        response.headers.update(answers.PRIVATE)
    return response
