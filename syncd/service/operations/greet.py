"""Answer a hello: what the device said of itself, bounded; what the cloud holds, signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.ids import is_id
from sentra.protocol.entry import Head
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import (
    PROTOCOLS,
    Hello,
    HelloAnswer,
    note_of,
    sign_timeline,
    sign_watermark,
)
from sentra.protocol.segment import SEGMENT_BYTES_MAX
from syncd.service.operations.findings import printable

ADDRESSES_MAX: Final = 8
"""Addresses of a router that are told to its tills: one for each of its networks."""

ADDRESS_LENGTH_MAX: Final = 100
SOFTWARE_LENGTH_MAX: Final = 80
WAITING_MAX: Final = 200
"""Terminals of one router that are written down: far more than one branch has."""

SKEW_TOLD_MS: Final = 2 * 60 * 1000
"""Above this a person should set the clock; nothing breaks."""

_NUMBER_MAX: Final = 2**53

DEVICE_REVOKED: Final = "device-revoked"
CLOCK_OFF: Final = "clock-off"
TIMELINE_NEW: Final = "timeline-new"


class ProtocolUnsupported(ProtocolError):
    """The device speaks no version of the protocol that this service speaks."""

    slug = "protocol-unsupported"


@dataclass(frozen=True, slots=True)
class HeardTerminal:
    """What a router passed on of a terminal, cut to what the database takes."""

    at_ms: int
    software: str
    skew_ms: int
    feed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a device said of itself, cut to what the database takes. `skew_ms`: its clock's lead."""

    at_ms: int
    software: str
    skew_ms: int
    backlog: int
    oldest_waiting_ms: int | None
    addresses: tuple[str, ...]
    waiting: dict[str, int]
    feed: dict[str, int]
    terminals: dict[str, HeardTerminal]


def hear(hello: Hello, branch_id: str, now_ms: int) -> Heard:
    """Bound what a device said: numbers, lengths, how many, and scopes that are its own."""
    addresses = (printable(one)[:ADDRESS_LENGTH_MAX] for one in hello.addresses[:ADDRESSES_MAX])
    oldest = hello.oldest_waiting_ms
    return Heard(
        at_ms=now_ms,
        software=printable(hello.software)[:SOFTWARE_LENGTH_MAX],
        skew_ms=_bounded(hello.clock_ms - now_ms, -_NUMBER_MAX),
        backlog=_bounded(hello.backlog),
        oldest_waiting_ms=None if oldest is None else _bounded(oldest),
        addresses=tuple(addresses),
        waiting={
            one: _bounded(count)
            for one, count in list(hello.waiting.items())[:WAITING_MAX]
            if is_id(one)
        },
        feed=_own_scopes(hello.feed, branch_id),
        terminals={
            one: HeardTerminal(
                at_ms=now_ms - _bounded(note.heard_ms_ago),
                software=printable(note.software)[:SOFTWARE_LENGTH_MAX],
                skew_ms=_bounded(note.skew_ms, -_NUMBER_MAX),
                feed=_own_scopes(note.feed, branch_id),
            )
            for one, note in list(hello.terminals.items())[:WAITING_MAX]
            if is_id(one)
        },
    )


def _own_scopes(feed: Mapping[str, int], branch_id: str) -> dict[str, int]:
    return {s: _bounded(revision) for s, revision in feed.items() if s in (COMPANY, branch_id)}


def _bounded(number: int, least: int = 0) -> int:
    return max(least, min(number, _NUMBER_MAX))


def choose_protocol(hello: Hello) -> int:
    """The highest version that both speak. Raises ProtocolUnsupported."""
    both = set(PROTOCOLS) & set(hello.protocols)
    if not both:
        raise ProtocolUnsupported(f"this service speaks {', '.join(map(str, PROTOCOLS))}")
    return max(both)


def notices_for(hello: Hello, heard: Heard, *, revoked: bool, timeline: str) -> tuple[str, ...]:
    """Stable words for what a person or the device should know."""
    told = {
        DEVICE_REVOKED: revoked,
        CLOCK_OFF: abs(heard.skew_ms) > SKEW_TOLD_MS,
        TIMELINE_NEW: bool(hello.timeline) and hello.timeline != timeline,
    }
    return tuple(word for word, so in told.items() if so)


def answer_hello(
    *,
    protocol: int,
    version: str,
    timeline: str,
    heads: Mapping[str, Head],
    feed: Mapping[str, int],
    notices: tuple[str, ...],
    now_ms: int,
    key: Ed25519PrivateKey,
    archived: Mapping[str, Head] | None = None,
    timeline_at_ms: int = 0,
) -> HelloAnswer:
    """Every head here is in PostgreSQL, so each is a cloud watermark, signed; so is how far each
    is archived, also where that is nothing: after a restore it may be less than was once said."""
    return HelloAnswer(
        protocol=protocol,
        software=version,
        clock_ms=now_ms,
        timeline=timeline,
        here={terminal: note_of(head) for terminal, head in heads.items()},
        cloud={
            terminal: sign_watermark(key, "cloud", terminal, head, now_ms)
            for terminal, head in heads.items()
            if head.seq
        },
        feed=dict(feed),
        segment_bytes_max=SEGMENT_BYTES_MAX,
        envelope_bytes_max=ENVELOPE_BYTES_MAX,
        notices=notices,
        archived={
            terminal: sign_watermark(key, "archived", terminal, head, now_ms)
            for terminal, head in (archived or {}).items()
        },
        since=sign_timeline(key, timeline, timeline_at_ms),
    )
