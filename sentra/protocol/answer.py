"""What answers `POST /v1/journal`, as MessagePack without what the sender knows already.

It is on the line with each live sale: ids, hashes and signatures are bytes, the only journal of an
envelope is not named again, and a head is left out where it is the end of what was just sent. The
sender puts both back from its own segments. A wrong guess cannot pass: the cloud signs its heads.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from sentra.protocol.entry import Head, terminal_bytes
from sentra.protocol.envelope import Parcel
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import (
    HeadNote,
    JournalAnswer,
    JournalOutcome,
    Watermark,
    note_of,
)
from sentra.protocol.segment import read_header

_OUTCOMES: Final = ("appended", "already", "gap", "fork", "refused")
"""An outcome travels as its place in this list, which only grows."""

_CLOUD: Final = "cloud"


class AnswerDamaged(ValueError):
    """Bytes that are no answer to what was sent."""


class _Head(msgspec.Struct, frozen=True, array_like=True):
    epoch: int
    seq: int
    hash: bytes


class _Mark(msgspec.Struct, frozen=True, array_like=True):
    """The cloud's signature over a head; `head` None: the head here."""

    at_ms: int
    signature: bytes
    head: _Head | None = None


class _Outcome(msgspec.Struct, frozen=True, array_like=True):
    """`terminal` None: the only one of the envelope; `here` None: the end of what it was sent."""

    outcome: int
    appended: int
    cloud: _Mark | None
    terminal: bytes | None = None
    here: _Head | None = None
    problem: str | None = None


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    credit_bytes: int
    pause_ms: int
    outcomes: tuple[_Outcome, ...]


_decoder: Final = msgspec.msgpack.Decoder(_Answer)


def pack_answer(answer: JournalAnswer, sent: Iterable[Parcel]) -> bytes:
    """The answer to an envelope of these parcels."""
    ends = _ends(sent)
    outcomes = tuple(_short(outcome, ends) for outcome in answer.outcomes)
    return msgspec.msgpack.encode(_Answer(answer.credit_bytes, answer.pause_ms, outcomes))


def unpack_answer(body: bytes, sent: Iterable[Parcel]) -> JournalAnswer:
    """What the store said of these parcels. Raises AnswerDamaged."""
    ends = _ends(sent)
    try:
        short = _decoder.decode(body)
        outcomes = tuple(_whole(outcome, ends) for outcome in short.outcomes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerDamaged(f"not an answer to an envelope: {error}") from error
    return JournalAnswer(
        outcomes=outcomes, credit_bytes=short.credit_bytes, pause_ms=short.pause_ms
    )


def _ends(sent: Iterable[Parcel]) -> dict[str, HeadNote]:
    """By terminal, the head behind the last of its segments."""
    last: dict[str, Head] = {}
    for parcel in sent:
        try:
            header = read_header(parcel.sealed)
        except ProtocolError:
            continue
        end = Head(header.epoch, header.last_seq, header.last_hash)
        known = last.get(header.terminal)
        if known is None or (known.epoch, known.seq) < (end.epoch, end.seq):
            last[header.terminal] = end
    return {terminal: note_of(head) for terminal, head in last.items()}


def _short(outcome: JournalOutcome, ends: Mapping[str, HeadNote]) -> _Outcome:
    terminal, cloud = outcome.terminal, outcome.cloud
    return _Outcome(
        _OUTCOMES.index(outcome.outcome),
        outcome.appended,
        None if cloud is None else _mark_of(cloud, outcome.here),
        None if list(ends) == [terminal] else terminal_bytes(terminal),
        None if outcome.here == ends.get(terminal) else _head_of(outcome.here),
        outcome.problem,
    )


def _mark_of(mark: Watermark, here: HeadNote) -> _Mark:
    head = None if mark.head == here else _head_of(mark.head)
    return _Mark(mark.at_ms, bytes.fromhex(mark.signature), head)


def _head_of(note: HeadNote) -> _Head:
    return _Head(note.epoch, note.seq, bytes.fromhex(note.hash))


def _whole(short: _Outcome, ends: Mapping[str, HeadNote]) -> JournalOutcome:
    if short.terminal is not None:
        terminal = _id_of(short.terminal)
    elif len(ends) == 1:
        (terminal,) = ends
    else:
        raise AnswerDamaged("it does not say whose journal it means")
    here = _note_of(short.here) if short.here is not None else ends.get(terminal)
    if here is None or not 0 <= short.outcome < len(_OUTCOMES):
        raise AnswerDamaged("it does not say what became of a journal")
    cloud = None
    if short.cloud is not None:
        head = here if short.cloud.head is None else _note_of(short.cloud.head)
        signature = short.cloud.signature.hex()
        cloud = Watermark(_CLOUD, terminal, head, short.cloud.at_ms, signature)
    return JournalOutcome(
        terminal=terminal,
        outcome=_OUTCOMES[short.outcome],
        here=here,
        appended=short.appended,
        cloud=cloud,
        problem=short.problem,
    )


def _id_of(terminal: bytes) -> str:
    try:
        return str(uuid.UUID(bytes=terminal))
    except ValueError:
        raise AnswerDamaged("a terminal that is none") from None


def _note_of(head: _Head) -> HeadNote:
    return HeadNote(head.epoch, head.seq, head.hash.hex())
