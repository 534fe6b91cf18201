"""Every decoder on noise and on damaged bytes of its own: what it gives, or the errors it names."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from sentra.protocol import courier, enrolment, feed, journal_page, signing, snapshot
from sentra.protocol.answer import AnswerDamaged, unpack_answer
from sentra.protocol.bodies import BodyUnreadable, decode_fact
from sentra.protocol.enrolment import EnrolAnswer, EnrolRequest
from sentra.protocol.entry import EMPTY, GENESIS
from sentra.protocol.envelope import unpack
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import SealedRevision, open_revision, unpack_page
from sentra.protocol.messages import Hello, HelloAnswer, require_heads, watermark_is_true
from sentra.protocol.segment import open_segment, peek, read_header
from tests.skew import recording

EXAMPLES = 60
CLOUD, TILL = recording.CLOUD_KEY, recording.TERMINAL_KEY
PARCELS = unpack(recording.REQUESTS["journal"].body)
SEALED = PARCELS[0].sealed
_, (REVISION,) = unpack_page(recording.BRANCH, recording.ANSWERS["feed"])
COURIER_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Decoder:
    """`good` are bytes that it takes; anything else may end in `errors` only."""

    good: bytes
    decode: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = (ProtocolError,)


def _signed_feed(sealed: bytes) -> object:
    """Junk that the cloud's own key signed."""
    signature = CLOUD.sign(feed._signed_bytes(recording.BRANCH, 1, sealed))
    revision = SealedRevision(recording.BRANCH, 1, sealed, signature)
    return open_revision(revision, CLOUD.public_key())


def _hello(body: bytes) -> object:
    said = msgspec.json.decode(body, type=Hello)
    require_heads(said)
    return said


def _hello_answer(body: bytes) -> object:
    said = msgspec.json.decode(body, type=HelloAnswer)
    for mark in said.cloud.values():
        watermark_is_true(mark, CLOUD.public_key())
    return [note.to_head() for note in said.here.values()]


def _enrol_answer(body: bytes) -> object:
    answer = msgspec.json.decode(body, type=EnrolAnswer)
    return enrolment.answer_is_proved(b"k" * 32, answer, "00")


def _answer(body: bytes) -> object:
    said = unpack_answer(body, PARCELS)
    for one in said.outcomes:
        if one.cloud is not None:
            watermark_is_true(one.cloud, CLOUD.public_key())
    return [one.here.to_head() for one in said.outcomes]


def _signature(header: bytes) -> object:
    signature = signing.parse(header.decode("latin-1"))
    signing.verify(signature, TILL.public_key(), "POST", "/v1/hello", b"", recording.AT_MS)
    return signature


def _courier() -> bytes:
    """A file of one envelope for one reader."""
    envelope = recording.REQUESTS["journal"].body
    header = courier.CourierHeader(
        version=courier.VERSION,
        company_id=recording.BRANCH,
        branch_id=recording.BRANCH,
        device_id=recording.TERMINAL,
        role="terminal",
        name="Kasir 1",
        packed_at_ms=recording.AT_MS,
        part=1,
        journals=(),
        size_bytes=courier.contents_bytes([len(envelope)]),
    )
    random_bytes = random.Random(1).randbytes(courier.RANDOM_BYTES)
    readers = [COURIER_KEY.public_key()]
    return b"".join(courier.seal(header, [envelope], readers, TILL, random_bytes))


DECODERS: Mapping[str, Decoder] = {
    "an envelope": Decoder(recording.REQUESTS["journal of a router"].body, unpack),
    "a segment's header": Decoder(SEALED, read_header),
    "a segment": Decoder(SEALED, lambda body: open_segment(body, GENESIS)),
    "a segment peeked at": Decoder(SEALED, lambda body: list(peek(body))),
    "an answer to an envelope": Decoder(
        recording.ANSWERS["journal"], _answer, (AnswerDamaged, ValueError)
    ),
    "a page of the feed": Decoder(
        recording.ANSWERS["feed"], lambda body: unpack_page(recording.BRANCH, body)
    ),
    "a revision that the cloud signed": Decoder(REVISION.sealed, _signed_feed),
    "a page of a journal": Decoder(
        journal_page.pack_journal_page(EMPTY, [SEALED]),
        journal_page.unpack_journal_page,
    ),
    "a snapshot's blocks": Decoder(
        snapshot.pack_items(open_revision(REVISION, CLOUD.public_key())[:1]),
        lambda body: list(snapshot.unpack_items(recording.BRANCH, [body])),
    ),
    "a snapshot's note": Decoder(
        b"{}", lambda body: snapshot.read_note(body, recording.BRANCH, CLOUD.public_key())
    ),
    "a hello": Decoder(recording.REQUESTS["hello"].body, _hello, (ProtocolError, *UNREADABLE)),
    "an answer to a hello": Decoder(
        recording.ANSWERS["hello"], _hello_answer, (ValueError, *UNREADABLE)
    ),
    "a request to enrol": Decoder(
        recording.ENROL_REQUEST,
        lambda body: msgspec.json.decode(body, type=EnrolRequest),
        UNREADABLE,
    ),
    "an answer to it": Decoder(recording.ENROL_ANSWER, _enrol_answer, UNREADABLE),
    "a request's signature": Decoder(recording.REQUESTS["hello"].signature.encode(), _signature),
    "a fact": Decoder(
        recording.BODIES[1],
        lambda body: decode_fact("sale.completed", 1, body),
        (BodyUnreadable,),
    ),
    "a courier's header": Decoder(_courier(), lambda body: courier.read_header([body])),
    "a courier's file": Decoder(_courier(), lambda body: courier.examine([body])),
    "a courier's envelopes": Decoder(
        _courier(), lambda body: list(courier.open_envelopes([body], COURIER_KEY))
    ),
}


def _damaged(good: bytes, seed: int) -> bytes:
    """Flipped, cut, doubled or filled with noise in a few places."""
    dice, body = random.Random(seed), bytearray(good)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(body) + 1)
        match dice.randrange(5):
            case 0:
                body[at : at + 1] = dice.randbytes(1)
            case 1:
                del body[at:]
            case 2:
                body[at:at] = body[at // 2 : at]
            case 3:
                body[at : at + 8] = b"\xff" * 8
            case _:
                body[at:at] = dice.randbytes(dice.randint(1, 9))
    return bytes(body)


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32), st.binary(max_size=120), st.booleans())
def test_a_decoder_gives_what_it_says_or_names_the_error(
    name: str, seed: int, noise: bytes, own: bool
) -> None:
    decoder = DECODERS[name]
    body = _damaged(decoder.good, seed) if own else noise
    with contextlib.suppress(*decoder.errors):
        decoder.decode(body)
