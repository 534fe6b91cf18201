"""A till's vault as the courier packs it: sealed like the daemon does, beside it if it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.courier.failures import NoPackingHere, PackedMeanwhile
from sentra.courier.offers import Piece, Point, readers_of, sender_of
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import Watermark
from sentra.vault import catalogue
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, read_identity
from syncd.daemon.operations.greet import note_mark
from syncd.daemon.operations.ports import CLOUD
from syncd.daemon.outbound.shelf import VaultShelf


class TillDepot:
    """`sentra.courier.offers.Depot` for one till."""

    def __init__(self, vault: Vault, identity: Identity) -> None:
        self._vault, self._identity = vault, identity
        self._shelf = VaultShelf(vault, identity)
        self.sender = sender_of(identity)

    def readers(self) -> Sequence[Ed25519PublicKey]:
        """The company, and the branch's routers by the feed."""
        with self._vault.reader() as db:
            return readers_of(self._identity, catalogue.devices(db))

    def starts(self) -> dict[str, Point]:
        """Behind the cloud's signed watermark."""
        mark = self._shelf.watermark(CLOUD)
        return {self._shelf.terminal(): (mark.epoch, mark.seq)}

    def words(self) -> Sequence[Watermark]:
        """What the cloud signed in its present timeline."""
        word = self._shelf.cloud_word()
        return () if word is None else (word,)

    def pieces(self, terminal: str, after: Point) -> Sequence[Piece]:
        """Seals everything, then lists what reaches beyond the point."""
        while self._shelf.seal_pending():
            pass
        with self._vault.reader() as db:
            rows = db.execute(
                "SELECT epoch, first_seq, last_seq, length(sealed) FROM sealed_segment"
                " WHERE (epoch, last_seq) > (?, ?) ORDER BY epoch, first_seq",
                after,
            ).fetchall()
        return [Piece(terminal, *row) for row in rows]

    def parcels(self, pieces: Sequence[Piece]) -> list[Parcel]:
        """The sealed bytes. Raises PackedMeanwhile for one that is not kept any more."""
        found = []
        with self._vault.reader() as db:
            for piece in pieces:
                row = db.execute(
                    "SELECT sealed FROM sealed_segment WHERE epoch = ? AND first_seq = ?",
                    (piece.epoch, piece.first_seq),
                ).fetchone()
                if row is None:
                    raise PackedMeanwhile
                found.append(Parcel(bytes(row[0])))
        return found

    def take_receipt(self, marks: Sequence[Watermark]) -> int:
        """Moves the watermarks that the cloud signed for this till."""
        key = self._identity.cloud_public_key
        return sum(note_mark(mark, self._shelf, key) for mark in marks)


@contextmanager
def open_till(folder: Path) -> Iterator[TillDepot]:
    """The depot of a till's folder. Raises NoPackingHere, and what `Vault.open` raises."""
    vault = Vault.open(folder)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
        if identity is None or identity.role != "terminal":
            raise NoPackingHere(folder=folder)
        yield TillDepot(vault, identity)
    finally:
        vault.close()
