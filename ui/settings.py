"""What the one who runs the app may set by environment variables CHIGAI_…: the basemap, and how people sign in."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from geo.errors import ChigaiError
from tracking.sessions import Limits

_TEMPLATE = re.compile(r"^(https?://[^\s\"'<>;,\\]+|/[^\s\"'<>;,\\]*)$")
_CURE = {
    "CHIGAI_BASEMAP_URL": (
        "瓦片地址须以 http://、https:// 或 / 开头，并含 {x}、{y}、{z}。",
        "begin the tile address with http://, https:// or /, with {x}, {y} and {z} in it.",
    ),
    "CHIGAI_BASEMAP_LABELS_URL": (
        "瓦片地址须以 http://、https:// 或 / 开头，并含 {x}、{y}、{z}。",
        "begin the tile address with http://, https:// or /, with {x}, {y} and {z} in it.",
    ),
    "CHIGAI_ORTHOPHOTO": (
        "写服务器上一个 GeoTIFF 文件或放 GeoTIFF 的文件夹。",
        "name a GeoTIFF on the server, or a folder of them.",
    ),
    "CHIGAI_HILLSHADE": (
        "写服务器上一个高程 GeoTIFF 文件或放它们的文件夹。",
        "name a GeoTIFF of elevations on the server, or a folder of them.",
    ),
    "CHIGAI_BASEMAP_CRS": ("请写 wgs84 或 gcj02。", "write wgs84 or gcj02."),
    "CHIGAI_BASEMAP_MAX_ZOOM": ("请写一个整数，例如 18。", "write a whole number, such as 18."),
    "CHIGAI_ADMIN_EMAIL": ("请写一个邮箱地址。", "write an e-mail address."),
    "CHIGAI_SESSION_IDLE_MINUTES": ("请写分钟数，例如 60。", "write a number of minutes, such as 60."),
    "CHIGAI_SESSION_HOURS": ("请写小时数，例如 12。", "write a number of hours, such as 12."),
    "CHIGAI_OIDC_ISSUER": (
        "写统一登录的地址，以 https:// 开头，例如 https://login.example.cn/realms/nongye。",
        "write the provider's address, beginning with https://, such as https://login.example.cn/realms/farm.",
    ),
    "CHIGAI_OIDC_CLIENT_ID": (
        "写统一登录给本系统的客户端编号。",
        "write the client id that the provider gave to this app.",
    ),
    "CHIGAI_OIDC_CLIENT_SECRET": (
        "写统一登录给本系统的客户端密钥。",
        "write the client secret that the provider gave to this app.",
    ),
    "CHIGAI_OIDC_COOKIE_SECRET": (
        "写至少 32 个随机字符，可用 python -c 'import secrets; print(secrets.token_hex(32))' 生成。",
        "write at least 32 random characters; python -c 'import secrets; print(secrets.token_hex(32))' makes some.",
    ),
    "CHIGAI_OIDC_REDIRECT_URI": (
        "写 https://本系统的网址/oauth2callback；只有本机试用时才可以用 http://localhost:端口/oauth2callback。",
        "write https://ADDRESS/oauth2callback; http is for http://localhost:PORT/oauth2callback alone.",
    ),
}
CALLBACK = "/oauth2callback"
"""Where the provider sends people back to: Streamlit's own route."""


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
    basemap_labels_url: str | None = None
    """A second layer of the basemap with its names, such as Tianditu's, as basemap_url."""
    orthophoto: Path | None = None
    """A GeoTIFF of the ground from above, or a folder of them, drawn underneath by the app itself."""
    hillshade: Path | None = None
    """A GeoTIFF of elevations, or a folder of them, whose shade is drawn underneath."""
    admin_email: str = Field(default="", pattern=r"^([^@\s<>]+@[^@\s<>]+)?$")
    """Whom somebody without an account writes to."""

    @field_validator("basemap_url", "basemap_labels_url")
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

    @field_validator("orthophoto", "hillshade", mode="before")
    @classmethod
    def _a_picture(cls, value: Any) -> Any:
        """A file or folder that is there; an empty variable is none."""
        if value is None or not str(value).strip():
            return None
        if not Path(value).expanduser().exists():
            raise ValueError("there is no such file")
        return Path(value).expanduser()

    @property
    def shifted(self) -> bool:
        """True where data must be moved into GCJ-02 to lie right on the basemap."""
        return self.basemap_url is not None and self.basemap_crs == "gcj02"

    def basemap_sources(self) -> list[str]:
        """The hosts of the basemap as Content-Security-Policy sources, without our own."""
        named = (_source(url) for url in (self.basemap_url, self.basemap_labels_url))
        return sorted({source for source in named if source is not None})


def _source(url: str | None) -> str | None:
    if url is None or url.startswith("/"):
        return None
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if "{" in host:
        # a policy's wildcard stands for whole leading labels only: t{s}.example.cn is *.example.cn
        host = "*." + host[host.rindex("}") + 1 :].partition(".")[2]
    return f"{parts.scheme}://{host}"


class SignIn(BaseModel):
    """The provider that people sign in with (OpenID Connect), and the address they come back to."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    cookie_secret: SecretStr = Field(min_length=32)
    """Signs the sign-in cookie: whoever knows it can make one."""
    redirect_uri: str

    @field_validator("issuer", "redirect_uri")
    @classmethod
    def _private_on_the_way(cls, value: str) -> str:
        """https, or this machine alone: anything else can be read and changed on the way."""
        parts = urlsplit(value)
        if not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("not a plain address")
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback(parts.hostname)):
            raise ValueError("not https")
        return value

    @field_validator("redirect_uri")
    @classmethod
    def _the_callback(cls, value: str) -> str:
        if urlsplit(value).path != CALLBACK:
            raise ValueError(f"must end in {CALLBACK}")
        return value

    @property
    def origin(self) -> str:
        """Where people find the app: scheme://host[:port]."""
        return self.redirect_uri.removesuffix(CALLBACK)

    @property
    def host(self) -> str:
        """The name in that address, lower case."""
        return str(urlsplit(self.redirect_uri).hostname)

    @property
    def https(self) -> bool:
        """Whether people reach the app by https alone."""
        return self.redirect_uri.startswith("https://")

    def secrets(self) -> dict[str, Any]:
        """The same as st.App(secrets=…) takes it."""
        return {
            "auth": {
                "redirect_uri": self.redirect_uri,
                "cookie_secret": self.cookie_secret.get_secret_value(),
                "client_id": self.client_id,
                "client_secret": self.client_secret.get_secret_value(),
                "server_metadata_url": self.issuer.rstrip("/") + "/.well-known/openid-configuration",
            }
        }


def loopback(host: str) -> bool:
    """Whether a name or an address means this machine itself, whoever resolves it."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def listen(host: str) -> SignIn | None:
    """How people sign in where the app is to listen at `host`. Raises ChigaiError where nobody would have to."""
    how = sign_in()
    try:
        Limits()
    except ValidationError as error:
        raise _wrong(error, "CHIGAI_SESSION_") from error
    if how is None and not loopback(host):
        raise ChigaiError(
            f"没有设置登录，不能在 {host} 上对外提供服务：谁都可以看到和改动数据。",
            f"Without sign-in the app does not listen at {host}: anybody could see and change the data.",
            do_zh="先设置 CHIGAI_OIDC_ISSUER 等五项（见使用说明“让大家登录使用”），或去掉 --host 只在本机使用。",
            do_en="set CHIGAI_OIDC_ISSUER and the other four first (docs/guide.zh-CN.md), or leave --host out.",
        )
    return how


def current() -> Settings:
    """The settings as the environment has them now. Raises ChigaiError that names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise _wrong(error, "CHIGAI_") from error


def sign_in() -> SignIn | None:
    """How people sign in; None where none of its variables is set. Raises ChigaiError that names a wrong one."""
    given = {name: os.environ.get(f"CHIGAI_OIDC_{name.upper()}", "").strip() for name in SignIn.model_fields}
    if not any(given.values()):
        return None
    try:
        return SignIn.model_validate({name: value for name, value in given.items() if value})
    except ValidationError as error:
        # the values are secrets: neither they nor pydantic's account of them goes into the log
        raise _wrong(error, "CHIGAI_OIDC_") from None


def _wrong(error: ValidationError, prefix: str) -> ChigaiError:
    first = error.errors()[0]
    name = f"{prefix}{first['loc'][0]}".upper() if first["loc"] else f"{prefix}…"
    missing = first["type"] == "missing"
    cure_zh, cure_en = _CURE.get(name, ("请改正该环境变量。", "correct this environment variable."))
    return ChigaiError(
        f"没有设置 {name}。" if missing else f"设置 {name} 不正确。",
        f"{name} is not set." if missing else f"The setting {name} is wrong.",
        do_zh=cure_zh,
        do_en=cure_en,
    )
