"""Till, router and cloud on three hosts: loss, delay, a slow line, partitions; then all agree."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from router_agent.verify import prove
from sentra.cloud import devices
from sentra.cloud.keys import CompanyKeys, create_keys
from sentra.protocol.entry import EMPTY
from sentra.vault import journal, state
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, read_identity
from syncd.service.verify import verify_cloud
from tests.network.wires import CLOUD_IP, FAIR, ROUTER_LAN_IP, Hosts, Weather, three_hosts, why_not
from tests.support.tills import sell

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(
    WHY_NOT is not None, reason=f"!!! NO NETWORK OF SEVERAL HOSTS IS TRIED HERE: {WHY_NOT} !!!"
)

CLOUD = f"https://{CLOUD_IP}:8443"
AGREE_S_MAX = 60.0
SENTRA = (sys.executable, "-m", "sentra")
LOSSY, FAR = Weather(loss=0.03), Weather(delay_s=0.3)
SLOW, CUT = Weather(bits_s=64_000), Weather(cut=True)


@pytest.fixture(scope="module")
def company_keys(tmp_path_factory: pytest.TempPathFactory) -> CompanyKeys:
    """Of a company whose service answers at the cloud host's address."""
    return create_keys(tmp_path_factory.mktemp("keys") / "keys", company="Uji", hosts=(CLOUD_IP,))


@pytest.fixture
def environment(app_database_url: str, redis_url: str, company_keys: CompanyKeys) -> dict[str, str]:
    return {
        **os.environ,
        "SENTRA_DATABASE_URL": app_database_url,
        "SENTRA_REDIS_URL": redis_url,
        "SENTRA_KEYS_DIR": str(company_keys.folder),
        "SENTRA_SYNC_URL": CLOUD,
        "SENTRA_KEY_STORE": "file",
        "SENTRA_SYNC_TIMER_MS": "500",
        "SENTRA_SECRET_KEY": secrets.token_hex(16),
    }


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A program on a host, until the block ends."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def enrol(
    hosts: Hosts, environment: dict[str, str], engine: Engine, branch: str, host: str, folder: Path
) -> None:
    """A device, with a one-time code, over its own host's network."""
    role = "router" if host == "router" else "terminal"
    with engine.begin() as connection:
        code = devices.create_code(
            connection,
            branch_id=branch,
            role=role,
            name=None,
            now_ms=time.time_ns() // 1_000_000,
        )
    words = ("enrol", "--data", str(folder), "--cloud", CLOUD, "--code", code.code)
    subprocess.run(
        hosts.command(host, *SENTRA, *words), env=environment, check=True, capture_output=True
    )


def listens(hosts: Hosts, host: str, address: str, port: int) -> bool:
    """Whether something answers there, seen from a host."""
    look = f"import socket; socket.create_connection(({address!r}, {port}), 1)"
    command = hosts.command(host, sys.executable, "-S", "-c", look)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(slots=True)
class Scene:
    """The programs on their hosts, and the till that sells."""

    hosts: Hosts
    till: Vault
    identity: Identity
    router_folder: Path
    until: Callable[..., None]

    def sell(self, count: int) -> None:
        sell(self.till, self.identity, count)

    def waiting(self, name: str) -> int:
        """Entries that the store has not acknowledged."""
        with self.till.reader() as db:
            return journal.backlog(db, name).count

    def agree(self) -> None:
        """Until the cloud has everything."""
        self.until(lambda: self.waiting("cloud") == 0, AGREE_S_MAX)

    def is_via_router(self) -> bool:
        with self.till.reader() as db:
            return state.sync_status(db).via == "router"


@pytest.fixture
def scene(
    environment: dict[str, str],
    engine: Engine,
    make_branch: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    until: Callable[..., None],
) -> Iterator[Scene]:
    """Everything enrolled and running, and the till served by its router."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    branch, till_folder, router_folder = make_branch("SGT"), tmp_path / "till", tmp_path / "router"
    with ExitStack() as held:
        hosts = held.enter_context(three_hosts(seed=7))

        def start(host: str, name: str, *words: str) -> None:
            command, log = hosts.command(host, *SENTRA, *words), tmp_path / f"{name}.log"
            held.enter_context(running(command, environment, log))

        start("cloud", "service", "syncd", "service", "--bind", f"{CLOUD_IP}:8443", "--tls")
        until(lambda: listens(hosts, "router", CLOUD_IP, 8443), AGREE_S_MAX)
        enrol(hosts, environment, engine, branch, "router", router_folder)
        serve = ("--port", "8443", "--page-port", "0", "--advertise", f"{ROUTER_LAN_IP}:8443")
        start("router", "router", "router", "--data", str(router_folder), *serve)
        enrol(hosts, environment, engine, branch, "till", till_folder)
        start("till", "daemon", "syncd", "daemon", "--data", str(till_folder))
        till = held.enter_context(opened(till_folder))
        with till.reader() as db:
            identity = read_identity(db)
        assert identity is not None
        made = Scene(hosts, till, identity, router_folder, until)
        until(made.is_via_router, AGREE_S_MAX)
        yield made


def test_bad_weather_between_three_hosts_costs_time_and_no_sale(
    scene: Scene, engine: Engine
) -> None:
    lan, wan = scene.hosts.lan, scene.hosts.wan
    for lan.weather, wan.weather, batches, sales in (
        (LOSSY, LOSSY, 40, 2),
        (FAIR, FAR, 2, 20),
        (LOSSY, SLOW, 1, 100),
    ):
        for _ in range(batches):
            scene.sell(sales)
            scene.agree()
    assert lan.lost
    assert wan.lost
    lan.weather, wan.weather = FAIR, CUT
    scene.sell(40)
    scene.until(lambda: scene.waiting("router") == 0, AGREE_S_MAX)
    assert scene.waiting("cloud") == 40
    lan.weather = CUT
    scene.sell(20)
    assert scene.waiting("router") == 20
    lan.weather = wan.weather = FAIR
    scene.agree()
    scene.until(lambda: scene.waiting("router") == 0, AGREE_S_MAX)
    _prove(scene, engine)


def _prove(scene: Scene, engine: Engine) -> None:
    """The same 280 entries at till, router and cloud, and each place proves itself."""
    with scene.till.reader() as db:
        entries = journal.entries(db, EMPTY, 1_000)
        assert journal.verify(db, scene.identity) == []
    assert len(entries) == 280
    (proof,) = prove(scene.router_folder)
    assert (proof.tickets, proof.problems) == (280, ())
    query = "SELECT seq, hash FROM journal_entry WHERE terminal_id = :id ORDER BY seq"
    with engine.connect() as connection:
        rows = connection.execute(text(query), {"id": scene.identity.device_id}).all()
        assert verify_cloud(connection).differences == []
    assert [(seq, bytes(digest)) for seq, digest in rows] == [(e.seq, e.hash) for e in entries]


@contextmanager
def opened(folder: Path) -> Iterator[Vault]:
    """A vault, beside the daemon that has it open, too."""
    vault = Vault.open(folder)
    try:
        yield vault
    finally:
        vault.close()
