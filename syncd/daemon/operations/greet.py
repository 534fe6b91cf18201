"""Says hello and takes the answer as the truth of what the store has, be it more or less.

A store that lost something has lower heads than the watermark says: a new router, or a cloud that
was restored. Then the watermark goes back and everything behind it is sent again, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.messages import (
    PROTOCOLS,
    HeadNote,
    Hello,
    HelloAnswer,
    Watermark,
    note_of,
    watermark_is_true,
)
from syncd.daemon.operations.ports import CLOUD, Shelf, Talk

JOURNAL_BEHIND = "journal-behind"
"""The store holds entries that this vault does not: the vault is an older copy put back."""

FORK = "fork"
"""The store holds another entry at a place of this journal: two machines use one identity."""

REVOKED = "revoked"
"""This device may no longer work; what it sold is still taken."""

_STORES_WORD_FOR_REVOKED = "device-revoked"

TIMELINE = "timeline"
"""The watermark that says since when the cloud's timeline is what it is."""

TOO_OLD = "protocol-too-old"
"""No version of the protocol is spoken by both."""


@dataclass(frozen=True, slots=True)
class Self:
    """What the device says beside its heads."""

    software: str
    backlog: int
    oldest_waiting_ms: int | None
    skew_ms: int
    rtt_ms: int


def hello_of(shelf: Shelf, me: Self, now_ms: int) -> Hello:
    """The request. `now_ms` is this terminal's clock as it stands, right or wrong."""
    base = shelf.base()
    return Hello(
        software=me.software,
        protocols=PROTOCOLS,
        clock_ms=now_ms,
        heads={shelf.terminal(): note_of(shelf.head())},
        timeline=shelf.timeline(),
        feed={scope: shelf.feed_cursor(scope) for scope in shelf.scopes()},
        backlog=me.backlog,
        oldest_waiting_ms=me.oldest_waiting_ms,
        skew_ms=me.skew_ms,
        rtt_ms=me.rtt_ms,
        bases={} if base is None else {shelf.terminal(): base},
    )


def evidence_for(talk: Talk, shelf: Shelf) -> dict[str, Watermark]:
    """For a hello: up to where the cloud has the journal, by its own word. Only a router that has
    not shown to hold any of it needs that: it begins behind what the cloud has."""
    if talk.store == CLOUD or talk.here != EMPTY:
        return {}
    mark = shelf.cloud_word()
    return {} if mark is None else {shelf.terminal(): mark}


def note_hello(
    talk: Talk, answer: HelloAnswer, shelf: Shelf, cloud_key: Ed25519PublicKey, now_ms: int
) -> None:
    """Brings talk and watermarks in line with what the store says it has.

    Raises ValueError for a head that is none.
    """
    terminal = shelf.terminal()
    talk.greeted_at_ms = now_ms
    talk.segment_bytes_max = answer.segment_bytes_max
    talk.notice = TOO_OLD if answer.protocol not in PROTOCOLS else None
    note = answer.here.get(terminal)
    here = EMPTY if note is None else note.to_head()
    _take_head(talk, here, shelf, now_ms)
    mark = answer.cloud.get(terminal)
    is_new = _is_new_timeline(talk, answer, shelf, cloud_key)
    if is_new:
        mark = _said_since(mark, answer)
        _leave_timeline(here if talk.store == CLOUD else _head_of(mark), mark, shelf)
    note_mark(mark, shelf, cloud_key)
    note_mark(answer.archived.get(terminal), shelf, cloud_key)
    talk.doubt = None if talk.store == CLOUD else _ahead(mark, shelf, cloud_key)
    talk.advice = REVOKED if _STORES_WORD_FOR_REVOKED in answer.notices else None
    # A revoked device gets no decisions; asking for them would be refused.
    talk.timeline = "" if answer.since is None else answer.timeline
    talk.due = () if talk.advice else _due_scopes(talk, answer, shelf, is_new=is_new)
    # Last, so that a power cut before it makes all of this happen again.
    _note_timeline(answer, shelf, cloud_key, is_new=is_new)


def _ahead(mark: Watermark | None, shelf: Shelf, cloud_key: Ed25519PublicKey) -> Head | None:
    """What the cloud signed for and is not here: the router may know less than the cloud."""
    if mark is None or mark.terminal != shelf.terminal() or mark.name != CLOUD:
        return None
    head = mark.head.to_head()
    return head if watermark_is_true(mark, cloud_key) and not shelf.holds(head) else None


def note_mark(mark: Watermark | None, shelf: Shelf, cloud_key: Ed25519PublicKey) -> bool:
    """Moves a watermark that the cloud signed; whether it moved.

    One that it did not sign, or that names an entry that is not here, changes nothing. A lower one
    is believed only when it was signed later than the one that is known: then the cloud was
    restored. An old one that a router shows again was signed earlier, and changes nothing; what
    was signed before the present timeline began may be lost again, and is no word at all.
    """
    if mark is None or mark.terminal != shelf.terminal() or mark.name not in ("cloud", "archived"):
        return False
    if mark.at_ms < shelf.watermark_at_ms(TIMELINE) or not watermark_is_true(mark, cloud_key):
        return False
    head = mark.head.to_head()
    if not shelf.holds(head):
        return False
    known = shelf.watermark(mark.name)
    lower = (head.epoch, head.seq) < (known.epoch, known.seq)
    if lower and mark.at_ms > shelf.watermark_at_ms(mark.name):
        shelf.reset_watermark(mark.name, head, mark.at_ms, mark.signature)
        return True
    return shelf.set_watermark(mark.name, head, mark.at_ms, mark.signature)


def take_head(talk: Talk, note: HeadNote, shelf: Shelf, now_ms: int) -> None:
    """The store's head after its answer for an envelope. ValueError: it is no head."""
    _take_head(talk, note.to_head(), shelf, now_ms)


def _note_other_line(talk: Talk, here: Head, shelf: Shelf) -> None:
    """The store's head is no entry of this journal."""
    own = shelf.head()
    if talk.store != CLOUD and shelf.has_left(here):
        # The router still has a line that this journal left. The next epoch shows it the new one.
        talk.head = Head(own.epoch, 0, shelf.hash_at(own.epoch, 0) or own.hash)
        return
    ahead = (here.epoch, here.seq) > (own.epoch, own.seq)
    talk.notice = JOURNAL_BEHIND if ahead else FORK


def _take_head(talk: Talk, here: Head, shelf: Shelf, now_ms: int) -> None:
    talk.here = here
    if not shelf.holds(here):
        _note_other_line(talk, here, shelf)
        return
    talk.aside = None
    talk.head = here
    known = shelf.watermark(talk.store)
    if (here.epoch, here.seq) < (known.epoch, known.seq):
        shelf.reset_watermark(talk.store, here, now_ms, None)
    elif talk.store != CLOUD:
        # The cloud's own watermark moves on its signature alone: see note_mark.
        shelf.set_watermark(talk.store, here, now_ms, None)


def _is_new_timeline(
    talk: Talk, answer: HelloAnswer, shelf: Shelf, cloud_key: Ed25519PublicKey
) -> bool:
    """Whether the cloud goes on in a later timeline than the one that is known here.

    Whoever shows it: by the cloud's signature and its instant. A router that has not heard of it
    yet shows one that was left. Without a signature only the cloud itself is believed.
    """
    if answer.timeline == shelf.timeline():
        return False
    if answer.since is None:
        return talk.store == CLOUD
    return _later_since(answer, shelf, cloud_key) is not None


def _later_since(
    answer: HelloAnswer, shelf: Shelf, cloud_key: Ed25519PublicKey
) -> Watermark | None:
    """The cloud's word on the answer's timeline, where it is true and later than what is known."""
    since = answer.since
    if since is None or (since.name, since.terminal) != (TIMELINE, answer.timeline):
        return None
    if since.at_ms <= shelf.watermark_at_ms(TIMELINE) or not watermark_is_true(since, cloud_key):
        return None
    return since


def _note_timeline(
    answer: HelloAnswer, shelf: Shelf, cloud_key: Ed25519PublicKey, *, is_new: bool
) -> None:
    since = _later_since(answer, shelf, cloud_key)
    if is_new:
        shelf.set_timeline(answer.timeline)
    if since is not None and answer.timeline == shelf.timeline():
        shelf.reset_watermark(TIMELINE, EMPTY, since.at_ms, since.signature)


def _said_since(mark: Watermark | None, answer: HelloAnswer) -> Watermark | None:
    """The cloud's word, unless it is of the timeline that was left."""
    since_ms = 0 if answer.since is None else answer.since.at_ms
    return mark if mark is not None and mark.at_ms >= since_ms else None


def _head_of(mark: Watermark | None) -> Head:
    return EMPTY if mark is None else mark.head.to_head()


def _leave_timeline(there: Head, mark: Watermark | None, shelf: Shelf) -> None:
    """A cloud restored to an earlier moment holds, and has archived, less than it once signed:
    nothing until it says so again, and no more than what it has there."""
    shelf.reset_watermark(CLOUD, EMPTY, 0, None)
    archived = shelf.watermark("archived")
    if (there.epoch, there.seq) < (archived.epoch, archived.seq):
        at_ms = mark.at_ms if mark is not None else 0
        shelf.reset_watermark("archived", there, at_ms, None)


def _due_scopes(talk: Talk, answer: HelloAnswer, shelf: Shelf, *, is_new: bool) -> tuple[str, ...]:
    """The scopes to fetch. In another timeline the same numbers may stand for other decisions: a
    new one is read from its start, and of one that was left nothing is taken."""
    if answer.since is not None and not is_new and answer.timeline != shelf.timeline():
        return ()
    due = []
    for scope in shelf.scopes():
        there, cursor = answer.feed.get(scope, 0), shelf.feed_cursor(scope)
        if cursor and (is_new or (talk.store == CLOUD and there < cursor)):
            shelf.restart_feed(scope)
            due.append(scope)
        elif there > cursor:
            due.append(scope)
    return tuple(due)
