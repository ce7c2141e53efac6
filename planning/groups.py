"""Groups of a field unit: their members, the pairs that wait to be split anew, and that one move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import kernel, lean
from planning.pairs import MOST, Pair, bit, first_bits, low, part_of, worth
from planning.splits import best_exact, best_sweep

EXACT = 9
"""Largest union of two groups for which every connected split is tried."""
EPS = 1e-6
"""Yuan by which a change must be better; keeps rounding from turning in circles."""


class Unit(NamedTuple):
    """One field unit of n parcels, and the pairs that may be joined as compressed rows."""

    area: np.ndarray  # m²
    z: np.ndarray  # m; NaN never occurs here
    op: np.ndarray  # operator code, -1 unknown
    box: np.ndarray  # n × 4, m
    ptr: np.ndarray
    nbr: np.ndarray
    facing: np.ndarray  # m, per entry of nbr
    ridge: np.ndarray  # m², per entry of nbr


class State(NamedTuple):
    """A partition of the unit: members of group g run from first[g] along nxt; first[g] = -1 is a free label."""

    lab: np.ndarray
    first: np.ndarray
    nxt: np.ndarray
    size: np.ndarray
    value: np.ndarray
    area: np.ndarray  # m² of the group's parcels where it is a block, else 0


class Work(NamedTuple):
    """Scratch arrays of one unit, allocated once."""

    pair: Pair
    pos: np.ndarray  # n: bit of a parcel at hand, -1 for the others
    node: np.ndarray  # 64: parcel of a bit
    queue: np.ndarray  # n, a ring of groups whose pairs are to be tried
    queued: np.ndarray  # n
    changed: np.ndarray  # n: clock of a group's last change
    tried: np.ndarray  # n: clock at which all of a group's pairs were found to be at rest
    seen: np.ndarray  # n stamps
    meta: np.ndarray  # head and length of the queue, clock, stamp, random state, where to look for a label


@lean
def random(meta, n):
    """A number in 0..n-1 from the unit's own xorshift stream."""
    x = np.uint64(meta[4])
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    meta[4] = np.int64(x)
    return np.int64((x >> np.uint64(11)) % np.uint64(n))


@kernel
def state(n):
    return State(
        np.full(n, -1, np.int32),
        np.full(n, -1, np.int32),
        np.full(n, -1, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n),
        np.zeros(n),
    )


@lean
def clear(s):
    s.lab[:] = -1
    s.first[:] = -1
    s.size[:] = 0
    s.value[:] = 0
    s.area[:] = 0


@kernel
def copy(a, b):
    b.lab[:] = a.lab
    b.first[:] = a.first
    b.nxt[:] = a.nxt
    b.size[:] = a.size
    b.value[:] = a.value
    b.area[:] = a.area


@lean
def total(s):
    """Value of the blocks alone: what loose groups earn does not count in the end."""
    total = 0.0
    for g in range(s.first.shape[0]):
        if s.first[g] >= 0 and s.area[g] > 0:
            total += s.value[g]
    return total


@kernel
def work(n, pairs, seed):
    pair = Pair(
        np.zeros((MOST, 6)),
        np.zeros((MOST, 2), np.uint64),
        np.zeros(MOST + 1, np.int32),
        np.zeros(pairs + 1, np.int32),
        np.zeros((pairs + 1, 2)),
        np.zeros((MOST * 2 + 2, 3), np.uint64),
        np.zeros((MOST * 2 + 2, 3)),
        np.zeros((MOST, 2), np.int32),
        np.zeros((MOST + 1, 6)),
        np.zeros((MOST, 6)),
        np.zeros((2, 6)),
        np.zeros((2, 3, 6)),
    )
    w = Work(
        pair,
        np.full(n, -1, np.int32),
        np.zeros(MOST, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(6, np.int64),
    )
    w.meta[4] = (seed * 2654435761 + 88172645463325252) & 0x7FFFFFFFFFFFFFFF
    for _ in range(4):
        random(w.meta, 2)
    return w


@lean
def gather(members, k, u, w):
    """Take k parcels as bits 0..k-1: their figures, operators, and the pairs among them, each once."""
    t = w.pair
    for i in range(k):
        p = members[i]
        w.node[i] = p
        w.pos[p] = i
        t.value[i, 0] = u.area[p]
        t.value[i, 1] = u.z[p]
        t.value[i, 2] = u.box[p, 0]
        t.value[i, 3] = u.box[p, 1]
        t.value[i, 4] = u.box[p, 2]
        t.value[i, 5] = u.box[p, 3]
        t.key[i, 0] = u.z[p]
        t.key[i, 1] = -u.z[p]
        t.key[i, 2] = u.box[p, 0]
        t.key[i, 3] = u.box[p, 1]
        t.key[i, 4] = -u.box[p, 2]
        t.key[i, 5] = -u.box[p, 3]
    count = 0
    for i in range(k):
        p = w.node[i]
        t.ptr[i] = count
        mask = np.uint64(0)
        for e in range(u.ptr[p], u.ptr[p + 1]):
            j = w.pos[u.nbr[e]]
            if j >= 0:
                mask |= bit(j)
                if j > i:
                    t.nbr[count] = j
                    t.ridge[count, 0] = u.facing[e]
                    t.ridge[count, 1] = u.ridge[e]
                    count += 1
        t.mask[i, 0] = mask
        t.mask[i, 1] = np.uint64(0)
        if u.op[p] >= 0:
            found = i
            for j in range(i):
                if u.op[w.node[j]] == u.op[p]:
                    found = j
                    break
            t.mask[i, 1] = bit(found)
    t.ptr[k] = count
    for i in range(k):
        w.pos[w.node[i]] = -1


@lean
def push(g, w):
    if not w.queued[g]:
        w.queued[g] = True
        n = w.queue.shape[0]
        w.queue[(w.meta[0] + w.meta[1]) % n] = g
        w.meta[1] += 1


@lean
def set_group(g, mask, u, s, w, rule):
    """Make group g of the gathered parcels in `mask`."""
    s.first[g] = -1
    s.size[g] = 0
    m = mask
    while m:
        i = low(m)
        m &= m - np.uint64(1)
        p = w.node[i]
        s.lab[p] = g
        s.nxt[p] = s.first[g]
        s.first[g] = p
        s.size[g] += 1
    s.value[g], s.area[g] = worth(mask, w.pair, rule)
    w.meta[2] += 1
    w.changed[g] = w.meta[2]
    push(g, w)


@lean
def new_label(s, mask, w):
    """A free label: any parcel's own index that no group uses, looked for among the parcels at hand first."""
    m = mask
    while m:
        p = w.node[low(m)]
        m &= m - np.uint64(1)
        if s.first[p] < 0:
            return p
    # there are fewer groups than parcels: a look that goes on where the last one ended is short
    n = s.first.shape[0]
    for _ in range(n):
        g = w.meta[5]
        w.meta[5] = (g + 1) % n
        if s.first[g] < 0:
            return g
    return -1


@lean
def assign(mask, u, s, w, rule):
    """Make each connected part of `mask` a group with a free label."""
    while mask:
        part = part_of(mask, w.pair)
        mask &= ~part
        set_group(new_label(s, part, w), part, u, s, w, rule)


@lean
def split(g, h, u, s, w, rule, members):
    """Split the union of groups g and h (h = -1: g alone) anew if that is better; True where it was."""
    k = 0
    p = s.first[g]
    total = s.size[g] + (s.size[h] if h >= 0 else 0)
    if total > MOST or total < 2:
        return False
    while p >= 0:
        members[k] = p
        k += 1
        p = s.nxt[p]
    mine = first_bits(k)
    now = s.value[g]
    if h >= 0:
        now += s.value[h]
        p = s.first[h]
        while p >= 0:
            members[k] = p
            k += 1
            p = s.nxt[p]
    gather(members, k, u, w)
    full = first_bits(k)
    best = now + EPS
    chosen = np.uint64(0)
    if h >= 0:
        value, _ = worth(full, w.pair, rule)
        if value > best:
            best = value
            chosen = full
    if k <= EXACT:
        both = h >= 0 and s.area[g] > 0.0 and s.area[h] > 0.0
        value, mask = best_exact(k, w.pair, rule, best, both)
    else:
        value, mask = best_sweep(k, mine, w.pair, rule, best)
    if mask:
        best = value
        chosen = mask
    if not chosen:
        return False
    s.first[g] = -1
    s.size[g] = 0
    if h >= 0:
        s.first[h] = -1
        s.size[h] = 0
    assign(chosen, u, s, w, rule)
    assign(full & ~chosen, u, s, w, rule)
    return True


@kernel
def improve(u, s, w, rule, members):
    """Split pairs of neighbouring groups anew until none of the queued ones gets better."""
    n = s.lab.shape[0]
    near = np.empty(n, np.int32)
    while w.meta[1] > 0:
        g = w.queue[w.meta[0]]
        w.meta[0] = (w.meta[0] + 1) % n
        w.meta[1] -= 1
        w.queued[g] = False
        if s.first[g] < 0:
            continue
        if split(g, -1, u, s, w, rule, members):
            continue
        w.meta[3] += 1
        stamp = w.meta[3]
        w.seen[g] = stamp
        count = 0
        p = s.first[g]
        while p >= 0:
            for e in range(u.ptr[p], u.ptr[p + 1]):
                h = s.lab[u.nbr[e]]
                if w.seen[h] != stamp:
                    w.seen[h] = stamp
                    near[count] = h
                    count += 1
            p = s.nxt[p]
        done = False
        for i in range(count):
            h = near[i]
            if w.tried[h] > w.changed[g] and w.tried[h] > w.changed[h]:
                continue
            if split(g, h, u, s, w, rule, members):
                done = True
                break
        if not done:
            w.meta[2] += 1
            w.tried[g] = w.meta[2]
