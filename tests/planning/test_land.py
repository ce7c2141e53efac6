"""Land taken has the price of its zone, and the whole of it is paid to somebody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import ChigaiError
from planning import programme
from planning.land import land_cost

PRICES = programme.load("jixi-2020-8").land_prices


def test_a_road_of_a_hundred_metres_and_four_wide_in_mashan() -> None:
    found = land_cost(400.0, "JX-16", PRICES)
    assert found.yuan == 400 * 48
    assert found.owners_yuan == pytest.approx(0.7 * 19_200)
    assert found.collective_yuan == pytest.approx(0.3 * 19_200)


@given(st.floats(0, 1e6), st.sampled_from([z.id for z in PRICES.zones]))
def test_owners_and_collective_get_all_of_it(area_m2: float, zone: str) -> None:
    found = land_cost(area_m2, zone, PRICES)
    assert found.owners_yuan + found.collective_yuan == pytest.approx(found.yuan)
    assert land_cost(2 * area_m2, zone, PRICES).yuan == pytest.approx(2 * found.yuan)


@pytest.mark.parametrize(("area_m2", "zone"), [(1.0, "JX-99"), (-1.0, "JX-1"), (float("nan"), "JX-1")])
def test_no_such_zone_and_no_such_area(area_m2: float, zone: str) -> None:
    with pytest.raises(ChigaiError):
        land_cost(area_m2, zone, PRICES)
