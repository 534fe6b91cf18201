"""A CSV or XLSX from any old system as a header and rows of text.

UTF-8 with or without a BOM, UTF-16 with one, or an old code page; commas, semicolons, tabs or
bars; any line end. A quotation mark that is never closed costs its own line, not the rest.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from charset_normalizer import from_bytes
from openpyxl import Workbook, load_workbook

from sentra.failures import Failure

FILE_BYTES_MAX: Final = 512 * 1024 * 1024
"""Some five million lines: years of a chain, and what a small machine still holds in memory."""

COLUMNS_MAX: Final = 200
"""Old systems export many columns that nobody asked for; beyond this it is another file."""

ROWS_MAX: Final = 1_000_000
"""What a spreadsheet itself can hold."""

VALUE_LENGTH_MAX: Final = 80
"""Characters of a value that a finding repeats."""

_GROUP_DIGITS: Final = 3

_DELIMITERS: Final = ",;\t|"
_CODE_PAGES: Final = (
    "cp1252",
    "cp1251",
    "cp1256",
    "cp874",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
)
"""What old systems write: Windows in the West (Latin-1 is a part of it) first, then others."""

_BOMS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_XLSX: Final = b"PK\x03\x04"


class SheetError(Failure):
    """The family: a file that cannot be read as a table at all."""

    code = "sheet"


class SheetUnreadable(SheetError):
    """The operating system does not give the file."""

    code = "sheet-unreadable"
    sentence = "The file %(path)s cannot be read: %(reason)s."


class SheetTooLarge(SheetError):
    """Beyond what is read into memory."""

    code = "sheet-too-large"
    sentence = "The file %(path)s is larger than %(most)s MB. Split it and take the parts."


class SheetEmpty(SheetError):
    """Not even a header line."""

    code = "sheet-empty"
    sentence = "The file %(path)s is empty. Its first line must name the columns."


class SheetNotText(SheetError):
    """Bytes of no text encoding: a picture, perhaps, or an old .xls."""

    code = "sheet-not-text"
    sentence = "The file %(path)s is neither text nor a spreadsheet. Save it as CSV or XLSX."


class SheetTooWide(SheetError):
    """A header far beyond any list of goods or sales."""

    code = "sheet-too-wide"
    sentence = "The file %(path)s has more than %(most)s columns. Keep the ones that matter."


class SheetTooLong(SheetError):
    """More rows than are taken at once."""

    code = "sheet-too-long"
    sentence = "The file %(path)s has more than %(most)s rows. Split it and take the parts."


class RowProblem(Failure):
    """The family: one line that is no row of this table."""

    code = "sheet-row"


class FieldsWrong(RowProblem):
    """More or fewer fields than the header has."""

    code = "sheet-fields-wrong"
    sentence = "The line has %(found)s fields where the header has %(expected)s."


class QuoteOpen(RowProblem):
    """A field that begins with a quotation mark and does not end with one."""

    code = "sheet-quote-open"
    sentence = "A quotation mark is opened and not closed."


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line below the header. `cells` has the header's width unless `problem` says why not."""

    line: int
    cells: tuple[str, ...]
    problem: RowProblem | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. `encoding` is None where it is UTF-8, says what it is by a BOM, or is no text.

    `delimiter` stands between the columns; "" in a workbook.
    """

    header: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    encoding: str | None = None
    delimiter: str = ""


def shown(value: str) -> str:
    """A value as a finding repeats it: short, whatever was given."""
    return value if len(value) <= VALUE_LENGTH_MAX else value[:VALUE_LENGTH_MAX] + "…"


def read_sheet(path: Path, *, rows_max: int = ROWS_MAX) -> Sheet:
    """The table of a CSV or XLSX file; blank lines are left out.

    Raises SheetUnreadable, SheetTooLarge, SheetEmpty, SheetNotText, SheetTooWide, SheetTooLong.
    """
    data = _bytes_of(path)
    if data.startswith(_XLSX):
        return _read_workbook(path, data)
    text, encoding = decode(path, data)
    lines = list(io.StringIO(text, newline=""))
    if len(lines) > rows_max + 1:
        raise SheetTooLong(path=path, most=rows_max)
    start = next((number for number, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise SheetEmpty(path=path)
    if "\0" in lines[start]:
        # NUL is a character of UTF-8 too, but of no column's name; in a row it is merely dirt.
        raise SheetNotText(path=path)
    delimiter = delimiter_of(lines[start])
    if lines[start].count(delimiter) >= COLUMNS_MAX:
        raise SheetTooWide(path=path, most=COLUMNS_MAX)
    try:
        names = next(csv.reader([lines[start]], delimiter=delimiter))
    except csv.Error as error:
        raise SheetNotText(path=path) from error
    header = tuple(cell.strip() for cell in names)
    rows = tuple(_text_rows(lines, start + 1, delimiter, len(header)))
    return Sheet(header, rows, encoding, delimiter)


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise SheetTooLarge(path=path, most=FILE_BYTES_MAX // 1024 // 1024)
        data = path.read_bytes()
    except OSError as error:
        raise SheetUnreadable(path=path, reason=error.strerror or error) from error
    if not data.strip():
        raise SheetEmpty(path=path)
    return data


def decode(path: Path, data: bytes) -> tuple[str, str | None]:
    """(the text, the encoding where it had to be guessed). Raises SheetNotText."""
    declared = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        return data.decode(declared), None
    except UnicodeDecodeError:
        pass
    # A code page can hold no NUL; whatever has one is a picture, an archive or an old workbook.
    found = () if b"\0" in data else tuple(from_bytes(data, cp_isolation=list(_CODE_PAGES)))
    if not found:
        raise SheetNotText(path=path)
    # A few accents look like several code pages; the usual one is right unless it is impossible.
    names = [match.encoding for match in found]
    encoding = _CODE_PAGES[0] if _CODE_PAGES[0] in names else names[0]
    return data.decode(encoding, errors="replace"), encoding


def delimiter_of(header: str) -> str:
    """The delimiter that occurs most in a header line."""
    return max(_DELIMITERS, key=header.count)


def _text_rows(lines: Sequence[str], at: int, delimiter: str, width: int) -> Iterator[SheetRow]:
    while at < len(lines):
        fields, used = next_fields(lines, at, delimiter, width)
        line, at = at + 1, at + used
        if isinstance(fields, RowProblem):
            yield SheetRow(line, (lines[line - 1].strip(),), fields)
        elif any(field.strip() for field in fields):
            yield SheetRow(line, tuple(fields))


def next_fields(
    lines: Sequence[str], at: int, delimiter: str, width: int
) -> tuple[list[str] | RowProblem, int]:
    """The fields from a line on, and how many lines they took; a quoted field may span lines."""
    reader = csv.reader(iter(lines[at : at + 1]), delimiter=delimiter)
    if lines[at].count('"') % 2:
        # Only a field that is still open at the line's end reads on, and only if it then fits.
        reader = csv.reader((lines[n] for n in range(at, len(lines))), delimiter=delimiter)
    try:
        fields = next(reader, [])
    except csv.Error:
        return QuoteOpen(), 1
    if not fields or not any(field.strip() for field in fields):
        return [], max(reader.line_num, 1)
    if len(fields) == width:
        return fields, reader.line_num
    if reader.line_num > 1:
        return QuoteOpen(), 1
    return FieldsWrong(found=len(fields), expected=width), 1


def _read_workbook(path: Path, data: bytes) -> Sheet:
    try:
        if _unpacked_bytes(data) > FILE_BYTES_MAX:
            raise SheetTooLarge(path=path, most=FILE_BYTES_MAX // 1024 // 1024)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            return _first_page(path, book)
        finally:
            book.close()
    except SheetError:
        raise
    except Exception as error:
        # The library promises nothing about damaged files: by trial they end in errors of the
        # archive, of its compression, of XML and of types, and the rows are read as they are asked.
        raise SheetNotText(path=path) from error


def _unpacked_bytes(data: bytes) -> int:
    """What an archive says it unpacks to; no more than that is read of it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sum(part.file_size for part in archive.infolist())


def _first_page(path: Path, book: Workbook) -> Sheet:
    for page in book.worksheets:
        if (page.max_column or 0) > COLUMNS_MAX:
            raise SheetTooWide(path=path, most=COLUMNS_MAX)
        if (page.max_row or 0) > ROWS_MAX + 1:
            raise SheetTooLong(path=path, most=ROWS_MAX)
        sheet = _page(page.iter_rows(values_only=True))
        if sheet is not None:
            return sheet
    raise SheetEmpty(path=path)


def _page(rows: Iterable[tuple[Any, ...]]) -> Sheet | None:
    """The first row with anything in it is the header."""
    header: tuple[str, ...] = ()
    found: list[SheetRow] = []
    for line, row in enumerate(rows, 1):
        cells = [_cell(value) for value in row]
        if not any(cells):
            continue
        if not header:
            while cells and not cells[-1]:
                cells.pop()
            header = tuple(cells)
            continue
        padded = (*cells, *("" for _ in range(len(header) - len(cells))))
        found.append(SheetRow(line, tuple(padded[: len(header)])))
    return Sheet(header, tuple(found)) if header else None


def _cell(value: object) -> str:
    """A cell as text; a whole number loses the `.0` that a spreadsheet keeps for it."""
    if value is None:
        return ""
    if isinstance(value, float):
        # Plain digits, however large or small; a fourth decimal keeps 123.567 from being read as
        # a hundred and twenty-three thousand.
        text = format(Decimal(repr(value)), "f")
        whole, _, decimals = text.partition(".")
        decimals = decimals.rstrip("0")
        if len(decimals) == _GROUP_DIGITS:
            decimals += "0"
        return f"{whole}.{decimals}" if decimals else whole
    return str(value).strip()
