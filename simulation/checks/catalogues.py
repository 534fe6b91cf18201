"""I9, I10: a till's catalogue is the cloud's at its revision, and nothing is another branch's."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from router_agent.outbound import decisions
from sentra.cloud import feed
from sentra.cloud.tables import company, device, feed_snapshot
from sentra.protocol.feed import COMPANY, open_revision
from sentra.protocol.snapshot import unpack_items
from sentra.vault import catalogue
from sentra.vault.driver import Connection
from simulation.disks import looking
from simulation.router import RouterMachine
from simulation.terminal import TerminalMachine
from simulation.world import World

Items = dict[tuple[str, str], bytes]


class _Feeds:
    """All that the scopes ever published, each revision opened and its signature verified once."""

    def __init__(self, world: World) -> None:
        self._world = world
        key = world.cloud.keys.signing_key.public_key()
        published = world.cloud.revisions()
        self._opened = {place: open_revision(published[place], key) for place in sorted(published)}
        self._present: dict[str, Items] = {}

    def at(self, scope: str, cursor: int) -> Items:
        """What the scope's revisions give up to a cursor."""
        items: Items = {}
        for (of, number), revision in self._opened.items():
            for item in revision if of == scope and number <= cursor else ():
                items.pop((item.kind, item.key), None)
                if item.body is not None:
                    items[item.kind, item.key] = item.body
        return items

    def head(self, scope: str) -> int:
        """The scope's last revision."""
        return max((number for of, number in self._opened if of == scope), default=0)

    def present(self, scope: str) -> Items:
        """What the cloud itself says of the scope now."""
        if scope not in self._present:
            with self._world.cloud.engine.connect() as connection:
                state = feed.state(connection, scope)
            self._present[scope] = {
                (one.kind, one.key): one.body for one in state if one.body is not None
            }
        return self._present[scope]


def check(world: World) -> Iterator[str]:
    """Tills' catalogues, and what tills and routers hold of whom."""
    left_behind, feeds = _left_behind(world), _Feeds(world)
    yield from _snapshots(world, feeds)
    for terminal in world.terminals:
        with looking(terminal.folder) as db:
            if terminal.identity.device_id not in left_behind:
                yield from _catalogue(terminal, db, feeds)
            yield from _scopes(terminal.name, terminal.identity.branch_id, db, "decision")
    for router in world.routers:
        with looking(router.folder) as db:
            for table in ("cached_revision", "branch_item"):
                yield from _scopes(router.name, world.branch_of(router).id, db, table)
            yield from _terminals(world, router, db)
            yield from _at_router(world, router, db, feeds)


def _left_behind(world: World) -> set[str]:
    """Revoked tills of a cloud that was set back: they get no decisions, and keep what they had of
    the timeline that is gone."""
    was_set_back = select(company.c.timeline_at_ms != company.c.created_at_ms)
    revoked = select(device.c.id).where(device.c.status == "revoked")
    with world.cloud.engine.connect() as connection:
        if not connection.execute(was_set_back).scalar_one():
            return set()
        return set(connection.execute(revoked).scalars())


def _catalogue(terminal: TerminalMachine, db: Connection, feeds: _Feeds) -> Iterator[str]:
    expected: Items = {}
    for scope in (COMPANY, terminal.identity.branch_id):
        cursor = catalogue.cursor(db, scope)
        replayed = feeds.at(scope, cursor)
        expected |= replayed
        if cursor == feeds.head(scope) and replayed != feeds.present(scope):
            yield f"I9 the feed of {scope} does not give what the cloud says of it"
    held = {
        (kind, key): bytes(body)
        for kind, key, body in db.execute(
            "SELECT kind, key, body FROM decision"
            " UNION ALL SELECT 'product', product_id, body FROM product"
        )
    }
    differing = sorted(
        key for key in held.keys() | expected.keys() if held.get(key) != expected.get(key)
    )
    if differing:
        kind, key = differing[0]
        yield f"I9 {terminal.name} has another {kind} {key} than the cloud at its revision"


def _snapshots(world: World, feeds: _Feeds) -> Iterator[str]:
    """Each snapshot of the present timeline is what its scope was at its revision."""
    c = feed_snapshot.c
    query = select(c.scope, c.revision, c.packed).where(
        c.timeline == select(company.c.timeline).scalar_subquery()
    )
    with world.cloud.engine.connect() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        blocks = unpack_items(row.scope, [bytes(row.packed)])
        held = {(one.kind, one.key): one.body for block in blocks for one in block}
        if held != feeds.at(row.scope, row.revision):
            yield f"I9 the snapshot of {row.scope} at {row.revision} is not what the feed gives"


def _at_router(world: World, router: RouterMachine, db: Connection, feeds: _Feeds) -> Iterator[str]:
    """What a router knows itself, of devices and people, is the feed's at its revision."""
    expected: Items = {}
    for scope in (COMPANY, world.branch_of(router).id):
        expected |= feeds.at(scope, decisions.feed_cursor(db, scope))
    items = db.execute("SELECT kind, key, body FROM branch_item")
    held = {(kind, key): bytes(body) for kind, key, body in items}
    own = {place: body for place, body in expected.items() if place[0] in decisions.KEPT_KINDS}
    differing = sorted(key for key in held.keys() | own.keys() if held.get(key) != own.get(key))
    if differing:
        kind, key = differing[0]
        yield f"I9 {router.name} knows another {kind} {key} than the cloud at its revision"


def _scopes(name: str, branch_id: str, db: Connection, table: str) -> Iterator[str]:
    found = {scope for (scope,) in db.execute(f"SELECT DISTINCT scope FROM {table}")}  # noqa: S608
    for scope in sorted(found - {COMPANY, branch_id}):
        yield f"I10 {name} holds decisions of {scope}"


def _terminals(world: World, router: RouterMachine, db: Connection) -> Iterator[str]:
    own = {one.identity.device_id for one in world.terminals if one.branch == router.branch}
    held = {terminal for (terminal,) in db.execute("SELECT DISTINCT terminal FROM held_segment")}
    for terminal in sorted(held - own):
        yield f"I10 {router.name} holds sales of {terminal}, which is of another branch"
