"""The book of findings: one table, worst first, in both languages."""

from __future__ import annotations

import numpy as np
from shapely.geometry import box

from geo.checking.findings import KINDS, Book, summarise
from geo.schemas import FINDING_COLUMNS, Finding


def test_every_kind_is_said_in_both_languages():
    for kind, about in KINDS.items():
        assert about.zh and about.en and about.zh != about.en, kind


def test_an_empty_book_is_a_table_all_the_same():
    frame = Book().frame([], 4553)
    assert tuple(frame.columns) == FINDING_COLUMNS
    assert len(frame) == 0 and frame.crs.to_epsg() == 4553
    assert len(summarise(frame)) == 0


def test_blocks_of_arrays_become_rows_sorted_by_weight_kind_and_row():
    book = Book()
    book.add("z_dropped", zh="三个", en="three")
    book.add("sliver", [9, 3], ["b", "a"], [0.2, 0.1], [box(0, 0, 1, 1), None])
    book.add("geometry_missing", [4], ["c"])
    book.add("overlap", [], [])
    read = Finding("encoding", "warning", "kept", "按 GBK", "as GBK")
    frame = book.frame([read], 4553)
    assert frame["kind"].tolist() == ["geometry_missing", "encoding", "sliver", "sliver", "z_dropped"]
    assert frame["row"].isna().tolist() == [False, True, False, False, True]
    assert frame["row"][2] == 3 and frame["parcel_id"][2] == "a"
    assert frame.geometry.notna().tolist() == [False, False, False, True, False]
    assert frame["parcel_id"].isna().tolist() == [False, True, False, False, True]


def test_the_summary_counts_and_adds_up():
    book = Book()
    book.add("sliver", [1, 2, 3], ["a", "b", "c"], [0.1, 0.2, 0.3], zh=list("一二三"), en=list("123"))
    book.add("z_dropped", zh="三个", en="three")
    book.add("too_large", [9], ["z"])
    table = summarise(book.frame([], None))
    assert table["kind"].tolist() == ["too_large", "sliver", "z_dropped"]
    assert table["count"].tolist() == [1, 3, 1]
    assert np.isclose(table["area_mu"][1], 0.6)
    # a kind goes by its title, however many there are
    assert table["zh"].tolist() == [KINDS[kind].zh for kind in table["kind"]]
    assert table["en"].tolist() == [KINDS[kind].en for kind in table["kind"]]
