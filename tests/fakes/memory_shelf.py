"""A till's shelf in memory, as a simulation will use it; it passes the vault's own contract."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.entry import EMPTY, Entry, Head, head_of, make_entry
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.messages import Base, Watermark
from sentra.protocol.segment import read_header, seal_all
from sentra.protocol.snapshot import SnapshotNote, unpack_items
from sentra.vault.epochs import Regained, Restored
from sentra.vault.failures import RevisionOutOfOrder
from tests.fakes.snapshots import Downloads


class MemoryShelf(Downloads):
    """`entries` is the journal; a test appends to it."""

    def __init__(self, terminal: str, scopes: tuple[str, ...], key: Ed25519PrivateKey) -> None:
        super().__init__()
        self._terminal, self._scopes, self._key = terminal, scopes, key
        self._timeline = ""
        self.entries: list[Entry] = []
        self.left: list[Entry] = []
        self.forked: int | None = None
        self._sealed: list[bytes] = []
        self._sealed_count = 0
        self._marks: dict[str, tuple[Head, int]] = {}
        self._cursors: dict[str, int] = {}
        self.decisions: dict[tuple[str, str], bytes] = {}
        self.stale: set[tuple[str, str]] = set()
        self.begins: Base | None = None
        self.word: Watermark | None = None

    def terminal(self) -> str:
        return self._terminal

    def scopes(self) -> tuple[str, ...]:
        return self._scopes

    def timeline(self) -> str:
        return self._timeline

    def set_timeline(self, timeline: str) -> None:
        self._timeline = timeline

    def head(self) -> Head:
        return head_of(self.entries[-1]) if self.entries else EMPTY

    def holds(self, head: Head) -> bool:
        return head == EMPTY or head in map(head_of, self.entries)

    def hash_at(self, epoch: int, seq: int) -> bytes | None:
        if (epoch, seq) == (1, 0):
            return EMPTY.hash if self.entries else None
        found = [entry for entry in self.entries if (entry.epoch, entry.seq) == (epoch, seq)]
        return found[0].hash if found else None

    def public_key(self) -> Ed25519PublicKey:
        return self._key.public_key()

    def is_provisional(self) -> bool:
        return False

    def settled_end(self) -> Head:
        return self.head()

    def has_left(self, head: Head) -> bool:
        return head in map(head_of, self.left)

    def regain(self, found: Regained, now_ms: int) -> Restored:
        def key(entry: Entry) -> tuple[object, ...]:
            return (entry.kind, entry.recorded_at_ms, entry.body)

        place = (found.keep.epoch, found.keep.seq)
        aside = [entry for entry in self.entries if (entry.epoch, entry.seq) > place]
        seen = max(entry.epoch for entry in (*self.entries, *self.left, *found.line, *found.lost))
        epoch = max(seen, found.epochs) + 1
        self.left += [*aside, *found.lost]
        self.entries = [e for e in self.entries if e not in aside] + list(found.line)
        self._sealed, self._sealed_count = [], 0
        known = set(map(key, self.entries))
        at = Head(epoch, 0, self.head().hash)
        for entry in (*found.lost, *aside):
            if key(entry) in known:
                continue
            known.add(key(entry))
            again = make_entry(
                self._terminal,
                at,
                entry.kind,
                entry.schema,
                entry.recorded_at_ms,
                entry.business_date,
                entry.body,
            )
            self.entries.append(again)
            at = head_of(again)
        fetched = len(found.line) + len(found.lost)
        return Restored(epoch=epoch, at_ms=now_ms, fetched=fetched, again=at.seq)

    def is_forked(self) -> bool:
        return self.forked is not None

    def note_fork(self, stored: int, now_ms: int) -> None:
        self.forked = stored

    def watermark(self, name: str) -> Head:
        return self._marks.get(name, (EMPTY, 0))[0]

    def watermark_at_ms(self, name: str) -> int:
        return self._marks.get(name, (EMPTY, 0))[1]

    def set_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> bool:
        known = self.watermark(name)
        if (head.epoch, head.seq) <= (known.epoch, known.seq):
            return False
        self._marks[name] = (head, at_ms)
        return True

    def reset_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> None:
        self._marks[name] = (head, at_ms)

    def base(self) -> Base | None:
        return self.begins

    def cloud_word(self) -> Watermark | None:
        return self.word

    def seal_pending(self) -> int:
        pending = self.entries[self._sealed_count :]
        self._sealed += seal_all(pending, self._key)
        self._sealed_count += len(pending)
        return len(pending)

    def parcels_after(self, head: Head, bytes_max: int, segments_max: int) -> list[bytes]:
        found: list[bytes] = []
        size = 0
        for sealed in self._sealed:
            header = read_header(sealed)
            if (header.epoch, header.last_seq) <= (head.epoch, head.seq):
                continue
            size += len(sealed)
            if len(found) >= segments_max or (found and size > bytes_max):
                break
            found.append(sealed)
        return found

    def feed_cursor(self, scope: str) -> int:
        return self._cursors.get(scope, 0)

    def apply(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        cursor = self.feed_cursor(revision.scope)
        if revision.revision <= cursor:
            return
        if revision.revision != cursor + 1:
            raise RevisionOutOfOrder(
                revision=revision.revision, scope=revision.scope, cursor=cursor
            )
        for item in items:
            self.stale.discard((item.kind, item.key))
            if item.body is None:
                self.decisions.pop((item.kind, item.key), None)
            else:
                self.decisions[item.kind, item.key] = item.body
        self._cursors[revision.scope] = revision.revision

    def restart_feed(self, scope: str) -> None:
        self._cursors.pop(scope, None)
        self.stale = set(self.decisions)

    def has_stale_items(self, scope: str) -> bool:
        return bool(self.stale)

    def settle_feed(self, scope: str) -> None:
        for key in self.stale:
            del self.decisions[key]
        self.stale = set()

    def apply_snapshot(self, note: SnapshotNote) -> None:
        packed = self.taken(note)
        self.decisions = {
            (item.kind, item.key): item.body or b""
            for block in unpack_items(note.scope, [packed])
            for item in block
        }
        self.stale = set()
        self._cursors[note.scope] = note.revision
