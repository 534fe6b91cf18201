"""I4, at any moment: what was acknowledged is durable, and nobody holds what no till wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from router_agent.outbound import lane, store
from sentra.cloud.tables import archive_head, journal_entry
from sentra.protocol.entry import EMPTY, Head
from sentra.vault import journal
from sentra.vault.driver import Connection
from sentra.vault.entries import highest_epoch, pruned_base
from sentra.vault.identity import read_identity
from simulation.disks import looking
from simulation.router import RouterMachine
from simulation.terminal import TerminalMachine
from simulation.world import World


@dataclass(frozen=True, slots=True)
class _Stores:
    """What the stores hold at this moment: `cloud` and `archived` by terminal; `routers` by router
    and terminal, as (held, believed of the cloud); `present`: routers that have heard of the
    cloud's last restore."""

    cloud: dict[str, Head]
    archived: dict[str, Head]
    routers: dict[str, dict[str, tuple[Head, Head]]]
    present: set[str]


def check(world: World) -> Iterator[str]:
    """Watermarks at the tills, cloud heads at the routers, and every head, against the journals.

    What the cloud said before it was restored is not held against it by those who have not heard
    of that yet.
    """
    stores = _Stores(
        world.cloud.heads(),
        _archived(world),
        {router.name: router_heads(world, router.name) for router in world.routers},
        {router.name for router in world.routers if _has_heard(world, router)},
    )
    # Of two machines with one identity neither knows the other's entries.
    for terminal in (one for one in world.terminals if not one.is_cloned):
        with looking(terminal.folder) as db:
            yield from _acknowledged(world, terminal, db, stores)
            yield from _prefixes(terminal, db, stores)
            if not terminal.restores and highest_epoch(db) > 1:
                yield f"I1 {terminal.name} takes its own disk for an old copy"


def router_heads(world: World, name: str) -> dict[str, tuple[Head, Head]]:
    """(what a router holds, what it believes the cloud to hold), by terminal."""
    router = next(one for one in world.routers if one.name == name)
    with looking(router.folder) as db:
        return {state.terminal: (state.here, state.cloud) for state in store.journals(db)}


def _acknowledged(
    world: World, terminal: TerminalMachine, db: Connection, stores: _Stores
) -> Iterator[str]:
    own = terminal.identity.device_id
    base, there = pruned_base(db), stores.cloud.get(own, EMPTY)
    if _place(base) > _place(stores.archived.get(own, EMPTY)):
        yield f"I4 {terminal.name} forgot up to {_say(base)}, which is not archived"
    mark = journal.watermark(db, "cloud")
    if mark != EMPTY and _knows_present(world, db) and not _has(world, terminal, mark):
        yield f"I4 {terminal.name} was told that the cloud has {_say(mark)}, and it has not"
    mark = journal.watermark(db, "router")
    places = [heads[own][0] for heads in stores.routers.values() if own in heads]
    places += [end for router in world.routers for end in _aside(router, own)]
    places += [one.heads[own] for one in world.buried if own in one.heads]
    if mark != EMPTY and not any(_place(mark) <= _place(place) for place in places):
        yield f"I4 {terminal.name} was told that a router has {_say(mark)}, and none has"
    for name, heads in stores.routers.items():
        believed = heads[own][1] if own in heads and name in stores.present else EMPTY
        if believed != EMPTY and _place(believed) > _place(there):
            yield f"I4 {name} believes that the cloud has {_say(believed)} of {terminal.name}"


def _aside(router: RouterMachine, terminal: str) -> list[Head]:
    """The ends of what a router keeps in its lane: when the cloud is restored, it goes there."""
    with looking(router.folder) as db:
        return [Head(one.epoch, one.last_seq, one.last_hash) for one in lane.held(db, terminal)]


def _archived(world: World) -> dict[str, Head]:
    """How far each journal is in the object store; a restored cloud may know of less."""
    columns = archive_head.c
    query = select(columns.terminal_id, columns.epoch, columns.seq, columns.hash)
    with world.cloud.engine.connect() as connection:
        rows = connection.execute(query).all()
    return {row.terminal_id: Head(row.epoch, row.seq, bytes(row.hash)) for row in rows}


def _has_heard(world: World, router: RouterMachine) -> bool:
    with looking(router.folder) as db:
        return _knows_present(world, db)


def _knows_present(world: World, db: Connection) -> bool:
    """Whether a device has heard of the cloud's last restore."""
    identity = read_identity(db)
    return identity is not None and identity.timeline not in world.cloud.left_timelines


def _has(world: World, terminal: TerminalMachine, head: Head) -> bool:
    """Whether the very entry is in the cloud's journal."""
    columns = journal_entry.c
    query = select(columns.hash).where(
        columns.branch_id == terminal.identity.branch_id,
        columns.terminal_id == terminal.identity.device_id,
        columns.epoch == head.epoch,
        columns.seq == head.seq,
    )
    with world.cloud.engine.connect() as connection:
        found = connection.execute(query).scalar_one_or_none()
    return found is not None and bytes(found) == head.hash


def _prefixes(terminal: TerminalMachine, db: Connection, stores: _Stores) -> Iterator[str]:
    own, base, left = terminal.identity.device_id, pruned_base(db), terminal.lines_left()
    heads = {"the cloud": stores.cloud.get(own, EMPTY)}
    heads |= {name: theirs[own][0] for name, theirs in stores.routers.items() if own in theirs}
    for name, head in heads.items():
        is_forgotten = _place(head) <= _place(base)
        if not (is_forgotten or journal.holds(db, head) or head.hash in left):
            yield f"I2 {name} holds {_say(head)} of {terminal.name}, which it never wrote"


def _place(head: Head) -> tuple[int, int]:
    return head.epoch, head.seq


def _say(head: Head) -> str:
    return f"{head.epoch}/{head.seq}"
