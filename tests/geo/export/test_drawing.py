"""The drawing opens without a fault and shows every outline and label in metres."""

from __future__ import annotations

from typing import Any

import ezdxf
import pytest
import shapely
from ezdxf import units
from ezdxf.document import Drawing

from geo.export import export


@pytest.fixture(scope="module")
def drawing(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    out = tmp_path_factory.mktemp("dxf") / "plan.dxf"
    export(by_hand.folder, "dxf", out)
    return ezdxf.readfile(out)


def test_it_has_no_faults_and_is_in_metres(drawing: Drawing) -> None:
    audit = drawing.audit()
    assert not audit.errors and not audit.fixes
    assert drawing.units == units.M
    assert "EPSG:4553" in dict(drawing.header.custom_vars)["坐标系"]


def test_every_ring_of_every_block_is_a_closed_line_on_the_layer_of_its_state(
    drawing: Drawing, by_hand: Any
) -> None:
    lines = drawing.modelspace().query("LWPOLYLINE")
    assert all(line.closed for line in lines)
    areas: dict[str, list[float]] = {}
    for line in lines:
        areas.setdefault(line.dxf.layer, []).append(round(shapely.Polygon(line.get_points("xy")).area, 3))
    assert sorted(areas["大池_达标_BLOCKS"]) == [150.0, 6000.0, 6000.0]
    assert areas["大池_达标_示范点不足_BLOCKS"] == [4000.0]
    assert areas["大池_未达下限_BLOCKS"] == [900.0]
    assert sorted(areas["示范点_SITES"]) == [150.0, 4000.0, 6000.0, 6000.0]
    assert set(areas) | {"标注_LABELS"} <= {layer.dxf.name for layer in drawing.layers}


def test_labels_are_chinese_text_inside_their_block(drawing: Drawing, by_hand: Any) -> None:
    texts = drawing.modelspace().query("TEXT")
    style = drawing.styles.get(texts[0].dxf.style)
    assert style.dxf.font == "simsun.ttc"
    blocks = by_hand.plan.blocks.set_index("block_id")
    placed = {t.dxf.text: shapely.Point(t.dxf.align_point.x, t.dxf.align_point.y) for t in texts}
    for name, shape in blocks.geometry.items():
        assert shape.buffer(3).contains(placed[name])
    assert "6.0亩 设计高程99.10m" in placed
    assert "1.4亩" in placed


def test_codes_that_cad_programs_obey_are_taken_apart() -> None:
    from geo.export.drawing import _plain

    assert _plain("a%%ub\x07\nc") == "a% %ubc"
