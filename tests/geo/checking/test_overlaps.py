"""Who keeps what two parcels share, and what trimming leaves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import box

from geo.checking import overlaps

E0, N0 = 450_000.0, 5_010_000.0


def at(x, y, w=40.0, h=25.0):
    return box(E0 + x, N0 + y, E0 + x + w, N0 + y + h)


def separate(geoms, ids=None):
    shapes = np.array(geoms, object)
    names = pd.Series(ids or [f"p{i}" for i in range(len(geoms))], dtype="str")
    out = overlaps.separate(shapes, names)
    lost = shapely.area(shapes) - np.bincount(out.parent, shapely.area(out.pieces), len(shapes))
    assert np.allclose(lost, out.removed_m2, atol=1e-6)
    some = out.removed_m2 > 1e-3
    assert np.allclose(shapely.area(out.removed[some]), out.removed_m2[some], atol=1e-3)
    assert shapely.is_valid(out.pieces).all()
    assert len(overlaps.overlapping(out.pieces).left) == 0
    return out


def pieces_of(out, i):
    return out.pieces[out.parent == i]


def test_a_parcel_inside_another_stays_and_the_outer_one_gets_a_hole():
    out = separate([at(0, 0, 100, 100), at(30, 30)])
    assert pieces_of(out, 1)[0].equals(at(30, 30))
    assert shapely.get_num_interior_rings(pieces_of(out, 0)).tolist() == [1]


def test_a_parcel_cut_in_two_by_another_becomes_two():
    out = separate([at(0, 0, 100, 10), at(45, -20, 10, 50)])
    assert out.parent.tolist() == [0, 0, 1]


def test_what_three_share_goes_to_the_smallest():
    out = separate([at(0, 0, 60, 60), at(20, 20, 50, 50), at(30, 30, 20, 20)])
    assert pieces_of(out, 2)[0].equals(at(30, 30, 20, 20))
    assert shapely.area(out.pieces).sum() == pytest.approx(3600 + 2500 - 1600)


def test_a_sliver_gives_way_to_a_parcel():
    out = separate([at(0, 0), at(-2, 5, 4, 4)])
    assert pieces_of(out, 0)[0].equals(at(0, 0))
    assert shapely.area(pieces_of(out, 1)).tolist() == [8]


def test_at_equal_area_the_smaller_id_keeps_the_common_part():
    for ids, keeper in ((["a", "b"], 0), (["b", "a"], 1)):
        assert shapely.area(pieces_of(separate([at(0, 0), at(30, 0)], ids), keeper)).tolist() == [1000]


def test_of_doubles_the_smallest_id_stays_and_each_other_names_it():
    out = separate([at(0, 0), at(0.2, 0.1), at(0, 0), at(99, 0)], ["c", "b", "a", "d"])
    assert out.reason.tolist() == ["same_shape", "same_shape", "", ""]
    assert out.twin.tolist() == [2, 2, -1, -1]


def test_a_chain_of_near_doubles_keeps_its_ends():
    # b doubles a and c, but a and c share only 92 %: b goes, c loses what it shares with a
    out = separate([at(0, 0), at(1.6, 0), at(3.2, 0)], ["a", "b", "c"])
    assert out.reason.tolist() == ["", "same_shape", ""]
    assert shapely.area(out.pieces).tolist() == pytest.approx([1000, 80])


def test_an_outline_over_many_paddies_is_left_out_and_the_paddies_stay_whole():
    paddies = [at(40.4 * i, 25.4 * j) for i in range(4) for j in range(4)]
    out = separate([at(-1, -1, 165, 105), *paddies])
    assert out.reason.tolist() == ["outline"] + [""] * 16
    assert [g.wkb for g in out.pieces] == [g.wkb for g in paddies]


def test_a_parcel_covered_by_two_others_is_left_out():
    out = separate([at(0, 0, 80), at(0, 0, 40), at(40, 0, 40)])
    assert out.reason.tolist() == ["covered", "", ""]


def test_trimming_leaves_no_thin_tail_and_moves_no_side():
    low, high = at(0, 0, 80, 30), at(0, 20, 60, 9.8)
    rest = pieces_of(separate([low, high]), 0)[0]
    # the strip of 20 cm above the smaller one is gone, the other corners are where they were
    assert rest.area == pytest.approx(60 * 20 + 20 * 30, abs=0.5)
    for corner in ((0, 0), (80, 0), (80, 30)):
        assert (E0 + corner[0], N0 + corner[1]) in rest.exterior.coords


def test_shreds_of_trimming_go_with_the_part_cut_off():
    cross = at(0, 0, 100, 30)
    out = separate([cross, at(3, -20, 20, 60)])
    # 3 m × 30 m stay as a piece of their own; had they been under 50 m2 they would go
    assert sorted(shapely.area(pieces_of(out, 0))) == pytest.approx([90, 2310])
    out = separate([cross, at(1, -20, 20, 60)])
    assert shapely.area(pieces_of(out, 0)).tolist() == pytest.approx([2370])


def test_sides_that_touch_or_cross_by_rounding_are_left_alone():
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    geoms = [shapely.transform(at(40 * i, 25 * j), lambda c: c @ turn.T) for i in range(6) for j in range(6)]
    out = separate(geoms)
    assert all(a is b for a, b in zip(out.pieces, geoms, strict=True))


def test_a_comb_over_many_neighbours_is_cut_by_all_of_them():
    teeth = [at(12 * i, 0, 6, 40) for i in range(30)]
    comb = at(-5, 10, 380, 20)
    out = separate([comb, *teeth])
    assert out.reason[0] == ""
    assert shapely.area(pieces_of(out, 0)).sum() == pytest.approx(20 * 380 - 30 * 6 * 20)
    assert (np.bincount(out.parent)[1:] == 1).all()


def test_mean_width_and_slivers():
    strip = np.array([at(0, 0, 300, 0.4), at(0, 0, 6, 6), at(0, 0), at(0, 0, 300, 0.1)], object)
    assert overlaps.widths(strip) == pytest.approx([0.4, 3.0, 15.4, 0.1], rel=0.01)
    assert overlaps.slivers(strip).tolist() == [True, True, False, True]
    assert overlaps.useless(strip).tolist() == [False, False, False, True]


def test_nothing_to_separate_is_no_trouble():
    for geoms in ([at(0, 0)], [at(0, 0), at(99, 0)]):
        assert separate(geoms).pieces.tolist() == geoms
