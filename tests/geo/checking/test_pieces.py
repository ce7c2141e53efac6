"""Pieces under one id: which become one field again, and what the others are called."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import box

from geo.checking import pieces
from geo.checking.findings import Book
from geo.schemas import PARCEL_TEXTS

E0, N0 = 450_000.0, 5_010_000.0


def at(x, y, w=40.0, h=25.0):
    return box(E0 + x, N0 + y, E0 + x + w, N0 + y + h)


def joined(geoms):
    """(whole, label) of pieces that all bear one id."""
    shapes = np.array(geoms, object)
    left, right = pieces.touching(shapes, np.zeros(len(shapes), int))
    return pieces.unite(shapes, left, right)


def table(ids, **columns):
    n = len(ids)
    frame = pd.DataFrame({"parcel_id": ids, "source_row": np.arange(1, n + 1)} | columns)
    for column in PARCEL_TEXTS:
        if column not in frame:
            frame[column] = pd.Series([None] * n, dtype="str")
    return frame.assign(consent=None)


def test_two_halves_are_the_field_again():
    whole, label = joined([at(0, 0, 13.3), at(13.3, 0, 26.7)])
    assert label.tolist() == [0, 0]
    assert whole[0].equals(at(0, 0))


def test_a_hair_between_the_halves_is_closed():
    whole, label = joined([at(0, 0, 13.3), at(13.305, 0, 26.7)])
    assert label.tolist() == [0, 0]
    assert whole[0].area == pytest.approx(40.005 * 25, abs=1e-3)


def test_four_quarters_meet_at_a_sheet_corner():
    whole, label = joined([at(0, 0, 9), at(9, 0, 31), at(0, 25, 9), at(9, 25, 31)])
    assert label.tolist() == [0] * 4
    assert whole[0].equals(at(0, 0, 40, 50))


@pytest.mark.parametrize(
    "other", [at(40, 25), at(40.4, 0), at(20, 0), at(0, 0)], ids=["corner", "ridge", "overlap", "same"]
)
def test_pieces_that_share_no_edge_stay_apart(other):
    whole, label = joined([at(0, 0), other])
    assert label.tolist() == [0, 1]
    assert len(whole) == 2


def test_which_piece_comes_first_does_not_matter():
    geoms = [at(0, 0, 13.3), at(13.305, 0, 26.7), at(40.01, 3, 8, 8), at(200, 0)]
    one = {shapely.normalize(g).wkb for g in joined(geoms)[0]}
    other = {shapely.normalize(g).wkb for g in joined(geoms[::-1])[0]}
    assert one == other and len(one) == 2


def test_join_tells_which_rows_are_one_field():
    book = Book()
    shapes = np.array([at(0, 0, 10), at(80, 0), at(10, 0, 30)], object)
    whole, row, feature = pieces.join(shapes, np.arange(3), table(["a", "b", "a"]), book)
    assert row.tolist() == [0, 1]
    assert feature.tolist() == [0, 1, 0]
    assert shapely.area(whole).tolist() == [1000, 1000]
    assert book.frame([], None)["kind"].tolist() == ["pieces_united"]


def test_more_pieces_than_sheets_meet_in_are_different_fields():
    shapes = np.array([at(40 * i, 0) for i in range(5)], object)
    whole, _, feature = pieces.join(shapes, np.arange(5), table(["a"] * 5), Book())
    assert len(whole) == 5
    assert feature.tolist() == list(range(5))


def test_a_new_id_is_never_one_that_the_file_uses():
    shapes = np.array([at(0, 0), at(50, 0, 9), at(100, 0)], object)
    owner = np.array([0, 0, 1])
    names = pieces.unique_ids(shapes, owner, np.arange(2), table(["a", "a#2"]), Book())
    assert names.tolist() == ["a", "a#3", "a#2"]
