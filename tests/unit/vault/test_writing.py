"""Write transactions: whole or not at all, one at a time, and a full disk loses nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentra.protocol.entry import EMPTY
from sentra.vault import connect as connecting
from sentra.vault import database, journal, lock, state
from sentra.vault.database import Vault
from sentra.vault.driver import driver
from sentra.vault.failures import AlreadyRunning, VaultBusy, VaultFull
from sentra.vault.identity import Identity
from tests.support.journals import START_MS, a_sale
from tests.support.tills import a_till, sell

Till = tuple[Vault, Identity]

_A_MILLION = (
    "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 1000000)"
    " SELECT count(*) FROM number"
)


def test_an_exception_undoes_the_whole_transaction(till: Till) -> None:
    vault, identity = till
    with pytest.raises(ZeroDivisionError), vault.writer() as db:
        journal.append(db, identity, a_sale(1), START_MS)
        _ = 1 // 0
    with vault.reader() as db:
        assert journal.head(db) == EMPTY
        assert db.execute("SELECT count(*) FROM sale").fetchone() == (0,)
    sell(vault, identity)


def test_the_same_sale_twice_is_refused_and_leaves_one(till: Till) -> None:
    vault, identity = till
    sell(vault, identity)
    with pytest.raises(driver.IntegrityError), vault.writer() as db:
        journal.append(db, identity, a_sale(1), START_MS)
    with vault.reader() as db:
        assert journal.head(db).seq == 1


def test_write_transactions_are_never_nested(till: Till) -> None:
    vault, _ = till
    with pytest.raises(RuntimeError), vault.writer(), vault.writer():
        pass


def test_a_reader_sees_one_moment(till: Till) -> None:
    vault, identity = till
    with vault.reader() as db:
        before = journal.head(db)
        sell(vault, identity)
        assert journal.head(db) == before
    with vault.reader() as db:
        assert journal.head(db).seq == 1


def test_readers_may_be_nested_in_one_thread(till: Till) -> None:
    vault, _ = till
    with vault.reader() as outer, vault.reader() as inner:
        assert outer is inner
    with vault.reader() as db:
        assert db.in_transaction


def test_the_change_number_tells_of_commits(till: Till) -> None:
    vault, identity = till
    before = vault.change_number()
    assert vault.change_number() == before
    sell(vault, identity)
    assert vault.change_number() != before


def test_many_threads_write_one_after_the_other(till: Till) -> None:
    vault, _ = till

    def count(name: str) -> None:
        for _ in range(20):
            with vault.writer() as db:
                state.put(db, name, (state.get(db, name) or 0) + 1)
                state.put(db, "all", (state.get(db, "all") or 0) + 1)

    threads = [threading.Thread(target=count, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with vault.reader() as db:
        assert state.get(db, "all") == 80


def test_till_and_daemon_write_to_one_vault(till: Till) -> None:
    vault, identity = till
    other = Vault.open(vault.folder)

    def note() -> None:
        for number in range(30):
            with other.writer() as db:
                state.put(db, "daemon", number)

    thread = threading.Thread(target=note)
    thread.start()
    sell(vault, identity, 30)
    thread.join()
    other.close()
    with vault.reader() as db:
        assert journal.head(db).seq == 30
        assert state.get(db, "daemon") == 29


def test_who_reads_while_the_vault_is_closed_may_finish(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    is_reading, is_closing, found = threading.Event(), threading.Event(), []

    def read() -> None:
        with vault.reader() as db:
            is_reading.set()
            is_closing.wait(10)
            # Long enough for a connection to be closed in the middle of its statement.
            found.append(db.execute(_A_MILLION).fetchone())
            found.append(db.execute("SELECT count(*) FROM sale").fetchone())

    reading = threading.Thread(target=read)
    reading.start()
    is_reading.wait(10)
    closing = threading.Thread(target=vault.close)
    closing.start()
    is_closing.set()
    closing.join()
    assert found == [(1_000_000,), (3,)]
    reading.join()


def test_who_reads_for_longer_keeps_no_closing_waiting(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, _ = till
    monkeypatch.setattr(database, "READERS_AWAITED_S", 0.01)
    with vault.reader() as db:
        closing = threading.Thread(target=vault.close)
        closing.start()
        closing.join()
        assert db.execute("SELECT count(*) FROM sale").fetchone() == (0,)
    with pytest.raises(driver.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


def test_nobody_reads_a_closed_vault(till: Till) -> None:
    vault, _ = till
    with vault.reader():
        pass
    vault.close()
    with pytest.raises(RuntimeError, match="the vault is closed"), vault.reader():
        pass
    with pytest.raises(RuntimeError, match="the vault is closed"):
        vault.change_number()


def test_another_program_that_keeps_the_vault_makes_it_busy_and_not_broken(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, identity = till
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 50)
    other = Vault.open(vault.folder)
    late = Vault.open(vault.folder)
    with other.writer(), pytest.raises(VaultBusy), late.writer():
        pass
    sell(late, identity)
    late.close()
    other.close()


def test_two_tills_on_one_folder_are_refused(tmp_path: Path) -> None:
    with lock.hold(tmp_path, "till"), pytest.raises(AlreadyRunning), lock.hold(tmp_path, "till"):
        pass
    with lock.hold(tmp_path, "till"), lock.hold(tmp_path, "daemon"):
        pass


HOLDER = """
import sys
from pathlib import Path
from sentra.vault import lock
with lock.hold(Path(sys.argv[1]), "till"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_till_of_another_process_is_refused_until_that_one_died(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning) as caught, lock.hold(tmp_path, "till"):
            pass
        assert str(tmp_path) in str(caught.value)
        process.kill()
        process.wait()
    with lock.hold(tmp_path, "till"):
        pass


def test_a_file_that_cannot_grow_is_full_and_keeps_what_it_holds(till: Till) -> None:
    vault, identity = till
    sell(vault, identity, 5)
    with pytest.raises(VaultFull), vault.writer() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(6, 400):
            journal.append(db, identity, a_sale(number), START_MS)
    with vault.reader() as db:
        assert journal.head(db).seq == 5
        assert journal.verify(db, identity) == []
    sell(vault, identity)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_every_sale_that_was_shown_as_paid(small_disk: Path) -> None:
    vault, identity = a_till(small_disk / "till")
    paid = 0
    with pytest.raises(VaultFull) as caught:
        while True:
            sell(vault, identity)
            paid += 1
    assert "Free some space" in str(caught.value)
    assert paid > 10
    with vault.reader() as db:
        assert journal.head(db).seq == paid
    vault.close()
    again = Vault.open(small_disk / "till")
    with again.reader() as db:
        assert journal.head(db).seq == paid
        assert journal.verify(db, identity) == []
    again.close()


def test_a_sale_is_not_started_when_the_reserve_is_touched(till: Till) -> None:
    vault, _ = till
    vault.require_room(1)
    with pytest.raises(VaultFull, match="MiB are needed"):
        vault.require_room(1 << 60)


def test_a_log_is_written_back_when_much_of_it_is_new_and_not_again_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    monkeypatch.setattr(database, "CHECKPOINT_PAGES_MIN", 20)
    vault = Vault.create(tmp_path, "router")

    def written_back(size: int) -> bool:
        before = (tmp_path / "vault.db").read_bytes()
        with vault.writer() as db:
            state.put(db, f"note/{size}", "x" * size)
        vault.checkpoint()
        return (tmp_path / "vault.db").read_bytes() != before

    assert not written_back(1_000)
    assert written_back(200_000)
    assert (tmp_path / "vault.db-wal").stat().st_size > 100_000, "the log's file stays as long"
    assert not written_back(1_001)
    vault.close()
