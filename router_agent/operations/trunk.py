"""Talk to the cloud: say hello, send what waits, fetch what was decided.

A `Cloud` is the link, a `Shelf` the router's store; both are passed in, so that a simulation can
run these very steps. Each step says whether it found work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.forward import Lane, Pick, choose, cloud_head_after
from sentra.download import fetch_part
from sentra.link.errors import LinkRefused
from sentra.link.parts import SnapshotPart
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Parcel
from sentra.protocol.errors import FeedDamaged
from sentra.protocol.feed import FeedItem, SealedRevision, open_revision
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Watermark,
    watermark_is_true,
)
from sentra.protocol.segment import read_header
from sentra.protocol.snapshot import CURSOR_BEYOND, SNAPSHOT_NEEDED, SnapshotNote
from sentra.vault.snapshots import Held

CREDIT_BYTES_START = 1024 * 1024
"""Sent before the cloud has granted more: one large segment or a day's live sales."""

SENDING_BYTES_MAX = ENVELOPE_BYTES_MAX * 3 // 4
"""Sealed bytes in one envelope, with room for what the envelope writes around them."""

SENDING_BYTES_MIN = 64 * 1024
"""What a line that fails again and again is still asked to carry at once."""

SENDING_BYTES_STEP = 128 * 1024
"""How much more is tried after each envelope that came through."""


class Cloud(Protocol):
    """The cloud end, over whatever line."""

    def hello(self, hello: Hello) -> HelloAnswer:
        """Raises LinkDown or LinkRefused, as the others do."""

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        """One envelope."""

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        """(head there, revisions in order)."""

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
        """The next part of the snapshot whose digest is `begun`, or another from its beginning."""


Place = tuple[int, int]
"""(epoch, seq)."""


@dataclass(frozen=True, slots=True)
class LaneParcel:
    """A segment of the fork lane, stamped with our custody; `digest`: its bytes' SHA-256."""

    digest: bytes
    parcel: Parcel


@dataclass(frozen=True, slots=True)
class CloudHead:
    """How far the cloud is with one journal, and its signed word for it where there is one."""

    terminal: str
    head: Head
    mark: Watermark | None


class Shelf(Protocol):
    """What the router keeps."""

    def lanes(self) -> list[Lane]:
        """Each journal's backlog."""

    def parcels(self, pick: Pick) -> list[Parcel]:
        """The picked segments."""

    def terminals(self) -> list[str]:
        """The terminals whose journals are here."""

    def set_cloud_heads(self, heads: Sequence[CloudHead]) -> None:
        """Moves journals' cloud heads, also backwards, all of them or none."""

    def note_answers(self, answers: Sequence[tuple[str, str, Place]]) -> None:
        """(terminal, outcome, last place sent) of an envelope that the cloud has answered."""

    def lane_parcels(self, resting: frozenset[str], bytes_max: int) -> list[LaneParcel]:
        """The fork lane's next segments that the cloud has not confirmed, of one terminal."""

    def confirm_lane(self, digests: Sequence[bytes]) -> None:
        """The cloud has them, in one of its lanes."""

    def keep_words(self, archived: Sequence[Watermark], since: Watermark | None) -> None:
        """Keeps for the tills what the cloud signed."""

    def timeline(self) -> str:
        """The cloud's timeline that was seen last."""

    def set_timeline(self, timeline: str) -> None:
        """Remembers another one."""

    def feed_cursor(self, scope: str) -> int:
        """The last revision cached."""

    def cache(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        """Keeps one revision, wholly."""

    def restart_feed(self, scope: str) -> None:
        """Forgets the scope's revisions; what they said holds until `settle_feed`."""

    def settle_feed(self, scope: str) -> None:
        """The feed is whole again: what it did not say anew is no more."""

    def snapshot_revision(self, scope: str) -> int:
        """The revision of the snapshot that is handed on to tills; 0 where there is none."""

    def snapshot_begun(self, scope: str) -> Held | None:
        """The snapshot on its way here, and how much of it has come."""

    def begin_snapshot(self, note: SnapshotNote) -> bool:
        """Begins a download in place of the one that was under way. False where the very file is
        here, of an earlier revision that said the same: then this one is applied by it."""

    def add_part(self, note: SnapshotNote, start: int, body: bytes) -> None:
        """Keeps the next bytes of it."""

    def give_up_snapshot(self, scope: str) -> None:
        """Forgets the download."""

    def apply_snapshot(self, note: SnapshotNote) -> None:
        """Hands the downloaded snapshot on from now, in place of the revisions that it covers.

        Raises SnapshotDamaged.
        """


@dataclass(slots=True)
class Credit:
    """How much may go into the next envelope, and how long the cloud asks us to wait first.

    `granted_bytes` is the cloud's word; `carried_bytes` what the line is trusted with: half after
    a failure, a little more after each success, so that a slow line drains in small steps.
    """

    granted_bytes: int = CREDIT_BYTES_START
    carried_bytes: int = SENDING_BYTES_MAX
    pause_ms: int = 0

    @property
    def size_bytes(self) -> int:
        """For the next envelope."""
        return max(1, min(self.granted_bytes, self.carried_bytes))

    def note_answer(self, answer: JournalAnswer) -> None:
        """The line carried it; the cloud grants the next."""
        self.granted_bytes, self.pause_ms = answer.credit_bytes, answer.pause_ms
        self.carried_bytes = min(SENDING_BYTES_MAX, self.carried_bytes + SENDING_BYTES_STEP)

    def note_failure(self, sent_bytes: int) -> None:
        """The line did not carry this much."""
        self.carried_bytes = max(SENDING_BYTES_MIN, min(self.carried_bytes, sent_bytes) // 2)


@dataclass(frozen=True, slots=True)
class Sent:
    """One envelope's result. `outcomes` as the cloud gave them; `moved` is whether any advanced."""

    outcomes: tuple[JournalOutcome, ...]
    moved: bool

    @property
    def appended(self) -> int:
        """Entries that are new in the cloud."""
        return sum(outcome.appended for outcome in self.outcomes)


def note_hello(
    answer: HelloAnswer, shelf: Shelf, cloud_key: Ed25519PublicKey, scopes: Sequence[str]
) -> tuple[str, ...]:
    """Takes the cloud's word for what it has, whether more or less than thought; the due scopes.

    A journal that the cloud does not name is not there: it was restored to an earlier time, or
    never had it. On a new timeline the same revision numbers may say other things, so the feed is
    read again from the start.
    """
    named = {
        terminal: CloudHead(
            terminal, note.to_head(), _checked(answer.cloud.get(terminal), cloud_key)
        )
        for terminal, note in answer.here.items()
    }
    missing = [CloudHead(one, EMPTY, None) for one in shelf.terminals() if one not in named]
    words = (_checked(mark, cloud_key) for mark in answer.archived.values())
    archived = [mark for mark in words if mark is not None and mark.name == "archived"]
    # First since when the timeline is what it is: older words on the heads are said anew then.
    shelf.keep_words(archived, _checked(answer.since, cloud_key))
    shelf.set_cloud_heads([*named.values(), *missing])
    is_new = answer.timeline != shelf.timeline()
    due = []
    for scope in scopes:
        there, cursor = answer.feed.get(scope, 0), shelf.feed_cursor(scope)
        if cursor and (is_new or there < cursor):
            shelf.restart_feed(scope)
            due.append(scope)
        elif there > cursor:
            due.append(scope)
    if is_new:
        shelf.set_timeline(answer.timeline)
    return tuple(due)


def _checked(mark: Watermark | None, cloud_key: Ed25519PublicKey) -> Watermark | None:
    return mark if mark is not None and watermark_is_true(mark, cloud_key) else None


def send_next(
    cloud: Cloud,
    shelf: Shelf,
    credit: Credit,
    cloud_key: Ed25519PublicKey,
    resting: frozenset[str] = frozenset(),
) -> Sent | None:
    """Sends one envelope; None where nothing waits. Journals in `resting` are left out.

    A cursor moves only on the cloud's answer. Raises LinkDown or LinkRefused.
    """
    lanes = [lane for lane in shelf.lanes() if lane.terminal not in resting]
    picks = choose(lanes, credit.size_bytes)
    parcels = [parcel for pick in picks for parcel in shelf.parcels(pick)]
    if not parcels:
        return None
    answer = _send(cloud, parcels, credit)
    heads, moved = [], False
    for outcome in answer.outcomes:
        head = cloud_head_after(outcome)
        if head is not None:
            heads.append(CloudHead(outcome.terminal, head, _checked(outcome.cloud, cloud_key)))
        moved = moved or outcome.outcome != "refused"
    shelf.set_cloud_heads(heads)
    shelf.note_answers(_answered(answer, parcels))
    return Sent(answer.outcomes, moved)


def _answered(answer: JournalAnswer, parcels: Sequence[Parcel]) -> list[tuple[str, str, Place]]:
    last: dict[str, Place] = {}
    for parcel in parcels:
        header = read_header(parcel.sealed)
        place = (header.epoch, header.last_seq)
        last[header.terminal] = max(place, last.get(header.terminal, place))
    return [
        (one.terminal, one.outcome, last[one.terminal])
        for one in answer.outcomes
        if one.outcome != "refused" and one.terminal in last
    ]


def send_lane(
    cloud: Cloud, shelf: Shelf, credit: Credit, resting: frozenset[str] = frozenset()
) -> Sent | None:
    """Sends what contradicts a journal here, or was left by it; None where nothing waits.

    The cloud puts it into whichever of its lanes it belongs to. Raises LinkDown or LinkRefused.
    """
    waiting = shelf.lane_parcels(resting, credit.size_bytes)
    if not waiting:
        return None
    answer = _send(cloud, [one.parcel for one in waiting], credit)
    moved = all(one.outcome not in ("refused", "gap") for one in answer.outcomes)
    if moved:
        shelf.confirm_lane([one.digest for one in waiting])
    return Sent(answer.outcomes, moved)


def _send(cloud: Cloud, parcels: Sequence[Parcel], credit: Credit) -> JournalAnswer:
    answer = None
    try:
        answer = cloud.send(parcels)
    finally:
        if answer is None:
            credit.note_failure(sum(len(parcel.sealed) for parcel in parcels))
    credit.note_answer(answer)
    return answer


def fetch_feed(cloud: Cloud, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey) -> int:
    """Caches all that is new in one scope; returns how many steps brought anything.

    Raises as `fetch_step` does.
    """
    count = 0
    while True:
        came, more = fetch_step(cloud, shelf, scope, cloud_key)
        count += came
        if not more:
            return count


def fetch_step(
    cloud: Cloud, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey
) -> tuple[int, bool]:
    """Caches a page of revisions, or the next part of a snapshot: (how many came, perhaps more).

    Raises FeedDamaged, SnapshotDamaged or SnapshotStale before anything is kept that the cloud did
    not sign; LinkDown, LinkRefused.
    """
    if shelf.snapshot_begun(scope) is not None:
        return _fetch_part(cloud, shelf, scope, cloud_key)
    cursor = shelf.feed_cursor(scope)
    try:
        head, revisions = cloud.feed(scope, cursor)
    except LinkRefused as refused:
        if refused.slug == SNAPSHOT_NEEDED:
            return _fetch_part(cloud, shelf, scope, cloud_key)
        if refused.slug == CURSOR_BEYOND:
            # The next hello finds the cloud's lower head, and restarts the feed.
            return 0, False
        raise
    for revision in revisions:
        if revision.revision != shelf.feed_cursor(scope) + 1:
            raise FeedDamaged(f"revision {revision.revision} of {scope} does not follow")
        shelf.cache(revision, open_revision(revision, cloud_key))
    if not revisions or shelf.feed_cursor(scope) >= head:
        shelf.settle_feed(scope)
        return len(revisions), False
    return len(revisions), True


def fetch_snapshot(cloud: Cloud, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey) -> None:
    """Begins to fetch a newer snapshot, so that the revisions that it covers can go.

    Raises SnapshotStale where the cloud has none, and as `fetch_step` does.
    """
    _fetch_part(cloud, shelf, scope, cloud_key)


def _fetch_part(
    cloud: Cloud, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey
) -> tuple[int, bool]:
    def leads_further(note: SnapshotNote) -> bool:
        return note.revision > shelf.snapshot_revision(scope)

    before = shelf.feed_cursor(scope)
    fetch_part(cloud, shelf, scope, cloud_key, leads_further)
    return int(shelf.feed_cursor(scope) > before), True
