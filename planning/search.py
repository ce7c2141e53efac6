"""The compiled search that splits one field unit into blocks (planning.blocks says how it goes).

Everything here works on one unit of n parcels with local indices 0..n-1 and is deterministic for its seed.
A pair of groups is handled as bit masks over at most 64 parcels.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from geo.schemas import MU_M2
from planning.cost import block_cost

AREA_YUAN_PER_MU = 1e5
"""What a mu in a block earns in the search: far above any cost per mu, so area comes first, then cost."""
PULL = 0.3
"""Share of that which a loose group earns as it nears the minimum, while area is still being gathered."""
EXACT = 11
"""Largest union of two groups for which every connected split is tried."""
MOST = 64
EPS = 1e-6


class Unit(NamedTuple):
    """One field unit: parcels, and the pairs that may be joined as compressed rows (ptr, nbr)."""

    area: np.ndarray  # m²
    z: np.ndarray  # m; NaN never occurs here
    op: np.ndarray  # operator code, -1 unknown
    box: np.ndarray  # n × 4, m
    ptr: np.ndarray
    nbr: np.ndarray
    facing: np.ndarray  # m, per entry of nbr
    ridge: np.ndarray  # m², per entry of nbr
    minimum: float  # m²
    maximum: float  # m²
    step: float  # m
    prices: tuple


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

    pos: np.ndarray  # n: local bit of a parcel, -1 outside the pair
    node: np.ndarray  # 64
    adj: np.ndarray  # 64 masks
    lptr: np.ndarray  # 65
    lnbr: np.ndarray
    lfac: np.ndarray
    lrid: np.ndarray
    lop: np.ndarray  # 64 masks of operator bits
    queue: np.ndarray  # n ring
    queued: np.ndarray
    changed: np.ndarray  # clock of a group's last change
    tried: np.ndarray  # clock at which a group's pairs were all found to be at rest
    seen: np.ndarray  # n stamps
    meta: np.ndarray  # [head, count, clock, stamp, random state]
    stack: np.ndarray  # masks for the enumeration
    order: np.ndarray  # 64
    key: np.ndarray  # 64


@numba.njit(cache=True, nogil=True)
def _low(mask):
    """Index of the lowest set bit."""
    low = mask & (~mask + np.uint64(1))
    i = 0
    if low >= np.uint64(1) << np.uint64(32):
        i += 32
        low >>= np.uint64(32)
    if low >= np.uint64(1) << np.uint64(16):
        i += 16
        low >>= np.uint64(16)
    if low >= np.uint64(1) << np.uint64(8):
        i += 8
        low >>= np.uint64(8)
    if low >= np.uint64(1) << np.uint64(4):
        i += 4
        low >>= np.uint64(4)
    if low >= np.uint64(1) << np.uint64(2):
        i += 2
        low >>= np.uint64(2)
    if low >= np.uint64(1) << np.uint64(1):
        i += 1
    return i


@numba.njit(cache=True, nogil=True)
def _bit(i):
    return np.uint64(1) << np.uint64(i)


@numba.njit(cache=True, nogil=True)
def _random(meta, n):
    """A number in 0..n-1 from the unit's own xorshift stream."""
    x = np.uint64(meta[4])
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    meta[4] = np.int64(x)
    return np.int64((x >> np.uint64(11)) % np.uint64(n))


@numba.njit(cache=True, nogil=True)
def _worth(mask, u, w, pull):
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
        i = _low(m)
        m &= m - np.uint64(1)
        p = w.node[i]
        n += 1
        a = u.area[p]
        z = u.z[p]
        area += a
        az += a * z
        zlow = min(zlow, z)
        zhigh = max(zhigh, z)
        if zhigh - zlow > u.step:
            return -np.inf, 0.0
        u0 = min(u0, u.box[p, 0])
        v0 = min(v0, u.box[p, 1])
        u1 = max(u1, u.box[p, 2])
        v1 = max(v1, u.box[p, 3])
        ops |= w.lop[i]
        for e in range(w.lptr[i], w.lptr[i + 1]):
            if mask & _bit(w.lnbr[e]):
                ridge += w.lrid[e]
                saved += w.lfac[e]
    if n > 1 and area + ridge > u.maximum:
        return -np.inf, 0.0
    if area + ridge < u.minimum:
        return pull * AREA_YUAN_PER_MU / MU_M2 * area * (area + ridge) / u.minimum, 0.0
    if n == 1:
        return AREA_YUAN_PER_MU / MU_M2 * area, area
    level = az / area
    cut = 0.0
    m = mask
    while m:
        i = _low(m)
        m &= m - np.uint64(1)
        p = w.node[i]
        cut += u.area[p] * max(u.z[p] - level, 0.0)
    n_ops = 0
    while ops:
        ops &= ops - np.uint64(1)
        n_ops += 1
    box = max((u1 - u0) * (v1 - v0), area + ridge)
    rectangularity = (area + ridge) / box
    cost = block_cost(cut, area + ridge, rectangularity, float(n_ops), u.prices)
    return AREA_YUAN_PER_MU / MU_M2 * area + u.prices.ridge_yuan_per_m * saved - cost, area


@numba.njit(cache=True, nogil=True)
def _part(mask, w):
    """The connected part of `mask` that holds its lowest bit."""
    part = mask & (~mask + np.uint64(1))
    edge = part
    while edge:
        i = _low(edge)
        edge &= edge - np.uint64(1)
        new = w.adj[i] & mask & ~part
        part |= new
        edge |= new
    return part


@numba.njit(cache=True, nogil=True)
def _worth_parts(mask, u, w, pull):
    """Value of `mask` taken as its connected parts, each a group."""
    total = 0.0
    while mask:
        part = _part(mask, w)
        mask &= ~part
        value, _ = _worth(part, u, w, pull)
        total += value
        if total == -np.inf:
            break
    return total


@numba.njit(cache=True, nogil=True)
def _gather(members, k, u, w):
    """Take k parcels as bits 0..k-1: masks of neighbours, operators, and the pairs among them, each once."""
    for i in range(k):
        w.node[i] = members[i]
        w.pos[members[i]] = i
    count = 0
    for i in range(k):
        p = w.node[i]
        w.lptr[i] = count
        mask = np.uint64(0)
        for e in range(u.ptr[p], u.ptr[p + 1]):
            j = w.pos[u.nbr[e]]
            if j >= 0:
                mask |= _bit(j)
                if j > i and count < w.lnbr.shape[0]:
                    w.lnbr[count] = j
                    w.lfac[count] = u.facing[e]
                    w.lrid[count] = u.ridge[e]
                    count += 1
        w.adj[i] = mask
        w.lop[i] = np.uint64(0)
        if u.op[p] >= 0:
            found = -1
            for j in range(i):
                if u.op[w.node[j]] == u.op[p]:
                    found = j
                    break
            w.lop[i] = w.lop[found] if found >= 0 else _bit(i)
    w.lptr[k] = count
    for i in range(k):
        w.pos[w.node[i]] = -1


@numba.njit(cache=True, nogil=True)
def _best_exact(k, u, w, pull, best):
    """The best split of k gathered parcels among all whose one side is connected: (value, mask)."""
    full = (_bit(k - 1) - np.uint64(1)) | _bit(k - 1)
    chosen = np.uint64(0)
    top = 0
    w.stack[0, 0] = np.uint64(1)
    w.stack[0, 1] = np.uint64(0)
    top = 1
    while top > 0:
        top -= 1
        inside = w.stack[top, 0]
        banned = w.stack[top, 1]
        edge = np.uint64(0)
        m = inside
        while m:
            i = _low(m)
            m &= m - np.uint64(1)
            edge |= w.adj[i]
        edge &= ~inside & ~banned
        if edge == 0:
            if inside != full:
                a, _ = _worth(inside, u, w, pull)
                if a > -np.inf:
                    value = a + _worth_parts(full & ~inside, u, w, pull)
                    if value > best:
                        best = value
                        chosen = inside
            continue
        new = edge & (~edge + np.uint64(1))
        w.stack[top, 0] = inside
        w.stack[top, 1] = banned | new
        top += 1
        i = _low(new)
        zl = u.z[w.node[i]]
        zh = zl
        m = inside
        while m:
            j = _low(m)
            m &= m - np.uint64(1)
            zl = min(zl, u.z[w.node[j]])
            zh = max(zh, u.z[w.node[j]])
        if zh - zl <= u.step:
            w.stack[top, 0] = inside | new
            w.stack[top, 1] = banned
            top += 1
    return best, chosen


@numba.njit(cache=True, nogil=True)
def _try(mask, full, u, w, pull, best, chosen):
    if mask == 0 or mask == full:
        return best, chosen
    value = _worth_parts(mask, u, w, pull)
    if value > -np.inf:
        value += _worth_parts(full & ~mask, u, w, pull)
        if value > best:
            return value, mask
    return best, chosen


@numba.njit(cache=True, nogil=True)
def _best_sweep(k, mine, u, w, pull, best):
    """The best split of k gathered parcels by sweeps across them, single moves and swaps: (value, mask).

    mine: mask of the first group, all ones where a single group is split.
    """
    full = (_bit(k - 1) - np.uint64(1)) | _bit(k - 1)
    chosen = np.uint64(0)
    for way in range(5):
        for i in range(k):
            p = w.node[i]
            uu = u.box[p, 0] + u.box[p, 2]
            vv = u.box[p, 1] + u.box[p, 3]
            if way == 0:
                w.key[i] = uu
            elif way == 1:
                w.key[i] = vv
            elif way == 2:
                w.key[i] = u.z[p]
            elif way == 3:
                w.key[i] = uu + vv
            else:
                w.key[i] = uu - vv
            w.order[i] = i
        for i in range(1, k):
            o = w.order[i]
            j = i - 1
            while j >= 0 and w.key[w.order[j]] > w.key[o]:
                w.order[j + 1] = w.order[j]
                j -= 1
            w.order[j + 1] = o
        mask = np.uint64(0)
        for i in range(k - 1):
            mask |= _bit(w.order[i])
            best, chosen = _try(mask, full, u, w, pull, best, chosen)
    if mine != full:
        for i in range(k):
            own = mine if mine & _bit(i) else full & ~mine
            if w.adj[i] & ~own:
                best, chosen = _try(mine ^ _bit(i), full, u, w, pull, best, chosen)
                if mine & _bit(i):
                    for j in range(k):
                        if not mine & _bit(j) and w.adj[j] & mine:
                            best, chosen = _try(mine ^ _bit(i) ^ _bit(j), full, u, w, pull, best, chosen)
    return best, chosen


@numba.njit(cache=True, nogil=True)
def _push(g, w):
    if not w.queued[g]:
        w.queued[g] = True
        n = w.queue.shape[0]
        w.queue[(w.meta[0] + w.meta[1]) % n] = g
        w.meta[1] += 1


@numba.njit(cache=True, nogil=True)
def _set_group(g, mask, u, s, w, pull):
    """Make group g of the gathered parcels in `mask`."""
    s.first[g] = -1
    s.size[g] = 0
    m = mask
    while m:
        i = _low(m)
        m &= m - np.uint64(1)
        p = w.node[i]
        s.lab[p] = g
        s.nxt[p] = s.first[g]
        s.first[g] = p
        s.size[g] += 1
    s.value[g], s.area[g] = _worth(mask, u, w, pull)
    w.meta[2] += 1
    w.changed[g] = w.meta[2]
    _push(g, w)


@numba.njit(cache=True, nogil=True)
def _new_label(s, mask, w):
    """A free label: any parcel's own index that no group uses, looked for among the parcels at hand first."""
    m = mask
    while m:
        p = w.node[_low(m)]
        m &= m - np.uint64(1)
        if s.first[p] < 0:
            return p
    for g in range(s.first.shape[0]):
        if s.first[g] < 0:
            return g
    return -1


@numba.njit(cache=True, nogil=True)
def _assign(mask, u, s, w, pull):
    """Make each connected part of `mask` a group with a free label."""
    while mask:
        part = _part(mask, w)
        mask &= ~part
        _set_group(_new_label(s, part, w), part, u, s, w, pull)


@numba.njit(cache=True, nogil=True)
def _split(g, h, u, s, w, pull, members):
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
    mine = (_bit(k - 1) - np.uint64(1)) | _bit(k - 1)
    now = s.value[g]
    if h >= 0:
        now += s.value[h]
        p = s.first[h]
        while p >= 0:
            members[k] = p
            k += 1
            p = s.nxt[p]
    _gather(members, k, u, w)
    full = (_bit(k - 1) - np.uint64(1)) | _bit(k - 1)
    best = now + EPS
    chosen = np.uint64(0)
    if h >= 0:
        value, _ = _worth(full, u, w, pull)
        if value > best:
            best = value
            chosen = full
    if k <= EXACT:
        value, mask = _best_exact(k, u, w, pull, best)
    else:
        value, mask = _best_sweep(k, mine, u, w, pull, best)
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
    _assign(chosen, u, s, w, pull)
    _assign(full & ~chosen, u, s, w, pull)
    return True


@numba.njit(cache=True, nogil=True)
def _improve(u, s, w, pull, members):
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
        if _split(g, -1, u, s, w, pull, members):
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
            if _split(g, h, u, s, w, pull, members):
                done = True
                break
        if not done:
            w.meta[2] += 1
            w.tried[g] = w.meta[2]


@numba.njit(cache=True, nogil=True)
def _grow(pool, count, u, s, w, pull, noise, members):
    """Grow groups over the `count` free parcels of `pool`, taken in that order; lab of a free parcel is -1."""
    n = s.lab.shape[0]
    for c in range(count):
        seed = pool[c]
        if s.lab[seed] >= 0:
            continue
        k = 1
        members[0] = seed
        w.meta[3] += 1
        stamp = w.meta[3]
        w.seen[seed] = stamp
        area = u.area[seed]
        zl = u.z[seed]
        zh = zl
        az = area * u.z[seed]
        pure = area
        while area < u.minimum and k < MOST:
            pick = -1
            pick_score = -np.inf
            gain = 0.0
            for i in range(k):
                p = members[i]
                for e in range(u.ptr[p], u.ptr[p + 1]):
                    q = u.nbr[e]
                    if s.lab[q] >= 0 or w.seen[q] == stamp:
                        continue
                    lo = min(zl, u.z[q])
                    hi = max(zh, u.z[q])
                    if hi - lo > u.step:
                        continue
                    free = 0
                    saved = 0.0
                    ridge = 0.0
                    for f in range(u.ptr[q], u.ptr[q + 1]):
                        r = u.nbr[f]
                        if w.seen[r] == stamp:
                            saved += u.facing[f]
                            ridge += u.ridge[f]
                        elif s.lab[r] < 0:
                            free += 1
                    if area + u.area[q] + ridge > u.maximum:
                        continue
                    # a parcel with few free partners left is taken first, else it may stay alone
                    score = (
                        u.prices.ridge_yuan_per_m * saved
                        - u.prices.earthwork_yuan_per_m3 * abs(u.z[q] - az / pure) * u.area[q]
                        + 60.0 * (3 - min(free, 3))
                    )
                    if noise > 0:
                        score += noise * _random(w.meta, 1000) / 1000.0
                    if score > pick_score:
                        pick_score = score
                        pick = q
                        gain = u.area[q] + ridge
            if pick < 0:
                break
            w.seen[pick] = stamp
            members[k] = pick
            k += 1
            area += gain
            pure += u.area[pick]
            az += u.area[pick] * u.z[pick]
            zl = min(zl, u.z[pick])
            zh = max(zh, u.z[pick])
        _gather(members, k, u, w)
        full = (_bit(k - 1) - np.uint64(1)) | _bit(k - 1)
        _set_group(_new_label(s, full, w), full, u, s, w, pull)
    return n


@numba.njit(cache=True, nogil=True)
def _total(s):
    """Value of the blocks alone: what loose groups earn does not count in the end."""
    total = 0.0
    for g in range(s.first.shape[0]):
        if s.first[g] >= 0 and s.area[g] > 0:
            total += s.value[g]
    return total


@numba.njit(cache=True, nogil=True)
def _copy(a, b):
    b.lab[:] = a.lab
    b.first[:] = a.first
    b.nxt[:] = a.nxt
    b.size[:] = a.size
    b.value[:] = a.value
    b.area[:] = a.area


@numba.njit(cache=True, nogil=True)
def _state(n):
    return State(
        np.full(n, -1, np.int32),
        np.full(n, -1, np.int32),
        np.full(n, -1, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n),
        np.zeros(n),
    )


@numba.njit(cache=True, nogil=True)
def _clear(s):
    s.lab[:] = -1
    s.first[:] = -1
    s.size[:] = 0
    s.value[:] = 0
    s.area[:] = 0


@numba.njit(cache=True, nogil=True)
def _ruin(centre, limit, u, s, w, pool):
    """Dissolve the group of `centre` and groups around it, about `limit` parcels; they come out in `pool`."""
    w.meta[3] += 1
    stamp = w.meta[3]
    count = 0
    head = 0
    g = s.lab[centre]
    while True:
        p = s.first[g]
        while p >= 0:
            pool[count] = p
            count += 1
            w.seen[p] = stamp
            p = s.nxt[p]
        if count >= limit:
            break
        g = -1
        while head < count and g < 0:
            p = pool[head]
            degree = u.ptr[p + 1] - u.ptr[p]
            if degree > 0:
                start = _random(w.meta, degree)
                for d in range(degree):
                    q = u.nbr[u.ptr[p] + (start + d) % degree]
                    if w.seen[q] != stamp:
                        g = s.lab[q]
                        break
            if g < 0:
                head += 1
        if g < 0:
            break
    for i in range(count):
        g = s.lab[pool[i]]
        s.first[g] = -1
        s.size[g] = 0
    for i in range(count):
        s.lab[pool[i]] = -1
    return count


@numba.njit(cache=True, nogil=True)
def _shuffle(pool, count, w):
    for i in range(count - 1, 0, -1):
        j = _random(w.meta, i + 1)
        pool[i], pool[j] = pool[j], pool[i]


@numba.njit(cache=True, nogil=True)
def _work(n, pairs, seed):
    w = Work(
        np.full(n, -1, np.int32),
        np.zeros(MOST, np.int32),
        np.zeros(MOST, np.uint64),
        np.zeros(MOST + 1, np.int32),
        np.zeros(pairs + 1, np.int32),
        np.zeros(pairs + 1),
        np.zeros(pairs + 1),
        np.zeros(MOST, np.uint64),
        np.zeros(n, np.int32),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(5, np.int64),
        np.zeros((MOST * 2 + 2, 2), np.uint64),
        np.zeros(MOST, np.int32),
        np.zeros(MOST),
    )
    w.meta[4] = (seed * 2654435761 + 88172645463325252) & 0x7FFFFFFFFFFFFFFF
    for _ in range(4):
        _random(w.meta, 2)
    return w


@numba.njit(cache=True, nogil=True)
def _start(start, u, s, w, pool, members):
    """A first partition: grown from the rim, from the lowest or from the highest parcel, then improved."""
    n = u.area.shape[0]
    key = np.empty(n)
    for p in range(n):
        if start % 3 == 0:
            key[p] = u.ptr[p + 1] - u.ptr[p] + 1e-6 * u.box[p, start // 3 % 2]
        elif start % 3 == 1:
            key[p] = u.z[p]
        else:
            key[p] = -u.z[p]
    order = np.argsort(key, kind="mergesort")
    for i in range(n):
        pool[i] = order[i]
    _clear(s)
    _grow(pool, n, u, s, w, PULL, 0.0 if start < 3 else 100.0, members)
    _improve(u, s, w, PULL, members)


@numba.njit(cache=True, nogil=True)
def _shake(can, shakes, best_value, u, s, best, w, pool, members):
    """Ruin and recreate around loose parcels that could be placed; the best partition seen ends in `best`."""
    n = u.area.shape[0]
    keep = _state(n)
    loose = np.empty(n, np.int32)
    rounds = 0
    allowed = 0
    while True:
        count = 0
        before = 0.0
        for p in range(n):
            if can[p] and s.area[s.lab[p]] == 0.0:
                loose[count] = p
                count += 1
            if s.first[p] >= 0:
                before += s.value[p]
        allowed = max(allowed, shakes * count)
        if count == 0 or rounds >= allowed:
            break
        rounds += 1
        _copy(s, keep)
        freed = _ruin(loose[_random(w.meta, count)], 8 + _random(w.meta, 17), u, s, w, pool)
        _shuffle(pool, freed, w)
        _grow(pool, freed, u, s, w, PULL, 300.0, members)
        _improve(u, s, w, PULL, members)
        after = 0.0
        for g in range(n):
            if s.first[g] >= 0:
                after += s.value[g]
        if after < before - EPS:
            _copy(keep, s)
            continue
        value = _total(s)
        if value > best_value + EPS:
            best_value = value
            _copy(s, best)


@numba.njit(cache=True, nogil=True)
def _polish(rounds, noise, u, s, w, pool, members):
    """Ruin and recreate anywhere for cost: each round's partition stays only if it is no worse."""
    n = u.area.shape[0]
    keep = _state(n)
    before = _total(s)
    for _ in range(rounds):
        centre = _random(w.meta, n)
        if s.size[s.lab[centre]] == n:
            break
        _copy(s, keep)
        freed = _ruin(centre, 5 + _random(w.meta, 16), u, s, w, pool)
        _shuffle(pool, freed, w)
        _grow(pool, freed, u, s, w, 0.0, noise, members)
        _improve(u, s, w, 0.0, members)
        after = _total(s)
        if after < before - EPS:
            _copy(keep, s)
        else:
            before = after


@numba.njit(cache=True, nogil=True)
def _settle(u, s, w, pool, members):
    """Dissolve the loose groups, for which nothing is built, and improve all pairs by cost."""
    n = u.area.shape[0]
    count = 0
    for p in range(n):
        if s.lab[p] < 0 or s.area[s.lab[p]] == 0.0:
            pool[count] = p
            count += 1
    for i in range(count):
        g = s.lab[pool[i]]
        if g >= 0:
            s.first[g] = -1
            s.size[g] = 0
    for i in range(count):
        s.lab[pool[i]] = -1
    for i in range(count):
        members[0] = pool[i]
        _gather(members, 1, u, w)
        _set_group(_new_label(s, np.uint64(1), w), np.uint64(1), u, s, w, 0.0)
    for g in range(n):
        if s.first[g] >= 0:
            _push(g, w)
    _improve(u, s, w, 0.0, members)


@numba.njit(cache=True, nogil=True)
def _labels(s):
    n = s.lab.shape[0]
    out = np.empty(n, np.int32)
    for p in range(n):
        out[p] = s.lab[p] if s.area[s.lab[p]] > 0.0 else -1
    return out


@numba.njit(cache=True, nogil=True)
def join_unit(u, can, seed, starts, shakes, polish):
    """Labels of one unit's parcels, -1 where loose: int32[n].

    can: bool[n], parcels that lie in some group that reaches the minimum (planning.reach).
    starts: first partitions tried; shakes: ruin-and-recreate rounds per loose parcel that could be placed;
    """
    n = u.area.shape[0]
    s = _state(n)
    best = _state(n)
    w = _work(n, u.nbr.shape[0] // 2, seed)
    members = np.zeros(MOST * 2, np.int32)
    pool = np.zeros(n, np.int32)
    best_value = -1.0
    for start in range(starts):
        _start(start, u, s, w, pool, members)
        value = _total(s)
        if value > best_value:
            best_value = value
            _copy(s, best)
    _copy(best, s)
    _shake(can, shakes, best_value, u, s, best, w, pool, members)
    _settle(u, best, w, pool, members)
    count = 0
    for g in range(n):
        if best.first[g] >= 0 and best.area[g] > 0.0:
            count += 1
    _polish(polish * count, 100.0, u, best, w, pool, members)
    _settle(u, best, w, pool, members)
    return _labels(best)


@numba.njit(cache=True, nogil=True)
def improve_unit(u, labels, seed):
    """Labels of one unit after improving every pair of a partition that is there already: int32[n].

    labels: int32[n], -1 loose; groups of more than 64 parcels may not be among them.
    """
    n = u.area.shape[0]
    s = _state(n)
    w = _work(n, u.nbr.shape[0] // 2, seed)
    members = np.zeros(MOST * 2, np.int32)
    pool = np.zeros(n, np.int32)
    order = np.argsort(labels, kind="mergesort")
    i = 0
    while i < n and labels[order[i]] < 0:
        i += 1
    while i < n:
        k = 0
        g = labels[order[i]]
        while i < n and labels[order[i]] == g:
            members[k] = order[i]
            k += 1
            i += 1
        _gather(members, k, u, w)
        mask = (_bit(k - 1) - np.uint64(1)) | _bit(k - 1)
        _set_group(_new_label(s, mask, w), mask, u, s, w, 0.0)
    _settle(u, s, w, pool, members)
    return _labels(s)


@numba.njit(cache=True, nogil=True)
def _unit(a, b, area, z, op, box, ptr, nbr, facing, ridge, minimum, maximum, step, prices):
    """The unit of rows a..b-1, with indices counted from a."""
    first, last = ptr[a], ptr[b]
    return Unit(
        area[a:b],
        z[a:b],
        op[a:b],
        box[a:b],
        ptr[a : b + 1] - first,
        nbr[first:last] - np.int32(a),
        facing[first:last],
        ridge[first:last],
        minimum[a],
        maximum,
        step,
        prices,
    )


@numba.njit(cache=True, nogil=True)
def join_units(
    bounds,
    area,
    z,
    op,
    box,
    ptr,
    nbr,
    facing,
    ridge,
    minimum,
    maximum,
    step,
    prices,
    can,
    start,
    seed,
    effort,
):
    """Join every unit of bounds[i]..bounds[i + 1]: labels that count from the unit's first row, -1 loose.

    start: int32 labels of a partition to improve, or of length 0 to begin from nothing.
    effort: (starts, shakes, polish) of join_unit. Rows of one unit stand together and pairs stay inside it.
    """
    out = np.full(bounds[-1] - bounds[0], -1, np.int32)
    for i in range(bounds.shape[0] - 1):
        a, b = bounds[i], bounds[i + 1]
        u = _unit(a, b, area, z, op, box, ptr, nbr, facing, ridge, minimum, maximum, step, prices)
        if start.shape[0] > 0:
            labels = improve_unit(u, start[a:b], seed + a)
        else:
            labels = join_unit(u, can[a:b], seed + a, effort[0], effort[1], effort[2])
        for p in range(b - a):
            if labels[p] >= 0:
                out[a - bounds[0] + p] = labels[p] + (a - bounds[0])
    return out
