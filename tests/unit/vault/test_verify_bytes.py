"""A mutation of any byte in any stored entry, segment, mark or row of a till is found and named."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentra.protocol.messages import sign_watermark
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity
from sentra.vault.verify import _segments, prove
from tests.support.journals import START_MS
from tests.support.mutations import mutated
from tests.support.tills import CLOUD_KEY, a_till, sell
from tests.unit.protocol.shapes import flipped

SALES = 6
EXAMPLES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Vault, Identity]]:
    """Six sales in two segments, and the cloud's signed word for the first four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTRA_KEY_STORE", "file")
        vault, identity = a_till(tmp_path_factory.mktemp("till") / "1")
        made = sell(vault, identity, SALES - 2)
        with vault.writer() as db:
            journal.seal_pending(db, identity)
            head = journal.head(db)
            mark = sign_watermark(CLOUD_KEY, "cloud", identity.device_id, head, START_MS)
            journal.set_watermark(db, "cloud", head, START_MS, mark.signature)
        assert len(made) == SALES - 2
        sell(vault, identity, 2)
        with vault.writer() as db:
            journal.seal_pending(db, identity)
        yield vault, identity
        vault.close()


def findings(db: Connection, identity: Identity, statement: str, values: tuple[Any, ...]) -> Any:
    """What is found while one statement's change stands."""
    db.execute("SAVEPOINT altered")
    try:
        assert db.execute(statement, values).rowcount == 1
        return prove(db, identity).findings
    finally:
        db.execute("ROLLBACK TO altered")
        db.execute("RELEASE altered")


def test_the_till_as_it_is_holds(till: tuple[Vault, Identity]) -> None:
    vault, identity = till
    with vault.reader() as db:
        proof = prove(db, identity)
    assert (proof.findings, proof.entries, proof.tally.tickets) == ([], SALES, SALES)


ENTRY = ("kind", "schema", "recorded_at_ms", "business_date", "body", "hash", "epoch", "seq")


@EXAMPLES
@given(seq=st.integers(1, SALES), column=st.sampled_from(ENTRY), dice=st.randoms())
def test_any_byte_of_an_entry(
    till: tuple[Vault, Identity], seq: int, column: str, dice: random.Random
) -> None:
    vault, identity = till
    with vault.writer() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")
        (value,) = db.execute(
            f"SELECT {column} FROM journal_entry WHERE seq = ?",  # noqa: S608 - our own names
            (seq,),
        ).fetchone()
        change = f"UPDATE OR REPLACE journal_entry SET {column} = ? WHERE seq = ?"  # noqa: S608
        found = findings(db, identity, change, (mutated(value, dice), seq))
    named = {(one.epoch, one.seq) for one in found}
    if column in ("epoch", "seq"):
        assert found
    else:
        assert (1, seq) in named
        receipts = {one.receipt for one in found if one.kind == "chain" and one.seq == seq}
        assert receipts & {f"SGT-1-261122-{seq:04}", ""} or column == "body"


SEGMENT = ("sealed", "sealed", "sealed", "sha256", "first_seq", "last_seq", "epoch")


@EXAMPLES
@given(last=st.sampled_from((4, SALES)), column=st.sampled_from(SEGMENT), dice=st.randoms())
def test_any_byte_of_a_segment(
    till: tuple[Vault, Identity], last: int, column: str, dice: random.Random
) -> None:
    vault, identity = till
    with vault.writer() as db:
        (value,) = db.execute(
            f"SELECT {column} FROM sealed_segment WHERE last_seq = ?",  # noqa: S608
            (last,),
        ).fetchone()
        change = f"UPDATE OR REPLACE sealed_segment SET {column} = ? WHERE last_seq = ?"  # noqa: S608
        altered = mutated(value, dice)
        found = findings(db, identity, change, (altered, last))
    assert {one.kind for one in found} in ({"segment"}, {"signature"}, {"segment", "signature"})


def test_every_bit_of_a_segment(till: tuple[Vault, Identity]) -> None:
    vault, identity = till
    with vault.writer() as db:
        where = "WHERE last_seq = 4"
        (sealed,) = db.execute(f"SELECT sealed FROM sealed_segment {where}").fetchone()  # noqa: S608
        change = f"UPDATE sealed_segment SET sealed = ? {where}"  # noqa: S608 - our own names
        for bit in range(8 * len(sealed)):
            db.execute(change, (flipped(sealed, bit),))
            named = [(one.epoch, one.seq) for one in _segments(db, identity)]
            assert named == [(1, 1)], f"bit {bit}"
        db.execute(change, (sealed,))
        assert not list(_segments(db, identity))


MARK = ("epoch", "seq", "hash", "at_ms", "signature")


@EXAMPLES
@given(column=st.sampled_from(MARK), dice=st.randoms())
def test_any_byte_of_a_watermark(
    till: tuple[Vault, Identity], column: str, dice: random.Random
) -> None:
    vault, identity = till
    with vault.writer() as db:
        (value,) = db.execute(f"SELECT {column} FROM watermark").fetchone()  # noqa: S608
        change = f"UPDATE watermark SET {column} = ?"  # noqa: S608
        found = findings(db, identity, change, (mutated(value, dice),))
    assert {one.kind for one in found} == {"watermark"}


@EXAMPLES
@given(data=st.data(), dice=st.randoms())
def test_any_byte_of_a_row(
    till: tuple[Vault, Identity], data: st.DataObject, dice: random.Random
) -> None:
    vault, identity = till
    table = data.draw(st.sampled_from(("sale", "sale_line", "sale_tax", "tender")))
    with vault.writer() as db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        column = data.draw(st.sampled_from(columns))
        sale = data.draw(st.integers(1, SALES))
        (key,) = db.execute("SELECT sale_id FROM sale WHERE seq = ?", (sale,)).fetchone()
        (value,) = db.execute(
            f'SELECT "{column}" FROM "{table}" WHERE sale_id = ?',  # noqa: S608
            (key,),
        ).fetchone()
        change = f'UPDATE "{table}" SET "{column}" = ? WHERE sale_id = ?'  # noqa: S608
        found = findings(db, identity, change, (mutated(value, dice), key))
    assert ("projection", 1, sale) in {(one.kind, one.epoch, one.seq) for one in found}
    assert f"SGT-1-261122-{sale:04}" in {one.receipt for one in found}
