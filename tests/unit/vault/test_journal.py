"""The terminal's journal: chained, counted, sealed once, and every altered byte is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from sentra.events import SaleCompleted
from sentra.protocol.entry import EMPTY, GENESIS, Head, first_broken, head_of
from sentra.protocol.messages import sign_timeline
from sentra.protocol.segment import check_signature, open_segment, read_header
from sentra.vault import journal, watermarks
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.failures import FactTooLarge
from sentra.vault.identity import Identity
from tests.support.journals import START_MS, a_sale
from tests.support.tills import CLOUD_KEY, sell

Till = tuple[Vault, Identity]


def sealed_all(vault: Vault, identity: Identity) -> list[bytes]:
    with vault.writer() as db:
        journal.seal_pending(db, identity)
        return [sealed for _, sealed in journal.parcels_after(db, EMPTY, 1 << 30, 10_000)]


def test_a_new_journal_is_empty(till: Till) -> None:
    vault, identity = till
    with vault.reader() as db:
        assert journal.head(db) == EMPTY
        assert journal.entries(db, EMPTY, 10) == []
        assert journal.backlog(db, "cloud") == journal.Backlog(0, None)
        assert journal.verify(db, identity) == []
        assert not journal.unsealed(db)


def test_a_fact_becomes_an_entry_and_its_rows_in_one_transaction(till: Till) -> None:
    vault, identity = till
    entry = sell(vault, identity)[0]
    with vault.reader() as db:
        assert journal.head(db) == head_of(entry)
        assert journal.entry_of(db, 1, 1) == entry
        assert db.execute("SELECT total, seq FROM sale").fetchall() == [(4_500, 1)]
        assert db.execute("SELECT count(*) FROM tender").fetchone() == (1,)


def test_entries_chain_from_the_first_one_on(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 5)
    with vault.reader() as db:
        entries = journal.entries(db, EMPTY, 100)
        assert first_broken(entries, EMPTY) is None
        assert [entry.seq for entry in journal.entries(db, head_of(entries[1]), 2)] == [3, 4]


def test_a_fact_larger_than_the_journal_takes_is_refused_before_anything_is_written(
    till: Till,
) -> None:
    vault, identity = till
    with pytest.raises(FactTooLarge), vault.writer() as db:
        journal.append(db, identity, replace(a_sale(1), note="x" * 300_000), START_MS)
    with vault.reader() as db:
        assert journal.head(db) == EMPTY


def test_a_new_epoch_begins_at_one_and_chains_to_its_base(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 2)
    base = Head(2, 0, b"\x07" * 32)
    with vault.writer() as db:
        journal.open_epoch(db, base, START_MS)
        assert journal.head(db) == base
        entry = journal.append(db, identity, a_sale(50), START_MS)
    assert (entry.epoch, entry.seq) == (2, 1)
    with vault.reader() as db:
        assert first_broken([entry], base) is None
        assert journal.holds(db, base)
        assert journal.backlog(db, "cloud").count == 3
        assert journal.verify(db, identity) == []


def test_sealing_takes_all_that_waits_and_nothing_twice(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 7)
    first = sealed_all(vault, identity)
    assert [read_header(sealed).count for sealed in first] == [7]
    assert sealed_all(vault, identity) == first
    sell(vault, identity, 2)
    second = sealed_all(vault, identity)
    assert second[0] == first[0]
    assert [(h.first_seq, h.last_seq) for h in map(read_header, second)] == [(1, 7), (8, 9)]


def test_a_sealed_segment_is_signed_and_opens_to_the_entries(till: Till) -> None:
    vault, identity = till
    entries = sell(vault, identity, 3)
    sealed = sealed_all(vault, identity)[0]
    check_signature(sealed, identity.private_key.public_key())
    assert open_segment(sealed, GENESIS) == entries


def test_segments_stay_within_an_epoch(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 2)
    with vault.writer() as db:
        journal.open_epoch(db, Head(2, 0, b"\x07" * 32), START_MS)
        journal.append(db, identity, a_sale(60), START_MS)
    assert [read_header(s).epoch for s in sealed_all(vault, identity)] == [1, 2]


def test_parcels_come_from_a_head_on_and_within_both_limits(till: Till) -> None:
    vault, identity = till
    for _ in range(4):
        sell(vault, identity, 2)
        sealed_all(vault, identity)
    with vault.reader() as db:

        def firsts(seq: int, bytes_max: int = 1 << 30, segments_max: int = 100) -> list[int]:
            head = Head(1, seq, b"")
            parcels = journal.parcels_after(db, head, bytes_max, segments_max)
            return [header.first_seq for header, _ in parcels]

        assert firsts(0) == [1, 3, 5, 7]
        assert firsts(4) == [5, 7]
        assert firsts(5) == [5, 7]
        assert firsts(8) == []
        assert firsts(0, segments_max=2) == [1, 3]
        assert firsts(0, bytes_max=1) == [1]


def test_a_watermark_never_goes_back_by_itself(till: Till) -> None:
    vault, identity = till
    heads = [head_of(entry) for entry in sell(vault, identity, 3)]
    with vault.writer() as db:
        assert journal.set_watermark(db, "cloud", heads[1], 5, "aa")
        assert not journal.set_watermark(db, "cloud", heads[0], 6, "bb")
        assert journal.watermark(db, "cloud") == heads[1]
        assert watermarks.watermark_at_ms(db, "cloud") == 5
        journal.reset_watermark(db, "cloud", heads[0], 7, None)
        assert journal.watermark(db, "cloud") == heads[0]
        assert journal.watermark(db, "router") == EMPTY


def test_the_backlog_counts_what_is_behind_the_watermark_and_its_age(till: Till) -> None:
    vault, identity = till
    entries = sell(vault, identity, 5)
    with vault.writer() as db:
        journal.set_watermark(db, "router", head_of(entries[2]), 1, None)
        assert journal.backlog(db, "router") == journal.Backlog(2, entries[3].recorded_at_ms)
        assert journal.backlog(db, "cloud") == journal.Backlog(5, entries[0].recorded_at_ms)
        journal.set_watermark(db, "router", head_of(entries[4]), 1, None)
        assert journal.backlog(db, "router") == journal.Backlog(0, None)


def test_a_database_put_back_from_an_old_copy_is_noticed(till: Till, tmp_path: Path) -> None:
    vault, identity = till
    entries = sell(vault, identity, 3)
    with vault.reader() as db:
        assert not journal.was_put_back(db, vault.folder)
        journal.write_head_file(vault.folder, head_of(entries[1]))
        assert not journal.was_put_back(db, vault.folder)
        journal.write_head_file(vault.folder, Head(1, 9, b"\x01" * 32))
        assert journal.was_put_back(db, vault.folder)
        assert journal.read_head_file(vault.folder) == Head(1, 9, b"\x01" * 32)


@pytest.mark.parametrize("content", [b"", b"{", b'{"epoch":1,"seq":1,"hash":"zz"}', b"[]"])
def test_a_head_file_that_cannot_be_read_is_none(till: Till, content: bytes) -> None:
    vault, _ = till
    (vault.folder / journal.HEAD_FILE).write_bytes(content)
    assert journal.read_head_file(vault.folder) is None
    with vault.reader() as db:
        assert not journal.was_put_back(db, vault.folder)


# --- Verification -------------------------------------------------------------------------------


def found(vault: Vault, identity: Identity) -> set[tuple[str, int]]:
    with vault.reader() as db:
        return {(finding.kind, finding.seq) for finding in journal.verify(db, identity)}


def meddle(vault: Vault, statement: str, *values: object) -> None:
    """What somebody with the key and bad intentions might do."""
    with vault.writer() as db:
        db.execute(statement, values)


def flipped(db: Connection, column: str, seq: int) -> bytes | str | int:
    query = f"SELECT {column} FROM journal_entry WHERE seq = ?"  # noqa: S608 - our own names
    value = db.execute(query, (seq,)).fetchone()[0]
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, str):
        return value[:-1] + chr(ord(value[-1]) ^ 1)
    return bytes([*value[:-2], value[-2] ^ 1, value[-1]])


@pytest.mark.parametrize(
    "column", ["kind", "schema", "recorded_at_ms", "business_date", "body", "hash"]
)
def test_any_altered_column_of_an_entry_is_found_and_named(till: Till, column: str) -> None:
    vault, identity = till
    sell(vault, identity, 5)
    with vault.writer() as db:
        value = flipped(db, column, 3)
        query = f"UPDATE journal_entry SET {column} = ? WHERE seq = 3"  # noqa: S608 - our own names
        db.execute(query, (value,))
    assert ("chain", 3) in found(vault, identity)


def test_each_of_several_altered_entries_is_named(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 6)
    meddle(vault, "UPDATE journal_entry SET recorded_at_ms = 1 WHERE seq IN (2, 5)")
    assert {seq for kind, seq in found(vault, identity) if kind == "chain"} == {2, 5}


def test_a_missing_entry_is_found(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 4)
    meddle(vault, "DELETE FROM journal_entry WHERE seq = 2")
    assert ("chain", 3) in found(vault, identity)


def test_an_altered_row_of_the_projection_is_found(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    meddle(vault, "UPDATE sale SET total = total + 1 WHERE seq = 2")
    assert found(vault, identity) == {("projection", 2)}


def test_a_row_without_a_fact_is_found(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 2)
    meddle(
        vault,
        "INSERT INTO tender SELECT branch_id, 'x', position, shift_id, kind, amount,"
        " received, change_given, reference FROM tender LIMIT 1",
    )
    assert found(vault, identity) == {("projection", 0)}


def test_an_altered_segment_is_found(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    sealed = bytearray(sealed_all(vault, identity)[0])
    sealed[-70] ^= 1
    meddle(vault, "UPDATE sealed_segment SET sealed = ?", bytes(sealed))
    assert found(vault, identity) == {("segment", 1)}
    sealed[-70] ^= 1
    sealed[-1] ^= 1
    meddle(vault, "UPDATE sealed_segment SET sealed = ?", bytes(sealed))
    assert found(vault, identity) == {("signature", 1)}


def test_a_watermark_over_an_entry_that_is_not_here_is_found(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    with vault.writer() as db:
        journal.set_watermark(db, "cloud", Head(1, 2, b"\x00" * 32), 1, "aa")
    assert found(vault, identity) == {("watermark", 2)}


def test_the_facts_come_back_as_they_were(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 2)
    with vault.reader() as db:
        facts = [fact for _, fact in journal.facts(db, identity.device_id)]
    assert facts == [a_sale(1), a_sale(2)]
    assert all(isinstance(fact, SaleCompleted) for fact in facts)


def test_the_clouds_word_on_its_timeline_is_proved_as_such(till: Till) -> None:
    vault, identity = till
    said = sign_timeline(CLOUD_KEY, identity.timeline, START_MS)
    with vault.writer() as db:
        journal.reset_watermark(db, "timeline", EMPTY, START_MS, said.signature)
        assert journal.verify(db, identity) == []
        journal.reset_watermark(db, "timeline", EMPTY, START_MS + 1, said.signature)
        assert [finding.kind for finding in journal.verify(db, identity)] == ["watermark"]
