"""I5: when the faults have stopped, all heads meet."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from router_agent.outbound import decisions
from sentra.cloud.tables import feed_head
from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue, journal
from sentra.vault.driver import Connection
from simulation.checks.evidence import router_heads
from simulation.disks import looking
from simulation.terminal import TerminalMachine
from simulation.whereabouts import sales_in_cloud
from simulation.world import World

REVOKED = "revoked"
"""What a revoked terminal may call a person for."""


def check(world: World) -> Iterator[str]:
    """Journals and feeds that are not where they must come to."""
    cloud, feeds = world.cloud.heads(), feed_heads(world)
    for terminal in world.terminals:
        own, scopes = terminal.identity.device_id, (COMPANY, terminal.identity.branch_id)
        with looking(terminal.folder) as db:
            head, mark = _last_entry(db), journal.watermark(db, "cloud")
            cursors = {scope: catalogue.cursor(db, scope) for scope in scopes}
        if terminal.is_cloned:
            yield from _of_clone(world, terminal)
        else:
            yield from _of_terminal(terminal, head, mark, cloud.get(own, EMPTY))
        behind = [scope for scope in scopes if cursors[scope] != feeds.get(scope, 0)]
        if behind and not terminal.revoked:
            yield f"I5 {terminal.name} has not all decisions of {len(behind)} scopes"
    for router in world.routers:
        yield from _of_router(world, router.name, cloud, feeds)


def _last_entry(db: Connection) -> Head:
    """The end of the journal; an epoch in which nothing was written yet is nothing to send."""
    entries = journal.entries(db, EMPTY, -1)
    return head_of(entries[-1]) if entries else EMPTY


def _of_terminal(terminal: TerminalMachine, head: Head, mark: Head, there: Head) -> Iterator[str]:
    if head != there:
        yield f"I5 {terminal.name} has {head.seq}, the cloud {there.seq}"
    if head != mark and head.seq:
        yield f"I5 {terminal.name} has {head.seq} and knows only of {mark.seq} in the cloud"
    notice = terminal.daemon.notice
    if notice is not None and not (terminal.revoked and REVOKED in notice):
        yield f"I5 {terminal.name} calls for a person: {notice}"


def _of_clone(world: World, terminal: TerminalMachine) -> Iterator[str]:
    """Two machines with one identity never agree on a head; but every sale comes to the cloud."""
    there = sales_in_cloud(terminal, world.cloud.engine)
    missing = [shown.sale_id for shown in terminal.shown if shown.sale_id not in there]
    if missing:
        yield f"I5 {len(missing)} sales of {terminal.name}, a clone, are not in the cloud"


def _of_router(
    world: World, name: str, cloud: dict[str, Head], feeds: dict[str, int]
) -> Iterator[str]:
    router = next(one for one in world.routers if one.name == name)
    cloned = {one.identity.device_id for one in world.terminals if one.is_cloned}
    for terminal, (here, believed) in router_heads(world, name).items():
        there = cloud.get(terminal, EMPTY)
        if believed != there:
            yield f"I5 {name} believes in {believed.seq} in the cloud, which has {there.seq}"
        if terminal in cloned:
            # Its line is that of the machine which came here first, in the cloud perhaps the lane.
            continue
        if (here.epoch, here.seq) > (there.epoch, there.seq):
            yield f"I5 {name} has {here.seq}, the cloud {there.seq}"
    with looking(router.folder) as db:
        scopes = (COMPANY, world.branch_of(router).id)
        behind = [s for s in scopes if decisions.feed_cursor(db, s) != feeds.get(s, 0)]
    if behind:
        yield f"I5 {name} has not all decisions of {len(behind)} scopes"


def feed_heads(world: World) -> dict[str, int]:
    """The head of each scope in PostgreSQL."""
    with world.cloud.engine.connect() as connection:
        rows = connection.execute(select(feed_head.c.scope, feed_head.c.revision)).all()
    return {row.scope: row.revision for row in rows}
