"""`sentra web` as it runs: a process that starts, serves, streams, and ends when it is asked to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from sentra.cloud.keys import CompanyKeys

READY_S = 60
END_S = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def environment(chain_url: str, redis_url: str, company_keys: CompanyKeys) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SENTRA_")},
        "SENTRA_DATABASE_URL": chain_url,
        "SENTRA_REDIS_URL": redis_url,
        "SENTRA_KEYS_DIR": str(company_keys.folder),
        "SENTRA_LANGUAGE": "en",
    }


def start(environment: dict[str, str], port: int, log: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("sentra")), "web", "--bind", f"127.0.0.1:{port}"]
    with log.open("wb") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out)


@pytest.fixture
def server(
    environment: dict[str, str], tmp_path: Path, until: Callable[..., None]
) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    port, log = free_port(), tmp_path / "log"
    process = start(environment, port, log)
    http = urllib3.PoolManager(retries=False, timeout=5)

    def is_up() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return http.request("GET", f"http://127.0.0.1:{port}/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    until(is_up, READY_S)
    yield f"http://127.0.0.1:{port}", process, log
    process.kill()
    process.wait()


def test_it_serves_signs_in_streams_and_ends(
    server: tuple[str, subprocess.Popen[bytes], Path],
) -> None:
    address, process, log = server
    http = urllib3.PoolManager(retries=False, timeout=30)
    page = http.request("GET", f"{address}/sign-in")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.data.decode())
    assert token
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    answer = http.request(
        "POST",
        f"{address}/sign-in",
        fields={"login": "ratna", "password": "rahasia-sekali", "csrf_token": token[1]},
        encode_multipart=False,
        headers={"Cookie": cookie},
        redirect=False,
    )
    assert answer.status == 303, answer.data[:300]
    cookies = [value.partition(";")[0] for value in answer.headers.getlist("Set-Cookie")]
    stream = http.request(
        "GET", f"{address}/live", headers={"Cookie": "; ".join(cookies)}, preload_content=False
    )
    assert stream.read(6) == b"retry:"
    process.send_signal(signal.SIGTERM)
    assert process.wait(END_S) == 0, log.read_text()
    lines = log.read_text().splitlines()
    assert lines and all(line.startswith("{") for line in lines), "everything is a JSON line"


def test_a_wrong_setting_is_named_and_nothing_starts(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    process = start({**environment, "SENTRA_DATABASE_URL": "mysql://x/y"}, free_port(), log)
    assert process.wait(READY_S) == 1
    assert log.read_text().strip() == (
        "The setting SENTRA_DATABASE_URL is not an address that begins with postgresql://,"
        " postgresql+psycopg2://. Correct it and start again."
    )
