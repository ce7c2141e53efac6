"""The photos' own address: for those who may see a report that names the photo, and for nobody else."""

from __future__ import annotations

import io
import re

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geo.errors import ChigaiError
from tracking.people import ForbiddenError
from ui import maps, sign_in

SHA = re.compile("[0-9a-f]{64}")
SMALL_PX = 320
"""The longer side of the little picture of a list, twice what is shown so that a phone's screen is sharp."""
QUALITY = 80
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
_KEPT = {"Cache-Control": "private, max-age=3600"}
"""Kept for an hour: the content never changes, but a right can be taken away."""
_NEVER = {"Cache-Control": "no-store"}


def routes() -> list[Route]:
    """The one route: /chigai/photo/{sha}, and with ?w=320 as a little picture."""
    return [Route(f"{maps.ROOT}/photo/{{sha}}", _photo)]


def _photo(request: Request) -> Response:
    """404 alike for what is not there and for what this person may not see, so that nothing can be tried out."""
    sha = request.path_params["sha"]
    desk = sign_in.of_request(request)
    if desk is None or not SHA.fullmatch(sha):
        return _nothing()
    if request.query_params.get("w", str(SMALL_PX)) != str(SMALL_PX):
        return Response(f"w={SMALL_PX}", 400, _HEADERS | _NEVER, media_type="text/plain")
    try:
        content, media_type = desk.photo(sha)
    except ForbiddenError:
        return _nothing()
    except ChigaiError as error:
        said = f"{error.text('zh')}\n{error.text('en')}"
        return Response(said, 500, _HEADERS | _NEVER, media_type="text/plain; charset=utf-8")
    if "w" in request.query_params:
        content, media_type = small(content), "image/jpeg"
    return Response(content, headers=_HEADERS | _KEPT, media_type=media_type)


def _nothing() -> Response:
    return Response(
        "没有这张照片。 No such photo.", 404, _HEADERS | _NEVER, media_type="text/plain; charset=utf-8"
    )


def small(content: bytes) -> bytes:
    """A photo as a JPEG of at most SMALL_PX a side."""
    with Image.open(io.BytesIO(content)) as image:
        # the decoder gives a fraction of the size straight away, in a tenth of the time
        image.draft("RGB", (SMALL_PX, SMALL_PX))
        image.thumbnail((SMALL_PX, SMALL_PX))
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
