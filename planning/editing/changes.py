"""The changes that a planner makes to a field unit: each gives the new state, or says which rule forbids it and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import shapely

from planning.editing.figures import outlines_of
from planning.editing.naming import fresh
from planning.editing.replanning import replanned
from planning.editing.rules import Break, RefusedError, breaks
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from planning.effort import Effort

Kind = Literal["join", "split", "move", "take_out", "put_back", "lock", "unlock", "replan"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Rows = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Asked:
    """What a planner asks for. parcels, blocks: what is selected, by id; to: the block that parcels move to;
    line: where a split is drawn, (x, y) in the plan's metres."""

    kind: Kind
    parcels: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    to: str | None = None
    line: tuple[tuple[float, float], ...] = ()


def changed(
    unit: FieldUnit, state: State, asked: Asked, effort: Effort = Effort.normal, seed: int = 1
) -> State:
    """The state once it is done. effort, seed: of the engine, for `replan`. Raises RefusedError."""
    if asked.kind == "replan":
        after = replanned(unit, state, effort, seed)
        if after.same_blocks(state):
            raise RefusedError([Break("no_better")])
        return after
    rows = _rows(unit, state, asked)
    after = _DOES[asked.kind](unit, state, rows, asked)
    if after.same_blocks(state) and (after.locked == state.locked).all():
        raise RefusedError([Break("same")])
    return after


def _rows(unit: FieldUnit, state: State, asked: Asked) -> Rows:
    """The rows of what is selected."""
    strange = tuple(p for p in asked.parcels if p not in unit.row_of)
    there = set(state.block) - {None}
    strange += tuple(b for b in (*asked.blocks, *([asked.to] if asked.to else [])) if b not in there)
    if strange:
        raise RefusedError([Break("not_here", strange)])
    own = [unit.row_of[p] for p in asked.parcels]
    rows = np.union1d(np.array(own, np.int64), _members(state, asked.blocks))
    if len(rows) == 0:
        raise RefusedError([Break("nothing")])
    return rows


def _members(state: State, blocks: Iterable[str]) -> Rows:
    wanted = set(blocks)
    return np.array([row for row, name in enumerate(state.block) if name in wanted], np.int64)


def _whole(state: State, rows: Rows) -> Rows:
    """These parcels with all others of their blocks."""
    names = {state.block[row] for row in rows} - {None}
    return np.union1d(rows, _members(state, names))


def _free(unit: FieldUnit, state: State, rows: Rows) -> None:
    """Raise RefusedError where one of these parcels, or of their blocks, is locked."""
    touched = _whole(state, rows)
    shut = touched[state.locked[touched]]
    if len(shut):
        raise RefusedError([Break("locked", tuple(unit.names[row] for row in shut))])


def _join(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    rows = _whole(state, rows)
    if len(rows) < 2:
        raise RefusedError([Break("one")])
    _free(unit, state, rows)
    names = {state.block[row] for row in rows} - {None}
    largest = max(names, key=lambda name: (unit.whole_mu(state.of(name)), name)) if names else None
    block = state.block.copy()
    block[rows] = largest or fresh(unit, state, rows)
    return _sound(unit, state, block, _back(state, rows), rows)


def _split(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    if asked.line:
        return _split_along(unit, state, rows, asked)
    names = {state.block[row] for row in rows}
    name = next(iter(names))
    if len(names) > 1 or name is None or len(rows) == len(state.of(name)):
        raise RefusedError([Break("one_block")])
    _free(unit, state, rows)
    rest = np.setdiff1d(state.of(name), rows)
    return _parted(unit, state, name, [rows, rest])


def _split_along(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    """Split a block where a line runs through it: parcels are whole, each goes where most of it lies."""
    names = {state.block[row] for row in rows} - {None}
    if len(names) != 1:
        raise RefusedError([Break("one_block")])
    name = next(iter(names))
    _free(unit, state, rows)
    own = state.of(name)
    line = shapely.linestrings(np.array(asked.line, float)) if len(asked.line) > 1 else None
    if line is None or not np.isfinite(line.length):
        raise RefusedError([Break("line")])
    outline = outlines_of(unit, state, [name])[0]
    pieces = shapely.get_parts(shapely.polygonize([_noded(outline, line)]))
    pieces = pieces[shapely.contains(outline, shapely.point_on_surface(pieces))] if len(pieces) else pieces
    if len(pieces) < 2:
        raise RefusedError([Break("line")])
    held = shapely.area(shapely.intersection(unit.geoms[own][:, None], pieces[None, :]))
    groups = [own[held.argmax(axis=1) == i] for i in range(len(pieces))]
    groups = [g for g in groups if len(g)]
    if len(groups) < 2:
        raise RefusedError([Break("line")])
    return _parted(unit, state, name, groups)


def _noded(outline: shapely.Geometry, line: shapely.Geometry) -> shapely.Geometry:
    """The outline and the line as pieces that meet at their ends."""
    return shapely.union_all([shapely.boundary(outline), line])


def _parted(unit: FieldUnit, state: State, name: str, groups: list[Rows]) -> State:
    """A block in several: the largest keeps its name."""
    area = [unit.whole_mu(group) for group in groups]
    block = state.block.copy()
    for i, group in enumerate(groups):
        if i != int(np.argmax(area)):
            block[group] = fresh(unit, state.with_blocks(block), group)
    return _sound(unit, state, block, None, state.of(name))


def _move(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    if asked.to is None:
        raise RefusedError([Break("no_target")])
    _free(unit, state, np.union1d(rows, state.of(asked.to)))
    block = state.block.copy()
    block[rows] = asked.to
    return _sound(unit, state, block, _back(state, rows), np.union1d(_whole(state, rows), state.of(asked.to)))


def _take_out(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    _free(unit, state, rows)
    block, out = state.block.copy(), state.out.copy()
    block[rows], out[rows] = None, True
    return _sound(unit, state, block, out, _whole(state, rows))


def _put_back(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    """Into the block that the plan had them in, where it is still there; else only free to be planned again."""
    there = rows[~state.out[rows]]
    if len(there):
        raise RefusedError([Break("not_out", tuple(unit.names[row] for row in there))])
    _free(unit, state, rows)
    block, names = state.block.copy(), set(state.block) - {None}
    home = unit.base.block[rows]
    for name in {n for n in home if n is not None}:
        mine = rows[home == name]
        # a block that went whole comes back whole; one whose other parcels lie elsewhere now is gone
        if name in names or len(mine) == len(unit.base.of(name)):
            block[mine] = name
        else:
            raise RefusedError([Break("gone", tuple(unit.names[row] for row in mine))])
    return _sound(unit, state, block, _back(state, rows), rows)


def _lock(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    return state.with_locked(_whole(state, rows), True)


def _unlock(unit: FieldUnit, state: State, rows: Rows, asked: Asked) -> State:
    return state.with_locked(_whole(state, rows), False)


_DOES = {
    "join": _join, "split": _split, "move": _move, "take_out": _take_out, "put_back": _put_back,
    "lock": _lock, "unlock": _unlock,
}  # fmt: skip


def _back(state: State, rows: Rows) -> npt.NDArray[np.bool_]:
    """Who is put into a block is no longer taken out."""
    out = state.out.copy()
    out[rows] = False
    return out


def _sound(
    unit: FieldUnit,
    state: State,
    block: npt.NDArray[np.object_],
    out: npt.NDArray[np.bool_] | None,
    touched: Rows,
) -> State:
    """The new state, every block that it changes held against the rules; a small parcel left alone is in none."""
    found: list[Break] = []
    for name in sorted({block[row] for row in touched} - {None}):
        rows = np.flatnonzero(block == name)
        if len(rows) == 1 and unit.parcels.area_mu.iloc[rows[0]] < unit.minimum_mu[rows[0]] - 1e-9:
            block[rows] = None
            continue
        found += breaks(unit, rows)
    if found:
        raise RefusedError(found)
    return state.with_blocks(block, out)
