"""The findings of a check as a file that a bureau can open: GeoPackage, Excel or CSV."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

import geopandas as gpd
import pandas as pd

from geo.checking.findings import KINDS

FORMATS = ("xlsx", "csv", "gpkg")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins so runs as a formula in a spreadsheet."""

HEADERS = {
    "row": ("行号", "row"),
    "parcel_id": ("地块编号", "parcel"),
    "kind": ("类别", "kind"),
    "severity": ("程度", "severity"),
    "action": ("处理", "action"),
    "area_mu": ("面积（亩）", "area_mu"),
    "zh": ("说明", "what"),
    "en": ("说明", "what"),
}

WORDS = {
    "error": ("错误", "error"),
    "warning": ("警告", "warning"),
    "info": ("提示", "note"),
    "mended": ("已修复", "mended"),
    "left_out": ("已剔除", "left out"),
    "kept": ("保留", "kept"),
}
"""How severities and actions are said."""


def guarded(values: pd.Series) -> pd.Series:
    """Texts that no spreadsheet runs: what looks like a formula gets an apostrophe before it."""
    risky = values.map(lambda v: isinstance(v, str) and v.startswith(FORMULA))
    return values.where(~risky, "'" + values.astype("str"))


def export(folder: Path, fmt: str, lang: str) -> bytes:
    """findings.parquet of a folder of checked parcels as one of FORMATS, in one language."""
    frame = gpd.read_parquet(Path(folder) / "findings.parquet")
    if fmt == "gpkg":
        return _gpkg(frame)
    columns = ["row", "parcel_id", "kind", "severity", "action", "area_mu", "zh" if lang == "zh" else "en"]
    table = pd.DataFrame(frame[columns])
    # what is found in the reading has no title: it goes by its own message
    titles = table["kind"].map({kind: getattr(about, columns[-1]) for kind, about in KINDS.items()})
    table["kind"] = titles.where(titles.notna(), table[columns[-1]])
    for column in ("severity", "action"):
        table[column] = table[column].map({code: said[lang != "zh"] for code, said in WORDS.items()})
    for column in ("parcel_id", "kind", columns[-1]):
        table[column] = guarded(table[column])
    table["area_mu"] = table["area_mu"].round(4)
    table = table.rename(columns={c: HEADERS[c][lang != "zh"] for c in columns})
    if fmt == "csv":
        # the mark at the head lets Excel see that it is UTF-8
        return table.to_csv(index=False).encode("utf-8-sig")
    out = BytesIO()
    with pd.ExcelWriter(
        out, engine="xlsxwriter", engine_kwargs={"options": {"strings_to_formulas": False}}
    ) as book:
        table.to_excel(book, index=False, sheet_name=HEADERS["kind"][lang != "zh"])
    return out.getvalue()


def _gpkg(frame: gpd.GeoDataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "findings.gpkg"
        frame.to_file(path, layer="findings", driver="GPKG", geometry_type="Unknown")
        return path.read_bytes()
