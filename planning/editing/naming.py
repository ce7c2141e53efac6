"""Names of the blocks that changes by hand make: no other block of the plan has them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from planning.editing.state import State
from planning.editing.unit import FieldUnit


def fresh(unit: FieldUnit, state: State, rows: npt.NDArray[np.integer]) -> str:
    """A name for a new block of these parcels: county, field unit and a number of its own."""
    before = f"B{unit.county[rows[0]]}-{unit.number}E"
    every = [*state.members(), *unit.base.members()]
    used = [int(name.removeprefix(before)) for name in every if name.startswith(before)]
    return f"{before}{max(used, default=0) + 1}"
