"""Carts that tills pass on: none is lost, and what two tills sold is shown to a person.

While a router answers, one till alone gets a cart. Without it each goes on with its own; both sales
then bear the cart's id, of which the cloud counts one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import select

from pos_shell.sale.store import load_cart
from sentra.cloud.tables import exception
from sentra.events import SaleCompleted, SaleVoided
from sentra.projection.aside import FACT_DUPLICATE
from sentra.vault import journal
from sentra.vault.sharing import load_parked
from simulation.disks import looking
from simulation.terminal import TerminalMachine
from simulation.world import World

Place = tuple[str, int, int]
"""Terminal, epoch, seq."""


def check(world: World) -> Iterator[str]:
    """What was said to be on hold, against every till; and sales at two, against the exceptions."""
    somewhere: set[str] = set()
    for terminal in world.terminals:
        somewhere |= _ended(terminal) | _waiting(terminal)
    for terminal in world.terminals:
        for sale_id in terminal.held:
            if sale_id not in somewhere:
                yield f"carts: what {terminal.name} put on hold is nowhere: {sale_id}"
    told = _duplicates(world)
    places = [(sale_id, place) for one in world.terminals for sale_id, place in _sold(one)]
    shown = {sale_id for sale_id, place in places if place in told}
    for sale_id in sold_twice(world) - shown:
        yield f"carts: two tills sold {sale_id}, and nobody is told"


def sold_twice(world: World) -> set[str]:
    """The sales that more than one terminal recorded."""
    counts = Counter(sale_id for one in world.terminals for sale_id, _ in _sold(one))
    return {sale_id for sale_id, count in counts.items() if count > 1}


def passed_on(world: World) -> int:
    """How many carts were taken up at another till than the one that had them on hold."""
    return sum(terminal.taken_over for terminal in world.terminals)


def _sold(terminal: TerminalMachine) -> Iterator[tuple[str, Place]]:
    """Sales, and where each stands."""
    own = terminal.identity.device_id
    with looking(terminal.folder) as db:
        for entry, fact in journal.facts(db, own):
            if isinstance(fact, SaleCompleted):
                yield fact.sale_id, (own, entry.epoch, entry.seq)


def _ended(terminal: TerminalMachine) -> set[str]:
    """Carts that were sold or given up."""
    with looking(terminal.folder) as db:
        facts = [fact for _, fact in journal.facts(db, terminal.identity.device_id)]
    return {fact.sale_id for fact in facts if isinstance(fact, SaleCompleted | SaleVoided)}


def _waiting(terminal: TerminalMachine) -> set[str]:
    """Carts on hold and the open one."""
    with looking(terminal.folder) as db:
        cart = load_cart(db)
        carts = [one.cart for one in load_parked(db)] + ([] if cart is None else [cart])
    return {one.sale_id for one in carts}


def _duplicates(world: World) -> set[Place]:
    """Where the facts stand that are in the cloud under another's id, with other contents."""
    one = exception.c
    query = select(one.terminal_id, one.epoch, one.seq).where(one.kind == FACT_DUPLICATE)
    with world.cloud.engine.connect() as connection:
        return {(row.terminal_id, row.epoch, row.seq) for row in connection.execute(query)}
