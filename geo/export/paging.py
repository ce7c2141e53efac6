"""Sheets for the printer: tables of many blocks on A4, none torn across two pages that would fit on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from geo.export.workbook import FORMATS, Head, guarded

ROWS_A_PAGE, ROWS_ACROSS = 44, 28
"""Rows of ROW_PT under the heads that an A4 page takes with these margins at full size, upright and across."""
WIDE_A_PAGE, WIDE_ACROSS = 68.0, 94.0
"""Characters across such a page, in programs and with typefaces where a column is widest."""
ROW_PT, HEAD_PT = 15.0, 30.0
MOST_PAGES = 1000
"""Pages of one sheet; Excel knows no more than 1,023 breaks. What is left goes on in a second sheet."""
HEADER_CHARACTERS = 80
"""What of a text fits between the others at the head of a page."""
A4 = 9


@dataclass(frozen=True)
class Group:
    """What stays together: a line that says what it is, and rows of cells, one for each head."""

    title: str
    rows: Sequence[Sequence[Any]]


@dataclass
class Layout:
    """Where groups come to stand: of each the number of its sheet and its first row (0 is the heads'), and where
    each sheet's pages begin."""

    place: list[tuple[int, int]] = field(default_factory=list)
    breaks: list[list[int]] = field(default_factory=lambda: [[]])


def laid_out(lengths: Sequence[int], page: int = ROWS_A_PAGE, most_pages: int = MOST_PAGES) -> Layout:
    """Groups of so many rows, one after the other; one that does not fit on what is left of a page begins the next.

    A group longer than a page begins a page and goes on over as many as it takes.
    """
    found = Layout()
    sheet, row, left = 0, 1, page
    for length in lengths:
        if length > left and left < page:
            found.breaks[sheet].append(row)
            left = page
        if left == page and len(found.breaks[sheet]) + -(-length // page) > most_pages and row > 1:
            found.breaks[sheet] = [at for at in found.breaks[sheet] if at < row]
            found.breaks.append([])
            sheet, row, left = sheet + 1, 1, page
        found.place.append((sheet, row))
        while length > left:
            row, length, left = row + left, length - left, page
            found.breaks[sheet].append(row)
        row, left = row + length, left - length
        if left == 0:
            found.breaks[sheet].append(row)
            left = page
    found.breaks = [
        [at for at in breaks if at < end] for breaks, end in zip(found.breaks, _ends(found, row), strict=True)
    ]
    return found


def _ends(found: Layout, last: int) -> list[int]:
    """Behind the last row of each sheet: a break there would be an empty page."""
    return [1 << 30] * (len(found.breaks) - 1) + [last]


def _scale(heads: Sequence[Head], across: bool) -> int:
    """How much smaller a sheet is printed, percent, so that its columns stand on one page."""
    return min(100, int(100 * (WIDE_ACROSS if across else WIDE_A_PAGE) / sum(head.width for head in heads)))


class Book:
    """A workbook whose sheets are printed. left, middle, right: what stands at the head of every page."""

    def __init__(self, path: Any, middle: str, right: str, title: str) -> None:
        # row after row to disk: a city's corners would not fit in memory as cells
        self.book = xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_formulas": False})
        self.book.set_properties({"title": title, "comments": right})
        self._middle, self._right = middle, right
        font = {"font_name": "宋体", "font_size": 10, "valign": "vcenter"}
        line = {**font, "border": 1}
        head = {**line, "bold": True, "text_wrap": True, "align": "center", "bg_color": "#DCE6F1"}
        self.head = self.book.add_format(head)
        self.group = self.book.add_format(
            {**font, "top": 1, "bottom": 1, "bold": True, "bg_color": "#F2F2F2"}
        )
        self.note = self.book.add_format({**font, "text_wrap": True, "valign": "top"})
        self.title = self.book.add_format({**font, "bold": True, "font_size": 16, "align": "center"})
        self.link = self.book.add_format({**line, "font_color": "#0563C1", "underline": 1})
        self.cells = {kind: self.book.add_format({**line, "num_format": f}) for kind, f in FORMATS.items()}
        self.cells["metres"] = self.book.add_format({**line, "num_format": "0.000"})
        self.cells["signed"] = self.book.add_format({**line, "num_format": "+0.00;-0.00;0.00"})

    def sheet(
        self,
        name: str,
        heads: Sequence[Head],
        first: int = 0,
        *,
        fitted: bool = False,
        across: bool = False,
        middle: str = "",
    ) -> Worksheet:
        """A sheet with its heads in row `first`, which is printed on every page.

        fitted: as wide as the page; Excel then pays no heed to breaks. across: the page lies. middle: instead of the
        book's.
        """
        sheet = self.book.add_worksheet(name)
        middle = (middle or self._middle)[:HEADER_CHARACTERS].replace("&", "&&")
        sheet.set_header(f"&L&A&C{middle}&R{self._right}")
        sheet.set_footer("&C第 &P 页，共 &N 页")
        sheet.set_paper(A4)
        sheet.set_margins(left=0.6, right=0.6, top=0.9, bottom=0.7)
        sheet.center_horizontally()
        if across:
            sheet.set_landscape()
        if fitted:
            sheet.fit_to_pages(1, 0)
        else:
            sheet.set_print_scale(_scale(heads, across))
        sheet.repeat_rows(first)
        for column, head in enumerate(heads):
            sheet.set_column(column, column, head.width)
        return sheet

    def heads(self, sheet: Worksheet, heads: Sequence[Head], row: int = 0) -> None:
        """Write the heads; what lies above them stays in view with them."""
        sheet.set_row(row, HEAD_PT)
        sheet.freeze_panes(row + 1, 1)
        for column, head in enumerate(heads):
            sheet.write_string(row, column, guarded(head.title), self.head)

    def cell(self, sheet: Worksheet, row: int, column: int, value: Any, kind: str) -> None:
        """One value with its border; nothing where there is none. Text never runs as a formula."""
        if value is None or value != value:
            sheet.write_blank(row, column, None, self.cells["text"])
        elif isinstance(value, str):
            sheet.write_string(row, column, guarded(value), self.cells["text"])
        else:
            sheet.write_number(row, column, float(value), self.cells[kind])

    def groups(
        self,
        name: str,
        heads: Sequence[Head],
        groups: Sequence[Group],
        *,
        across: bool = False,
        middle: str = "",
    ) -> list[tuple[str, int]]:
        """Sheets of groups, as `laid_out` has them; of each group its sheet's name and row. The rest: as `sheet`."""
        page = (ROWS_ACROSS if across else ROWS_A_PAGE) * 100 // _scale(heads, across)
        layout = laid_out([len(group.rows) + 1 for group in groups], page)
        names = [name if at == 0 else f"{name}{at + 1}" for at in range(len(layout.breaks))]
        sheet, on = None, -1
        for group, (at, first) in zip(groups, layout.place, strict=True):
            if at != on:
                sheet, on = self.sheet(names[at], heads, across=across, middle=middle), at
                self.heads(sheet, heads)
                sheet.set_h_pagebreaks(layout.breaks[at])
            assert sheet is not None
            sheet.set_row(first, ROW_PT)
            sheet.write_string(first, 0, guarded(group.title), self.group)
            for column in range(1, len(heads)):
                sheet.write_blank(first, column, None, self.group)
            for row, values in enumerate(group.rows, first + 1):
                sheet.set_row(row, ROW_PT)
                for column, (head, value) in enumerate(zip(heads, values, strict=True)):
                    self.cell(sheet, row, column, value, head.kind)
        return [(names[at], row) for at, row in layout.place]
