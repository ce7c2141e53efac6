"""The boundary-point text reads back to the shapes it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import CRS

from geo.errors import ChigaiError
from geo.export import export
from geo.export.boundary_points import system
from geo.export.options import Options
from tests.geo.export import points_reader


def parsed(path: Path) -> tuple[dict[str, str], list[tuple[list[str], shapely.Polygon]]]:
    """The head, and each block's head line with its shape; checks the grammar on the way."""
    text = path.read_text("utf-8")
    head_text, body = text.split("[地块坐标]\n")
    first, *rows = head_text.splitlines()
    assert first == "[属性描述]"
    head = dict(row.split("=", 1) for row in rows)
    found: list[tuple[list[str], shapely.Polygon]] = []
    pending = iter(body.splitlines())
    for line in pending:
        fields = line.split(",")
        assert len(fields) == 9 and fields[-1] == "@", line
        rings: dict[int, list[tuple[str, float, float]]] = {}
        for _ in range(int(fields[0])):
            name, ring, north, east = next(pending).split(",")
            assert len(north.split(".")[1]) == len(east.split(".")[1]) == 3
            rings.setdefault(int(ring), []).append((name, float(east), float(north)))
        assert list(rings) == list(range(1, len(rings) + 1))
        for points in rings.values():
            assert points[0] == points[-1]
        numbers = [int(p[0][1:]) for points in rings.values() for p in points[:-1]]
        assert numbers == list(range(1, len(numbers) + 1))
        outer, *holes = ([p[1:] for p in points] for points in rings.values())
        found.append((fields, shapely.Polygon(outer, holes)))
    return head, found


@pytest.fixture(scope="module")
def text(by_hand: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("txt") / "plan.txt"
    export(by_hand.folder, "txt", out)
    return out


def test_the_head_says_the_system(text: Path) -> None:
    head, _ = parsed(text)
    assert head["坐标系"] == "2000国家大地坐标系"
    assert (head["几度分带"], head["投影类型"], head["带号"]) == ("3", "高斯克吕格", "44")
    assert (head["计量单位"], head["精度"], head["转换参数"]) == ("米", "0.001", ",,,,,,")
    assert head["数据产生日期"] == "2021-06-01"
    assert list(head) == [
        "格式版本号", "数据产生单位", "数据产生日期", "坐标系", "几度分带", "投影类型", "带号", "计量单位", "精度", "转换参数",
    ]  # fmt: skip


def test_every_block_comes_back(text: Path, by_hand: Any) -> None:
    _, found = parsed(text)
    blocks = by_hand.plan.blocks
    assert [f[2] for f, _ in found] == blocks["block_id"].tolist()
    for (fields, shape), wanted in zip(found, blocks.geometry, strict=True):
        assert shape.is_valid
        assert shape.symmetric_difference(wanted).area < 0.5
        assert float(fields[1]) == pytest.approx(wanted.area / 10_000, abs=5e-5)
        assert (fields[4], fields[6], fields[7]) == ("面", "水田", "0101")
    assert [f[3] for f, _ in found] == ["虎林市大池", "虎林市大池", "密山市大池", "密山市大池（未达下限）"]


def test_x_is_north_and_the_hole_is_ring_two(text: Path) -> None:
    rows = text.read_text("utf-8").splitlines()
    start = rows.index("[地块坐标]") + 2
    assert rows[start] == "J1,1,5010060.000,480000.000"
    block = rows[start : start + 10]
    assert [r.split(",")[1] for r in block] == ["1"] * 5 + ["2"] * 5


def test_lines_end_as_on_windows_and_no_mark_precedes_the_head(text: Path) -> None:
    raw = text.read_bytes()
    assert raw.startswith("[属性描述]\r\n".encode())
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_utm_data_are_not_called_cgcs2000(by_hand_utm: Any, tmp_path: Path) -> None:
    export(by_hand_utm.folder, "txt", tmp_path / "plan.txt")
    head, found = parsed(tmp_path / "plan.txt")
    assert "2000国家大地坐标系" not in head["坐标系"]
    assert "EPSG:32654" in head["坐标系"] and "UTM" in head["投影类型"]
    assert (head["几度分带"], head["带号"]) == ("6", "54")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("epsg", "datum", "width", "zone"),
    [
        (4552, "2000国家大地坐标系", "3", "43"),
        (4554, "2000国家大地坐标系", "3", "45"),
        (4532, "2000国家大地坐标系", "3", "44"),
        (4501, "2000国家大地坐标系", "6", "23"),
        (2389, "Xian 1980（EPSG:2389）", "3", "44"),
        (2154, "RGF93", "", ""),
    ],
)
def test_systems(epsg: int, datum: str, width: str, zone: str) -> None:
    said = dict(system(CRS.from_epsg(epsg)))
    assert datum in said["坐标系"]
    assert (said["几度分带"], said["带号"]) == (width, zone)


def test_coordinates_keep_their_millimetre(by_hand: Any, text: Path) -> None:
    _, found = parsed(text)
    for (_, shape), wanted in zip(found, by_hand.plan.blocks.geometry, strict=True):
        gaps = shapely.distance(shapely.points(shapely.get_coordinates(shape)), shapely.boundary(wanted))
        assert np.max(gaps) <= 0.001


VARIANTS = ["", "prefix", "open", "bare", "swapped", "gbk", "prefix open bare swapped gbk"]


@pytest.mark.parametrize("variants", VARIANTS)
def test_every_variant_reads_back_to_the_same_shapes(by_hand: Any, tmp_path: Path, variants: str) -> None:
    out = tmp_path / "plan.txt"
    export(by_hand.folder, "txt", out, options=Options(points=frozenset(variants.split())))  # type: ignore[arg-type]
    head, plots = points_reader.read(out)
    assert head["带号"] == "44"
    for plot, wanted in zip(plots, by_hand.plan.blocks.itertuples(), strict=True):
        assert plot.head[2] == wanted.block_id
        assert plot.zone == (44 if "prefix" in variants else 0)
        assert shapely.equals_exact(plot.shape.normalize(), wanted.geometry.normalize(), tolerance=0.001)


def test_variants_are_what_they_say(by_hand: Any, tmp_path: Path) -> None:
    def first(*variants: Any) -> list[str]:
        out = tmp_path / "plan.txt"
        export(by_hand.folder, "txt", out, options=Options(points=frozenset(variants)))
        raw = out.read_bytes().decode("gbk" if "gbk" in variants else "utf-8")
        return raw.split("[地块坐标]")[1].split()

    assert first("prefix")[1] == "J1,1,5010060.000,44480000.000"
    assert first("bare")[1] == "1,1,5010060.000,480000.000"
    assert first("swapped")[1] == "J1,1,480000.000,5010060.000"
    closed, opened = first(), first("open")
    assert closed[0].split(",")[0] == "10" and opened[0].split(",")[0] == "8"
    assert first("gbk") == closed


@pytest.mark.parametrize("fields", points_reader.HEADS)
def test_the_reader_of_these_tests_takes_heads_of_every_length(tmp_path: Path, fields: int) -> None:
    head = ",".join(["4", "0.01", "A1", "甲", "面", "", "水田", "0101", *[""] * (fields - 9), "@"])
    points = ["1,1,5010000,44480000", "2,1,5010010,44480000", "3,1,5010010,44480010", "4,1,5010000,44480010"]
    path = tmp_path / "other.txt"
    path.write_text("\n".join(["[属性描述]", "带号=44", "[地块坐标]", head, *points]), "gbk")
    ((plot,),) = (points_reader.read(path)[1],)
    assert (plot.zone, plot.shape.area) == (44, 100)


def test_a_prefix_is_refused_where_there_is_no_zone(by_hand_utm: Any, tmp_path: Path) -> None:
    with pytest.raises(ChigaiError, match="Gauss"):
        export(by_hand_utm.folder, "txt", tmp_path / "p.txt", options=Options(points=frozenset({"prefix"})))
    assert list(tmp_path.iterdir()) == []
