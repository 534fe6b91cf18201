"""Sends the journal on: what the store lacks, oldest first, as much as it gives credit for.

Only the store's durable answer moves anything. What is sent twice is sealed once: the bytes of a
segment never change.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.entry import Head
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, SEGMENTS_MAX, Parcel
from sentra.protocol.messages import JournalAnswer, JournalOutcome
from sentra.protocol.segment import read_header
from syncd.daemon.operations.greet import FORK, note_mark, take_head
from syncd.daemon.operations.ports import CLOUD, Shelf, Store, Talk

_ITEM_OVERHEAD_BYTES = 32
PARCEL_BYTES_MAX = ENVELOPE_BYTES_MAX - SEGMENTS_MAX * _ITEM_OVERHEAD_BYTES - 64
"""Sealed bytes in one envelope, with room for what the envelope writes around them."""

REFUSED = "refused"
"""The store cannot accept the bytes: they are damaged, or not signed with this terminal's key."""

UNANSWERED = "unanswered"
"""The store answered without a word on this journal, or asks again and again for the same."""

FORGOTTEN = "forgotten"
"""The cloud lacks entries that it once signed as archived, and that were dropped here since: its
archive has them, see `sentra db archive --take-back`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One envelope's result. `moved`: the store's head is another than before, so go on."""

    segments: int
    size_bytes: int
    appended: int
    outcome: str
    moved: bool


def send_next(
    store: Store, shelf: Shelf, talk: Talk, cloud_key: Ed25519PublicKey, now_ms: int
) -> Sent | None:
    """Sends one envelope; None where nothing waits or `talk.notice` forbids it.

    Sealing happens here and not before, so that what waited long travels in large segments.
    Raises LinkDown or LinkRefused, and ValueError for an answer that is none.
    """
    if talk.notice is not None or shelf.is_provisional() or _behind(shelf.head(), talk.head):
        return None
    if _is_forgotten(shelf, talk.head):
        if talk.store != CLOUD:
            # An older router, which cannot begin a journal behind its base: the cloud takes it.
            raise ValueError("the router asks for entries that were forgotten for their age")
        talk.notice = FORGOTTEN
        return None
    sealed = _sealed_behind(talk.head, shelf, talk)
    if not sealed:
        return None
    answer = store.send([Parcel(parcel) for parcel in sealed])
    before = talk.head
    outcome = _note_answer(talk, answer, shelf, cloud_key, now_ms)
    size_bytes = sum(len(parcel) for parcel in sealed)
    moved = talk.head != before and talk.notice is None
    if not moved and talk.notice is None:
        talk.notice = UNANSWERED
    return Sent(len(sealed), size_bytes, outcome.appended, outcome.outcome, moved)


def _sealed_behind(head: Head, shelf: Shelf, talk: Talk) -> list[bytes]:
    """What one envelope takes. It is sealed a portion at a time, and what comes first may be behind
    the store already: a copy of this machine has sent the same."""
    limit = min(max(talk.credit_bytes, 1), PARCEL_BYTES_MAX)
    while True:
        made = shelf.seal_pending()
        sealed = shelf.parcels_after(head, limit, SEGMENTS_MAX)
        if sealed or not made:
            return sealed


def _is_forgotten(shelf: Shelf, head: Head) -> bool:
    base = shelf.base()
    return base is not None and (head.epoch, head.seq) < (base.head.epoch, base.head.seq)


def send_aside(store: Store, shelf: Shelf, talk: Talk, now_ms: int) -> Sent | None:
    """Where two machines use one identity: sends this one's line to the store's fork lane.

    None where all of it is there. Nothing is acknowledged by it but that it is not lost. Raises
    as `send_next` does.
    """
    if talk.aside is None or _behind(shelf.head(), talk.aside):
        return None
    sealed = _sealed_behind(talk.aside, shelf, talk)
    if not sealed:
        return None
    answer = store.send([Parcel(parcel) for parcel in sealed])
    talk.credit_bytes, talk.pause_ms = answer.credit_bytes, answer.pause_ms
    outcome = _outcome_for(answer, shelf.terminal())
    moved = outcome.outcome in ("fork", "already", "appended")
    if moved:
        first, last = read_header(sealed[0]), read_header(sealed[-1])
        talk.aside = Head(last.epoch, last.last_seq, last.last_hash)
        talk.stored_aside += max(0, last.last_seq - first.first_seq + 1)
        if shelf.is_forked():
            shelf.note_fork(talk.stored_aside, now_ms)
    else:
        talk.aside = None
    size_bytes = sum(len(parcel) for parcel in sealed)
    return Sent(len(sealed), size_bytes, outcome.appended, outcome.outcome, moved)


def _outcome_for(answer: JournalAnswer, terminal: str) -> JournalOutcome:
    outcome = next((one for one in answer.outcomes if one.terminal == terminal), None)
    if outcome is None:
        raise ValueError("the answer does not name this terminal's journal")
    return outcome


def _behind(head: Head, other: Head) -> bool:
    return (head.epoch, head.seq) <= (other.epoch, other.seq)


def _note_answer(
    talk: Talk, answer: JournalAnswer, shelf: Shelf, cloud_key: Ed25519PublicKey, now_ms: int
) -> JournalOutcome:
    talk.credit_bytes, talk.pause_ms = answer.credit_bytes, answer.pause_ms
    outcome = _outcome_for(answer, shelf.terminal())
    if outcome.outcome in ("appended", "already", "gap"):
        take_head(talk, outcome.here, shelf, now_ms)
        note_mark(outcome.cloud, shelf, cloud_key)
    else:
        talk.notice = FORK if outcome.outcome == "fork" else REFUSED
    return outcome
