"""What stands in a PDF: its text, and the points of its lines in millimetres from the page's upper left corner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pypdf

MM = 72 / 25.4


def texts(path: Path) -> list[str]:
    """The text of each page."""
    return [page.extract_text() for page in pypdf.PdfReader(path).pages]


def points(path: Path, page: int = 0) -> np.ndarray:
    """The ends of all straight lines on a page, float64[n, 2], mm from the left and from the top."""
    found: list[tuple[float, float]] = []
    sheet = pypdf.PdfReader(path).pages[page]
    high = float(sheet.mediabox.height)

    def seen(operator: bytes, operands: list[Any], matrix: list[float], _: list[float]) -> None:
        if operator in (b"m", b"l"):
            x, y = map(float, operands)
            a, b, c, d, e, f = matrix
            found.append((a * x + c * y + e, b * x + d * y + f))

    sheet.extract_text(visitor_operand_before=seen)
    at = np.array(found)
    return np.column_stack([at[:, 0], high - at[:, 1]]) / MM


def sizes_mm(path: Path) -> set[tuple[int, int]]:
    """Width and height of the pages, whole millimetres."""
    return {
        (round(float(p.mediabox.width) / MM), round(float(p.mediabox.height) / MM))
        for p in pypdf.PdfReader(path).pages
    }


def embedded(path: Path) -> dict[str, bool]:
    """The typefaces of a PDF, and whether each is inside it."""
    found: dict[str, bool] = {}
    for page in pypdf.PdfReader(path).pages:
        for font in page["/Resources"]["/Font"].values():
            for inner in font.get_object()["/DescendantFonts"]:
                descriptor = inner.get_object()["/FontDescriptor"].get_object()
                found[descriptor["/FontName"]] = any(k in descriptor for k in ("/FontFile2", "/FontFile3"))
    return found
