"""The layers of a plan as QGIS shows them: Chinese names, the screen's colours, labels."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from geo import looks
from geo.export.qgis_style import Field, Layer, Look, quoted, value_map
from geo.export.words import COLUMNS, OTHER, REASONS
from geo.schemas import BARRIER_KINDS

TITLES = {"blocks": "大池", "sites": "示范点", "parcels": "小池", "lines": "渠沟路林", "areas": "渠沟路林面"}
"""What the layers are called in a GeoPackage, where they are tables."""
SITE_COLOUR = "#CC79A7"
RIDGE_COLOUR = "#8F8775"
_ROUND = "buffer(buffer($geometry, 32, 1), -27, 1)"
JOINED, REST = "joined", "rest"
"""What parcels are shown as that have no reason: in a block, or in none."""

_SHORT = {
    "meets_minimum": "达到面积下限", "has_inlet": "临渠", "has_outlet": "临沟", "has_access": "临路",
    "n_operators": "经营户数", "county": "县（市、区）",
}  # fmt: skip
"""Titles without what the table of columns says of their values, where QGIS shows these as words."""
_BARRIER_TITLES = {"kind": "类别", "fixed": "不可跨越", "width_m": "宽度（m）", "water_level_m": "水位（m）"}


def blocks(frame: pd.DataFrame, names: Mapping[str, tuple[str, str]], short: bool = False) -> Layer:
    """The blocks by their state. names: county adcode → (zh, en); short: columns as a shapefile has them."""
    key = _column("block_id", short)
    area, level = _column("area_mu", short), _column("design_level_m", short)
    shown = f"'\\n' || format_number(\"{area}\", 1) || ' 亩'"
    return Layer(
        "blocks" if short else TITLES["blocks"],
        TITLES["blocks"],
        "Polygon",
        _fields(frame, names, short),
        tuple(
            Look(look.colour, look.zh, state, outline="#1B3A57", width=0.3, fill=0.55)
            for state, look in looks.BLOCKS.items()
        ),
        by=_column("state", short),
        label=f"\"{key}\" || {shown} || coalesce('\\n▽ ' || format_number(\"{level}\", 2), '')",
        label_from=8_000,
        shows=f'"{key}"',
    )


def sites(frame: pd.DataFrame, names: Mapping[str, tuple[str, str]], short: bool = False) -> Layer:
    """The sites: one outline round the blocks of each, which lie up to 60 m apart."""
    key, area = _column("site_id", short), _column("area_mu", short)
    return Layer(
        "sites" if short else TITLES["sites"],
        TITLES["sites"],
        "Polygon",
        _fields(frame, names, short),
        (Look("#FFFFFF", TITLES["sites"], style="no", outline=SITE_COLOUR, width=0.7, drawn=_ROUND),),
        label=f"\"{key}\" || '\\n' || format_number(\"{area}\", 0) || ' 亩'",
        label_from=500_000,
        label_to=8_000,
        shows=f"\"{key}\" || ' ' || format_number(\"{area}\", 0) || ' 亩'",
    )


def parcels(frame: pd.DataFrame, names: Mapping[str, tuple[str, str]], short: bool = False) -> Layer:
    """The parcels as they lie: those that are joined as thin lines, the others by the reason."""
    reason, block = _column("reason", short), _column("block_id", short)
    level, number = _column("elevation_m", short), _column("number", short)
    there = set(frame["reason"].dropna())
    why = {**looks.REASONS, OTHER: looks.OTHER}
    kinds = [
        Look(why[r].colour, why[r].zh, r, outline=RIDGE_COLOUR, width=0.15, fill=0.6)
        for r in why
        if r in there
    ]
    return Layer(
        "parcels" if short else TITLES["parcels"],
        TITLES["parcels"],
        "Polygon",
        _fields(frame, names, short),
        (
            Look("#FFFFFF", "并入大池的小池（原田埂）", JOINED, style="no", outline=RIDGE_COLOUR, width=0.15),
            Look(looks.REST.colour, looks.REST.zh, REST, outline=RIDGE_COLOUR, width=0.15, fill=0.6),
            *kinds,
        ),
        by=f'CASE WHEN "{reason}" <> \'\' THEN "{reason}" WHEN "{block}" <> \'\' THEN {quoted(JOINED)} '
        f"ELSE {quoted(REST)} END",
        label=f"coalesce(\"{number}\" || '号\\n', '') || coalesce(format_number(\"{level}\", 2), '')",
        label_from=2_500,
        shows=f'"{_column("parcel_id", short)}"',
    )


def barriers(frame: pd.DataFrame, areas: bool) -> Layer:
    """Canals, drains, roads and belts by their kind; areas: those that are drawn as polygons."""
    there = set(frame["kind"])
    table = TITLES["areas" if areas else "lines"]
    return Layer(
        table,
        table,
        "Polygon" if areas else "Line",
        tuple(
            Field(name, title, *_choices({k: looks.BARRIERS[k].zh for k in BARRIER_KINDS}, name == "kind"))
            for name, title in _BARRIER_TITLES.items()
            if name in frame
        ),
        tuple(
            Look(look.colour, look.zh, kind, width=looks.BARRIER_MM[kind], opacity=0.6 if areas else 1.0)
            for kind, look in looks.BARRIERS.items()
            if kind in there
        ),
        by="kind",
        shows='"kind"',
    )


def _fields(frame: pd.DataFrame, names: Mapping[str, tuple[str, str]], short: bool) -> tuple[Field, ...]:
    """The columns with Chinese titles; codes are shown as what they stand for."""
    words = {
        "county": {code: zh for code, (zh, _) in names.items()},
        "state": {state: look.zh for state, look in looks.BLOCKS.items()},
        # not more than what is there: in public, nobody learns that a refusal is one of the reasons
        "reason": {
            r: zh for r, (zh, _) in REASONS.items() if "reason" in frame and (frame["reason"] == r).any()
        },
    }
    return tuple(
        Field(
            _column(name, short),
            _SHORT.get(name, COLUMNS[name].zh),
            *_choices(words.get(name, {}), bool(words.get(name))),
        )
        for name in frame.columns
        if name in COLUMNS
    )


def _choices(words: Mapping[str, str], are_codes: bool) -> tuple[str, dict[str, object]]:
    return ("ValueMap", value_map(words)) if are_codes else ("TextEdit", {})


def _column(name: str, short: bool) -> str:
    return COLUMNS[name].short if short else name
