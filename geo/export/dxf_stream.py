"""Many lines, texts and points of a drawing, written as text one after the other: a city's would not fit in memory."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import shapely
from ezdxf.document import Drawing
from numpy.typing import NDArray

DECIMALS = 4
"""Of a coordinate, metres: a tenth of a millimetre."""
ENCODINGS = {"R2000": "gbk", "R2007": "utf-8"}
"""What the text of a drawing is written in; before 2007 by the code page that its header names."""
_ENTITIES = "  2\nENTITIES\n"

Floats = NDArray[np.float64]


class Stream:
    """Entities of the model space. begin: the first handle that is free; owner: handle of the model space."""

    def __init__(self, file: TextIO, owner: str, begin: int) -> None:
        self._file, self._owner, self.handle = file, owner, begin

    def outlines(self, layer: str, shapes: NDArray[np.object_]) -> None:
        """Every ring of polygons as a closed polyline."""
        rings = shapely.get_rings(shapely.get_parts(shapes))
        self._polylines(layer, rings, closed=True)

    def lines(self, layer: str, shapes: NDArray[np.object_]) -> None:
        """Every line as an open polyline."""
        self._polylines(layer, shapely.get_parts(shapes), closed=False)

    def _polylines(self, layer: str, lines: NDArray[np.object_], closed: bool) -> None:
        if closed:  # their last point is the first again
            points, line = shapely.get_coordinates(lines, return_index=True)
            last = np.ones(len(points), bool)
            last[:-1] = line[1:] != line[:-1]
            points, line = points[~last], line[~last]
        else:
            points, line = shapely.get_coordinates(lines, return_index=True)
        count = np.bincount(line, minlength=len(lines))
        text = [f" 10\n{x:.{DECIMALS}f}\n 20\n{y:.{DECIMALS}f}\n" for x, y in points.tolist()]
        at = 0
        for n in count.tolist():
            head = self._head("LWPOLYLINE", layer, "AcDbPolyline")
            self._file.write(f"{head} 90\n{n}\n 70\n{int(closed)}\n 43\n0.0\n{''.join(text[at : at + n])}")
            at += n

    def points(self, layer: str, x: Floats, y: Floats) -> None:
        """Single points."""
        for a, b in zip(x.tolist(), y.tolist(), strict=True):
            head = self._head("POINT", layer, "AcDbPoint")
            self._file.write(f"{head} 10\n{a:.{DECIMALS}f}\n 20\n{b:.{DECIMALS}f}\n 30\n0.0\n")

    def texts(
        self, layer: str, style: str, x: Floats, y: Floats, height_m: Floats, words: Sequence[str]
    ) -> None:
        """Texts about their middle; height_m: float64[n]. words are written as they are."""
        for a, b, h, said in zip(x.tolist(), y.tolist(), height_m.tolist(), words, strict=True):
            head = self._head("TEXT", layer, "AcDbText")
            place = f"{a:.{DECIMALS}f}", f"{b:.{DECIMALS}f}"
            self._file.write(
                f"{head} 10\n{place[0]}\n 20\n{place[1]}\n 30\n0.0\n 40\n{h:.3f}\n  1\n{said}\n  7\n{style}\n"
                f" 72\n1\n 11\n{place[0]}\n 21\n{place[1]}\n 31\n0.0\n100\nAcDbText\n 73\n2\n"
            )

    def _head(self, kind: str, layer: str, subclass: str) -> str:
        self.handle += 1
        return (
            f"  0\n{kind}\n  5\n{self.handle - 1:X}\n330\n{self._owner}\n100\nAcDbEntity\n  8\n{layer}\n"
            f"100\n{subclass}\n"
        )


@contextmanager
def streamed(drawing: Drawing, path: Path) -> Iterator[Stream]:
    """Write a drawing to `path` with what is put into the stream meanwhile.

    Entities are gathered beside it first: only at their end is it known which handle the drawing's head is to name.
    """
    gathered = path.with_suffix(".entities")
    with gathered.open("w", encoding="utf-8") as file:
        stream = Stream(file, drawing.modelspace().layout_key, int(str(drawing.entitydb.handles), 16))
        yield stream
    drawing.entitydb.handles.reset(f"{stream.handle:X}")
    frame = io.StringIO()
    drawing.write(frame)
    head, tail = frame.getvalue().split(_ENTITIES)
    with path.open(
        "w", encoding=ENCODINGS[drawing.acad_release], errors="dxfreplace", newline="\r\n"
    ) as file:
        file.write(head + _ENTITIES)
        with gathered.open(encoding="utf-8") as entities:
            shutil.copyfileobj(entities, file, 1 << 20)
        file.write(tail)
    gathered.unlink()
