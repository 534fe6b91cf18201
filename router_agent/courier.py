"""The router and the courier: it packs what it holds, and takes in what its terminals packed.

It may run meanwhile: heads are read, compared and moved under the vault's write lock, and the
trunk finds what came in at its next turn.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.begin import is_present_word
from router_agent.operations.journals import JournalState
from router_agent.operations.take import Taking, take_parcels
from router_agent.operations.trunk import CloudHead
from router_agent.outbound import decisions, lane, store
from router_agent.outbound.schema import ROOMS
from sentra.courier.failures import (
    NoPackingHere,
    OtherBranch,
    OtherCompany,
    PackedByRevoked,
    PackedByUnknown,
    PackedMeanwhile,
)
from sentra.courier.offers import Piece, Point, readers_of, sender_of
from sentra.events import Device
from sentra.instants import Clock
from sentra.protocol.courier import CourierHeader
from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import Custody, Parcel
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import JournalOutcome, Watermark, note_of, watermark_is_true
from sentra.protocol.segment import SegmentHeader, follows, read_header
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity, read_identity


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class RouterDepot:
    """`sentra.courier.offers.Depot` and `Taker` for one router."""

    def __init__(self, vault: Vault, identity: Identity, clock: Clock) -> None:
        self._vault, self._identity, self._clock = vault, identity, clock
        self.sender = sender_of(identity)
        self.own_key = identity.private_key

    # -- packing ------------------------------------------------------------------------------

    def readers(self) -> Sequence[Ed25519PublicKey]:
        """The company, and the branch's other routers."""
        return readers_of(self._identity, self._devices())

    def starts(self) -> dict[str, Point]:
        """Behind the cloud's signed word on each journal that is held here, as far as it is about
        the very line that is held."""
        with self._vault.reader() as db:
            sent = {
                row[0]: (row[1], row[2])
                for row in db.execute("SELECT terminal, sent_epoch, sent_seq FROM held_head")
            }
            return {
                state.terminal: min(_start(state), sent[state.terminal])
                for state in store.journals(db)
            }

    def words(self) -> Sequence[Watermark]:
        """What the cloud last signed for each journal held here."""
        with self._vault.reader() as db:
            marks = [state.watermark for state in store.journals(db)]
        return [mark for mark in marks if mark is not None]

    def pieces(self, terminal: str, after: Point) -> Sequence[Piece]:
        """The held segments that reach beyond the point."""
        with self._vault.reader() as db:
            rows = db.execute(
                "SELECT epoch, first_seq, last_seq, size_bytes FROM held_segment"
                " WHERE terminal = ? AND (epoch, last_seq) > (?, ?) ORDER BY epoch, last_seq",
                (terminal, *after),
            ).fetchall()
            aside = db.execute(
                "SELECT epoch, first_seq, last_seq, length(sealed), digest FROM held_fork"
                " WHERE terminal = ? AND in_cloud = 0 ORDER BY epoch, first_seq, received_at_ms",
                (terminal,),
            ).fetchall()
        return [Piece(terminal, *row) for row in (*rows, *aside)]

    def parcels(self, pieces: Sequence[Piece]) -> list[Parcel]:
        """The sealed bytes with this router's custody. Raises PackedMeanwhile."""
        found = []
        with self._vault.reader() as db:
            for piece in pieces:
                row = _find(db, piece)
                if row is None:
                    raise PackedMeanwhile
                found.append(Parcel(row[0], Custody(self._identity.device_id, row[1])))
        return found

    def take_receipt(self, marks: Sequence[Watermark]) -> int:
        """Moves cloud heads by words that the cloud signed about entries held here.

        Also back, by a word that is later than the one that is known: the cloud was restored.
        """
        moved = 0
        with self._vault.writer() as db:
            for mark in marks:
                state = store.journal(db, mark.terminal)
                if state is not None and self._is_news(db, mark, state):
                    head = CloudHead(mark.terminal, mark.head.to_head(), mark)
                    store.set_cloud_head(db, state, head)
                    moved += 1
        return moved

    def _is_news(self, db: Connection, mark: Watermark, state: JournalState) -> bool:
        if mark.name != "cloud" or not watermark_is_true(mark, self._identity.cloud_public_key):
            return False
        since = store.since(db)
        if since is not None and mark.at_ms < since.at_ms:
            # Signed before the present timeline began: the restore may have lost it again.
            return False
        head, known = mark.head.to_head(), state.watermark
        if (head.epoch, head.seq) == (state.cloud.epoch, state.cloud.seq):
            return False
        lower = (head.epoch, head.seq) < (state.cloud.epoch, state.cloud.seq)
        if lower and known is not None and mark.at_ms <= known.at_ms:
            return False
        return head == state.here or (
            store.hash_at(db, mark.terminal, head.epoch, head.seq) == head.hash
        )

    # -- taking in ----------------------------------------------------------------------------

    def admit(self, file: str, header: CourierHeader, *, revoked_too: bool) -> Ed25519PublicKey:
        """The key of the branch's device that packed the file."""
        if header.company_id != self._identity.company_id:
            raise OtherCompany(file=file)
        if header.branch_id != self._identity.branch_id:
            raise OtherBranch(file=file)
        device = next((one for one in self._devices() if one.id == header.device_id), None)
        # A device that claims another role than its own is none that we know.
        if device is None or device.role != header.role:
            raise PackedByUnknown(file=file, device=header.device_id)
        if device.revoked and not revoked_too:
            raise PackedByRevoked(file=file, device=device.name)
        return _key_of(device)

    def take(self, header: CourierHeader, parcels: Sequence[Parcel]) -> Sequence[JournalOutcome]:
        """Keeps what is new; a terminal's file brings its own journal, a router's those of all.

        A journal of which nothing is here begins where the cloud has come to, by the word that
        came with the file: what the cloud has nobody packs, and it need not come here.
        """
        keys = {
            one.id: _key_of(one)
            for one in self._devices()
            if one.role == "terminal" and (header.role == "router" or one.id == header.device_id)
        }
        self._vault.require_room()
        with self._vault.writer() as db:
            for word in header.words:
                if word.terminal in keys and self._is_followed(db, word, parcels):
                    store.begin_behind(db, word)
            takings, _unreadable = take_parcels(
                parcels,
                keys.get,
                functools.partial(store.head_of, db),
                functools.partial(store.hash_at, db),
                functools.partial(store.first_of, db),
                functools.partial(lane.tails, db),
            )
            store.keep(db, takings, self._clock())
        return [_outcome(taking) for taking in takings]

    def _is_followed(self, db: Connection, word: Watermark, parcels: Sequence[Parcel]) -> bool:
        """Whether it is the cloud's word, and what came of its journal goes on just behind it."""
        known, since = store.journal(db, word.terminal), store.since(db)
        cloud_key = self._identity.cloud_public_key
        if not is_present_word(word, word.terminal, known, since, cloud_key):
            return False
        first = next((h for h in _headers(parcels) if h.terminal == word.terminal), None)
        return first is not None and follows(first, word.head.to_head())

    def _devices(self) -> Sequence[Device]:
        with self._vault.reader() as db:
            return decisions.devices(db)


@contextmanager
def open_router(folder: Path, clock: Clock = _now_ms) -> Iterator[RouterDepot]:
    """The depot of a router's folder. Raises NoPackingHere, and what `Vault.open` raises."""
    vault = Vault.open(folder, ROOMS)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
        if identity is None or identity.role != "router":
            raise NoPackingHere(folder=folder)
        yield RouterDepot(vault, identity, clock)
    finally:
        vault.close()


def _find(db: Connection, piece: Piece) -> tuple[bytes, int] | None:
    """(sealed bytes, when they came here), in the journal's line or in the lane beside it."""
    if piece.digest is None:
        query = "SELECT sealed, received_at_ms FROM held_segment WHERE terminal = ? AND epoch = ?"
        place: tuple[object, ...] = (piece.terminal, piece.epoch, piece.last_seq)
        row = db.execute(query + " AND last_seq = ?", place).fetchone()
    else:
        query = "SELECT sealed, received_at_ms FROM held_fork WHERE terminal = ? AND digest = ?"
        row = db.execute(query, (piece.terminal, piece.digest)).fetchone()
    return None if row is None else (bytes(row[0]), row[1])


def _headers(parcels: Sequence[Parcel]) -> Iterator[SegmentHeader]:
    for parcel in parcels:
        with suppress(ProtocolError):
            yield read_header(parcel.sealed)


def _start(state: JournalState) -> Point:
    head = EMPTY if state.watermark is None else state.watermark.head.to_head()
    return head.epoch, head.seq


def _key_of(device: Device) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(device.public_key))


def _outcome(taking: Taking) -> JournalOutcome:
    return JournalOutcome(
        terminal=taking.terminal,
        outcome=taking.outcome,
        here=note_of(taking.head),
        appended=taking.entry_count,
        problem=taking.problem,
    )
