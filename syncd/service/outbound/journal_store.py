"""The journal in PostgreSQL: heads, entries, segments, fork lane. One object is one transaction.

It works on a plain psycopg2 connection in a native thread. COPY goes to the partitioned parents:
the programs' role has no rights on the partitions, and routing costs next to nothing where all of
a run's rows are of one branch.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2 import extensions
from psycopg2.extras import execute_values

from sentra.cloud.findings import (
    NewId,
    Products,
    excess_refunds,
    negative_stock,
    raise_findings,
    refunded,
)
from sentra.projection.findings import Excess, Finding
from sentra.projection.rollups import Increments
from sentra.protocol.entry import EMPTY, GENESIS, Head, terminal_bytes
from sentra.protocol.segment import sealed_digest
from syncd.service.operations.journals import Carrier, Delivery, Journal, Piece, Place, Terminal
from syncd.service.operations.project import Projection
from syncd.service.outbound import copy_format, fork_store, projection_store
from syncd.service.outbound.projection_store import PreparedRows

_LOCK_HEADS: Final = """
    SELECT terminal_id::text, epoch, seq, hash, EXISTS (
        SELECT FROM fork_segment f WHERE f.branch_id = h.branch_id
        AND f.terminal_id = h.terminal_id)
    FROM journal_head h
    WHERE branch_id = %s AND terminal_id = ANY(%s::uuid[])
    ORDER BY terminal_id FOR UPDATE OF h
"""
_MAKE_HEADS: Final = """
    INSERT INTO journal_head (branch_id, terminal_id, epoch, seq, hash, moved_at_ms)
    SELECT %s, t, %s, %s, %s, 0 FROM unnest(%s::uuid[]) AS t ORDER BY t
    ON CONFLICT DO NOTHING
"""
_HASHES: Final = """
    SELECT e.terminal_id::text, e.epoch, e.seq, e.hash FROM journal_entry e
    JOIN (VALUES %s) AS wanted (terminal_id, epoch, seq)
    ON e.terminal_id = wanted.terminal_id::uuid AND e.epoch = wanted.epoch AND e.seq = wanted.seq
    WHERE e.branch_id = {branch}
"""
_LAST_BEFORE_EPOCH: Final = """
    SELECT hash FROM journal_entry WHERE branch_id = %s AND terminal_id = %s AND epoch < %s
    ORDER BY epoch DESC, seq DESC LIMIT 1
"""
_FORK_TAILS: Final = """
    SELECT terminal_id::text, epoch, last_seq, last_hash FROM fork_segment
    WHERE branch_id = %s AND terminal_id = ANY(%s::uuid[])
"""
_KEEP_FORK: Final = """
    INSERT INTO fork_segment (branch_id, terminal_id, sealed_sha256, epoch, first_seq, last_seq,
        last_hash, sealed, custody_router, custody_at_ms, delivered_by, received_at_ms)
    VALUES %s ON CONFLICT DO NOTHING
"""
_MOVE_HEADS: Final = """
    UPDATE journal_head AS h SET epoch = m.epoch, seq = m.seq, hash = m.hash,
        entry_count = h.entry_count + m.appended, moved_at_ms = m.at_ms
    FROM (VALUES %s) AS m (branch_id, terminal_id, epoch, seq, hash, appended, at_ms)
    WHERE h.branch_id = m.branch_id::uuid AND h.terminal_id = m.terminal_id::uuid
"""
_HEARD_OF: Final = """
    UPDATE device SET last_heard_at_ms = greatest(last_heard_at_ms, %s), via = %s
    WHERE id = ANY(%s::uuid[])
"""
_TERMINALS: Final = """
    SELECT id::text, branch_id::text, public_key, status FROM device
    WHERE role = 'terminal' AND id = ANY(%s::uuid[])
"""


@dataclass(slots=True)
class PreparedRun:
    """A run as bytes: what COPY will be given."""

    branch_id: str
    pieces: Sequence[Piece]
    entries: bytes
    rows: PreparedRows

    @property
    def projection(self) -> Projection:
        """What the run adds beside the log."""
        return self.rows.projection


class JournalStore:
    """`operations.append.Store` on PostgreSQL; the caller begins and ends the transaction."""

    def __init__(
        self,
        connection: extensions.connection,
        new_id: NewId,
        products: Products | None = None,
    ) -> None:
        self._connection = connection
        self._new_id = new_id
        self._products = products or Products()
        self._forked: set[str] = set()

    def terminals(self, terminal_ids: Sequence[str]) -> Mapping[str, Terminal]:
        """Those of these ids that are enrolled terminals."""
        with self._connection.cursor() as cursor:
            cursor.execute(_TERMINALS, (list(terminal_ids),))
            return {
                one: Terminal(
                    one,
                    branch_id,
                    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)),
                    status == "revoked",
                )
                for one, branch_id, public_key, status in cursor
            }

    def lock_heads(self, branch_id: str, terminal_ids: Sequence[str]) -> Mapping[str, Head]:
        """Lock each journal's head in the order of the ids; a first one is made."""
        with self._connection.cursor() as cursor:
            heads = self._locked(cursor, branch_id, terminal_ids)
            missing = [one for one in terminal_ids if one not in heads]
            if missing:
                # What another made in between waits here for its commit, then is found.
                new = (branch_id, EMPTY.epoch, EMPTY.seq, EMPTY.hash, missing)
                cursor.execute(_MAKE_HEADS, new)
                heads = self._locked(cursor, branch_id, terminal_ids)
            return heads

    def hashes_at(
        self, branch_id: str, places: Mapping[str, Iterable[Place]]
    ) -> Mapping[str, Mapping[Place, bytes]]:
        """By terminal, the hashes that are stored at these places; seq 0: before the epoch."""
        found: dict[str, dict[Place, bytes]] = {terminal: {} for terminal in places}
        wanted = [(t, epoch, seq) for t, each in places.items() for epoch, seq in each if seq]
        with self._connection.cursor() as cursor:
            if wanted:
                branch = cursor.mogrify("%s::uuid", (branch_id,)).decode()
                statement = _HASHES.format(branch=branch)
                for row in execute_values(cursor, statement, wanted, fetch=True):
                    found[row[0]][row[1], row[2]] = bytes(row[3])
            for terminal, each in places.items():
                for epoch, _ in (place for place in each if place[1] == 0):
                    before = _before_epoch(cursor, branch_id, terminal, epoch)
                    if before is not None:
                        found[terminal][epoch, 0] = before
        return found

    def fork_tails(
        self, branch_id: str, terminal_ids: Sequence[str]
    ) -> Mapping[str, Mapping[Place, set[bytes]]]:
        """By terminal, the last place and hash of each segment in the fork lane.

        Only of the terminals whose heads were just locked, most of which have none.
        """
        tails: dict[str, dict[Place, set[bytes]]] = {}
        forked = [terminal for terminal in terminal_ids if terminal in self._forked]
        if not forked:
            return tails
        with self._connection.cursor() as cursor:
            cursor.execute(_FORK_TAILS, (branch_id, forked))
            for terminal, epoch, last_seq, last_hash in cursor:
                places = tails.setdefault(terminal, {})
                places.setdefault((epoch, last_seq), set()).add(bytes(last_hash))
        return tails

    def earlier_hashes(self, branch_id: str, terminal_id: str) -> Sequence[bytes]:
        """The last hashes of a terminal's main line, newest first, bounded."""
        with self._connection.cursor() as cursor:
            return fork_store.earlier_hashes(cursor, branch_id, terminal_id)

    def prepare(self, run: Sequence[Piece]) -> PreparedRun:
        """Project and encode a run: computation only, in any thread."""
        branch_id = run[0].terminal.branch_id
        entries = copy_format.entries_binary(
            branch_id, (entry for piece in run for entry in piece.entries)
        )
        return PreparedRun(branch_id, run, entries, projection_store.prepare(run))

    def write_run(self, prepared: PreparedRun, carrier: Carrier, now_ms: int) -> Projection:
        """COPY entries and segments, then the rows; what of it was really projected."""
        with self._connection.cursor() as cursor:
            copy_in(cursor, copy_format.COPY_ENTRIES, prepared.entries)
            segments = copy_format.fields_binary(
                segment_row(piece, carrier, now_ms) for piece in prepared.pieces if piece.ends
            )
            copy_in(cursor, copy_format.COPY_SEGMENTS, segments)
            return projection_store.write(cursor, prepared.rows)

    def keep_forks(
        self, branch_id: str, journals: Sequence[Journal], carrier: Carrier, now_ms: int
    ) -> None:
        """Keep the sealed bytes of a second line; the same bytes again change nothing."""
        rows = [
            fork_row(branch_id, delivery, carrier, now_ms)
            for journal in journals
            for delivery in journal.forks
        ]
        with self._connection.cursor() as cursor:
            execute_values(cursor, _KEEP_FORK, rows)

    def project_forks(self, branch_id: str, terminal_ids: Sequence[str], now_ms: int) -> Projection:
        """Write the rows of what only the fork lanes hold; what of it was projected."""
        with self._connection.cursor() as cursor:
            return fork_store.project_lanes(cursor, branch_id, terminal_ids, now_ms)

    def add_sums(self, increments: Increments) -> bool:
        """Add to the roll-ups; False where a sum would leave its column, and nothing is added."""
        with self._connection.cursor() as cursor:
            return projection_store.add_sums(cursor, increments)

    def unknown_products(self, product_ids: Sequence[str]) -> set[str]:
        """Those that the back office never made."""
        with self._connection.cursor() as cursor:
            return self._products.unknown(cursor, product_ids)

    def negative_stock(self, branch_id: str, product_ids: Sequence[str]) -> Mapping[str, int]:
        """Products of counted stock whose level is below zero now, in thousandths."""
        with self._connection.cursor() as cursor:
            return negative_stock(cursor, branch_id, product_ids)

    def refunded(self, branch_id: str, sale_ids: Collection[str], *, gives_back: bool) -> set[str]:
        """Those of these sales at which a refund points already."""
        with self._connection.cursor() as cursor:
            return refunded(cursor, branch_id, sale_ids, gives_back=gives_back)

    def excess_refunds(self, branch_id: str, sale_ids: Sequence[str]) -> Sequence[Excess]:
        """The lines of these sales of which more came back than was sold."""
        with self._connection.cursor() as cursor:
            return excess_refunds(cursor, branch_id, sale_ids)

    def raise_findings(
        self, branch_id: str, findings: Sequence[Finding], now_ms: int
    ) -> Sequence[str]:
        """Open exceptions where there is none of the same key; the kinds that were opened."""
        with self._connection.cursor() as cursor:
            return raise_findings(cursor, branch_id, findings, now_ms, self._new_id)

    def move_heads(
        self, branch_id: str, journals: Sequence[Journal], carrier: Carrier, now_ms: int
    ) -> None:
        """Set the new heads, and that these terminals were heard of."""
        rows = [
            (branch_id, j.terminal_id, j.head.epoch, j.head.seq, j.head.hash, j.appended, now_ms)
            for j in journals
            if j.head is not None
        ]
        via = carrier.device_id if carrier.role == "router" else None
        heard = (now_ms, via, [journal.terminal_id for journal in journals])
        with self._connection.cursor() as cursor:
            moved = b", ".join(cursor.mogrify("(%s, %s, %s, %s, %s, %s, %s)", row) for row in rows)
            said = cursor.mogrify(_HEARD_OF, heard)
            cursor.execute(_MOVE_HEADS.encode() % moved + b"; " + said)

    def _locked(
        self, cursor: extensions.cursor, branch_id: str, terminal_ids: Sequence[str]
    ) -> dict[str, Head]:
        cursor.execute(_LOCK_HEADS, (branch_id, list(terminal_ids)))
        heads: dict[str, Head] = {}
        for terminal, epoch, seq, digest, forked in cursor:
            heads[terminal] = Head(epoch, seq, bytes(digest))
            if forked:
                self._forked.add(terminal)
        return heads


def copy_in(cursor: extensions.cursor, statement: str, data: bytes) -> None:
    """One COPY of rows in their binary form."""
    cursor.copy_expert(statement, io.BytesIO(data), size=copy_format.CHUNK_BYTES)


def _before_epoch(
    cursor: extensions.cursor, branch_id: str, terminal: str, epoch: int
) -> bytes | None:
    if epoch == EMPTY.epoch:
        return GENESIS
    cursor.execute(_LAST_BEFORE_EPOCH, (branch_id, terminal, epoch))
    row = cursor.fetchone()
    return None if row is None else bytes(row[0])


def segment_row(piece: Piece, carrier: Carrier, now_ms: int) -> tuple[bytes | None, ...]:
    """A row of `segment`, its fields in their binary form."""
    header, parcel = piece.delivery.header, piece.delivery.parcel
    return (
        terminal_bytes(piece.terminal.branch_id),
        terminal_bytes(header.terminal),
        header.epoch.to_bytes(4, "big"),
        copy_format.big(header.last_seq),
        copy_format.big(header.first_seq),
        header.last_hash,
        parcel.sealed,
        *copy_format.custody_fields(parcel.custody, carrier.device_id, now_ms),
        sealed_digest(parcel.sealed),
    )


def fork_row(branch_id: str, delivery: Delivery, carrier: Carrier, now_ms: int) -> tuple[Any, ...]:
    """A row of `fork_segment`."""
    header, parcel = delivery.header, delivery.parcel
    stamp = parcel.custody
    own = stamp is not None and stamp.router == carrier.device_id
    return (
        branch_id,
        header.terminal,
        sealed_digest(parcel.sealed),
        header.epoch,
        header.first_seq,
        header.last_seq,
        header.last_hash,
        parcel.sealed,
        stamp.router if stamp and own else None,
        min(stamp.received_at_ms, 2**63 - 1) if stamp and own else None,
        carrier.device_id,
        now_ms,
    )
