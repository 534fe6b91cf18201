"""The till's vault behind the interface that the operations know."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.events import Device
from sentra.protocol.entry import Head
from sentra.protocol.messages import ProofNote
from sentra.vault import catalogue, epochs, journal, watermarks
from sentra.vault.database import Vault
from sentra.vault.epochs import Regained, Restored
from sentra.vault.identity import Identity, read_identity, write_identity
from sentra.vault.proof import proof_note
from sentra.vault.regaining import regain_in_steps
from sentra.vault.room import go_on
from syncd.daemon.outbound.feed_shelf import FeedShelf


class VaultShelf(FeedShelf):
    """Each call is one short transaction of the vault, or several."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`pause` lets others write for so many seconds."""
        self._vault = vault
        self._pause = pause
        self.meanwhile = go_on
        self.identity = identity

    def terminal(self) -> str:
        """The device's id."""
        return self.identity.device_id

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

    def hash_at(self, epoch: int, seq: int) -> bytes | None:
        """The hash at one place of the journal."""
        with self._vault.reader() as db:
            return journal.hash_at(db, epoch, seq)

    def proof(self, base: Head, now_ms: int) -> ProofNote | None:
        """What is to be proved next behind a place, counted and signed."""
        with self._vault.reader() as db:
            return proof_note(db, self.identity, base, now_ms)

    def public_key(self) -> Ed25519PublicKey:
        """What this terminal's segments are signed with."""
        return self.identity.private_key.public_key()

    def is_provisional(self) -> bool:
        """Whether the vault was put back and has not heard yet what its stores hold."""
        with self._vault.reader() as db:
            return journal.is_provisional(db)

    def settled_end(self) -> Head:
        """The end of the journal before a provisional epoch."""
        with self._vault.reader() as db:
            return epochs.settled_end(db)

    def has_left(self, head: Head) -> bool:
        """Whether this is an entry of a line that the journal left."""
        with self._vault.reader() as db:
            return epochs.has_left(db, head)

    def regain(self, found: Regained, now_ms: int) -> Restored:
        """Takes up what was fetched and opens the next epoch; a long line by and by."""
        done = regain_in_steps(self._vault, self.identity, found, now_ms, self._give_way)
        journal.write_head_file(self._vault.folder, self.head())
        journal.sync_head_file(self._vault.folder)
        return done

    def is_forked(self) -> bool:
        """Whether the cloud is known to hold another machine's line in this terminal's name."""
        with self._vault.reader() as db:
            return epochs.forked(db) is not None

    def note_fork(self, stored: int, now_ms: int) -> None:
        """Remembers that it does; the first instant stays."""
        with self._vault.writer() as db:
            known = epochs.forked(db)
            at_ms = now_ms if known is None else known.at_ms
            epochs.note_fork(db, epochs.Forked(at_ms=at_ms, stored=stored))

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
        """Seals what no segment holds beside whoever sells; only the keeping is a transaction."""
        with self._vault.reader() as db:
            made = journal.sealing(db, self.identity)
        if made is None:
            return 0
        with self._vault.writer() as db:
            return journal.keep_sealing(db, made)

    def parcels_after(self, head: Head, bytes_max: int, segments_max: int) -> list[bytes]:
        """Sealed segments beyond a head, oldest first."""
        with self._vault.reader() as db:
            parcels = journal.parcels_after(db, head, bytes_max, segments_max)
        return [sealed for _, sealed in parcels]

    def feed_cursor(self, scope: str) -> int:
        """The last revision applied."""
        with self._vault.reader() as db:
            return catalogue.cursor(db, scope)

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
