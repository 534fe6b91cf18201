"""The daemon on a real vault over real HTTPS: what is sold arrives, whichever line is cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from sentra.events import Category, Device
from sentra.protocol.entry import Head
from sentra.vault import catalogue, journal, state
from sentra.vault.database import Vault
from sentra.vault.failures import AlreadyRunning
from sentra.vault.identity import Identity
from sentra.vault.keys import KEY_FILE
from syncd.daemon.bootstrap import Daemon, ticks, wall_clock
from syncd.daemon.config import DaemonSettings
from syncd.daemon.failures import NotATill
from syncd.daemon.inbound.loop import TillLoop
from tests.fakes.https_store import HttpsStore
from tests.fakes.memory_store import MemoryStore
from tests.support.https import Authority
from tests.support.journals import an_id
from tests.support.tills import BRANCH, CLOUD_KEY, a_revision, a_till, sell

ROUTER_ID = an_id(810_000)
NO_TIMER_MS = 600_000
"""Long enough that only a wake-up can have done it."""

DEADLINE_S = 15.0


def until(reached: Callable[[], bool], what: str) -> None:
    """Waits for something that other threads or processes bring about."""
    deadline = time.monotonic() + DEADLINE_S
    while not reached():
        assert time.monotonic() < deadline, f"never came: {what}"
        threading.Event().wait(0.02)


@dataclass
class Branch:
    """A till, its router and the cloud."""

    vault: Vault
    identity: Identity
    router: HttpsStore
    cloud: HttpsStore

    @property
    def folder(self) -> Path:
        return self.vault.folder

    def introduce_router(self, revision: int = 1) -> None:
        """The feed tells the till where its router is."""
        device = Device(ROUTER_ID, "router", 1, "R", "ab", addresses=(self.router.address,))
        made, items = a_revision(BRANCH, revision, [("device", ROUTER_ID, device)])
        with self.vault.writer() as db:
            catalogue.apply_revision(db, made, items)
        self.router.store.revisions[BRANCH] = [made]
        self.cloud.store.revisions[BRANCH] = [made]

    def status(self) -> state.SyncStatus:
        with self.vault.reader() as db:
            return state.sync_status(db)

    def watermark(self, name: str) -> Head:
        with self.vault.reader() as db:
            return journal.watermark(db, name)

    def at(self, store: HttpsStore) -> int:
        return len(store.store.journals.get(self.identity.device_id, []))


@pytest.fixture
def branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Branch]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    authority = Authority()
    with ExitStack() as stack:
        stores = {}
        for name, host, key in (
            ("router", f"{ROUTER_ID}.router.sentra", None),
            ("cloud", "127.0.0.1", CLOUD_KEY),
        ):
            memory = MemoryStore({}, key)
            made = HttpsStore(memory, authority, tmp_path / name, host, wall_clock)
            stores[name] = stack.enter_context(made)
        vault, identity = a_till(
            tmp_path / "till",
            cloud_url=f"https://{stores['cloud'].address}",
            anchors=authority.anchors,
        )
        stack.callback(vault.close)
        for store in stores.values():
            store.store.keys[identity.device_id] = identity.private_key.public_key()
        yield Branch(vault, identity, stores["router"], stores["cloud"])


@dataclass
class Running:
    """A daemon in a thread of the test."""

    daemon: Daemon
    thread: threading.Thread

    def end(self) -> None:
        self.daemon.stop()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(*folders: Path, timer_ms: int = NO_TIMER_MS) -> Running:
        daemon = Daemon(DaemonSettings(folders, timer_ms=timer_ms), "test")
        running.append(Running(daemon, threading.Thread(target=daemon.run)))
        running[-1].thread.start()
        return running[-1]

    yield begin
    for one in running:
        one.end()


Start = Callable[..., Running]


def test_a_sale_wakes_the_daemon_and_arrives_at_the_router(branch: Branch, start: Start) -> None:
    branch.introduce_router()
    start(branch.folder)
    until(lambda: branch.status().via == "router", "a word from the router")
    entries = sell(branch.vault, branch.identity, 3)
    until(lambda: branch.at(branch.router) == 3, "the sales at the router")
    until(lambda: branch.watermark("router").seq == 3, "the router's watermark")
    assert branch.router.store.journals[branch.identity.device_id] == entries
    assert branch.at(branch.cloud) == 0
    assert branch.watermark("cloud").seq == 0


def test_without_a_router_the_cloud_takes_them_and_signs_for_them(
    branch: Branch, start: Start
) -> None:
    start(branch.folder)
    sell(branch.vault, branch.identity, 2)
    until(lambda: branch.watermark("cloud").seq == 2, "the cloud's watermark")
    until(lambda: branch.status().via == "cloud", "the cloud in the status")
    with branch.vault.reader() as db:
        assert journal.backlog(db, "cloud").count == 0
        assert journal.verify(db, branch.identity) == []


def test_a_timer_sends_what_no_wake_up_told_of(branch: Branch) -> None:
    loop = TillLoop(branch.folder, clock=wall_clock, ticks=ticks, timer_ms=100, version="test")
    loop.start()
    until(lambda: branch.status().via == "cloud", "a word from the cloud")
    sell(branch.vault, branch.identity)
    until(lambda: branch.at(branch.cloud) == 1, "the sale at the cloud")
    loop.stop()
    loop.join(5)


def test_while_the_router_is_down_the_cloud_takes_over_and_hands_back(
    branch: Branch, start: Start
) -> None:
    branch.introduce_router()
    start(branch.folder)
    sell(branch.vault, branch.identity)
    until(lambda: branch.watermark("router").seq == 1, "the first sale at the router")
    branch.router.store.refuses = "too-busy"
    sell(branch.vault, branch.identity)
    until(lambda: branch.watermark("cloud").seq == 2, "both sales at the cloud")
    until(lambda: branch.status().via == "cloud", "the cloud in the status")
    assert branch.status().router.reachable is False
    assert branch.status().router.last_error == "too-busy"
    branch.router.store.refuses = None
    until(lambda: branch.status().via == "router", "the way back")
    until(lambda: branch.watermark("router").seq == 2, "the second sale at the router")


def test_what_was_sold_offline_arrives_once_when_a_line_is_back(
    branch: Branch, start: Start
) -> None:
    branch.cloud.store.refuses = "too-busy"
    start(branch.folder)
    until(lambda: branch.status().cloud.reachable is False, "the notice that the line is cut")
    entries = sell(branch.vault, branch.identity, 60)
    branch.cloud.store.refuses = None
    until(lambda: branch.watermark("cloud").seq == 60, "the backlog at the cloud")
    assert branch.cloud.store.journals[branch.identity.device_id] == entries


def test_a_daemon_started_again_goes_on_where_the_store_is(branch: Branch, start: Start) -> None:
    sell(branch.vault, branch.identity, 5)
    first = start(branch.folder)
    until(lambda: branch.watermark("cloud").seq == 5, "the first sales")
    first.end()
    sell(branch.vault, branch.identity, 2)
    start(branch.folder)
    until(lambda: branch.watermark("cloud").seq == 7, "the others")
    sealed = [parcel for envelope in branch.cloud.store.sent for parcel in envelope]
    assert len(sealed) == len(set(sealed))


def test_a_decision_arrives_when_the_store_wakes_the_till(branch: Branch, start: Start) -> None:
    branch.introduce_router()
    start(branch.folder)
    until(lambda: branch.router.listeners == 1, "the till's ear at the router")
    category = Category("c", "Minuman")
    made, _ = a_revision("company", 1, [("category", "c", category)])
    branch.router.store.revisions["company"] = [made]
    branch.router.wake("feed")

    def arrived() -> bool:
        with branch.vault.reader() as db:
            return catalogue.categories(db) == [category]

    until(arrived, "the category")


def test_the_routers_wake_up_brings_the_clouds_watermark(branch: Branch, start: Start) -> None:
    branch.introduce_router()
    start(branch.folder)
    sell(branch.vault, branch.identity)
    until(lambda: branch.watermark("router").seq == 1, "the sale at the router")
    until(lambda: branch.router.listeners == 1, "the till's ear at the router")
    store = MemoryStore(branch.router.store.keys, CLOUD_KEY, clock_ms=wall_clock())
    store.send([_parcel(sealed) for sealed in branch.router.store.sent[0]])
    mark = store._mark(branch.identity.device_id)
    assert mark is not None
    branch.router.store.marks[branch.identity.device_id] = mark
    branch.router.wake("feed")
    until(lambda: branch.watermark("cloud").seq == 1, "the cloud's word through the router")


def _parcel(sealed: bytes):  # type: ignore[no-untyped-def] # one line of the test above
    from sentra.protocol.envelope import Parcel

    return Parcel(sealed)


def test_several_tills_share_one_process(branch: Branch, start: Start, tmp_path: Path) -> None:
    other, identity = a_till(
        tmp_path / "till-2",
        2,
        cloud_url=branch.identity.cloud_url,
        anchors=branch.identity.anchors,
    )
    branch.cloud.store.keys[identity.device_id] = identity.private_key.public_key()
    start(branch.folder, other.folder)
    sell(branch.vault, branch.identity, 2)
    sell(other, identity, 3)
    until(lambda: branch.at(branch.cloud) == 2, "the first till's sales")
    until(
        lambda: len(branch.cloud.store.journals.get(identity.device_id, [])) == 3,
        "the second till's sales",
    )
    other.close()


def test_a_folder_that_is_not_enrolled_yet_is_waited_for(branch: Branch, start: Start) -> None:
    aside = branch.folder.with_name("aside")
    branch.vault.close()
    branch.folder.rename(aside)
    running = start(branch.folder)
    until(running.daemon.loops[0].is_alive, "the loop")
    for path in aside.iterdir():
        path.rename(branch.folder / path.name)
    branch.vault = Vault.open(branch.folder)
    sell(branch.vault, branch.identity)
    until(lambda: branch.at(branch.cloud) == 1, "the sale")
    branch.vault.close()


def test_a_wrong_clock_keeps_nothing_back(branch: Branch) -> None:
    behind = 10 * 365 * 24 * 3600 * 1000
    loop = TillLoop(
        branch.folder,
        clock=lambda: wall_clock() - behind,
        ticks=ticks,
        timer_ms=100,
        version="test",
    )
    loop.start()
    sell(branch.vault, branch.identity)
    until(lambda: branch.watermark("cloud").seq == 1, "the sale")
    until(lambda: abs(branch.status().skew_ms + behind) < 60_000, "the skew in the status")
    loop.stop()
    loop.join(5)


def test_two_daemons_on_one_folder_are_refused(branch: Branch, start: Start) -> None:
    start(branch.folder)
    until(lambda: branch.status().via == "cloud", "the first daemon")
    with pytest.raises(AlreadyRunning):
        Daemon(DaemonSettings((branch.folder,)), "test").run()


def test_the_folder_of_a_router_is_told_apart(branch: Branch, tmp_path: Path) -> None:
    vault, _ = a_till(tmp_path / "other", 5, role="router")
    vault.close()
    failure = Daemon(DaemonSettings((tmp_path / "other",)), "test").run()
    assert isinstance(failure, NotATill)


def test_the_log_is_written_back_by_the_daemon_and_not_by_the_cashier(
    branch: Branch, start: Start
) -> None:
    log = branch.folder / "vault.db-wal"
    database = branch.folder / "vault.db"
    before = database.stat().st_mtime_ns
    sell(branch.vault, branch.identity, 100)
    assert log.stat().st_size > 4_200_000
    assert database.stat().st_mtime_ns == before
    start(branch.folder)
    until(lambda: database.stat().st_mtime_ns > before, "the log in the database")
    assert branch.watermark("cloud").seq in range(101)


# --- As a process -------------------------------------------------------------------------------


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "sentra", "syncd", "daemon", "--data", str(folder), *more]


def test_the_process_sends_and_stops_long_before_its_timer(branch: Branch) -> None:
    environment = {**os.environ, "SENTRA_KEY_STORE": "file", "SENTRA_SYNC_TIMER_MS": "60000"}
    with subprocess.Popen(
        command(branch.folder, "--metrics-port", "0"),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        until(lambda: branch.status().via == "cloud", "the process's first word")
        sell(branch.vault, branch.identity)
        until(lambda: branch.watermark("cloud").seq == 1, "the sale")
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert '"event": "stopped"' in said
    assert '"unfinished": []' in said


def test_a_killed_process_loses_nothing(branch: Branch, start: Start) -> None:
    environment = {**os.environ, "SENTRA_KEY_STORE": "file"}
    with subprocess.Popen(
        command(branch.folder), env=environment, stdout=subprocess.DEVNULL
    ) as process:
        until(lambda: branch.status().via == "cloud", "the process's first word")
        entries = sell(branch.vault, branch.identity, 20)
        process.kill()
        process.wait()
    start(branch.folder)
    until(lambda: branch.watermark("cloud").seq == 20, "everything")
    assert branch.cloud.store.journals[branch.identity.device_id] == entries


def test_a_vault_whose_key_is_wrong_ends_the_process_with_a_sentence(branch: Branch) -> None:
    branch.vault.close()
    (branch.folder / KEY_FILE).write_text("ab" * 48)
    environment = {**os.environ, "SENTRA_KEY_STORE": "file", "SENTRA_LANGUAGE": "en"}
    done = subprocess.run(
        command(branch.folder),
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "do not belong together" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
