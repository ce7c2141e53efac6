"""Which block each parcel of a field unit lies in, what is locked and what is taken out: the state that changes make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.integer]

Placed = tuple[str | None, bool, bool]
"""Of one parcel: its block (None: none), whether it is locked, whether it is taken out."""


@dataclass(frozen=True, eq=False)
class State:
    """Of n parcels of a field unit, in the unit's order: block object[n], None for none; locked, out: bool[n].

    Locked parcels stay as they are whatever is planned around them. What is out stays in no block until it is put
    back. No array is changed once it is here.
    """

    block: npt.NDArray[np.object_]
    locked: Bools
    out: Bools

    def members(self) -> dict[str, Rows]:
        """The rows of each block, blocks by their first row."""
        found: dict[str, list[int]] = {}
        for row, name in enumerate(self.block):
            if name is not None:
                found.setdefault(name, []).append(row)
        return {name: np.array(rows, np.int64) for name, rows in found.items()}

    def of(self, name: str) -> Rows:
        """The rows of one block."""
        return np.flatnonzero(self.block == name)

    def same_blocks(self, other: State) -> bool:
        """Whether all parcels lie in the same blocks and the same are taken out; locks say nothing of a plan."""
        return bool((self.block == other.block).all() and (self.out == other.out).all())

    def placed(self, row: int) -> Placed:
        return self.block[row], bool(self.locked[row]), bool(self.out[row])

    def with_blocks(self, block: npt.NDArray[np.object_], out: Bools | None = None) -> State:
        return State(block, self.locked, self.out if out is None else out)

    def with_locked(self, rows: Rows, locked: bool) -> State:
        now = self.locked.copy()
        now[rows] = locked
        return State(self.block, now, self.out)

    def laid_over(self, names: Sequence[str], placed: Mapping[str, Placed]) -> State:
        """This state with some parcels placed anew. names: of all parcels, in order."""
        block, locked, out = self.block.copy(), self.locked.copy(), self.out.copy()
        at = {name: row for row, name in enumerate(names)}
        for name, (where, lock, gone) in placed.items():
            row = at[name]
            block[row], locked[row], out[row] = where, lock, gone
        return State(block, locked, out)

    def differs(self, other: State, names: Sequence[str]) -> dict[str, Placed]:
        """What lies over `other` to make this state: parcel → where it lies here."""
        rows = np.flatnonzero(
            (self.block != other.block) | (self.locked != other.locked) | (self.out != other.out)
        )
        return {names[int(row)]: self.placed(int(row)) for row in rows}
