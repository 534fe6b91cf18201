"""Rows in the binary form of PostgreSQL's COPY, which spares it the parsing of text.

Measured: PostgreSQL takes binary rows in two thirds of the time of text, and Python makes them as
fast, because ids, days and texts are looked up ready-made and all integers of a row are packed in
one call. So columns are given in groups: ids, days, integers, texts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, SmallInteger, Table, Uuid

from sentra.ids import is_id
from sentra.projection.rows import Row
from sentra.projection.tables import SHARED
from sentra.protocol.entry import Entry, terminal_bytes
from sentra.protocol.envelope import Custody

CHUNK_BYTES: Final = 256 * 1024
"""What psycopg2 hands to libpq at once: PostgreSQL parses a chunk while the next is on its way."""

REMEMBERED_MAX: Final = 50_000
"""Fields that are kept ready-made: about 10 MB for each kind, then it starts anew."""

REMEMBERED_TEXT_MAX: Final = 80
"""Longer texts are notes: they do not come again."""

_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_HASH_LENGTH: Final = (32).to_bytes(4, "big")
_FIRST_DAY: Final = date(2000, 1, 1).toordinal()
_TIME_MS_MAX: Final = 2**63 - 1

Encode = Callable[[Iterable[Row]], bytes]


class RowImpossible(ValueError):
    """A value that its column cannot hold, or would take for another than it is."""


class _Remembered(dict[Any, bytes]):
    """Values → fields, each made once; bounded."""

    def __init__(self, make: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, value: Any) -> bytes:
        made = _NULL if value is None else self._make(value)
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        if len(made) <= REMEMBERED_TEXT_MAX:
            self[value] = made
        return made


def _sized(field: bytes) -> bytes:
    return len(field).to_bytes(4, "big") + field


def _id_field(value: str) -> bytes:
    if not is_id(value):
        raise RowImpossible(f"“{value[:40]}” is not an id")
    return _sized(terminal_bytes(value))


def _day_field(value: str) -> bytes:
    day = date.fromisoformat(value)
    if day.isoformat() != value:
        raise RowImpossible(f"“{value[:40]}” is not a day")
    return _sized((day.toordinal() - _FIRST_DAY).to_bytes(4, "big", signed=True))


def _text_field(value: str) -> bytes:
    return _sized(value.encode())


def _flag_field(value: bool) -> bytes:
    return _sized(bytes((value,)))


def _small_field(value: int) -> bytes:
    """An integer that may be absent: line numbers, so there are few of them."""
    return _sized(value.to_bytes(4, "big", signed=True))


_FIELDS: Final = {
    "ids": _Remembered(_id_field),
    "days": _Remembered(_day_field),
    "flags": _Remembered(_flag_field),
    "smalls": _Remembered(_small_field),
    "texts": _Remembered(_text_field),
}
_NUMBERS: Final[dict[type[Any], tuple[str, int]]] = {
    BigInteger: ("q", 8),
    Integer: ("i", 4),
    SmallInteger: ("h", 2),
}


class _Shape:
    """How the rows of one table are written."""

    def __init__(self, table: Table) -> None:
        columns = list(table.columns)
        groups: dict[str, list[int]] = {name: [] for name in ("numbers", *_FIELDS)}
        for at, column in enumerate(columns):
            groups[_group_of(column)].append(at)
        self._count = len(columns).to_bytes(2, "big")
        numbers = groups.pop("numbers")
        self._numbers = _number_packer([columns[at] for at in numbers], numbers, len(columns))
        fields = [(_FIELDS[name].__getitem__, places) for name, places in groups.items()]
        # itemgetter gives a bare value for one place, and a tuple for more.
        self._many = [(field, itemgetter(*at)) for field, at in fields if len(at) > 1]
        self._one = [(field, at[0]) for field, at in fields if len(at) == 1]
        many = [at for _, places in fields if len(places) > 1 for at in places]
        one = [at for _, places in fields if len(places) == 1 for at in places]
        order = [*numbers, *many, *one]
        names = ", ".join(columns[at].name for at in order)
        self.statement = f"COPY {table.name} ({names}) FROM STDIN (FORMAT binary)"

    def encode(self, rows: Iterable[Row]) -> bytes:
        """All rows, with head and end. Raises RowImpossible, struct.error and their like."""
        numbers, count, many, one = self._numbers, self._count, self._many, self._one
        parts = [_HEAD]
        for row in rows:
            parts += (count, numbers(row))
            for field_of, pick in many:
                parts += map(field_of, pick(row))
            for field_of, at in one:
                parts.append(field_of(row[at]))
        parts.append(_END)
        return b"".join(parts)


def _group_of(column: Column[Any]) -> str:
    if isinstance(column.type, Uuid):
        return "ids"
    if isinstance(column.type, Date):
        return "days"
    if isinstance(column.type, Boolean):
        return "flags"
    if isinstance(column.type, Integer):
        return "smalls" if column.nullable else "numbers"
    return "texts"


def _number_packer(
    columns: Sequence[Column[Any]], places: Sequence[int], width: int
) -> Callable[[Row], bytes]:
    """Packs a row's integers, each behind its size. The sizes are appended to the row, so that
    one itemgetter can pick sizes and values in turn."""
    kinds = [_NUMBERS[type(column.type)] for column in columns]
    sizes = (2, 4, 8)
    if not columns:
        return lambda _row: b""
    pack = struct.Struct(">" + "".join("i" + code for code, _ in kinds)).pack
    order: list[int] = []
    for (_, size), place in zip(kinds, places, strict=True):
        order += (width + sizes.index(size), place)
    pick: Callable[[Row], tuple[Any, ...]] = itemgetter(*order)
    return lambda row: pack(*pick(row + sizes))


_SHAPES: Final = {table.name: _Shape(table) for table in SHARED}


def copy_statement(table: str) -> str:
    """COPY into a table of the projection; PostgreSQL routes it to the branch's partition."""
    return _SHAPES[table].statement


def rows_binary(table: str, rows: Iterable[Row]) -> bytes:
    """The rows of one table. Raises RowImpossible, struct.error, UnicodeEncodeError, ValueError."""
    return _SHAPES[table].encode(rows)


_ENTRY_HEAD: Final = struct.Struct(">h i16s i16s ii iq i")
_ENTRY_MIDDLE: Final = struct.Struct(">ii iq i10s i")
_ENTRY_COLUMNS: Final = 10
COPY_ENTRIES: Final = "COPY journal_entry FROM STDIN (FORMAT binary)"
COPY_SEGMENTS: Final = "COPY segment FROM STDIN (FORMAT binary)"


def entries_binary(branch_id: str, entries: Iterable[Entry]) -> bytes:
    """Rows of `journal_entry`, in the order of its columns."""
    parts = [_HEAD]
    branch, terminals = terminal_bytes(branch_id), _Remembered(terminal_bytes)
    for entry in entries:
        kind, day, body = entry.kind.encode(), entry.business_date.encode(), entry.body
        terminal = terminals[entry.terminal]
        parts += (
            _ENTRY_HEAD.pack(
                _ENTRY_COLUMNS, 16, branch, 16, terminal, 4, entry.epoch, 8, entry.seq, len(kind)
            ),
            kind,
            _ENTRY_MIDDLE.pack(4, entry.schema, 8, entry.recorded_at_ms, 10, day, len(body)),
            body,
            _HASH_LENGTH,
            entry.hash,
        )
    parts.append(_END)
    return b"".join(parts)


def fields_binary(rows: Iterable[Sequence[bytes | None]]) -> bytes:
    """Rows of any table whose fields are bytes already, in their types' binary form."""
    parts = [_HEAD]
    for row in rows:
        parts.append(len(row).to_bytes(2, "big"))
        parts += (_NULL if value is None else _sized(value) for value in row)
    parts.append(_END)
    return b"".join(parts)


def big(value: int) -> bytes:
    """A bigint field."""
    return value.to_bytes(8, "big", signed=True)


def custody_fields(
    custody: Custody | None, carrier_id: str, received_at_ms: int
) -> tuple[bytes | None, ...]:
    """custody_router, custody_at_ms, delivered_by, received_at_ms.

    Only the carrier's own stamp is believed: a router cannot speak for another.
    """
    received = (terminal_bytes(carrier_id), big(received_at_ms))
    if custody is None or custody.router != carrier_id:
        return None, None, *received
    return terminal_bytes(custody.router), big(min(custody.received_at_ms, _TIME_MS_MAX)), *received
