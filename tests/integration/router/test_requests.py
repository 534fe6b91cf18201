"""What a router answers its tills over the wire, and whom and what it refuses."""

from __future__ import annotations

import http.client
import secrets
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing

import msgspec
import pytest

from router_agent.inbound.server import HANDSHAKE_S_MAX
from sentra.link.errors import LinkRefused
from sentra.protocol import signing
from sentra.protocol.answer import unpack_answer
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Parcel, pack
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import Problem, note_of, watermark_is_true
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import a_hello, device_of, now_ms
from tests.support.journals import Journal, an_id
from tests.support.tills import BRANCH, CLOUD_KEY

Until = Callable[..., None]


def raw(
    running: Running,
    journal: Journal,
    method: str,
    target: str,
    body: bytes = b"",
    **signed: object,
) -> tuple[int, bytes]:
    """A request with a signature that the test may bend: key, time_ms, nonce, signed_body."""
    nonce = signed.get("nonce", secrets.token_bytes(signing.NONCE_BYTES))
    assert isinstance(nonce, bytes)
    key = signed.get("key", journal.key)
    header = signing.sign(
        key,  # type: ignore[arg-type]  # the test's own
        journal.terminal,
        method,
        target,
        signed.get("signed_body", body),  # type: ignore[arg-type]  # the test's own
        int(str(signed.get("time_ms", now_ms()))),
        nonce,
    )
    headers = {} if signed.get("unsigned") else {signing.HEADER: header}
    context = ssl.create_default_context(cadata=running.cloud.authority.anchors)
    context.check_hostname = False
    with closing(
        http.client.HTTPSConnection("127.0.0.1", running.port, timeout=20, context=context)
    ) as connection:
        connection.request(method, target, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def slug_of(answer: tuple[int, bytes]) -> tuple[int, str]:
    problem = msgspec.json.decode(answer[1], type=Problem)
    assert problem.status == answer[0]
    return answer[0], problem.type.rpartition(":")[2]


# -- the good way ----------------------------------------------------------------------------------


def test_a_sale_is_acknowledged_here_and_reaches_the_cloud_with_the_routers_stamp(
    served: Running, journal: Journal, until: Until
) -> None:
    journal.sell(5)
    link = served.link(journal)
    assert link.hello(a_hello(journal)).here[journal.terminal].to_head() == EMPTY
    answer = link.send([Parcel(journal.sealed(1, 3)), Parcel(journal.sealed(4, 5))])
    assert [(o.outcome, o.appended) for o in answer.outcomes] == [("appended", 5)]
    assert answer.outcomes[0].here.to_head() == journal.head
    until(lambda: served.cloud.count(journal.terminal) == 5)
    assert served.cloud.entries[journal.terminal] == journal.entries
    assert set(served.cloud.custody) == {served.router.identity.device_id}


def test_the_clouds_signed_word_is_passed_on(
    served: Running, journal: Journal, until: Until
) -> None:
    journal.sell(2)
    link = served.link(journal)
    link.send([Parcel(journal.sealed(1, 2))])

    def acknowledged() -> bool:
        mark = link.hello(a_hello(journal)).cloud.get(journal.terminal)
        return mark is not None and mark.head.seq == 2

    until(acknowledged)
    mark = link.hello(a_hello(journal)).cloud[journal.terminal]
    assert watermark_is_true(mark, CLOUD_KEY.public_key())


def test_a_repeated_envelope_is_had_already_and_a_hole_is_asked_for(
    served: Running, journal: Journal
) -> None:
    journal.sell(6)
    link = served.link(journal)
    link.send([Parcel(journal.sealed(1, 2))])
    assert link.send([Parcel(journal.sealed(1, 2))]).outcomes[0].outcome == "already"
    gap = link.send([Parcel(journal.sealed(5, 6))]).outcomes[0]
    assert (gap.outcome, gap.here.seq) == ("gap", 2)


def test_the_feed_comes_from_the_cache_as_the_cloud_sealed_it(
    served: Running, journal: Journal
) -> None:
    served.cloud.down = True
    link = served.link(journal)
    head, revisions = link.feed(BRANCH, 0)
    assert (head, revisions) == (1, served.cloud.revisions[BRANCH])
    assert link.feed(COMPANY, 0) == (0, [])


def test_a_waiting_till_hears_of_decisions_and_of_its_own_journal_alone(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    heard: dict[str, list[str]] = {journal.terminal: [], other.terminal: []}
    stop = threading.Event()
    for one in (journal, other):
        link = served.link(one)
        said = heard[one.terminal]
        threading.Thread(
            target=lambda link=link, said=said: said.extend(_words(link.wakes(stop))), daemon=True
        ).start()
    until(lambda: served.router.streams.count == 2)
    journal.sell(1)
    served.link(journal).send([Parcel(journal.sealed(1, 1))])
    until(lambda: served.cloud.count(journal.terminal) == 1)
    served.cloud.publish(BRANCH, ("device", device_of(Journal(3))))
    until(lambda: len(served.router.devices.all()) == 3)
    served.router.streams.stop()
    until(lambda: served.router.streams.count == 0)
    until(lambda: heard[journal.terminal] == ["head", "feed"])
    assert heard[other.terminal] == ["feed"]


def _words(names: object) -> list[str]:
    found: list[str] = []
    try:
        for name in names:  # type: ignore[attr-defined]  # an iterator of names
            found.append(name)
    except Exception:
        return found
    return found


def test_tills_that_wait_never_take_the_threads_of_those_that_ask(
    served: Running, journal: Journal, until: Until
) -> None:
    waiting = 12
    assert waiting > served.router.settings.threads
    stop = threading.Event()
    for _ in range(waiting):
        link = served.link(journal)
        threading.Thread(target=lambda link=link: _words(link.wakes(stop)), daemon=True).start()
    until(lambda: served.router.streams.count == waiting)
    assert served.link(journal).hello(a_hello(journal)).protocol == 1


# -- who is refused --------------------------------------------------------------------------------


def test_a_request_without_a_signature_or_with_a_wrong_one_is_refused(
    served: Running, journal: Journal, other: Journal
) -> None:
    assert slug_of(raw(served, journal, "POST", "/v1/hello", b"{}", unsigned=True)) == (
        401,
        "signature-wrong",
    )
    assert slug_of(raw(served, journal, "POST", "/v1/hello", b"{}", key=other.key)) == (
        401,
        "signature-wrong",
    )
    assert slug_of(raw(served, journal, "POST", "/v1/hello", b"{ }", signed_body=b"{}")) == (
        401,
        "signature-wrong",
    )


def test_an_old_clock_is_told_the_time_and_the_link_goes_on_with_it(
    served: Running, journal: Journal
) -> None:
    answer = raw(served, journal, "GET", "/v1/feed?scope=company&after=0", time_ms=1_000_000)
    assert slug_of(answer) == (401, "clock-skew")
    told = msgspec.json.decode(answer[1], type=Problem).server_time_ms
    assert told is not None
    assert abs(told - now_ms()) < 60_000
    served.clock.ahead_ms = 30 * 60_000
    assert served.link(journal).hello(a_hello(journal)).protocol == 1


def test_a_replayed_request_is_refused(served: Running, journal: Journal) -> None:
    nonce, time_ms = secrets.token_bytes(signing.NONCE_BYTES), now_ms()
    target = "/v1/feed?scope=company&after=0"
    first = raw(served, journal, "GET", target, nonce=nonce, time_ms=time_ms)
    again = raw(served, journal, "GET", target, nonce=nonce, time_ms=time_ms)
    assert first[0] == 200
    assert slug_of(again) == (409, "nonce-replayed")


def test_a_terminal_of_another_branch_is_unknown_here(served: Running) -> None:
    with pytest.raises(LinkRefused) as refused:
        served.link(Journal(9)).hello(a_hello(Journal(9)))
    assert (refused.value.slug, refused.value.problem.retry) == ("device-unknown", True)


def test_a_till_enrolled_after_the_router_is_served_as_soon_as_the_feed_is_asked(
    served: Running, until: Until
) -> None:
    new = Journal(3)
    # No wake-up comes: only the stranger's own request makes the router look.
    served.cloud.is_mute = True
    served.cloud.publish(BRANCH, ("device", device_of(new)))

    def served_now() -> bool:
        try:
            return served.link(new).hello(a_hello(new)).protocol == 1
        except LinkRefused as refused:
            assert refused.slug == "device-unknown"
            return False

    until(served_now, 4.0)


def test_a_revoked_till_may_bring_its_facts_and_gets_no_decisions(
    served: Running, journal: Journal, until: Until
) -> None:
    served.cloud.publish(BRANCH, ("device", device_of(journal, revoked=True)))
    until(lambda: any(one.revoked for one in served.router.devices.all()))
    link = served.link(journal)
    answer = link.hello(a_hello(journal))
    assert answer.notices == ("device-revoked",)
    assert answer.feed == {}
    journal.sell(1)
    assert link.send([Parcel(journal.sealed(1, 1))]).outcomes[0].outcome == "appended"
    for ask in (lambda: link.feed(BRANCH, 0), lambda: next(link.wakes(threading.Event()))):
        with pytest.raises(LinkRefused) as refused:
            ask()
        assert refused.value.slug == "device-revoked"


def test_a_till_gets_no_other_branchs_feed(served: Running, journal: Journal) -> None:
    with pytest.raises(LinkRefused) as refused:
        served.link(journal).feed(an_id(1), 0)
    assert refused.value.slug == "scope-refused"


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("bend", ["truncated", "flipped", "not-an-envelope", "empty"])
def test_a_damaged_envelope_is_refused_and_changes_nothing(
    bend: str, served: Running, journal: Journal
) -> None:
    journal.sell(2)
    body = pack([Parcel(journal.sealed(1, 2))])
    bodies = {
        "truncated": body[:-9],
        "flipped": bytes([body[0] ^ 1]) + body[1:],
        "not-an-envelope": b"PK\x03\x04 nothing of ours",
        "empty": b"",
    }
    assert slug_of(raw(served, journal, "POST", "/v1/journal", bodies[bend])) == (
        400,
        "envelope-damaged",
    )
    assert served.link(journal).hello(a_hello(journal)).here[journal.terminal].seq == 0


@pytest.mark.parametrize("at", [2, 30, 90, -70, -3])
def test_a_segment_with_a_flipped_bit_is_answered_as_refused_and_counted(
    at: int, served: Running, journal: Journal
) -> None:
    journal.sell(2)
    sealed = bytearray(journal.sealed(1, 2))
    sealed[at] ^= 4
    sent = [Parcel(bytes(sealed))]
    status, body = raw(served, journal, "POST", "/v1/journal", pack(sent))
    assert status == 200, body
    said = unpack_answer(body, sent).outcomes
    mine = [one for one in said if one.terminal == journal.terminal]
    assert all(one.outcome == "refused" and one.problem for one in said)
    assert mine or said, "somebody is answered for"
    good = served.link(journal).send([Parcel(journal.sealed(1, 2))])
    assert good.outcomes[0].outcome == "appended"


def test_two_histories_of_one_terminal_are_a_fork_wherever_they_part(
    served: Running, journal: Journal
) -> None:
    clone = Journal(1)
    journal.sell(4)
    clone.sell(4, amount=9_999)
    link = served.link(journal)
    link.send([Parcel(journal.sealed(1, 3)), Parcel(journal.sealed(4, 4))])
    for first, last in ((1, 4), (1, 2), (1, 3)):
        outcome = link.send([Parcel(clone.sealed(first, last))]).outcomes[0]
        assert (outcome.outcome, outcome.here.to_head()) == ("fork", journal.head)


def test_a_terminal_fetches_its_own_segments_back_and_nobody_elses(
    served: Running, journal: Journal, other: Journal
) -> None:
    journal.sell(4)
    sealed = [journal.sealed(1, 3), journal.sealed(4, 4)]
    link = served.link(journal)
    assert link.journal(EMPTY).head == EMPTY
    link.send([Parcel(one) for one in sealed])
    page = link.journal(EMPTY)
    assert (page.head, page.sealed) == (journal.head, sealed)
    assert link.journal(Head(1, 3, b"")).sealed == sealed[1:]
    assert served.link(other).journal(EMPTY).sealed == []
    assert raw(served, journal, "GET", "/v1/journal?epoch=1&after=0", unsigned=True)[0] == 401
    assert raw(served, journal, "GET", "/v1/journal?epoch=1&after=0", key=other.key)[0] == 401


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("epoch=1&after=1", (409, "cursor-beyond")),
        ("epoch=2&after=0", (409, "cursor-beyond")),
        ("epoch=0&after=0", (400, "malformed")),
        ("epoch=1&after=-1", (400, "malformed")),
        ("epoch=%D9%A1&after=0", (400, "malformed")),
        ("after=0", (400, "malformed")),
    ],
)
def test_a_head_from_the_future_or_none_at_all_is_named(
    query: str, slug: tuple[int, str], served: Running, journal: Journal
) -> None:
    assert slug_of(raw(served, journal, "GET", f"/v1/journal?{query}")) == slug


def test_what_is_larger_than_an_envelope_is_refused_before_it_is_read(
    served: Running, journal: Journal
) -> None:
    for size_bytes in (ENVELOPE_BYTES_MAX + 1, 2 * ENVELOPE_BYTES_MAX):
        try:
            status, _ = raw(served, journal, "POST", "/v1/journal", b"x" * size_bytes)
        except OSError:
            continue  # The router hung up before all of it was sent, which says the same.
        assert status == 413
    assert served.link(journal).hello(a_hello(journal)).here[journal.terminal] == note_of(EMPTY)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"software": 1}', b"[" * 5_000, b"\xff\xfe"])
def test_a_hello_that_is_none_is_malformed(body: bytes, served: Running, journal: Journal) -> None:
    assert slug_of(raw(served, journal, "POST", "/v1/hello", body)) == (400, "malformed")


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 40, "%D9%A1"])
def test_a_cursor_that_is_no_revision_is_malformed(
    after: str, served: Running, journal: Journal
) -> None:
    answer = raw(served, journal, "GET", f"/v1/feed?scope=company&after={after}")
    assert slug_of(answer) == (400, "malformed")


def test_a_full_disk_takes_nothing_and_says_so_with_a_retry(
    served: Running, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.sell(1)
    everything = 2**62
    monkeypatch.setattr(
        served.router.vault, "require_room", lambda: type(served.router.vault).require_room(
            served.router.vault, everything
        )
    )  # fmt: skip
    with pytest.raises(LinkRefused) as refused:
        served.link(journal).send([Parcel(journal.sealed(1, 1))])
    assert (refused.value.slug, refused.value.problem.retry) == ("vault-full", True)
    assert served.link(journal).hello(a_hello(journal)).here[journal.terminal].seq == 0


# -- strangers at the door -------------------------------------------------------------------------


def test_whoever_connects_and_says_nothing_keeps_nobody_out(
    served: Running, journal: Journal, until: Until
) -> None:
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(4)]
    try:
        answered = threading.Event()

        def ask() -> None:
            served.link(journal).hello(a_hello(journal))
            answered.set()

        threading.Thread(target=ask, daemon=True).start()
        assert answered.wait(HANDSHAKE_S_MAX - 1), "the branch waited for a stranger's handshake"
    finally:
        for one in silent:
            one.close()


def test_a_browser_without_https_is_told_to_write_it(served: Running) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 400
        assert b"https://" in answer.read()


def test_the_router_shows_its_own_certificate_and_none_older_than_tls_1_2(
    served: Running, journal: Journal
) -> None:
    context = ssl.create_default_context(cadata=served.cloud.authority.anchors)
    name = f"{served.router.identity.device_id}.router.sentra"
    with (
        socket.create_connection(("127.0.0.1", served.port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as line,
    ):
        assert line.version() in ("TLSv1.2", "TLSv1.3")
    assert not list(served.folder.glob("**/*key.pem")) or all(
        "made" in path.parts for path in served.folder.glob("**/*key.pem")
    ), "the router writes no key beside its vault"


def test_heads_of_an_unknown_epoch_are_only_what_the_till_says(
    served: Running, journal: Journal
) -> None:
    strange = note_of(Head(7, 1_000_000, b"z" * 32))
    answer = served.link(journal).hello(a_hello(journal, heads={journal.terminal: strange}))
    assert answer.here[journal.terminal].to_head() == EMPTY
