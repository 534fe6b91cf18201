"""Append an envelope: each entry once, in order, and project it in the same transaction.

1. Sort the envelope into journals, in one order for all requests, so that none waits in a circle.
2. Refuse what the carrier may not bring and what the terminal's key did not sign.
3. Lock the head of each journal; only under that lock is anything decided.
4. Take what follows each head in runs: write entries, segments and rows. A run is prepared while
   the one before is written.
5. Write what belongs to the whole request: fork segments, sums, findings, the new heads.

The store commits when this returns. Whatever is odd about a fact is a finding, never a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from sentra.events import RefundCompleted, SaleCompleted
from sentra.projection import rollups
from sentra.projection.findings import Excess, Finding, Mention, of_products, of_refunds
from sentra.projection.rollups import Increments
from sentra.projection.rows import Place as FactPlace
from sentra.protocol.entry import Head
from sentra.protocol.envelope import Parcel
from syncd.service.operations import findings as found
from syncd.service.operations.journals import (
    Carrier,
    Journal,
    Known,
    Piece,
    Place,
    Terminal,
    admit,
    opens_epoch,
    places_needed,
    sort_parcels,
    take,
    unread,
)
from syncd.service.operations.project import Projection, merge

RUN_ENTRIES_MAX: Final = 2_000
"""Entries prepared and written at once: some megabytes of rows, and small enough to overlap."""

RUN_ENTRIES_FIRST: Final = 250
"""The first run is short, so that PostgreSQL has work soon; each is twice the one before."""

_Prepared = TypeVar("_Prepared")
_T = TypeVar("_T")

Ahead = Callable[[Iterator[Any]], Iterator[Any]]
"""Runs an iterator, perhaps one item ahead in another thread. `iter` does without."""


class Prepared(Protocol):
    """A run, ready to be written."""

    projection: Projection


class Store(Protocol):
    """The journal's store, inside one transaction."""

    def terminals(self, terminal_ids: Sequence[str]) -> Mapping[str, Terminal]:
        """Those of these ids that are enrolled terminals."""
        ...

    def lock_heads(self, branch_id: str, terminal_ids: Sequence[str]) -> Mapping[str, Head]:
        """Lock each journal's head, in the order given, until the transaction ends."""
        ...

    def hashes_at(
        self, branch_id: str, places: Mapping[str, Iterable[Place]]
    ) -> Mapping[str, Mapping[Place, bytes]]:
        """By terminal, the hashes that are stored at these places; seq 0: before the epoch."""
        ...

    def fork_tails(
        self, branch_id: str, terminal_ids: Sequence[str]
    ) -> Mapping[str, Mapping[Place, set[bytes]]]:
        """By terminal, the last place and hash of each segment in the fork lane."""
        ...

    def earlier_hashes(self, branch_id: str, terminal_id: str) -> Sequence[bytes]:
        """The last hashes of a terminal's main line, newest first, bounded."""
        ...

    def prepare(self, run: Sequence[Piece]) -> Any:
        """Project and encode a run: computation only, perhaps in another thread."""
        ...

    def write_run(self, prepared: Any, carrier: Carrier, now_ms: int) -> Projection:
        """Write entries, segments and rows; what of it was really projected."""
        ...

    def keep_forks(
        self, branch_id: str, journals: Sequence[Journal], carrier: Carrier, now_ms: int
    ) -> None:
        """Keep the sealed bytes of a second line."""
        ...

    def project_forks(self, branch_id: str, terminal_ids: Sequence[str], now_ms: int) -> Projection:
        """Write the rows of what only the fork lanes hold; what of it was projected."""
        ...

    def add_sums(self, increments: Increments) -> bool:
        """Add to the roll-ups; False where a sum would leave its column."""
        ...

    def unknown_products(self, product_ids: Sequence[str]) -> set[str]:
        """Those that the back office never made."""
        ...

    def negative_stock(self, branch_id: str, product_ids: Sequence[str]) -> Mapping[str, int]:
        """Products of counted stock whose level is below zero now, in thousandths."""
        ...

    def refunded(self, branch_id: str, sale_ids: Collection[str], *, gives_back: bool) -> set[str]:
        """Those of these sales at which a refund points already; until the transaction ends, one
        that has refunds too (`gives_back`) is alone in its branch."""
        ...

    def excess_refunds(self, branch_id: str, sale_ids: Sequence[str]) -> Sequence[Excess]:
        """The lines of these sales of which more came back than was sold."""
        ...

    def raise_findings(
        self, branch_id: str, findings: Sequence[Finding], now_ms: int
    ) -> Sequence[str]:
        """Open exceptions where there is none of the same key; the kinds that were opened."""
        ...

    def move_heads(
        self, branch_id: str, journals: Sequence[Journal], carrier: Carrier, now_ms: int
    ) -> None:
        """Set the new heads, and that these terminals were heard of."""
        ...


@dataclass(slots=True)
class Appended:
    """What became of an envelope. `unreadable`: segments that have no journal to answer for."""

    journals: list[Journal]
    unreadable: int
    opened: Sequence[str] = ()

    @property
    def moved(self) -> list[Journal]:
        """The journals whose head moved."""
        return [journal for journal in self.journals if journal.appended]


@dataclass(slots=True)
class _Request:
    """What the runs of one request add up to. `sales`: the place of each; `refunds`: the place of
    a refund by its sale."""

    increments: Increments = field(default_factory=rollups.no_increments)
    mentions: dict[str, Mention] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    sales: dict[str, FactPlace] = field(default_factory=dict)
    refunds: dict[str, FactPlace] = field(default_factory=dict)

    def add(self, written: Projection) -> None:
        merge(self.increments, written.increments)
        self.findings.extend(written.findings)
        for product_id, mentioned in written.mentions.items():
            self.mentions.setdefault(product_id, mentioned)
        for one in written.facts:
            if isinstance(one.fact, SaleCompleted):
                self.sales[one.fact.sale_id] = one.place
            elif isinstance(one.fact, RefundCompleted):
                self.refunds[one.fact.original_sale_id] = one.place


def append_envelope(
    store: Store,
    parcels: Iterable[Parcel],
    carrier: Carrier,
    now_ms: int,
    *,
    ahead: Ahead = iter,
) -> Appended:
    """Append what is new of each journal; the caller commits, and only then answers."""
    sorted_parcels, unreadable = sort_parcels(parcels)
    terminals = store.terminals(list(sorted_parcels)) if sorted_parcels else {}
    journals = admit(sorted_parcels, terminals, carrier)
    if unreadable and carrier.role == "terminal" and carrier.device_id not in sorted_parcels:
        # Nobody else's journal could have been meant, and its till must hear of it.
        journals.append(unread(carrier.device_id))
        unreadable -= 1
    allowed = [journal for journal in journals if journal.admitted]
    if not allowed:
        return Appended(journals, unreadable)
    known = _lock(store, carrier.branch_id, allowed)
    request = _Request()
    runs = _runs(piece for j in allowed for piece in take(j, known[j.terminal_id]))
    for prepared in ahead(store.prepare(run) for run in runs):
        request.add(store.write_run(prepared, carrier, now_ms))
    for journal in allowed:
        before = known[journal.terminal_id].head
        if journal.head is not None and journal.head.epoch > before.epoch and before.seq:
            request.findings.append(found.journal_restored(journal, before))
    opened = _finish(store, allowed, request, carrier, now_ms)
    return Appended(journals, unreadable, opened)


def _lock(store: Store, branch_id: str, journals: Sequence[Journal]) -> dict[str, Known]:
    """Lock the heads, and read what decides about segments that are not simply the next."""
    terminal_ids = [journal.terminal_id for journal in journals]
    heads = store.lock_heads(branch_id, terminal_ids)
    places: dict[str, Iterable[Place]] = {}
    for journal in journals:
        journal.head = heads[journal.terminal_id]
        needed = places_needed(journal, journal.head)
        if needed:
            places[journal.terminal_id] = needed
    hashes = store.hashes_at(branch_id, places) if places else {}
    tails = store.fork_tails(branch_id, terminal_ids)
    opening = [j.terminal_id for j in journals if opens_epoch(j, heads[j.terminal_id])]
    earlier = {one: store.earlier_hashes(branch_id, one) for one in opening}
    return {
        one: Known(heads[one], hashes.get(one, {}), tails.get(one, {}), earlier.get(one, ()))
        for one in terminal_ids
    }


def _runs(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces of any number of journals, together until a run is full; long ones are cut."""
    run: list[Piece] = []
    room = size = RUN_ENTRIES_FIRST
    for piece in pieces:
        rest: Piece | None = piece
        while rest is not None:
            part, rest = _cut(rest, room)
            run.append(part)
            room -= len(part.entries)
            if room == 0:
                yield run
                run = []
                room = size = min(2 * size, RUN_ENTRIES_MAX)
    if run:
        yield run


def _cut(piece: Piece, count: int) -> tuple[Piece, Piece | None]:
    """The first entries of a piece, and what is left of it."""
    if len(piece.entries) <= count:
        return piece, None
    first = Piece(piece.terminal, piece.delivery, piece.entries[:count], ends=False)
    return first, Piece(piece.terminal, piece.delivery, piece.entries[count:], piece.ends)


def _finish(
    store: Store, journals: Sequence[Journal], request: _Request, carrier: Carrier, now_ms: int
) -> Sequence[str]:
    """Write what belongs to the whole request; the kinds of exceptions that were opened."""
    branch_id, findings = carrier.branch_id, request.findings
    forked = [journal for journal in journals if journal.forks]
    if forked:
        store.keep_forks(branch_id, forked, carrier, now_ms)
        findings += [found.journal_fork(j, j.forks[0], carrier.device_id) for j in forked]
        lanes = [journal.terminal_id for journal in forked]
        request.add(store.project_forks(branch_id, lanes, now_ms))
    moved = [journal for journal in journals if journal.appended]
    if moved or forked:
        if not store.add_sums(request.increments):
            findings.append(Finding(found.SUMS_OVERFLOW, "error", found.SUMS_OVERFLOW))
        findings += _of_products(store, branch_id, request.mentions)
        findings += _of_refunds(store, branch_id, request.sales, request.refunds)
    if moved:
        findings += [found.device_revoked(j) for j in moved if j.terminal and j.terminal.revoked]
        store.move_heads(branch_id, moved, carrier, now_ms)
    return store.raise_findings(branch_id, findings, now_ms) if findings else ()


def _of_products(
    store: Store, branch_id: str, mentions: Mapping[str, Mention]
) -> Iterator[Finding]:
    if not mentions:
        return iter(())
    product_ids = sorted(mentions)
    unknown = store.unknown_products(product_ids)
    return of_products(mentions, unknown, store.negative_stock(branch_id, product_ids))


def _of_refunds(
    store: Store,
    branch_id: str,
    sales: Mapping[str, FactPlace],
    refunds: Mapping[str, FactPlace],
) -> Iterator[Finding]:
    """Of the sales that refunds point at, whichever came first."""
    if not (sales or refunds):
        return iter(())
    before = store.refunded(branch_id, sales.keys(), gives_back=bool(refunds))
    places = {**{one: sales[one] for one in before}, **refunds}
    if not places:
        return iter(())
    return of_refunds(places, store.excess_refunds(branch_id, sorted(places)))
