"""Which of a terminal's sales are still on any disk, sent or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Engine, select

from router_agent.outbound import store
from sentra.cloud.tables import fork_segment, journal_entry
from sentra.events import SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.segment import peek
from sentra.vault import journal
from simulation.disks import looking
from simulation.router import RouterMachine
from simulation.terminal import TerminalMachine

_Coded = tuple[str, int, bytes]
"""Kind, schema and body of an entry."""


def sales_of(
    terminal: TerminalMachine, routers: Iterable[RouterMachine], cloud: Engine
) -> set[str]:
    """The ids of its sales at itself, at the routers of its branch and in the cloud."""
    own = terminal.identity.device_id
    with looking(terminal.folder) as db:
        facts = [fact for _, fact in journal.facts(db, own)]
    found = {fact.sale_id for fact in facts if isinstance(fact, SaleCompleted)}
    for router in routers:
        if router.branch == terminal.branch and router.identity is not None:
            found |= _sales(_at_router(router, own))
    return found | sales_in_cloud(terminal, cloud)


def sales_in_cloud(terminal: TerminalMachine, cloud: Engine) -> set[str]:
    """The ids of its sales in the cloud, in the main line or the fork lane."""
    return _sales(_in_cloud(cloud, terminal.identity.device_id))


def _at_router(router: RouterMachine, terminal: str) -> Iterator[_Coded]:
    with looking(router.folder) as db:
        for sealed in store.segments_of(db, terminal):
            yield from _unpacked(sealed)


def _in_cloud(cloud: Engine, terminal: str) -> Iterator[_Coded]:
    entry, fork = journal_entry.c, fork_segment.c
    query = select(entry.kind, entry.schema, entry.body).where(entry.terminal_id == terminal)
    forks = select(fork.sealed).where(fork.terminal_id == terminal)
    with cloud.connect() as connection:
        for kind, schema, body in connection.execute(query):
            yield kind, schema, bytes(body)
        for sealed in connection.scalars(forks):
            yield from _unpacked(bytes(sealed))


def _unpacked(sealed: bytes) -> Iterator[_Coded]:
    for _, kind, schema, body in peek(sealed):
        yield kind, schema, body


def _sales(entries: Iterable[_Coded]) -> set[str]:
    found = set()
    for kind, schema, body in entries:
        try:
            fact = decode_fact(kind, schema, body)
        except (UnknownKind, BodyUnreadable):
            continue
        if isinstance(fact, SaleCompleted):
            found.add(fact.sale_id)
    return found
