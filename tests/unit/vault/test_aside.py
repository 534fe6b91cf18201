"""A vault is set aside and never deleted; the head file outside it is durable and believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentra.protocol.entry import EMPTY, EPOCH_MAX, Head
from sentra.vault import journal
from sentra.vault.aside import note_drained, set_aside, take_place, waiting_aside
from sentra.vault.database import DATABASE_FILE, Vault
from sentra.vault.epochs import secure_head
from sentra.vault.failures import VaultDamaged
from sentra.vault.head_file import read_head_file, sync_head_file, write_head_file
from sentra.vault.identity import Identity, read_identity
from tests.support.journals import START_MS
from tests.support.tills import a_till, sell

Till = tuple[Vault, Identity]


def test_what_was_set_aside_opens_there_with_everything_in_it(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    journal.write_head_file(vault.folder, Head(1, 3, bytes(32)))
    vault.close()
    place = set_aside(vault.folder)
    assert not (vault.folder / DATABASE_FILE).exists()
    assert waiting_aside(vault.folder) == [place]
    old = Vault.open(place)
    with old.reader() as db:
        assert len(journal.entries(db, EMPTY, 10)) == 3
        kept = read_identity(db)
    assert kept is not None
    assert kept.device_id == identity.device_id
    old.close()
    note_drained(place)
    assert waiting_aside(vault.folder) == []


def test_a_second_one_gets_a_place_of_its_own(till: Till, tmp_path: Path) -> None:
    vault, _ = till
    vault.close()
    first = set_aside(vault.folder)
    fresh, _ = a_till(tmp_path / "fresh", number=2)
    fresh.close()
    take_place(tmp_path / "fresh", vault.folder)
    assert not (tmp_path / "fresh").exists()
    again = Vault.open(vault.folder)
    again.close()
    assert set_aside(vault.folder) != first
    assert (first / DATABASE_FILE).exists()


def test_a_damaged_vault_is_set_aside_as_it_is(till: Till) -> None:
    vault, _ = till
    vault.close()
    path = vault.folder / DATABASE_FILE
    damaged = bytearray(path.read_bytes())
    damaged[40] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(VaultDamaged):
        Vault.open(vault.folder)
    place = set_aside(vault.folder)
    assert (place / DATABASE_FILE).read_bytes() == damaged


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"epoch":0,"seq":1,"hash":"00"}',
        b'{"epoch":1,"seq":-1,"hash":"00"}',
        b'{"epoch":%d,"seq":1,"hash":"00"}' % EPOCH_MAX,
        b'{"epoch":1,"seq":1,"hash":"xyz"}',
    ],
)
def test_a_head_file_that_says_nothing_proves_nothing(till: Till, text: bytes) -> None:
    vault, identity = till
    sell(vault, identity, 1)
    (vault.folder / "head.json").write_bytes(text)
    assert read_head_file(vault.folder) is None
    assert not secure_head(vault, START_MS)


def test_the_head_file_is_brought_to_the_disk_also_where_there_is_none(till: Till) -> None:
    vault, _ = till
    sync_head_file(vault.folder)
    write_head_file(vault.folder, Head(1, 2, bytes(32)))
    sync_head_file(vault.folder)
    assert read_head_file(vault.folder) == Head(1, 2, bytes(32))


def test_a_vault_that_never_sold_and_was_put_back_begins_in_a_later_epoch(till: Till) -> None:
    vault, identity = till
    write_head_file(vault.folder, Head(4, 9, b"\x07" * 32))
    assert secure_head(vault, START_MS)
    assert not secure_head(vault, START_MS)
    with vault.reader() as db:
        assert journal.head(db).hash != b"\x07" * 32, "nothing here was said of the lost line"
    (entry,) = sell(vault, identity, 1)
    assert (entry.epoch, entry.seq) == (5, 1)
    with vault.writer() as db:
        assert journal.seal_pending(db, identity) == 0
        assert not journal.unsealed(db)
