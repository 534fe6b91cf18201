"""Rows as bytes: what no column can hold is refused before PostgreSQL sees it."""

from __future__ import annotations

import struct

import pytest

from sentra.projection.rows import Place, project
from sentra.protocol.envelope import Custody
from syncd.service.outbound import copy_format
from syncd.service.outbound.copy_format import RowImpossible, custody_fields, rows_binary
from tests.support.journals import a_sale, an_id


def rows_of_a_sale() -> dict[str, list[tuple[object, ...]]]:
    rows: dict[str, list[tuple[object, ...]]] = {}
    for table, row in project(Place(an_id(1), an_id(2), 1, 1), a_sale(1)):
        rows.setdefault(table, []).append(row)
    return rows


def test_every_column_is_named_once_and_every_row_has_as_many_fields() -> None:
    for table, rows in rows_of_a_sale().items():
        names = copy_format.copy_statement(table).partition("(")[2].partition(")")[0].split(", ")
        assert len(names) == len(set(names)) == len(rows[0])
        data = rows_binary(table, rows)
        assert data.startswith(b"PGCOPY\n\xff\r\n\0")
        assert struct.unpack_from(">h", data, 19) == (len(names),)
        assert data.endswith(b"\xff\xff")


@pytest.mark.parametrize(
    ("column", "value", "error"),
    [
        (1, "no id", RowImpossible),
        (1, an_id(1).upper(), RowImpossible),
        (10, "20261122", RowImpossible),
        (10, "2026-02-30", ValueError),
        (19, 2**63, struct.error),
        (4, 2**31, struct.error),
        (22, "\ud800", UnicodeEncodeError),
    ],
)
def test_a_value_that_its_column_cannot_hold_is_refused(
    column: int, value: object, error: type[Exception]
) -> None:
    (row,) = rows_of_a_sale()["sale"]
    broken = (*row[:column], value, *row[column + 1 :])
    with pytest.raises(error):
        rows_binary("sale", [broken])


def test_only_the_carriers_own_stamp_is_believed() -> None:
    own, other = an_id(1), an_id(2)
    assert custody_fields(Custody(own, 5), own, 9)[1] == copy_format.big(5)
    assert custody_fields(Custody(other, 5), own, 9)[:2] == (None, None)
    assert custody_fields(None, own, 9)[:2] == (None, None)
    assert custody_fields(Custody(own, 2**64 - 1), own, 9)[1] == copy_format.big(2**63 - 1)


def test_what_is_remembered_is_bounded_and_long_texts_are_not_kept() -> None:
    made: list[str] = []

    def make(value: str) -> bytes:
        made.append(value)
        return value.encode()

    remembered = copy_format._Remembered(make)
    assert remembered["a"] == remembered["a"] == b"a"
    long = "x" * 200
    assert remembered[long] == remembered[long] == long.encode()
    assert made == ["a", long, long]
    for number in range(copy_format.REMEMBERED_MAX + 5):
        remembered[str(number)]
    assert len(remembered) <= copy_format.REMEMBERED_MAX
