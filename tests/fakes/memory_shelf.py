"""A till's shelf in memory, as a simulation will use it; it passes the vault's own contract."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol.entry import EMPTY, Entry, Head, head_of
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.segment import read_header, seal_all
from sentra.vault.failures import RevisionOutOfOrder


class MemoryShelf:
    """`entries` is the journal; a test appends to it."""

    def __init__(self, terminal: str, scopes: tuple[str, ...], key: Ed25519PrivateKey) -> None:
        self._terminal, self._scopes, self._key = terminal, scopes, key
        self._timeline = ""
        self.entries: list[Entry] = []
        self._sealed: list[bytes] = []
        self._sealed_count = 0
        self._marks: dict[str, tuple[Head, int]] = {}
        self._cursors: dict[str, int] = {}
        self.decisions: dict[tuple[str, str], bytes] = {}

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
            if item.body is None:
                self.decisions.pop((item.kind, item.key), None)
            else:
                self.decisions[item.kind, item.key] = item.body
        self._cursors[revision.scope] = revision.revision

    def restart_feed(self, scope: str) -> None:
        self._cursors.pop(scope, None)
