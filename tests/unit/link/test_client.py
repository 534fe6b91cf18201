"""Signed requests over pinned TLS: what comes through, what is refused, what is no answer."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.link import wire
from sentra.link.client import Link
from sentra.link.errors import AddressWrong, LinkDown, LinkRefused
from sentra.protocol import envelope, signing
from sentra.protocol.answer import pack_answer
from sentra.protocol.envelope import Parcel
from sentra.protocol.errors import FeedDamaged
from sentra.protocol.feed import pack_page
from sentra.protocol.messages import (
    HeadNote,
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Problem,
    problem_type,
)
from tests.support.https import Answer, Answering, Asked, Authority, HttpsServer
from tests.support.tills import a_revision

NOW_MS = 1_790_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
DEVICE = "0198d9f0-0000-7000-8000-000000000001"
HELLO = Hello(software="1", protocols=(1,), clock_ms=NOW_MS, heads={}, timeline="t", feed={})
PROBLEM = {"Content-Type": "application/problem+json"}

Serve = Callable[..., HttpsServer]


def hello_answer(clock_ms: int = NOW_MS) -> Answer:
    answer = HelloAnswer(
        protocol=1,
        software="2",
        clock_ms=clock_ms,
        timeline="t",
        here={},
        cloud={},
        feed={},
        segment_bytes_max=1,
        envelope_bytes_max=1,
    )
    return Answer(body=msgspec.json.encode(answer))


def problem(slug: str, status: int, **members: int | bool) -> Answer:
    made = Problem(type=problem_type(slug), title=slug, status=status, detail="because")
    body = msgspec.json.encode(msgspec.structs.replace(made, **members))
    return Answer(f"{status} No", body, PROBLEM)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def serve(authority: Authority, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with these answers; `hosts` are the names in its certificate."""
    running: list[HttpsServer] = []

    def start(
        answering: Answering, hosts: tuple[str, ...] = ("127.0.0.1",), timeout_s: int = 10
    ) -> HttpsServer:
        paths = authority.write(tmp_path / str(len(running)), hosts)
        server = HttpsServer(*paths, answering, timeout_s=timeout_s)
        running.append(server.__enter__())
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture
def link(authority: Authority) -> Iterator[Callable[..., Link]]:
    made: list[Link] = []

    def make(address: str, **changes: object) -> Link:
        settings: dict[str, object] = {
            "server_name": None,
            "anchors": authority.anchors,
            "device_id": DEVICE,
            "key": KEY,
            "clock": lambda: NOW_MS,
            "random_bytes": os.urandom,
        }
        made.append(Link(address, **{**settings, **changes}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


MakeLink = Callable[..., Link]


def check_signature(asked: Asked, now_ms: int = NOW_MS) -> None:
    signature = signing.parse(asked.headers["Sentra-Signature"])
    assert signature.device == DEVICE
    public = KEY.public_key()
    signing.verify(signature, public, asked.method, asked.target, asked.body, now_ms)


def test_a_hello_comes_through_signed_and_tells_the_servers_clock(
    serve: Serve, link: MakeLink
) -> None:
    server = serve(lambda _: hello_answer(NOW_MS + 90_000))
    line = link(server.address)
    assert line.hello(HELLO).software == "2"
    assert line.offset_ms == 90_000
    check_signature(server.asked[0])
    assert msgspec.json.decode(server.asked[0].body, type=Hello) == HELLO


def test_the_query_is_signed_as_it_is_sent(serve: Serve, link: MakeLink) -> None:
    revision, _ = a_revision("company", 4, [("product", "p", None)])
    server = serve(lambda _: Answer(body=pack_page(4, [revision])))
    assert link(server.address).feed("company", 3) == (4, [revision])
    assert server.asked[0].target == "/v1/feed?scope=company&after=3&snapshots=1"
    check_signature(server.asked[0])


def test_an_envelope_is_sent_as_it_is_packed(serve: Serve, link: MakeLink) -> None:
    note = HeadNote(1, 2, "00" * 32)
    outcome = JournalOutcome(terminal=DEVICE, outcome="appended", here=note)
    answer = JournalAnswer(outcomes=(outcome,), credit_bytes=7)
    server = serve(lambda _: Answer(body=pack_answer(answer, [])))
    assert link(server.address).send([Parcel(b"sealed")]) == answer
    assert envelope.unpack(server.asked[0].body) == [Parcel(b"sealed")]
    check_signature(server.asked[0])


def test_no_two_requests_carry_the_same_nonce(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: hello_answer())
    line = link(server.address)
    for _ in range(5):
        line.hello(HELLO)
    nonces = {signing.parse(asked.headers["Sentra-Signature"]).nonce for asked in server.asked}
    assert len(nonces) == 5


def test_a_connection_is_kept_for_the_next_request(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: hello_answer())
    line = link(server.address)
    for _ in range(5):
        line.hello(HELLO)
    assert len({asked.port for asked in server.asked}) == 1


def test_a_connection_that_the_server_closed_is_replaced(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: Answer(body=hello_answer().body, headers={"Connection": "close"}))
    line = link(server.address)
    for _ in range(3):
        line.hello(HELLO)
    assert len({asked.port for asked in server.asked}) == 3


def test_a_wrong_clock_is_corrected_by_the_servers_and_the_request_made_again(
    serve: Serve, link: MakeLink
) -> None:
    ahead = 3 * 365 * 24 * 3600 * 1000

    def answering(asked: Asked) -> Answer:
        time_ms = signing.parse(asked.headers["Sentra-Signature"]).time_ms
        if abs(time_ms - NOW_MS - ahead) > signing.WINDOW_MS:
            return problem("clock-skew", 401, server_time_ms=NOW_MS + ahead, retry=True)
        return hello_answer(NOW_MS + ahead)

    server = serve(answering)
    line = link(server.address)
    line.hello(HELLO)
    assert len(server.asked) == 2
    line.hello(HELLO)
    assert len(server.asked) == 3


def test_a_clock_that_is_refused_again_is_a_refusal(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: problem("clock-skew", 401, server_time_ms=NOW_MS))
    with pytest.raises(LinkRefused) as caught:
        link(server.address).hello(HELLO)
    assert caught.value.slug == "clock-skew"
    assert len(server.asked) == 2


def test_a_problem_is_a_refusal_with_its_word_and_its_reason(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: problem("device-unknown", 401, retry=True))
    with pytest.raises(LinkRefused, match="because") as caught:
        link(server.address).hello(HELLO)
    assert caught.value.slug == "device-unknown"
    assert caught.value.problem.retry


def test_how_long_to_wait_comes_with_the_refusal(serve: Serve, link: MakeLink) -> None:
    busy = problem("too-busy", 503)
    server = serve(lambda _: Answer(busy.status, busy.body, {**PROBLEM, "Retry-After": "9"}))
    with pytest.raises(LinkRefused) as caught:
        link(server.address).hello(HELLO)
    assert caught.value.problem.retry_after_s == 9


def test_an_error_page_of_something_in_between_is_no_answer(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: Answer("502 Bad Gateway", b"<html>oops</html>"))
    with pytest.raises(LinkDown) as caught:
        link(server.address).hello(HELLO)
    assert caught.value.slug == "http-502"


def test_a_redirect_is_not_followed(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: Answer("302 Found", b"", {"Location": "https://127.0.0.1:1/"}))
    with pytest.raises(LinkRefused):
        link(server.address).hello(HELLO)
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"[1]", b"\xff", b'{"a":' * 9999])
def test_an_answer_that_is_none_is_no_answer(serve: Serve, link: MakeLink, body: bytes) -> None:
    server = serve(lambda _: Answer(body=body))
    with pytest.raises(LinkDown) as caught:
        link(server.address).hello(HELLO)
    assert caught.value.slug == "unreadable"


def test_a_page_of_the_feed_that_is_none_is_damaged(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: Answer(body=b"junk"))
    with pytest.raises(FeedDamaged):
        link(server.address).feed("company", 0)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_there_is_no_answer(link: MakeLink) -> None:
    with pytest.raises(LinkDown, match="tried again by itself") as caught:
        link(f"127.0.0.1:{closed_port()}").hello(HELLO)
    assert caught.value.slug == "no-answer"


def test_a_line_that_breaks_before_tls_begins_is_no_answer(link: MakeLink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            # All of the first message has come: closing is an end then, and no reset.
            connection.recv(65_536)
            connection.close()

        answering = threading.Thread(target=hang_up)
        answering.start()
        with pytest.raises(LinkDown) as caught:
            link(f"127.0.0.1:{listening.getsockname()[1]}").hello(HELLO)
        answering.join()
    assert caught.value.slug == "no-answer"


def test_silence_is_no_answer_in_bounded_time(
    serve: Serve, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_S_MAX", 0.2)
    over = threading.Event()

    def answering(_: Asked) -> Answer:
        over.wait(5)
        return hello_answer()

    server = serve(answering)
    with pytest.raises(LinkDown) as caught:
        link(server.address).hello(HELLO)
    over.set()
    assert caught.value.slug == "timeout"


def test_a_server_of_another_authority_is_not_spoken_to(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: hello_answer())
    with pytest.raises(LinkDown) as caught:
        link(server.address, anchors=Authority("Other").anchors).hello(HELLO)
    assert caught.value.slug == "tls"
    assert server.asked == []


def test_a_router_is_known_by_its_name_whatever_its_address(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: hello_answer(), ("r1.router.sentra",))
    link(server.address, server_name="r1.router.sentra").hello(HELLO)
    for name in (None, "r2.router.sentra"):
        with pytest.raises(LinkDown) as caught:
            link(server.address, server_name=name).hello(HELLO)
        assert caught.value.slug == "tls"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "", "ftp://a", "https://", "a b:c"])
def test_an_address_without_tls_is_none(link: MakeLink, address: str) -> None:
    with pytest.raises(AddressWrong):
        link(address)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("https://sync.example", "sync.example", 443),
        ("https://sync.example:8443/", "sync.example", 8443),
        ("10.0.0.2:8443", "10.0.0.2", 8443),
        ("[::1]:8443", "::1", 8443),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, host: str, port: int) -> None:
    assert wire.parse_address(text) == wire.Address(host, port)


# --- Wake-ups -----------------------------------------------------------------------------------


def events(*pieces: bytes) -> Answer:
    return Answer(body=iter(pieces), headers={"Content-Type": "text/event-stream"})


def test_wake_ups_come_by_their_names_and_heartbeats_are_silent(
    serve: Serve, link: MakeLink
) -> None:
    pieces = (b": here\n\n", b"event: feed\nda", b"ta: company\n\nevent: head\n\n", b": still\n\n")
    server = serve(lambda _: events(*pieces))
    heard = []
    with pytest.raises(LinkDown):
        for name in link(server.address).wakes(threading.Event()):
            heard.append(name)
    assert heard == ["feed", "head"]
    check_signature(server.asked[0])


def test_a_refused_stream_is_a_refusal(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: problem("streams-full", 503))
    with pytest.raises(LinkRefused):
        next(link(server.address).wakes(threading.Event()))


def test_a_line_without_end_breaks_the_stream(serve: Serve, link: MakeLink) -> None:
    server = serve(lambda _: events(*[b"x" * 4096] * 3))
    with pytest.raises(LinkDown):
        next(link(server.address).wakes(threading.Event()))


@pytest.mark.parametrize("ending", ["close", "hang_up"])
def test_a_waiting_stream_is_ended_from_another_thread(
    serve: Serve, link: MakeLink, ending: str
) -> None:
    over = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"event: feed\n\n"
        over.wait(10)

    server = serve(lambda _: Answer(body=pieces()))
    line = link(server.address)
    stop, first = threading.Event(), threading.Event()

    def listen() -> None:
        try:
            for _ in line.wakes(stop):
                first.set()
        except LinkDown:
            pass

    listener = threading.Thread(target=listen)
    listener.start()
    assert first.wait(5)
    stop.set()
    getattr(line, ending)()
    # Far below the heartbeat, which would end the wait too.
    listener.join(10)
    over.set()
    assert not listener.is_alive()


def test_a_stream_that_has_ended_meanwhile_is_hung_up_all_the_same(
    serve: Serve, link: MakeLink
) -> None:
    server = serve(lambda _: events(b"event: feed\n\n"))
    line = link(server.address)
    wakes = line.wakes(threading.Event())
    assert next(wakes) == "feed"
    (response,) = line._streams
    response.release_conn()
    line.hang_up()
