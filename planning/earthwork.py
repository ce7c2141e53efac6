"""Earth moved inside a block: from the parcels above its design level to those below, over the least distance.

Which giving parcel feeds which taking one is the transportation problem over centroid distance. It is solved
exactly, block by block, by shortest augmenting paths: R. Ahuja, T. Magnanti, J. Orlin, Network Flows (1993),
section 9.7; distances stay non-negative under the nodes' potentials, so each path is found as Dijkstra does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geo.compiled import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]

GRAIN = 1e-9
"""Share of a block's cut below which a volume is a rounding error."""


@dataclass(frozen=True)
class Hauls:
    """The haul table, one row a load, blocks in order: block, giving and taking parcel, m³, m."""

    block: npt.NDArray[np.int64]
    giving: npt.NDArray[np.int64]
    taking: npt.NDArray[np.int64]
    volume_m3: Floats
    distance_m: Floats

    def of_blocks(self, n: int) -> Floats:
        """Haul of each of n blocks, m³·m: float64[n]."""
        return np.bincount(self.block, self.volume_m3 * self.distance_m, n).astype(float)


def hauls(
    label: Ints, area_m2: Floats, elevation_m: Floats, level_m: Floats, x_m: Floats, y_m: Floats
) -> Hauls:
    """The loads that level every block with the least m³·m.

    label: block of each parcel, -1 none; area_m2, elevation_m (NaN unknown), x_m, y_m (centroid): per parcel;
    level_m: per block, NaN where it has none, as `planning.cost.levelling` gives it, so that cut equals fill, or
    lower: what is cut beyond the fill stays out of the loads.
    Where no two ways are equally long a block of n parcels has at most n - 1 loads.
    """
    levelled = (label >= 0) & np.isfinite(elevation_m)
    levelled[levelled] &= np.isfinite(level_m[label[levelled]])
    rows = np.flatnonzero(levelled)
    rows = rows[np.argsort(label[rows], kind="stable")]
    block = label[rows].astype(np.int64)
    volume = area_m2[rows] * (elevation_m[rows] - level_m[block])
    bounds = np.append(np.flatnonzero(np.diff(block, prepend=-1)), len(block)).astype(np.int64)
    give, take, load, metres = _transport(bounds, volume, x_m[rows], y_m[rows])
    return Hauls(block[give], rows[give], rows[take], load, metres)


@kernel
def _transport(bounds, volume, x, y):
    """Loads of blocks bounds[i]..bounds[i + 1]: (giving row, taking row, m³, m), block by block.

    volume: m³ of each row, above 0 to give, below 0 to take; a block gives no less than it takes but for rounding.
    """
    n = volume.shape[0]
    out_give = np.empty(n, np.int64)
    out_take = np.empty(n, np.int64)
    out_load = np.empty(n)
    out_far = np.empty(n)
    count = 0
    for i in range(bounds.shape[0] - 1):
        a, b = bounds[i], bounds[i + 1]
        givers = a + np.flatnonzero(volume[a:b] > 0.0)
        takers = a + np.flatnonzero(volume[a:b] < 0.0)
        ns, nd = givers.shape[0], takers.shape[0]
        if ns == 0 or nd == 0:
            continue
        supply = volume[givers]
        demand = -volume[takers]
        far = np.empty((ns, nd))
        for s in range(ns):
            for d in range(nd):
                far[s, d] = np.hypot(x[givers[s]] - x[takers[d]], y[givers[s]] - y[takers[d]])
        flow = _flows(supply, demand, far)
        for s in range(ns):
            for d in range(nd):
                if flow[s, d] > 0.0:
                    if count == out_give.shape[0]:
                        out_give = np.concatenate((out_give, np.empty_like(out_give)))
                        out_take = np.concatenate((out_take, np.empty_like(out_take)))
                        out_load = np.concatenate((out_load, np.empty_like(out_load)))
                        out_far = np.concatenate((out_far, np.empty_like(out_far)))
                    out_give[count] = givers[s]
                    out_take[count] = takers[d]
                    out_load[count] = flow[s, d]
                    out_far[count] = far[s, d]
                    count += 1
    return out_give[:count], out_take[:count], out_load[:count], out_far[:count]


@kernel
def _flows(supply, demand, far):
    """Volumes from each giver to each taker, float64[givers, takers], that cost least.

    Demand is used up; supply too, unless there is more of it than demand.
    """
    ns, nd = far.shape
    flow = np.zeros((ns, nd))
    if ns == 1:
        flow[0, :] = demand
        return flow
    if nd == 1:
        left = demand[0]
        for s in np.argsort(far[:, 0]):
            flow[s, 0] = min(supply[s], left)
            left -= flow[s, 0]
        return flow
    grain = GRAIN * supply.sum()
    # nodes 0..ns-1 give, ns.. take; price: their potentials
    n = ns + nd
    price = np.zeros(n)
    reach = np.empty(n)
    before = np.empty(n, np.int64)
    done = np.empty(n, np.bool_)
    while True:
        for v in range(n):
            reach[v] = 0.0 if v < ns and supply[v] > grain else np.inf
            before[v] = -1
            done[v] = False
        end = -1
        while True:
            v = -1
            for w in range(n):
                if not done[w] and reach[w] < np.inf and (v < 0 or reach[w] < reach[v]):
                    v = w
            if v < 0:
                break
            done[v] = True
            if v >= ns and demand[v - ns] > grain:
                end = v
                break
            if v < ns:
                for d in range(nd):
                    w = ns + d
                    step = reach[v] + max(far[v, d] + price[v] - price[w], 0.0)
                    if not done[w] and step < reach[w]:
                        reach[w] = step
                        before[w] = v
            else:
                for s in range(ns):
                    if flow[s, v - ns] > 0.0:
                        step = reach[v] + max(price[v] - far[s, v - ns] - price[s], 0.0)
                        if not done[s] and step < reach[s]:
                            reach[s] = step
                            before[s] = v
        if end < 0:
            return flow
        for v in range(n):
            price[v] += min(reach[v], reach[end])
        load = demand[end - ns]
        v = end
        while before[v] >= 0:
            u = before[v]
            if u >= ns:
                load = min(load, flow[v, u - ns])
            v = u
        load = min(load, supply[v])
        supply[v] -= load
        demand[end - ns] -= load
        v = end
        while before[v] >= 0:
            u = before[v]
            if u < ns:
                flow[u, v - ns] += load
            else:
                flow[v, u - ns] -= load
                if flow[v, u - ns] <= grain * 1e-3:
                    flow[v, u - ns] = 0.0
            v = u
