"""A tickets file as text and as records, whatever wrote it.

UTF-8 with or without a BOM, UTF-16 with one, or an old code page; commas, semicolons or tabs; any
line end. A quotation mark that is never closed costs its own line, not the rest of the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from charset_normalizer import from_bytes

from pos_shell.replay.errors import (
    ColumnsMissing,
    ColumnUnknown,
    EncodingGuessed,
    FieldsWrong,
    FileEmpty,
    FileTooLarge,
    FileUnreadable,
    LineProblem,
    NotText,
    QuoteOpen,
    TooManyColumns,
)
from pos_shell.replay.tickets import Finding

COLUMNS: Final = (
    "ticket",
    "branch",
    "terminal",
    "at",
    "code",
    "name",
    "quantity",
    "unit_price",
    "payment",
)
FILE_BYTES_MAX: Final = 512 * 1024 * 1024
"""Some five million lines: years of a chain, and what a small machine still holds in memory."""

COLUMNS_MAX: Final = 200
"""Old systems export many columns that nobody asked for; beyond this it is another file."""

VALUE_LENGTH_MAX: Final = 80
"""Characters of a value that a finding repeats."""

_LATIN: Final = "cp1252"
_SIGNS: Final = frozenset({"Control character", "General Punctuation", "Currency Symbols"})
_DELIMITERS: Final = ",;\t|"
_BOMS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file. `encoding` is None where it is UTF-8 or says what it is by a BOM."""

    path: str
    text: str
    encoding: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """How the file's header line reads: its delimiter and where each column stands."""

    delimiter: str
    places: dict[str, int]
    width: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one line, in the order of `COLUMNS`."""

    line: int
    fields: tuple[str, ...]


def shown(value: str) -> str:
    """A value as a finding repeats it: short, whatever was given."""
    return value if len(value) <= VALUE_LENGTH_MAX else value[:VALUE_LENGTH_MAX] + "…"


def read_source(path: Path) -> Source:
    """The file's text.

    Raises:
        FileUnreadable, FileTooLarge, FileEmpty, NotText: as they say.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise FileTooLarge(path=path, most=FILE_BYTES_MAX // 1024 // 1024)
        data = path.read_bytes()
    except OSError as error:
        raise FileUnreadable(path=path, reason=error.strerror or error) from error
    if not data.strip():
        raise FileEmpty(path=path, columns=", ".join(COLUMNS))
    declared = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        return Source(str(path), data.decode(declared), None)
    except UnicodeDecodeError:
        pass
    return _guessed(path, data)


def _guessed(path: Path, data: bytes) -> Source:
    # A code page can hold no NUL; whatever has one is a spreadsheet, a picture or an archive.
    best = None if b"\0" in data else from_bytes(data).best()
    if best is None:
        raise NotText(path=path, columns=", ".join(COLUMNS))
    # Code pages of Latin letters look alike; those of Windows in Western Europe were used here.
    latin = all("Latin" in alphabet or alphabet in _SIGNS for alphabet in best.alphabets)
    encoding = _LATIN if latin else best.encoding
    return Source(str(path), data.decode(encoding, errors="replace"), encoding)


def layout_of(source: Source) -> Layout:
    """Where the columns are, by their names in the first line, in any order and case.

    Raises:
        ColumnsMissing, TooManyColumns: as they say.
    """
    first = next(io.StringIO(source.text, newline=""), "")
    delimiter = max(_DELIMITERS, key=first.count)
    if first.count(delimiter) >= COLUMNS_MAX:
        raise TooManyColumns(path=source.path, most=COLUMNS_MAX)
    names = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ColumnsMissing(
            path=source.path,
            missing=", ".join(missing),
            columns=", ".join(COLUMNS),
            found=shown(", ".join(names)),
        )
    findings = [
        Finding(1, name or "–", shown(name), ColumnUnknown(), taken=True)
        for name in names
        if name not in COLUMNS
    ]
    if source.encoding is not None:
        cause = EncodingGuessed(encoding=source.encoding)
        findings.append(Finding(1, "–", source.encoding, cause, taken=True))
    places = {name: names.index(name) for name in COLUMNS}
    return Layout(delimiter, places, len(names), tuple(findings))


def records(source: Source, layout: Layout) -> Iterator[Record | Finding]:
    """Each line below the header that is not blank: its fields, or why it has none."""
    lines = list(io.StringIO(source.text, newline=""))
    order = [layout.places[name] for name in COLUMNS]
    at = 1
    while at < len(lines):
        fields, used = _next_fields(lines, at, layout)
        line, at = at + 1, at + used
        if isinstance(fields, LineProblem):
            yield Finding(line, "–", shown(lines[line - 1].strip()), fields, taken=False)
        elif any(field.strip() for field in fields):
            yield Record(line, tuple(fields[place] for place in order))


def _next_fields(lines: list[str], at: int, layout: Layout) -> tuple[list[str] | LineProblem, int]:
    """The fields from a line on, and how many lines they took; a quoted field may span lines."""
    reader = csv.reader(iter(lines[at : at + 1]), delimiter=layout.delimiter)
    if lines[at].count('"') % 2:
        # Only a field that is still open at the line's end reads on, and only if it then fits.
        reader = csv.reader((lines[n] for n in range(at, len(lines))), delimiter=layout.delimiter)
    try:
        fields = next(reader, [])
    except csv.Error:
        return QuoteOpen(), 1
    if not fields or not any(field.strip() for field in fields):
        return [], max(reader.line_num, 1)
    if len(fields) == layout.width:
        return fields, reader.line_num
    if reader.line_num > 1:
        return QuoteOpen(), 1
    return FieldsWrong(found=len(fields), expected=layout.width), 1
