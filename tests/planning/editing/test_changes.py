"""Facts about changes by hand: what each does, and that no rule is broken whatever is asked."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.schemas import MU_M2
from planning.editing.changes import Asked, changed
from planning.editing.effect import effect
from planning.editing.figures import drawn, outlines_of
from planning.editing.rules import RefusedError, breaks
from planning.editing.state import State
from planning.effort import Effort
from tests.planning.editing.hands import worked


def refused(unit, state, asked):
    with pytest.raises(RefusedError) as error:
        changed(unit, state, asked)
    return error.value.breaks


def several(units, least=3):
    """A unit and its block of the most parcels."""
    unit, name, rows = max(
        ((u, name, rows) for u in units for name, rows in u.base.members().items()),
        key=lambda found: len(found[2]),
    )
    assert len(rows) >= least
    return unit, name, rows


def test_a_block_drawn_anew_has_the_row_of_the_plan_to_the_last_digit(units):
    for unit in units:
        block = np.array([None if name is None else f"Z{name}" for name in unit.base.block], object)
        now = drawn(unit, State(block, unit.base.locked, unit.base.out)).blocks
        was = unit.blocks.set_index("block_id").drop(columns="site_id")
        now = now.assign(block_id=now.block_id.str[1:]).set_index("block_id").drop(columns="site_id")
        now = now.loc[was.index]
        for column in was.columns.drop("geometry"):
            assert was[column].astype(object).fillna("-").equals(now[column].astype(object).fillna("-"))
        assert (was.geometry.to_wkb() == now.geometry.to_wkb()).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5), st.integers(0, 10_000))
def test_whatever_is_asked_every_block_keeps_every_rule_and_no_parcel_is_lost(units, which, seed):
    unit = units[which % len(units)]
    for state in worked(unit, unit.base, seed, 6):
        here = drawn(unit, state)
        assert len(here.parcels) == len(unit.names)
        assert (here.parcels.block_id.isna() == here.parcels.reason.notna()).all()
        assert set(here.parcels.block_id.dropna()) == set(here.blocks.block_id)
        for rows in state.members().values():
            own = unit.parcels.iloc[rows]
            assert len(rows) == 1 or own.area_mu.sum() <= 50
            assert np.ptp(own.elevation_m) <= 0.30 + 1e-9
            assert own.county.nunique() == own.irrigation_district.nunique(dropna=False) == 1
            assert not (own.consent == False).any()  # noqa: E712 — null is no refusal
        shapes = here.blocks.geometry.to_numpy()
        assert shapely.is_valid(shapes).all() and set(shapely.get_type_id(shapes)) <= {3}
        over = sum(shapely.intersection(a, b).area for a, b in itertools.combinations(shapes, 2))
        assert over < 1e-3 * shapely.area(shapes).sum()


def test_a_block_is_split_by_its_parcels_and_joined_again(units):
    unit, name, rows = several(units)
    for row in rows:
        rest = rows[rows != row]
        try:
            parted = changed(unit, unit.base, Asked("split", parcels=(unit.names[row],)))
        except RefusedError as error:
            assert error.breaks[0].rule == "apart"
            continue
        assert set(parted.block[rest]) == {name} and parted.block[row] != name
        alone = parted.block[row] is None
        assert alone == (unit.parcels.area_mu[row] < unit.minimum_mu[row])
        again = changed(unit, parted, Asked("join", parcels=(unit.names[row],), blocks=(name,)))
        assert again.same_blocks(unit.base)


def test_a_line_parts_a_block_where_it_runs(units):
    unit, name, rows = several(units, 4)
    outline = outlines_of(unit, unit.base, [name])[0]
    parted = 0
    for i, j in itertools.combinations(rows, 2):
        a, b = shapely.centroid(unit.geoms[[i, j]])
        middle = np.array([(a.x + b.x) / 2, (a.y + b.y) / 2])
        across = np.array([a.y - b.y, b.x - a.x])
        ends = middle + np.outer([-99, 99], across / np.hypot(*across))
        asked = Asked("split", blocks=(name,), line=tuple(map(tuple, ends)))
        try:
            after = changed(unit, unit.base, asked)
        except RefusedError as error:
            assert error.breaks[0].rule in ("apart", "line")
            continue
        parted += 1
        assert after.block[i] != after.block[j]
        clear = rows[~shapely.intersects(unit.geoms[rows], shapely.linestrings(ends))]
        side = np.sign(
            (shapely.get_coordinates(shapely.centroid(unit.geoms[clear])) - middle) @ (b.x - a.x, b.y - a.y)
        )
        for value in (-1, 1):
            assert len(set(after.block[clear[side == value]]) - {None}) <= 1
    assert parted
    beside = shapely.bounds(outline)[0] - 5
    miss = Asked("split", blocks=(name,), line=((beside, 0.0), (beside, 1e7)))
    assert refused(unit, unit.base, miss)[0].rule == "line"


def test_what_is_taken_out_stays_out_and_comes_back_where_it_was(units):
    unit, _, rows = several(units)
    for row in rows:
        one = (unit.names[row],)
        try:
            after = changed(unit, unit.base, Asked("take_out", parcels=one))
        except RefusedError:
            continue
        here = drawn(unit, after)
        assert here.parcels.reason[row] == "taken_out" and here.parcels.block_id.isna()[row]
        best = changed_or_same(unit, after)
        assert best.block[row] is None
        assert changed(unit, after, Asked("put_back", parcels=one)).same_blocks(unit.base)
    assert refused(unit, unit.base, Asked("put_back", parcels=(unit.names[rows[0]],)))[0].rule == "not_out"


def changed_or_same(unit, state, effort=Effort.quick):
    try:
        return changed(unit, state, Asked("replan"), effort)
    except RefusedError as error:
        assert error.breaks[0].rule == "no_better"
        return state


def test_what_is_locked_is_neither_changed_nor_planned_anew(units):
    unit, _, _ = several(units)
    torn = next(
        s for seed in range(50) for s in worked(unit, unit.base, seed, 8)[-1:] if not s.same_blocks(unit.base)
    )
    mine = next(iter(torn.members()))
    shut = changed(unit, torn, Asked("lock", blocks=(mine,)))
    assert refused(unit, shut, Asked("take_out", parcels=(unit.names[shut.of(mine)[0]],)))[0].rule == "locked"
    after = changed_or_same(unit, shut)
    assert after.of(mine).tolist() == torn.of(mine).tolist()
    assert (after.out == torn.out).all()
    loose = changed(unit, after, Asked("unlock", blocks=(mine,)))
    assert not loose.locked.any()


def test_planned_anew_without_locks_the_torn_unit_is_as_good_as_the_plan(units):
    for unit in units[:3]:
        empty = State(np.full(len(unit.names), None, object), unit.base.locked, unit.base.out)
        after = changed(unit, empty, Asked("replan"), Effort.normal)
        joined_mu = drawn(unit, after).blocks.parcels_mu.sum()
        assert joined_mu >= unit.blocks.parcels_mu.sum() * (1 - 1e-3)
        assert all(not breaks(unit, rows) for rows in after.members().values())


def test_each_rule_is_named_with_the_parcels_where(units):
    unit = max(units, key=lambda u: int(u.fenced.sum()))
    z = unit.parcels.elevation_m.to_numpy()
    ends = (unit.names[z.argmin()], unit.names[z.argmax()])
    assert {b.rule: b for b in refused(unit, unit.base, Asked("join", parcels=ends))}
    found = {b.rule: b for b in breaks(unit, np.array([z.argmin(), z.argmax()]))}
    assert found["step"].parcels == ends
    assert found["step"].value == pytest.approx(np.ptp(z)) and found["step"].limit == 0.3
    whole = {b.rule: b for b in breaks(unit, np.arange(len(z)))}
    assert whole["maximum"].value >= unit.parcels.area_mu.sum() and whole["maximum"].limit == 50
    refusing = replace(unit, made=replace(unit.made, refused=np.arange(len(z)) == 0))
    assert breaks(refusing, np.array([0]))[0].parcels == (unit.names[0],)
    other = unit.parcels.assign(county=np.where(np.arange(len(z)) == 1, "230382", "230381"))
    split = replace(unit, parcels=other)
    assert {b.rule: b.parcels for b in breaks(split, np.array([0, 1, 2]))}["county"] == (unit.names[1],)
    for b in [*found.values(), *whole.values()]:
        assert b.text("zh").endswith("。") and b.text("en").endswith(".")


def test_a_barrier_between_two_parcels_is_named(units):
    unit = units[0]
    _, rows = max(unit.base.members().items(), key=lambda found: len(found[1]))
    inside = np.isin(unit.nb.left, rows) & np.isin(unit.nb.right, rows)
    walled = replace(unit, fenced=unit.fenced | inside)
    assert [b.rule for b in breaks(walled, rows)] == ["barrier"]


def test_an_effect_tells_what_blocks_were_and_what_they_become(units):
    unit = units[0]
    after = worked(unit, unit.base, 3, 10)[-1]
    told = effect(unit, unit.base, after)
    old = unit.blocks.set_index("block_id")
    for row in told.gone:
        assert row["area_mu"] == old.area_mu[row["block_id"]]
    assert {r["block_id"] for r in told.made} <= set(after.members())
    before = unit.blocks.cost_yuan.sum()
    now = told.drawn.blocks.cost_yuan.sum()
    moved = sum(of["cost_yuan"] for of in told.change.values())
    assert moved == pytest.approx(now - before)
    assert sum(r["area_mu"] for r in told.made) == pytest.approx(
        sum(drawn(unit, after).blocks.set_index("block_id").area_mu[[r["block_id"] for r in told.made]])
    )
    assert told.below == sum(r["area_mu"] * MU_M2 < r["minimum_mu"] * MU_M2 - 1e-6 for r in told.made)
