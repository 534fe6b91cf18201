"""The present client against the recorded answers of an older store, and of a newer one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from sentra.link.client import Link
from sentra.link.errors import LinkRefused
from sentra.protocol import enrolment
from sentra.protocol.enrolment import EnrolAnswer, EnrolRequest
from sentra.protocol.entry import EMPTY, GENESIS
from sentra.protocol.envelope import unpack
from sentra.protocol.feed import open_revision
from sentra.protocol.messages import Hello, watermark_is_true
from sentra.protocol.segment import check_signature, open_segment
from tests.skew import recording
from tests.support.https import Answer, Asked, Authority, HttpsServer

PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[..., Link]]:
    """A link to a store that gives one answer to everything."""
    authority = Authority()
    held: list[tuple[Link, HttpsServer]] = []

    def make(body: bytes, status: str = "200 OK", headers: dict[str, str] | None = None) -> Link:
        def answer(_asked: Asked) -> Answer:
            return Answer(status, body, headers or {})

        files = authority.write(tmp_path / str(len(held)), ("127.0.0.1",))
        server = HttpsServer(*files, answer)
        server.__enter__()
        link = Link(
            server.address,
            server_name=None,
            anchors=authority.anchors,
            device_id=recording.TERMINAL,
            key=recording.TERMINAL_KEY,
            clock=lambda: recording.AT_MS,
            random_bytes=os.urandom,
        )
        held.append((link, server))
        return link

    yield make
    for link, server in held:
        link.close()
        server.__exit__(None, None, None)


def _hello() -> Hello:
    return msgspec.json.decode(recording.REQUESTS["hello"].body, type=Hello)


def test_an_old_stores_hello_is_understood(ask: Callable[..., Link]) -> None:
    said = ask(recording.ANSWERS["hello"]).hello(_hello())
    assert (said.protocol, said.timeline) == (1, recording.TIMELINE)
    assert said.here[recording.TERMINAL].to_head().hash == recording.HASHES[-1]
    assert watermark_is_true(said.cloud[recording.TERMINAL], recording.CLOUD_KEY.public_key())


def test_a_newer_stores_hello_may_say_more(ask: Callable[..., Link]) -> None:
    more = recording.with_fields(
        recording.ANSWERS["hello"], weather="fine", notices=["told-by-version-9"], lanes={"a": 1}
    )
    said = ask(more).hello(_hello())
    assert said.timeline == recording.TIMELINE
    assert said.notices == ("told-by-version-9",)


def test_an_old_stores_answer_to_an_envelope_is_understood(ask: Callable[..., Link]) -> None:
    parcels = unpack(recording.REQUESTS["journal"].body)
    (outcome,) = ask(recording.ANSWERS["journal"]).send(parcels).outcomes
    assert (outcome.terminal, outcome.outcome, outcome.appended) == (
        recording.TERMINAL,
        "appended",
        4,
    )
    assert outcome.here.to_head().hash == recording.HASHES[-1]
    assert outcome.cloud is not None
    assert watermark_is_true(outcome.cloud, recording.CLOUD_KEY.public_key())


def test_an_old_stores_feed_is_believed(ask: Callable[..., Link]) -> None:
    head, (revision,) = ask(recording.ANSWERS["feed"]).feed(recording.BRANCH, 0)
    items = open_revision(revision, recording.CLOUD_KEY.public_key())
    assert head == 1
    assert [(item.kind, item.body is None) for item in items] == [("device", False), ("tax", True)]


def test_an_old_stores_problem_is_told_with_its_word_and_its_patience(
    ask: Callable[..., Link],
) -> None:
    link = ask(
        recording.with_fields(recording.ANSWERS["problem"], instance="x"),
        "503 Service Unavailable",
        PROBLEM,
    )
    with pytest.raises(LinkRefused) as refused:
        link.hello(_hello())
    assert refused.value.slug == "too-busy"
    assert (refused.value.problem.retry, refused.value.problem.retry_after_s) == (True, 2)


def test_old_segments_are_opened_to_the_very_bytes() -> None:
    prev, hashes, bodies = GENESIS, [], []
    for parcel in unpack(recording.REQUESTS["journal"].body):
        check_signature(parcel.sealed, recording.TERMINAL_KEY.public_key())
        for entry in open_segment(parcel.sealed, prev):
            hashes.append(entry.hash)
            bodies.append(entry.body)
            prev = entry.hash
    assert (hashes, bodies) == (recording.HASHES, recording.BODIES)
    assert EMPTY.hash == GENESIS


def test_an_old_enrolment_is_proved_both_ways() -> None:
    asked = msgspec.json.decode(recording.ENROL_REQUEST, type=EnrolRequest)
    answer = msgspec.json.decode(recording.ENROL_ANSWER, type=EnrolAnswer)
    key = enrolment.proof_key(recording.CODE)
    assert asked.lookup == enrolment.lookup_of(recording.CODE)
    assert asked.proof == enrolment.client_proof(key, asked.public_key)
    assert enrolment.answer_is_proved(key, answer, asked.public_key)
