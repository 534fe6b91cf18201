"""What a router refuses: it changes nothing, and its word is stable."""

from __future__ import annotations

import secrets

import msgspec
import pytest

from sentra.link.errors import LinkRefused
from sentra.protocol import signing
from sentra.protocol.answer import unpack_answer
from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Parcel, pack
from sentra.protocol.messages import Problem, note_of
from tests.integration.router.asking import raw, slug_of
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import a_hello, now_ms
from tests.support.journals import Journal, an_id


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


def test_a_till_gets_no_other_branchs_feed(served: Running, journal: Journal) -> None:
    with pytest.raises(LinkRefused) as refused:
        served.link(journal).feed(an_id(1), 0)
    assert refused.value.slug == "scope-refused"


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
