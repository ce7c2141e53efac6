"""Facts about which parcels could be in a block, and why the others are in none."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.neighbours import adjacency
from planning.reach import reachable, reasons
from tests.planning.grids import feasible, grid

units = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
    lambda s: st.tuples(
        st.just(s),
        st.lists(st.floats(0.3, 6), min_size=s[0] * s[1], max_size=s[0] * s[1]),
        st.lists(st.floats(0, 1), min_size=s[0] * s[1], max_size=s[0] * s[1]),
    )
)


@settings(max_examples=150, deadline=None)
@given(units, st.floats(0.05, 0.6))
def test_a_parcel_is_reachable_exactly_where_some_group_with_it_may_be_a_block(unit, step):
    (rows, columns), area, z = unit
    fields = grid(rows, columns, area, z)
    n = rows * columns
    ptr, nbr, edge = adjacency(n, fields.left, fields.right)
    found = reachable(
        fields.area_m2, fields.elevation_m, ptr, nbr, fields.ridge_m2[edge], fields.minimum_m2, step
    )
    by_hand = np.zeros(n, bool)
    for k in range(1, n + 1):
        for members in combinations(range(n), k):
            if feasible(fields, members, np.inf, step):
                by_hand[list(members)] = True
    assert (found == by_hand).all()


def _why(area, pairs, *, could=None, refused=(), unlevelled=(), open_pairs=None, fenced=()):
    n = len(area)
    flag = lambda rows: np.isin(np.arange(n), list(rows))  # noqa: E731
    left, right = np.array(pairs, np.int32).reshape(-1, 2).T
    is_open = (
        np.ones(len(pairs), bool) if open_pairs is None else np.isin(np.arange(len(pairs)), list(open_pairs))
    )
    return reasons(
        loose=np.ones(n, bool),
        could=flag(could or ()),
        refused=flag(refused),
        unlevelled=flag(unlevelled),
        area=np.array(area, float),
        minimum=np.full(n, 5.0),
        left=left,
        right=right,
        open_pair=is_open,
        fenced_pair=np.isin(np.arange(len(pairs)), list(fenced)),
    ).tolist()


def test_each_loose_parcel_is_told_the_rule_that_stands_in_its_way():
    assert _why([1, 1], [(0, 1)]) == ["too_small_together"] * 2
    assert _why([1, 1, 9], []) == ["isolated", "isolated", "elevation"]
    assert _why([3, 3], [(0, 1)]) == ["elevation"] * 2
    assert _why([3, 3], [(0, 1)], could=[0, 1]) == ["left_over"] * 2
    assert _why([3, 3], [(0, 1)], refused=[0], open_pairs=[]) == ["consent", "consent"]
    assert _why([3, 3], [(0, 1)], open_pairs=[], fenced=[0]) == ["barrier"] * 2
    assert _why([3, 3], [(0, 1)], unlevelled=[1]) == ["elevation"] * 2


def test_parcels_in_a_block_have_no_reason():
    why = reasons(
        loose=np.array([False, True]),
        could=np.array([True, False]),
        refused=np.zeros(2, bool),
        unlevelled=np.zeros(2, bool),
        area=np.array([6.0, 1.0]),
        minimum=np.full(2, 5.0),
        left=np.zeros(0, np.int32),
        right=np.zeros(0, np.int32),
        open_pair=np.zeros(0, bool),
        fenced_pair=np.zeros(0, bool),
    )
    assert why.tolist() == [None, "isolated"]
