"""Scheme B: what is done times what one saves, against the goals that the notice states."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import ChigaiError
from planning import programme as programmes
from tracking import measures

JIXI = programmes.load("jixi-2020-8")
MISHAN, HULIN, MASHAN, JIGUAN = "230382", "230381", "230307", "230302"
DAY = date(2021, 11, 15)
KG = {"soil_test": 0.5, "deep_placement": 2.85, "aerial_spraying": 0.01, "nozzles": 30 * 0.03}


def frame(*rows: tuple[str, str, str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(measures.COLUMNS))


def test_the_targets_done_in_full_are_the_goals_of_the_notice() -> None:
    assert JIXI.scheme_b is not None
    every = [
        (f"{m.id}{county}", m.id, county, target, "2021-06-01")
        for m in JIXI.scheme_b.measures
        for county, target in m.targets.items()
    ]
    rows, goals = measures.follow(frame(*every), JIXI, DAY)
    city = {row.measure: row for row in rows if row.county is None}
    assert {name: row.saved_t for name, row in city.items()} == pytest.approx(
        {"soil_test": 350, "deep_placement": 855, "aerial_spraying": 20, "nozzles": 14.4}
    )
    assert [row.share for row in rows] == [pytest.approx(1.0)] * len(rows)
    assert [(g.ids, g.goal_t, g.reached) for g in goals] == [
        (("fertiliser",), 1205, True),
        (("pesticide", "herbicide"), pytest.approx(34.4), True),
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(KG)), st.sampled_from([MISHAN, HULIN, MASHAN, JIGUAN]),
            st.integers(0, 100_000), st.dates(date(2021, 1, 1), date(2021, 12, 31)),
        ), max_size=20,
    )
)  # fmt: skip
def test_tonnes_are_units_times_the_effect_of_one(reports: list[tuple[str, str, int, date]]) -> None:
    table = frame(*((str(i), m, c, float(n), d.isoformat()) for i, (m, c, n, d) in enumerate(reports)))
    rows, goals = measures.follow(table, JIXI, DAY)
    for row in rows:
        mine = [n for m, c, n, d in reports if m == row.measure and row.county in (None, c) and d <= DAY]
        assert row.done == sum(mine)
        assert row.saved_t == pytest.approx(sum(mine) * KG[row.measure] / 1000)
    saved = sum(n * KG[m] / 1000 for m, _, n, d in reports if d <= DAY)
    assert sum(g.saved_t for g in goals) == pytest.approx(saved)


def test_the_same_report_counts_once_and_can_be_taken_back() -> None:
    first = ("a", "nozzles", MISHAN, 100.0, "2021-05-01")
    rows, _ = measures.follow(frame(first, first), JIXI, DAY)
    assert next(r for r in rows if r.measure == "nozzles" and r.county == MISHAN).done == 100
    rows, _ = measures.follow(frame(first, ("a", "nozzles", MISHAN, 0.0, "2021-05-01")), JIXI, DAY)
    assert next(r for r in rows if r.measure == "nozzles" and r.county is None).saved_t == 0


def test_a_county_that_owes_nothing_is_shown_once_it_did_something() -> None:
    rows, _ = measures.follow(frame(), JIXI, DAY)
    assert (JIGUAN, "deep_placement") not in {(r.county, r.measure) for r in rows}
    rows, _ = measures.follow(frame(("a", "deep_placement", JIGUAN, 10.0, "2021-05-01")), JIXI, DAY)
    own = next(r for r in rows if (r.county, r.measure) == (JIGUAN, "deep_placement"))
    assert (own.target, own.done, own.share) == (0, 10, None)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (("a", "magic", MISHAN, 1.0, "2021-05-01"), "measure"),
        (("a", "nozzles", "110000", 1.0, "2021-05-01"), "county"),
        (("a", "nozzles", MISHAN, -1.0, "2021-05-01"), "done"),
        (("a", "nozzles", MISHAN, float("nan"), "2021-05-01"), "done"),
        (("a", "nozzles", MISHAN, 1.0, "May"), "day"),
    ],
)
def test_a_wrong_report_is_refused_with_its_row(row: tuple[str, str, str, float, str], column: str) -> None:
    with pytest.raises(ChigaiError, match=column) as caught:
        measures.follow(frame(("z", "nozzles", MISHAN, 1.0, "2021-05-01"), row), JIXI, DAY)
    assert caught.value.row == 2


def test_a_file_says_which_column_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("id,measure,county,done\na,nozzles,230382,5\n")
    with pytest.raises(ChigaiError, match="day"):
        measures.read(path)
    path.write_text("id,measure,county,done,day\na,nozzles,230382,5,2021-05-01\n")
    rows, _ = measures.follow(measures.read(path), JIXI, DAY)
    assert sum(r.done for r in rows if r.county == MISHAN) == 5


def test_a_programme_without_scheme_b_says_so() -> None:
    with pytest.raises(ChigaiError):
        measures.follow(frame(), JIXI.model_copy(update={"scheme_b": None}), DAY)
