"""Tables of accounts: what is read from CSV and XLSX files, and that nothing in them breaks or leaks."""

from __future__ import annotations

import csv
import io
import math
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from daemon import roster
from daemon.config import Config, Discover, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.roster import Roster, read_roster
from daemon.workbook import Unreadable

HEADER = ("platform", "id", "name", "handle", "uid", "sec_uid", "owner", "tags", "cookie", "discover", "videos")
ALICE = ("tiktok", "alice", "Alice", "al", "107955", "MS4wLjABx", "mei", "a; b", "${file:c/alice}", "30d", "11, 12")
CHINESE = ("平台", "账号", "名称", "用户名", "用户ID", "Sec Uid", "负责人", "标签", "Cookie", "自动发现", "视频")
ACCOUNT = {
    "platform": "tiktok",
    "id": "alice",
    "name": "Alice",
    "handle": "al",
    "uid": "107955",
    "sec_uid": "MS4wLjABx",
    "owner": "mei",
    "tags": ["a", "b"],
    "cookie": "${file:c/alice}",
    "discover": "30d",
}


def as_csv(rows, delimiter=",", encoding="utf-8", end="\r\n") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue().encode(encoding)


def as_workbook(*sheets) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.fixture
def read(tmp_path):
    def read_content(content: bytes, name: str = "accounts.csv") -> Roster | Unreadable:
        path = Path(tmp_path) / name
        path.write_bytes(content)
        return read_roster(path)

    return read_content


def only(found):
    assert isinstance(found, Roster), found
    assert found.problems == ()
    (row,) = found.rows
    return row


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize("header", [HEADER, CHINESE, tuple(name.upper().replace("_", " ") for name in HEADER)])
def test_a_csv_file_of_any_of_these_kinds_says_the_same(read, delimiter, encoding, header):
    row = only(read(as_csv([header, ALICE], delimiter, encoding)))
    assert (row.account, row.videos, row.line) == (ACCOUNT, ("11", "12"), 2)


@pytest.mark.parametrize("header", [HEADER, CHINESE])
def test_a_workbook_says_the_same_by_its_first_sheet(read, header):
    row = only(read(as_workbook([header, ALICE], [["anything", "else"]]), "accounts.XLSX"))
    assert (row.account, row.videos, row.line) == (ACCOUNT, ("11", "12"), 2)


def test_numbers_and_truths_of_a_workbook_are_what_its_sheet_shows(read):
    rows = [("platform", "id", "uid", "name", "discover"), ("TikTok", 17, 107955.0, 1.5, True)]
    account = only(read(as_workbook(rows), "a.xlsx")).account
    assert account == {"platform": "tiktok", "id": "17", "uid": "107955", "name": "1.5", "discover": True}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_row_has_the_line_on_which_it_begins_and_empty_ones_are_none(read, end):
    rows = [("platform", "id", "name"), ("tiktok", "a", "two\nlines"), (), ("", " ", ""), ("抖音", "b", "")]
    found = read(as_csv(rows, end=end))
    assert [(row.account["platform"], row.line) for row in found.rows] == [("tiktok", 2), ("douyin", 6)]


def test_a_row_of_a_workbook_has_its_number_there(read):
    found = read(as_workbook([("platform", "id"), (), ("tiktok", "a"), (), ("tiktok", "b")]), "a.xlsx")
    assert [row.line for row in found.rows] == [3, 5]


@pytest.mark.parametrize(
    ("cell", "discover"),
    [
        ("yes", True),
        ("是", True),
        ("TRUE", True),
        ("1", True),
        ("No", False),
        ("否", False),
        ("0", False),
        ("5d", "5d"),
    ],
)
def test_discover_is_yes_no_or_how_old(read, cell, discover):
    assert only(read(as_csv([("platform", "id", "discover"), ("tiktok", "a", cell)]))).account["discover"] == discover


# --- ids that were numbers for a while --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["7.01E+18", "7,01e+18", "7E+18", "11;7.01E+018"])
@pytest.mark.parametrize("column", ["id", "uid", "handle", "sec_uid", "videos"])
def test_an_id_with_an_exponent_is_refused_since_its_digits_are_lost(read, cell, column):
    found = read(as_csv([("platform", "id", column), ("tiktok", "a", cell)]) if column != "id" else twice(cell))
    assert found.rows == ()
    assert [problem.shown("") for problem in found.problems] == [
        f"{found.problems[0].file}:2:1: column {column}: {roster._LOST}"
    ]


def twice(cell):
    return as_csv([("platform", "id"), ("tiktok", cell)])


@pytest.mark.parametrize("number", [7.4609372654113e18, 10**15, 7460937265411370000])
def test_a_number_that_a_workbook_cannot_hold_exactly_is_no_id(read, number):
    found = read(as_workbook([("platform", "id", "uid"), ("tiktok", "a", number)]), "a.xlsx")
    assert [problem.text for problem in found.problems] == [f"first sheet, column uid: {roster._LOST}"]


def test_fifteen_digits_are_an_id_in_a_workbook(read):
    found = read(as_workbook([("platform", "id", "uid"), ("tiktok", "a", 10**15 - 1)]), "a.xlsx")
    assert only(found).account["uid"] == "9" * 15


def test_ids_that_end_in_zeros_where_a_spreadsheet_puts_them_are_noted(read):
    rows = [("platform", "id", "uid"), *(("tiktok", f"a{number}", "7460937265411370000") for number in range(7))]
    (note,) = read(as_csv(rows)).notes
    assert note.endswith(
        "ids that end in zeros, as those do that a spreadsheet took for numbers: line 2, 3, 4, 5, 6 ..."
    )
    assert read(as_csv([*rows[:1], ("tiktok", "a", "7460937265411370001")])).notes == ()


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_not_read(read, monkeypatch):
    monkeypatch.setattr(roster, "MAX_BYTES", 1_000_000)
    assert read(b"platform,id\n" + b" " * 1_000_000) == Unreadable("the file is larger than 1 MB")


def test_a_file_of_too_many_rows_is_not_read(read, monkeypatch):
    monkeypatch.setattr(roster, "MAX_ROWS", 3)
    rows = [("platform", "id"), *(("tiktok", f"a{number}") for number in range(4))]
    assert read(as_csv(rows)) == read(as_workbook(rows), "a.xlsx") == Unreadable("it has more than 3 rows")
    assert len(read(as_csv(rows[:-1])).rows) == len(read(as_workbook(rows[:-1]), "a.xlsx").rows) == 3


def test_a_cell_that_is_too_large_ends_the_reading_with_a_problem(read):
    found = read(as_csv([("platform", "id", "name"), ("tiktok", "a", ""), ("tiktok", "b", "x" * 200_000)]))
    assert [row.account["id"] for row in found.rows] == ["a"]
    assert [(problem.line, "this is not CSV" in problem.text) for problem in found.problems] == [(3, True)]


def test_a_workbook_without_rows_says_so(read):
    expected = Unreadable("its first sheet has no row below the names of the columns")
    assert read(as_workbook([("platform", "id")]), "a.xlsx") == expected


def test_no_bytes_at_all_are_read_without_a_word_that_is_not_printable(tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    starts = st.sampled_from([b"", b"platform,id,uid\n", b"platform;id;tags\ntiktok;a;", "平台,账号\n".encode("gbk")])

    @given(starts, st.binary(max_size=80) | st.text(',;"\t\r\n\0ax1${}', max_size=80).map(str.encode))
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def check(start, rest):
        for name in ("any.csv", "any.xlsx"):
            (folder / name).write_bytes(start + rest)
            found = read_roster(folder / name)
            told = [found.reason] if isinstance(found, Unreadable) else [each.text for each in found.problems]
            assert all(text.isprintable() for text in told)

    check()


CELLS = st.text(st.characters(codec="gbk", exclude_categories=["Cc"]), max_size=12).map(str.strip)


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(
    st.lists(CELLS, min_size=1, max_size=5), st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "gb18030"])
)
@settings(max_examples=200, deadline=None)
def test_what_was_written_as_text_is_read_as_it_was(tmp_path_factory, names, delimiter, encoding):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    rows = [("platform", "id", "name", "平台名"), *(("tiktok", "a", name, "") for name in names)]
    written = as_csv([row[:3] for row in rows], delimiter, encoding)
    assume(encoding == "utf-8" or not is_utf8(written) or written.isascii())  # few GBK texts are good UTF-8, too
    path.write_bytes(written)
    assert [row.account.get("name", "") for row in read_roster(path).rows] == names


# --- in a configuration -----------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(tmp_path):
    def load_text(text: str, **files: bytes):
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_bytes(content)
        path = tmp_path / "rules.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, {}, METRICS, ENDPOINTS)

    return load_text


def test_a_roster_says_the_same_as_the_yaml(loaded):
    written = (
        "accounts: [{platform: tiktok, id: alice, name: Alice, handle: al, uid: '107955', sec_uid: MS4wLjABx, "
        "owner: mei, tags: [a, b], cookie: '${file:c/alice}', discover: 30d}]\n"
        "videos: [{platform: tiktok, id: '11', account: alice}, {platform: tiktok, id: '12', account: alice}]\n"
    )
    tables = {"a_csv": as_csv([HEADER, ALICE]), "a_xlsx": as_workbook([HEADER, ALICE])}
    yaml, table, workbook = (loaded(text, **tables) for text in (written, "roster: a.csv", "roster: [a.xlsx]"))
    assert yaml.targets == table.targets == workbook.targets
    assert yaml.notes == table.notes == workbook.notes
    assert yaml.targets[0].discover == Discover(timedelta(days=30))


def test_targets_of_all_files_stand_together_accounts_first(loaded):
    config = loaded(
        "accounts: [{platform: tiktok, id: a}]\nvideos: [{platform: tiktok, id: '1', account: c}]\n"
        "roster: [b.csv, c.csv]",
        b_csv=as_csv([("platform", "id", "videos"), ("tiktok", "b", "2")]),
        c_csv=as_csv([("platform", "id"), ("tiktok", "c")]),
    )
    assert isinstance(config, Config)
    keys = [watched.target.key.removeprefix("tiktok/") for watched in config.targets]
    assert keys == ["account/a", "account/b", "account/c", "video/1", "video/2"]
    assert [watched.account for watched in config.targets[3:]] == ["tiktok/account/c", "tiktok/account/b"]


def test_a_problem_of_a_roster_names_its_file_and_comes_after_those_of_the_yaml(loaded, tmp_path):
    found = loaded("roster: a.csv\nzzz: 1\n", a_csv=as_csv([("platform", "id", "uid"), ("tiktok", "a", "x")]))
    assert [problem.shown("rules.yaml").partition(": ")[0] for problem in found] == [
        "rules.yaml:2:1",
        f"{tmp_path}/a.csv:2:1",
    ]


@given(st.floats(allow_nan=False) | st.integers() | st.booleans() | st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_cell_of_a_workbook_is_an_id_in_full_or_a_problem(cell):
    text = roster._said(cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool) and not roster._is_lost(cell):
        assert math.isclose(float(text), cell)
