"""A tract planned in memory, for facts that need no files."""

from __future__ import annotations

from planning.effort import Effort
from planning.programme import block_minimums
from planning.tract import Made, Rules, planned


def plan_checked(parcels, barriers, dem, programme, parameters, seed=1, effort=Effort.normal) -> Made:
    """Parcels that are checked already, all of them one tract."""
    rules = Rules(programme, parameters, block_minimums(programme), dem, seed, effort)
    return planned(parcels, barriers, rules)
