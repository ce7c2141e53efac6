"""How hard the engine works: time against the gap to the best plan."""

from __future__ import annotations

from enum import StrEnum


class Effort(StrEnum):
    """quick: a first look; normal: what a bureau plans with; best: what it signs."""

    quick = "quick"
    normal = "normal"
    best = "best"
