"""The one door to openpyxl: the rows of a spreadsheet file (.xlsx) that somebody else wrote.

Such a file is an archive of XML, so its size on arrival says nothing: what it unpacks to is looked at before it is
unpacked. Formulas are not computed; their last known values count.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO
from itertools import islice

import openpyxl

MOST_COLUMNS = 200
MOST_BYTES = 64 * 1024 * 1024
"""A file that unpacks to more is refused."""

_LARGEST = 2**63  # beyond it JSON writers take no integer; its digits stay as text

warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")  # of styles, which nobody reads here


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The file does not give what it should; ``reason`` is a clause of our own that quotes nothing of the file."""

    reason: str


def read_rows(content: bytes, *, most_rows: int) -> list[dict[str, object]] | Unreadable:
    """Return the rows of the first sheet as header -> cell; the first row is the header. Never raises on any bytes.

    A cell is text, int, float or bool; days and times are ISO text. Empty cells are left out, so an empty row is {}:
    row 0 is line 2 of the sheet. A header that occurs again gets its number: ``likes (2)``; cells below no header are
    left out. Empty rows at the end do not count. More than ``most_rows`` rows or 200 columns are refused.
    """
    try:
        if _unpacked_bytes(content) > MOST_BYTES:
            return Unreadable(f"it unpacks to more than {MOST_BYTES // 1024 // 1024} MB")
        lines = _lines(content, most_rows)
    except Exception:  # noqa: BLE001 - a hostile file makes openpyxl raise whatever its parts raise
        return Unreadable("it is no .xlsx file, or a damaged one")
    return _table(lines, most_rows)


def _unpacked_bytes(content: bytes) -> int:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return sum(part.file_size for part in archive.infolist())


def _lines(content: bytes, most_rows: int) -> list[list[object]]:
    """Return the lines of the first sheet without empty ends, at most one line and one column more than allowed."""
    book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
        lines = [_trim(map(_plain, row)) for row in islice(rows, most_rows + 2)]
    finally:
        book.close()
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _trim(cells: Iterable[object]) -> list[object]:
    known = list(cells)
    while known and known[-1] is None:
        known.pop()
    return known


def _plain(cell: object) -> object:
    """Return a cell as JSON knows it; None if there is nothing in it."""
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    if cell is None or isinstance(cell, float) or (isinstance(cell, int) and abs(cell) < _LARGEST):
        return cell
    return str(cell).strip() or None


def _table(lines: Sequence[Sequence[object]], most_rows: int) -> list[dict[str, object]] | Unreadable:
    if not lines:
        return Unreadable("its first sheet is empty")
    if len(lines) > most_rows + 1:
        return Unreadable(f"it has more than {most_rows} rows")
    if max(map(len, lines)) > MOST_COLUMNS:
        return Unreadable(f"it has more than {MOST_COLUMNS} columns")
    headers = list(_headers(lines[0]))
    return [
        {header: cell for header, cell in zip(headers, line, strict=False) if header and cell is not None}
        for line in lines[1:]
    ]


def _headers(cells: Iterable[object]) -> Iterator[str]:
    seen: set[str] = set()
    for cell in cells:
        name = header = "" if cell is None else str(cell)
        number = 1
        while header and header in seen:
            number += 1
            header = f"{name} ({number})"
        seen.add(header)
        yield header
