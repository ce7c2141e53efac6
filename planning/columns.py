"""Groups as columns of a packing problem: their parcels, what they earn, and room for more of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.compiled import kernel, lean


class Columns(NamedTuple):
    """Groups in the order in which they were found; `held` of them are there, the rest is room."""

    start: np.ndarray  # int64[room + 1]: members of column c are member[start[c]:start[c + 1]]
    member: np.ndarray  # int32[...]
    first: np.ndarray  # int32[room]: lowest parcel of each
    net: np.ndarray  # float64[room]: ridges saved less cost, yuan
    area: np.ndarray  # float64[room]: m² of the parcels
    held: np.ndarray  # int64[1]


@kernel
def no_columns(room, members):
    """Columns without any, with room for `room` groups and `members` parcels in all."""
    return Columns(
        np.zeros(room + 1, np.int64),
        np.empty(members, np.int32),
        np.empty(room, np.int32),
        np.empty(room),
        np.empty(room),
        np.zeros(1, np.int64),
    )


@kernel
def enlarged(c):
    """The same columns with twice the room."""
    count = c.held[0]
    out = no_columns(2 * c.net.shape[0], 2 * c.member.shape[0])
    used = c.start[count]
    out.start[: count + 1] = c.start[: count + 1]
    out.member[:used] = c.member[:used]
    out.first[:count] = c.first[:count]
    out.net[:count] = c.net[:count]
    out.area[:count] = c.area[:count]
    out.held[0] = count
    return out


@kernel
def for_area_alone(c):
    """The same columns, which cost nothing and save nothing."""
    return Columns(
        c.start.copy(),
        c.member.copy(),
        c.first.copy(),
        np.zeros(c.net.shape[0]),
        c.area.copy(),
        c.held.copy(),
    )


@lean
def slack(c, i, worth, y):
    """Shares of the parcels of column i less its value, yuan; below 0 where the column breaks the shares."""
    total = -(c.net[i] + worth * c.area[i])
    for k in range(c.start[i], c.start[i + 1]):
        total += y[c.member[k]]
    return total


@kernel
def by_first(c, n):
    """(order, root): columns by their lowest parcel; those of parcel p are order[root[p]:root[p + 1]]."""
    root = np.zeros(n + 1, np.int64)
    for i in range(c.held[0]):
        root[c.first[i] + 1] += 1
    for p in range(n):
        root[p + 1] += root[p]
    at = root.copy()
    order = np.empty(c.held[0], np.int64)
    for i in range(c.held[0]):
        order[at[c.first[i]]] = i
        at[c.first[i]] += 1
    return order, root
