"""Which of a terminal's sales are still on any disk, sent or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Engine, select

from router_agent.outbound import lane, store
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


def sales_within_reach(
    terminal: TerminalMachine, routers: Iterable[RouterMachine], cloud: Engine
) -> set[str]:
    """The ids of its sales where it can have them back from: at itself, at the routers of its
    branch, and in the cloud's journal."""
    own = terminal.identity.device_id
    with looking(terminal.folder) as db:
        facts = [fact for _, fact in journal.facts(db, own)]
    found = {fact.sale_id for fact in facts if isinstance(fact, SaleCompleted)}
    for router in _near(terminal, routers):
        with looking(router.folder) as db:
            found |= _sales(_coded(store.segments_of(db, own)))
    return found | _sales(_in_journal(cloud, own))


def sales_aside(
    terminal: TerminalMachine, routers: Iterable[RouterMachine], cloud: Engine
) -> set[str]:
    """The ids of its sales in fork lanes: they are in the books, or come there."""
    own = terminal.identity.device_id
    found = _sales(_in_lane(cloud, own))
    for router in _near(terminal, routers):
        with looking(router.folder) as db:
            found |= _sales(_coded(one.sealed for one in lane.held(db, own)))
    return found


def sales_in_cloud(terminal: TerminalMachine, cloud: Engine) -> set[str]:
    """The ids of its sales in the cloud, in the main line or the fork lane."""
    own = terminal.identity.device_id
    return _sales(_in_journal(cloud, own)) | _sales(_in_lane(cloud, own))


def _near(terminal: TerminalMachine, routers: Iterable[RouterMachine]) -> Iterator[RouterMachine]:
    for router in routers:
        if router.branch == terminal.branch and router.identity is not None:
            yield router


def _in_journal(cloud: Engine, terminal: str) -> Iterator[_Coded]:
    entry = journal_entry.c
    query = select(entry.kind, entry.schema, entry.body).where(entry.terminal_id == terminal)
    with cloud.connect() as connection:
        for kind, schema, body in connection.execute(query):
            yield kind, schema, bytes(body)


def _in_lane(cloud: Engine, terminal: str) -> Iterator[_Coded]:
    fork = fork_segment.c
    query = select(fork.sealed).where(fork.terminal_id == terminal)
    with cloud.connect() as connection:
        yield from _coded(bytes(sealed) for sealed in connection.scalars(query))


def _coded(segments: Iterable[bytes]) -> Iterator[_Coded]:
    for sealed in segments:
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
