"""Changes tried at random on a field unit, as a planner's hands would."""

from __future__ import annotations

import random

import numpy as np

from planning.editing.changes import Asked, changed
from planning.editing.rules import RefusedError
from planning.editing.state import State
from planning.editing.unit import FieldUnit


def tried(unit: FieldUnit, state: State, rng: random.Random) -> Asked:
    """Something that a planner may ask for in this state."""
    names = list(state.members())
    kind = rng.choice(["join", "split", "move", "take_out", "put_back"])
    outside = [unit.names[row] for row in np.flatnonzero(state.out)]
    if kind == "put_back" and outside:
        return Asked("put_back", parcels=(rng.choice(outside),))
    if kind == "split" and names:
        rows = state.of(rng.choice(names))
        some = rng.sample(rows.tolist(), max(1, len(rows) // 2))
        return Asked("split", parcels=tuple(unit.names[row] for row in some))
    border = [
        (int(a), int(b))
        for a, b in zip(unit.nb.left, unit.nb.right, strict=True)
        if state.block[a] != state.block[b] and state.block[b] is not None
    ]
    if kind in ("move", "join") and border:
        a, b = rng.choice(border)
        if kind == "move":
            return Asked("move", parcels=(unit.names[a],), to=state.block[b])
        return Asked("join", parcels=(unit.names[a], unit.names[b]))
    return Asked("take_out", parcels=(rng.choice(unit.names),))


def worked(unit: FieldUnit, state: State, seed: int, times: int) -> list[State]:
    """The states that some allowed changes lead through, the first one first."""
    rng, states = random.Random(seed), [state]
    for _ in range(times):
        try:
            states.append(changed(unit, states[-1], tried(unit, states[-1], rng)))
        except RefusedError:
            continue
    return states
