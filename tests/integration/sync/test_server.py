"""The real server: gunicorn with gevent, TLS, devices that come over the wire."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, text

from sentra.cloud.branches import create_branch
from sentra.cloud.company import init_company
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import connect_redis
from sentra.cloud.wake import feed_moved
from sentra.embedded.postgres import EmbeddedPostgres
from sentra.embedded.redis import EmbeddedRedis
from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkRefused
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Parcel
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import Hello
from tests.integration.sync.conftest import Service, running_service
from tests.present import NOW_MS
from tests.servers import APP_ROLE, TEMPLATE
from tests.support.journals import Journal

Tills = Callable[[int], list[Journal]]
_numbers: Final = count(1)
Until = Callable[..., None]


def enrol(engine: Engine, branch: str, *journals: Journal) -> None:
    """Make the journals' terminals known, under their own ids."""
    statement = text(
        "INSERT INTO device (id, role, branch_id, number, name, public_key, enrolled_at_ms)"
        " VALUES (:id, 'terminal', :branch, :number, :name, :key, 0)"
    )
    with engine.begin() as connection:
        for journal in journals:
            connection.execute(
                statement,
                {
                    "id": journal.terminal,
                    "branch": branch,
                    "number": journal.number,
                    "name": f"SGT-{journal.number}",
                    "key": journal.key.public_key().public_bytes_raw().hex(),
                },
            )


@dataclass(slots=True)
class Place:
    """A company with one branch, and the service that all tests of this file share."""

    environment: dict[str, str]
    engine: Engine
    branch: str
    service: Service


@pytest.fixture(scope="module")
def place(
    postgres: EmbeddedPostgres,
    postgres_maintenance: Engine,
    redis_server: EmbeddedRedis,
    company_keys: CompanyKeys,
) -> Iterator[Place]:
    """One process for all: starting it takes longer than most of what it is asked here."""
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE sync_server TEMPLATE {TEMPLATE}"))
    engine = make_engine(postgres.url("sync_server"))
    key = company_keys.signing_key
    with engine.begin() as connection:
        init_company(connection, name="Uji", currency="IDR", now_ms=NOW_MS, signing_key=key)
        branch = create_branch(
            connection, code="SGT", name="Sangatta", zone="WITA", now_ms=NOW_MS, signing_key=key
        )
    environment = {
        "SENTRA_DATABASE_URL": postgres.url("sync_server").replace("postgres@", f"{APP_ROLE}@"),
        "SENTRA_REDIS_URL": redis_server.url(),
        "SENTRA_KEYS_DIR": str(company_keys.folder),
        "SENTRA_SYNC_URL": "https://127.0.0.1:8443",
    }
    with running_service(environment, "--tls") as service:
        yield Place(environment, engine, branch, service)
    engine.dispose()
    with postgres_maintenance.connect() as connection:
        connection.execute(text("DROP DATABASE sync_server WITH (FORCE)"))


@pytest.fixture
def service(place: Place) -> Service:
    return place.service


@pytest.fixture
def tills(place: Place) -> Callable[[int], list[Journal]]:
    """`tills(3)`: three new terminals of the branch, each with an empty journal."""

    def make(count: int) -> list[Journal]:
        journals = [Journal(next(_numbers)) for _ in range(count)]
        enrol(place.engine, place.branch, *journals)
        return journals

    return make


def count_sales(place: Place, journals: Sequence[Journal]) -> tuple[int, int]:
    """(count, sum) of what PostgreSQL has of these terminals."""
    query = text("SELECT count(*), sum(total) FROM sale WHERE terminal_id = ANY(:ids)")
    ids = [uuid.UUID(one.terminal) for one in journals]
    with place.engine.connect() as connection:
        count, total = connection.execute(query, {"ids": ids}).one()
    return count, total


@contextlib.contextmanager
def linked(service: Service, keys: CompanyKeys, journal: Journal) -> Iterator[Link]:
    link = service.link(keys, journal.terminal, journal.key)
    try:
        yield link
    finally:
        link.close()


def test_a_sale_is_taken_once_over_tls(
    place: Place, tills: Tills, company_keys: CompanyKeys
) -> None:
    (journal,) = tills(1)
    journal.sell(3)
    with linked(place.service, company_keys, journal) as link:
        parcels = [Parcel(journal.sealed(1, 3))]
        first, second = link.send(parcels), link.send(parcels)
    assert [one.outcome for one in first.outcomes] == ["appended"]
    assert [one.outcome for one in second.outcomes] == ["already"]
    assert count_sales(place, [journal]) == (3, 13_500)


def test_hello_and_feed_work_over_the_wire(
    service: Service, tills: Tills, company_keys: CompanyKeys
) -> None:
    (journal,) = tills(1)
    said = Hello(software="t", protocols=(1,), clock_ms=0, heads={}, timeline="", feed={COMPANY: 0})
    with linked(service, company_keys, journal) as link:
        answer = link.hello(said)
        head, revisions = link.feed(COMPANY, 0)
    assert answer.here[journal.terminal].seq == 0
    assert head == answer.feed[COMPANY] == len(revisions)


def test_many_tills_at_once_each_get_their_own_sales_in(
    place: Place, tills: Tills, company_keys: CompanyKeys
) -> None:
    journals = tills(6)
    for journal in journals:
        journal.sell(20)

    def live(journal: Journal) -> None:
        with linked(place.service, company_keys, journal) as link:
            for seq in range(1, 21):
                (outcome,) = link.send([Parcel(journal.sealed(seq, seq))]).outcomes
                assert outcome.outcome == "appended"

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(live, journals))
    assert count_sales(place, journals) == (120, 120 * 4_500)


def test_a_stream_wakes_for_the_feed_and_for_the_own_head_only(
    service: Service,
    tills: Tills,
    company_keys: CompanyKeys,
    redis_server: EmbeddedRedis,
    until: Until,
) -> None:
    mine, other = tills(2)
    heard: list[str] = []
    stop = threading.Event()
    redis = connect_redis(redis_server.url())

    def listen(link: Link) -> None:
        for name in link.wakes(stop):
            heard.append(name)

    with linked(service, company_keys, mine) as link:
        listener = threading.Thread(target=listen, args=(link,))
        listener.start()
        until(lambda: feed_moved(redis, COMPANY, 2) and "feed" in heard, 60)
        for journal in (other, mine):
            journal.sell(1)
            with linked(service, company_keys, journal) as theirs:
                theirs.send([Parcel(journal.sealed(1, 1))])
        until(lambda: "head" in heard, 60)
        stop.set()
        link.hang_up()
        listener.join()
    redis.close()
    assert heard.count("head") == 1


def test_streams_end_with_the_process_and_hold_up_neither_it_nor_others(
    place: Place, tills: Tills, company_keys: CompanyKeys, until: Until
) -> None:
    journals = tills(12)
    stop = threading.Event()
    with running_service(place.environment, "--tls") as service, contextlib.ExitStack() as stack:
        links = [stack.enter_context(linked(service, company_keys, one)) for one in journals]
        threads = [threading.Thread(target=_listen, args=(link, stop)) for link in links]
        for thread in threads:
            thread.start()
        until(lambda: b"sentra_sync_streams 12.0" in _metrics(service, company_keys), 60)
        journals[0].sell(1)
        links[0].send([Parcel(journals[0].sealed(1, 1))])
        began_s = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(timeout=60)
        assert time.monotonic() - began_s < 30
        for thread in threads:
            thread.join(timeout=10)
            assert not thread.is_alive()


def _listen(link: Link, stop: threading.Event) -> None:
    with contextlib.suppress(LinkDown):
        for _ in link.wakes(stop):
            pass


def test_a_refused_request_is_logged_once_and_counted(
    service: Service, tills: Tills, company_keys: CompanyKeys, until: Until
) -> None:
    (known,) = tills(1)
    known.key = Journal(9_999).key
    with linked(service, company_keys, known) as link, pytest.raises(LinkRefused) as refused:
        link.send([])
    assert refused.value.slug == "signature-wrong"
    until(lambda: service.logged("request refused"))
    (line,) = service.logged("request refused")
    assert (line["problem"], line["path"]) == ("signature-wrong", "/v1/journal")
    told = _metrics(service, company_keys)
    assert b'sentra_requests_refused_total{problem="signature-wrong"} 1.0' in told


def test_an_oversized_request_is_answered_before_its_body_has_come(
    service: Service, company_keys: CompanyKeys
) -> None:
    head = f"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: {ENVELOPE_BYTES_MAX}\r\n\r\n"
    with _connected(service, company_keys) as wire:
        wire.sendall(head.encode())
        assert wire.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_half_a_request_holds_up_nobody(
    service: Service, tills: Tills, company_keys: CompanyKeys
) -> None:
    (journal,) = tills(1)
    journal.sell(1)
    with _connected(service, company_keys) as wire:
        wire.sendall(b"POST /v1/journal HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nSNV1")
        with linked(service, company_keys, journal) as link:
            (outcome,) = link.send([Parcel(journal.sealed(1, 1))]).outcomes
    assert outcome.outcome == "appended"


def test_a_setting_that_is_missing_stops_the_start_with_its_name(place: Place) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from sentra.command import main; main()", "syncd", "service"],
        env={**os.environ, **place.environment, "SENTRA_REDIS_URL": "", "SENTRA_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "SENTRA_REDIS_URL" in told.stderr
    assert "Traceback" not in told.stderr


@contextlib.contextmanager
def _connected(service: Service, keys: CompanyKeys) -> Iterator[ssl.SSLSocket]:
    address = urlsplit(service.address)
    assert address.hostname is not None
    assert address.port is not None
    context = ssl.create_default_context(cadata=keys.anchors)
    with (
        socket.create_connection((address.hostname, address.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=address.hostname) as wire,
    ):
        yield wire


def _metrics(service: Service, keys: CompanyKeys) -> bytes:
    told = b""
    with _connected(service, keys) as wire:
        wire.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while part := wire.recv(65_536):
            told += part
    return told
