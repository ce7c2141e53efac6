"""Turning a file's columns into chigai's: text without padding, codes cut to county, township and village, areas in mu."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from geo.schemas import MU_M2, Finding

_TRUE = {"1", "1.0", "true", "t", "yes", "y", "是", "同意", "已同意", "愿意", "agreed", "consented"}
_FALSE = {"0", "0.0", "2", "false", "f", "no", "n", "否", "不同意", "不愿意", "拒绝", "refused"}
_EXACT = float(2**53)
_BLANK = " \t\r\n\0\u3000"


def text(column: pa.ChunkedArray) -> pd.Series:
    """Text without blanks around it, null where empty; whole numbers without a decimal point."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_floating(kind):
        values = column.to_numpy()
        whole = np.isfinite(values) & (np.abs(values) < _EXACT) & (values == np.round(values))
        mask = np.isnan(values)
        if loses_digits(column):
            column = pa.chunked_array(
                [pa.array([None if m else f"{v:.0f}" for v, m in zip(values, mask, strict=True)])]
            )
        elif whole[~mask].all():
            column = pa.chunked_array([pa.array(np.where(mask, 0, values).astype(np.int64), mask=mask)])
    elif pa.types.is_null(kind) or pa.types.is_binary(kind) or pa.types.is_nested(kind):
        return pd.Series(pd.array([None] * len(column), dtype="str"))
    try:
        stripped = pc.utf8_trim(pc.cast(column, pa.large_string()), characters=_BLANK)
    except pa.ArrowInvalid:
        # a value cut in the middle of a character, or spoilt: what is readable of it stays
        raw = pc.cast(column, pa.large_binary()).to_pylist()
        texts = [None if v is None else v.decode("utf-8", "replace").strip(_BLANK) for v in raw]
        stripped = pa.chunked_array([pa.array(texts, pa.large_string())])
    stripped = pc.if_else(pc.equal(stripped, ""), pa.scalar(None, pa.large_string()), stripped)
    return stripped.to_pandas().astype("str")


def loses_digits(column: pa.ChunkedArray) -> bool:
    """True for decimal numbers so large that codes written in them have lost their last digits."""
    if not pa.types.is_floating(column.type):
        return False
    values = column.to_numpy()
    return bool((np.isfinite(values) & (np.abs(values) >= _EXACT) & (np.abs(values) < 1e30)).any())


def number(column: pa.ChunkedArray) -> np.ndarray:
    """Floats; NaN where there is no number. '1,234.5 亩' counts as 1234.5."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), dtype=float)
    if pa.types.is_boolean(kind):
        return np.full(len(column), np.nan)
    cleaned = text(column).str.replace(r"[,，\s]|亩|平方米|㎡|m2|m²|mu", "", regex=True)
    return pd.to_numeric(cleaned, errors="coerce").to_numpy(dtype=float)


def truth(column: pa.ChunkedArray) -> tuple[pd.Series, list[str]]:
    """True, False or None for the usual ways to say so, and the values that were not understood."""
    if pa.types.is_boolean(column.type):
        return pd.Series(column.to_pylist(), dtype=object), []
    codes, unique = pd.factorize(text(column).str.casefold())
    meaning = [True if v in _TRUE else False if v in _FALSE else None for v in unique]
    odd = [str(v) for v, m in zip(unique, meaning, strict=True) if m is None]
    lookup = np.array([*meaning, None], dtype=object)
    return pd.Series(lookup[codes], dtype=object), odd


def county(values: pd.Series) -> tuple[pd.Series, int]:
    """The six-digit adcode at the head of codes (county, township, village, DKBM …); how many had none."""
    codes = _each(values, lambda own: own.str.slice(0, 6).where(own.str.match(r"\d{6}")))
    return codes, int((values.notna() & codes.isna()).sum())


def place(values: pd.Series, digits: int) -> pd.Series:
    """Township (9 digits) or village (12) cut from longer codes; names and shorter codes stay as they are."""
    longer = rf"\d{{{digits},}}[A-Za-z]?"
    return _each(values, lambda own: own.where(~own.str.fullmatch(longer), own.str.slice(0, digits)))


def _each(values: pd.Series, change: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Text changed by its distinct values: a whole county's parcels name a few dozen villages."""
    code, unique = pd.factorize(values)
    changed = change(pd.Series(unique, dtype="str"))
    return pd.Series(pa.array(changed, pa.large_string()).take(pa.array(code, mask=code < 0)), dtype="str")


def declared_mu(
    table: pa.Table, mapping: Mapping[str, str], measured_mu: np.ndarray
) -> tuple[np.ndarray, list[Finding]]:
    """Declared area in mu, n, NaN where there is none or it is not positive.

    measured_mu: planar area of each row, NaN without geometry. The unit of a column is what its field says (mu or
    m²), unless its median against the measured area tells otherwise beyond doubt; a column that fits no unit
    is not used. The m² column fills the rows that the mu column leaves empty.
    """
    result = np.full(len(measured_mu), np.nan)
    findings: list[Finding] = []
    for field, unit in (("declared_mu", 1.0), ("declared_m2", MU_M2)):
        column = mapping.get(field)
        if column is None or column not in table.column_names:
            continue
        values = number(table.column(column))
        values = np.where(values > 0, values, np.nan)
        factor, note = _unit(values, measured_mu, unit, column)
        if note is not None:
            findings.append(note)
        if factor is not None:
            result = np.where(np.isnan(result), values / factor, result)
    return result, findings


def _unit(
    values: np.ndarray, measured_mu: np.ndarray, said: float, column: str
) -> tuple[float | None, Finding | None]:
    """How many of the column's units make a mu (None: no unit fits), and what to tell about it."""
    both = np.isfinite(values) & (measured_mu > 0)
    if both.sum() == 0:
        return said, None
    ratio = float(np.median(values[both] / measured_mu[both]))
    if 0.5 <= ratio / said <= 2:
        return said, None
    units = ((1.0, "亩", "mu"), (MU_M2, "平方米", "square metres"), (MU_M2 / 10000, "公顷", "hectares"))
    for factor, zh, en in units:
        if 0.8 <= ratio / factor <= 1.25 and both.sum() >= 3:
            note = Finding(
                "declared_unit",
                "warning",
                "mended",
                f"“{column}”列的数值与实测面积相比，单位应为{zh}，已按{zh}换算。",
                f"Against the measured areas, column '{column}' is in {en}; it was converted so.",
            )
            return factor, note
    if both.sum() < 3:
        return said, None
    note = Finding(
        "declared_not_used",
        "warning",
        "left_out",
        f"“{column}”列与实测面积相差太大（中位数为 {ratio / said:.3g} 倍），不作为申报面积使用。",
        f"Column '{column}' is {ratio / said:.3g} times the measured area (median): it is not used as declared area.",
    )
    return None, note


def unique_ids(
    table: pa.Table, candidates: list[list[str]], source_row: np.ndarray
) -> tuple[pd.Series, str | None]:
    """The first candidate (columns joined by '-') that tells every row apart, else the first with row numbers added.

    Returns the ids and the name of what they are made of; None where row numbers had to be added.
    """
    first: pd.Series | None = None
    for columns in candidates:
        parts = [text(table.column(c)) for c in columns]
        ids = pd.concat(parts, axis=1).agg("-".join, axis=1)
        first = ids if first is None else first
        if ids.notna().all() and ids.is_unique:
            return ids, "+".join(columns)
    assert first is not None
    rows = pd.Series(source_row).astype("str")
    shared = first.isna() | first.duplicated(keep=False)
    numbered = (first.fillna("row") + "#" + rows).where(shared, first)
    return numbered, None


def row_ids(source_row: np.ndarray) -> pd.Series:
    """'row-000001' and so on."""
    return pd.Series([f"row-{n:06d}" for n in source_row.tolist()], dtype="str")
