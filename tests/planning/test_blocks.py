"""Facts about joining parcels into blocks: no rule is broken, and little units come out best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import CancelledError
from geo.neighbours import adjacency
from geo.schemas import MU_M2
from planning import blocks
from planning.blocks import Rules, join
from planning.cost import Prices, block_cost
from planning.reach import reachable
from tests.planning.grids import connected, feasible, grid

PRICES = Prices(5.0, 9.4, 167.0, 200.0)


def _rules(step=0.3, maximum_mu=50.0):
    return Rules(maximum_mu * MU_M2, step, PRICES)


def _join(fields, rules, seed=1, threads=1, progress=None):
    ptr, nbr, edge = adjacency(len(fields.unit), fields.left, fields.right)
    can = reachable(
        fields.area_m2,
        fields.elevation_m,
        ptr,
        nbr,
        fields.ridge_m2[edge],
        fields.minimum_m2,
        rules.max_step_m,
    )
    return join(fields, can, rules, seed, progress, threads)


def _worth(fields, members, rules):
    """(area in m², what it saves less what it costs in yuan) of a block, reckoned by hand."""
    members = list(members)
    area, z = fields.area_m2[members], fields.elevation_m[members]
    inside = np.isin(fields.left, members) & np.isin(fields.right, members)
    whole = area.sum() + fields.ridge_m2[inside].sum()
    if len(members) == 1:
        return area.sum(), 0.0
    cut = (area * np.maximum(z - (area * z).sum() / area.sum(), 0)).sum()
    box = fields.box_m[members]
    rectangle = max(np.ptp(box[:, [0, 2]]) * np.ptp(box[:, [1, 3]]), whole)
    operators = len({o for o in fields.operator[members].tolist() if o >= 0})
    cost = block_cost(cut, whole, whole / rectangle, float(operators), rules.prices)
    return area.sum(), rules.prices.ridge_yuan_per_m * fields.facing_m[inside].sum() - cost


def _best_by_hand(fields, rules):
    """The largest area in blocks, and the most yuan at that area, over all partitions of a little unit."""
    n = len(fields.unit)
    maximum = rules.maximum_m2 / MU_M2
    groups: dict[int, tuple[float, float]] = {}
    for mask in range(1, 1 << n):
        members = [i for i in range(n) if mask >> i & 1]
        if feasible(fields, members, maximum, rules.max_step_m):
            groups[mask] = _worth(fields, members, rules)
    best = {0: (0.0, 0.0)}
    for mask in range(1, 1 << n):
        low = mask & -mask
        options = [best[mask ^ low]]  # the lowest parcel stays alone
        rest = mask
        while rest:
            if rest & low and rest in groups:
                area, yuan = best[mask ^ rest]
                options.append((area + groups[rest][0], yuan + groups[rest][1]))
            rest = (rest - 1) & mask
        best[mask] = max(options, key=lambda o: (round(o[0], 3), o[1]))
    return best[(1 << n) - 1]


def _sums(fields, label, rules):
    members = [np.flatnonzero(label == b) for b in range(label.max() + 1)]
    worth = [_worth(fields, m, rules) for m in members]
    return sum(w[0] for w in worth), sum(w[1] for w in worth)


little = st.tuples(st.integers(1, 3), st.integers(2, 3)).flatmap(
    lambda s: st.builds(
        lambda area, z, op: grid(s[0], s[1], area, z, op),
        st.lists(st.floats(0.4, 4), min_size=s[0] * s[1], max_size=s[0] * s[1]),
        st.lists(st.floats(0, 0.6), min_size=s[0] * s[1], max_size=s[0] * s[1]),
        st.lists(st.integers(-1, 3), min_size=s[0] * s[1], max_size=s[0] * s[1]),
    )
)
larger = st.tuples(st.integers(1, 7), st.integers(1, 12), st.integers(0, 10_000)).map(
    lambda s: grid(
        s[0],
        s[1],
        np.random.default_rng(s[2]).uniform(0.2, 5, s[0] * s[1]),
        np.random.default_rng(s[2] + 1).uniform(0, 0.8, s[0] * s[1]),
        np.random.default_rng(s[2] + 2).integers(-1, 6, s[0] * s[1]),
    )
)


@settings(max_examples=80, deadline=None)
@given(little)
def test_in_a_little_unit_no_partition_has_more_area_in_blocks(fields):
    rules = _rules()
    area, _ = _sums(fields, _join(fields, rules), rules)
    assert area == pytest.approx(_best_by_hand(fields, rules)[0], abs=1e-3)


def test_over_many_little_units_the_cost_is_within_a_percent_of_the_least():
    rules = _rules()
    random = np.random.default_rng(5)
    found = least = scale = 0.0
    for _ in range(60):
        fields = grid(3, 3, random.uniform(0.8, 3, 9), random.uniform(0, 0.3, 9), random.integers(0, 4, 9))
        area, yuan = _sums(fields, _join(fields, rules), rules)
        best_area, best_yuan = _best_by_hand(fields, rules)
        assert area == pytest.approx(best_area, abs=1e-3)
        found, least = found - yuan, least - best_yuan
        # the objective also holds the ridges kept, which are all of them less those saved
        scale += rules.prices.ridge_yuan_per_m * fields.facing_m.sum() - best_yuan
    assert found - least <= 0.01 * scale


@settings(max_examples=60, deadline=None)
@given(larger, st.floats(0.1, 0.5), st.sampled_from([8.0, 15.0, 50.0]))
def test_every_block_keeps_every_hard_rule(fields, step, maximum):
    label = _join(fields, _rules(step, maximum))
    assert label.min() >= -1
    assert sorted(set(label[label >= 0].tolist())) == list(range(label.max() + 1))
    for b in range(label.max() + 1):
        assert feasible(fields, np.flatnonzero(label == b), maximum, step + 1e-9)


@settings(max_examples=20, deadline=None)
@given(larger, st.integers(0, 1000))
def test_the_same_seed_gives_the_same_blocks_on_any_number_of_threads(fields, seed):
    one = _join(fields, _rules(), seed, threads=1)
    assert (one == _join(fields, _rules(), seed, threads=3)).all()


def test_blocks_are_numbered_by_their_first_parcel():
    label = _join(grid(6, 10, 1.3, 0.0), _rules())
    first = [int(np.flatnonzero(label == b)[0]) for b in range(label.max() + 1)]
    assert first == sorted(first)


def test_a_unit_too_large_for_one_search_is_cut_into_cells_and_joined_across_the_cuts(monkeypatch):
    random = np.random.default_rng(3)
    fields = grid(20, 20, random.uniform(0.5, 2, 400), random.uniform(0, 0.25, 400))
    whole = _join(fields, _rules())
    monkeypatch.setattr(blocks, "LARGE", 60)
    cut = _join(fields, _rules())
    for b in range(cut.max() + 1):
        assert feasible(fields, np.flatnonzero(cut == b), 50.0, 0.3 + 1e-9)
    assert fields.area_m2[cut >= 0].sum() >= 0.99 * fields.area_m2[whole >= 0].sum()


@pytest.mark.parametrize("area_mu", [0.02, 0.05, 0.1])
def test_paddies_of_which_dozens_make_a_block_are_joined_too(area_mu):
    side = int(np.sqrt(40 / area_mu))
    random = np.random.default_rng(2)
    z = np.add.outer(np.linspace(0, 0.4, side), random.uniform(0, 0.05, side)).ravel()
    fields = grid(side, side, area_mu, z, ridge_m2=0.5)
    label = _join(fields, _rules())
    for b in range(label.max() + 1):
        assert feasible(fields, np.flatnonzero(label == b), 50.0, 0.3 + 1e-9)
    assert fields.area_m2[label >= 0].sum() >= 0.95 * fields.area_m2.sum()


def test_a_parcel_that_reaches_the_minimum_alone_is_a_block():
    assert _join(grid(1, 1, 7.0, 0.0), _rules()).tolist() == [0]


def test_a_parcel_beyond_the_maximum_stays_as_it_is_and_takes_in_no_other():
    fields = grid(1, 2, [60.0, 1.0], 0.0)
    assert _join(fields, _rules()).tolist() == [0, -1]


def test_nothing_to_join_is_no_error():
    fields = grid(1, 1, 7.0, 0.0)
    empty = blocks.Fields(**{k: v[:0] for k, v in vars(fields).items()})
    assert _join(empty, _rules()).tolist() == []


def test_a_cancel_stops_the_joining():
    def cancel(fraction: float) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        _join(grid(3, 3, 2.0, 0.0), _rules(), progress=cancel)


def test_connectedness_is_seen_by_the_test_itself():
    assert not connected(grid(1, 3, 2.0, 0.0), [0, 2])
