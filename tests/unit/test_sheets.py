"""Tables out of files of any old system: taken as they are meant, refused in one sentence."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import random
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from sentra import sheets
from sentra.sheets import (
    FieldsWrong,
    QuoteOpen,
    Sheet,
    SheetEmpty,
    SheetNotText,
    SheetTooLarge,
    SheetTooLong,
    SheetTooWide,
    SheetUnreadable,
    read_sheet,
)

TABLE = "kode,nama,harga\nA1,Kopi,12000\nA2,Teh,4000\n"


def sheet_of(folder: Path, content: str | bytes) -> Sheet:
    """The table of a file with this content."""
    path = folder / "file.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_sheet(path)


def cells(sheet: Sheet) -> list[tuple[str, ...]]:
    return [row.cells for row in sheet.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_reads_the_same_in_every_dress(
    tmp_path: Path, encoding: str, delimiter: str, end: str
) -> None:
    content = TABLE.replace(",", delimiter).replace("\n", end)
    sheet = sheet_of(tmp_path, content.encode(encoding))
    assert sheet.header == ("kode", "nama", "harga")
    assert cells(sheet) == [("A1", "Kopi", "12000"), ("A2", "Teh", "4000")]
    assert [row.line for row in sheet.rows] == [2, 3]
    assert sheet.encoding is None


def test_an_old_code_page_is_guessed_and_said(tmp_path: Path) -> None:
    names = ["Crème brûlée", "Müsli", "Piñata", "café", "São Paulo"] * 5
    content = "nama,harga\n" + "".join(f"{name},1000\n" for name in names)
    sheet = sheet_of(tmp_path, content.encode("latin-1"))
    assert sheet.encoding == "cp1252"
    assert [row.cells[0] for row in sheet.rows] == names


def test_a_quoted_field_may_hold_anything_and_span_lines(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, 'nama,harga\n"Kopi, ""tubruk""\nbesar",12000\nTeh,4000\n')
    assert cells(sheet) == [('Kopi, "tubruk"\nbesar', "12000"), ("Teh", "4000")]
    assert [row.line for row in sheet.rows] == [2, 4]


def test_a_quotation_mark_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, 'nama,harga\n"Kopi,12000\nTeh,4000\nSusu,5000\n')
    assert isinstance(sheet.rows[0].problem, QuoteOpen)
    assert [row.cells[0] for row in sheet.rows[1:]] == ["Teh", "Susu"]


def test_a_line_of_another_width_is_a_problem_and_a_blank_one_is_nothing(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "nama,harga\nKopi\n\n , \nTeh,4000,x\nSusu,5000\n")
    assert [row.line for row in sheet.rows] == [2, 5, 6]
    assert [isinstance(row.problem, FieldsWrong) for row in sheet.rows] == [True, True, False]


def test_blank_lines_before_the_header_are_passed_over(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "\n\nnama,harga\nKopi,12000\n")
    assert sheet.header == ("nama", "harga")
    assert sheet.rows[0].line == 4


@pytest.mark.parametrize("content", ["", "\n\n  \n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(SheetEmpty):
        sheet_of(tmp_path, content)


def test_a_million_columns_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SheetTooWide):
        sheet_of(tmp_path, ",".join(f"k{n}" for n in range(1_000_000)) + "\n1,2\n")


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04 no workbook",
        b"\xd0\xcf\x11\xe0" + bytes(64),
        bytes(9),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SheetNotText):
        sheet_of(tmp_path, content)


def test_limits_are_said_with_their_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.csv"
    path.write_text(TABLE)
    with pytest.raises(SheetTooLong, match="more than 1 rows"):
        read_sheet(path, rows_max=1)
    monkeypatch.setattr(sheets, "FILE_BYTES_MAX", 4)
    with pytest.raises(SheetTooLarge):
        read_sheet(path)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(SheetUnreadable):
            read_sheet(path)


def test_a_workbook_reads_like_text_and_keeps_its_numbers_unambiguous(tmp_path: Path) -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    for row in (
        ("kode", "nama", "harga", None),
        (8991234567890, "Kopi", 12000.0),
        (None, None, None),
        ("A2", " Teh ", 123.567),
        ("A3", "Susu", 0.000001),
    ):
        page.append(row)
    path = tmp_path / "file.xlsx"
    book.save(path)
    sheet = read_sheet(path)
    assert sheet.header == ("kode", "nama", "harga")
    assert cells(sheet) == [
        ("8991234567890", "Kopi", "12000"),
        ("A2", "Teh", "123.5670"),
        ("A3", "Susu", "0.000001"),
    ]
    assert [row.line for row in sheet.rows] == [2, 4, 5]


WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029\x85"),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() == text)


@given(
    st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=20),
    st.sampled_from(",;\t|"),
)
def test_whatever_a_csv_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("kode", "nama", "harga"), *rows])
    path = tmp_path_factory.mktemp("sheet") / "file.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    assert cells(read_sheet(path)) == rows


@given(st.binary(max_size=400), st.integers(0, 2**32))
def test_no_bytes_make_the_reader_fail_in_another_way_than_it_says(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, seed: int
) -> None:
    content = bytearray(TABLE.encode() * 3 + noise)
    for _ in range(random.Random(seed).randrange(8)):
        content[random.Random(seed).randrange(len(content))] ^= 0xFF
    path = tmp_path_factory.mktemp("sheet") / "file.csv"
    path.write_bytes(bytes(content))
    try:
        sheet = read_sheet(path)
    except sheets.SheetError:
        return
    width = len(sheet.header)
    assert all(row.problem is not None or len(row.cells) == width for row in sheet.rows)


@functools.cache
def _workbook_parts() -> dict[str, bytes]:
    book = Workbook()
    assert book.active is not None
    for row in csv.reader(io.StringIO(TABLE)):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


@given(st.integers(0, 2**32), st.booleans())
def test_a_damaged_workbook_is_read_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, seed: int, within: bool
) -> None:
    dice, parts = random.Random(seed), dict(_workbook_parts())
    name = dice.choice(list(parts))
    content = bytearray(parts[name] if within else _zipped(parts))
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(content))
        content[at : at + dice.randint(0, 9)] = dice.randbytes(dice.randint(0, 3))
    whole = _zipped(parts | {name: bytes(content)}) if within else bytes(content)
    path = tmp_path_factory.mktemp("sheet") / "file.xlsx"
    path.write_bytes(b"PK\x03\x04" + whole[4:])
    with contextlib.suppress(sheets.SheetError), warnings.catch_warnings(action="ignore"):
        read_sheet(path)


def test_a_workbook_that_unpacks_beyond_what_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "FILE_BYTES_MAX", 1_000_000)
    name = "xl/worksheets/sheet1.xml"
    bomb = _zipped(_workbook_parts() | {name: _workbook_parts()[name] + bytes(2_000_000)})
    assert len(bomb) < 20_000
    with pytest.raises(SheetTooLarge):
        sheet_of(tmp_path, bomb)


def test_a_header_of_one_endless_field_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(SheetNotText):
        sheet_of(tmp_path, '"' + "x" * 200_000)
