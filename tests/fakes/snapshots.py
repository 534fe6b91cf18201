"""Snapshots in memory: one that a store hands out, and the shelf's end of a download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.link.parts import SnapshotPart
from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import (
    SnapshotNote,
    check_digest,
    pack_items,
    sign_snapshot,
    write_note,
)
from sentra.vault.snapshots import Held
from tests.support.tills import CLOUD_KEY, TIMELINE

MADE_AT_MS = 1_700_000_000_000


@dataclass
class MemorySnapshot:
    """A file with the cloud's word for it, handed out in small parts."""

    note: SnapshotNote
    packed: bytes
    part_bytes: int = 24

    def part(self, begun: str | None, start: int) -> SnapshotPart:
        """As a store answers."""
        start = start if begun == self.note.sha256 else 0
        return SnapshotPart(
            write_note(self.note), start, self.packed[start : start + self.part_bytes]
        )


def a_snapshot(
    scope: str,
    revision: int,
    items: Sequence[FeedItem],
    *,
    timeline: str = TIMELINE,
    key: Ed25519PrivateKey = CLOUD_KEY,
) -> MemorySnapshot:
    """The state of a scope, signed by the cloud."""
    packed = pack_items(sorted(items, key=lambda item: (item.kind, item.key)))
    note = sign_snapshot(
        packed,
        key,
        scope=scope,
        revision=revision,
        timeline=timeline,
        timeline_at_ms=MADE_AT_MS,
        made_at_ms=MADE_AT_MS,
    )
    return MemorySnapshot(note, packed)


class Downloads:
    """The downloads of a shelf in memory. A subclass says what becomes of a whole one."""

    def __init__(self) -> None:
        self.downloads: dict[str, tuple[SnapshotNote, bytes]] = {}

    def snapshot_begun(self, scope: str) -> Held | None:
        found = self.downloads.get(scope)
        return None if found is None else Held(found[0], len(found[1]))

    def begin_snapshot(self, note: SnapshotNote) -> bool:
        self.downloads[note.scope] = note, b""
        return True

    def add_part(self, note: SnapshotNote, start: int, body: bytes) -> None:
        known, here = self.downloads[note.scope]
        assert (known.sha256, len(here)) == (note.sha256, start)
        self.downloads[note.scope] = known, here + body

    def give_up_snapshot(self, scope: str) -> None:
        self.downloads.pop(scope, None)

    def taken(self, note: SnapshotNote) -> bytes:
        """The checked bytes of a whole download, which ends by it."""
        _, here = self.downloads[note.scope]
        check_digest(note, [here])
        del self.downloads[note.scope]
        return here
