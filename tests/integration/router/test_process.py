"""`sentra router` as a process: killed, stopped, started twice, several in one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from sentra.link.errors import LinkDown, LinkRefused
from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import Parcel
from tests.integration.router.conftest import RouterProcess
from tests.support.fake_cloud import FakeCloud, a_hello, a_router, a_till_link, device_of
from tests.support.journals import Journal, an_id

Until = Callable[..., None]
StartProcess = Callable[..., RouterProcess]
KILLS = 6
SALES_A_ROUND = 40
STOP_S_MAX = 3.0
"""Two seconds by design; a machine that runs everything at once gets one more."""


@pytest.fixture
def folder(tmp_path: Path, cloud: FakeCloud, journal: Journal) -> Path:
    """An enrolled router that is not started; its cloud knows one till."""
    a_router(tmp_path / "router", cloud)
    cloud.publish_branch(device_of(journal))
    return tmp_path / "router"


def wait_until_known(running: RouterProcess, journal: Journal, anchors: str, until: Until) -> None:
    link = a_till_link(journal, anchors, running.port)

    def known() -> bool:
        try:
            return link.hello(a_hello(journal)).protocol == 1
        except (LinkRefused, LinkDown):
            return False

    until(known, 20.0)
    link.close()


def test_killed_at_any_moment_it_has_everything_that_it_acknowledged(
    folder: Path,
    cloud: FakeCloud,
    journal: Journal,
    start_process: StartProcess,
    until: Until,
) -> None:
    anchors, acknowledged = cloud.authority.anchors, EMPTY
    for _ in range(KILLS):
        running = start_process(folder)
        wait_until_known(running, journal, anchors, until)
        link = a_till_link(journal, anchors, running.port)
        here = link.hello(a_hello(journal)).here[journal.terminal].to_head()
        assert here.seq >= acknowledged.seq, "an acknowledged sale is gone"
        if acknowledged.seq:
            assert here.seq > acknowledged.seq or here == acknowledged
        killer = threading.Timer(0.1, running.process.kill)
        try:
            for _ in range(SALES_A_ROUND):
                if here.seq == len(journal.entries):
                    journal.sell(1)
                parcel = Parcel(journal.sealed(here.seq + 1, here.seq + 1))
                here = link.send([parcel]).outcomes[0].here.to_head()
                acknowledged = here
                if not killer.is_alive():
                    killer.start()
        except (LinkDown, RuntimeError):
            pass  # The router died under the request, or the round was over before.
        killer.cancel()
        running.process.kill()
        running.process.wait()
        link.close()
    start_process(folder)
    assert acknowledged.seq > 0
    until(lambda: cloud.count(journal.terminal) >= acknowledged.seq, 20.0)
    held = cloud.entries[journal.terminal]
    assert held == journal.entries[: len(held)]


def test_it_ends_within_two_seconds_although_tills_wait_and_the_cloud_is_asked(
    folder: Path,
    cloud: FakeCloud,
    journal: Journal,
    start_process: StartProcess,
    until: Until,
) -> None:
    running = start_process(folder)
    wait_until_known(running, journal, cloud.authority.anchors, until)
    links = [a_till_link(journal, cloud.authority.anchors, running.port) for _ in range(10)]
    waits = threading.Semaphore(0)

    def wait(index: int) -> None:
        try:
            waits.release()
            for _ in links[index].wakes(threading.Event()):
                pass
        except (LinkDown, LinkRefused):
            return

    waiting = [threading.Thread(target=wait, args=(index,)) for index in range(len(links))]
    for thread in waiting:
        thread.start()
    for _ in waiting:
        waits.acquire()
    metrics = f"{running.page}/metrics"
    until(lambda: 'sentra_router_streams{router="SGT-R1"} 10.0' in fetch(metrics), 20.0)
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=20) == 0
    assert time.monotonic() - began < STOP_S_MAX
    for thread in waiting:
        thread.join(5)
        assert not thread.is_alive()
    assert running.lines[-1]["event"] == "stopped"


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback
        return str(answer.read().decode())


def test_the_machines_own_port_answers_probes_and_prometheus(
    folder: Path, start_process: StartProcess, until: Until
) -> None:
    running = start_process(folder)
    assert fetch(f"{running.page}/healthz") == "ok\n"
    assert '"ready":true' in fetch(f"{running.page}/readyz").replace(" ", "")
    until(lambda: 'sentra_router_trunk_up{router="SGT-R1"} 1.0' in fetch(f"{running.page}/metrics"))
    shown = fetch(f"{running.page}/metrics")
    for name in ("backlog_entries", "backlog_oldest_age_seconds", "disk_free_bytes"):
        assert f'sentra_router_{name}{{router="SGT-R1"}}' in shown


def test_several_routers_share_a_process_each_with_its_own_certificate(
    tmp_path: Path,
    cloud: FakeCloud,
    folder: Path,
    journal: Journal,
    start_process: StartProcess,
    until: Until,
) -> None:
    second, name = tmp_path / "second", an_id(850_002)
    certificate, key = cloud.authority.write(second / "made", (f"{name}.router.sentra",))
    a_router(
        second,
        cloud,
        device_id=name,
        name="JKT-R1",
        certificate=certificate.read_text(),
        tls_key=key.read_text(),
    )
    running = start_process(folder, second)
    serving = [line for line in running.lines if line["event"] == "serving"]
    assert {line["router"] for line in serving} == {"SGT-R1", "JKT-R1"}
    wait_until_known(running, journal, cloud.authority.anchors, until)
    wrong = a_till_link(journal, cloud.authority.anchors, int(str(serving[1]["address"])[10:]))
    with pytest.raises(LinkDown) as refused:
        wrong.hello(a_hello(journal))
    assert refused.value.slug == "tls", "the second router shows a certificate of its own"


def run_router(*words: str) -> subprocess.CompletedProcess[str]:
    """`sentra router` that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-c", "from sentra.command import main; main()", "router", *words],
        env={**os.environ, "SENTRA_KEY_STORE": "file", "SENTRA_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )


def test_two_on_one_folder_are_refused_with_a_sentence(
    folder: Path, start_process: StartProcess
) -> None:
    start_process(folder)
    second = run_router("--data", str(folder), "--port", "0", "--page-port", "0")
    assert second.returncode == 1
    assert "Another router is already running on" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_folder_that_was_not_enrolled_says_what_to_do(tmp_path: Path) -> None:
    ended = run_router("--data", str(tmp_path / "nothing"))
    assert ended.returncode == 1
    assert "sentra enrol" in ended.stderr


def test_a_port_that_is_taken_is_named_and_the_router_ends(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for ports in (("--port", port, "--page-port", "0"), ("--port", "0", "--page-port", port)):
            ended = run_router("--data", str(folder), "--host", "127.0.0.1", *ports)
            assert ended.returncode == 1
            assert f"cannot listen on 127.0.0.1 port {port}" in ended.stderr
            assert "Traceback" not in ended.stderr
