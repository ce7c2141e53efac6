"""A plan's table by row number: which rows lie in a box, and what is told of some rows, without holding all of them.

Rows are counted in the order in which they lie on the disk, through every file of a table that is a folder of
files. Tables of a plan are never changed, so a number names the same row as long as the plan is there.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely
from numpy.typing import NDArray

from geo import plans

Box = tuple[float, float, float, float]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]
_T = TypeVar("_T")

KEPT = 2
"""Groups of rows whose shapes and boxes are held as they lie on the disk (some 10 to 40 MB each): what is asked for
next lies near."""


@dataclass(frozen=True)
class Group:
    """Rows that are read together: `rows` of them from number `first`, the group `index` of a file, all of them
    inside `box` (metres; None where the file does not say)."""

    file: Path
    index: int
    first: int
    rows: int
    box: Box | None


class Rows:
    """The rows of one table of a plan folder. Raises ChigaiError where the table cannot be read.

    kept: groups whose shapes are held at once. May be asked by several threads.
    """

    def __init__(self, folder: Path, name: str, kept: int = KEPT) -> None:
        self.folder, self.name = Path(folder), name
        self.groups: list[Group] = []
        self._kept = kept
        self._shapes: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self._boxes: OrderedDict[int, Floats] = OrderedDict()
        self._lock = threading.Lock()
        first = 0
        try:
            files = plans.table_files(folder, name)
            if not files:
                raise FileNotFoundError(f"{name}.parquet")
            for file in files:
                about = pq.read_metadata(file)
                for index in range(about.num_row_groups):
                    group = about.row_group(index)
                    self.groups.append(Group(file, index, first, group.num_rows, _box(group)))
                    first += group.num_rows
            self.columns: list[str] = pq.read_schema(files[0]).names
            self.crs = _crs(files[0])
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise plans.damaged(self.folder, error) from error
        # checked paddies lie in a folder of their own: they are no plan yet
        if (self.folder / plans.MANIFEST).is_file():
            plans.require_columns(name, self.columns)
        self.count = first
        self._first = np.array([group.first for group in self.groups], np.int64)

    def group(self, number: int, columns: Sequence[str]) -> pa.Table:
        """What a group tells of its rows; a column that the table does not have is left out."""
        group = self.groups[number]
        names = [name for name in columns if name in self.columns]
        try:
            with pq.ParquetFile(group.file) as file:
                return file.read_row_group(group.index, columns=names)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise plans.damaged(self.folder, error) from error

    def table(self, columns: Sequence[str]) -> pa.Table:
        """What is told of every row."""
        parts = [self.group(number, columns) for number in range(len(self.groups))]
        return pa.concat_tables(parts) if parts else pa.table({name: [] for name in columns})

    def boxes(self, number: int) -> Floats:
        """Least x and y, most x and y of each row of a group, float64[k, 4], metres; NaN for one without a shape."""
        return self._held(self._boxes, number, self._read_boxes)

    def _read_boxes(self, number: int) -> Floats:
        if "bbox" not in self.columns:
            return shapely.bounds(_decoded(self._raw(number))).reshape(-1, 4)
        column = self.group(number, ["bbox"])["bbox"].combine_chunks()
        ends = [column.field(end).to_numpy(zero_copy_only=False) for end in _ENDS]
        return np.column_stack(ends).astype(np.float64)

    def extents(self) -> Floats:
        """The box of each row of the table, float64[n, 4], as in `boxes`."""
        parts = [self.boxes(number) for number in range(len(self.groups))]
        return np.concatenate(parts) if parts else np.empty((0, 4))

    def in_box(self, box: Box) -> Ints:
        """The numbers of the rows whose own box meets it, in order."""
        west, south, east, north = box
        found = []
        for number, group in enumerate(self.groups):
            g = group.box
            if g is not None and (g[0] > east or g[2] < west or g[1] > north or g[3] < south):
                continue
            b = self.boxes(number)
            hit = (b[:, 0] <= east) & (b[:, 2] >= west) & (b[:, 1] <= north) & (b[:, 3] >= south)
            found.append(group.first + np.flatnonzero(hit))
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def take_boxes(self, rows: Ints) -> Floats:
        """The boxes of rows given in ascending order, float64[k, 4], as in `boxes`."""
        found = [self.boxes(number)[at] for number, at in self._parts(rows)]
        return np.concatenate(found) if found else np.empty((0, 4))

    def shapes(self, rows: Ints) -> Shapes:
        """The geometries of rows given in ascending order, object[k]."""
        found = [_decoded(self._raw(number).take(pa.array(at))) for number, at in self._parts(rows)]
        return np.concatenate(found) if found else np.empty(0, object)

    def take(self, rows: Ints, columns: Sequence[str]) -> pa.Table:
        """What is told of rows given in ascending order."""
        found = [self.group(number, columns).take(pa.array(at)) for number, at in self._parts(rows)]
        return pa.concat_tables(found) if found else pa.table({name: [] for name in columns})

    def _parts(self, rows: Ints) -> list[tuple[int, Ints]]:
        """The rows by group: its number, and where in it they are."""
        of = np.searchsorted(self._first, rows, side="right") - 1
        return [(int(n), rows[of == n] - self.groups[n].first) for n in np.unique(of)]

    def _raw(self, number: int) -> pa.ChunkedArray:
        """The shapes of a group as WKB."""
        return self._held(self._shapes, number, lambda n: self.group(n, ["geometry"])["geometry"])

    def _held(self, held: OrderedDict[int, _T], number: int, read: Callable[[int], _T]) -> _T:
        with self._lock:
            if number in held:
                held.move_to_end(number)
                return held[number]
        found = read(number)
        with self._lock:
            held[number] = found
            while len(held) > self._kept:
                held.popitem(last=False)
        return found


_ENDS = ("xmin", "ymin", "xmax", "ymax")


def _box(group: pq.RowGroupMetaData) -> Box | None:
    """The box round a group's rows, by what the file says of its columns."""
    said = {
        column.path_in_schema: column.statistics
        for column in (group.column(i) for i in range(group.num_columns))
        if column.path_in_schema.startswith("bbox.")
    }
    ends = [said.get(f"bbox.{end}") for end in _ENDS]
    if any(end is None or not end.has_min_max for end in ends):
        return None
    low, high = [end.min for end in ends[:2]], [end.max for end in ends[2:]]  # type: ignore[union-attr]
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _crs(file: Path) -> pyproj.CRS:
    head = json.loads(pq.read_schema(file).metadata[b"geo"])
    return pyproj.CRS.from_user_input(head["columns"][head["primary_column"]].get("crs") or 4326)


def _decoded(raw: pa.ChunkedArray) -> Shapes:
    return shapely.from_wkb(raw.to_numpy())


def rows_of(folder: Path, name: str, kept: int = KEPT) -> Rows | None:
    """The rows of a table; None where the plan has none of that name."""
    return Rows(folder, name, kept) if plans.table_files(folder, name) else None
