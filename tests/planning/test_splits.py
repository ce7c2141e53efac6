"""Facts about splitting two groups anew: what is passed over unweighed could not have been better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.groups import gather, work
from planning.pairs import Rule, part_of, worth
from planning.splits import _at_most
from tests.planning.test_exact import PRICES, RULES, random_grid, unit


def weighed(fields, members, base):
    """(what the group is worth, what a split may expect of it at the most), yuan."""
    u = unit(fields)
    rule = Rule(fields.minimum_m2[0], RULES.maximum_m2, RULES.max_step_m, 0.3, 3.0, PRICES)
    w = work(len(u.area), len(u.nbr) // 2, 1)
    gather(np.array(members, np.int32), len(members), u, w)
    mask = np.uint64((1 << len(members)) - 1)
    if part_of(mask, w.pair) != mask:
        return None
    inside = np.isin(fields.left, members) & np.isin(fields.right, members)
    area, z, box = u.area[members], u.z[members] - base, u.box[members]
    rectangle = (box[:, 2].max() - box[:, 0].min()) * (box[:, 3].max() - box[:, 1].min())
    most = _at_most(
        len(members), area.sum(), fields.ridge_m2[inside].sum(), fields.facing_m[inside].sum(),
        (area * z).sum(), (area * z * z).sum(), z.min(), z.max(), rectangle, rule,
    )  # fmt: skip
    return worth(mask, w.pair, rule)[0], most


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 11), min_size=1, unique=True), st.floats(-500, 500))
def test_no_connected_group_is_worth_more_than_a_split_expects_of_it(seed, members, base):
    found = weighed(random_grid(3, 4, seed), members, base)
    if found is not None:
        value, most = found
        assert value <= most + 1e-4


def test_of_two_equal_paddies_the_least_earth_is_known_exactly():
    fields = random_grid(1, 2, 7, spread_m=0.2)
    fields.area_m2[:] = 4000.0
    fields.operator[:] = 1
    value, most = weighed(fields, [0, 1], float(fields.elevation_m[0]))
    assert value == pytest.approx(most, abs=1e-6)
