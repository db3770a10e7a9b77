"""Tables of accounts that people keep in a spreadsheet: CSV or XLSX files to rows as the YAML would say them.

The first row names the columns, in any order, in English or Chinese. Of a workbook the first sheet is read.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.config_models import AccountModel
from daemon.marked import Problem
from daemon.workbook import Unreadable, read_rows
from rules.spelling import did_you_mean

MAX_BYTES = 50_000_000
MAX_ROWS = 100_000
COLUMNS = frozenset({*AccountModel.model_fields, "videos"})
_REQUIRED = ("platform", "id")
_IDS = frozenset({"id", "handle", "uid", "sec_uid", "videos"})
_LISTS = frozenset({"tags", "verticals", "videos"})
_NAMES: Mapping[str, tuple[str, ...]] = {
    "platform": ("平台",),
    "id": ("账号", "账户", "编号", "account"),
    "name": ("名称", "名字", "昵称", "姓名"),
    "handle": ("用户名", "抖音号", "username", "unique_id"),
    "uid": ("用户id", "user_id"),
    "sec_uid": ("sec_user_id", "secuid"),
    "owner": ("负责人", "运营"),
    "tags": ("标签",),
    "health_scheme": ("健康分制",),
    "content_category": ("内容类别", "内容分类"),
    "verticals": ("垂类",),
    "discover": ("发现视频", "自动发现"),
    "videos": ("视频", "视频id", "video"),
}
_KEYS = {name: key for key, names in _NAMES.items() for name in names} | {key: key for key in COLUMNS}
_PLATFORMS = {"抖音": "douyin"}
_ANSWERS: Mapping[str, bool] = {
    **dict.fromkeys(("yes", "true", "1", "y", "是"), True),
    **dict.fromkeys(("no", "false", "0", "n", "否"), False),
}
_EXPONENT = re.compile(r"\dE\+\d", re.IGNORECASE)
_DIGITS_KEPT = 15
"""A spreadsheet keeps a number's first 15 digits and replaces the rest by zeros; ids have 19."""
_LOST = "a spreadsheet has made a number of this id and its last digits are lost: make the column text, enter it again"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: ``account`` has the shape of an entry of ``accounts``, ``videos`` are the ids of its videos.

    ``headers`` are the columns as the file names them, ``sheet`` is "" or names the sheet.
    """

    file: str
    sheet: str
    line: int
    headers: Mapping[str, str]
    account: Mapping[str, object]
    videos: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it stands, in short."""
        return f"{Path(self.file).name}:{self.line}"

    def problem(self, key: str, text: str) -> Problem:
        """What is wrong with the row, in the column of ``key`` if it has one."""
        column = f"column {self.headers[key][:40]}" if key in self.headers else ""
        place = ", ".join(filter(None, (self.sheet, column)))
        return _problem(self.file, self.line, f"{place}: {text}" if place else text)


def _problem(file: str, line: int, text: str) -> Problem:
    printable = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return Problem(line, 1, printable, file=file)


@dataclass(frozen=True, slots=True)
class Roster:
    """The rows of a file that could be read, what is wrong with the others, and what looks strange."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def read_roster(path: Path, opened: Callable[[Path], bytes] = Path.read_bytes) -> Roster | Unreadable:
    """The accounts in a .csv file (UTF-8 or GBK; commas, semicolons or tabs) or in the first sheet of an .xlsx file."""
    kind = path.suffix.casefold()
    if kind not in (".csv", ".xlsx"):
        return Unreadable("a roster is a .csv or an .xlsx file")
    content = _content(path, opened)
    if isinstance(content, Unreadable):
        return content
    table = _from_csv(content) if kind == ".csv" else _from_workbook(content)
    if isinstance(table, Unreadable):
        return table
    return _Reader(str(path), "" if kind == ".csv" else "first sheet", table).roster()


def _content(path: Path, opened: Callable[[Path], bytes]) -> bytes | Unreadable:
    try:
        if not path.is_file():
            return Unreadable("there is no such file")
        if path.stat().st_size > MAX_BYTES:
            return Unreadable(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
        return opened(path)
    except OSError as error:
        return Unreadable(f"the file cannot be read: {error.strerror}")


# --- files to tables ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """Headers, lines by their number with what stands below each header, and lines that are not as a table has them."""

    headers: Sequence[str]
    lines: Sequence[tuple[int, Mapping[str, object]]]
    broken: Sequence[tuple[int, str]] = ()


def _from_workbook(content: bytes) -> _Table | Unreadable:
    rows = read_rows(content, most_rows=MAX_ROWS)
    if isinstance(rows, Unreadable):
        return rows
    if not rows:
        return Unreadable("its first sheet has no row below the names of the columns")
    headers = list(dict.fromkeys(header for row in rows for header in row))
    return _Table(headers, list(enumerate(rows, 2)))


def _from_csv(content: bytes) -> _Table | Unreadable:
    text = _text(content)
    if text is None:
        return Unreadable("it is neither UTF-8 nor GBK text")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    headers: list[str] = []
    lines: list[tuple[int, Mapping[str, object]]] = []
    broken: list[tuple[int, str]] = []
    try:
        headers = [cell.strip() for cell in next(reader, [])]
        begun = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells[len(headers) :]):
                broken.append((begun, "more cells than columns: a text with a separator in it needs quotes"))
            else:
                lines.append((begun, _filled(headers, cells)))
            if len(lines) > MAX_ROWS:
                return Unreadable(f"it has more than {MAX_ROWS} rows")
            begun = reader.line_num + 1
    except csv.Error as error:
        broken.append((reader.line_num, f"this is not CSV: {error}"))
    return _Table(headers, lines, broken)


def _filled(headers: Sequence[str], cells: Sequence[str]) -> Mapping[str, object]:
    return {header: cell.strip() for header, cell in zip(headers, cells, strict=False) if header and cell.strip()}


def _text(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _delimiter(text: str) -> str:
    """The separator by which the first line names the most columns."""
    first = text.partition("\n")[0]
    return max(",;\t", key=lambda delimiter: sum(_key(cell) in COLUMNS for cell in first.split(delimiter)))


# --- tables to rows -------------------------------------------------------------------------------------------------


class _Reader:
    """Reads one table, collecting problems instead of stopping at the first."""

    def __init__(self, file: str, sheet: str, table: _Table) -> None:
        self._file, self._sheet, self._table = file, sheet, table
        self._problems = [_problem(file, line, text) for line, text in table.broken]
        self._rounded: list[int] = []

    def roster(self) -> Roster | Unreadable:
        keys = {header: _key(header) for header in self._table.headers if header}
        if not COLUMNS.intersection(keys.values()):
            return Unreadable(f"its first row has to name the columns: {', '.join(sorted(COLUMNS))}")
        missing = [f"`{key}`" for key in _REQUIRED if key not in keys.values()]
        if missing:
            return Unreadable(f"it has no column {' and no column '.join(missing)}")
        headers = dict(self._columns(keys))
        rows = tuple(row for line, cells in self._table.lines if cells for row in self._row(headers, line, cells))
        return Roster(rows, tuple(self._problems), tuple(self._notes()))

    def _columns(self, keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The key and header of each column; unknown ones and those that say the same twice are problems."""
        headers: dict[str, str] = {}
        for header, key in keys.items():
            if key not in COLUMNS:
                near = did_you_mean(key, frozenset(_KEYS)) or f"; known are {', '.join(sorted(COLUMNS))}"
                self._problems.append(_problem(self._file, 1, f"unknown column `{header[:40]}`{near}"))
            elif headers.setdefault(key, header) != header:
                text = f"the columns `{headers[key][:40]}` and `{header[:40]}` are the same"
                self._problems.append(_problem(self._file, 1, text))
        yield from headers.items()

    def _row(self, headers: Mapping[str, str], line: int, cells: Mapping[str, object]) -> Iterator[Row]:
        values = {key: _said(cells[header]) for key, header in headers.items() if header in cells}
        lost = [key for key in _IDS & values.keys() if _is_lost(cells[headers[key]])]
        row = Row(
            file=self._file,
            sheet=self._sheet,
            line=line,
            headers=headers,
            account={key: _value(key, value) for key, value in values.items() if key != "videos"},
            videos=tuple(_listed(values.get("videos", ""))),
        )
        self._problems += [row.problem(key, _LOST) for key in lost]
        self._rounded += [line for key in _IDS & values.keys() if any(map(_is_rounded, _listed(values[key])))]
        if not lost:
            yield row

    def _notes(self) -> Iterator[str]:
        if self._rounded:
            lines = ", ".join(map(str, self._rounded[:5])) + (" ..." if len(self._rounded) > 5 else "")
            yield f"{self._file}: ids that end in zeros, as those do that a spreadsheet took for numbers: line {lines}"


def _key(header: str) -> str:
    plain = re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", header).strip('\ufeff "').casefold())
    return _KEYS.get(plain, plain)


def _said(cell: object) -> str:
    """A cell as its sheet shows it."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _is_lost(cell: object) -> bool:
    """Whether a spreadsheet took an id for a number, and shortened it."""
    if isinstance(cell, str):
        return _EXPONENT.search(cell) is not None
    return isinstance(cell, int | float) and abs(cell) >= 10**_DIGITS_KEPT


def _is_rounded(text: str) -> bool:
    """Whether an id has nothing but zeros where a spreadsheet would have put them."""
    return text.isdecimal() and len(text) > _DIGITS_KEPT and not text[_DIGITS_KEPT:].strip("0")


def _value(key: str, text: str) -> object:
    if key in _LISTS:
        return _listed(text)
    if key == "platform":
        return _PLATFORMS.get(text, text.casefold())
    if key == "discover":
        return _ANSWERS.get(text.casefold(), text)
    return text.casefold() if key in ("health_scheme", "content_category") else text


def _listed(text: str) -> list[str]:
    return [part for part in map(str.strip, re.split(r"[;,、]", unicodedata.normalize("NFKC", text))) if part]
