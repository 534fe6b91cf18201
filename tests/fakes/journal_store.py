"""A journal's store in memory, one transaction long or longer: it passes the same contract as
PostgreSQL's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sentra.events import RefundCompleted, SaleCompleted, StockMoved
from sentra.projection.aside import FACT_DUPLICATE
from sentra.projection.findings import Excess, Finding
from sentra.projection.rollups import Increments, no_increments
from sentra.protocol.entry import EMPTY, EPOCH_MAX, GENESIS, Entry, Head
from syncd.service.operations.findings import set_aside
from syncd.service.operations.forks import ForkSegment, located, open_lane
from syncd.service.operations.journals import Carrier, Journal, Piece, Place, Terminal
from syncd.service.operations.project import Located, Projection, merge, project_facts, read_facts

COUNTED = ("receipt", "count", "adjustment")


@dataclass(slots=True)
class PreparedInMemory:
    """A run whose facts are read."""

    pieces: Sequence[Piece]
    facts: list[Located]
    projection: Projection


@dataclass(slots=True)
class MemoryStore:
    """`operations.append.Store` on dictionaries."""

    known: dict[str, Terminal] = field(default_factory=dict)
    products: set[str] = field(default_factory=set)
    heads: dict[str, Head] = field(default_factory=dict)
    entries: dict[str, dict[Place, Entry]] = field(default_factory=dict)
    segments: list[bytes] = field(default_factory=list)
    forks: dict[bytes, Journal] = field(default_factory=dict)
    fork_places: dict[str, dict[Place, set[bytes]]] = field(default_factory=dict)
    fork_projected: set[bytes] = field(default_factory=set)
    fact_ids: set[str] = field(default_factory=set)
    sales: dict[str, SaleCompleted] = field(default_factory=dict)
    refunds: list[RefundCompleted] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)
    sums: Increments = field(default_factory=no_increments)
    exceptions: dict[str, Finding] = field(default_factory=dict)
    writes: int = 0

    def terminals(self, terminal_ids: Sequence[str]) -> Mapping[str, Terminal]:
        return {one: self.known[one] for one in terminal_ids if one in self.known}

    def lock_heads(self, branch_id: str, terminal_ids: Sequence[str]) -> Mapping[str, Head]:
        assert list(terminal_ids) == sorted(terminal_ids), "one order for all"
        return {one: self.heads.setdefault(one, EMPTY) for one in terminal_ids}

    def hashes_at(
        self, branch_id: str, places: Mapping[str, Iterable[Place]]
    ) -> Mapping[str, Mapping[Place, bytes]]:
        return {
            terminal: {
                place: found
                for place in each
                if (found := self._hash_at(terminal, place)) is not None
            }
            for terminal, each in places.items()
        }

    def _hash_at(self, terminal: str, place: Place) -> bytes | None:
        epoch, seq = place
        journal = self.entries.get(terminal, {})
        if seq:
            return journal[place].hash if place in journal else None
        if epoch == EMPTY.epoch:
            return GENESIS
        before = [one.hash for at, one in sorted(journal.items()) if at[0] < epoch]
        return before[-1] if before else None

    def fork_tails(
        self, branch_id: str, terminal_ids: Sequence[str]
    ) -> Mapping[str, Mapping[Place, set[bytes]]]:
        return self.fork_places

    def earlier_hashes(self, branch_id: str, terminal_id: str) -> Sequence[bytes]:
        return self._before(terminal_id)(EPOCH_MAX)

    def prepare(self, run: Sequence[Piece]) -> PreparedInMemory:
        facts, findings = read_facts(run)
        projection = project_facts(facts)
        projection.findings.extend(findings)
        return PreparedInMemory(run, projection.facts, projection)

    def write_run(self, prepared: PreparedInMemory, carrier: Carrier, now_ms: int) -> Projection:
        self.writes += 1
        for piece in prepared.pieces:
            journal = self.entries.setdefault(piece.terminal.device_id, {})
            for entry in piece.entries:
                assert (entry.epoch, entry.seq) not in journal
                journal[entry.epoch, entry.seq] = entry
            if piece.ends:
                self.segments.append(piece.delivery.parcel.sealed)
        fresh, findings = [], list(prepared.projection.findings)
        for each in prepared.facts:
            if not self._is_new(each):
                findings.append(set_aside(each.entry, FACT_DUPLICATE, "twice"))
                continue
            fresh.append(each)
            if isinstance(each.fact, StockMoved) and each.fact.kind in COUNTED:
                self.counted.add(each.fact.product_id)
        written = project_facts(fresh)
        written.findings = findings
        return written

    def keep_forks(
        self, branch_id: str, journals: Sequence[Journal], carrier: Carrier, now_ms: int
    ) -> None:
        for journal in journals:
            for delivery in journal.forks:
                header = delivery.header
                self.forks[delivery.parcel.sealed] = journal
                places = self.fork_places.setdefault(header.terminal, {})
                places.setdefault((header.epoch, header.last_seq), set()).add(header.last_hash)

    def project_forks(self, branch_id: str, terminal_ids: Sequence[str], now_ms: int) -> Projection:
        result = Projection()
        for terminal in terminal_ids:
            lane = [
                ForkSegment(sealed, sealed, sealed in self.fork_projected)
                for sealed, journal in self.forks.items()
                if journal.terminal_id == terminal
            ]
            for opened in open_lane(lane, self._main_hash(terminal), self._before(terminal)):
                if opened.segment.projected:
                    continue
                self.fork_projected.add(opened.segment.sealed)
                facts, findings = located(branch_id, opened.entries)
                fresh = [one for one in facts if self._is_new(one)]
                written = project_facts(fresh)
                result.facts += written.facts
                result.findings += [*findings, *written.findings]
                merge(result.increments, written.increments)
                for product_id, mention in written.mentions.items():
                    result.mentions.setdefault(product_id, mention)
        return result

    def _main_hash(self, terminal: str) -> Callable[[int, int], bytes | None]:
        return lambda epoch, seq: self._hash_at(terminal, (epoch, seq))

    def _before(self, terminal: str) -> Callable[[int], list[bytes]]:
        journal = self.entries.get(terminal, {})
        return lambda epoch: [
            one.hash for at, one in sorted(journal.items(), reverse=True) if at[0] < epoch
        ]

    def _is_new(self, one: Located) -> bool:
        fact_id = str(next(getattr(one.fact, name) for name in IDS if hasattr(one.fact, name)))
        if fact_id in self.fact_ids:
            return False
        self.fact_ids.add(fact_id)
        fact = one.fact
        if isinstance(fact, SaleCompleted):
            self.sales[fact.sale_id] = fact
        elif isinstance(fact, RefundCompleted):
            self.refunds.append(fact)
        return True

    def add_sums(self, increments: Increments) -> bool:
        merge(self.sums, increments)
        return True

    def unknown_products(self, product_ids: Sequence[str]) -> set[str]:
        return set(product_ids) - self.products

    def negative_stock(self, branch_id: str, product_ids: Sequence[str]) -> Mapping[str, int]:
        levels: dict[str, int] = {}
        for (_, product_id, _), (quantity_milli,) in self.sums["stock_level"].items():
            levels[product_id] = levels.get(product_id, 0) + quantity_milli
        return {
            one: levels[one]
            for one in product_ids
            if one in self.counted and levels.get(one, 0) < 0
        }

    def refunded(self, branch_id: str, sale_ids: Collection[str], *, gives_back: bool) -> set[str]:
        return {one.original_sale_id for one in self.refunds}.intersection(sale_ids)

    def excess_refunds(self, branch_id: str, sale_ids: Sequence[str]) -> Sequence[Excess]:
        found = []
        for sale in (self.sales[one] for one in sale_ids if one in self.sales):
            for line in sale.lines:
                given = sum(
                    back.quantity_milli
                    for refund in self.refunds
                    for back in refund.lines
                    if (refund.original_sale_id, back.original_position)
                    == (sale.sale_id, line.position)
                )
                if given > line.quantity_milli:
                    found.append(
                        Excess(
                            sale.sale_id,
                            sale.receipt_number,
                            line.position,
                            line.name,
                            line.quantity_milli,
                            given,
                        )
                    )
        return found

    def raise_findings(
        self, branch_id: str, findings: Sequence[Finding], now_ms: int
    ) -> Sequence[str]:
        new = {one.dedup_key: one for one in findings if one.dedup_key not in self.exceptions}
        self.exceptions.update(new)
        return [one.kind for one in new.values()]

    def move_heads(
        self, branch_id: str, journals: Sequence[Journal], carrier: Carrier, now_ms: int
    ) -> None:
        for journal in journals:
            assert journal.head is not None
            self.heads[journal.terminal_id] = journal.head


IDS = ("sale_id", "refund_id", "movement_id", "shift_id")
"""Where a fact keeps its own id; a void carries the sale's."""
