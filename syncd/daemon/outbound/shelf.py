"""The till's vault behind the interface that the operations know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sentra.events import Device
from sentra.protocol.entry import Head
from sentra.protocol.feed import COMPANY, FeedItem, SealedRevision
from sentra.vault import catalogue, journal, watermarks
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, read_identity, write_identity


class VaultShelf:
    """Each call is one short transaction of the vault."""

    def __init__(self, vault: Vault, identity: Identity) -> None:
        self._vault = vault
        self.identity = identity

    def terminal(self) -> str:
        """The device's id."""
        return self.identity.device_id

    def scopes(self) -> tuple[str, ...]:
        """The company's feed and the branch's own."""
        return (COMPANY, self.identity.branch_id)

    def timeline(self) -> str:
        """The cloud's timeline that this terminal saw last."""
        return self.identity.timeline

    def set_timeline(self, timeline: str) -> None:
        """Remembers another one."""
        with self._vault.writer() as db:
            # Read anew: the till may have written another part of it since.
            present = read_identity(db) or self.identity
            self.identity = replace(present, timeline=timeline)
            write_identity(db, self.identity)

    def head(self) -> Head:
        """The end of the journal."""
        with self._vault.reader() as db:
            return journal.head(db)

    def holds(self, head: Head) -> bool:
        """Whether the journal has exactly this entry."""
        with self._vault.reader() as db:
            return journal.holds(db, head)

    def watermark(self, name: str) -> Head:
        """How far the journal has come there."""
        with self._vault.reader() as db:
            return watermarks.watermark(db, name)

    def watermark_at_ms(self, name: str) -> int:
        """When it was set, by the clock of who set it."""
        with self._vault.reader() as db:
            return watermarks.watermark_at_ms(db, name)

    def set_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> bool:
        """Moves it forward; whether it moved. What would not move is not written."""
        known = self.watermark(name)
        if (head.epoch, head.seq) <= (known.epoch, known.seq):
            return False
        with self._vault.writer() as db:
            return watermarks.set_watermark(db, name, head, at_ms, signature)

    def reset_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> None:
        """Sets it, also back."""
        with self._vault.writer() as db:
            watermarks.reset_watermark(db, name, head, at_ms, signature)

    def seal_pending(self) -> int:
        """Seals what no segment holds, in a transaction only where there is anything."""
        with self._vault.reader() as db:
            waiting = journal.unsealed(db)
        if not waiting:
            return 0
        with self._vault.writer() as db:
            return journal.seal_pending(db, self.identity)

    def parcels_after(self, head: Head, bytes_max: int, segments_max: int) -> list[bytes]:
        """Sealed segments beyond a head, oldest first."""
        with self._vault.reader() as db:
            parcels = journal.parcels_after(db, head, bytes_max, segments_max)
        return [sealed for _, sealed in parcels]

    def feed_cursor(self, scope: str) -> int:
        """The last revision applied."""
        with self._vault.reader() as db:
            return catalogue.cursor(db, scope)

    def apply(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        """One revision, wholly or not at all."""
        with self._vault.writer() as db:
            catalogue.apply_revision(db, revision, items)

    def restart_feed(self, scope: str) -> None:
        """Reads the scope from its first revision again."""
        with self._vault.writer() as db:
            catalogue.restart_feed(db, scope)

    def backlog(self, name: str) -> journal.Backlog:
        """What waits behind a watermark."""
        with self._vault.reader() as db:
            return journal.backlog(db, name)

    def routers(self) -> list[Device]:
        """The branch's routers that are not revoked and say where they are."""
        with self._vault.reader() as db:
            devices = catalogue.devices(db)
        return [d for d in devices if d.role == "router" and not d.revoked and d.addresses]
