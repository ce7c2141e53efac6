"""What a person asks to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """What to read. crs: EPSG that overrides the file's own; mapping: chigai field -> column of the file.

    county: adcode given to data that carry none. layer, where, encoding: None leaves it to the file.
    """

    path: Path
    layer: str | None = None
    where: str | None = None
    crs: int | None = None
    encoding: str | None = None
    mapping: Mapping[str, str] | None = None
    county: str | None = None
