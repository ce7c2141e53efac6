"""Tables of a plan folder with the rows of some field units replaced, part by part; what is not touched is copied."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from geo import files
from planning import quality, tables
from planning.blocks import solve
from planning.editing.figures import Drawn
from planning.editing.state import State
from planning.editing.unit import FieldUnit
from planning.effort import Effort
from planning.layout import layout_table
from planning.machines import saved, seen
from planning.works import works_table

BY_BLOCK = ("shares", "layout", "straight", "hauls", "works")
"""Tables whose rows belong to a block."""


@dataclass(frozen=True, eq=False)
class Changed:
    """A field unit that is not as in the plan any more, with its rows of the tables in BY_BLOCK that are new."""

    unit: FieldUnit
    state: State
    here: Drawn
    rows: Mapping[str, pd.DataFrame]


def changed(unit: FieldUnit, state: State, here: Drawn, dem: Path | None) -> Changed:
    """The new rows of a changed field unit. dem: where it is at hand, for what its cells say."""
    p = unit.parameters
    fresh = here.fresh
    names = set(fresh.block_id)
    inside = here.parcels[here.parcels.block_id.isin(names)]
    layout = layout_table(fresh, here.beside, p.canal_head_m.value)
    looks = seen(fresh.geometry.to_numpy())
    layout = layout.assign(**saved(unit.looks, here.label, looks, p))
    rows = {
        "shares": tables.shares_table(inside),
        "layout": layout,
        "straight": here.straight,
        "hauls": tables.hauls_table(here.loads, fresh, unit.parcels),
        "works": works_table(
            unit.parcels, fresh, here.label, dem if unit.earthwork else None, p, unit.earthwork
        ),
    }
    return Changed(unit, state, here, rows)


def measured(one: Changed, seed: int, effort: Effort) -> pd.DataFrame:
    """The field unit's row of the table `units`: its area and cost beside what no partition passes."""
    unit = one.unit
    fields, order = unit.made.fields, unit.made.order
    _, bounds = solve(fields, unit.could[order], unit.rules, seed, None, 1, effort)
    good = one.here.blocks.block_id[one.here.blocks.meets_minimum.astype(bool)]
    at = {name: i for i, name in enumerate(good)}
    label = np.array([at.get(name, -1) for name in one.state.block], np.int32)
    rows = quality.by_part(fields, bounds, label[order], unit.rules.prices)
    return quality.by_unit(rows, np.full(len(order), unit.number))


def parts_of(path: Path) -> list[Path]:
    """The files of a table: the table itself, or those of its folder."""
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def spliced(
    base: Path,
    work: Path,
    units: Mapping[int, Changed],
    sites: Mapping[str, str | None],
    measures: pd.DataFrame,
) -> dict[str, list[Path]]:
    """The files of all of the plan's tables, by name, written into `work`.

    sites: of the blocks of all counties that have a changed unit; measures: rows of `measured`.
    """
    found: dict[str, list[Path]] = {}
    where: dict[int, str] = {}
    for path in sorted(p for p in base.iterdir() if p.suffix == ".parquet"):
        found[path.stem] = [work / path.stem / part.name for part in parts_of(path)]
        (work / path.stem).mkdir(parents=True)
    for part, out in _each(base, found, "parcels"):
        number = pd.read_parquet(part, columns=["field_unit"]).field_unit
        own = [int(n) for n in number.unique() if n in units]
        where |= dict.fromkeys(own, part.name)
        _put(part, out, _with_blocks(gpd.read_parquet(part), [units[n] for n in own]) if own else None)
    alone = all(len(parts) == 1 for parts in found.values())

    def of(part: Path) -> list[Changed]:
        return [one for n, one in units.items() if alone or where[n] == part.name]

    homes: dict[str, dict[str, int]] = {}
    for part, out in _each(base, found, "blocks"):
        frame = gpd.read_parquet(part)
        homes[part.name] = dict(zip(frame.block_id, frame.field_unit, strict=True))
        made = _replaced(frame, frame.field_unit, of(part), [one.here.blocks for one in of(part)])
        ids = [sites.get(b, s) for b, s in zip(made.block_id, made.site_id, strict=True)]
        _put(part, out, gpd.GeoDataFrame(made.assign(site_id=pd.Series(ids, dtype="str")), crs=frame.crs))
    for name in (n for n in BY_BLOCK if n in found):
        for part, out in _each(base, found, name):
            home = homes["blocks.parquet" if alone else part.name]
            _put(part, out, _by_block(pd.read_parquet(part), home, of(part), name) if of(part) else None)
    if "units" in found:
        for part, out in _each(base, found, "units"):
            _put(part, out, _measured(pd.read_parquet(part), measures, of(part)) if of(part) else None)
    for name in set(found) - {"parcels", "blocks", "units", *BY_BLOCK}:
        for part, out in _each(base, found, name):
            shutil.copyfile(part, out)
    return found


def _measured(frame: pd.DataFrame, measures: pd.DataFrame, mine: Sequence[Changed]) -> pd.DataFrame:
    numbers = [one.unit.number for one in mine]
    new = measures[measures.field_unit.isin(numbers)]
    kept = frame[~frame.field_unit.isin(numbers)]
    return pd.concat([kept, new], ignore_index=True).sort_values("field_unit")


def _each(base: Path, found: Mapping[str, list[Path]], name: str) -> list[tuple[Path, Path]]:
    return list(zip(parts_of(base / f"{name}.parquet"), found[name], strict=True))


def _put(part: Path, out: Path, frame: pd.DataFrame | None) -> None:
    """A part in its new place; frame: what it holds now, None: what it held."""
    if frame is None:
        shutil.copyfile(part, out)
    elif isinstance(frame, gpd.GeoDataFrame):
        files.write_geo(frame, out)
    else:
        files.write_table(frame.reset_index(drop=True), out)


def _with_blocks(frame: gpd.GeoDataFrame, mine: Sequence[Changed]) -> gpd.GeoDataFrame:
    """Parcels with the blocks and reasons that changed."""
    told = pd.concat([one.here.parcels[["parcel_id", "block_id", "reason"]] for one in mine])
    at = pd.Index(told.parcel_id).get_indexer(frame.parcel_id)
    here = at >= 0
    out = frame.copy()
    for name in ("block_id", "reason"):
        values = frame[name].to_numpy(object).copy()
        values[here] = told[name].to_numpy(object)[at[here]]
        out[name] = pd.Series(values, index=frame.index, dtype="str")
    return out


def _replaced(
    frame: pd.DataFrame, unit_of: pd.Series, mine: Sequence[Changed], new: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """A table with each changed unit's new rows where the plan has its first one, and those of others as they are."""
    numbers = [one.unit.number for one in mine]
    stays = ~unit_of.isin(numbers).to_numpy()
    places = [np.flatnonzero(stays)]
    for number, rows in zip(numbers, new, strict=True):
        own = (unit_of == number).to_numpy()
        places.append(np.full(len(rows), np.argmax(own) if own.any() else len(frame)))
    pieces = [frame[stays], *(rows[[*frame.columns]] for rows in new)]
    pieces = [piece for piece in pieces if len(piece)] or pieces[:1]
    order = np.argsort(np.concatenate(places), kind="stable")
    return pd.concat(pieces, ignore_index=True).iloc[order].reset_index(drop=True)


def _by_block(
    frame: pd.DataFrame, home: Mapping[str, int], mine: Sequence[Changed], name: str
) -> pd.DataFrame:
    """A table by block: rows of blocks that stayed as they are, and those of the new ones in their place."""
    unit_of = frame.block_id.map(dict(home))
    new = []
    for one in mine:
        kept = frame[(unit_of == one.unit.number) & frame.block_id.isin(one.here.same)]
        both = pd.concat([part for part in (kept, one.rows[name]) if len(part)] or [kept], ignore_index=True)
        order = pd.Index(one.here.blocks.block_id).get_indexer(both.block_id)
        new.append(both.iloc[np.argsort(order, kind="stable")])
    return _replaced(frame, unit_of, mine, new)
