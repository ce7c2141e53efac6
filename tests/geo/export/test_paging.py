"""Blocks are not torn across pages, and no sheet has more pages than Excel knows breaks for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from geo.export.paging import laid_out

LENGTHS = st.lists(st.integers(1, 40), max_size=60)


@given(LENGTHS, st.integers(3, 20), st.integers(2, 6))
def test_every_row_has_its_place_and_every_page_its_length(lengths: list[int], page: int, most: int) -> None:
    found = laid_out(lengths, page, most_pages=most)
    assert len(found.place) == len(lengths)
    for sheet, breaks in enumerate(found.breaks):
        mine = [(row, n) for (at, row), n in zip(found.place, lengths, strict=True) if at == sheet]
        if not mine:
            continue
        # one after the other from the row under the heads, without a gap
        ends = 1
        for row, n in mine:
            assert row == ends
            ends = row + n
        pages = [1, *breaks, ends]
        assert pages == sorted(set(pages))
        assert all(b - a <= page for a, b in pairwise(pages))
        # more only where one group alone takes them
        assert len(breaks) <= max(most, *(-(-n // page) for _, n in mine))
        for row, n in mine:
            torn = [at for at in breaks if row < at < row + n]
            assert not torn or n > page
            if n > page:
                assert row in pages


def test_what_fits_on_the_rest_of_a_page_stays_there() -> None:
    assert laid_out([3, 3, 3, 4], 10).place == [(0, 1), (0, 4), (0, 7), (0, 10)]
    assert laid_out([3, 3, 3, 4], 10).breaks == [[10]]
    assert laid_out([10, 10], 10).breaks == [[11]]


def test_a_long_group_begins_a_page_and_goes_on() -> None:
    found = laid_out([2, 25, 4], 10)
    assert found.place == [(0, 1), (0, 3), (0, 28)]
    assert found.breaks == [[3, 13, 23]]


def test_more_pages_than_a_sheet_takes_go_on_in_the_next() -> None:
    found = laid_out([10] * 5, 10, most_pages=2)
    assert found.place == [(0, 1), (0, 11), (1, 1), (1, 11), (2, 1)]
    assert found.breaks == [[11], [11], []]


def test_nothing_takes_no_room() -> None:
    assert laid_out([]).place == [] and laid_out([]).breaks == [[]]
