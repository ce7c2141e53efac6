"""How near a plan is to the best one: its area and cost in the objective's own terms, beside their bounds.

The cost here holds what the joining can change, so that nothing dilutes the gap: earth, crookedness by the
search's stand-in (the box along the unit's own direction), operators beyond the first, and the ridges between
parcels that could be in a block and may be joined. A **part** is a set of parcels that could be in blocks and
reach each other by pairs that may be joined; no block lies in two parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.neighbours import field_units
from geo.schemas import MU_M2
from planning.cost import Prices, block_cost, levelling
from planning.fields import Fields

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Bounds:
    """What no partition passes, by part.

    part: int32[n], part of each parcel, -1 for one that could be in no block. For every worth w = worth[i, k] of
    a square metre in blocks [yuan/m²], no partition of part i has w × area − (cost − cost of all its ridges)
    above most[i, k] [yuan]; the last k is the run's own worth. area_m2: float64[parts], the most area in blocks. proven: bool[parts], whether
    the best partition is known; it is then reached by the plan that came with these bounds.
    """

    part: Ints
    worth: Floats
    most: Floats
    area_m2: Floats
    proven: Bools


def parts(fields: Fields, can: Bools) -> Ints:
    """Part of each parcel, numbered by first row, -1 where `can` is False: int32[n]."""
    n = len(can)
    if n == 0:
        return np.zeros(0, np.int32)
    both = can[fields.left] & can[fields.right]
    whole = field_units(n, fields.left[both], fields.right[both])
    codes, _ = pd.factorize(np.where(can, whole, -1))
    first = int(codes[np.argmin(can)]) if not can.all() else -1
    codes = np.where(codes > first, codes - (first >= 0), codes)
    return np.where(can, codes, -1).astype(np.int32)


def weak(fields: Fields, can: Bools, prices: Prices, worth: Floats) -> Bounds:
    """Bounds that always exist: all area that could be in blocks, for nothing, with every ridge gone."""
    part = parts(fields, can)
    n = int(part.max(initial=-1)) + 1
    area = np.bincount(part[can], fields.area_m2[can], n).astype(float)
    saved = prices.ridge_yuan_per_m * _ridges(fields, part, n)
    return Bounds(
        part=part,
        worth=np.tile(worth, (n, 1)),
        most=worth[None, :] * area[:, None] + saved[:, None],
        area_m2=area,
        proven=np.zeros(n, bool),
    )


def _ridges(fields: Fields, part: Ints, n: int) -> Floats:
    """Metres of ridge between the parcels of each part."""
    inside = part[fields.left] >= 0
    inside &= part[fields.left] == part[fields.right]
    return np.bincount(part[fields.left][inside], fields.facing_m[inside], n).astype(float)


def block_sums(fields: Fields, labels: Ints, prices: Prices) -> tuple[Floats, Floats, Floats]:
    """Of each block: area of its parcels m², cost of making it yuan, and ridge removed m.

    labels: int[n], block of each parcel, -1 none. A block of one parcel is left as it is and costs nothing.
    """
    n = int(labels.max(initial=-1)) + 1
    inside = labels >= 0
    lab = labels[inside]
    area = np.bincount(lab, fields.area_m2[inside], n).astype(float)
    same = (labels[fields.left] == labels[fields.right]) & (labels[fields.left] >= 0)
    of = labels[fields.left][same]
    removed = np.bincount(of, fields.facing_m[same], n).astype(float)
    whole = area + np.bincount(of, fields.ridge_m2[same], n)
    box = np.column_stack([np.full((n, 2), np.inf), np.full((n, 2), -np.inf)])
    np.minimum.at(box[:, :2], lab, fields.box_m[inside, :2])
    np.maximum.at(box[:, 2:], lab, fields.box_m[inside, 2:])
    rectangle = np.maximum((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]), whole)
    known = inside & (fields.operator >= 0)
    pairs = np.unique(np.stack([labels[known], fields.operator[known]]), axis=1)
    operators = np.bincount(pairs[0], minlength=n).astype(float)
    _, cut = levelling(fields.area_m2, fields.elevation_m, labels, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        cost = block_cost.py_func(cut, whole, whole / rectangle, operators, prices)
    return area, np.where(np.bincount(lab, minlength=n) > 1, cost, 0.0), removed


def by_part(fields: Fields, bounds: Bounds, labels: Ints, prices: Prices) -> pd.DataFrame:
    """One row a part: first (row of its first parcel), parcels, compliant_m2, compliant_bound_m2, cost_yuan,
    cost_bound_yuan (no plan with as much area in blocks costs less), proven.

    labels: int[n], the plan's blocks; where one of them was lost after the search, its part is not proven.
    """
    part, n = bounds.part, len(bounds.proven)
    area, cost, removed = block_sums(fields, labels, prices)
    of = np.zeros(len(area), np.int64)
    of[labels[labels >= 0]] = part[labels >= 0]
    compliant = np.bincount(of, area, n)
    ridges = prices.ridge_yuan_per_m * _ridges(fields, part, n)
    paid = np.bincount(of, cost - prices.ridge_yuan_per_m * removed, n) + ridges
    # cost - ridges >= w × area - most(w), for every w
    least = (bounds.worth * compliant[:, None] - bounds.most).max(axis=1, initial=-np.inf) + ridges
    least = np.clip(least, 0.0, paid)
    tight = paid - least <= 1e-6 * np.maximum(paid, 1.0)
    inside = np.flatnonzero(part >= 0)
    return pd.DataFrame(
        {
            "first": inside[np.unique(part[inside], return_index=True)[1]],
            "parcels": np.bincount(part[inside], minlength=n),
            "compliant_m2": compliant,
            "compliant_bound_m2": np.maximum(bounds.area_m2, compliant),
            "cost_yuan": paid,
            "cost_bound_yuan": np.where(bounds.proven & tight, paid, least),
            "proven": bounds.proven & tight,
        }
    )


def by_unit(rows: pd.DataFrame, field_unit: npt.NDArray[np.integer]) -> pd.DataFrame:
    """The parts of a field unit together, areas in mu, and its gap; proven where all its parts are.

    rows: of `by_part`; field_unit: of each parcel, in the order of `Fields`. Units without any possible block
    have no row.
    """
    table = rows.assign(field_unit=field_unit[rows["first"].to_numpy()].astype(np.int64))
    table["compliant_mu"] = table.compliant_m2 / MU_M2
    table["compliant_bound_mu"] = table.compliant_bound_m2 / MU_M2
    sums = table.groupby("field_unit", sort=True).agg(
        parcels=("parcels", "sum"),
        compliant_mu=("compliant_mu", "sum"),
        compliant_bound_mu=("compliant_bound_mu", "sum"),
        cost_yuan=("cost_yuan", "sum"),
        cost_bound_yuan=("cost_bound_yuan", "sum"),
        proven=("proven", "all"),
    )
    sums.insert(5, "gap", _gap(sums.cost_yuan.to_numpy(), sums.cost_bound_yuan.to_numpy()))
    return sums.reset_index()


def sums(units: pd.DataFrame) -> dict[str, Any]:
    """Of some units (`by_unit`), what `told` makes its figures of: such sums may be added."""
    figures = ("compliant_mu", "compliant_bound_mu", "cost_yuan", "cost_bound_yuan")
    return {
        **{name: float(units[name].sum()) for name in figures},
        "units": len(units),
        "proven": int(units.proven.sum()),
    }


def told(of: Mapping[str, Any]) -> dict[str, Any]:
    """What plan.json says under `quality`, from `sums`.

    gap: (cost − bound) / cost of the whole plan, at its own area in blocks; units_proven_share: of the field
    units in which any block is possible.
    """
    cost, least = of["cost_yuan"], of["cost_bound_yuan"]
    return {
        "compliant_mu": of["compliant_mu"],
        "compliant_bound_mu": of["compliant_bound_mu"],
        "cost_yuan": cost,
        "cost_bound_yuan": least,
        "gap": float(_gap(np.array([cost]), np.array([least]))[0]),
        "units": of["units"],
        "units_proven_share": of["proven"] / of["units"] if of["units"] else 1.0,
    }


def _gap(cost: Floats, least: Floats) -> Floats:
    return np.where(cost > 1e-6, (cost - least) / np.maximum(cost, 1e-6), 0.0)
