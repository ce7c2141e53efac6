"""Facts about what else a block could have been, held against every change of little units reckoned by hand."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.neighbours import adjacency
from geo.schemas import MU_M2
from planning.alternatives import TERMS, Ground, changes
from planning.blocks import Rules, join
from planning.cost import Prices, block_cost
from planning.effort import Effort
from planning.explain import explain
from planning.reach import reachable
from tests.planning.grids import connected, feasible, grid

PRICES = Prices(5.0, 9.4, 167.0, 200.0)


def rules(step=0.3, maximum_mu=50.0):
    return Rules(maximum_mu * MU_M2, step, PRICES)


def joined(fields, given=None, effort=Effort.best):
    given = given or rules()
    ptr, nbr, edge = adjacency(len(fields.unit), fields.left, fields.right)
    can = reachable(
        fields.area_m2,
        fields.elevation_m,
        ptr,
        nbr,
        fields.ridge_m2[edge],
        fields.minimum_m2,
        given.max_step_m,
    )
    return join(fields, can, given, 1, None, 1, effort)


def worth(fields, members, given):
    """Area that counts and yuan that the ridges removed save less what the block costs, reckoned by hand."""
    members = sorted(members)
    inside = np.isin(fields.left, members) & np.isin(fields.right, members)
    area = fields.area_m2[members].sum()
    whole = area + fields.ridge_m2[inside].sum()
    if not members or whole < fields.minimum_m2[0] - 1e-9:
        return 0.0
    if len(members) == 1:
        return given.worth_yuan_per_m2 * area
    a, z, box = fields.area_m2[members], fields.elevation_m[members], fields.box_m[members]
    cut = (a * np.maximum(z - (a * z).sum() / a.sum(), 0)).sum()
    rectangle = max(np.ptp(box[:, [0, 2]]) * np.ptp(box[:, [1, 3]]), whole)
    operators = len({o for o in fields.operator[members].tolist() if o >= 0})
    cost = block_cost(cut, whole, whole / rectangle, float(operators), PRICES)
    return given.worth_yuan_per_m2 * area + PRICES.ridge_yuan_per_m * fields.facing_m[inside].sum() - cost


def by_hand(fields, labels, block, given):
    """The gain of every allowed change of one block, reckoned by hand over all subsets of the unit."""
    n = len(labels)
    groups = {b: set(np.flatnonzero(labels == b).tolist()) for b in range(labels.max() + 1)}
    own = groups[block]
    touches = lambda a, b: connected(fields, {a, b})  # noqa: E731
    maximum = given.maximum_m2 / MU_M2

    def fine(group):
        return (
            not group
            or worth(fields, group, given) == 0.0
            or feasible(fields, group, maximum, given.max_step_m + 1e-9)
        )

    def gain(before, after):
        if not all(fine(g) for g in after):
            return []
        return [sum(worth(fields, g, given) for g in after) - sum(worth(fields, g, given) for g in before)]

    found = []
    for p in range(n):
        if p not in own and any(touches(p, q) for q in own):
            theirs = groups.get(labels[p], {p})
            found += gain([own, theirs], [own | {p}, theirs - {p}])
    for p in own:
        for b, theirs in groups.items():
            if b != block and any(touches(p, q) for q in theirs):
                found += gain([own, theirs], [own - {p}, theirs | {p}])
    for b, theirs in groups.items():
        if b != block and any(touches(p, q) for p in own for q in theirs):
            found += gain([own, theirs], [own | theirs])
    members = sorted(own)
    for mask in range(1 << len(members)):
        part = {m for i, m in enumerate(members) if mask >> i & 1}
        if part == own:
            continue
        rest = own - part
        both = (not part or connected(fields, part)) and connected(fields, rest)
        if both and (len(own) > 1 or part):
            # an empty part: all of it is left as it is
            found += gain([own], [part, rest] if part else [])
    return found


little = st.tuples(st.integers(2, 3), st.integers(3, 4)).flatmap(
    lambda s: st.builds(
        lambda area, z, op: grid(s[0], s[1], area, z, op),
        st.lists(st.floats(0.8, 3), min_size=s[0] * s[1], max_size=s[0] * s[1]),
        st.lists(st.floats(0, 0.5), min_size=s[0] * s[1], max_size=s[0] * s[1]),
        st.lists(st.integers(-1, 3), min_size=s[0] * s[1], max_size=s[0] * s[1]),
    )
)


@settings(max_examples=40, deadline=None)
@given(little, st.integers(0, 5), st.sampled_from([9.0, 50.0]))
def test_the_next_best_that_is_named_is_the_best_single_change(fields, number, maximum):
    given_rules = rules(maximum_mu=maximum)
    labels = joined(fields, given_rules, Effort.quick)
    if labels.max() < 0:
        return
    block = number % (int(labels.max()) + 1)
    named = [c for c in changes(Ground(fields, labels, given_rules), block) if c.rule is None]
    expected = by_hand(fields, labels, block, given_rules)
    assert bool(named) == bool(expected)
    if named:
        best = named[0].value_yuan(given_rules.worth_yuan_per_m2)
        assert best == pytest.approx(max(expected), abs=1e-3, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(little)
def test_in_a_unit_that_is_solved_no_single_change_is_cheaper(fields):
    labels = joined(fields)
    ground = Ground(fields, labels, rules())
    for block in range(int(labels.max()) + 1):
        allowed = [c for c in changes(ground, block) if c.rule is None]
        assert all(c.value_yuan(rules().worth_yuan_per_m2) <= 1e-3 for c in allowed)


def test_the_rule_that_forbids_a_change_is_named():
    # two blocks of two parcels, and one parcel too small by itself that lies 0.4 m higher
    fields = grid(1, 5, [3, 3, 3, 3, 3.5], [0, 0, 0, 0, 0.4])
    labels = np.array([0, 0, 1, 1, 2], np.int32)
    found = {(c.kind, c.rows, c.other): c for c in changes(Ground(fields, labels, rules(maximum_mu=10)), 1)}
    assert found["take", (1,), 0].rule is None and found["take", (1,), 0].ends
    assert found["join", (0, 1), 0].rule == "maximum"
    assert found["join", (4,), 2].rule == "step"
    assert found["give", (2,), 0].ends
    assert found["dissolve", (2, 3), -1].difference.area_m2 == pytest.approx(-6 * MU_M2)


def test_a_block_that_would_fall_to_pieces_is_no_choice():
    fields = grid(1, 5, 3, 0)
    labels = np.array([0, 0, 0, 1, 1], np.int32)
    middle = [c for c in changes(Ground(fields, labels, rules()), 0) if c.rows == (1,)]
    assert middle == []  # the middle one has no other block beside it, and split off it parts the two ends


def test_the_difference_is_told_by_what_it_is_made_of():
    fields = grid(1, 4, 3, [0, 0.1, 0.1, 0.2], [0, 1, 2, 2])
    labels = np.array([0, 0, 1, 1], np.int32)
    (join_,) = [c for c in changes(Ground(fields, labels, rules()), 0) if c.kind == "join"]
    terms = dict(zip(TERMS, join_.difference.terms, strict=True))
    assert terms["ridges"] == pytest.approx(-9.4 * 29.6)
    assert terms["operators"] == pytest.approx(
        200.0
    )  # 2 + 1 operators: one and none beyond the first, then two
    assert terms["earthwork"] == pytest.approx(5 * 3 * MU_M2 * (0.1 - 2 * 0.05))
    assert join_.difference.area_m2 == pytest.approx(0.0)
    assert join_.difference.cost_yuan == pytest.approx(sum(terms.values()))


@pytest.mark.parametrize("columns", [9, 20])
def test_a_large_block_is_split_along_straight_cuts_and_by_level(columns):
    fields = grid(2, columns, 2.0, np.tile(np.linspace(0, 0.2, columns), 2))
    labels = np.zeros(2 * columns, np.int32)
    splits = [c for c in changes(Ground(fields, labels, rules(maximum_mu=500)), 0) if c.kind == "split"]
    whole = set(range(2 * columns))
    halves = [set(c.rows) for c in splits]
    assert any(
        h in ({*range(k), *range(columns, columns + k)}, whole - {*range(k), *range(columns, columns + k)})
        for h in halves
        for k in [columns // 2]
    )
    assert all(connected(fields, h) and connected(fields, whole - h) for h in halves)


@pytest.fixture(scope="module")
def some(plan_folder):
    """Explanations of a few blocks of a planned demo region: the dearest, the largest, single ones."""
    blocks = gpd.read_parquet(plan_folder / "blocks.parquet")
    rows = [*blocks.cost_yuan.nlargest(3).index, *blocks.area_mu.nlargest(3).index]
    rows += blocks.index[blocks.n_parcels == 1][:2].tolist()
    return {i: explain(plan_folder, i) for i in blocks.block_id[rows]}, blocks.set_index("block_id")


def test_what_is_told_of_a_block_is_what_the_plan_says(some):
    for name, e in some[0].items():
        row = some[1].loc[name]
        assert sum(e["cost"].values()) == pytest.approx(row.cost_yuan, abs=1e-6)
        assert sum(p["area_mu"] for p in e["parcels"]) == pytest.approx(row.parcels_mu)
        assert len(e["parcels"]) == row.n_parcels
        moved = sum(w["volume_m3"] for w in e["loads"])
        assert moved == pytest.approx(row.cut_m3, abs=1e-6)
        assert e["elevation_max_m"] - e["elevation_min_m"] <= 0.3 + 1e-6


def test_the_plan_rebuilt_from_its_folder_has_the_same_blocks_and_prefers_them(some):
    for e in some[0].values():
        assert all(c["gain_yuan"] <= 1.0 for c in e["next_best"]) == (e["better"] == 0)
        for c in e["next_best"]:
            assert sum(c["cost"].values()) == pytest.approx(c["cost_yuan"], abs=1e-3)
    assert sum(e["better"] == 0 for e in some[0].values()) >= len(some[0]) - 1


def test_a_rule_that_stops_something_says_so_in_both_languages(some):
    for e in some[0].values():
        assert {"step", "maximum", "minimum"} <= {r["rule"] for r in e["rules"]}
        for r in e["rules"]:
            assert r["binds"] == (r["stops"] > 0) == (str(r["stops"]) in r["zh"].split("，")[-1])


def test_nobody_is_named(some, plan_folder):
    parcels = gpd.read_parquet(plan_folder / "parcels.parquet")
    people = set(parcels.operator.dropna())
    said = json.dumps([*some[0].values()], ensure_ascii=False, default=str)
    assert people and not [p for p in people if json.dumps(p, ensure_ascii=False) in said]
    assert all(
        isinstance(e["n_operators"], int) and "operator" not in e["parcels"][0] for e in some[0].values()
    )
