"""Spreadsheet files that are whole, odd, huge or hostile."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, time

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import workbook
from daemon.workbook import Unreadable, read_rows


def written(*rows, other_sheet=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    sheet = book.create_sheet("other")
    for row in other_sheet:
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_part(content, name, change):
    """The same file with one part changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            data = old.read(part)
            new.writestr(part.filename, change(data) if part.filename == name else data)
    return file.getvalue()


def test_a_row_is_its_cells_by_header():
    content = written(["id", "播放量", "rate"], ["7559536212910853422", 12345, 0.5], ["8", -1, True])

    assert read_rows(content, most_rows=10) == [
        {"id": "7559536212910853422", "播放量": 12345, "rate": 0.5},
        {"id": "8", "播放量": -1, "rate": True},
    ]


def test_days_and_times_are_text_and_blanks_are_no_text():
    moment = datetime(2026, 3, 10, 8, 0, tzinfo=UTC).replace(tzinfo=None)
    content = written([" a ", "b", "c", "d"], [moment, date(2026, 3, 10), time(8, 30), "  "])

    assert read_rows(content, most_rows=1) == [
        {"a": "2026-03-10T08:00:00", "b": "2026-03-10T00:00:00", "c": "08:30:00"}
    ]


def test_an_id_that_a_spreadsheet_turned_into_a_number_has_lost_its_digits_and_shows_it():
    (row,) = read_rows(written(["id"], [7.014352645545117e18]), most_rows=1)
    assert isinstance(row["id"], float)


def test_a_number_that_is_too_large_for_json_stays_as_its_digits():
    content = with_part(
        written(["id", "n"], [1, 2**53]),
        "xl/worksheets/sheet1.xml",
        lambda data: data.replace(b"<v>1</v>", b"<v>99999999999999999999</v>"),
    )
    assert read_rows(content, most_rows=1) == [{"id": "99999999999999999999", "n": 2**53}]


def test_an_empty_row_keeps_its_place_unless_it_is_at_the_end():
    content = written(["a", "b"], [1, None], [None, None], [None, 2], [None, None], ["", " "])
    assert read_rows(content, most_rows=10) == [{"a": 1}, {}, {"b": 2}]


def test_a_header_that_occurs_again_gets_its_number_and_a_cell_below_none_is_left_out():
    content = written(["a", "a", None, "a (2)", "a"], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6])
    row = {"a": 1, "a (2)": 2, "a (2) (2)": 4, "a (3)": 5}
    assert read_rows(content, most_rows=10) == [row, row]


def test_a_file_of_nothing_but_a_header_has_no_rows_and_an_empty_one_is_refused():
    assert read_rows(written(["a"]), most_rows=0) == []
    assert isinstance(read_rows(written(), most_rows=1), Unreadable)


def test_only_the_first_sheet_is_read():
    assert read_rows(written(["a"], [1], other_sheet=[["b"], [2]]), most_rows=9) == [{"a": 1}]


def test_of_rows_and_columns_there_may_be_as_many_as_said_and_no_more():
    rows = written(["a"], *([n] for n in range(5)))
    full, wide = (written(["h"] * n, list(range(n))) for n in (200, 201))

    assert len(read_rows(rows, most_rows=5)) == 5
    assert read_rows(rows, most_rows=4) == Unreadable("it has more than 4 rows")
    assert len(read_rows(full, most_rows=1)[0]) == 200
    assert read_rows(wide, most_rows=1) == Unreadable("it has more than 200 columns")


def test_a_row_far_down_does_not_make_a_million_rows():
    content = with_part(
        written(["a"], [1]), "xl/worksheets/sheet1.xml", lambda data: data.replace(b'<row r="2"', b'<row r="1048576"')
    )
    assert read_rows(content, most_rows=100) == []


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(monkeypatch):
    bomb = with_part(written(["a"], [1]), "xl/styles.xml", lambda data: data + b" " * (65 * 1024 * 1024))

    assert len(bomb) < 1024 * 1024
    monkeypatch.setattr(workbook.openpyxl, "load_workbook", None)
    assert read_rows(bomb, most_rows=100) == Unreadable("it unpacks to more than 64 MB")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"<worksheet", b"<!DOCTYPE x [<!ENTITY e 'boom'>]><worksheet").replace(
            b"<v>", b"<v>&e;"
        ),
        lambda data: data.replace(b'r="A1"', b'r="??"'),
        lambda data: data.replace(b"<v>0</v>", b"<v>99</v>"),
        lambda data: data.replace(b"<v>", b"<v>no number"),
    ],
)
def test_a_damaged_sheet_is_refused_or_read_and_never_raises(change):
    content = with_part(written(["a", "b"], [1, "x"]), "xl/worksheets/sheet1.xml", change)
    assert isinstance(read_rows(content, most_rows=9), (list, Unreadable))


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
SPARSE = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPE}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{RELATIONS}">'
    f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="s" sheetId="1" r:id="r1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">'
    f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>作品ID</t></si>'
    "<si><r><t>75</t></r><r><t>59</t></r></si></sst>",
    "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    '<row r="2"><c r="A2" t="s"><v>1</v></c></row></sheetData></worksheet>',
}


def test_a_file_of_the_fewest_parts_is_read_with_the_texts_that_its_cells_share():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in SPARSE.items():
            archive.writestr(name, text)
    assert read_rows(file.getvalue(), most_rows=1) == [{"作品ID": "7559"}]


@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_make_it_raise(content, archive):
    assert isinstance(read_rows(b"PK\x03\x04" * archive + content, most_rows=9), Unreadable)


@given(st.data())
def test_a_file_with_any_byte_changed_comes_to_rows_or_is_refused(data):
    content = bytearray(WHOLE)
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(read_rows(bytes(content), most_rows=9), (list, Unreadable))


WHOLE = written(["a", "b"], ["x", 1.5], ["y", 2])
