"""I1, I2, I3: every shown sale is in its journal, and the cloud's journal is the tills'."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from router_agent.outbound import store
from router_agent.outbound.bases import base_of
from router_agent.verify import prove
from sentra.cloud.tables import fork_segment, journal_entry
from sentra.domain.receipt_number import parse_receipt_number
from sentra.events import RefundCompleted, SaleCompleted, SaleVoided
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.segment import open_segment, read_header
from sentra.vault import journal
from sentra.vault.driver import Connection
from sentra.vault.entries import pruned_base
from simulation.disks import looking
from simulation.router import RouterMachine
from simulation.terminal import TerminalMachine
from simulation.whereabouts import sales_in_cloud
from simulation.world import World


def check(world: World) -> Iterator[str]:
    """All journals against the terminals' own."""
    written: dict[str, list[Entry]] = {}
    bases: dict[str, Head] = {}
    for terminal in world.terminals:
        own = terminal.identity.device_id
        with looking(terminal.folder) as db:
            written[own] = list(journal.entries(db, EMPTY, -1))
            bases[own] = pruned_base(db)
            yield from _in_books(world, terminal)
            if not terminal.is_cloned:
                yield from _shown(world, terminal, db)
            if not terminal.restores and not terminal.is_cloned:
                yield from _receipts(terminal, db)
    yield from _in_cloud(world, written, bases)
    left = {one.identity.device_id: one.lines_left() for one in world.terminals}
    cloned = {one.identity.device_id for one in world.terminals if one.is_cloned}
    for router in world.routers:
        yield from _at_router(router, written, left, cloned)


def _shown(world: World, terminal: TerminalMachine, db: Connection) -> Iterator[str]:
    """Each sale on the screen, by what it came to: a cart from an old copy may be paid again.
    What the till has forgotten since is in the cloud."""
    amounts: dict[str, set[tuple[int, int]]] = {}
    for _, fact in journal.facts(db, terminal.identity.device_id):
        if isinstance(fact, SaleCompleted):
            paid = (fact.total, sum(one.amount for one in fact.tenders))
            amounts.setdefault(fact.sale_id, set()).add(paid)
    has_forgotten = pruned_base(db) != EMPTY
    elsewhere = sales_in_cloud(terminal, world.cloud.engine) if has_forgotten else set()
    for shown in terminal.shown:
        found = amounts.get(shown.sale_id)
        if found is None and shown.sale_id in elsewhere:
            continue
        if found is None:
            yield f"I1 {terminal.name} showed {shown.sale_id} as paid, and its journal has it not"
        elif (shown.total, shown.amount) not in found:
            yield f"I1 {terminal.name} showed another amount for {shown.sale_id}"


def _in_books(world: World, terminal: TerminalMachine) -> Iterator[str]:
    """What fork lanes alone held, when a disk was lost, has come to the cloud."""
    if terminal.in_books - sales_in_cloud(terminal, world.cloud.engine):
        yield f"I3 the cloud has dropped a sale of {terminal.name} that a fork lane held"


def _receipts(terminal: TerminalMachine, db: Connection) -> Iterator[str]:
    """Numbers follow each other within a day; every gap would have to be explained."""
    last: tuple[str, int] | None = None
    has_forgotten = pruned_base(db) != EMPTY
    for _, fact in journal.facts(db, terminal.identity.device_id):
        if not isinstance(fact, SaleCompleted | RefundCompleted | SaleVoided):
            continue
        number = parse_receipt_number(fact.receipt_number)
        here = (number.business_date, number.count)
        follows = last is not None and here == (last[0], last[1] + 1)
        begins = number.count == 1 and (last is None or here[0] > last[0])
        begins = begins or (last is None and has_forgotten)
        if not (follows or begins):
            yield f"I1 {terminal.name}: receipt {fact.receipt_number} does not follow"
        last = here


def _in_cloud(
    world: World, written: dict[str, list[Entry]], bases: dict[str, Head]
) -> Iterator[str]:
    columns = journal_entry.c
    query = select(journal_entry).order_by(columns.terminal_id, columns.epoch, columns.seq)
    stored: dict[str, list[Entry]] = {terminal: [] for terminal in written}
    with world.cloud.engine.connect() as connection:
        for row in connection.execute(query):
            entry = Entry(
                row.terminal_id,
                row.epoch,
                row.seq,
                row.kind,
                row.schema,
                row.recorded_at_ms,
                row.business_date,
                bytes(row.body),
                bytes(row.hash),
            )
            stored.setdefault(row.terminal_id, []).append(entry)
        twofold = {
            one.identity.device_id for one in world.terminals if one.restores or one.is_cloned
        }
        forked = set(connection.scalars(select(fork_segment.c.terminal_id)))
        if forked - twofold:
            yield "I3 the cloud sees a fork where there is none"
    for terminal in (one for one in world.terminals if not one.is_cloned):
        own = terminal.identity.device_id
        behind = _behind(stored[own], bases[own])
        yield from _compare("the cloud", terminal.name, written[own], behind)


def _at_router(
    router: RouterMachine,
    written: dict[str, list[Entry]],
    left: dict[str, set[bytes]],
    cloned: set[str],
) -> Iterator[str]:
    """What a router holds; of a terminal whose disk was put back it may hold what was left."""
    for proof in prove(router.folder):
        # Of a copied machine the cloud may rightly have the other line, at the very same places.
        if proof.terminal in cloned and {one.kind for one in proof.findings} == {"head"}:
            continue
        for problem in proof.problems:
            yield f"I2 {router.name} finds its journal of {proof.name} wrong: {problem}"
    with looking(router.folder) as db:
        for state in (one for one in store.journals(db) if one.terminal not in cloned):
            base = base_of(db, state.terminal)
            entries, before = list[Entry](), base.hash
            for sealed in store.segments_of(db, state.terminal):
                entries += open_segment(sealed, before)
                before = read_header(sealed).last_hash
            own, aside = written.get(state.terminal, []), left.get(state.terminal)
            if aside:
                known = aside | {entry.hash for entry in own}
                if any(entry.hash not in known for entry in entries):
                    yield f"I2 {router.name} holds entries of {state.terminal}, which never were"
                continue
            first = own[0] if own else None
            if first is not None:
                # Either may have forgotten more than the other.
                entries = [e for e in entries if (e.epoch, e.seq) >= (first.epoch, first.seq)]
            held = _behind(own, base)[: len(entries)]
            yield from _compare(router.name, state.terminal, held, entries)


def _behind(entries: list[Entry], base: Head) -> list[Entry]:
    """Those that follow what was forgotten."""
    return [entry for entry in entries if (entry.epoch, entry.seq) > (base.epoch, base.seq)]


def _compare(place: str, name: str, written: list[Entry], stored: list[Entry]) -> Iterator[str]:
    for own, there in zip(written, stored, strict=False):
        if own != there:
            yield f"I2 {place} holds another entry at {own.epoch}/{own.seq} of {name}"
            return
    if len(written) != len(stored):
        yield f"I2 {place} holds {len(stored)} entries of {name}, which wrote {len(written)}"
