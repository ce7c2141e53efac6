"""The drawing opens without a fault, in metres as surveyed: ridges, blocks, levels and labels where they belong."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import ezdxf
import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from ezdxf import units
from ezdxf.document import Drawing
from ezdxf.lldxf.encoding import decode_dxf_unicode

from geo import looks, plans
from geo.export import drawing as sheet
from geo.export import export
from geo.export.options import Cad, Options
from geo.export.selection import Selection

LAYERS = {
    "大池",
    "旧田埂",
    "新田埂",
    "现状小池",
    "标高_现状",
    "标高_设计",
    "标高_挖填",
    "标注",
    "界址点",
    "示范点",
    "说明",
}


@pytest.fixture(scope="module")
def drawing(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    out = tmp_path_factory.mktemp("dxf") / "plan.dxf"
    export(by_hand.folder, "dxf", out)
    return ezdxf.readfile(out)


@pytest.fixture(scope="module")
def plan(plan_folder: Path) -> plans.Plan:
    return plans.read(plan_folder)


@pytest.fixture(scope="module")
def real(plan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    out = tmp_path_factory.mktemp("dxf") / "real.dxf"
    export(plan_folder, "dxf", out)
    return ezdxf.readfile(out)


def rings(drawing: Drawing, layer: str) -> list[shapely.Polygon]:
    lines = drawing.modelspace().query(f'LWPOLYLINE[layer=="{layer}"]')
    assert all(line.closed for line in lines)
    return [shapely.Polygon(line.get_points("xy")) for line in lines]


def lines(drawing: Drawing, layer: str) -> np.ndarray:
    found = drawing.modelspace().query(f'LWPOLYLINE[layer=="{layer}"]')
    assert not any(line.closed for line in found)
    return np.array([shapely.LineString(line.get_points("xy")) for line in found])


def texts(drawing: Drawing, layer: str) -> pd.DataFrame:
    found = drawing.modelspace().query(f'TEXT[layer=="{layer}"]')
    rows = [(t.dxf.text, t.dxf.align_point.x, t.dxf.align_point.y, t.dxf.height) for t in found]
    return pd.DataFrame(rows, columns=["text", "x", "y", "height"])


@pytest.mark.parametrize("cad", ["2007", "2000"])
def test_it_has_no_faults_and_is_in_metres(by_hand: Any, tmp_path: Path, cad: Cad) -> None:
    export(by_hand.folder, "dxf", tmp_path / "plan.dxf", options=Options(cad=cad))
    drawing = ezdxf.readfile(tmp_path / "plan.dxf")
    audit = drawing.audit()
    assert not audit.errors and not audit.fixes
    assert drawing.units == units.M
    assert drawing.dxfversion == {"2007": "AC1021", "2000": "AC1015"}[cad]
    assert "EPSG:4553" in " ".join(texts(drawing, "说明")["text"])
    if cad == "2007":
        assert "EPSG:4553" in dict(drawing.header.custom_vars)["坐标系"]


@pytest.mark.parametrize(("cad", "encoding"), [("2007", "utf-8"), ("2000", "gbk")])
def test_its_chinese_is_in_the_encoding_that_its_head_says(
    by_hand: Any, tmp_path: Path, cad: Cad, encoding: str
) -> None:
    export(by_hand.folder, "dxf", tmp_path / "plan.dxf", options=Options(cad=cad))
    raw = (tmp_path / "plan.dxf").read_bytes()
    assert "旧田埂".encode(encoding) in raw and "公开版，不含农户信息".encode(encoding) in raw
    assert b"ANSI_936" in raw and rb"\U+" not in raw
    raw.decode(encoding)


def test_a_character_that_the_code_page_lacks_is_written_by_its_number(by_hand: Any, tmp_path: Path) -> None:
    plan = plans.read(by_hand.folder)
    plan.blocks["block_id"] = ["㒰𠮷-1", *plan.blocks["block_id"][1:]]
    plans.write(plan, tmp_path / "plan")
    export(tmp_path / "plan", "dxf", tmp_path / "plan.dxf", options=Options(cad="2000"))
    read = ezdxf.readfile(tmp_path / "plan.dxf")
    assert not read.audit().errors
    assert rb"\U+34b0" in (tmp_path / "plan.dxf").read_bytes()
    assert "㒰〓-1" in {decode_dxf_unicode(text) for text in texts(read, "标注")["text"]}


def test_every_handle_is_one_of_a_kind_and_the_head_names_the_next(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "dxf", tmp_path / "plan.dxf")
    raw = (tmp_path / "plan.dxf").read_text("gbk")
    handles = [int(h, 16) for h in re.findall(r"\n  5\n([0-9A-F]+)\n(?:330|100|102)", raw)]
    assert len(handles) == len(set(handles))
    seed = re.search(r"\$HANDSEED\n  5\n([0-9A-F]+)", raw)
    assert seed is not None and int(seed[1], 16) > max(handles)


def test_layers_have_their_colours_and_old_ridges_are_dashed(drawing: Drawing) -> None:
    found = {layer.dxf.name: layer for layer in drawing.layers}
    assert set(found) >= LAYERS | {"干渠", "道路", "村庄"} and "农渠" not in found
    assert found["旧田埂"].dxf.linetype == sheet.DASHED and found["新田埂"].dxf.linetype != sheet.DASHED
    assert found["大池"].color == 5 and found["旧田埂"].color == 1 and found["新田埂"].color == 3


def test_in_a_newer_drawing_layers_have_the_colours_of_the_screen(by_hand: Any, tmp_path: Path) -> None:
    export(by_hand.folder, "dxf", tmp_path / "plan.dxf", options=Options(cad="2007"))
    found = {layer.dxf.name: layer for layer in ezdxf.readfile(tmp_path / "plan.dxf").layers}
    assert "#{:02X}{:02X}{:02X}".format(*found["大池"].rgb) == looks.BLOCKS["site"].colour
    assert "#{:02X}{:02X}{:02X}".format(*found["干渠"].rgb) == looks.BARRIERS["main_canal"].colour


def test_every_ring_of_every_block_is_a_closed_line_on_the_layer_of_its_state(drawing: Drawing) -> None:
    def areas(layer: str) -> list[float]:
        return sorted(round(ring.area, 3) for ring in rings(drawing, layer))

    assert areas("大池") == [150.0, 6000.0, 6000.0]
    assert areas("大池_示范点不够大") == [4000.0]
    assert areas("大池_未达下限") == [900.0]
    assert areas("现状小池") == [540.0] * 10


def test_coordinates_are_those_of_the_plan(drawing: Drawing, by_hand: Any) -> None:
    found = shapely.union_all(rings(drawing, "现状小池"))
    wanted = by_hand.plan.parcels.geometry.union_all()
    assert shapely.hausdorff_distance(found, wanted) < 1e-3


def test_a_site_is_one_line_round_its_blocks(drawing: Drawing, by_hand: Any) -> None:
    found = rings(drawing, "示范点")
    assert len(found) == 2
    for i in range(2):
        site = by_hand.plan.sites.geometry[i]
        (own,) = [ring for ring in found if ring.covers(site)]
        assert own.within(site.buffer(12))


def test_chinese_stands_in_a_style_with_a_chinese_typeface(drawing: Drawing) -> None:
    found = drawing.modelspace().query("TEXT")
    assert {t.dxf.style for t in found} == {sheet.STYLE}
    assert drawing.styles.get(sheet.STYLE).dxf.font == "simsun.ttc"
    assert drawing.styles.get(sheet.STYLE).get_extended_font_data()[0] == "SimSun"


def test_labels_stand_in_their_block(drawing: Drawing, by_hand: Any) -> None:
    said = texts(drawing, "标注")
    for block in by_hand.plan.blocks.itertuples():
        own = said[said["text"] == block.block_id]
        assert len(own) == 1
        assert f"{block.area_mu:.1f}亩" in set(said["text"])


def test_codes_that_cad_programs_obey_are_taken_apart() -> None:
    assert sheet.plain("a%%ub\x07\nc") == "a% %ubc"


# a plan of the demo region


def test_old_ridges_are_as_long_as_the_plan_says_and_lie_in_their_blocks(
    real: Drawing, plan: plans.Plan
) -> None:
    old = lines(real, "旧田埂")
    assert shapely.length(old).sum() == pytest.approx(plan.blocks["ridge_removed_m"].sum(), rel=0.01)
    ground = plan.blocks.geometry.union_all().buffer(0.01)
    assert shapely.covers(ground, old).all()


def test_new_ridges_stand_round_blocks_and_none_through_one(real: Drawing, plan: plans.Plan) -> None:
    new = lines(real, "新田埂")
    made = plan.blocks[plan.blocks["n_parcels"] > 1]
    tree = shapely.STRtree(made.geometry.buffer(-0.05).to_numpy())
    line, block = tree.query(new, predicate="intersects")
    through = shapely.length(shapely.intersection(new[line], tree.geometries[block])).sum()
    assert through < 0.001 * shapely.length(new).sum()
    assert shapely.distance(new, made.geometry.union_all()).max() < 1.5


def test_levels_are_the_parcels_and_the_blocks(real: Drawing, plan: plans.Plan) -> None:
    before = texts(real, "标高_现状")
    levels = plan.parcels["elevation_m"].dropna()
    assert sorted(before["text"]) == sorted(f"{z:.2f}" for z in levels)
    spots = gpd.GeoDataFrame(before, geometry=gpd.points_from_xy(before.x, before.y), crs=plan.parcels.crs)
    shapes = plan.parcels.assign(geometry=plan.parcels.buffer(6))
    met = spots.sjoin(shapes[["elevation_m", "geometry"]], predicate="within")
    right = met[met["text"] == met["elevation_m"].map("{:.2f}".format)]
    assert right.index.nunique() == len(spots)
    design = texts(real, "标高_设计")
    assert sorted(design["text"]) == sorted(f"▽{z:.2f}" for z in plan.blocks["design_level_m"].dropna())


def test_cut_and_fill_written_on_it_add_up_to_the_plans(real: Drawing, plan: plans.Plan) -> None:
    said = texts(real, "标高_挖填")
    spots = shapely.points(said["x"], said["y"])
    made = plan.parcels[
        plan.parcels["block_id"].isin(plan.blocks.loc[plan.blocks["n_parcels"] > 1, "block_id"])
    ]
    assert len(said) == made["elevation_m"].notna().sum()
    # the nearest parcel is its own: texts stand below the middle, in narrow ones a little outside
    own = made.geometry.sindex.nearest(spots, return_all=False)[1]
    sign = said["text"].str[0].map({"挖": 1.0, "填": -1.0, "平": 0.0}).to_numpy()
    depth = sign * pd.to_numeric(said["text"].str[1:]).fillna(0).to_numpy()
    volume = depth * made.geometry.area.to_numpy()[own]
    # two decimals of a metre on each
    rounding = 0.005 * made.geometry.area.sum()
    assert volume[volume > 0].sum() == pytest.approx(plan.blocks["cut_m3"].sum(), abs=rounding)
    assert -volume[volume < 0].sum() == pytest.approx(plan.blocks["fill_m3"].sum(), abs=rounding)


def test_corners_are_numbered_as_in_the_boundary_points(
    real: Drawing, plan_folder: Path, tmp_path: Path
) -> None:
    export(plan_folder, "txt", tmp_path / "p.txt")
    block, rows = "", {}
    for line in (tmp_path / "p.txt").read_text("utf-8").split("[地块坐标]\n")[1].splitlines():
        fields = line.split(",")
        if fields[-1] == "@":
            block = fields[2]
        else:
            rows[block, fields[0]] = (float(fields[3]), float(fields[2]))
    points = {(p.dxf.location.x, p.dxf.location.y) for p in real.modelspace().query("POINT")}
    made = plans.read(plan_folder).blocks.query("n_parcels > 1")["block_id"]
    assert {at for (name, _), at in rows.items() if name in set(made)} == {
        (round(x, 3), round(y, 3)) for x, y in points
    }
    names = texts(real, "界址点")["text"]
    assert sorted(names) == sorted(number for (name, number) in rows if name in set(made))


def test_gdal_reads_every_entity(real: Drawing, plan_folder: Path, tmp_path: Path) -> None:
    export(plan_folder, "dxf", tmp_path / "plan.dxf")
    read = pyogrio.read_dataframe(tmp_path / "plan.dxf")
    assert len(read) == len(real.modelspace())
    assert set(read["Layer"]) == {e.dxf.layer for e in real.modelspace()}


def test_for_each_site_a_drawing_of_its_own(plan_folder: Path, plan: plans.Plan, tmp_path: Path) -> None:
    export(plan_folder, "dxf", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    sites = plan.blocks["site_id"].dropna().unique()
    assert all(any(site in name for name in names) for site in sites)
    blocks = 0
    for path in (tmp_path / "out").iterdir():
        read = ezdxf.readfile(path)
        assert not read.audit().errors
        blocks += sum(re.fullmatch(r"B\d{6}-\d+", text) is not None for text in texts(read, "标注")["text"])
    assert blocks == len(plan.blocks)


def test_a_selection_is_drawn_with_what_lies_around(
    plan_folder: Path, plan: plans.Plan, tmp_path: Path
) -> None:
    block = plan.blocks.query("n_parcels > 2").iloc[0]
    export(plan_folder, "dxf", tmp_path / "one.dxf", selection=Selection(blocks=(block["block_id"],)))
    read = ezdxf.readfile(tmp_path / "one.dxf")
    assert not read.audit().errors
    own = [ring for layer in sheet.BLOCKS.values() for ring in rings(read, layer.title)]
    assert [ring.area for ring in own] == pytest.approx([block.geometry.area], rel=1e-6)
    assert len(texts(read, "标高_现状")) == block["n_parcels"] < len(rings(read, "现状小池"))
