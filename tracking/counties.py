"""What counties are called, as the notices that come with chigai name them."""

from __future__ import annotations

from functools import cache

from planning import programme as programmes


@cache
def names() -> dict[str, tuple[str, str]]:
    """Adcode → name in both languages."""
    units = [unit for name in programmes.available() for unit in programmes.load(name).units]
    return {unit.adcode: (unit.name_zh, unit.name_en) for unit in units}


def called(county: str) -> tuple[str, str]:
    """A county's name in both languages; its code where no notice names it."""
    return names().get(county, (county, county))
