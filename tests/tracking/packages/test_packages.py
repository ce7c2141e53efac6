"""A package made for a village: what is in it, for whom, and that nothing personal is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import sqlalchemy as sa

from geo.errors import ChigaiError
from tests.tracking.packages.conftest import CREW
from tests.tracking.packages.phone import unpacked
from tracking import ledger, package_layout, package_rows, packages, register, tables
from tracking.ledger import Event
from tracking.people import LOCAL, ForbiddenError, Person
from tracking.store import Store
from ui import palette


def test_a_package_holds_the_villages_blocks_with_their_state_and_an_empty_table(phone: Path) -> None:
    path = phone / "blocks.gpkg"
    assert {name for name, _ in pyogrio.list_layers(path)} == {"blocks", "parcels", "reports", "package"}
    blocks = pyogrio.read_dataframe(path, layer="blocks")
    assert list(blocks["block_id"]) == ["b1"]
    only = blocks.iloc[0]
    assert (only["state"], only["version"], only["village"], only["area_mu"]) == ("approved", 1, "V0", 30.0)
    assert only.geometry.area == pytest.approx(20_000, rel=1e-6)
    assert blocks.crs.to_epsg() == 4553
    reports = pyogrio.read_info(path, layer="reports")
    assert list(reports["fields"]) == list(package_rows.COLUMNS)
    assert reports["features"] == 0
    assert {p.name for p in phone.iterdir()} == {"project.qgs", "blocks.gpkg", "DCIM", "使用说明.txt"}


def test_nothing_personal_is_in_a_package(phone: Path) -> None:
    parcels = pyogrio.read_dataframe(phone / "blocks.gpkg", layer="parcels")
    assert list(parcels.columns) == ["block_id", "area_mu", "geometry"]
    for file in phone.rglob("*"):
        if file.is_file():
            assert "张三".encode() not in file.read_bytes()


def test_canals_and_roads_lie_under_the_blocks(approved: Store, plan: Path, tmp_path: Path) -> None:
    from shapely.geometry import LineString, box

    shapes = [
        LineString([(529_000, 5_069_990), (540_000, 5_069_990)]),
        box(530_200, 5_070_000, 530_210, 5_070_100),
    ]
    far = LineString([(600_000, 5_000_000), (600_001, 5_000_000)])
    barriers = gpd.GeoDataFrame(
        {"kind": ["road", "main_canal", "drain"], "fixed": True, "width_m": 5.0},
        geometry=[*shapes, far],
        crs=4553,
    )
    barriers.to_parquet(plan / "barriers.parquet")
    folder = unpacked(packages.make(approved, plan, "V0", CREW, tmp_path / "o")[0], tmp_path / "x")
    lines = pyogrio.read_dataframe(folder / "blocks.gpkg", layer="barriers")
    areas = pyogrio.read_dataframe(folder / "blocks.gpkg", layer="barrier_areas")
    assert (list(lines["kind"]), list(areas["kind"])) == (["road"], ["main_canal"])
    assert lines.total_bounds[0] > 529_700
    project = (folder / "project.qgs").read_text("utf-8")
    assert "layername=barriers<" in project and "layername=barrier_areas<" in project


def test_the_same_state_makes_the_same_bytes_and_a_report_makes_others(
    approved: Store, plan: Path, tmp_path: Path, report: Callable[..., Event]
) -> None:
    first, again = (packages.make(approved, plan, "V0", CREW, tmp_path / n)[0] for n in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
    ledger.append(approved, [report("started", 1)])
    after = packages.make(approved, plan, "V0", CREW, tmp_path / "b")[0]
    assert after == again and first.read_bytes() != after.read_bytes()


def test_a_changed_block_is_packed_as_it_is_now(approved: Store, plan: Path, tmp_path: Path) -> None:
    register.change_block(approved, "p", "b1", 1, {"area_mu": 29.0}, "planner")
    folder = unpacked(packages.make(approved, plan, "V0", CREW, tmp_path / "o")[0], tmp_path / "x")
    only = pyogrio.read_dataframe(folder / "blocks.gpkg", layer="blocks").iloc[0]
    assert (only["area_mu"], only["version"]) == (29.0, 2)


def test_each_village_and_county_has_its_own(approved: Store, plan: Path, tmp_path: Path) -> None:
    made = packages.make(approved, plan, None, LOCAL, tmp_path / "all")
    assert [p.name for p in made] == ["230381-V0.zip", "230381-V1.zip", "230382-V0.zip", "230382-V1.zip"]
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == [p.name for p in made]


def test_a_crew_has_the_packages_of_its_counties_alone(approved: Store, plan: Path, tmp_path: Path) -> None:
    made = packages.make(approved, plan, None, CREW, tmp_path / "own")
    assert [p.name for p in made] == ["230381-V0.zip", "230381-V1.zip"]
    viewer = Person("u2", "查看", "viewer", None)
    with pytest.raises(ForbiddenError):
        packages.make(approved, plan, "V0", viewer, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with approved.reading() as connection:
        rows = connection.execute(sa.select(tables.audit.c.actor, tables.audit.c.outcome)).fetchall()
    assert [tuple(r) for r in rows] == [("u1", "done"), ("u1", "done"), ("u2", "refused")]


def test_a_villages_name_cannot_lead_out_of_the_folder(
    store: Store, write_plan: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write_plan()
    parcels = gpd.read_parquet(folder / "parcels.parquet")
    parcels["village"] = ["../../<b>村", "../../_b_村", 'a"村\x07', ""]
    parcels.to_parquet(folder / "parcels.parquet", write_covering_bbox=True)
    register.register_plan(store, folder, "planner")
    made = packages.make(store, folder, None, LOCAL, tmp_path / "deep" / "out")
    assert len(set(made)) == 4
    assert all(p.parent == tmp_path / "deep" / "out" and p.exists() for p in made)


@pytest.mark.parametrize("village", ["nowhere", None])
def test_what_cannot_be_packed_is_refused(
    store: Store, write_plan: Callable[..., Path], tmp_path: Path, village: str | None
) -> None:
    folder = write_plan()
    with pytest.raises(ChigaiError, match="数据库中还没有这个方案"):
        packages.make(store, folder, village, LOCAL, tmp_path / "out")
    register.register_plan(store, folder, "planner")
    if village:
        with pytest.raises(ChigaiError, match="nowhere"):
            packages.make(store, folder, village, LOCAL, tmp_path / "out")
    (folder / "parcels.parquet").write_bytes(b"no table")
    with pytest.raises(ChigaiError, match="已损坏"):
        packages.make(store, folder, None, LOCAL, tmp_path / "out")


def test_states_have_the_colours_that_they_have_on_the_screen() -> None:
    for state, (colour, _) in package_layout.STATE_COLOURS.items():
        shown = palette.WORK["planned" if state == "approved" else state]
        assert colour == shown.colour


def test_barriers_have_the_names_and_colours_that_they_have_on_the_screen() -> None:
    assert {k: v[:2] for k, v in package_layout.BARRIERS.items()} == {
        k: (look.zh, look.colour) for k, look in palette.BARRIERS.items()
    }
