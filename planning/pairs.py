"""The union of two groups as bit masks over at most 64 parcels: what a part of it is worth, its best split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from geo.compiled import inlined, lean
from planning.cost import Prices, block_value

MOST = 64
"""Parcels in a pair: the bits of a mask."""


class Rule(NamedTuple):
    """What every group is held to. Areas m², step m; pull: `planning.search.PULL` while area is gathered."""

    minimum: float
    maximum: float
    step: float
    pull: float
    worth: float  # yuan per m² in blocks
    prices: Prices


class Pair(NamedTuple):
    """The k parcels at hand; few arrays, as compiled calls copy each one's header."""

    value: np.ndarray  # float64[64, 6]: area m², level m, extent u0 v0 u1 v1 m
    mask: np.ndarray  # uint64[64, 2]: neighbours among them, the operator's bit
    ptr: np.ndarray  # int32[65]: rows of the two below, each pair of neighbours once
    nbr: np.ndarray  # int32[e]
    ridge: np.ndarray  # float64[e, 2]: facing m, ridge m²
    stack: np.ndarray  # uint64[130, 3]: the enumeration's masks: inside, banned, neighbours
    bound: np.ndarray  # float64[130, 3]: of the same, area m², lowest and highest level m
    order: np.ndarray  # int32[64, 2]: a sweep's parcels in their order, and the place of each
    sweep: np.ndarray  # float64[65, 6]: figures of a sweep by place, or of moves by parcel
    key: np.ndarray  # float64[64, 6]: level, -level, u0, v0, -u1, -v1: the least of each is a group's extent
    side: np.ndarray  # float64[2, 6]: figures of the two sides (planning.splits)
    least: np.ndarray  # float64[2, 3, 6]: the least key of each side, the next one, and whose the least is


@intrinsic
def low(typingctx, mask):  # type: ignore[no-untyped-def]
    """Index of the lowest set bit: one machine instruction, and the search does little else."""

    def code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


@lean
def bit(i):
    return np.uint64(1) << np.uint64(i)


@lean
def first_bits(k):
    """The mask of k parcels, 1 <= k <= 64."""
    return (bit(k - 1) - np.uint64(1)) | bit(k - 1)


@inlined
def worth(mask, t, rule):
    """Value [yuan] of the connected group `mask`, and its parcels' area [m²] if it is a block.

    -inf where a hard rule is broken.
    """
    area = 0.0
    az = 0.0
    ridge = 0.0
    saved = 0.0
    zlow = np.inf
    zhigh = -np.inf
    u0 = np.inf
    v0 = np.inf
    u1 = -np.inf
    v1 = -np.inf
    ops = np.uint64(0)
    n = 0
    m = mask
    while m:
        i = low(m)
        m &= m - np.uint64(1)
        n += 1
        a = t.value[i, 0]
        z = t.value[i, 1]
        area += a
        az += a * z
        zlow = z if z < zlow else zlow
        zhigh = z if z > zhigh else zhigh
        if zhigh - zlow > rule.step:
            return -np.inf, 0.0
        u0 = t.value[i, 2] if t.value[i, 2] < u0 else u0
        v0 = t.value[i, 3] if t.value[i, 3] < v0 else v0
        u1 = t.value[i, 4] if t.value[i, 4] > u1 else u1
        v1 = t.value[i, 5] if t.value[i, 5] > v1 else v1
        ops |= t.mask[i, 1]
        for e in range(t.ptr[i], t.ptr[i + 1]):
            if mask & bit(t.nbr[e]):
                ridge += t.ridge[e, 1]
                saved += t.ridge[e, 0]
    if n > 1 and area + ridge > rule.maximum:
        return -np.inf, 0.0
    if area + ridge < rule.minimum:
        return rule.pull * rule.worth * area * (area + ridge) / rule.minimum, 0.0
    if n == 1:
        return rule.worth * area, area
    level = az / area
    cut = 0.0
    m = mask
    while m:
        i = low(m)
        m &= m - np.uint64(1)
        above = t.value[i, 1] - level
        if above > 0.0:
            cut += t.value[i, 0] * above
    n_ops = 0
    while ops:
        ops &= ops - np.uint64(1)
        n_ops += 1
    box = (u1 - u0) * (v1 - v0)
    net = block_value(n, area + ridge, saved, cut, box, float(n_ops), rule.prices)
    return rule.worth * area + net, area


@inlined
def part_of(mask, t):
    """The connected part of `mask` that holds its lowest bit."""
    part = mask & (~mask + np.uint64(1))
    edge = part
    while edge:
        i = low(edge)
        edge &= edge - np.uint64(1)
        new = t.mask[i, 0] & mask & ~part
        part |= new
        edge |= new
    return part


@lean
def worth_parts(mask, t, rule):
    """Value of `mask` taken as its connected parts, each a group."""
    total = 0.0
    while mask:
        part = part_of(mask, t)
        mask &= ~part
        value, _ = worth(part, t, rule)
        total += value
        if total == -np.inf:
            break
    return total
