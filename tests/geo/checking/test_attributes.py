"""Texts, consent and declared areas, as files write them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from geo.checking import attributes
from geo.checking.findings import Book


def found(book):
    return book.frame([], None)["kind"].tolist()


def test_empty_words_are_null_and_whole_numbers_lose_their_point():
    said = pd.Series(["", "  ", "NULL", "nan", "<Null>", " 东风村 ", None])
    assert attributes.text(said).dropna().tolist() == ["东风村"]
    assert attributes.text(pd.Series([230321.0, np.nan])).dropna().tolist() == ["230321"]
    assert attributes.text(pd.Series([7, 8])).tolist() == ["7", "8"]
    assert attributes.text(pd.Series([0.5, 1.0])).tolist() == ["0.5", "1.0"]


def test_consent_is_true_false_or_null_however_it_is_written():
    yes, no = ["是", "同意", "1", 1.0, True, "Yes"], ["否", "不同意", "2", 0, False, "F"]
    said, strange = attributes.consent(pd.Series([*yes, *no, "", None, "再说"], dtype=object))
    assert said.tolist() == [True] * 6 + [False] * 6 + [None] * 3
    assert strange.tolist() == [False] * 14 + [True]


def test_consent_as_a_nullable_column_of_booleans():
    said, strange = attributes.consent(pd.Series([True, None, False], dtype="boolean"))
    assert said.tolist() == [True, None, False]
    assert not strange.any()


def test_a_table_without_columns_gets_them_all():
    book = Book()
    frame = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)] * 2)
    table = attributes.clean(frame, book)
    assert table["parcel_id"].tolist() == ["row-000001", "row-000002"]
    assert table["source_row"].tolist() == [1, 2]
    assert table["consent"].tolist() == [None, None]
    assert table[["county", "operator", "declared_mu"]].isna().all().all()
    assert found(book) == ["id_missing"] * 2


def test_declared_numbers_that_cannot_be_areas_are_null():
    frame = gpd.GeoDataFrame(
        {"parcel_id": list("abcde"), "declared_mu": ["1.5", "many", "-1", "0", "inf"]},
        geometry=[box(0, 0, 1, 1)] * 5,
    )
    table = attributes.clean(frame, Book())
    assert table["declared_mu"].tolist()[0] == 1.5
    assert table["declared_mu"].isna().sum() == 4


@pytest.mark.parametrize(
    ("per_mu", "kinds"), [(1.0, []), (10000 / 15, ["declared_unit"]), (1 / 15, ["declared_unit"])]
)
def test_declared_areas_in_square_metres_or_hectares_become_mu(per_mu, kinds):
    measured = np.linspace(0.5, 5, 12)
    book = Book()
    declared = measured * per_mu
    declared[0] *= 3
    declared[1] = np.nan
    in_mu = attributes.declared_in_mu(declared, measured, book)
    assert in_mu[2:] == pytest.approx(measured[2:])
    assert found(book) == kinds


def test_a_few_odd_figures_are_no_reason_to_convert():
    book = Book()
    declared = np.array([666.67, 666.67, 1.0])
    assert attributes.declared_in_mu(declared, np.ones(3), book) is declared
    assert found(book) == []


def test_only_differences_over_five_percent_are_told():
    book = Book()
    declared = np.array([1.0, 1.0, 1.0, np.nan])
    measured = np.array([1.049, 1.051, 0.94, 1.0])
    attributes.compare_declared(declared, measured, np.arange(1, 5), pd.Series(list("abcd")), book)
    frame = book.frame([], None)
    assert frame["row"].tolist() == [2, 3]
    assert frame["area_mu"].tolist() == pytest.approx([0.051, 0.06])
    assert "+5.1 %" in frame["zh"][0] and "-6.0 %" in frame["en"][1]
