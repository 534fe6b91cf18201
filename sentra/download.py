"""Takes a feed's snapshot from a store, part by part: what tills and routers do alike.

The note is verified before anything is kept, the digest before anything is opened. A download that
was cut off goes on where it was; one that can come to nothing is given up and begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.link.errors import LinkRefused
from sentra.link.parts import SnapshotPart
from sentra.protocol.errors import ProtocolError
from sentra.protocol.snapshot import SnapshotDamaged, SnapshotNote, read_note
from sentra.vault.snapshots import Held


class SnapshotStale(ProtocolError):
    """A true snapshot that does not lead further: older than what is here, or of a timeline that
    the cloud has left."""

    slug = "snapshot-stale"


class SnapshotStore(Protocol):
    """Who hands it out. Raises LinkDown or LinkRefused."""

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
        """The next part of the snapshot whose digest is `begun`, or another from its beginning."""


class SnapshotShelf(Protocol):
    """Who keeps it; each call is one short transaction."""

    def timeline(self) -> str:
        """The cloud's timeline, as it is known here."""

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
        """The scope is what the downloaded snapshot says, wholly or not at all.

        Raises SnapshotDamaged.
        """


def fetch_part(
    store: SnapshotStore,
    shelf: SnapshotShelf,
    scope: str,
    cloud_key: Ed25519PublicKey,
    leads_further: Callable[[SnapshotNote], bool],
) -> None:
    """Keeps the next part, and applies the whole once it is here.

    Raises SnapshotDamaged, SnapshotStale, LinkDown, LinkRefused.
    """
    held = shelf.snapshot_begun(scope)
    begun, size = (None, 0) if held is None else (held.note, held.size)

    def require_progress(note: SnapshotNote) -> None:
        # A router may show an old one again: it is true, and yet no price may go back by it.
        if note.timeline != shelf.timeline() or not leads_further(note):
            raise SnapshotStale(f"the snapshot of {scope} at {note.revision} leads no further")

    try:
        if held is not None and held.is_whole:
            # Applying it was broken off.
            require_progress(held.note)
            shelf.apply_snapshot(held.note)
            return
        part = store.snapshot(scope, None if begun is None else begun.sha256, size)
        note = read_note(part.note, scope, cloud_key)
        require_progress(note)
        if begun is None or begun.sha256 != note.sha256:
            if not shelf.begin_snapshot(note):
                return
            size = 0
        body = part.body[: note.size - size]
        if part.start != size or not body:
            raise SnapshotDamaged(f"another part of the snapshot of {scope} than was asked for")
        shelf.add_part(note, size, body)
        if size + len(body) == note.size:
            shelf.apply_snapshot(note)
    except (ProtocolError, LinkRefused) as error:
        if not (isinstance(error, LinkRefused) and error.problem.retry):
            shelf.give_up_snapshot(scope)
        raise
