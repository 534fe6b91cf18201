"""A vault opens for its key alone; what is wrong is a sentence, and the file stays as it was."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.backend
import pytest
from keyring.errors import KeyringError, PasswordSetError

from sentra.vault import connect as connecting
from sentra.vault import journal, state
from sentra.vault.connect import connect
from sentra.vault.database import DATABASE_FILE, Vault
from sentra.vault.failures import (
    CipherMissing,
    VaultBusy,
    VaultDamaged,
    VaultExists,
    VaultFailure,
    VaultKeyMissing,
    VaultKeyWrong,
    VaultMissing,
    VaultNewer,
)
from sentra.vault.identity import read_identity
from sentra.vault.keys import KEY_FILE, read_key
from tests.support.tills import a_till, sell


def filled(folder: Path) -> Path:
    """A closed vault with ten sales in it."""
    vault, identity = a_till(folder)
    sell(vault, identity, 10)
    vault.close()
    return folder / DATABASE_FILE


def left_hot(folder: Path, tmp_path: Path) -> Path:
    """A vault as a power cut leaves it: with a log that was not written back."""
    source = tmp_path / "source"
    made, identity = a_till(source)
    sell(made, identity, 9)
    made.close()
    vault = Vault.open(source)
    sell(vault, identity)
    folder.mkdir()
    for name in (DATABASE_FILE, DATABASE_FILE + "-wal", KEY_FILE, "vault.id"):
        shutil.copy2(source / name, folder / name)
    vault.close()
    return folder / DATABASE_FILE


def state_of(path: Path) -> list[tuple[str, int]]:
    """Content and time of the database and of its log; an empty log is none."""
    files = [path, path.with_name(path.name + "-wal")]
    return [
        (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in files
        if file.exists() and (file == path or file.stat().st_size)
    ]


def refuse(folder: Path, expected: type[VaultFailure]) -> str:
    """Opens, and checks that it is refused without a trace; the sentence."""
    before = state_of(folder / DATABASE_FILE)
    with pytest.raises(expected) as caught:
        Vault.open(folder)
    assert state_of(folder / DATABASE_FILE) == before
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    vault, identity = a_till(tmp_path)
    entries = sell(vault, identity, 3)
    vault.close()
    again = Vault.open(tmp_path)
    with again.reader() as db:
        assert journal.head(db).hash == entries[-1].hash
        found = read_identity(db)
    assert found is not None
    assert found.private_key.private_bytes_raw() == identity.private_key.private_bytes_raw()
    assert found.pepper == b"pepper"
    assert found.device_id == identity.device_id
    assert again.role == "terminal"
    again.close()


def test_a_vault_left_by_a_power_cut_opens_with_all_that_was_committed(tmp_path: Path) -> None:
    left_hot(tmp_path / "till", tmp_path)
    vault = Vault.open(tmp_path / "till")
    with vault.reader() as db:
        assert journal.head(db).seq == 10
    vault.close()


def test_nothing_in_the_folder_can_be_read_without_the_key(tmp_path: Path) -> None:
    left_hot(tmp_path / "till", tmp_path)
    for path in (tmp_path / "till").iterdir():
        if path.name != KEY_FILE:
            content = path.read_bytes()
            assert b"SQLite format" not in content
            assert b"Kopi" not in content
            assert b"Dewi" not in content


def test_every_connection_is_durable_and_holds_its_references(tmp_path: Path) -> None:
    vault, _ = a_till(tmp_path)
    with vault.writer() as db:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "temp_store")
        found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == ["wal", 2, 1, 2]
    vault.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    vault, _ = a_till(tmp_path)
    with pytest.raises(VaultFailure), vault.reader() as db:
        state.put(db, "key", 1)
    vault.close()


def test_without_a_keyring_the_key_is_in_a_file_that_only_its_user_reads(tmp_path: Path) -> None:
    filled(tmp_path)
    key = tmp_path / KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    vault = Vault.open(tmp_path)
    assert vault.key_place == "file"
    vault.close()


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring that works."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring annotates its methods only
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class LockedKeyring(MemoryKeyring):
    """A keyring that refuses."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError("locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError("locked")


@pytest.fixture
def use_keyring(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[keyring.backend.KeyringBackend], None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "auto")
    before = keyring.get_keyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", before)
    return keyring.set_keyring


def test_a_keyring_keeps_the_key_and_no_file_does(
    tmp_path: Path, use_keyring: Callable[[keyring.backend.KeyringBackend], None]
) -> None:
    ring = MemoryKeyring()
    use_keyring(ring)
    filled(tmp_path)
    assert not (tmp_path / KEY_FILE).exists()
    assert len(ring.held) == 1
    vault = Vault.open(tmp_path)
    assert vault.key_place == "keyring"
    vault.close()


def test_a_moved_folder_finds_its_key_in_the_keyring(
    tmp_path: Path, use_keyring: Callable[[keyring.backend.KeyringBackend], None]
) -> None:
    use_keyring(MemoryKeyring())
    filled(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    Vault.open(tmp_path / "new").close()


def test_a_keyring_that_refuses_makes_way_for_the_file(
    tmp_path: Path, use_keyring: Callable[[keyring.backend.KeyringBackend], None]
) -> None:
    use_keyring(LockedKeyring())
    filled(tmp_path)
    Vault.open(tmp_path).close()
    assert (tmp_path / KEY_FILE).exists()


def test_a_keyring_that_was_locked_since_is_asked_to_be_unlocked(
    tmp_path: Path, use_keyring: Callable[[keyring.backend.KeyringBackend], None]
) -> None:
    use_keyring(MemoryKeyring())
    filled(tmp_path)
    use_keyring(LockedKeyring())
    assert "unlock its keyring" in refuse(tmp_path, VaultKeyMissing)


def test_an_empty_folder_asks_to_enrol(tmp_path: Path) -> None:
    with pytest.raises(VaultMissing, match="sentra enrol"):
        Vault.open(tmp_path)


def test_a_vault_is_never_made_over_another(tmp_path: Path) -> None:
    path = filled(tmp_path)
    before = state_of(path)
    with pytest.raises(VaultExists):
        Vault.create(tmp_path, "terminal")
    assert state_of(path) == before


def test_the_key_of_a_vault_that_was_moved_away_is_kept(tmp_path: Path) -> None:
    filled(tmp_path).unlink()
    key = (tmp_path / KEY_FILE).read_text()
    Vault.create(tmp_path, "terminal").close()
    assert (tmp_path / (KEY_FILE + ".1")).read_text() == key


def test_a_missing_key_is_asked_for(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / KEY_FILE).unlink()
    assert "backup" in refuse(tmp_path, VaultKeyMissing)


@pytest.mark.parametrize("hot", [False, True])
def test_a_wrong_key_leaves_the_file_as_it_was(tmp_path: Path, hot: bool) -> None:
    folder = tmp_path / "till"
    left_hot(folder, tmp_path) if hot else filled(folder)
    (folder / KEY_FILE).write_text("ab" * 48)
    assert "do not belong together" in refuse(folder, VaultKeyWrong)


@pytest.mark.parametrize("content", ["", "not hex", "ab" * 32, "é"])
def test_a_key_file_that_holds_no_key_is_a_wrong_key(tmp_path: Path, content: str) -> None:
    filled(tmp_path)
    (tmp_path / KEY_FILE).write_text(content)
    refuse(tmp_path, VaultKeyWrong)


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("offset", [40, 4095, 5 * 4096 + 200, 20 * 4096 + 4090])
def test_one_flipped_bit_anywhere_is_damage(tmp_path: Path, offset: int) -> None:
    flip(filled(tmp_path), offset)
    assert "sentra enrol --set-aside" in refuse(tmp_path, VaultDamaged)


def test_a_damaged_vault_with_a_log_is_left_as_it_was(tmp_path: Path) -> None:
    flip(left_hot(tmp_path / "till", tmp_path), 2 * 4096 + 300)
    refuse(tmp_path / "till", VaultDamaged)


@pytest.mark.parametrize("size", [0, 10, 2000, 4096, 4096 * 7 + 100])
def test_a_truncated_file_is_damage(tmp_path: Path, size: int) -> None:
    path = filled(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    refuse(tmp_path, VaultDamaged)


def test_a_newer_schema_asks_for_the_newer_version(tmp_path: Path) -> None:
    vault, _ = a_till(tmp_path)
    with vault.writer() as db:
        db.execute("UPDATE schema_version SET version = 99 WHERE room = 'vault'")
    vault.close()
    assert "newer version" in refuse(tmp_path, VaultNewer)


def test_a_newer_room_of_the_program_is_refused_too(tmp_path: Path) -> None:
    rooms = {"router": ("CREATE TABLE a (x)", "CREATE TABLE b (x)")}
    Vault.create(tmp_path, "router", rooms).close()
    with pytest.raises(VaultNewer):
        Vault.open(tmp_path, {"router": rooms["router"][:1]})
    Vault.open(tmp_path, rooms).close()


def test_a_room_is_brought_up_to_date_when_its_program_opens_it(tmp_path: Path) -> None:
    Vault.create(tmp_path, "router").close()
    vault = Vault.open(tmp_path, {"router": ("CREATE TABLE a (x)",)})
    with vault.reader() as db:
        assert db.execute("SELECT count(*) FROM a").fetchone() == (0,)
    vault.close()


def test_a_changed_projection_is_rebuilt_from_the_journal(tmp_path: Path) -> None:
    vault, identity = a_till(tmp_path)
    sell(vault, identity, 4)
    with vault.writer() as db:
        db.execute("DELETE FROM sale_line")
        state.put(db, "projection_fingerprint", "of another version")
    vault.close()
    again = Vault.open(tmp_path)
    with again.reader() as db:
        assert db.execute("SELECT count(*) FROM sale_line").fetchone() == (4,)
        assert journal.verify(db, identity) == []
    again.close()


def test_a_vault_locked_by_another_program_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 50)
    other = connect(tmp_path / DATABASE_FILE, read_key(tmp_path), "write")
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE state SET value = value")
    with pytest.raises(VaultBusy):
        Vault.open(tmp_path)
    other.close()


def test_without_encryption_nothing_is_opened_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "driver", sqlite3)
    with pytest.raises(CipherMissing):
        Vault.create(tmp_path, "terminal")
    assert not (tmp_path / DATABASE_FILE).exists()
    assert not any(path.stat().st_size for path in tmp_path.glob("*.new"))
