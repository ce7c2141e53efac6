"""Blocks that lie near each other split anew in the best way, window by window, until nothing gets better."""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel
from planning.exact import frontier, pack, small_groups, take, value
from planning.relaxation import relax


@kernel
def _window(u, labels, head, nxt, seed, target, most, within, rows):
    """Parcels of whole blocks around the block of `seed`, about `target` and at most `most`, in `rows`: their number."""
    count = 0
    at = -1
    p = seed
    while True:
        g = labels[p]
        if g < 0:
            if count < most:
                rows[count] = p
                within[p] = True
                count += 1
        else:
            size = 0
            q = head[g]
            while q >= 0:
                size += 1
                q = nxt[q]
            if count + size <= most:
                q = head[g]
                while q >= 0:
                    rows[count] = q
                    within[q] = True
                    count += 1
                    q = nxt[q]
        # the next parcel beside those that are in, block by block outwards
        p = -1
        while count < target and p < 0:
            at += 1
            if at >= count:
                break
            for e in range(u.ptr[rows[at]], u.ptr[rows[at] + 1]):
                q = u.nbr[e]
                if not within[q] and not _too_large(labels, head, nxt, q, most - count):
                    p = q
                    at -= 1
                    break
        if p < 0:
            break
    for i in range(count):
        within[rows[i]] = False
    return count


@kernel
def _too_large(labels, head, nxt, p, most):
    if labels[p] < 0:
        return most < 1
    q = head[labels[p]]
    size = 0
    while q >= 0 and size <= most:
        size += 1
        q = nxt[q]
    return size > most


@kernel
def resplit(u, labels, rule, target, most, width, rounds):
    """Split windows of about `target` parcels anew, in place, wherever that is worth more: windows that changed.

    labels: int32[n], a block by any name, -1 loose; afterwards each block goes by its first parcel. most: groups
    listed in a window; rounds: times that a block is looked at, again only where something changed around it.
    """
    n = labels.shape[0]
    head = np.full(n, -1, np.int32)
    nxt = np.full(n, -1, np.int32)
    name = np.full(n, -1, np.int32)
    for p in range(n):
        if labels[p] >= 0:
            if name[labels[p]] < 0:
                name[labels[p]] = p
            labels[p] = name[labels[p]]
            nxt[p] = head[labels[p]]
            head[labels[p]] = p
    dirty = np.ones(n, np.bool_)
    within = np.zeros(n, np.bool_)
    place = np.full(n, -1, np.int32)
    space = np.empty(n, np.int32)
    changed = 0
    for _ in range(rounds):
        before = changed
        for p in range(n):
            if not dirty[p] or (labels[p] >= 0 and labels[p] != p):
                continue
            dirty[p] = False
            k = _window(u, labels, head, nxt, p, target, target + target // 2, within, space)
            if k < 2:
                continue
            rows = frontier(u.ptr, u.nbr, space[:k], place)
            part, _ = take(u, rows, place)
            now = np.full(k, -1, np.int32)
            for i in range(k):
                now[i] = labels[rows[i]]
            worth_now = value(part, now, rule)
            columns, _ = small_groups(part, np.zeros(k), np.ones(k, np.bool_), 0.0, rule, most)
            if columns.held[0] == 0:
                continue
            y, _ = relax(columns, k, rule.worth, 200 * k + 2000)
            new, better, _ = pack(columns, k, rule.worth, y, worth_now + 1e-3, width, 100_000)
            if better <= worth_now + 1e-3:
                continue
            changed += 1
            for i in range(k):
                if now[i] >= 0:
                    head[now[i]] = -1
            for i in range(k):
                space[i] = -1
            for i in range(k):
                g = new[i]
                if g >= 0 and (space[g] < 0 or rows[i] < space[g]):
                    space[g] = rows[i]
            for i in range(k):
                q = rows[i]
                labels[q] = space[new[i]] if new[i] >= 0 else -1
                dirty[q] = True
                if labels[q] >= 0:
                    nxt[q] = head[labels[q]]
                    head[labels[q]] = q
        if changed == before:
            break
    return changed
