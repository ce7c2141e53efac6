"""The choice of sites as a mixed-integer model: solved by HiGHS, with the rule of connection added where it is broken.

A binary says whether a unit is chosen, another whether its part of the ground is used at all. That chosen units
hang together in groups of the site minimum is said by cuts: where R is a set of units smaller than the site
minimum, whoever chooses a unit of R also chooses one beside R,

    x[u] <= sum of x[v] over the neighbours v of R,   u in R,

for a group that holds u and reaches the minimum must leave R. Every solution of the model without all of these
is a bound; the groups of it that are too small give the next cuts; one without such groups is the best choice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import highspy
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from planning.peeling import peel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

RINGS = 3
"""Cuts at the edge of a small group, and at two edges farther out."""

SHARES = (0.95, 0.5, 0.1)
"""Units chosen to more than these parts are looked at as if chosen whole."""

STALLED = 4
"""Rounds that bring nothing before units are chosen whole."""

MOST_REPAIRED = 4000
"""Units of a county up to which every round with shares also tries for a better choice."""

MOST_NAMED = 60
"""Units of one small group that get cuts of their own in one round, the largest first."""


class Limits(NamedTuple):
    """How long the model is worked at: rounds of cuts with units that may be cut (shares) and with whole ones
    (rounds), nodes of a round's search, the gap that is enough, and the most units that whole ones are asked of."""

    shares: int
    rounds: int
    nodes: int
    gap: float
    units: int


class Rules(NamedTuple):
    """What a choice must keep: at least area_mu in all, at most budget (inf: no limit), groups of site_minimum."""

    area_mu: float
    budget_yuan: float
    site_minimum_mu: float


def solve(
    graph: csr_array,
    area: Floats,
    cost: Floats,
    value: Floats,
    part: Ints,
    rules: Rules,
    start: Bools,
    limits: Limits,
) -> tuple[Bools, float]:
    """(best choice found, a sum of `value` that no choice undercuts): sum of value[u] made least.

    graph: which units touch; part: int64[n], connected part of each unit, -1 for one that cannot be chosen. start: a choice that keeps the rules. value may be
    negative (area to be made most: value = -area).
    """
    scale = float(np.abs(value).sum()) or 1.0
    model = _model(area, cost, value / scale, part, rules, graph)
    best, least = start, -np.inf
    if limits.shares:
        best, least = _in_shares(model, graph, area, cost, value, part, rules, start, limits, scale)
        if _near_enough(value, best, least, limits):
            return best, min(least, float(value[best].sum()))
    for _ in range(limits.rounds if int((part >= 0).sum()) <= limits.units else 0):
        reached = float(value[best].sum())
        _offer(model, area, part, best)
        model.setOptionValue("mip_max_nodes", limits.nodes)
        model.run()
        info = model.getInfo()
        status = model.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return best, reached
        # the solver is exact to about a millionth of the whole
        least = max(least, (info.mip_dual_bound - 1e-9) * scale)
        if not np.isfinite(info.objective_function_value) or info.primal_solution_status != 2:
            break
        x = np.asarray(model.getSolution().col_value[: len(area)]) > 0.5
        cuts = _cuts(graph, area, x, part, rules)
        if not cuts:
            if float(value[x].sum()) <= reached and _kept(area, cost, x, rules):
                best = x
            break
        repaired = _repaired(graph, area, cost, value, part, rules, x)
        if repaired is not None and float(value[repaired].sum()) < reached:
            best = repaired
        if _near_enough(value, best, least, limits):
            break
        _add(model, cuts)
    return best, min(least, float(value[best].sum()))


def _near_enough(value: Floats, best: Bools, least: float, limits: Limits) -> bool:
    reached = float(value[best].sum())
    return reached - least <= limits.gap * abs(reached)


def _in_shares(
    model: highspy.Highs,
    graph: csr_array,
    area: Floats,
    cost: Floats,
    value: Floats,
    part: Ints,
    rules: Rules,
    start: Bools,
    limits: Limits,
    scale: float,
) -> tuple[Bools, float]:
    """The same with units that may be chosen in part: quick rounds that find most of the cuts; they stay."""
    n, columns = len(area), model.getNumCol()
    every = np.arange(columns, dtype=np.int32)
    model.changeColsIntegrality(columns, every, np.full(columns, highspy.HighsVarType.kContinuous))
    best, least, gains = start, -np.inf, []
    for _ in range(limits.shares):
        model.run()
        if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            break
        bound = (model.getInfo().objective_function_value - 1e-9) * scale
        gains.append(bound - least)
        least = max(least, bound)
        x = np.asarray(model.getSolution().col_value[:n])
        cuts = {}
        for share in SHARES:
            for u, around in _cuts(graph, area, x > share, part, rules):
                if x[u] > x[around].sum() + 1e-3:
                    cuts[u, around.tobytes()] = (u, around)
        if not cuts:
            break
        few = int((part >= 0).sum()) <= MOST_REPAIRED
        for wanted in (x > 0.5, x > 0.1, x) if few else ():
            repaired = _repaired(graph, area, cost, value, part, rules, wanted)
            if repaired is not None and float(value[repaired].sum()) < float(value[best].sum()):
                best = repaired
        if _near_enough(value, best, least, limits) or max(gains[-STALLED:]) < 1e-5 * scale:
            break
        _add(model, list(cuts.values()))
    model.changeColsIntegrality(columns, every, np.full(columns, highspy.HighsVarType.kInteger))
    return best, least


def _model(
    area: Floats, cost: Floats, value: Floats, part: Ints, rules: Rules, graph: csr_array
) -> highspy.Highs:
    """Units x[n] and parts y[parts]: area, budget, each part used reaches the site minimum, a unit has company."""
    n, parts = len(area), int(part.max(initial=-1)) + 1
    model = highspy.Highs()
    options: dict[str, Any] = {
        "output_flag": False, "threads": 1, "parallel": "off", "random_seed": 0, "mip_rel_gap": 1e-5,
        # the starts come from here, and a second search inside the search brings little
        "mip_heuristic_effort": 0.0, "mip_detect_symmetry": False, "mip_allow_restart": False,
    }  # fmt: skip
    for name, option in options.items():
        model.setOptionValue(name, option)
    inf = highspy.kHighsInf
    upper = np.r_[(part >= 0).astype(float), np.ones(parts)]
    worth = np.r_[value, np.zeros(parts)]
    for i in range(n + parts):
        model.addCol(float(worth[i]), 0.0, float(upper[i]), 0, [], [])
    kinds = np.full(n + parts, highspy.HighsVarType.kInteger)
    model.changeColsIntegrality(n + parts, np.arange(n + parts, dtype=np.int32), kinds)
    own = np.flatnonzero(part >= 0)
    small = own[area[own] < rules.site_minimum_mu * (1 - 1e-9)]
    if rules.area_mu > 0:
        model.addRow(1.0, inf, len(own), own.astype(np.int32), area[own] / rules.area_mu)
    if np.isfinite(rules.budget_yuan):
        whole = max(rules.budget_yuan, float(cost.max(initial=0.0)), 1e-9)
        model.addRow(-inf, rules.budget_yuan / whole, len(own), own.astype(np.int32), cost[own] / whole)
    least = max(rules.site_minimum_mu, 1e-9)
    for k in range(parts):
        inside = np.flatnonzero(part == k)
        entries = np.r_[inside, n + k].astype(np.int32)
        model.addRow(0.0, inf, len(entries), entries, np.r_[area[inside] / least, -1.0])
    _add(model, [(u, np.array([n + part[u]])) for u in own.tolist()])
    _add(model, [(u, _around(graph, u)) for u in small.tolist()])
    return model


def _around(graph: csr_array, u: int) -> Ints:
    return graph.indices[graph.indptr[u] : graph.indptr[u + 1]].astype(np.int64)


def _add(model: highspy.Highs, cuts: list[tuple[int, Ints]]) -> None:
    rows = len(cuts)
    if rows == 0:
        return
    long = np.array([len(around) + 1 for _, around in cuts])
    start = np.r_[0, np.cumsum(long)[:-1]].astype(np.int32)
    factors = -np.ones(int(long.sum()))
    factors[start] = 1.0
    entries = np.empty(len(factors), np.int32)
    entries[start] = [u for u, _ in cuts]
    entries[factors < 0] = np.concatenate([around for _, around in cuts])
    model.addRows(
        rows, np.full(rows, -highspy.kHighsInf), np.zeros(rows), len(entries), start, entries, factors
    )


def _offer(model: highspy.Highs, area: Floats, part: Ints, chosen: Bools) -> None:
    """Give the solver a choice to start from."""
    used = np.zeros(int(part.max(initial=-1)) + 1)
    used[part[chosen]] = 1.0
    solution: Any = highspy.HighsSolution()
    solution.col_value = np.r_[chosen.astype(float), used].tolist()
    model.setSolution(solution)


def _groups(graph: csr_array, chosen: Bools) -> tuple[Ints, Ints]:
    from scipy.sparse.csgraph import connected_components

    own = np.flatnonzero(chosen)
    return own, connected_components(graph[own][:, own], directed=False)[1].astype(np.int64)


def _cuts(graph: csr_array, area: Floats, chosen: Bools, part: Ints, rules: Rules) -> list[tuple[int, Ints]]:
    """For each group of `chosen` below the site minimum: (unit of it, the units beside it or farther out)."""
    least = rules.site_minimum_mu * (1 - 1e-9)
    own, label = _groups(graph, chosen)
    size = np.bincount(label, area[own])
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(len(size) + 1))
    inside = np.zeros(len(area), bool)
    found: list[tuple[int, Ints]] = []
    for g in np.flatnonzero(size < least):
        group = own[order[starts[g] : starts[g + 1]]]
        named = group[np.argsort(-area[group], kind="stable")][:MOST_NAMED]
        inside[group] = True
        for ring in range(RINGS):
            touched = np.unique(np.concatenate([_around(graph, u) for u in group.tolist()]))
            beside = touched[~inside[touched] & (part[touched] >= 0)]
            found += [(int(u), beside) for u in (named if ring == 0 else named[:1])]
            inside[beside] = True
            group = np.sort(np.concatenate([group, beside]))
            if not len(beside) or float(area[group].sum()) >= least:
                break
        inside[group] = False
    return found


def _kept(area: Floats, cost: Floats, chosen: Bools, rules: Rules) -> bool:
    return float(area[chosen].sum()) >= rules.area_mu * (1 - 1e-9) and float(
        cost[chosen].sum()
    ) <= rules.budget_yuan * (1 + 1e-9)


def _repaired(
    graph: csr_array,
    area: Floats,
    cost: Floats,
    value: Floats,
    part: Ints,
    rules: Rules,
    wanted: Bools | Floats,
) -> Bools | None:
    """A choice that keeps the rules and holds most of what is wanted (0–1); None where this way finds none."""
    least = rules.site_minimum_mu * (1 - 1e-9)
    most = max(float(cost.max(initial=0.0)), 1e-9)
    biased = (1.001 - np.clip(wanted.astype(float), 0.0, 1.0)) * (cost + 1e-3 * most)
    ptr, nbr = graph.indptr.astype(np.int64), graph.indices.astype(np.int64)
    target = rules.area_mu * (1 - 1e-9)
    step, _, _ = peel(area, biased, ptr, nbr, part >= 0, least, target)
    if np.isfinite(rules.budget_yuan) and rules.area_mu <= 0:
        chosen = part >= 0
        for k in range(int(step.max(initial=-1)) + 1):
            if float(cost[chosen].sum()) <= rules.budget_yuan:
                break
            chosen = chosen & (step != k)
        return chosen if _kept(area, cost, chosen, rules) else None
    chosen = (part >= 0) & (step < 0)
    # once more, now the dearest first and no longer for what was wanted
    step, _, _ = peel(area, np.maximum(value, 0.0), ptr, nbr, chosen, least, target)
    chosen &= step < 0
    return chosen if _kept(area, cost, chosen, rules) else None
