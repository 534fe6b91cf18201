"""Snapshots of the feed in the router's store, behind the interface that the operations know."""

from __future__ import annotations

from collections.abc import Callable

from router_agent.outbound import decisions
from sentra.protocol.snapshot import SnapshotNote
from sentra.vault import snapshots
from sentra.vault.database import Vault


class SnapshotShelf:
    """Each call is one transaction of the vault."""

    def __init__(self, vault: Vault, decided: Callable[[], None]) -> None:
        self._vault, self._decided = vault, decided

    def snapshot_revision(self, scope: str) -> int:
        """The revision of the snapshot that is handed on to tills; 0 where there is none."""
        with self._vault.reader() as db:
            kept = snapshots.kept(db, scope)
        return 0 if kept is None else kept.note.revision

    def snapshot_begun(self, scope: str) -> snapshots.Held | None:
        """The snapshot on its way here."""
        with self._vault.reader() as db:
            return snapshots.begun(db, scope)

    def begin_snapshot(self, note: SnapshotNote) -> bool:
        """Begins a download in place of the one that was under way. False where the very file is
        here: it is handed on as what it is now."""
        with self._vault.writer() as db:
            begins = snapshots.begin(db, note)
            if not begins:
                decisions.keep_snapshot(db, note)
        if not begins:
            self._decided()
        return begins

    def add_part(self, note: SnapshotNote, start: int, body: bytes) -> None:
        """Keeps the next bytes of it."""
        with self._vault.writer() as db:
            snapshots.add_part(db, note, start, body)

    def give_up_snapshot(self, scope: str) -> None:
        """Forgets the download."""
        if self.snapshot_begun(scope) is not None:
            with self._vault.writer() as db:
                snapshots.give_up(db, scope)

    def apply_snapshot(self, note: SnapshotNote) -> None:
        """Hands the downloaded snapshot on. Raises SnapshotDamaged."""
        with self._vault.reader() as db:
            snapshots.check(db, note)
        with self._vault.writer() as db:
            decisions.keep_snapshot(db, note)
        self._decided()

    def is_heavy(self, scope: str) -> bool:
        """Whether so many revisions are here that a newer snapshot should take their place."""
        with self._vault.reader() as db:
            return decisions.is_heavy(db, scope)
