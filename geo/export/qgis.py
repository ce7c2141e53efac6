"""A QGIS project as a file: layers of a GeoPackage beside it, with their looks, labels, forms and relations."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pyproj import CRS

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

    value: of the layer's `by` column, for which this look stands; label: in the legend.
    """

    colour: str
    label: str = ""
    value: str = ""
    style: str = "solid"
    outline: str = DARK
    width: float = 0.4
    size: float = 3.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Group:
    """Fields that stand together in a form, shown only where the expression `shown_if` holds."""

    title: str
    fields: tuple[str, ...]
    shown_if: str = ""


@dataclass(frozen=True)
class Layer:
    """A table of the GeoPackage as a layer. by: the column that chooses among looks; empty: the first is for all.

    label: an expression, written on the map up to a scale of 1 : label_from. relations: ids of those whose rows
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
    form: tuple[Group, ...] = ()
    shows: str = ""
    read_only: bool = True
    relations: tuple[str, ...] = ()
    photos: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The layer's name inside the project; QGIS gives another to one of ten characters or less."""
        return f"chigai_layer_{self.table}"


@dataclass(frozen=True)
class Relation:
    """Rows of `child` belong to the row of `parent` that has the same value in `column`."""

    id: str
    title: str
    parent: Layer
    child: Layer
    column: str


def project(
    title: str,
    layers: Sequence[Layer],
    bounds: Sequence[float],
    crs: CRS,
    source: str,
    relations: Sequence[Relation] = (),
) -> bytes:
    """The project file. layers: the topmost first. bounds: what is seen at first. source: name of the GeoPackage,
    which lies in the same folder; nothing in the project says where that folder is, and nothing asks a network."""
    top = ET.Element("qgis", {"projectname": _text(title), "version": VERSION})
    _add(top, "homePath", path="")
    _add(top, "title", title)
    _add(top, "autotransaction", active="0")
    _add(top, "evaluateDefaultValues", active="0")
    _srs(_add(top, "projectCrs"), crs)
    tree = _add(top, "layer-tree-group")
    for layer in layers:
        _add(
            tree, "layer-tree-layer", id=layer.id, name=layer.title, providerKey="ogr",
            source=_source(source, layer), checked="Qt::Checked", expanded="1" if layer.by else "0",
        )  # fmt: skip
    kept = _add(top, "relations")
    for relation in relations:
        _relation(kept, relation)
    _canvas(top, bounds, crs)
    placed = _add(top, "projectlayers")
    for layer in layers:
        _layer(placed, layer, crs, source)
    order = _add(top, "layerorder")
    for layer in layers:
        _add(order, "layer", id=layer.id)
    _properties(top)
    view = _add(_add(top, "ProjectViewSettings", UseProjectScales="0"), "DefaultViewExtent", **_box(bounds))
    _srs(view, crs)
    return (DOCTYPE + ET.tostring(top, encoding="unicode") + "\n").encode()


def quoted(text: str) -> str:
    """A text as QGIS's expressions write it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def value_map(choices: Mapping[str, str]) -> dict[str, Any]:
    """Settings of the widget ValueMap. choices: value → what people read, in the order shown."""
    return {"map": [{shown: value} for value, shown in choices.items()]}


def value_relation(to: Layer, key: str, shown: str) -> dict[str, Any]:
    """Settings of the widget ValueRelation: one of the rows of another layer."""
    return {
        "Layer": to.id, "LayerName": to.title, "Key": key, "Value": shown, "OrderByValue": True,
        "AllowNull": False, "AllowMulti": False, "UseCompleter": True, "NofColumns": 1, "FilterExpression": "",
    }  # fmt: skip


def attachment() -> dict[str, Any]:
    """Settings of the widget ExternalResource: a photo, named relative to the project's folder."""
    return {
        "DocumentViewer": 1, "DocumentViewerHeight": 0, "DocumentViewerWidth": 0, "FileWidget": True,
        "FileWidgetButton": True, "FileWidgetFilter": "", "RelativeStorage": 1, "StorageMode": 0,
    }  # fmt: skip


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, tag, {name: _text(value) for name, value in attributes.items()})
    made.text = None if text is None else _text(text)
    return made


def _text(value: str) -> str:
    return _UNREADABLE.sub("", value)


def _source(source: str, layer: Layer) -> str:
    return f"./{source}|layername={layer.table}"


def _option(parent: ET.Element, value: Any, name: str | None = None) -> None:
    """A value in the one form in which QGIS keeps settings."""
    named = {} if name is None else {"name": name}
    if isinstance(value, Mapping):
        box = _add(parent, "Option", type="Map", **named)
        for key, inner in value.items():
            _option(box, inner, key)
    elif isinstance(value, list):
        box = _add(parent, "Option", type="List", **named)
        for inner in value:
            _option(box, inner)
    else:
        kind = {bool: "bool", int: "int", float: "double"}.get(type(value), "QString")
        said = str(value).lower() if isinstance(value, bool) else str(value)
        _add(parent, "Option", type=kind, value=said, **named)


def _srs(parent: ET.Element, crs: CRS) -> None:
    system = _add(parent, "spatialrefsys")
    authority = crs.to_authority()
    _add(system, "wkt", crs.to_wkt())
    _add(system, "authid", ":".join(authority) if authority else "")
    _add(system, "description", crs.name)


def _box(bounds: Sequence[float]) -> dict[str, str]:
    return dict(zip(("xmin", "ymin", "xmax", "ymax"), (f"{v:.3f}" for v in bounds), strict=True))


def _canvas(top: ET.Element, bounds: Sequence[float], crs: CRS) -> None:
    canvas = _add(top, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    _add(canvas, "units", "meters")
    extent = _add(canvas, "extent")
    for name, value in _box(bounds).items():
        _add(extent, name, value)
    _add(canvas, "rotation", "0")
    _srs(_add(canvas, "destinationsrs"), crs)


def _relation(parent: ET.Element, relation: Relation) -> None:
    made = _add(
        parent, "relation", id=relation.id, name=relation.title, strength="Association",
        referencedLayer=relation.parent.id, referencingLayer=relation.child.id,
    )  # fmt: skip
    _add(made, "fieldRef", referencedField=relation.column, referencingField=relation.column)


def _layer(parent: ET.Element, layer: Layer, crs: CRS, source: str) -> None:
    made = _add(
        parent, "maplayer", type="vector", geometry=layer.geometry, wkbType=WKB[layer.geometry],
        readOnly=str(int(layer.read_only)), labelsEnabled=str(int(bool(layer.label))),
        hasScaleBasedVisibilityFlag="0", styleCategories="AllStyleCategories",
    )  # fmt: skip
    _add(made, "id", layer.id)
    _add(made, "datasource", _source(source, layer))
    _add(made, "layername", layer.title)
    _srs(_add(made, "srs"), crs)
    _add(made, "provider", "ogr", encoding="UTF-8")
    flags = _add(made, "flags")
    for name, value in (("Identifiable", "1"), ("Removable", "1"), ("Searchable", "1"), ("Private", "0")):
        _add(flags, name, value)
    _renderer(made, layer)
    if layer.label:
        _labels(made, layer)
    properties: dict[str, Any] = {"QFieldSync/action": "copy", "QFieldSync/cloud_action": "offline"}
    if layer.read_only:
        properties |= {"QFieldSync/is_geometry_locked": True}
    else:
        # up to this many choices are shown as buttons, one tap each
        properties["QFieldSync/value_map_button_interface_threshold"] = 6
    if layer.photos:
        properties["QFieldSync/attachment_naming"] = json.dumps(dict(layer.photos), ensure_ascii=False)
        old = {n: e.replace("{extension}", "jpg") for n, e in layer.photos.items()}
        properties["QFieldSync/photo_naming"] = json.dumps(old, ensure_ascii=False)
    _option(_add(made, "customproperties"), properties)
    _fields(made, layer)
    _form(made, layer)
    _add(made, "previewExpression", layer.shows)


def _renderer(parent: ET.Element, layer: Layer) -> None:
    kind = "categorizedSymbol" if layer.by else "singleSymbol"
    made = _add(parent, "renderer-v2", type=kind, symbollevels="0", enableorderby="0", forceraster="0")
    if layer.by:
        made.set("attr", layer.by)
        categories = _add(made, "categories")
        for at, look in enumerate(layer.looks):
            _add(categories, "category", symbol=str(at), value=look.value, label=look.label, render="true")
    symbols = _add(made, "symbols")
    for at, look in enumerate(layer.looks if layer.by else layer.looks[:1]):
        _symbol(symbols, layer.geometry, look, str(at))


def _symbol(parent: ET.Element, geometry: Geometry, look: Look, name: str) -> None:
    kind, drawn = SYMBOLS[geometry]
    symbol = _add(parent, "symbol", type=kind, name=name, alpha=f"{look.opacity:g}", clip_to_extent="1")
    made = ET.SubElement(symbol, "layer", {"class": drawn, "enabled": "1", "locked": "0", "pass": "0"})
    width = {"outline_width": look.width, "outline_width_unit": "MM", "outline_color": _rgba(look.outline)}
    own: dict[Geometry, dict[str, Any]] = {
        "Point": {"name": "circle", "color": _rgba(look.colour), "size": look.size, "size_unit": "MM", **width},
        "Line": {"line_color": _rgba(look.colour), "line_style": look.style, "line_width": look.width,
                 "line_width_unit": "MM", "capstyle": "round", "joinstyle": "round"},
        "Polygon": {"color": _rgba(look.colour), "style": look.style, "outline_style": "solid", **width},
    }  # fmt: skip
    _option(made, {name: str(value) for name, value in own[geometry].items()})


def _rgba(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"


def _labels(parent: ET.Element, layer: Layer) -> None:
    settings = _add(_add(parent, "labeling", type="simple"), "settings")
    style = _add(
        settings, "text-style", fieldName=layer.label, isExpression="1", fontFamily="Noto Sans CJK SC",
        fontSize="9", fontSizeUnit="Point", textColor="20,20,20,255", multilineHeight="1", namedStyle="Regular",
    )  # fmt: skip
    _add(
        style, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM",
        bufferColor="255,255,255,255", bufferOpacity="1",
    )  # fmt: skip
    _add(settings, "text-format", multilineAlign="1")
    _add(
        settings,
        "placement",
        placement="1",
        centroidInside="1",
        centroidWhole="1",
        layerType="UnknownGeometry",
    )
    _add(
        settings, "rendering", drawLabels="1", scaleVisibility="1", scaleMin="0",
        scaleMax=f"{layer.label_from:g}", obstacle="0",
    )  # fmt: skip


def _fields(parent: ET.Element, layer: Layer) -> None:
    configured = _add(parent, "fieldConfiguration")
    tables = {
        tag: _add(parent, tag) for tag in ("aliases", "defaults", "constraints", "constraintExpressions")
    }
    for at, column in enumerate((Field("fid", "fid", "Hidden"), *layer.fields)):
        widget = _add(_add(configured, "field", name=column.name), "editWidget", type=column.widget)
        _option(_add(widget, "config"), column.settings)
        _add(tables["aliases"], "alias", field=column.name, index=str(at), name=column.alias)
        _add(
            tables["defaults"], "default", field=column.name, expression=column.default,
            applyOnUpdate=str(int(column.on_update)),
        )  # fmt: skip
        # 1: not empty, 2: unique, 4: an expression; a strength of 1 keeps the row from being saved
        asked = (1 if column.required else 0) + (4 if column.rule else 0)
        _add(
            tables["constraints"], "constraint", field=column.name, constraints=str(asked), unique_strength="0",
            notnull_strength=str(int(column.required)), exp_strength=str(int(bool(column.rule))),
        )  # fmt: skip
        _add(
            tables["constraintExpressions"],
            "constraint",
            field=column.name,
            exp=column.rule,
            desc=column.says,
        )


def _form(parent: ET.Element, layer: Layer) -> None:
    _add(parent, "editorlayout", "tablayout" if layer.form else "generatedlayout")
    if layer.form:
        at = {column.name: str(i) for i, column in enumerate(layer.fields, 1)}
        tab = _container(_add(parent, "attributeEditorForm"), Group(layer.title, ()), "0")
        for group in layer.form:
            box = _container(tab, group, "1") if group.shown_if or group.title else tab
            for name in group.fields:
                _add(box, "attributeEditorField", name=name, index=at[name], showLabel="1")
        for relation in layer.relations:
            _add(
                tab, "attributeEditorRelation", name=relation, relation=relation, showLabel="1", label="",
                relationWidgetTypeId="relation_editor", nmRelationId="", forceSuppressFormPopup="0",
            )  # fmt: skip
    editable, last = _add(parent, "editable"), _add(parent, "reuseLastValue")
    for column in layer.fields:
        _add(editable, "field", name=column.name, editable=str(int(column.editable)))
        _add(last, "field", name=column.name, reuseLastValue=str(int(column.keep_last)))


def _container(parent: ET.Element, group: Group, boxed: str) -> ET.Element:
    return _add(
        parent, "attributeEditorContainer", name=group.title, groupBox=boxed, columnCount="1", showLabel="1",
        visibilityExpressionEnabled=str(int(bool(group.shown_if))), visibilityExpression=group.shown_if,
    )  # fmt: skip


def _properties(top: ET.Element) -> None:
    """Paths relative to the project; QField starts ready to add a row, and takes the photos' folder along."""
    kept = _add(top, "properties")
    _add(_add(kept, "Paths"), "Absolute", "false", type="bool")
    # without it the project's own coordinate system is not read
    _add(_add(kept, "SpatialRefSys"), "ProjectionsEnabled", "1", type="int")
    synced = _add(kept, "qfieldsync")
    _add(synced, "initialMapMode", "digitize", type="QString")
    _add(_add(synced, "attachmentDirs", type="QStringList"), "value", "DCIM")
