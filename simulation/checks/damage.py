"""I8: any altered byte of a stored entry is found and named. Each alteration is undone again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sqlalchemy import Connection as CloudConnection
from sqlalchemy import text

from router_agent.verify import prove
from sentra.vault.driver import Connection
from sentra.vault.verify import verify
from simulation.disks import looking, present_identity
from simulation.router import RouterMachine
from simulation.terminal import TerminalMachine
from simulation.world import World
from syncd.service.verify import verify_cloud

_COLUMNS = ("body", "hash")


def check(world: World, dice: random.Random) -> Iterator[str]:
    """One byte at a till, one at a router, one in the cloud."""
    if world.terminals:
        yield from _at_till(dice.choice(world.terminals), dice)
    if world.routers:
        yield from _at_router(dice.choice(world.routers), dice)
    yield from _in_cloud(world, dice)


def _at_till(terminal: TerminalMachine, dice: random.Random) -> Iterator[str]:
    with looking(terminal.folder) as db:
        places = db.execute("SELECT epoch, seq FROM journal_entry ORDER BY 1, 2").fetchall()
        if not places:
            return
        (epoch, seq), column = dice.choice(places), dice.choice(_COLUMNS)
        db.execute("BEGIN IMMEDIATE")
        try:
            _flip(db, column, epoch, seq, dice)
            found = verify(db, present_identity(db))
        finally:
            db.execute("ROLLBACK")
    if not any(one.kind == "chain" and (one.epoch, one.seq) == (epoch, seq) for one in found):
        yield f"I8 a byte of {column} at {epoch}/{seq} was altered at {terminal.name}, unseen"


def _flip(db: Connection, column: str, epoch: int, seq: int, dice: random.Random) -> None:
    where = "WHERE epoch = ? AND seq = ?"
    query = f"SELECT {column} FROM journal_entry {where}"  # noqa: S608 - our own names
    (value,) = db.execute(query, (epoch, seq)).fetchone()
    change = f"UPDATE journal_entry SET {column} = ? {where}"  # noqa: S608 - our own names
    db.execute(change, (flipped(value, dice), epoch, seq))


def _at_router(router: RouterMachine, dice: random.Random) -> Iterator[str]:
    with looking(router.folder) as db:
        rows = db.execute("SELECT terminal, epoch, last_seq, sealed FROM held_segment").fetchall()
        if not rows:
            return
        terminal, epoch, last_seq, sealed = dice.choice(sorted(rows))
        change = (
            "UPDATE held_segment SET sealed = ? WHERE terminal = ? AND epoch = ? AND last_seq = ?"
        )
        # The last hash: one that no reader may take for another.
        db.execute(change, (flipped(sealed, dice, of=32, at=44), terminal, epoch, last_seq))
        proofs = prove(router.folder)
        db.execute(change, (sealed, terminal, epoch, last_seq))
    if not any(one.terminal == terminal and one.problems for one in proofs):
        yield f"I8 a byte of a segment ending at {last_seq} was altered at {router.name}, unseen"


def _in_cloud(world: World, dice: random.Random) -> Iterator[str]:
    with world.cloud.engine.connect() as connection:
        query = "SELECT terminal_id::text, epoch, seq FROM journal_entry ORDER BY 1, 2, 3"
        places = [tuple(row) for row in connection.execute(text(query))]
        if not places:
            return
        (terminal, epoch, seq), column = dice.choice(places), dice.choice(_COLUMNS)
        _flip_in_cloud(connection, column, (terminal, epoch, seq), dice)
        report = verify_cloud(connection, terminal_id=terminal)
        connection.rollback()
    named = {(one.terminal_id, one.epoch, one.seq) for one in report.differences}
    if (terminal, epoch, seq) not in named:
        yield f"I8 {terminal}: {column} at {epoch}/{seq} was altered in the cloud, unseen"


def _flip_in_cloud(
    connection: CloudConnection,
    column: str,
    place: tuple[str, int, int],
    dice: random.Random,
) -> None:
    where = "WHERE terminal_id = CAST(:terminal AS uuid) AND epoch = :epoch AND seq = :seq"
    values = dict(zip(("terminal", "epoch", "seq"), place, strict=True))
    query = text(f"SELECT {column} FROM journal_entry {where}")  # noqa: S608 - our own names
    value = bytes(connection.execute(query, values).scalar_one())
    change = text(f"UPDATE journal_entry SET {column} = :value {where}")  # noqa: S608 - the same
    connection.execute(change, {**values, "value": flipped(value, dice)})


def flipped(value: bytes, dice: random.Random, *, of: int | None = None, at: int = 0) -> bytes:
    """The same with one bit turned, among `of` bytes from `at` on."""
    place = at + dice.randrange(len(value) if of is None else of)
    return value[:place] + bytes((value[place] ^ (1 << dice.randrange(8)),)) + value[place + 1 :]
