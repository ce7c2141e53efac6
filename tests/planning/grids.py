"""Little field units to join: parcels in a grid, as the search sees them, without geometry."""

from __future__ import annotations

import numpy as np

from geo.schemas import MU_M2
from planning.blocks import Fields


def grid(
    rows: int, columns: int, area_mu, z, operator=None, minimum_mu: float = 5.0, ridge_m2: float = 12.0
) -> Fields:
    """A rows × columns unit; area_mu, z, operator: one value or one per parcel, row by row.

    Each parcel lies in a cell of its own: 30 m wide, or as wide as the largest parcel needs.
    """
    n = rows * columns
    index = np.arange(n).reshape(rows, columns)
    left = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()]).astype(np.int32)
    right = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()]).astype(np.int32)
    order = np.lexsort((right, left))
    y, x = np.divmod(np.arange(n), columns)
    full = lambda v: np.broadcast_to(np.asarray(v, float), n).copy()  # noqa: E731
    side = max(30.0, np.sqrt(full(area_mu).max() * MU_M2) + 0.4)
    return Fields(
        area_m2=full(area_mu) * MU_M2,
        elevation_m=full(z),
        minimum_m2=np.full(n, minimum_mu * MU_M2),
        operator=np.full(n, -1, np.int32) if operator is None else np.asarray(operator, np.int32),
        box_m=np.column_stack([x * side, y * side, (x + 1) * side - 0.4, (y + 1) * side - 0.4]),
        unit=np.zeros(n, np.int32),
        left=left[order],
        right=right[order],
        facing_m=np.full(len(left), 29.6),
        ridge_m2=np.full(len(left), ridge_m2),
    )


def connected(fields: Fields, members) -> bool:
    """Whether the parcels hold together by pairs of their own."""
    members = set(members)
    pairs = [
        (a, b)
        for a, b in zip(fields.left.tolist(), fields.right.tolist(), strict=True)
        if a in members and b in members
    ]
    reached, todo = set(), [next(iter(members))]
    while todo:
        p = todo.pop()
        if p not in reached:
            reached.add(p)
            todo += [b if a == p else a for a, b in pairs if p in (a, b)]
    return reached == members


def feasible(fields: Fields, members, maximum_mu: float, step_m: float) -> bool:
    """Whether the parcels may be one block that reaches the minimum."""
    members = list(members)
    inside = np.isin(fields.left, members) & np.isin(fields.right, members)
    whole = fields.area_m2[members].sum() + fields.ridge_m2[inside].sum()
    return (
        whole >= fields.minimum_m2[members[0]]
        and (len(members) == 1 or whole <= maximum_mu * MU_M2)
        and np.ptp(fields.elevation_m[members]) <= step_m
        and connected(fields, members)
    )
