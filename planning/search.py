"""The compiled search that splits one field unit into blocks (planning.blocks says how it goes).

Everything here works on one unit of n parcels with local indices 0..n-1 and is deterministic for its seed.
"""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel, lean
from planning.groups import (
    EPS,
    clear,
    copy,
    gather,
    improve,
    new_label,
    push,
    random,
    set_group,
    state,
    total,
    work,
)
from planning.pairs import MOST, Rule, first_bits

PULL = 0.3
"""Share of a block's worth that a loose group earns as it nears the minimum, while area is gathered."""


@kernel
def grow(pool, count, u, s, w, rule, noise, members):
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
        while area < rule.minimum and k < MOST:
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
                    if hi - lo > rule.step:
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
                    if area + u.area[q] + ridge > rule.maximum:
                        continue
                    # a parcel with few free partners left is taken first, else it may stay alone
                    score = (
                        rule.prices.ridge_yuan_per_m * saved
                        - rule.prices.earthwork_yuan_per_m3 * abs(u.z[q] - az / pure) * u.area[q]
                        + 60.0 * (3 - min(free, 3))
                    )
                    if noise > 0:
                        score += noise * random(w.meta, 1000) / 1000.0
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
        gather(members, k, u, w)
        full = first_bits(k)
        set_group(new_label(s, full, w), full, u, s, w, rule)
    return n


@kernel
def ruin(centre, limit, u, s, w, pool):
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
                start = random(w.meta, degree)
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


@kernel
def shuffle(pool, count, w):
    for i in range(count - 1, 0, -1):
        j = random(w.meta, i + 1)
        pool[i], pool[j] = pool[j], pool[i]


@kernel
def start_from(start, u, s, w, rule, pool, members):
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
    clear(s)
    grow(pool, n, u, s, w, rule, 0.0 if start < 3 else 100.0, members)
    improve(u, s, w, rule, members)


@kernel
def shake(can, shakes, best_value, u, s, best, w, rule, pool, members):
    """Ruin and recreate around loose parcels that could be placed; the best partition seen ends in `best`."""
    n = u.area.shape[0]
    keep = state(n)
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
        copy(s, keep)
        freed = ruin(loose[random(w.meta, count)], 8 + random(w.meta, 17), u, s, w, pool)
        shuffle(pool, freed, w)
        grow(pool, freed, u, s, w, rule, 300.0, members)
        improve(u, s, w, rule, members)
        after = 0.0
        for g in range(n):
            if s.first[g] >= 0:
                after += s.value[g]
        if after < before - EPS:
            copy(keep, s)
            continue
        value = total(s)
        if value > best_value + EPS:
            best_value = value
            copy(s, best)


@lean
def _dear(s, g, rule):
    """What group g costs less what it saves, yuan per m²."""
    return (rule.worth * s.area[g] - s.value[g]) / max(s.area[g], 1.0)


@kernel
def polish_cost(rounds, noise, u, s, w, rule, pool, members):
    """Ruin and recreate anywhere for cost: each round's partition stays only if it is no worse."""
    n = u.area.shape[0]
    keep = state(n)
    before = total(s)
    for _ in range(rounds):
        # the dearer of two by its cost for a m²: there is more to gain
        centre = random(w.meta, n)
        other = random(w.meta, n)
        if _dear(s, s.lab[other], rule) > _dear(s, s.lab[centre], rule):
            centre = other
        if s.size[s.lab[centre]] == n:
            break
        copy(s, keep)
        freed = ruin(centre, 5 + random(w.meta, 16), u, s, w, pool)
        shuffle(pool, freed, w)
        grow(pool, freed, u, s, w, rule, noise, members)
        improve(u, s, w, rule, members)
        after = total(s)
        if after < before - EPS:
            copy(keep, s)
        else:
            before = after


@kernel
def settle(u, s, w, rule, pool, members):
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
        gather(members, 1, u, w)
        set_group(new_label(s, np.uint64(1), w), np.uint64(1), u, s, w, rule)
    for g in range(n):
        if s.first[g] >= 0:
            push(g, w)
    improve(u, s, w, rule, members)


@kernel
def labels_of(s):
    n = s.lab.shape[0]
    out = np.empty(n, np.int32)
    for p in range(n):
        out[p] = s.lab[p] if s.area[s.lab[p]] > 0.0 else -1
    return out


@kernel
def load(labels, u, s, w, rule, members):
    """Make the blocks of `labels` and each loose parcel a group of s; False where a block has too many parcels."""
    n = labels.shape[0]
    clear(s)
    order = np.argsort(labels, kind="mergesort")
    i = 0
    while i < n:
        k = 0
        g = labels[order[i]]
        while i < n and labels[order[i]] == g and (g >= 0 or k == 0):
            if k == MOST:
                return False
            members[k] = order[i]
            k += 1
            i += 1
        gather(members, k, u, w)
        mask = first_bits(k)
        set_group(new_label(s, mask, w), mask, u, s, w, rule)
    return True


@kernel
def join_unit(u, rule, can, seed, start, starts, shakes, polish):
    """Labels of one unit's parcels, -1 where loose: int32[n].

    can: bool[n], parcels that lie in some group that reaches the minimum (planning.reach). start: labels to go
    on from where starts is 0. starts: first partitions tried; shakes: ruin-and-recreate rounds per loose parcel
    that could be placed; polish: the same per block, for cost.
    """
    n = u.area.shape[0]
    gathering = Rule(rule.minimum, rule.maximum, rule.step, PULL, rule.worth, rule.prices)
    s = state(n)
    best = state(n)
    w = work(n, u.nbr.shape[0] // 2, seed)
    members = np.zeros(MOST * 2, np.int32)
    pool = np.zeros(n, np.int32)
    best_value = -1.0
    if starts == 0:
        if not load(start, u, best, w, gathering, members):
            return start
        best_value = total(best)
    for first in range(starts):
        start_from(first, u, s, w, gathering, pool, members)
        value = total(s)
        if value > best_value:
            best_value = value
            copy(s, best)
    copy(best, s)
    shake(can, shakes, best_value, u, s, best, w, gathering, pool, members)
    settle(u, best, w, rule, pool, members)
    blocks = 0
    for g in range(n):
        if best.first[g] >= 0 and best.area[g] > 0.0:
            blocks += 1
    if polish > 0:
        polish_cost(np.int64(polish * blocks), 100.0, u, best, w, rule, pool, members)
        settle(u, best, w, rule, pool, members)
    return labels_of(best)


@kernel
def improve_unit(u, rule, labels, seed):
    """Labels of one unit after improving every pair of a partition that is there already: int32[n].

    labels: int32[n], -1 loose.
    """
    n = u.area.shape[0]
    s = state(n)
    w = work(n, u.nbr.shape[0] // 2, seed)
    members = np.zeros(MOST * 2, np.int32)
    pool = np.zeros(n, np.int32)
    if not load(labels, u, s, w, rule, members):
        return labels
    settle(u, s, w, rule, pool, members)
    return labels_of(s)
