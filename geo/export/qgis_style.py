"""What QGIS is told of a layer: its columns, how it is drawn and labelled; alone, as a style that goes with data."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

VERSION = "3.22.0-Białowieża"
"""The oldest QGIS that is meant to open it; newer ones bring it up to date while they read."""
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
DARK = "#333333"
_UNREADABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold."""

Geometry = Literal["Point", "Line", "Polygon"]
SYMBOLS: dict[Geometry, tuple[str, str]] = {
    "Point": ("marker", "SimpleMarker"), "Line": ("line", "SimpleLine"), "Polygon": ("fill", "SimpleFill"),
}  # fmt: skip
WKB: dict[Geometry, str] = {"Point": "Point", "Line": "MultiLineString", "Polygon": "MultiPolygon"}


@dataclass(frozen=True)
class Field:
    """A column: what people read instead of its name, and how it is filled.

    widget, settings: of QGIS's editor widgets. default: an expression; on_update: it is worked out again at
    every change. rule: an expression that must hold before a row is saved; says: what is told where it does not.
    """

    name: str
    alias: str
    widget: str = "TextEdit"
    settings: Mapping[str, Any] = field(default_factory=dict)
    default: str = ""
    on_update: bool = False
    required: bool = False
    rule: str = ""
    says: str = ""
    editable: bool = True
    keep_last: bool = False


@dataclass(frozen=True)
class Look:
    """How a feature is drawn: colour as #rrggbb, style and outline's width in millimetres as QGIS has them.

    value: of the layer's `by` column, for which this look stands; label: in the legend. opacity: of all of it;
    fill: of a polygon's inside alone. drawn: an expression for the shape that is drawn instead of the feature's own.
    """

    colour: str
    label: str = ""
    value: str = ""
    style: str = "solid"
    outline: str = DARK
    width: float = 0.4
    size: float = 3.0
    opacity: float = 1.0
    fill: float = 1.0
    drawn: str = ""


@dataclass(frozen=True)
class Group:
    """Fields that stand together in a form, shown only where the expression `shown_if` holds."""

    title: str
    fields: tuple[str, ...]
    shown_if: str = ""


@dataclass(frozen=True)
class Layer:
    """A table of the GeoPackage as a layer. by: the column that chooses among looks; empty: the first is for all.

    label: an expression, written on the map between the scales 1 : label_from and 1 : label_to. relations: ids of those whose rows
    are listed in the form. photos: columns that name photos, with the expression that names a new one.
    """

    table: str
    title: str
    geometry: Geometry
    fields: tuple[Field, ...]
    looks: tuple[Look, ...]
    by: str = ""
    label: str = ""
    label_from: float = 25_000
    label_to: float = 0
    form: tuple[Group, ...] = ()
    shows: str = ""
    read_only: bool = True
    relations: tuple[str, ...] = ()
    photos: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The layer's name inside the project; QGIS gives another to one of ten characters or less."""
        return f"chigai_layer_{self.table}"


def style(layer: Layer) -> str:
    """The layer's look, labels and columns as a style (QML): what QGIS finds beside the data and puts on by itself."""
    top = ET.Element(
        "qgis",
        {
            "version": VERSION,
            "styleCategories": "Symbology|Labeling|Fields|Forms|AttributeTable",
            "labelsEnabled": str(int(bool(layer.label))),
            "hasScaleBasedVisibilityFlag": "0",
            "readOnly": str(int(layer.read_only)),
        },
    )
    renderer(top, layer)
    if layer.label:
        labels(top, layer)
    columns(top, layer)
    add(top, "previewExpression", layer.shows)
    add(top, "layerGeometryType", str(("Point", "Line", "Polygon").index(layer.geometry)))
    return DOCTYPE + ET.tostring(top, encoding="unicode") + "\n"


def quoted(text: str) -> str:
    """A text as QGIS's expressions write it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def value_map(choices: Mapping[str, str]) -> dict[str, Any]:
    """Settings of the widget ValueMap. choices: value → what people read, in the order shown."""
    return {"map": [{shown: value} for value, shown in choices.items()]}


def add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    """A new element below `parent`, without what XML cannot hold."""
    made = ET.SubElement(parent, tag, {name: plain(value) for name, value in attributes.items()})
    made.text = None if text is None else plain(text)
    return made


def plain(value: str) -> str:
    """Text that XML can hold."""
    return _UNREADABLE.sub("", value)


def option(parent: ET.Element, value: Any, name: str | None = None) -> None:
    """A value in the one form in which QGIS keeps settings."""
    named = {} if name is None else {"name": name}
    if isinstance(value, Mapping):
        box = add(parent, "Option", type="Map", **named)
        for key, inner in value.items():
            option(box, inner, key)
    elif isinstance(value, list):
        box = add(parent, "Option", type="List", **named)
        for inner in value:
            option(box, inner)
    else:
        kind = {bool: "bool", int: "int", float: "double"}.get(type(value), "QString")
        said = str(value).lower() if isinstance(value, bool) else str(value)
        add(parent, "Option", type=kind, value=said, **named)


def renderer(parent: ET.Element, layer: Layer) -> None:
    """How the layer is drawn: one symbol, or one for each value."""
    kind = "categorizedSymbol" if layer.by else "singleSymbol"
    made = add(parent, "renderer-v2", type=kind, symbollevels="0", enableorderby="0", forceraster="0")
    if layer.by:
        made.set("attr", layer.by)
        categories = add(made, "categories")
        for at, look in enumerate(layer.looks):
            add(categories, "category", symbol=str(at), value=look.value, label=look.label, render="true")
    symbols = add(made, "symbols")
    for at, look in enumerate(layer.looks if layer.by else layer.looks[:1]):
        _symbol(symbols, layer.geometry, look, str(at))


def _symbol(parent: ET.Element, geometry: Geometry, look: Look, name: str) -> None:
    kind, drawn = SYMBOLS[geometry]
    symbol = add(parent, "symbol", type=kind, name=name, alpha=f"{look.opacity:g}", clip_to_extent="1")
    if look.drawn:
        instead = _part(symbol, "GeometryGenerator")
        option(instead, {"SymbolType": kind.capitalize(), "geometryModifier": look.drawn, "units": "MapUnit"})
        symbol = add(instead, "symbol", type=kind, name=f"@{name}@0", alpha="1", clip_to_extent="1")
    width = {"outline_width": look.width, "outline_width_unit": "MM", "outline_color": _rgba(look.outline)}
    own: dict[Geometry, dict[str, Any]] = {
        "Point": {"name": "circle", "color": _rgba(look.colour), "size": look.size, "size_unit": "MM", **width},
        "Line": {"line_color": _rgba(look.colour), "line_style": look.style, "line_width": look.width,
                 "line_width_unit": "MM", "capstyle": "round", "joinstyle": "round"},
        "Polygon": {"color": _rgba(look.colour, look.fill), "style": look.style, "outline_style": "solid", **width},
    }  # fmt: skip
    option(_part(symbol, drawn), {name: str(value) for name, value in own[geometry].items()})


def _part(symbol: ET.Element, drawn: str) -> ET.Element:
    return ET.SubElement(symbol, "layer", {"class": drawn, "enabled": "1", "locked": "0", "pass": "0"})


def _rgba(colour: str, opacity: float = 1.0) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + f",{round(255 * opacity)}"


def labels(parent: ET.Element, layer: Layer) -> None:
    """What is written on the map, with a light border round the letters."""
    settings = add(add(parent, "labeling", type="simple"), "settings")
    style = add(
        settings, "text-style", fieldName=layer.label, isExpression="1", fontFamily="Noto Sans CJK SC",
        fontSize="9", fontSizeUnit="Point", textColor="20,20,20,255", multilineHeight="1", namedStyle="Regular",
    )  # fmt: skip
    add(
        style, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM",
        bufferColor="255,255,255,255", bufferOpacity="1",
    )  # fmt: skip
    add(settings, "text-format", multilineAlign="1")
    add(
        settings,
        "placement",
        placement="1",
        centroidInside="1",
        centroidWhole="1",
        layerType="UnknownGeometry",
    )
    add(
        settings, "rendering", drawLabels="1", scaleVisibility="1",
        scaleMin=f"{layer.label_to:g}", scaleMax=f"{layer.label_from:g}", obstacle="0",
    )  # fmt: skip


def columns(parent: ET.Element, layer: Layer) -> None:
    """What the columns are called and how they are filled."""
    configured = add(parent, "fieldConfiguration")
    tables = {
        tag: add(parent, tag) for tag in ("aliases", "defaults", "constraints", "constraintExpressions")
    }
    for at, column in enumerate((Field("fid", "fid", "Hidden"), *layer.fields)):
        widget = add(add(configured, "field", name=column.name), "editWidget", type=column.widget)
        option(add(widget, "config"), column.settings)
        add(tables["aliases"], "alias", field=column.name, index=str(at), name=column.alias)
        add(
            tables["defaults"], "default", field=column.name, expression=column.default,
            applyOnUpdate=str(int(column.on_update)),
        )  # fmt: skip
        # 1: not empty, 2: unique, 4: an expression; a strength of 1 keeps the row from being saved
        asked = (1 if column.required else 0) + (4 if column.rule else 0)
        add(
            tables["constraints"], "constraint", field=column.name, constraints=str(asked), unique_strength="0",
            notnull_strength=str(int(column.required)), exp_strength=str(int(bool(column.rule))),
        )  # fmt: skip
        add(
            tables["constraintExpressions"],
            "constraint",
            field=column.name,
            exp=column.rule,
            desc=column.says,
        )
