"""The columns beside the geometry: empty texts to null, consent to true or false, declared areas to mu."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.checking.findings import Book
from geo.schemas import MU_M2, PARCEL_TEXTS

YES = ("true", "t", "yes", "y", "1", "1.0", "是", "同意", "已同意", "愿意", "有")
NO = ("false", "f", "no", "n", "0", "0.0", "2", "2.0", "否", "不同意", "未同意", "不愿意", "拒绝", "无")
"""As bureaus write consent; the code list of 确权 data has 1 for yes and 2 for no."""
NOTHING = ("", "nan", "none", "null", "<null>", "<na>", "nat")
DECLARED_TOLERANCE = 0.05
UNITS = {"m²": 1 / MU_M2, "公顷 (ha)": 10_000 / MU_M2}
"""What declared areas may be in instead of mu, and how many mu one of them is."""


def text(values: pd.Series) -> pd.Series:
    """Stripped text, null where nothing is said; whole numbers lose the .0 that a null column gave them."""
    if not isinstance(values.dtype, pd.StringDtype):
        if pd.api.types.is_float_dtype(values):
            whole = values.isna() | ((values % 1) == 0)
            values = values.astype("Int64") if bool(whole.all()) else values
        values = values.astype("object").where(values.notna(), None).astype("str")
    out = values.str.strip()
    nothing = out.str.lower().isin(NOTHING)
    if nothing.any():
        return out.mask(nothing)
    return values if out.equals(values) else out  # a column that is clean already is not kept twice


def consent(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """(True, False or None per row as object array, bool mask of values that say neither)."""
    code, unique = pd.factorize(values, use_na_sentinel=True)
    said = text(pd.Series(unique)).str.lower()
    yes, no = said.isin(YES).to_numpy(bool), said.isin(NO).to_numpy(bool)
    meant = np.full(len(said) + 1, None, object)
    meant[:-1][yes], meant[:-1][no] = True, False
    return meant[code], np.append(said.notna().to_numpy(bool) & ~yes & ~no, False)[code]


def clean(frame: gpd.GeoDataFrame, book: Book) -> pd.DataFrame:
    """The attributes of the parcels as read, one row each, index 0..n-1; what was changed goes in the book.

    Columns: parcel_id, source_row, the texts of PARCEL_TEXTS, consent, declared_mu (NaN where not positive).
    """
    n = len(frame)
    frame = pd.DataFrame(frame.drop(columns=frame.geometry.name)).reset_index(drop=True)
    given = {c: frame[c] for c in frame.columns}
    table = pd.DataFrame(index=range(n))
    table["source_row"] = np.asarray(given.get("source_row", np.arange(1, n + 1)), np.int64)
    ids = text(given["parcel_id"]) if "parcel_id" in given else pd.Series([None] * n, dtype="str")
    nameless = ids.isna().to_numpy(bool)
    if nameless.any():
        ids[nameless] = [f"row-{r:06d}" for r in table["source_row"][nameless]]
        rows = table["source_row"].to_numpy()[nameless]
        book.add("id_missing", rows, ids[nameless])
    table["parcel_id"] = ids
    for column in PARCEL_TEXTS:
        table[column] = text(given[column]) if column in given else pd.Series([None] * n, dtype="str")
    said = given.get("consent", pd.Series([None] * n, dtype=object))
    table["consent"], strange = consent(said)
    if strange.any():
        rows = table["source_row"].to_numpy()[strange]
        book.add("consent_unknown", rows, ids[strange])
    declared = pd.to_numeric(given.get("declared_mu", pd.Series(np.nan, range(n))), errors="coerce")
    declared = declared.astype("float64").to_numpy(na_value=np.nan)
    table["declared_mu"] = np.where(np.isfinite(declared) & (declared > 0), declared, np.nan)
    return table


def declared_in_mu(declared: np.ndarray, measured_mu: np.ndarray, book: Book) -> np.ndarray:
    """The declared areas in mu: a whole file that states another unit is converted, and the book says so.

    Decided by the median ratio of at least ten parcels, which has to hit another unit within 5 %.
    """
    known = np.isfinite(declared) & (measured_mu > 0)
    if known.sum() < 10:
        return declared
    ratio = float(np.median(declared[known] / measured_mu[known]))
    for unit, mu in UNITS.items():
        if abs(ratio * mu - 1) <= DECLARED_TOLERANCE:
            book.add(
                "declared_unit",
                zh=f"登记面积看来以 {unit} 计（为实测亩数的 {ratio:.4g} 倍），已换算成亩。",
                en=f"Declared areas look to be in {unit} ({ratio:.4g} times the measured mu): converted to mu.",
            )
            return declared * mu
    return declared


def compare_declared(
    declared: np.ndarray, measured_mu: np.ndarray, row: np.ndarray, ids: pd.Series, book: Book
) -> None:
    """A finding for each parcel whose declared area (mu) differs from the measured one by more than 5 %."""
    with np.errstate(invalid="ignore"):
        off = np.abs(measured_mu - declared) > DECLARED_TOLERANCE * declared
    some = np.flatnonzero(off)
    facts = list(zip(declared[some].tolist(), measured_mu[some].tolist(), strict=True))
    book.add(
        "declared_area",
        row[some],
        ids.iloc[some],
        np.abs(measured_mu - declared)[some],
        zh=[f"登记面积 {d:.3f} 亩，实测 {m:.3f} 亩，相差 {100 * (m / d - 1):+.1f} %。" for d, m in facts],
        en=[f"Declared {d:.3f} mu, measured {m:.3f} mu ({100 * (m / d - 1):+.1f} %)." for d, m in facts],
    )
