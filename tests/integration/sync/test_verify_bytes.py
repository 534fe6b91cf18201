"""A mutation of any byte that the cloud holds of an entry is found and named."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError

from sentra.cloud.tables import (
    SHARED,
    daily_product,
    hourly_sales,
    hourly_tender,
    journal_entry,
    journal_head,
    segment,
)
from sentra.finding import Finding
from sentra.protocol.envelope import Parcel, pack
from syncd.service.operations.prove import JournalProof, StoredSegment
from syncd.service.verify import verify_cloud
from tests.integration.sync.conftest import TestDevice
from tests.support.journals import Journal
from tests.support.mutations import mutated
from tests.unit.protocol.shapes import flipped

SALES = 6
ROLLUPS = (hourly_sales, hourly_tender, daily_product)
EXAMPLES = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def journal(terminal: TestDevice) -> Journal:
    """Six sales, in three segments."""
    made = Journal()
    made.terminal, made.key = terminal.id, terminal.key
    made.sell(SALES)
    for first in (1, 3, 5):
        answer = terminal.post("/v1/journal", pack([Parcel(made.sealed(first, first + 1))]))
        assert answer.status_code == 200
    return made


def changed(value: Any, dice: random.Random) -> Any:
    return value + timedelta(days=1) if isinstance(value, date) else mutated(value, dice)


def findings_with(engine: Engine, alter: Callable[[Connection], bool]) -> list[Finding]:
    """What is found with a change, which is undone again."""
    with engine.connect() as connection:
        try:
            possible = alter(connection)
        except DBAPIError:
            possible = False
        assume(possible)
        found = verify_cloud(connection).differences
        connection.rollback()
    return found


def write(connection: Connection, table: str, column: str, where: str, values: Any) -> bool:
    # An id with a letter of the other case is the same id.
    differs = f"{column} IS DISTINCT FROM :value"
    change = text(f"UPDATE {table} SET {column} = :value WHERE {where} AND {differs}")  # noqa: S608
    return connection.execute(change, values).rowcount == 1


@EXAMPLES
@given(data=st.data(), dice=st.randoms())
def test_any_byte_of_an_entry_of_its_seal_or_of_the_head(
    journal: Journal, engine: Engine, data: st.DataObject, dice: random.Random
) -> None:
    table = data.draw(st.sampled_from((journal_entry, journal_entry, segment, journal_head)))
    unproved = {"branch_id", "terminal_id", "moved_at_ms", "delivered_by", "received_at_ms"}
    names = [c.name for c in table.columns if c.name not in unproved and "custody" not in c.name]
    column = data.draw(st.sampled_from(names))
    key = {"journal_entry": "seq", "segment": "last_seq", "journal_head": "entry_count"}[table.name]
    at = data.draw(st.sampled_from((2, 4, 6))) if table is not journal_head else SALES

    def alter(connection: Connection) -> bool:
        before = connection.execute(select(table).where(table.c[key] == at)).one()
        value = getattr(before, column)
        altered = changed(bytes(value) if isinstance(value, memoryview) else value, dice)
        return write(connection, table.name, column, f"{key} = :at", {"value": altered, "at": at})

    found = findings_with(engine, alter)
    assert found
    assert journal.terminal in {one.terminal_id for one in found}
    if table is journal_entry and column not in ("epoch", "seq"):
        assert (1, at) in {(one.epoch, one.seq) for one in found}


def test_every_bit_of_a_segment(journal: Journal, engine: Engine) -> None:
    with engine.connect() as connection:
        row = connection.execute(select(segment).where(segment.c.last_seq == 4)).one()
    sealed, sha256 = bytes(row.sealed), bytes(row.sealed_sha256)
    public_key, before = journal.key.public_key(), journal.entries[:2]
    for bit in range(8 * len(sealed)):
        proof = JournalProof(row.branch_id, journal.terminal, public_key)
        assert not list(proof.block(before, [StoredSegment(1, 1, 2, before[1].hash, b"", b"")]))[1:]
        place = (row.epoch, row.first_seq, row.last_seq, bytes(row.last_hash))
        altered = StoredSegment(*place, flipped(sealed, bit), sha256)
        named = [(one.epoch, one.seq) for one in proof.block(journal.entries[2:4], [altered])]
        assert named == [(1, 3)], f"bit {bit}"


@EXAMPLES
@given(data=st.data(), dice=st.randoms())
def test_any_byte_of_a_row_or_of_a_sum(
    journal: Journal, engine: Engine, data: st.DataObject, dice: random.Random
) -> None:
    rows = [SHARED[name] for name in ("sale", "sale_line", "sale_tax", "tender")]
    table = data.draw(st.sampled_from((*rows, *ROLLUPS)))
    names = [c.name for c in table.columns if c.name != "branch_id"]
    column = data.draw(st.sampled_from(names))
    seq = data.draw(st.integers(1, SALES))
    is_row = table.name in SHARED

    def alter(connection: Connection) -> bool:
        where, values = "true", {}
        if is_row:
            sale = SHARED["sale"].c
            own = select(sale.sale_id).where(sale.seq == seq)
            where, values = "sale_id = :sale", {"sale": connection.execute(own).scalar_one()}
        before = connection.execute(select(table.c[column]).where(text(where)), values).scalar_one()
        values["value"] = changed(before, dice)
        return write(connection, table.name, column, where, values)

    found = findings_with(engine, alter)
    if is_row:
        named = {(one.epoch, one.seq, one.receipt) for one in found if one.kind == "projection"}
        assert (1, seq, f"SGT-1-261122-{seq:04}") in named
    else:
        assert [one.kind for one in found] == ["sums"]
