"""The styles inside a GeoPackage: one for each layer, in the screen's colours, with Chinese names and labels."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pandas as pd
import pyogrio
import pytest

from geo import looks
from geo.export import export
from geo.export.public import COLUMNS
from ui import palette

CHINESE = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def path(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("styles") / "plan.gpkg"
    export(by_hand.folder, "gpkg", out)
    return out


@pytest.fixture(scope="module")
def table(path: Path) -> pd.DataFrame:
    return pyogrio.read_dataframe(path, layer="layer_styles").set_index("f_table_name")


def colours(top: ET.Element) -> dict[str, str]:
    """Value of a category → fill as #rrggbb."""
    found = {}
    for category in top.iter("category"):
        symbol = next(s for s in top.iter("symbol") if s.get("name") == category.get("symbol"))
        said = {o.get("name"): o.get("value") for o in symbol.iter("Option")}
        red, green, blue, _ = map(int, str(said.get("color") or said.get("line_color")).split(","))
        found[str(category.get("value"))] = f"#{red:02X}{green:02X}{blue:02X}"
    return found


def test_each_layer_has_one_style_which_is_the_one_to_begin_with(path: Path, table: pd.DataFrame) -> None:
    layers = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    assert table.index.tolist() == layers
    assert table["useAsDefault"].all()
    assert {pyogrio.read_info(path, layer=name)["geometry_name"] for name in layers} == {"geom"}
    assert set(table["f_geometry_column"]) == {"geom"}
    assert all(CHINESE.search(name) for name in table["styleName"])


def test_blocks_have_the_colours_and_names_of_the_screen(table: pd.DataFrame) -> None:
    top = ET.fromstring(table.loc["大池", "styleQML"])
    assert top.find("renderer-v2").get("attr") == "state"  # type: ignore[union-attr]
    assert colours(top) == {state: look.colour for state, look in palette.BLOCKS.items()}
    legend = {c.get("value"): c.get("label") for c in top.iter("category")}
    assert legend == {state: look.zh for state, look in palette.BLOCKS.items()}


def test_barriers_have_the_colours_of_the_screen(table: pd.DataFrame, by_hand: Any) -> None:
    found = {
        k: v
        for name in ("渠沟路林", "渠沟路林面")
        for k, v in colours(ET.fromstring(table.loc[name, "styleQML"])).items()
    }
    assert found == {k: palette.BARRIERS[k].colour for k in by_hand.plan.barriers["kind"]}


def test_every_column_goes_by_its_chinese_title_and_codes_by_words(path: Path, table: pd.DataFrame) -> None:
    for name in ("大池", "示范点", "小池"):
        top = ET.fromstring(table.loc[name, "styleQML"])
        titles = {a.get("field"): a.get("name") for a in top.iter("alias")}
        for column in pyogrio.read_info(path, layer=name)["fields"]:
            assert column in COLUMNS and CHINESE.search(str(titles[column])), column
    counties = [
        f for f in ET.fromstring(table.loc["大池", "styleQML"]).iter("field") if f.get("name") == "county"
    ]
    shown = {o.get("name"): o.get("value") for o in counties[0].iter("Option") if o.get("type") == "QString"}
    assert shown == {"虎林市": "230381", "密山市": "230382"}


def test_labels_name_columns_that_are_there(path: Path, table: pd.DataFrame) -> None:
    for name in ("大池", "示范点", "小池"):
        top = ET.fromstring(table.loc[name, "styleQML"])
        style = next(top.iter("text-style"))
        named = re.findall(r'"(\w+)"', str(style.get("fieldName")))
        assert named and set(named) <= set(pyogrio.read_info(path, layer=name)["fields"])
        assert top.get("labelsEnabled") == "1"


def test_in_public_no_style_speaks_of_a_refusal(table: pd.DataFrame, by_hand: Any, tmp_path: Path) -> None:
    assert not any("consent" in text or "未同意" in text for text in table["styleQML"])
    assert set(colours(ET.fromstring(table.loc["小池", "styleQML"]))) == {
        "joined",
        "rest",
        "elevation",
        "other",
    }
    export(by_hand.folder, "gpkg", tmp_path / "inside.gpkg", names=True)
    inside = pyogrio.read_dataframe(tmp_path / "inside.gpkg", layer="layer_styles").set_index("f_table_name")
    assert looks.REASONS["consent"].zh in inside.loc["小池", "styleQML"]


ASK = """
import json, os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import QgsApplication, QgsVectorLayer
app = QgsApplication([], True)
app.initQgis()
told = {}
for name in sys.argv[2:]:
    layer = QgsVectorLayer(f"{sys.argv[1]}|layername={name}", name, "ogr")
    drawn = layer.renderer()
    categories = drawn.categories() if drawn.type() == "categorizedSymbol" else []
    told[name] = [layer.featureCount(), drawn.type(), layer.labelsEnabled(), layer.crs().authid(),
                  {str(c.value()): [c.label(), c.symbol().color().name().upper()] for c in categories}]
print("TOLD" + json.dumps(told))
sys.stdout.flush()
os._exit(0)
"""


def test_qgis_puts_the_styles_on_by_itself(path: Path, by_hand: Any, tmp_path: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None or subprocess.run([python, "-c", "import qgis.core"], capture_output=True).returncode:
        pytest.skip("QGIS is not installed")
    (tmp_path / "ask.py").write_text(ASK, "utf-8")
    names = ["大池", "示范点", "小池", "渠沟路林"]
    ran = subprocess.run(
        [python, str(tmp_path / "ask.py"), str(path), *names], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.rpartition("TOLD")[2])
    assert [told[name][0] for name in names] == [4, 2, 10, 2]
    assert {told[name][3] for name in names} == {"EPSG:4553"}
    assert told["大池"][1:3] == ["categorizedSymbol", True]
    assert told["大池"][4] == {state: [look.zh, look.colour] for state, look in palette.BLOCKS.items()}
    assert (
        told["示范点"][1] == "singleSymbol" and told["小池"][1] == told["渠沟路林"][1] == "categorizedSymbol"
    )
    assert "partially supported" not in ran.stderr
