"""A link that can be cut: bytes pass, a cut ends what is open and refuses what comes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from demo.relay import Relays

ANSWER_S_MAX = 5.0


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=_send_back, args=(line,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def _send_back(line: socket.socket) -> None:
    with line:
        try:
            while heard := line.recv(1024):
                line.sendall(heard)
        except OSError:
            return


@pytest.fixture
def relays() -> Iterator[Relays]:
    all_links = Relays()
    yield all_links
    all_links.close()


def _call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S_MAX)


def _answer(line: socket.socket, said: bytes) -> bytes:
    """What comes back; nothing where the line is dead."""
    try:
        line.sendall(said)
        return line.recv(1024)
    except OSError:
        return b""


def test_bytes_pass_through_a_whole_link(relays: Relays, echo: int) -> None:
    link = relays.add("internet", lambda: ("127.0.0.1", echo))
    with _call(link.port) as line:
        assert _answer(line, b"halo") == b"halo"


def test_a_cut_ends_open_connections_and_refuses_new_ones(relays: Relays, echo: int) -> None:
    link = relays.add("internet", lambda: ("127.0.0.1", echo))
    with _call(link.port) as line:
        assert _answer(line, b"halo") == b"halo"
        relays.set_cut("internet", cut=True)
        assert _answer(line, b"masih?") == b""
    with _call(link.port) as line:
        assert _answer(line, b"lagi?") == b""


def test_a_mended_link_carries_again(relays: Relays, echo: int) -> None:
    link = relays.add("internet", lambda: ("127.0.0.1", echo))
    relays.set_cut("internet", cut=True)
    relays.set_cut("internet", cut=False)
    with _call(link.port) as line:
        assert _answer(line, b"halo") == b"halo"


def test_a_link_without_a_far_end_answers_nothing_and_lives_on(relays: Relays, echo: int) -> None:
    target = [("127.0.0.1", 1)]
    link = relays.add("lan", lambda: target[0])
    with _call(link.port) as line:
        assert _answer(line, b"halo") == b""
    target[0] = ("127.0.0.1", echo)
    with _call(link.port) as line:
        assert _answer(line, b"halo") == b"halo"


def test_a_busy_port_is_stepped_around(relays: Relays, echo: int) -> None:
    link = relays.add("internet", lambda: ("127.0.0.1", echo), port=echo)
    assert link.port != echo
    with _call(link.port) as line:
        assert _answer(line, b"halo") == b"halo"
