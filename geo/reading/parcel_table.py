"""The parcel table made of a file's columns: paddies told from the rest, ids, places, consent, declared area."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa

from geo.errors import ChigaiError
from geo.reading import fields, landuse
from geo.reading.mapping import Recognition
from geo.reading.rows import Rows
from geo.schemas import Finding


def check_county(given: str | None) -> None:
    """Raises ChigaiError for a county that is no six-digit code."""
    if given is not None and not re.fullmatch(r"\d{6}", given):
        raise ChigaiError(
            f"“{given}”不是县级行政区划代码。",
            f"'{given}' is no county code.",
            do_zh="请给出六位数字，例如 --county 230381（虎林市）。",
            do_en="Give six digits, such as --county 230381 (Hulin).",
        )


def paddies(table: pa.Table, recognised: Recognition) -> tuple[np.ndarray, list[Finding]]:
    """Which rows are paddies; all, where no land use is given."""
    everything = np.ones(table.num_rows, dtype=bool)
    if recognised.land_use is None:
        return everything, []
    codes = fields.text(table.column(recognised.land_use))
    if recognised.profile == "dltb":
        return landuse.is_paddy_dlbm(codes), []
    if codes.isna().all():
        return everything, []
    return landuse.is_paddy_tdlylx(codes) | codes.isna().to_numpy(), []


def not_paddy(land: np.ndarray, areas: np.ndarray) -> Finding:
    """Says how many rows were left out for not being paddies, and their area."""
    count, area = int((~land).sum()), float(np.nansum(areas[~land]))
    return Finding(
        "not_paddy",
        "info",
        "left_out",
        f"{count:,} 个地块不是水田（TDLYLX 不是 011），共 {area:,.1f} 亩，不参与规划。",
        f"{count:,} parcels are no paddies (TDLYLX is not 011), {area:,.1f} mu in all; they are left out.",
        area_mu=area,
    )


def parcels(
    raw: Rows, recognised: Recognition, areas: np.ndarray, given_county: str | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """The columns of Loaded.parcels but the geometry."""
    table, column = raw.table, recognised.mapping
    findings: list[Finding] = []
    frame = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    frame["parcel_id"], notes = _ids(raw, recognised)
    findings += notes
    for field in ("county", "township", "village", "irrigation_district", "operator"):
        frame[field] = (
            fields.text(table.column(column[field])) if field in column else _nothing(table.num_rows)
        )
    frame["county"], odd = fields.county(frame["county"])
    frame["township"] = fields.place(frame["township"], 9)
    frame["village"] = fields.place(frame["village"], 12)
    if odd:
        findings.append(
            Finding(
                "county_unclear",
                "warning",
                "kept",
                f"“{column['county']}”列有 {odd:,} 行看不出县级代码（前六位数字）。",
                f"In {odd:,} rows column '{column['county']}' shows no county code (six digits first).",
            )
        )
    if given_county is not None:
        frame["county"] = frame["county"].fillna(given_county)
    frame["consent"] = pd.Series([None] * table.num_rows, dtype=object)
    if "consent" in column:
        frame["consent"], odd_words = fields.truth(table.column(column["consent"]))
        if odd_words:
            findings.append(
                Finding(
                    "consent_unclear",
                    "warning",
                    "kept",
                    f"意愿列里有不认识的写法（{'、'.join(odd_words[:5])}），按未记录处理。",
                    f"The consent column has values not understood ({', '.join(odd_words[:5])}); taken as not recorded.",
                )
            )
    frame["priority"] = (
        fields.text(table.column(column["priority"])) if "priority" in column else _nothing(len(frame))
    )
    frame["declared_mu"], notes = fields.declared_mu(table, column, areas)
    findings += notes
    frame["source_row"] = raw.source_row.astype(np.int64)
    return frame, findings


def _nothing(count: int) -> pd.Series:
    return pd.Series(pd.array([None] * count, dtype="str"))


def _ids(raw: Rows, recognised: Recognition) -> tuple[pd.Series, list[Finding]]:
    """parcel_id of every row, and what to tell when ids had to be made."""
    column = recognised.mapping.get("parcel_id")
    if column is None:
        note = Finding(
            "ids_made",
            "info",
            "kept",
            "文件没有地块编号列，已按行号编号（row-000001 起）。",
            "The file has no column of parcel ids; rows were numbered (from row-000001).",
        )
        return fields.row_ids(raw.source_row), [note]
    if recognised.profile == "dltb" and column in ("BSM", "TBBH"):
        names = raw.table.column_names
        candidates = [c for c in (["BSM"], ["ZLDWDM", "TBBH"], ["TBBH"]) if all(n in names for n in c)]
        ids, made_of = fields.unique_ids(raw.table, candidates, raw.source_row)
        if made_of is not None:
            return ids, []
        note = Finding(
            "ids_made",
            "warning",
            "mended",
            "BSM 和 TBBH 都有重复，重复的编号后加了行号。",
            "BSM and TBBH both repeat; row numbers were added where they do.",
        )
        return ids, [note]
    if fields.loses_digits(raw.table.column(column)):
        note = Finding(
            "ids_made",
            "warning",
            "mended",
            f"“{column}”列存成了小数，末几位已丢失，已按行号编号。",
            f"Column '{column}' is stored as decimals and has lost its last digits; rows were numbered.",
        )
        return fields.row_ids(raw.source_row), [note]
    ids = fields.text(raw.table.column(column))
    blank = int(ids.isna().sum())
    if not blank:
        return ids, []
    note = Finding(
        "ids_made",
        "warning",
        "mended",
        f"“{column}”列有 {blank:,} 行为空，已按行号编号。",
        f"Column '{column}' is empty in {blank:,} rows; those were numbered by row.",
    )
    return ids.fillna(fields.row_ids(raw.source_row)), [note]
