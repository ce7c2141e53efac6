"""What else a block could have been: every single change of it, reckoned by the plan's own objective and rules.

A change moves one parcel into the block or out of it, to a neighbouring block or to none, joins the block with a
neighbouring one, splits it in two, or leaves its parcels as they are. The objective is that of the search
(`planning.cost.block_value` has the same terms): area in blocks first, at its worth, then earth, kept ridges,
crookedness by the box along the unit's own direction, operators beyond the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from geo.neighbours import adjacency
from planning.cost import Prices, block_cost, levelling
from planning.fields import Fields, Rules

Ints = npt.NDArray[np.integer]
Kind = Literal["take", "take_loose", "give", "release", "join", "split", "dissolve"]
Group = frozenset[int]

TERMS = ("earthwork", "ridges", "shape", "operators")
"""What the cost is made of; ridges: those that are kept."""
EVERY_SPLIT = 12
"""Blocks of up to so many parcels are split in every way; larger ones along straight cuts and by level."""
SLACK = 1e-9


@dataclass(frozen=True)
class Worth:
    """Area in blocks m², and yuan by TERMS; of ridges: less what is saved by removing them."""

    area_m2: float
    terms: tuple[float, ...]

    def less(self, other: Worth) -> Worth:
        return Worth(
            self.area_m2 - other.area_m2,
            tuple(a - b for a, b in zip(self.terms, other.terms, strict=True)),
        )

    @property
    def cost_yuan(self) -> float:
        return sum(self.terms)


@dataclass(frozen=True)
class Change:
    """One change: the parcels (rows) that change sides, the other block (-1: none), and the difference it makes.

    rule: what forbids it: maximum, step, or apart (a block would fall to pieces); None where it is allowed.
    ends: the block, or the other one, would no longer reach its minimum and be left as it is.
    """

    kind: Kind
    rows: tuple[int, ...]
    other: int
    difference: Worth
    rule: str | None
    ends: bool

    def value_yuan(self, worth_yuan_per_m2: float) -> float:
        """What it would gain in the plan's objective; never above 0 where the block is the best single choice."""
        return worth_yuan_per_m2 * self.difference.area_m2 - self.difference.cost_yuan


class Ground:
    """Fields with the blocks that lie on them; labels: int[n], block of each parcel, -1 none."""

    def __init__(self, fields: Fields, labels: Ints, rules: Rules) -> None:
        self.fields, self.labels, self.rules = fields, labels, rules
        self._ptr, self._nbr, self._edge = adjacency(len(fields.area_m2), fields.left, fields.right)

    def members(self, label: int) -> Group:
        return frozenset(np.flatnonzero(self.labels == label).tolist())

    def beside(self, row: int) -> list[int]:
        """The parcels that may be joined with this one directly."""
        return self._nbr[self._ptr[row] : self._ptr[row + 1]].tolist()

    def _inside(self, group: Group) -> Ints:
        """The pairs that lie within the group."""
        found = [
            self._edge[e]
            for p in group
            for e in range(self._ptr[p], self._ptr[p + 1])
            if p < self._nbr[e] and int(self._nbr[e]) in group
        ]
        return np.array(found, np.int64)

    def whole_m2(self, group: Group) -> float:
        """Area of the group and the ridges inside it."""
        ridges = self.fields.ridge_m2[self._inside(group)].sum()
        return float(self.fields.area_m2[list(group)].sum() + ridges)

    def enough(self, group: Group) -> bool:
        """Whether the group reaches the minimum, and so is a block."""
        if not group:
            return False
        return self.whole_m2(group) >= self.fields.minimum_m2[min(group)] - SLACK

    def connected(self, group: Group) -> bool:
        todo = [next(iter(group))]
        seen = set(todo)
        while todo:
            new = [q for q in self.beside(todo.pop()) if q in group and q not in seen]
            seen.update(new)
            todo += new
        return len(seen) == len(group)

    def rule(self, group: Group) -> str | None:
        """The first hard rule that this group would break as a block."""
        if len(group) < 2 or not self.enough(group):
            return None
        if self.whole_m2(group) > self.rules.maximum_m2 * (1 + SLACK):
            return "maximum"
        if np.ptp(self.fields.elevation_m[list(group)]) > self.rules.max_step_m + SLACK:
            return "step"
        return None if self.connected(group) else "apart"

    def worth(self, group: Group) -> Worth:
        """What the group counts for: nothing below the minimum; a parcel alone is left as it is and costs nothing."""
        f, rows = self.fields, sorted(group)
        if not self.enough(group):
            return Worth(0.0, (0.0,) * len(TERMS))
        area = float(f.area_m2[rows].sum())
        if len(rows) == 1:
            return Worth(area, (0.0,) * len(TERMS))
        inside = self._inside(group)
        whole = area + float(f.ridge_m2[inside].sum())
        box = f.box_m[rows]
        rectangle = float(np.ptp(box[:, [0, 2]]) * np.ptp(box[:, [1, 3]]))
        operators = float(len({o for o in f.operator[rows].tolist() if o >= 0}))
        _, cut = levelling(f.area_m2[rows], f.elevation_m[rows], np.zeros(len(rows), np.int64), 1)
        p = self.rules.prices
        alone = (
            Prices(p.earthwork_yuan_per_m3, 0, 0, 0), Prices(0, 0, p.shape_yuan_per_mu, 0), Prices(0, 0, 0, p.operator_yuan),
        )  # fmt: skip
        earth, shape, talks = (
            float(block_cost.py_func(cut[0], whole, whole / max(rectangle, whole), operators, one))
            for one in alone
        )
        return Worth(area, (earth, -p.ridge_yuan_per_m * float(f.facing_m[inside].sum()), shape, talks))


def changes(ground: Ground, label: int) -> list[Change]:
    """Every single change of a block, the best first; those that a rule forbids stand at the end."""
    own = ground.members(label)
    found = [
        _change(ground, kind, rows, other, before, after) for kind, rows, other, before, after in _all(ground, label, own)
    ]  # fmt: skip
    worth = ground.rules.worth_yuan_per_m2
    return sorted(found, key=lambda c: (c.rule is not None, -c.value_yuan(worth), c.kind, c.other, c.rows))


def _change(
    ground: Ground, kind: Kind, rows: Iterable[int], other: int, before: list[Group], after: list[Group]
) -> Change:
    rule = next((r for g in after if (r := ground.rule(g))), None)
    difference = _together(ground, after).less(_together(ground, before))
    ends = kind in ("take", "give", "release") and any(len(g) > 0 and not ground.enough(g) for g in after[:2])
    return Change(kind, tuple(sorted(rows)), other, difference, rule, ends)


def _together(ground: Ground, groups: list[Group]) -> Worth:
    each = [ground.worth(g) for g in groups]
    return Worth(
        sum(w.area_m2 for w in each), tuple(sum(w.terms[i] for w in each) for i in range(len(TERMS)))
    )


_Step = tuple[Kind, Iterable[int], int, list[Group], list[Group]]


def _all(ground: Ground, label: int, own: Group) -> Iterator[_Step]:
    """(kind, parcels that change sides, other block, groups before, groups after); what gives the same stands once."""
    outside = sorted({q for p in own for q in ground.beside(p) if q not in own})
    others = {b: ground.members(b) for b in sorted({int(ground.labels[q]) for q in outside} - {-1})}
    for q in outside:
        other = int(ground.labels[q])
        if other < 0:
            yield "take_loose", (q,), -1, [own], [own | {q}]
        elif len(others[other]) > 1:
            theirs = others[other]
            yield "take", (q,), other, [own, theirs], [own | {q}, theirs - {q}]
    if len(own) > 1:
        for p in sorted(own):
            for other in sorted({int(ground.labels[q]) for q in ground.beside(p)} - {-1, label}):
                theirs = others[other]
                yield "give", (p,), other, [own, theirs], [own - {p}, theirs | {p}]
    for other, theirs in others.items():
        yield "join", theirs, other, [own, theirs], [own | theirs]
    if len(own) > 1:
        yield "dissolve", own, -1, [own], []
    for part in _parts(ground, own):
        rest = own - part
        if ground.enough(part) and ground.enough(rest):
            yield "split", part if len(part) <= len(rest) else rest, -1, [own], [part, rest]
        elif ground.enough(part):
            yield "release", rest, -1, [own], [part]
        elif ground.enough(rest):
            yield "release", part, -1, [own], [rest]


def _parts(ground: Ground, own: Group) -> Iterator[Group]:
    """Parts that a block may be split into, each with its rest in one piece too; a part and its rest stand once."""
    rows = sorted(own)
    n = len(rows)
    if n < 2:
        return
    found: Iterable[Group]
    if n <= EVERY_SPLIT:
        found = (frozenset(r for i, r in enumerate(rows) if mask >> i & 1) for mask in range(1, 1 << (n - 1)))
    else:
        box, z = ground.fields.box_m, ground.fields.elevation_m
        keys = (
            lambda r: (box[r, 0] + box[r, 2], r), lambda r: (box[r, 1] + box[r, 3], r), lambda r: (z[r], r),
        )  # fmt: skip
        cuts = {frozenset(sorted(rows, key=key)[:k]) for key in keys for k in range(1, n)}
        cuts |= {frozenset({r}) for r in rows}
        found = sorted({min(c, own - c, key=sorted) for c in cuts}, key=sorted)
    for part in found:
        if ground.connected(part) and ground.connected(own - part):
            yield part
