"""How an export is written where a format leaves a choice, and how it tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Datum = Literal["wgs84", "gcj02"]
"""What the degrees of a KML are in: as surveyed, or shifted as 奥维 and 高德 take them."""
Cad = Literal["2000", "2007"]
"""Release of AutoCAD whose drawings are written: 2000 in the Chinese code page, which everything reads, or 2007 in
UTF-8."""
Variant = Literal["prefix", "open", "bare", "swapped", "gbk"]
"""What some platforms want of boundary points: eastings with the zone's prefix, rings not closed, numbers without J,
the easting first, the file in GBK."""

Progress = Callable[[float], None]


def nobody(fraction: float) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class Options:
    """Choices of single formats; each looks at its own alone.

    scale: of map sheets, 1 : scale, None for the one that suits. progress: told the share done, 0 to 1; what it
    raises (a cancel) ends the export, and nothing half made is left.
    """

    datum: Datum = "wgs84"
    cad: Cad = "2000"
    scale: int | None = None
    points: frozenset[Variant] = frozenset()
    progress: Progress = nobody
