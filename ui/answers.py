"""How our own addresses answer: whom, with which headers, and what they say where they refuse."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from geo import tiles
from geo.errors import ChigaiError
from geo.plans import IncompleteError
from tracking import people
from tracking.desk import Desk
from ui import mapdata, sign_in

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
PRIVATE = {"Cache-Control": "private, max-age=86400"}
ASK_AGAIN = {"Cache-Control": "private, no-cache"}
NEVER = {"Cache-Control": "no-store"}
_WORTH_PACKING = 1_000
"""Bytes; a shorter answer goes as it is."""


class BadRequestError(ValueError):
    """A question that makes no sense; the answer is 400."""


def plain(text: str, status: int) -> Response:
    """A sentence and a status."""
    return Response(text, status, SAFE | NEVER, media_type="text/plain; charset=utf-8")


def guarded(answer: Callable[[Request, Desk], Response]) -> Callable[[Request], Response]:
    """401 for nobody, 403 for whoever may not, 404 for what is not there, 422 where a plan folder lacks what is
    needed, 400 for a question that makes no sense; none repeats what was asked."""

    def guarded(request: Request) -> Response:
        if not mapdata.known_id(request.path_params.get("id", "-")):
            return plain("没有这个内容。 Not found.", 404)
        desk = sign_in.of_request(request)
        if desk is None:
            return plain("请先登录。 Sign in first.", 401)
        try:
            desk.require("see")
            return answer(request, desk)
        except BadRequestError as error:
            return plain(str(error), 400)
        except people.ForbiddenError as error:
            return plain(f"{error.text('zh')}\n{error.text('en')}", 403)
        except ChigaiError as error:
            # what a plan folder lacks is no fault of the server: the plan is to be made again
            absent, lacking = isinstance(error, mapdata.AbsentError), isinstance(error, IncompleteError)
            status = 404 if absent else 422 if lacking else 500
            return plain(f"{error.text('zh')}\n{error.text('en')}", status)

    return guarded


def unless_known(request: Request, tag: str, make: Callable[[], Response]) -> Response:
    """The answer, or only a word that what the browser has is still right; it is to ask again each time."""
    headers = {"ETag": f'"{tag}"'}
    known = request.headers.get("if-none-match") == headers["ETag"]
    response = Response(status_code=304) if known else make()
    response.headers.update(SAFE | ASK_AGAIN | headers)
    return response


def packed(request: Request, body: bytes, media_type: str) -> Response:
    """An answer, compressed where the browser takes that and it is worth it."""
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 4, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=SAFE | headers, media_type=media_type)


def as_json(content: Any) -> bytes:
    """As it is sent."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def told(request: Request, content: Any) -> Response:
    """An answer as JSON."""
    return packed(request, as_json(content), "application/json")


def never_kept(response: Response) -> Response:
    """An answer that no browser is to keep: it would be there for whoever signs in next on the same machine."""
    response.headers.update(SAFE | NEVER)
    return response


def box(request: Request) -> tiles.Box:
    """bbox=west,south,east,north in degrees; without it, everything."""
    given = request.query_params.get("bbox")
    if given is None:
        return -180.0, -90.0, 180.0, 90.0
    try:
        west, south, east, north = (float(part) for part in given.split(","))
    except ValueError:
        raise BadRequestError("bbox=west,south,east,north") from None
    if not all(map(math.isfinite, (west, south, east, north))) or west > east or south > north:
        raise BadRequestError("bbox=west,south,east,north")
    return west, south, east, north


def whole_number(value: str | None, name: str, low: int, high: int, default: int | None = None) -> int:
    """A number that was asked with."""
    try:
        number = int(default if value is None else value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadRequestError(f"{name}: {low}..{high}") from None
    if not low <= number <= high:
        raise BadRequestError(f"{name}: {low}..{high}")
    return number
