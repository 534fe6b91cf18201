"""Fills the cloud's tables with facts as the sync service does: chained, sealed, summed.

It goes through the kernel's own journal, segment and projection code, so that a page under test
reads what it will read in production.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from sentra.cloud import tables
from sentra.events import Fact, ShiftClosed
from sentra.ids import RANDOM_BYTES, uuid7
from sentra.projection import rollups
from sentra.projection.rows import Place, project
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import EMPTY, Entry, Head, head_of, make_entry
from sentra.protocol.segment import read_header, seal_all, sealed_digest

ROLLUP_TABLES = {
    "hourly_sales": tables.hourly_sales,
    "hourly_tender": tables.hourly_tender,
    "daily_product": tables.daily_product,
    "stock_level": tables.stock_level,
}
ROWS_AT_ONCE = 2_000


@dataclass(slots=True)
class Till:
    """A terminal of the tests: its key, and how far its journal has come."""

    id: str
    branch_id: str
    zone: str
    prefix: str
    key: Ed25519PrivateKey
    head: Head = EMPTY
    entry_count: int = 0
    receipts: int = 0


@dataclass(slots=True)
class Books:
    """Writes into one cloud database, in the caller's transaction."""

    connection: Connection
    routers: dict[str, str] = field(default_factory=dict)

    def add_device(
        self,
        branch_id: str,
        role: str,
        number: int,
        name: str,
        now_ms: int,
        **columns: object,
    ) -> tuple[str, Ed25519PrivateKey]:
        """An enrolled device and its private key."""
        key = Ed25519PrivateKey.generate()
        device_id = uuid7(now_ms, secrets.token_bytes(RANDOM_BYTES))
        self.connection.execute(
            tables.device.insert().values(
                id=device_id,
                role=role,
                branch_id=branch_id,
                number=number,
                name=name,
                public_key=key.public_key().public_bytes_raw().hex(),
                enrolled_at_ms=now_ms,
                **columns,
            )
        )
        if role == "router":
            self.routers[branch_id] = device_id
        return device_id, key

    def add_till(
        self, branch_id: str, code: str, zone: str, number: int, now_ms: int, **columns: object
    ) -> Till:
        """An enrolled till of a branch."""
        name = f"Kasir {number}"
        device_id, key = self.add_device(branch_id, "terminal", number, name, now_ms, **columns)
        return Till(device_id, branch_id, zone, f"{code}-{number}", key)

    def record(
        self,
        till: Till,
        facts: Sequence[tuple[int, str, Fact]],
        *,
        router_ms: int | None = 40,
        cloud_ms: int = 180,
    ) -> None:
        """Append (recorded_at_ms, business_date, fact) triples to a journal and project them.

        The router took them `router_ms` after the last one was written (None: they came without
        one), the cloud `cloud_ms` after that.
        """
        before = till.head
        written = [self._chained(till, *each) for each in facts]
        self._log(till, [entry for entry, _ in written], before, router_ms, cloud_ms)
        self._project(till, written)

    def _chained(
        self, till: Till, at_ms: int, business_date: str, fact: Fact
    ) -> tuple[Entry, Fact]:
        if isinstance(fact, ShiftClosed) and not fact.last_hash:
            fact = replace(fact, last_hash=till.head.hash.hex())
        kind, schema, body = encode_fact(fact)
        entry = make_entry(till.id, till.head, kind, schema, at_ms, business_date, body)
        till.head = head_of(entry)
        till.entry_count += 1
        return entry, fact

    def _log(
        self,
        till: Till,
        entries: Sequence[Entry],
        before: Head,
        router_ms: int | None,
        cloud_ms: int,
    ) -> None:
        assert before.epoch == till.head.epoch
        rows = [
            {
                "branch_id": till.branch_id,
                "terminal_id": till.id,
                "epoch": entry.epoch,
                "seq": entry.seq,
                "kind": entry.kind,
                "schema": entry.schema,
                "recorded_at_ms": entry.recorded_at_ms,
                "business_date": entry.business_date,
                "body": entry.body,
                "hash": entry.hash,
            }
            for entry in entries
        ]
        self.connection.execute(tables.journal_entry.insert(), rows)
        for sealed in seal_all(entries, till.key):
            self._segment(till, sealed, entries, router_ms, cloud_ms)
        head = {
            "epoch": till.head.epoch,
            "seq": till.head.seq,
            "hash": till.head.hash,
            "entry_count": till.entry_count,
            "moved_at_ms": entries[-1].recorded_at_ms + (router_ms or 0) + cloud_ms,
        }
        new = insert(tables.journal_head).values(
            branch_id=till.branch_id, terminal_id=till.id, **head
        )
        self.connection.execute(
            new.on_conflict_do_update(index_elements=["branch_id", "terminal_id"], set_=head)
        )

    def _segment(
        self,
        till: Till,
        sealed: bytes,
        entries: Sequence[Entry],
        router_ms: int | None,
        cloud_ms: int,
    ) -> None:
        header = read_header(sealed)
        sent_at_ms = next(e.recorded_at_ms for e in entries if e.seq == header.last_seq)
        router = self.routers.get(till.branch_id) if router_ms is not None else None
        taken_at_ms = sent_at_ms + (router_ms or 0)
        self.connection.execute(
            tables.segment.insert().values(
                branch_id=till.branch_id,
                terminal_id=till.id,
                epoch=header.epoch,
                last_seq=header.last_seq,
                first_seq=header.first_seq,
                last_hash=header.last_hash,
                sealed=sealed,
                custody_router=router,
                custody_at_ms=taken_at_ms if router else None,
                delivered_by=router or till.id,
                received_at_ms=taken_at_ms + cloud_ms,
                sealed_sha256=sealed_digest(sealed),
            )
        )

    def _project(self, till: Till, entries: Iterable[tuple[Entry, Fact]]) -> None:
        rows: dict[str, list[dict[str, object]]] = {}
        sums = rollups.no_increments()
        for entry, fact in entries:
            place = Place(till.branch_id, till.id, entry.epoch, entry.seq)
            for name, row in project(place, fact):
                columns = tables.SHARED[name].columns.keys()
                rows.setdefault(name, []).append(dict(zip(columns, row, strict=True)))
            rollups.add(sums, place, fact)
        for name, many in rows.items():
            for start in range(0, len(many), ROWS_AT_ONCE):
                chunk = many[start : start + ROWS_AT_ONCE]
                self.connection.execute(tables.SHARED[name].insert(), chunk)
        for name, increments in sums.items():
            self._add_sums(name, increments)

    def _add_sums(self, name: str, increments: rollups.SumsByKey) -> None:
        table = ROLLUP_TABLES[name]
        keys = [column.name for column in table.primary_key]
        added = [column.name for column in table.columns if column.name not in keys]
        for key, amounts in increments.items():
            new = insert(table).values(dict(zip((*keys, *added), (*key, *amounts), strict=True)))
            total = {column: table.c[column] + new.excluded[column] for column in added}
            self.connection.execute(new.on_conflict_do_update(index_elements=keys, set_=total))
