"""Builds the stage: the cloud's parts, the branches, their routers and tills, and the links.

The same stage carries the demo with people and the check without: only who plays differs.
"""

from __future__ import annotations

import os
import secrets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from demo import places
from demo.passwords import new_password
from demo.places import DevicePlace
from demo.processes import Part, Supervisor
from demo.relay import Relays
from sentra.cloud import devices
from sentra.cloud.branches import create_branch
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys, load_keys
from sentra.embedded.postgres import EmbeddedPostgres, running_postgres
from sentra.embedded.redis import EmbeddedRedis, running_redis
from sentra.enrolment import enrol_device
from sentra.failures import Failure
from sentra.i18n import say
from sentra.vault.database import Vault
from sentra.vault.identity import read_identity, write_identity

READY_S_MAX = 60.0
"""What a server may take until it answers."""

WEB_PORT, SYNC_PORT, CONTROL_PORT, TILL_PORT = 8000, 8443, 8010, 8100
ROUTER_PORT, PAGE_PORT, INTERNET_PORT, LAN_PORT = 8500, 8550, 8600, 8650
DATABASE, PROGRAMS_ROLE = "sentra", "sentra_app"


class PartNotReady(Failure):
    """A program that did not come up."""

    code = "demo-part-not-ready"
    sentence = "%(part)s did not start within %(seconds)s seconds. The end of its log:\n%(log)s"


def now_ms() -> int:
    """The present instant: the stage stands outside the pure core."""
    return time.time_ns() // 1_000_000


class Stage:
    """All parts of one demo, in one folder.

    `known_ports`: at addresses that people can remember. Two stages that start at the same time
    may choose the same of these, so those that nobody looks at take any.
    """

    def __init__(
        self, folder: Path, notify: Callable[[str], None], *, known_ports: bool = True
    ) -> None:
        self.folder, self._known_ports = folder, known_ports
        self._notify = notify
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "logs").mkdir(exist_ok=True)
        self._places_file = folder / places.PLACES
        self.places = places.load(self._places_file)
        self.places.secret = self.places.secret or secrets.token_hex(32)
        self.places.owner_password = self.places.owner_password or new_password()
        self.relays = Relays()
        self.supervisor = Supervisor(self._crashed)
        self._open = ExitStack()
        self._taken: set[int] = set()
        self._engine: Engine | None = None
        self._keys: CompanyKeys | None = None
        self._redis: EmbeddedRedis | None = None
        self.environment: dict[str, str] = {}

    # -- the cloud ----------------------------------------------------------------------------

    def start_cloud(self, company: str, currency: str) -> None:
        """PostgreSQL, Redis, the schema and the company, then the three cloud programs."""
        postgres = self._open.enter_context(running_postgres(self.folder / "postgres"))
        redis = self._open.enter_context(running_redis(self.folder / "redis"))
        self._redis = redis
        sync_port = self.port("sync", SYNC_PORT)
        web_port = self.port("web", WEB_PORT)
        keys_folder = self.folder / "keys"
        _make_database(postgres)
        self.environment = {
            "SENTRA_DATABASE_URL": postgres.url(DATABASE, PROGRAMS_ROLE),
            "SENTRA_REDIS_URL": redis.url(),
            "SENTRA_QUEUE_URL": redis.url(1),
            "SENTRA_KEYS_DIR": str(keys_folder),
            "SENTRA_OBJECT_DIR": str(self.folder / "objects"),
            "SENTRA_PUBLIC_URL": f"http://127.0.0.1:{web_port}",
            "SENTRA_SYNC_URL": f"https://127.0.0.1:{sync_port}",
            "SENTRA_SECRET_KEY": self.places.secret,
            "SENTRA_KEY_STORE": "file",
        }
        os.environ["SENTRA_KEY_STORE"] = "file"
        self.run_once(
            "db init", "db", "init", "--company", company, "--currency", currency,
            SENTRA_DATABASE_URL=postgres.url(DATABASE),
            SENTRA_OWNER_PASSWORD=self.places.owner_password,
        )  # fmt: skip
        self._engine = make_engine(self.environment["SENTRA_DATABASE_URL"], pool_size=4)
        self._open.callback(self._engine.dispose)
        self._keys = load_keys(keys_folder)
        self.supervisor.start()
        self.part("sync service", "syncd", "service", "--bind", f"127.0.0.1:{sync_port}", "--tls")
        self.part("back office", "web", "--bind", f"127.0.0.1:{web_port}")
        self.part("worker", "worker")
        self.wait_ready("sync service", f"https://127.0.0.1:{sync_port}/readyz")
        self.wait_ready("back office", f"{self.environment['SENTRA_PUBLIC_URL']}/readyz")

    @property
    def engine(self) -> Engine:
        """The cloud's database. Only after `start_cloud`."""
        assert self._engine is not None  # noqa: S101 - the order of calls is ours
        return self._engine

    @property
    def redis(self) -> EmbeddedRedis:
        """The cloud's Redis. Only after `start_cloud`."""
        assert self._redis is not None  # noqa: S101 - the order of calls is ours
        return self._redis

    @property
    def keys(self) -> CompanyKeys:
        """The company's keys. Only after `start_cloud`."""
        assert self._keys is not None  # noqa: S101 - the order of calls is ours
        return self._keys

    # -- branches and devices -----------------------------------------------------------------

    def branch(self, name: str, *, code: str, zone: str) -> str:
        """The branch's id; it is made where it is not there yet, with its links."""
        if name not in self.places.branches:
            with self.engine.begin() as connection:
                self.places.branches[name] = create_branch(
                    connection,
                    code=code,
                    name=name,
                    zone=zone,
                    now_ms=now_ms(),
                    signing_key=self.keys.signing_key,
                )
            self.save()
        return self.places.branches[name]

    def link_branch(self, name: str) -> None:
        """The branch's two cables: to the internet, and between its tills and its router."""
        sync = self.places.ports["sync"]
        internet = self.relays.add(
            f"internet {name}", lambda: ("127.0.0.1", sync), self.port(f"i {name}", INTERNET_PORT)
        )
        lan = self.relays.add(
            f"lan {name}",
            lambda: ("127.0.0.1", self.places.ports[f"router {name}"]),
            self.port(f"l {name}", LAN_PORT),
        )
        self.places.ports[f"i {name}"] = internet.port
        self.places.ports[f"l {name}"] = lan.port
        self.save()

    def enrol(self, branch: str, role: str, name: str | None) -> DevicePlace:
        """A new device of the branch, enrolled with a one-time code over the branch's internet."""
        with self.engine.begin() as connection:
            code = devices.create_code(
                connection,
                branch_id=self.places.branches[branch],
                role=role,
                name=name,
                now_ms=now_ms(),
            )
        number = len(self.places.of(role, branch)) + 1
        folder = self.folder / "branches" / self._slug(branch) / f"{role}-{number}"
        address = f"https://127.0.0.1:{self.places.ports[f'i {branch}']}"
        identity = enrol_device(folder, address, code.code)
        place = DevicePlace(identity.device_id, role, branch, identity.name, str(folder))
        self.places.devices.append(place)
        self._point_at(place)
        self.save()
        return place

    def _slug(self, branch: str) -> str:
        """A folder's name for a branch, whatever letters it has."""
        return f"{list(self.places.branches).index(branch) + 1:03}"

    def _point_at(self, place: DevicePlace) -> None:
        """Makes the device use this branch's internet link, whose port may have moved."""
        address = f"https://127.0.0.1:{self.places.ports[f'i {place.branch}']}"
        vault = Vault.open(Path(place.folder))
        try:
            with vault.reader() as db:
                identity = read_identity(db)
            if identity is not None and identity.cloud_url != address:
                with vault.writer() as db:
                    write_identity(db, replace(identity, cloud_url=address))
        finally:
            vault.close()

    def relink(self) -> None:
        """After a second start: the links of every branch, and every device pointed at them."""
        for name in self.places.branches:
            self.link_branch(name)
        for place in self.places.devices:
            self._point_at(place)

    # -- parts --------------------------------------------------------------------------------

    def port(self, name: str, preferred: int) -> int:
        """The port of a part: the one of last time where it is free, else the next free one."""
        if self._known_ports:
            port = places.free_port(self.places.ports.get(name, preferred), self._taken)
        else:
            port = places.any_port()
        self._taken.add(port)
        self.places.ports[name] = port
        return port

    def part(self, name: str, *arguments: str, **environment: str) -> Part:
        """Starts a program under a name and watches over it."""
        log = self.folder / "logs" / f"{name.replace(' ', '-').replace('/', '-')}.log"
        return self.supervisor.add(Part(name, arguments, {**self.environment, **environment}, log))

    def run_once(self, name: str, *arguments: str, **environment: str) -> str:
        """Runs a command to its end and returns what it printed. Raises PartNotReady."""
        log = self.folder / "logs" / f"{name.replace(' ', '-')}.log"
        log.unlink(missing_ok=True)
        part = Part(name, arguments, {**self.environment, **environment}, log)
        part.start()
        part.wait(time.monotonic() + 600)
        if part.process is None or part.process.returncode != 0:
            raise PartNotReady(part=name, seconds=600, log=part.last_lines())
        return log.read_text(encoding="utf-8")

    def wait_ready(self, name: str, url: str) -> None:
        """Until the server answers 200. Raises PartNotReady with the end of its log."""
        part = next(part for part in self.supervisor.parts if part.name == name)
        part.ready_url = url
        deadline_s = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline_s:
            if answers(url):
                return
            time.sleep(0.1)
        raise PartNotReady(part=name, seconds=int(READY_S_MAX), log=part.last_lines())

    def start_routers(self, groups: Sequence[Sequence[DevicePlace]]) -> None:
        """One process for each group of routers."""
        for group in groups:
            first = group[0]
            name = f"router {first.branch}" + (f" and {len(group) - 1} more" if group[1:] else "")
            arguments = ["router", "--host", "127.0.0.1"]
            for place in group:
                arguments += [
                    "--data", place.folder,
                    "--port", str(self.port(f"router {place.branch}", ROUTER_PORT)),
                    "--page-port", str(self.port(f"page {place.branch}", PAGE_PORT)),
                    "--advertise", f"127.0.0.1:{self.places.ports[f'l {place.branch}']}",
                ]  # fmt: skip
            self.part(name, *arguments)
        for group in groups:
            for place in group:
                page = self.places.ports[f"page {place.branch}"]
                self._wait_page(f"http://127.0.0.1:{page}/healthz", place.branch)
        self.save()

    def _wait_page(self, url: str, branch: str) -> None:
        name = next(p.name for p in self.supervisor.parts if p.name.startswith("router "))
        named = [p.name for p in self.supervisor.parts if p.name.startswith(f"router {branch}")]
        self.wait_ready(named[0] if named else name, url)

    def start_daemons(self, groups: Sequence[Sequence[DevicePlace]]) -> None:
        """One process for each group of tills."""
        for group in groups:
            first = group[0]
            more = f" and {len(group) - 1} more" if group[1:] else ""
            folders = [word for place in group for word in ("--data", place.folder)]
            self.part(f"daemon {first.branch} {first.name}{more}", "syncd", "daemon", *folders)

    def _crashed(self, part: Part, status: int) -> None:
        self._notify(
            say(
                "%(part)s ended with status %(status)s; it is started again.",
                part=part.name,
                status=status,
            )
        )

    def save(self) -> None:
        """Keeps what a second start needs."""
        places.save(self._places_file, self.places)

    def stop(self) -> None:
        """Stops everything, the last started first."""
        self.supervisor.stop()
        self.relays.close()
        self._open.close()
        self.save()


def _make_database(postgres: EmbeddedPostgres) -> None:
    maintenance = create_engine(postgres.url(), isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        known = connection.execute(text("SELECT datname FROM pg_database")).scalars().all()
        if DATABASE not in known:
            connection.execute(text(f"CREATE DATABASE {DATABASE}"))
    maintenance.dispose()


def answers(url: str) -> bool:
    """Whether a server says it is ready; its certificate is the demo's own business."""
    anything = ssl.create_default_context()
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=2, context=anything) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
