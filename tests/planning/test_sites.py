"""A site is the compliant blocks of one district that lie close together, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.schemas import MU_M2, SITES
from planning.sites import COLUMNS, sites

CRS = 4553


def blocks_of(
    rows: Sequence[tuple[float, float, str, str | None, int, bool]], side: float = 50
) -> gpd.GeoDataFrame:
    """Square blocks of `side` metres: x, y of the lower left corner, county, district, field unit, compliant."""
    frame = pd.DataFrame(
        list(rows), columns=["x", "y", "county", "irrigation_district", "field_unit", "meets_minimum"]
    )
    frame = frame.astype({"x": float, "y": float, "field_unit": int, "meets_minimum": bool})
    geometry = shapely.box(frame["x"], frame["y"], frame["x"] + side, frame["y"] + side)
    frame["block_id"] = [f"B{i:04d}" for i in range(len(frame))]
    frame["area_mu"] = side * side / MU_M2
    frame["cost_yuan"] = np.arange(len(frame), dtype=float) * 10
    return gpd.GeoDataFrame(frame.drop(columns=["x", "y"]), geometry=geometry, crs=CRS)


def test_units_within_the_gap_are_one_site_and_a_metre_more_makes_two() -> None:
    blocks = blocks_of([(0, 0, "230381", "A", 0, True), (110, 0, "230381", "A", 1, True)])
    ids, found = sites(blocks, 60, {"230381": 5})
    assert list(ids) == ["S230381-001", "S230381-001"]
    assert found["n_blocks"].tolist() == [2]
    ids, found = sites(blocks, 59, {"230381": 5})
    assert sorted(ids) == ["S230381-001", "S230381-002"]


def test_the_blocks_of_one_unit_stand_together_however_far() -> None:
    blocks = blocks_of([(0, 0, "230381", "A", 7, True), (5000, 0, "230381", "A", 7, True)])
    ids, _ = sites(blocks, 60, {})
    assert ids[0] == ids[1]


def test_sites_chain_from_unit_to_unit() -> None:
    blocks = blocks_of([(i * 100, 0, "230381", "A", i, True) for i in range(20)])
    assert len(sites(blocks, 60, {})[1]) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("230381", "A"), ("230381", "B")),
        (("230381", "A"), ("230382", "A")),
        (("230381", "A"), ("230381", None)),
    ],
)
def test_districts_and_counties_do_not_share_a_site(left: tuple, right: tuple) -> None:
    blocks = blocks_of([(0, 0, *left, 0, True), (60, 0, *right, 1, True)])
    ids, found = sites(blocks, 60, {})
    assert ids[0] != ids[1]
    assert len(found) == 2


def test_one_unit_across_two_districts_is_a_site_in_each() -> None:
    blocks = blocks_of([(0, 0, "230381", "A", 3, True), (60, 0, "230381", "B", 3, True)])
    ids, _ = sites(blocks, 60, {})
    assert ids[0] != ids[1]


def test_where_no_district_is_given_the_county_is_one() -> None:
    blocks = blocks_of([(0, 0, "230381", None, 0, True), (60, 0, "230381", None, 1, True)])
    ids, found = sites(blocks, 60, {})
    assert ids[0] == ids[1]
    assert found["irrigation_district"].isna().all()


def test_a_block_below_its_minimum_is_in_no_site_and_bridges_nothing() -> None:
    blocks = blocks_of(
        [(0, 0, "230381", "A", 0, True), (60, 0, "230381", "A", 1, False), (120, 0, "230381", "A", 2, True)]
    )
    ids, found = sites(blocks, 60, {})
    assert ids[1] is None
    assert ids[0] != ids[2]
    assert found["n_blocks"].sum() == 2


def test_a_site_is_measured_against_the_minimum_of_its_county() -> None:
    area = 2500 / MU_M2
    blocks = blocks_of(
        [(0, 0, "230381", "A", 0, True), (0, 0, "230303", "A", 1, True), (0, 0, "230302", "A", 2, True)]
    )
    _, found = sites(blocks, 60, {"230381": area, "230303": area + 0.01, "230302": None})
    assert dict(zip(found["county"], found["meets_minimum"], strict=True)) == {
        "230381": True,
        "230303": False,
        "230302": False,
    }


def test_sites_are_numbered_by_area_then_north_to_south_then_west_to_east() -> None:
    blocks = blocks_of(
        [
            (1000, 0, "230381", "A", 0, True),
            (0, 0, "230381", "A", 1, True),
            (0, 1000, "230381", "A", 2, True),
            (5000, 0, "230381", "A", 3, True),
            (5060, 0, "230381", "A", 3, True),
        ]
    )
    ids, found = sites(blocks, 60, {})
    assert list(ids) == [f"S230381-{n:03d}" for n in (4, 3, 2, 1, 1)]
    assert found["site_id"].tolist() == [f"S230381-{n:03d}" for n in (1, 2, 3, 4)]


def test_no_block_no_site() -> None:
    empty = blocks_of([])
    ids, found = sites(empty, 60, {})
    assert len(ids) == 0 and len(found) == 0 and tuple(found.columns) == COLUMNS
    ids, found = sites(blocks_of([(0, 0, "230381", "A", 0, False)]), 60, {})
    assert list(ids) == [None] and len(found) == 0
    assert found.crs == CRS
    SITES.validate(found)


@pytest.mark.parametrize("shift", [0.0, 7.0])
def test_blocks_that_touch_along_a_line_still_make_a_valid_site(shift: float) -> None:
    """With and without edges that match point by point."""
    blocks = blocks_of([(0, 0, "230381", "A", 0, True), (50, shift, "230381", "A", 0, True)])
    _, found = sites(blocks, 60, {})
    assert found.geometry.is_valid.all()
    assert found.geometry.area.sum() == pytest.approx(2 * 2500)
    assert set(found.geom_type) == {"MultiPolygon"}


rows = st.lists(
    st.tuples(
        st.integers(0, 8).map(lambda v: v * 60.0),
        st.integers(0, 8).map(lambda v: v * 60.0),
        st.sampled_from(["230381", "230303"]),
        st.sampled_from(["A", "B", None]),
        st.integers(0, 6),
        st.booleans(),
    ),
    max_size=25,
    unique_by=lambda r: (r[0], r[1]),
).map(blocks_of)


@settings(max_examples=60, deadline=None)
@given(rows, st.sampled_from([0.0, 10.0, 35.0, 80.0]))
def test_laws_of_sites(blocks: gpd.GeoDataFrame, gap: float) -> None:
    ids, found = sites(blocks, gap, {"230381": 5.0})
    SITES.validate(found)
    # every compliant block is in exactly one site, no other is in any
    assert [i is not None for i in ids] == blocks["meets_minimum"].tolist()
    assert set(ids[blocks["meets_minimum"].to_numpy()]) == set(found["site_id"])
    assert found["site_id"].is_unique
    # area, count and cost add up, site by site
    own = blocks.assign(site_id=ids).dropna(subset="site_id").groupby("site_id")
    table = found.set_index("site_id").sort_index()
    assert np.allclose(own["area_mu"].sum(), table["area_mu"])
    assert np.allclose(own["cost_yuan"].sum(), table["cost_yuan"])
    assert (own.size() == table["n_blocks"]).all()
    assert np.allclose(table.geometry.area, table["area_mu"] * MU_M2)
    assert table.geometry.is_valid.all()
    # a site is of one county and one district
    assert (own["county"].nunique() == 1).all()
    assert (own["irrigation_district"].nunique(dropna=False) == 1).all()
    # the largest of a county comes first
    for _, county in found.groupby("county"):
        assert (county["area_mu"].diff().dropna() <= 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(rows, st.floats(0, 200), st.floats(0, 200))
def test_a_larger_gap_never_gives_more_sites(blocks: gpd.GeoDataFrame, a: float, b: float) -> None:
    near, far = sorted((a, b))
    fine, coarse = sites(blocks, near, {})[0], sites(blocks, far, {})[0]
    # and each finer site lies whole inside a coarser one
    pairs = {(f, c) for f, c in zip(fine, coarse, strict=True) if f is not None}
    assert len(pairs) == len({f for f, _ in pairs})
    assert len({c for _, c in pairs}) <= len({f for f, _ in pairs})


@settings(max_examples=40, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(blocks: gpd.GeoDataFrame, random: object) -> None:
    order = list(range(len(blocks)))
    random.shuffle(order)  # type: ignore[attr-defined]
    ids, found = sites(blocks, 35, {})
    other_ids, other = sites(blocks.iloc[order].reset_index(drop=True), 35, {})
    assert [ids[i] for i in order] == list(other_ids)
    assert found["site_id"].tolist() == other["site_id"].tolist()
    assert np.allclose(found["area_mu"], other["area_mu"])


@settings(max_examples=40, deadline=None)
@given(rows, st.sampled_from([0.0, 10.0, 35.0, 80.0]))
def test_sites_are_what_a_plain_search_finds(blocks: gpd.GeoDataFrame, gap: float) -> None:
    ids, _ = sites(blocks, gap, {})
    compliant = np.flatnonzero(blocks["meets_minimum"])
    label = {i: i for i in compliant}
    key = [(c, str(d)) for c, d in zip(blocks["county"], blocks["irrigation_district"], strict=True)]
    changed = True
    while changed:
        changed = False
        for i in compliant:
            for j in compliant:
                near = (
                    blocks["field_unit"][i] == blocks["field_unit"][j]
                    or blocks.geometry[i].distance(blocks.geometry[j]) <= gap
                )
                if key[i] == key[j] and near and label[j] > label[i]:
                    label[j], changed = label[i], True
    plain = {tuple(sorted(i for i in compliant if label[i] == root)) for root in set(label.values())}
    ours = {tuple(np.flatnonzero(ids == site)) for site in set(ids[compliant])}
    assert ours == plain
