"""What the one who runs the app may set: the basemap, from environment variables CHIGAI_…"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from geo.errors import ChigaiError

_TEMPLATE = re.compile(r"^(https?://[^\s\"'<>;,\\]+|/[^\s\"'<>;,\\]*)$")
_CURE = {
    "CHIGAI_BASEMAP_URL": (
        "瓦片地址须以 http://、https:// 或 / 开头，并含 {x}、{y}、{z}。",
        "begin the tile address with http://, https:// or /, with {x}, {y} and {z} in it.",
    ),
    "CHIGAI_BASEMAP_CRS": ("请写 wgs84 或 gcj02。", "write wgs84 or gcj02."),
    "CHIGAI_BASEMAP_MAX_ZOOM": ("请写一个整数，例如 18。", "write a whole number, such as 18."),
}


class Settings(BaseSettings):
    """The basemap. Without CHIGAI_BASEMAP_URL there is none, and the map asks no other host for anything."""

    model_config = SettingsConfigDict(env_prefix="CHIGAI_", frozen=True, extra="ignore")

    basemap_url: str | None = None
    """Tile address with {x}, {y}, {z} and maybe {s}; a path that begins with / is the app's own host."""
    basemap_crs: Literal["wgs84", "gcj02"] = "wgs84"
    """Datum of the tiles; with gcj02 our data are shifted to lie right on them."""
    basemap_attribution: str = ""
    basemap_subdomains: str = "abc"
    """Letters or digits that {s} stands for."""
    basemap_max_zoom: int = 18

    @field_validator("basemap_url")
    @classmethod
    def _tile_address(cls, value: str | None) -> str | None:
        value = (value or "").strip()
        if not value:
            return None
        if (
            not _TEMPLATE.match(value)
            or re.search(r"\{[{%#]", value)
            or not all(part in value for part in ("{x}", "{y}", "{z}"))
        ):
            raise ValueError("not a tile address")
        return value

    @property
    def shifted(self) -> bool:
        """True where data must be moved into GCJ-02 to lie right on the basemap."""
        return self.basemap_url is not None and self.basemap_crs == "gcj02"

    def basemap_source(self) -> str | None:
        """The basemap's host as a Content-Security-Policy source; None where it is our own or there is none."""
        if self.basemap_url is None or self.basemap_url.startswith("/"):
            return None
        parts = urlsplit(self.basemap_url)
        host = parts.netloc.rpartition("@")[2]
        if "{" in host:
            # a policy's wildcard stands for whole leading labels only: t{s}.example.cn is *.example.cn
            host = "*." + host[host.rindex("}") + 1 :].partition(".")[2]
        return f"{parts.scheme}://{host}"


def current() -> Settings:
    """The settings as the environment has them now. Raises ChigaiError that names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"CHIGAI_{first['loc'][0]}".upper() if first["loc"] else "CHIGAI_…"
        raise ChigaiError(
            f"设置 {name} 不正确。",
            f"The setting {name} is wrong.",
            do_zh=_CURE.get(name, ("请改正该环境变量。", ""))[0],
            do_en=_CURE.get(name, ("", "correct this environment variable."))[1],
        ) from error
