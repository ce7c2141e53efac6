"""Land use codes and everyday words: what is a paddy, and what kind of barrier the rest is."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from geo.schemas import BARRIER_KINDS

PADDY_DLBM = "0101"
PADDY_TDLYLX = frozenset(("011", "11", "0101", "101", "水田"))

_BY_CODE: tuple[tuple[str, str, bool], ...] = (
    # prefix of DLBM, kind, fixed; the first that fits counts
    ("1107A", "main_canal", True),
    ("1107", "ditch", True),
    ("1101", "other", True),
    ("1007", "other", True),
    ("1008", "other", True),
    ("1009", "other", True),
    ("10", "road", True),
    ("03", "shelterbelt", True),
    ("07", "village", True),
    ("20", "village", True),
    ("1203", "other", False),  # 田坎: an earth bank, 2 m and wider in the north, but no structure
)
_BY_WORD: tuple[tuple[str, str, bool], ...] = (
    (r"总干|干渠|干沟|main_?canal", "main_canal", True),
    (r"支渠|branch", "branch_canal", True),
    (r"斗渠|lateral", "lateral_canal", True),
    (r"农渠|field_?canal", "field_canal", True),
    (r"毛渠|毛沟", "ditch", False),  # dug anew each season inside a field
    (r"排水|排沟|drain", "drain", True),
    (r"林带|防护林|林地|树|shelter|tree|forest|wood", "shelterbelt", True),
    (r"路|道|road|track|path|street|highway|railway|residential|primary|secondary|tertiary|service|motorway", "road", True),
    (r"渠|canal", "lateral_canal", True),
    (r"沟|ditch", "ditch", True),
    (r"村|居民|宅基|房|village|building|settlement", "village", True),
)  # fmt: skip


def dlbm(codes: pd.Series) -> pd.Series:
    """DLBM codes with the leading zero that a numeric column loses: 101 is 0101 (201 to 205 are codes of their own)."""
    trimmed = codes.fillna("").str.strip()
    short = trimmed.str.fullmatch(r"(?!20[1-5])[1-9]\d{2}").astype(bool)
    return trimmed.where(~short, "0" + trimmed)


def is_paddy_dlbm(codes: pd.Series) -> np.ndarray:
    """True where a DLBM code is 0101 水田."""
    return dlbm(codes).str.startswith(PADDY_DLBM).to_numpy(dtype=bool)


def is_paddy_tdlylx(codes: pd.Series) -> np.ndarray:
    """True where a TDLYLX code is 011 水田, in the ways it is written."""
    return codes.fillna("").str.strip().isin(PADDY_TDLYLX).to_numpy(dtype=bool)


def kinds(values: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Barrier kind, fixed, and whether it was recognised, for codes (DLBM) or words (干渠, road …).

    What is not recognised is 'other' and fixed: nothing is crossed that might stand for something.
    """
    codes, unique = pd.factorize(dlbm(values), use_na_sentinel=False)
    found = [_kind(str(v)) for v in unique]
    kind = np.array([f[0] for f in found] or ["other"], dtype=object)
    fixed = np.array([f[1] for f in found] or [True], dtype=bool)
    recognised = np.array([f[2] for f in found] or [False], dtype=bool)
    return kind[codes], fixed[codes], recognised[codes]


def _kind(value: str) -> tuple[str, bool, bool]:
    if value in BARRIER_KINDS:
        return value, True, True
    if re.match(r"^\d{2,4}[A-Z]?\d?$", value):
        for prefix, kind, fixed in _BY_CODE:
            if value.startswith(prefix):
                return kind, fixed, True
        return "other", True, True
    for pattern, kind, fixed in _BY_WORD:
        if re.search(pattern, value, re.IGNORECASE):
            return kind, fixed, True
    return "other", True, False
