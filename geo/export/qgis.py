"""A QGIS project as a file: layers of a GeoPackage beside it, with their looks, labels, forms and relations."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyproj import CRS

from geo.export.qgis_style import (
    DOCTYPE,
    VERSION,
    WKB,
    Field,
    Group,
    Layer,
    Look,
    add,
    columns,
    labels,
    option,
    plain,
    quoted,
    renderer,
    value_map,
)

__all__ = [
    "WKB", "Field", "Group", "Layer", "Look", "Relation", "attachment", "project", "quoted", "value_map",
    "value_relation",
]  # fmt: skip


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
    top = ET.Element("qgis", {"projectname": plain(title), "version": VERSION})
    add(top, "homePath", path="")
    add(top, "title", title)
    add(top, "autotransaction", active="0")
    add(top, "evaluateDefaultValues", active="0")
    _srs(add(top, "projectCrs"), crs)
    tree = add(top, "layer-tree-group")
    for layer in layers:
        add(
            tree, "layer-tree-layer", id=layer.id, name=layer.title, providerKey="ogr",
            source=_source(source, layer), checked="Qt::Checked", expanded="1" if layer.by else "0",
        )  # fmt: skip
    kept = add(top, "relations")
    for relation in relations:
        _relation(kept, relation)
    _canvas(top, bounds, crs)
    placed = add(top, "projectlayers")
    for layer in layers:
        _layer(placed, layer, crs, source)
    order = add(top, "layerorder")
    for layer in layers:
        add(order, "layer", id=layer.id)
    _properties(top)
    view = add(add(top, "ProjectViewSettings", UseProjectScales="0"), "DefaultViewExtent", **_box(bounds))
    _srs(view, crs)
    return (DOCTYPE + ET.tostring(top, encoding="unicode") + "\n").encode()


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


def _source(source: str, layer: Layer) -> str:
    return f"./{source}|layername={layer.table}"


def _srs(parent: ET.Element, crs: CRS) -> None:
    system = add(parent, "spatialrefsys")
    authority = crs.to_authority()
    add(system, "wkt", crs.to_wkt())
    add(system, "authid", ":".join(authority) if authority else "")
    add(system, "description", crs.name)


def _box(bounds: Sequence[float]) -> dict[str, str]:
    return dict(zip(("xmin", "ymin", "xmax", "ymax"), (f"{v:.3f}" for v in bounds), strict=True))


def _canvas(top: ET.Element, bounds: Sequence[float], crs: CRS) -> None:
    canvas = add(top, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    add(canvas, "units", "meters")
    extent = add(canvas, "extent")
    for name, value in _box(bounds).items():
        add(extent, name, value)
    add(canvas, "rotation", "0")
    _srs(add(canvas, "destinationsrs"), crs)


def _relation(parent: ET.Element, relation: Relation) -> None:
    made = add(
        parent, "relation", id=relation.id, name=relation.title, strength="Association",
        referencedLayer=relation.parent.id, referencingLayer=relation.child.id,
    )  # fmt: skip
    add(made, "fieldRef", referencedField=relation.column, referencingField=relation.column)


def _layer(parent: ET.Element, layer: Layer, crs: CRS, source: str) -> None:
    made = add(
        parent, "maplayer", type="vector", geometry=layer.geometry, wkbType=WKB[layer.geometry],
        readOnly=str(int(layer.read_only)), labelsEnabled=str(int(bool(layer.label))),
        hasScaleBasedVisibilityFlag="0", styleCategories="AllStyleCategories",
    )  # fmt: skip
    add(made, "id", layer.id)
    add(made, "datasource", _source(source, layer))
    add(made, "layername", layer.title)
    _srs(add(made, "srs"), crs)
    add(made, "provider", "ogr", encoding="UTF-8")
    flags = add(made, "flags")
    for name, value in (("Identifiable", "1"), ("Removable", "1"), ("Searchable", "1"), ("Private", "0")):
        add(flags, name, value)
    renderer(made, layer)
    if layer.label:
        labels(made, layer)
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
    option(add(made, "customproperties"), properties)
    columns(made, layer)
    _form(made, layer)
    add(made, "previewExpression", layer.shows)


def _form(parent: ET.Element, layer: Layer) -> None:
    add(parent, "editorlayout", "tablayout" if layer.form else "generatedlayout")
    if layer.form:
        at = {column.name: str(i) for i, column in enumerate(layer.fields, 1)}
        tab = _container(add(parent, "attributeEditorForm"), Group(layer.title, ()), "0")
        for group in layer.form:
            box = _container(tab, group, "1") if group.shown_if or group.title else tab
            for name in group.fields:
                add(box, "attributeEditorField", name=name, index=at[name], showLabel="1")
        for relation in layer.relations:
            add(
                tab, "attributeEditorRelation", name=relation, relation=relation, showLabel="1", label="",
                relationWidgetTypeId="relation_editor", nmRelationId="", forceSuppressFormPopup="0",
            )  # fmt: skip
    editable, last = add(parent, "editable"), add(parent, "reuseLastValue")
    for column in layer.fields:
        add(editable, "field", name=column.name, editable=str(int(column.editable)))
        add(last, "field", name=column.name, reuseLastValue=str(int(column.keep_last)))


def _container(parent: ET.Element, group: Group, boxed: str) -> ET.Element:
    return add(
        parent, "attributeEditorContainer", name=group.title, groupBox=boxed, columnCount="1", showLabel="1",
        visibilityExpressionEnabled=str(int(bool(group.shown_if))), visibilityExpression=group.shown_if,
    )  # fmt: skip


def _properties(top: ET.Element) -> None:
    """Paths relative to the project; QField starts ready to add a row, and takes the photos' folder along."""
    kept = add(top, "properties")
    add(add(kept, "Paths"), "Absolute", "false", type="bool")
    # without it the project's own coordinate system is not read
    add(add(kept, "SpatialRefSys"), "ProjectionsEnabled", "1", type="int")
    synced = add(kept, "qfieldsync")
    add(synced, "initialMapMode", "digitize", type="QString")
    add(add(synced, "attachmentDirs", type="QStringList"), "value", "DCIM")
