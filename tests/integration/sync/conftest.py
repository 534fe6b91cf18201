"""A sync service for the tests: its app in this process, or the real server in one of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from sentra.cloud.keys import CompanyKeys
from sentra.link.client import Link
from sentra.protocol import signing
from syncd.service.bootstrap import create_service
from syncd.service.config import Settings, read_settings
from tests.integration.sync.rebuilding import command, empty_url, folder
from tests.present import NOW_MS
from tests.support.backoffice import as_owner, chain, chain_engine, chain_url, filled_chain
from tests.support.books import Books

__all__ = [
    "as_owner",
    "chain",
    "chain_engine",
    "chain_url",
    "command",
    "empty_url",
    "filled_chain",
    "folder",
]

START_S_MAX = 90.0


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass(slots=True)
class TestDevice:
    """An enrolled device that signs what it asks of the app in this process."""

    __test__ = False

    id: str
    branch_id: str
    key: Ed25519PrivateKey
    client: FlaskClient
    clock: Clock
    headers: dict[str, str] = field(default_factory=dict)

    def sign(
        self, method: str, target: str, body: bytes, changed: Mapping[str, object] | None = None
    ) -> str:
        """The signature's header; `changed` replaces time_ms or nonce."""
        changed = changed or {}
        time_ms = int(str(changed.get("time_ms", self.clock.now_ms)))
        nonce = changed.get("nonce", secrets.token_bytes(signing.NONCE_BYTES))
        assert isinstance(nonce, bytes)
        return signing.sign(self.key, self.id, method, target, body, time_ms, nonce)

    def post(self, target: str, body: bytes, **changed: object) -> TestResponse:
        signature = self.sign("POST", target, body, changed)
        return self.client.post(target, data=body, headers={signing.HEADER: signature})

    def get(self, target: str, **changed: object) -> TestResponse:
        signature = self.sign("GET", target, b"", changed)
        return self.client.get(target, headers={signing.HEADER: signature})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def environment(app_database_url: str, redis_url: str, company_keys: CompanyKeys) -> dict[str, str]:
    """What a deployment tells the service, as the programs' role."""
    return {
        "SENTRA_DATABASE_URL": app_database_url,
        "SENTRA_REDIS_URL": redis_url,
        "SENTRA_KEYS_DIR": str(company_keys.folder),
        "SENTRA_SYNC_URL": "https://127.0.0.1:8443",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return read_settings(environment)


@pytest.fixture
def app(settings: Settings, clock: Clock, company: object) -> Flask:
    made = create_service(settings, clock=clock)
    made.testing = False
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def branch(make_branch: Callable[..., str]) -> str:
    return make_branch("SGT")


@pytest.fixture
def make_device(engine: Engine, client: FlaskClient, clock: Clock) -> Callable[..., TestDevice]:
    """`make_device(branch, "terminal", 1)`: one that is in the database already."""

    def make(branch_id: str, role: str = "terminal", number: int = 1) -> TestDevice:
        with engine.begin() as connection:
            name = f"{role}-{number}"
            device_id, key = Books(connection).add_device(branch_id, role, number, name, NOW_MS)
        return TestDevice(device_id, branch_id, key, client, clock)

    return make


@pytest.fixture
def terminal(make_device: Callable[..., TestDevice], branch: str) -> TestDevice:
    return make_device(branch, "terminal", 1)


@pytest.fixture
def router(make_device: Callable[..., TestDevice], branch: str) -> TestDevice:
    return make_device(branch, "router", 1)


@dataclass(slots=True)
class Service:
    """The real server: its process, address and what it has logged so far."""

    process: subprocess.Popen[str]
    address: str
    lines: list[dict[str, object]]

    def link(self, keys: CompanyKeys, device_id: str, key: Ed25519PrivateKey) -> Link:
        """A device's line to it."""
        return Link(
            self.address,
            server_name=None,
            anchors=keys.anchors,
            device_id=device_id,
            key=key,
            clock=lambda: time.time_ns() // 1_000_000,
            random_bytes=secrets.token_bytes,
        )

    def logged(self, event: str) -> list[dict[str, object]]:
        """The log's lines of one event."""
        return [line for line in list(self.lines) if line.get("event") == event]


@contextmanager
def running_service(environment: dict[str, str], *options: str) -> Iterator[Service]:
    """`sentra syncd service` on a port that the kernel chooses."""
    command = [sys.executable, "-c", "from sentra.command import main; main()"]
    process = subprocess.Popen(
        [*command, "syncd", "service", "--bind", "127.0.0.1:0", *options],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    lines: list[dict[str, object]] = []
    listening = threading.Event()
    reader = threading.Thread(target=_read, args=(process, lines, listening), daemon=True)
    reader.start()
    try:
        assert listening.wait(START_S_MAX), lines
        address = next(str(line["address"]) for line in lines if line.get("event") == "listening")
        scheme = "https" if "--tls" in options else "http"
        yield Service(process, f"{scheme}://{address}", lines)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


def _read(
    process: subprocess.Popen[str], lines: list[dict[str, object]], listening: threading.Event
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            lines.append(json.loads(line))
        except ValueError:
            lines.append({"event": "not-json", "text": line})
        if lines[-1].get("event") == "listening":
            listening.set()
