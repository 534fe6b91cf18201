"""Facts and decisions as JSON bytes, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from sentra.events import DECISIONS, FACTS, KINDS, Decision, Fact

_encoder = msgspec.json.Encoder()
_decoders = {key: msgspec.json.Decoder(fact) for key, fact in FACTS.items()}
_decision_decoders = {kind: msgspec.json.Decoder(body) for kind, body in DECISIONS.items()}

# Nested deeply enough, JSON exhausts the stack before it is found to be wrong.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class UnknownKind(Exception):
    """A kind or schema that this version does not know. The entry is kept and set aside."""


class BodyUnreadable(Exception):
    """A body that is not what its kind and schema say. The entry is kept and set aside."""


def encode_fact(fact: Fact) -> tuple[str, int, bytes]:
    """(kind, schema, body) as the journal writes them."""
    kind, schema = KINDS[type(fact)]
    return kind, schema, _encoder.encode(fact)


def decode_fact(kind: str, schema: int, body: bytes) -> Fact:
    """The fact of an entry; fields that this version does not know are passed over.

    Raises UnknownKind or BodyUnreadable.
    """
    decoder = _decoders.get((kind, schema))
    if decoder is None:
        raise UnknownKind(f"{kind} schema {schema}")
    try:
        return decoder.decode(body)
    except _UNREADABLE as error:
        raise BodyUnreadable(str(error)) from error


def encode_decision(decision: Decision) -> bytes:
    """The body of a feed item."""
    return _encoder.encode(decision)


def decode_decision(kind: str, body: bytes) -> Decision:
    """The decision of a feed item. Raises UnknownKind or BodyUnreadable."""
    decoder = _decision_decoders.get(kind)
    if decoder is None:
        raise UnknownKind(kind)
    try:
        return decoder.decode(body)
    except _UNREADABLE as error:
        raise BodyUnreadable(str(error)) from error


def to_plain(value: object) -> Any:
    """A dataclass as dicts, lists and scalars."""
    return msgspec.to_builtins(value)
