"""Rows of a spreadsheet as people write them: dates as Excel saves them, counties by their names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking import intake
from tracking.ledger import Event
from tracking.targets import LOCAL

NOW = datetime(2021, 12, 1, tzinfo=UTC)
ROW = {"kind": "开工", "block_id": "b1"}


def happened(text: str) -> datetime:
    made = intake.event(ROW | {"happened": text}, "p", "某", NOW)
    assert isinstance(made, Event), made
    return made.happened.astimezone(LOCAL).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2021-10-05", datetime(2021, 10, 5, 12)),
        ("2021/10/5", datetime(2021, 10, 5, 12)),
        ("2021-9-5", datetime(2021, 9, 5, 12)),
        ("2021年10月5日", datetime(2021, 10, 5, 12)),
        ("2021.10.5", datetime(2021, 10, 5, 12)),
        ("2021/10/5 8:05", datetime(2021, 10, 5, 8, 5)),
        ("2021/10/5 17:30:10", datetime(2021, 10, 5, 17, 30, 10)),
        ("2021年10月5日 8:05", datetime(2021, 10, 5, 8, 5)),
        ("2021-10-05T08:05", datetime(2021, 10, 5, 8, 5)),
        ("2021-10-05T00:05Z", datetime(2021, 10, 5, 8, 5)),
    ],
)
def test_a_day_and_a_time_are_read_as_spreadsheets_write_them(written: str, meant: datetime) -> None:
    assert happened(written) == meant


@given(st.datetimes(datetime(2001, 1, 1), datetime(2021, 11, 30)).map(lambda d: d.replace(microsecond=0)))
def test_any_moment_is_read_back_from_a_spreadsheets_form(moment: datetime) -> None:
    d = moment
    assert happened(f"{d.year}/{d.month}/{d.day} {d.hour}:{d.minute:02d}:{d.second:02d}") == d


@pytest.mark.parametrize(
    "written", ["2021/13/5", "2021/2/30", "10/5/2021", "5.10.21", "上周", "2021/10/5 25:00"]
)
def test_what_is_no_day_is_refused_and_not_guessed(written: str) -> None:
    made = intake.event(ROW | {"happened": written}, "p", "某", NOW)
    assert not isinstance(made, Event) and made.code == "form"


def test_a_county_may_be_called_by_its_name() -> None:
    row = {"kind": "三减", "happened": "2021-10-05", "measure": "nozzles", "units": "3"}
    for written in ("虎林市", "Hulin", "230381"):
        made = intake.event(row | {"county": written}, "p", "某", NOW)
        assert isinstance(made, Event) and made.county == "230381"
