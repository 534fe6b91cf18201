"""Sort an envelope into journals, and find what in each follows the head that the store holds.

Pure: heads and hashes that the store holds are passed in. The head decides: what it covers was had
already, what follows it is verified and taken, what leaves a hole is asked for again, and what
contradicts it goes to the fork lane, so that no sale is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.entry import Entry, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.errors import ChainBroken, ProtocolError, SegmentDamaged
from sentra.protocol.segment import (
    SegmentHeader,
    check_signature,
    follows,
    open_segment,
    read_header,
)

Outcome = Literal["already", "appended", "gap", "fork", "refused"]
Place = tuple[int, int]
"""(epoch, seq); seq 0 stands for what comes before the epoch's first entry."""

_GRAVITY: Final[tuple[Outcome, ...]] = ("already", "appended", "gap", "fork", "refused")
"""What is said of a journal whose segments fared differently: the gravest."""

TRIES_MAX: Final = 400_000
"""Hashes computed to find what an epoch chains to: half a second at most, and seldom."""

RAW_BYTES_MAX: Final = 256 * 1024 * 1024
"""What all segments of one envelope may unpack to, by their headers: 8 MiB of sales are 140 MiB."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """The device that delivers an envelope. `role` is terminal or router."""

    device_id: str
    role: str
    branch_id: str


@dataclass(frozen=True, slots=True)
class Terminal:
    """Whose journal it is."""

    device_id: str
    branch_id: str
    public_key: Ed25519PublicKey
    revoked: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """A segment whose header was read, and the custody stamp that came with it."""

    header: SegmentHeader
    parcel: Parcel


@dataclass(frozen=True, slots=True)
class Piece:
    """Entries that are new here, verified to follow the head, and the segment they came in.

    A segment may come in several pieces; `ends` says whether its last entry is in this one.
    """

    terminal: Terminal
    delivery: Delivery
    entries: Sequence[Entry]
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds of one journal: its head, hashes at places asked for, fork tails.

    `earlier` are the last hashes of its main line, where an epoch may go on from an older end.
    """

    head: Head
    hashes: Mapping[Place, bytes] = field(default_factory=dict)
    fork_tails: Mapping[Place, Collection[bytes]] = field(default_factory=dict)
    earlier: Sequence[bytes] = ()


@dataclass(slots=True)
class Journal:
    """One journal of an envelope on its way: what became of it so far, and its head here."""

    terminal: Terminal | None
    terminal_id: str
    deliveries: list[Delivery]
    admitted: bool = True
    outcome: Outcome = "already"
    head: Head | None = None
    appended: int = 0
    problem: str | None = None
    forks: list[Delivery] = field(default_factory=list)

    def note(self, outcome: Outcome, problem: str | None = None) -> None:
        """Remember the gravest outcome, and why a segment was refused."""
        if _GRAVITY.index(outcome) > _GRAVITY.index(self.outcome):
            self.outcome = outcome
        self.problem = self.problem or problem


def sort_parcels(parcels: Iterable[Parcel]) -> tuple[dict[str, list[Delivery]], int]:
    """Deliveries by terminal, in the journals' order without doubles, and how many are unreadable.

    A segment so damaged that its header cannot be read has no journal to answer for.
    """
    found: dict[str, list[Delivery]] = {}
    seen: set[bytes] = set()
    unreadable = raw_bytes = 0
    for parcel in parcels:
        try:
            header = read_header(parcel.sealed)
        except ProtocolError:
            unreadable += 1
            continue
        raw_bytes += header.raw_bytes
        if raw_bytes > RAW_BYTES_MAX:
            unreadable += 1
        elif parcel.sealed not in seen:
            seen.add(parcel.sealed)
            found.setdefault(header.terminal, []).append(Delivery(header, parcel))
    for deliveries in found.values():
        deliveries.sort(key=lambda each: (each.header.epoch, each.header.first_seq))
    return dict(sorted(found.items())), unreadable


def admit(
    found: Mapping[str, list[Delivery]], terminals: Mapping[str, Terminal], carrier: Carrier
) -> list[Journal]:
    """A journal for each terminal; what this carrier may not bring is refused.

    A terminal brings its own journal, a router those of its branch.
    """
    journals = []
    for terminal_id, deliveries in found.items():
        terminal = terminals.get(terminal_id)
        journal = Journal(terminal, terminal_id, deliveries)
        if terminal is None or not _may_bring(carrier, terminal):
            journal.admitted = False
            journal.note("refused", "device-unknown")
        else:
            _keep_true_signatures(journal, terminal)
        journals.append(journal)
    return journals


def unread(terminal_id: str) -> Journal:
    """A terminal's journal of which nothing could be read."""
    journal = Journal(None, terminal_id, [], admitted=False)
    journal.note("refused", SegmentDamaged.slug)
    return journal


def _may_bring(carrier: Carrier, terminal: Terminal) -> bool:
    if carrier.role == "terminal":
        return terminal.device_id == carrier.device_id
    return terminal.branch_id == carrier.branch_id


def _keep_true_signatures(journal: Journal, terminal: Terminal) -> None:
    """Stop before the first segment that the terminal's key did not sign."""
    for index, delivery in enumerate(journal.deliveries):
        try:
            check_signature(delivery.parcel.sealed, terminal.public_key)
        except ProtocolError as error:
            journal.note("refused", error.slug)
            journal.deliveries = journal.deliveries[:index]
            return


def places_needed(journal: Journal, head: Head) -> set[Place]:
    """The places whose hashes decide between `already`, an overlap and a fork."""
    places: set[Place] = set()
    for delivery in journal.deliveries:
        header = delivery.header
        if (header.epoch, header.last_seq) <= (head.epoch, head.seq):
            places.add((header.epoch, header.last_seq))
        elif header.epoch == head.epoch and header.first_seq <= head.seq:
            places.add((header.epoch, header.first_seq - 1))
    return places


def opens_epoch(journal: Journal, head: Head) -> bool:
    """Whether a segment begins an epoch behind the head, which may chain to an older end."""
    return any(
        one.header.first_seq == 1 and one.header.epoch > head.epoch for one in journal.deliveries
    )


def take(journal: Journal, known: Known) -> Iterator[Piece]:
    """The pieces that are new, in order; outcome, head and forks are noted in the journal.

    Lazy: nothing is unpacked before it is asked for.
    """
    assert journal.terminal is not None  # noqa: S101 - `admit` gave none to refused journals
    journal.head = known.head
    for delivery in journal.deliveries:
        try:
            entries = _new_entries(journal, delivery, known)
        except _Fork:
            journal.forks.append(delivery)
            journal.note("fork")
            continue
        except _Gap:
            journal.note("gap")
            continue
        except ProtocolError as error:
            journal.note("refused", error.slug)
            return
        if entries:
            last = entries[-1]
            journal.head = Head(last.epoch, last.seq, last.hash)
            journal.appended += len(entries)
            journal.note("appended")
            yield Piece(journal.terminal, delivery, entries)


class _Fork(Exception):
    """Another entry stands at a place that this segment claims."""


class _Gap(Exception):
    """Entries before this segment are missing here, or cannot be compared yet."""


def _new_entries(journal: Journal, delivery: Delivery, known: Known) -> Sequence[Entry]:
    """What the segment adds behind the journal's head as it is now; empty where it was had."""
    header, sealed = delivery.header, delivery.parcel.sealed
    head = journal.head or known.head
    if (header.epoch, header.last_seq) <= (head.epoch, head.seq):
        _compare_had(header, head, known)
        return ()
    if follows(header, head):
        return _open_next(journal, delivery, head, known)
    if header.epoch == head.epoch and header.first_seq <= head.seq:
        return _open_overlap(sealed, header, head, known)
    if _continues_fork(journal, delivery, known):
        raise _Fork
    raise _Gap


def _compare_had(header: SegmentHeader, head: Head, known: Known) -> None:
    place = (header.epoch, header.last_seq)
    mine = head.hash if place == (head.epoch, head.seq) else known.hashes.get(place)
    if mine == header.last_hash:
        return
    if mine is None and place > (known.head.epoch, known.head.seq):
        # It was taken from this very envelope: the next request can compare it with the store.
        raise _Gap
    raise _Fork


def _open_next(journal: Journal, delivery: Delivery, head: Head, known: Known) -> Sequence[Entry]:
    try:
        return open_segment(delivery.parcel.sealed, head.hash)
    except ChainBroken:
        if _continues_fork(journal, delivery, known):
            raise _Fork from None
        raise


def _open_overlap(
    sealed: bytes, header: SegmentHeader, head: Head, known: Known
) -> Sequence[Entry]:
    prev = known.hashes.get((header.epoch, header.first_seq - 1))
    if prev is None:
        raise _Gap
    try:
        entries = open_segment(sealed, prev)
    except ChainBroken:
        raise _Fork from None
    had = head.seq - header.first_seq + 1
    if entries[had - 1].hash != head.hash:
        raise _Fork
    return entries[had:]


def _continues_fork(journal: Journal, delivery: Delivery, known: Known) -> bool:
    """Whether the segment chains to one that is in the fork lane already or goes there with it, or
    begins an epoch that chains to an older end."""
    header = delivery.header
    before = (header.epoch, header.first_seq - 1)
    tails = list(known.fork_tails.get(before, ()))
    with_it = (one.header for one in journal.forks)
    tails += [one.last_hash for one in with_it if (one.epoch, one.last_seq) == before]
    if header.first_seq == 1:
        for place, hashes in known.fork_tails.items():
            if place[0] < header.epoch:
                tails += hashes
        tails += known.earlier[: max(1, TRIES_MAX // header.count)]
    for tail in tails:
        try:
            open_segment(delivery.parcel.sealed, tail)
        except ProtocolError:
            continue
        return True
    return False
