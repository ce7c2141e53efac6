"""Well-known binary: decoding it batch by batch, and row by row where one spoilt geometry would spoil the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely

_ARCS = (8, 14)
"""Type codes (less their thousands) of geometries drawn with arcs."""
_NOTHING = b"\1\7\0\0\0"


@dataclass(frozen=True)
class Shapes:
    """n geometries, null where missing or spoilt, and which were spoilt, had an open ring, are drawn with arcs."""

    geometries: np.ndarray
    spoilt: np.ndarray
    mended: np.ndarray
    curved: np.ndarray


def shapes(wkb: pa.Array) -> Shapes:
    """The geometries of a binary column."""
    return Shapes(*decode(np.asarray(wkb.to_numpy(zero_copy_only=False), dtype=object)), curved(wkb))


def joined(parts: Sequence[Shapes]) -> Shapes:
    """Batches as one; of none, nothing."""
    every = [*parts, shapes(pa.array([], pa.binary()))]
    return Shapes(*(np.concatenate([getattr(p, f.name) for p in every]) for f in fields(Shapes)))


def decode(wkb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Geometries of WKB (n objects, bytes or null); which of them are spoilt; which had an open ring, now closed."""
    with np.errstate(invalid="ignore"):
        found = _from(wkb, "ignore")
        failed = pd.isna(wkb) != shapely.is_missing(found)
        if failed.any():
            found[failed] = _from(wkb[failed], "fix")
    still = failed & shapely.is_missing(found)
    return found, still, failed & ~still


def _from(wkb: np.ndarray, on_invalid: str) -> np.ndarray:
    try:
        return np.asarray(shapely.from_wkb(wkb, on_invalid=on_invalid), dtype=object)
    except NotImplementedError:
        # of a kind that no polygon is made of; which rows, only trying tells
        parts = [_one(v, on_invalid) for v in wkb]
        return np.array([*parts, None], dtype=object)[:-1]


def _one(value: bytes | None, on_invalid: str) -> object:
    try:
        return shapely.from_wkb(value, on_invalid=on_invalid)
    except NotImplementedError:
        return None


def curved(wkb: pa.Array) -> np.ndarray:
    """Rows of a binary column whose geometry is drawn with arcs; null rows are not."""
    whole = pc.fill_null(pc.greater_equal(pc.binary_length(wkb), 5), False)
    heads = pc.if_else(whole, pc.binary_slice(wkb, 0, 5), _NOTHING).cast(pa.binary(5))
    raw = np.frombuffer(heads.buffers()[1] or b"", np.uint8)
    raw = raw[5 * heads.offset : 5 * (heads.offset + len(heads))].reshape(-1, 5)
    low, high = np.where(raw[:, :1] == 1, raw[:, 1:3], raw[:, :2:-1]).T.astype(int)
    code = (low + 256 * high) % 1000
    return (code >= _ARCS[0]) & (code <= _ARCS[1])
