"""Counties against their targets: by the floor, in sites that count, and no surplus helps another."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning import programme
from tracking import targets

UNITS = programme.load("jixi-2020-8").units
areas = st.floats(0, 80_000, allow_nan=False)


def plan_of(site_mu: dict[str, float], more: float = 0.0) -> dict[str, Any]:
    rows = [
        {"county": c, "site_mu": a, "compliant_mu": a + more, "cost_yuan": 1.0} for c, a in site_mu.items()
    ]
    return {"counties": rows}


@given(st.dictionaries(st.sampled_from([u.adcode for u in UNITS]), areas), areas)
def test_the_city_is_the_sum_of_its_counties_and_never_more_than_the_floor_counts(
    site_mu: dict[str, float], more: float
) -> None:
    standings = targets.standings(UNITS, plan_of(site_mu, more))
    city = targets.city(standings)
    assert [s.adcode for s in standings] == [u.adcode for u in UNITS]
    assert (city.floor_mu, city.ceiling_mu, city.counties) == (129_100, 159_100, 8)
    missing = sum(s.gap_mu for s in standings if s.gap_mu is not None)
    assert city.counted_mu + missing == pytest.approx(city.floor_mu)
    assert 0 <= city.share <= 1
    assert city.counted_mu <= city.countable_mu <= city.floor_mu
    assert (city.reached == city.counties) == (missing == 0)
    for s in standings:
        if s.floor_mu is None:
            assert (s.state, s.gap_mu) == ("no_target", None)
        elif s.adcode not in site_mu:
            assert (s.state, s.gap_mu) == ("no_data", s.floor_mu)
        elif s.state == "reached":
            assert s.site_mu >= s.floor_mu and s.gap_mu == 0
        else:
            assert s.gap_mu == s.floor_mu - s.site_mu > 0
            assert (s.state == "within_reach") == (s.compliant_mu >= s.floor_mu)


def test_without_a_plan_everything_is_missing() -> None:
    standings = targets.standings(UNITS, None)
    assert targets.city(standings).counted_mu == 0
    assert {s.state for s in standings} == {"no_data", "no_target"}


def test_the_whole_day_of_the_deadline_counts() -> None:
    deadline = date(2022, 4, 20)
    assert [targets.days_left(deadline, date(2022, 4, d)) for d in (18, 20, 21)] == [2, 0, -1]


def test_a_plan_belongs_to_the_day_that_it_was_in_jixi() -> None:
    late = {"created": "2022-04-20T15:59:59+00:00"}
    later = {"created": "2022-04-20T16:00:00+00:00"}
    assert targets.made_by([later, late], date(2022, 4, 20)) == [late]
    assert targets.made_by([later, late], date(2022, 4, 21)) == [later, late]
