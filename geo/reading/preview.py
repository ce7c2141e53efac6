"""A quick look at a file, for a person to choose layer, encoding, coordinate system and columns before it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from geo import crs as crs_
from geo.crs import CrsProposal
from geo.errors import ChigaiError
from geo.reading import choosing, encodings, fields, mapping, sources, zones
from geo.reading import rows as rows_
from geo.reading.encodings import Guess
from geo.reading.mapping import Profile, Recognition
from geo.reading.source import Source
from geo.reading.sources import Layer
from geo.schemas import Finding

SHOWN_COLUMNS = 60


@dataclass(frozen=True)
class Preview:
    """What a file holds, and what reading it would ask.

    layers: all names; layer: the one looked at, None when one has to be chosen first.
    columns: of that layer, without personal ones; dropped: the personal ones.
    sample: the first rows as text. rows: how many there are, −1 when unknown.
    crs: as it would be taken, None when it has to be chosen among crs_candidates (likeliest first).
    encoding: as it would be taken, None when the format says it or a person has to choose among
    encoding_candidates, each with a decoded sample.
    mapping: chigai field -> column, as proposed. problems: refusals that reading would end with as things stand.
    findings: what reading would assume.
    """

    layers: list[str]
    layer: str | None = None
    columns: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    sample: pd.DataFrame = field(default_factory=pd.DataFrame)
    rows: int = -1
    crs: CRS | None = None
    crs_name: str = ""
    crs_candidates: list[CrsProposal] = field(default_factory=list)
    encoding: str | None = None
    encoding_candidates: list[Guess] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    profile: Profile = "generic"
    problems: list[ChigaiError] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def look(source: Source, rows: int = 20) -> Preview:
    """A look at the first rows. Raises ChigaiError only for a file that cannot be opened at all."""
    path = Path(source.path)
    with sources.opened(path) as found:
        names = [layer.name for layer in found]
        try:
            layer, findings = choosing.pick(found, source.layer, path.name)
        except ChigaiError as error:
            return Preview(names, problems=[error])
        return _look(source, layer, names, findings, rows)


def _look(source: Source, layer: Layer, names: list[str], findings: list[Finding], count: int) -> Preview:
    head = rows_.head(layer, source.encoding)
    columns = [c for c in head.columns if not mapping.is_personal(c)]
    problems: list[ChigaiError] = []
    recognised = mapping.recognise(head.columns)
    try:
        recognised = mapping.chosen(recognised, head.columns, source.mapping)
    except ChigaiError as error:
        problems.append(error)
    encoding, candidates, notes, refused = _encoding(source, layer, recognised, head.columns)
    findings = findings + notes
    problems += refused
    shown_in = encoding or (candidates[0].encoding if candidates else None)
    raw = None
    try:
        raw = rows_.read(
            layer, columns[:SHOWN_COLUMNS], where=source.where, encoding=shown_in, limit=max(count, 1)
        )
    except ChigaiError as error:
        problems.append(error)
    crs: CRS | None = None
    proposals: list[CrsProposal] = []
    sample = pd.DataFrame()
    if raw is not None:
        texts = {c: fields.text(raw.table.column(c)) for c in raw.table.column_names}
        sample = pd.DataFrame(texts)
        crs, proposals, notes, refused = _coordinates(source, head, raw.geometries)
        findings = findings + notes
        problems += refused
    return Preview(
        names,
        layer.name,
        columns,
        mapping.personal(head.columns),
        sample,
        head.rows,
        crs,
        crs_.name(crs) if crs is not None else "",
        proposals,
        encoding,
        candidates,
        recognised.mapping,
        recognised.profile,
        problems,
        findings,
    )


def _encoding(
    source: Source, layer: Layer, recognised: Recognition, columns: list[str]
) -> tuple[str | None, list[Guess], list[Finding], list[ChigaiError]]:
    """The encoding for all that is shown, what else it could be, and a refusal if the columns in use need a choice."""
    if layer.dataset.driver != "ESRI Shapefile":
        return None, [], [], []
    guesses = encodings.guesses(layer.dataset.path)
    refusal: ChigaiError | None = None
    for used in (columns, choosing.used_columns(recognised, columns)):
        try:
            found, notes = choosing.encoding(layer, source.encoding, source.where, used)
        except ChigaiError as error:
            refusal = error
        else:
            # only columns that nothing needs are in doubt: they are shown in the likeliest
            return (found if refusal is None else None), guesses, notes, []
    return None, guesses, [], [refusal] if refusal is not None else []


def _coordinates(
    source: Source, head: rows_.Head, geometries: np.ndarray
) -> tuple[CRS | None, list[CrsProposal], list[Finding], list[ChigaiError]]:
    """The CRS that reading would take, others the numbers allow, what it would say, and why it would refuse."""
    bounds = shapely.bounds(geometries)
    there = np.isfinite(bounds).all(axis=1)
    proposals: list[CrsProposal] = []
    if there.any():
        low, high = bounds[there, :2].min(axis=0), bounds[there, 2:].max(axis=0)
        proposals = crs_.proposals((float(low[0]), float(low[1]), float(high[0]), float(high[1])))
    try:
        asked = crs_.parse(source.crs) if source.crs is not None else None
        declared = asked if asked is not None else crs_.known(head.crs)
        settled = zones.settle(bounds, declared, certain=asked is not None or not head.crs_by_default)
        first = settled.first
        if settled.swap:
            bounds = bounds[:, [1, 0, 3, 2]]
        around = zones.degrees(bounds[settled.rows_of(first)], first)
        crs_.shift(first, crs_.plan_crs(around), around)
    except ChigaiError as error:
        return None, proposals, [], [error]
    return first, proposals, settled.findings, []
