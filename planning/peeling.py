"""Taking away the dearest ground first while what stays still makes sites: the chain of choices of a county."""

from __future__ import annotations

import heapq

import numpy as np

from geo.compiled import kernel

_NEAR = 96
"""Units looked at before the whole group is searched for whether it still holds together."""


@kernel
def _near_by(u, alive, ptr, nbr, seen, mark, queue):
    """Whether the neighbours of u hold together without u, as far as a short walk tells."""
    count, first = 0, -1
    for k in range(ptr[u], ptr[u + 1]):
        if alive[nbr[k]]:
            count += 1
            if first < 0:
                first = nbr[k]
    if count == 0:
        return False
    seen[u] = mark
    seen[first] = mark
    queue[0] = first
    head, tail, met = 0, 1, 1
    while head < tail and met < count and tail < _NEAR:
        p = queue[head]
        head += 1
        for k in range(ptr[p], ptr[p + 1]):
            q = nbr[k]
            if alive[q] and seen[q] != mark:
                seen[q] = mark
                queue[tail] = q
                tail += 1
    met = 0
    for k in range(ptr[u], ptr[u + 1]):
        if alive[nbr[k]] and seen[nbr[k]] == mark:
            met += 1
    return met == count


@kernel
def peel(area, price, ptr, nbr, kept, least, target):
    """(step, area_after, price_after): in what order the units go, the dearest of a mu first.

    area [mu], price [yuan], ptr, nbr: the units that touch, as rows. kept: bool[n], those to begin with: groups
    that hold together, each of at least `least` mu. Whatever a unit's going would leave below that goes with
    it, at the mean price of all that goes. Nothing goes that would leave less than `target` mu in all.
    step: int32[n], -1 for what stays (and for what was never there); the sums stand after each step.
    """
    n = area.shape[0]
    alive = kept.copy()
    step = np.full(n, -1, np.int32)
    group = np.full(n, -1, np.int64)
    group_area = np.zeros(2 * n + 1)
    group_price = np.zeros(2 * n + 1)
    seen = np.zeros(n, np.int64)
    queue = np.empty(max(n, _NEAR * 64), np.int64)
    going = np.empty(n, np.int64)
    piece_start = np.empty(n + 1, np.int64)
    areas, prices = np.empty(n), np.empty(n)
    mark, groups, steps = 0, 0, 0
    whole, spent = 0.0, 0.0
    for s in range(n):
        if not alive[s]:
            continue
        whole += area[s]
        spent += price[s]
        if group[s] >= 0:
            continue
        head, tail = 0, 1
        queue[0] = s
        group[s] = groups
        while head < tail:
            p = queue[head]
            head += 1
            group_area[groups] += area[p]
            group_price[groups] += price[p]
            for k in range(ptr[p], ptr[p + 1]):
                q = nbr[k]
                if alive[q] and group[q] < 0:
                    group[q] = groups
                    queue[tail] = q
                    tail += 1
        groups += 1
    start = whole
    heap = [(-price[s] / area[s], s) for s in range(n) if alive[s]]
    heapq.heapify(heap)
    while len(heap) > 0:
        key, u = heapq.heappop(heap)
        if not alive[u]:
            continue
        g = group[u]
        count, pieces = 0, 0
        gone_area, gone_price = area[u], price[u]
        alone = False
        if group_area[g] - area[u] < least:
            gone_area, gone_price = group_area[g], group_price[g]
        else:
            mark += 1
            alone = _near_by(u, alive, ptr, nbr, seen, mark, queue)
            if not alone:
                mark += 1
                seen[u] = mark
                tail = 0
                for k in range(ptr[u], ptr[u + 1]):
                    s = nbr[k]
                    if not alive[s] or seen[s] == mark:
                        continue
                    first = tail
                    head = tail
                    queue[tail] = s
                    seen[s] = mark
                    tail += 1
                    a, c = 0.0, 0.0
                    while head < tail:
                        p = queue[head]
                        head += 1
                        a += area[p]
                        c += price[p]
                        for j in range(ptr[p], ptr[p + 1]):
                            q = nbr[j]
                            if alive[q] and seen[q] != mark:
                                seen[q] = mark
                                queue[tail] = q
                                tail += 1
                    if a < least:
                        gone_area += a
                        gone_price += c
                        for j in range(first, tail):
                            going[count] = queue[j]
                            count += 1
                        tail = first
                    else:
                        piece_start[pieces] = first
                        pieces += 1
                piece_start[pieces] = tail
        # a difference of sums may be a trifle below nothing
        if whole - gone_area < target - 1e-9 * start:
            continue
        now = -gone_price / gone_area
        if now > key and len(heap) > 0 and now > heap[0][0]:
            heapq.heappush(heap, (now, u))
            continue
        if group_area[g] - area[u] < least:
            for p in range(n):
                if alive[p] and group[p] == g:
                    alive[p] = False
                    step[p] = steps
        else:
            alive[u] = False
            step[u] = steps
            for j in range(count):
                alive[going[j]] = False
                step[going[j]] = steps
            if alone:
                group_area[g] -= area[u]
                group_price[g] -= price[u]
            else:
                for i in range(pieces):
                    a, c = 0.0, 0.0
                    for j in range(piece_start[i], piece_start[i + 1]):
                        p = queue[j]
                        group[p] = groups
                        a += area[p]
                        c += price[p]
                    group_area[groups] = a
                    group_price[groups] = c
                    groups += 1
            # what a neighbour takes along may be less now
            for k in range(ptr[u], ptr[u + 1]):
                q = nbr[k]
                if alive[q]:
                    heapq.heappush(heap, (-price[q] / area[q], q))
            for j in range(count):
                p = going[j]
                for k in range(ptr[p], ptr[p + 1]):
                    q = nbr[k]
                    if alive[q]:
                        heapq.heappush(heap, (-price[q] / area[q], q))
        whole -= gone_area
        spent -= gone_price
        areas[steps] = whole
        prices[steps] = spent
        steps += 1
    return step, areas[:steps], prices[:steps]
