"""The QGIS project: what it says to QGIS and QField, what it never says, and that QGIS opens it."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geo.export import bundle, qgis
from geo.export.qgis import Field, Group, Layer, Look, Relation

SYSTEM = CRS.from_epsg(4553)
BOUNDS = (530_000.0, 5_070_000.0, 530_100.0, 5_070_100.0)
LAND = Layer(
    "land", "田块", "Polygon", (Field("name", "名称", editable=False), Field("state", "状态")),
    (Look("#0072B2", "已完工", "done"), Look("#FFFFFF", "未开工", "new", style="b_diagonal")),
    by="state", label="\"name\" || '亩'", form=(Group("", ("name", "state")),), relations=("visits_of_land",),
)  # fmt: skip
VISITS = Layer(
    "visits", "记录", "Point",
    (
        Field("id", "编号", "Hidden", default="uuid('WithoutBraces')"),
        Field("name", "田块", "ValueRelation", qgis.value_relation(LAND, "name", "name"), required=True, says="要选"),
        Field("what", "做了什么", "ValueMap", qgis.value_map({"a": "开工", "b": "完工"})),
        Field("mu", "亩数", rule="\"what\" <> 'b' or \"mu\" > 0", says="填亩数"),
        Field("photo", "照片", "ExternalResource", qgis.attachment()),
    ),
    (Look("#E69F00"),),
    form=(Group("", ("what", "name", "photo")), Group("完工", ("mu",), "\"what\" = 'b'")),
    read_only=False,
    photos={"photo": "'DCIM/' || \"id\" || '.{extension}'"},
)  # fmt: skip
LINKS = [Relation("visits_of_land", "记录", LAND, VISITS, "name")]


def written(title: str = "题目") -> bytes:
    return qgis.project(title, [VISITS, LAND], BOUNDS, SYSTEM, "data.gpkg", LINKS)


def parsed() -> ET.Element:
    return ET.fromstring(written())


def layer(name: str) -> ET.Element:
    return next(m for m in parsed().iter("maplayer") if m.findtext("layername") == name)


def option(field: ET.Element, name: str) -> str | None:
    return next((o.get("value") for o in field.iter("Option") if o.get("name") == name), None)


def test_layers_stand_in_their_order_with_chinese_names_beside_the_project() -> None:
    top = parsed()
    assert [n.get("name") for n in top.find("layer-tree-group") or []] == ["记录", "田块"]
    assert [m.findtext("datasource") for m in top.iter("maplayer")] == [
        "./data.gpkg|layername=visits", "./data.gpkg|layername=land",
    ]  # fmt: skip
    assert top.findtext("properties/Paths/Absolute") == "false"
    assert top.findtext("projectCrs/spatialrefsys/authid") == "EPSG:4553"
    assert top.findtext("mapcanvas/extent/xmin") == "530000.000"
    assert top.findtext("title") == "题目"


def test_it_names_no_place_of_this_machine_no_network_and_no_password() -> None:
    text = written().decode()
    for word in ("/home", "/root", "/tmp", "http:", "https:", "password", "authcfg", "user="):
        assert word not in text.replace("http://mrcc.com/qgis.dtd", ""), word
    assert not re.search(r"[A-Za-z]:\\", text)


def test_fields_have_names_choices_defaults_and_rules() -> None:
    visits = layer("记录")
    assert {a.get("field"): a.get("name") for a in visits.iter("alias")}["what"] == "做了什么"
    fields = {f.get("name"): f for f in visits.findall("fieldConfiguration/field")}
    kinds = {name: f.find("editWidget").get("type") for name, f in fields.items()}  # type: ignore[union-attr]
    assert kinds == {
        "fid": "Hidden", "id": "Hidden", "name": "ValueRelation", "what": "ValueMap", "mu": "TextEdit",
        "photo": "ExternalResource",
    }  # fmt: skip
    assert (option(fields["what"], "开工"), option(fields["what"], "完工")) == ("a", "b")
    assert option(fields["photo"], "RelativeStorage") == "1"
    assert option(fields["photo"], "DocumentViewer") == "1"
    assert option(fields["name"], "Layer") == LAND.id
    defaults = {d.get("field"): d.get("expression") for d in visits.iter("default")}
    assert defaults["id"] == "uuid('WithoutBraces')"
    asked = {c.get("field"): c for c in visits.findall("constraints/constraint")}
    assert (asked["name"].get("constraints"), asked["name"].get("notnull_strength")) == ("1", "1")
    assert (asked["mu"].get("constraints"), asked["mu"].get("exp_strength")) == ("4", "1")
    rules = {
        c.get("field"): (c.get("exp"), c.get("desc"))
        for c in visits.findall("constraintExpressions/constraint")
    }
    assert rules["mu"] == ('"what" <> \'b\' or "mu" > 0', "填亩数")


def test_every_form_field_stands_at_its_place_behind_the_fid() -> None:
    for name, of in (("记录", VISITS), ("田块", LAND)):
        for shown in layer(name).iter("attributeEditorField"):
            assert of.fields[int(shown.get("index", "0")) - 1].name == shown.get("name")


def test_photos_are_named_below_dcim_for_newer_and_older_qfield() -> None:
    said = {o.get("name"): o.get("value") for o in layer("记录").findall("customproperties/Option/Option")}
    assert json.loads(str(said["QFieldSync/attachment_naming"]))["photo"].endswith(".{extension}'")
    assert json.loads(str(said["QFieldSync/photo_naming"]))["photo"].endswith(".jpg'")
    top = parsed()
    assert top.findtext("properties/qfieldsync/attachmentDirs/value") == "DCIM"


def test_what_is_only_to_be_seen_is_read_only() -> None:
    assert (layer("记录").get("readOnly"), layer("田块").get("readOnly")) == ("0", "1")
    said = {o.get("name"): o.get("value") for o in layer("田块").findall("customproperties/Option/Option")}
    assert said["QFieldSync/is_geometry_locked"] == "true"


def test_each_value_has_its_look_and_labels_have_their_expression() -> None:
    land = layer("田块")
    drawn = land.find("renderer-v2")
    assert drawn is not None and drawn.get("attr") == "state"
    assert [(c.get("value"), c.get("label"), c.get("symbol")) for c in drawn.iter("category")] == [
        ("done", "已完工", "0"), ("new", "未开工", "1"),
    ]  # fmt: skip
    symbols = drawn.findall("symbols/symbol")
    assert [option(s, "color") for s in symbols] == ["0,114,178,255", "255,255,255,255"]
    assert option(symbols[1], "style") == "b_diagonal"
    style = land.find("labeling/settings/text-style")
    assert style is not None and style.get("fieldName") == LAND.label


def test_the_same_is_written_the_same() -> None:
    assert written() == written()


@given(st.text())
def test_any_text_is_a_title_and_nothing_more(text: str) -> None:
    top = ET.fromstring(written(text))
    readable = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
    assert (top.findtext("title") or "").replace("\r\n", "\n").replace("\r", "\n") == readable.replace(
        "\r\n", "\n"
    ).replace("\r", "\n")
    assert [child.tag for child in top] == [child.tag for child in parsed()]


def test_quotes_cannot_end_a_text_of_an_expression() -> None:
    assert qgis.quoted("a'b\\") == "'a\\'b\\\\'"


OPENED = """
import json, os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import QgsApplication, QgsProject, QgsVectorLayerUtils, QgsGeometry, QgsPointXY
app = QgsApplication([], False); app.initQgis()
project = QgsProject.instance()
found = {"read": project.read(sys.argv[1]), "crs": project.crs().authid(), "title": project.title()}
visits, land = (project.mapLayersByName(n)[0] for n in ("记录", "田块"))
found["valid"] = [visits.isValid(), land.isValid()]
found["read_only"] = [visits.readOnly(), land.readOnly()]
found["relations"] = [r.isValid() for r in project.relationManager().relations().values()]
place = QgsGeometry.fromPointXY(QgsPointXY(530050, 5070050))
made = QgsVectorLayerUtils.createFeature(visits, place, {}, visits.createExpressionContext())
made["what"], made["name"], made["photo"] = "a", "甲", "DCIM/x.jpg"
found["rules"] = []
for what, mu in (("a", None), ("b", None), ("b", 2.0)):
    made["what"], made["mu"] = what, mu
    found["rules"].append(QgsVectorLayerUtils.validateAttribute(visits, made, visits.fields().indexOf("mu"))[0])
visits.startEditing(); visits.addFeature(made)
found["saved"] = visits.commitChanges()
found["uuid"] = len(next(visits.getFeatures())["id"])
found["label"] = land.labelsEnabled()
print(json.dumps(found))
app.exitQgis()
"""


def test_qgis_opens_it_and_saves_a_row_by_its_rules(tmp_path: Path) -> None:
    python = "/usr/bin/python3"
    try:
        there = subprocess.run(
            [python, "-c", "import qgis.core"], capture_output=True, check=False, timeout=60
        )
    except OSError:
        pytest.skip("the system has no python3")
    if there.returncode:
        pytest.skip("QGIS with python3-qgis is not installed")
    land = gpd.GeoDataFrame(
        {"name": ["甲"], "state": ["done"]}, geometry=[shapely.MultiPolygon([shapely.box(*BOUNDS)])], crs=4553
    )
    columns = {f.name: pd.Series([], dtype="float64" if f.name == "mu" else object) for f in VISITS.fields}
    visits = gpd.GeoDataFrame(columns, geometry=[], crs=4553)
    tables = [
        bundle.Table("land", "田块", land, "MultiPolygon"),
        bundle.Table("visits", "记录", visits, "Point"),
    ]
    bundle.write_gpkg(tables, tmp_path / "data.gpkg", datetime(2026, 1, 1, tzinfo=UTC))
    (tmp_path / "project.qgs").write_bytes(written())
    run = subprocess.run(
        [python, "-c", OPENED, str(tmp_path / "project.qgs")],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == {
        "read": True, "crs": "EPSG:4553", "title": "题目", "valid": [True, True], "read_only": [False, True],
        "relations": [True], "rules": [True, False, True], "saved": True, "uuid": 36, "label": True,
    }  # fmt: skip


# the GeoPackage and the zip around it


def test_the_same_tables_are_the_same_bytes_and_another_moment_is_not(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"a": ["x", None]}, geometry=[shapely.Point(0, 0), None], crs=4553)
    table = bundle.Table("t", "表", frame, "Point")
    made = []
    for n, day in enumerate((1, 1, 2)):
        path = tmp_path / f"{n}.gpkg"
        bundle.write_gpkg([table], path, datetime(2026, 1, day, tzinfo=UTC))
        made.append(path.read_bytes())
    assert made[0] == made[1] != made[2]


def test_a_zip_is_whole_or_not_there(tmp_path: Path) -> None:
    members = {"a.txt": b"a", "DCIM": None}
    bundle.write_zip(members, tmp_path / "x.zip")
    first = (tmp_path / "x.zip").read_bytes()
    bundle.write_zip(members, tmp_path / "x.zip")
    assert (tmp_path / "x.zip").read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]
