"""Pieces under one id: those that share an edge become one field again, the others get ids of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.checking.findings import Book
from geo.checking.mending import CRUMB_M2, guarded, shape_keys
from geo.schemas import MU_M2, PARCEL_TEXTS

TOUCH_M = 0.02
"""Pieces of one id nearer than this touch: what cutting at a sheet edge and reprojecting leave between them."""
TOUCH_ALONG_M = 1.0
ID_COLUMN_ROWS, ID_COLUMN_SHARE = 20, 0.3
"""A larger part of at least so many rows sharing an id means that the column is no id."""
SHEETS = 4
"""One field is cut into no more rows than this, where four map sheets meet."""


def touching(pieces: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (left < right) of one group that share an edge: pieces of a field that was cut.

    They lie within TOUCH_M along a metre or more (a quarter of the side of a tiny one) and do not overlap.
    """
    left, right = shapely.STRtree(pieces).query(pieces, predicate="dwithin", distance=TOUCH_M)
    keep = (left < right) & (group[left] == group[right])
    left, right = left[keep], right[keep]
    area = np.minimum(shapely.area(pieces[left]), shapely.area(pieces[right]))
    common, failed = guarded(shapely.intersection, pieces[left], pieces[right])
    keep = ~failed & (np.nan_to_num(shapely.area(common)) <= 0.01 * area)
    # seen from either side, so that it does not matter which of the two comes first
    for one, other in ((left, right), (right, left)):
        near, failed = guarded(_side, pieces[one], pieces[other])
        along = np.nan_to_num(shapely.length(near)) - 2 * TOUCH_M
        keep &= ~failed & (along >= np.minimum(TOUCH_ALONG_M, 0.25 * np.sqrt(area)))
    return left[keep], right[keep]


def _side(geoms: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The part of each boundary that lies along the other polygon."""
    return shapely.intersection(shapely.boundary(geoms), shapely.buffer(others, TOUCH_M, quad_segs=2))


def unite(pieces: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joins pieces linked by the pairs into single Polygons.

    Returns (whole, label): label int64[n] is the whole that each piece went into. Pieces that overlap, or
    whose union stays in parts, are left as they were.
    """
    n = len(pieces)
    links = coo_array((np.ones(len(left)), (left, right)), shape=(n, n))
    _, label = connected_components(links, directed=False)
    label = label.astype(np.int64)
    size = np.bincount(label)
    # by shape within a whole, since the last digits of a union depend on the order of its members
    order = np.lexsort((shape_keys(pieces), label))
    start = np.cumsum(size) - size
    joined = np.full(len(size), None, object)
    for k in np.unique(size[size > 1]):
        some = np.flatnonzero(size == k)
        members = pieces[order[start[some][:, None] + np.arange(k)]]
        joined[some] = _as_one(members)
    apart = (joined[label] == None) & (size[label] > 1)  # noqa: E711  (element by element)
    label = np.where(apart, len(size) + np.arange(n), label)
    kept, first, label = np.unique(label, return_index=True, return_inverse=True)
    whole = pieces[first].copy()
    merged = np.flatnonzero(np.bincount(label) > 1)
    whole[merged] = joined[kept[merged]]
    return whole, label


def _as_one(members: np.ndarray) -> np.ndarray:
    """The union of each row of pieces as one valid Polygon, hairline gaps closed, else None; object[n]."""
    whole, failed = guarded(lambda *m: shapely.union_all(np.column_stack(m), axis=1), *members.T)
    gaps = np.flatnonzero(~failed & ((shapely.get_type_id(whole) != 3) | _pinholes(whole)))
    if len(gaps):
        wide = shapely.buffer(whole[gaps], TOUCH_M, join_style="mitre", mitre_limit=20)
        whole[gaps] = shapely.buffer(wide, -TOUCH_M, join_style="mitre", mitre_limit=20)
    total = shapely.area(members).sum(axis=1)
    good = (shapely.get_type_id(whole) == 3) & shapely.is_valid(whole)
    good &= np.abs(shapely.area(whole) - total) <= 0.01 * total
    whole[~good] = None
    return whole


def _pinholes(whole: np.ndarray) -> np.ndarray:
    """bool[n]: a hole is too small to be more than a gap between two cuts."""
    parts, of = shapely.get_parts(whole, return_index=True)
    rings, owner = shapely.get_rings(parts, return_index=True)
    small = shapely.area(shapely.polygons(rings)) < CRUMB_M2
    shell = np.concatenate([[True], owner[1:] != owner[:-1]]) if len(owner) else np.zeros(0, bool)
    return np.bincount(of[owner[small & ~shell]], minlength=len(whole)) > 0


def join(
    pieces: np.ndarray, row: np.ndarray, table: pd.DataFrame, book: Book
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joins the pieces of one id that share an edge.

    pieces: k Polygons; row: int64[k], the row of the table (parcel_id and attributes) each belongs to.
    Returns (whole, row, feature): the polygons, the row whose attributes each takes, and per row of the table
    the first row of the field that it is a piece of (itself, as a rule).
    """
    n = len(table)
    feature = np.arange(n)
    group = _fields(row, table, book)
    several = np.flatnonzero(np.bincount(group[row], minlength=2 * n)[group[row]] > 1)
    if not len(several):
        return pieces, row, feature
    left, right = touching(pieces[several], group[row[several]])
    if not len(left):
        return pieces, row, feature
    joined, label = unite(pieces[several], left, right)
    first = np.unique(label, return_index=True)[1]
    links = (row[several], row[several[first]][label])
    _, field = connected_components(coo_array((np.ones(len(label)), links), shape=(n, n)), directed=False)
    feature = np.unique(field, return_index=True)[1][field]
    size = np.bincount(label)
    once = np.flatnonzero(size > 1)
    head = row[several[first[once]]]
    book.add(
        "pieces_united",
        table["source_row"].to_numpy()[head],
        table["parcel_id"].iloc[head],
        shapely.area(joined[once]) / MU_M2,
        joined[once],
        zh=[f"同编号的 {k} 块相接图形，已合并成一块。" for k in size[once]],
        en=[f"{k} touching pieces under one id: united." for k in size[once]],
    )
    alone = np.setdiff1d(np.arange(len(pieces)), several)
    pieces = np.concatenate([pieces[alone], joined])
    row = np.concatenate([row[alone], row[several[first]]])
    order = np.argsort(row, kind="stable")
    return pieces[order], row[order], feature


def _fields(row: np.ndarray, table: pd.DataFrame, book: Book) -> np.ndarray:
    """int64 per row of the table: rows of one group may be pieces of one field.

    They share id, owner and place, and are no more than sheets meet in; where the column is no id at all,
    every row stands alone, and the book says so.
    """
    n = len(table)
    code = pd.factorize(table["parcel_id"])[0]
    used = np.flatnonzero(np.bincount(row, minlength=n))
    rows_of = np.bincount(code[used], minlength=n)
    double = rows_of[code[used]] > 1
    is_id = len(used) < ID_COLUMN_ROWS or double.mean() <= ID_COLUMN_SHARE
    if not is_id:
        share = 100 * double.mean()
        book.add(
            "id_not_unique",
            zh=f"{double.sum()} 条记录（{share:.0f} %）与别的记录同编号，已另编号；请核对编号字段。",
            en=f"{double.sum()} rows ({share:.0f} %) share an id with another: new ones are given; "
            "check which column is the id.",
        )
    columns = ["parcel_id", *PARCEL_TEXTS, "consent"]
    alone = (not is_id) | (rows_of[code] <= 1) | (rows_of[code] > SHEETS)
    group = n + np.arange(n)
    some = np.flatnonzero(~alone)
    if len(some):
        known = table.iloc[some][columns].astype("object").fillna("")
        group[some] = known.groupby(columns, sort=False).ngroup().to_numpy()
    return group


def unique_ids(
    pieces: np.ndarray, owner: np.ndarray, feature: np.ndarray, table: pd.DataFrame, book: Book
) -> pd.Series:
    """An id for each piece: the largest of those that share one keeps it, the others get #2, #3 and so on.

    owner: int64[k], the row of the table that each piece belongs to. Findings: same_id for pieces of different
    fields, multipart for pieces of one.
    """
    given = table["parcel_id"]
    names = given.iloc[owner].reset_index(drop=True)
    code = pd.factorize(names)[0]
    several = np.flatnonzero(np.bincount(code)[code] > 1)
    if not len(several):
        return names
    order = several[np.lexsort((shape_keys(pieces[several]), -shapely.area(pieces[several]), code[several]))]
    head = np.concatenate([[True], code[order][1:] != code[order][:-1]])
    first = order[np.maximum.accumulate(np.where(head, np.arange(len(order)), 0))]
    # a name with a number after it can only be that of somebody else if it has such a number already
    taken = set(given[given.str.contains("#", regex=False).to_numpy(bool)])
    number: dict[str, int] = {}
    changed = order[~head]
    bases, made = names.iloc[changed].to_list(), []
    for base in bases:
        k = number.get(base, 2)
        while f"{base}#{k}" in taken:
            k += 1
        made.append(f"{base}#{k}")
        number[base] = k + 1
    names.iloc[changed] = made
    same_field = (feature[owner[order]] == feature[owner[first]])[~head]
    source = table["source_row"].to_numpy()[owner[changed]]
    for kind, mask, zh, en in (
        ("same_id", ~same_field, "编号 {} 重复，改为 {}。", "Id {} is used twice: {} is given."),
        ("multipart", same_field, "{} 有多块图形，这一块另编为 {}。", "{} has several parts: this is {}."),
    ):
        some = np.flatnonzero(mask)
        what = [(bases[i], made[i]) for i in some]
        book.add(
            kind,
            source[some],
            [name for _, name in what],
            shapely.area(pieces[changed[some]]) / MU_M2,
            pieces[changed[some]],
            [zh.format(*w) for w in what],
            [en.format(*w) for w in what],
        )
    return names
