"""People at the till: each verb is what a person does, through the till's own actions.

What the till shows is noted when its action has returned, and not before: a power cut in between
means that nobody has seen anything.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from pos_shell.cashier.queries import approvers, cashiers
from pos_shell.parked import actions as parked
from pos_shell.payment import actions as payment
from pos_shell.payment.store import load_offers
from pos_shell.receipt.facts import recorded, refunds_of
from pos_shell.refund import actions as refunds
from pos_shell.sale import actions as sale
from pos_shell.sale.queries import rates_at
from pos_shell.sale.store import load_cart
from pos_shell.shift import actions as shift
from pos_shell.shift.queries import open_shift_of, summary_of
from sentra.domain.cart import ONE, Cart
from sentra.domain.discount import Discount
from sentra.domain.drawer import DROP, NO_SALE, PAID_IN, PAID_OUT
from sentra.domain.payment import CARD, CASH, QRIS, TRANSFER, Offer, cash_due
from sentra.domain.permission import Permission
from sentra.domain.refund import Wanted, refundable_lines
from sentra.domain.rounding import rounding_of
from sentra.domain.totals import total_up
from sentra.events import Person, SaleCompleted
from sentra.protocol.entry import EMPTY, make_entry
from sentra.vault import catalogue, journal, sharing
from sentra.vault.driver import Connection
from sentra.vault.failures import CatalogueEmpty
from sentra.vault.sharing import load_parked
from simulation.terminal import Shown, TerminalMachine

FLOAT: Final = 200_000
LINES_MAX: Final = 4
BURST_MAX: Final = 40
_TWICE: Final = 0.1
"""How often somebody clicks twice."""

_NOTE: Final = 50_000
_OTHERS: Final = (CARD, QRIS, TRANSFER)


def sell(at: TerminalMachine, dice: random.Random) -> str:
    """A whole sale, or the end of one that was begun."""
    _stand_at(at, dice)
    _fill(at, dice)
    return _pay(at, dice)


def burst(at: TerminalMachine, dice: random.Random) -> str:
    """A queue of customers: what makes segments of many entries."""
    count = dice.randint(5, BURST_MAX)
    for _ in range(count):
        sell(at, dice)
    return f"{count} sales"


def begin_cart(at: TerminalMachine, dice: random.Random) -> str:
    """Goods are put in, and nobody pays yet."""
    _stand_at(at, dice)
    cart = _fill(at, dice)
    return f"a cart of {len(cart.lines)}"


def void(at: TerminalMachine, dice: random.Random) -> str:
    """A cart is given up; its receipt number is burnt."""
    person = _stand_at(at, dice)
    _fill(at, dice)
    voided = sale.void_cart(at.till, person, "changed their mind", approved_by=_supervisor(at).id)
    return f"void {voided.receipt_number}"


def refund(at: TerminalMachine, dice: random.Random) -> str:
    """Part of an earlier sale of this till comes back."""
    person = _stand_at(at, dice)
    if not at.shown:
        return "nothing to refund"
    sale_id = dice.choice(at.shown).sale_id
    wanted = _wanted(at, sale_id, dice)
    if not wanted:
        return "all of it came back before"
    refund_id = at.till.new_id()
    reference = dice.choice((None, "EDC 4711"))
    refunds.refund_sale(
        at.till,
        person,
        sale_id,
        wanted,
        refund_id=refund_id,
        reason="broken",
        kind=CASH if reference is None else CARD,
        reference=reference,
        approved_by=_supervisor(at).id,
    )
    return f"refund of {len(wanted)} lines"


def cash(at: TerminalMachine, dice: random.Random) -> str:
    """Cash moves without a sale."""
    person = _stand_at(at, dice)
    kind = dice.choice((PAID_IN, PAID_OUT, DROP, NO_SALE))
    amount = 0 if kind == NO_SALE else 1_000 * dice.randint(1, 50)
    shift.move_cash(at.till, person, kind=kind, amount=amount, reason="change")
    return f"{kind} {amount}"


def close(at: TerminalMachine, dice: random.Random) -> str:
    """The drawer is counted, rightly or not."""
    person = _stand_at(at, dice)
    if _cart(at) is not None:
        _pay(at, dice)
    identity = at.till.identity
    with at.till.vault.reader() as db:
        opened = open_shift_of(db, identity)
        if opened is None:
            return "no shift is open"
        expected = summary_of(db, identity.branch_id, opened.shift_id).expected_cash
    counted = max(0, expected + dice.choice((0, 0, -500, 1_000)))
    closed = shift.close_shift(at.till, person, counted_cash=counted)
    return f"{closed.sale_count} sales, difference {closed.difference}"


def hold(at: TerminalMachine, dice: random.Random) -> str:
    """A cart waits for its customer."""
    person = _stand_at(at, dice)
    _fill(at, dice)
    held = parked.hold_cart(at.till, person)
    at.held.append(held.cart.sale_id)
    return f"held {held.cart.sale_id[-6:]}"


def resume(at: TerminalMachine, dice: random.Random) -> str:
    """A cart that waited is taken up, here or from another till."""
    person = _stand_at(at, dice)
    with at.till.vault.reader() as db:
        here = [one.cart.sale_id for one in load_parked(db)]
        waiting = here + [one.sale_id for one in sharing.elsewhere(db)]
    if not waiting:
        return "nothing waits"
    cart = parked.resume_cart(at.till, person, dice.choice(waiting))
    at.taken_over += cart.sale_id not in here
    return f"{cart.sale_id[-6:]}, a cart of {len(cart.lines)}"


def record_strange(at: TerminalMachine, dice: random.Random) -> str:
    """A till of a later version records what this version does not know or cannot read."""
    kind, schema, body = dice.choice(
        (
            ("loyalty.earned", 1, b'{"points":7}'),
            ("sale.completed", 9, b'{"sale_id":"of a later schema"}'),
            ("shift.opened", 1, b'{"number":"seven"}'),
        )
    )
    _stand_at(at, dice)
    with at.till.vault.writer() as db:
        before = journal.head(db)
        if before == EMPTY:
            journal.open_epoch(db, before, at.clock())
        day = "2026-11-22"
        terminal = at.identity.device_id
        entry = make_entry(terminal, before, kind, schema, at.clock(), day, body)
        db.execute(
            "INSERT INTO journal_entry (epoch, seq, kind, schema, recorded_at_ms, business_date,"
            " body, hash, stored_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (entry.epoch, entry.seq, kind, schema, at.clock(), day, body, entry.hash, at.clock()),
        )
    return f"{kind} {schema}"


# -- the parts of a sale ---------------------------------------------------------------------------


def _stand_at(at: TerminalMachine, dice: random.Random) -> Person:
    """Somebody who may sell here, with a shift open."""
    with at.till.vault.reader() as db:
        people = cashiers(db)
        opened = open_shift_of(db, at.till.identity)
    if not people:
        raise CatalogueEmpty(kind="person")
    person = dice.choice(people)
    if opened is None:
        shift.open_shift(at.till, person, FLOAT)
    return person


def _supervisor(at: TerminalMachine) -> Person:
    with at.till.vault.reader() as db:
        people = approvers(db, Permission.REFUND_APPROVE)
    if not people:
        raise CatalogueEmpty(kind="person")
    return people[0]


def _cart(at: TerminalMachine) -> Cart | None:
    with at.till.vault.reader() as db:
        cart = load_cart(db)
    return None if cart is None or cart.is_empty else cart


def _fill(at: TerminalMachine, dice: random.Random) -> Cart:
    """The open cart, or a new one with a few lines."""
    cart = _cart(at)
    if cart is not None:
        return cart
    person = _stand_at(at, dice)
    with at.till.vault.reader() as db:
        goods = _on_sale(db)
    for _ in range(dice.randint(1, LINES_MAX)):
        if not goods or dice.random() < 0.1:
            cart = sale.add_open_item(at.till, person, "Jasa", 1_000 * dice.randint(1, 90))
        elif dice.random() < 0.5:
            cart = sale.scan(at.till, person, dice.choice(goods)[1])
        else:
            quantity = ONE * dice.randint(1, 3)
            cart = sale.add_product(at.till, person, dice.choice(goods)[0], quantity)
    if dice.random() < 0.15:
        cart = sale.discount_all(at.till, Discount(permyriad=500))
    if cart is None:
        raise RuntimeError("a cart has at least one line")
    return cart


def _on_sale(db: Connection) -> Sequence[tuple[str, str]]:
    query = "SELECT product_id, code FROM product WHERE active ORDER BY code"
    return db.execute(query).fetchall()


def _pay(at: TerminalMachine, dice: random.Random) -> str:
    """Take payment for the open cart, in one kind or two; then it is shown as paid."""
    cart = _cart(at)
    if cart is None:
        return "nothing to pay"
    person = _stand_at(at, dice)
    with at.till.vault.reader() as db:
        total = total_up(cart, rates_at(db, at.till.identity, at.clock())).total
        taken = sum(offer.amount for offer in load_offers(db, cart.sale_id))
        rule = rounding_of(catalogue.branch(db))
    rest = total - taken
    if rest > 0 and dice.random() < 0.4:
        part = rest if dice.random() < 0.7 else max(1, rest // 2)
        payment.take_offer(at.till, cart.sale_id, Offer(dice.choice(_OTHERS), part, "ref"))
        taken, rest = taken + part, rest - part
    offers: list[Offer] = []
    due, _ = cash_due(total, taken, rule)
    if rest and due > 0:
        given = due if dice.random() < 0.3 else -(-due // _NOTE) * _NOTE
        offers = [Offer(CASH, given)]
    at.paying = cart.sale_id
    payment.complete_sale(at.till, person, cart.sale_id, offers, expected_total=total)
    at.paying = None
    if dice.random() < _TWICE:
        payment.complete_sale(at.till, person, cart.sale_id, offers, expected_total=total)
    with at.till.vault.reader() as db:
        paid = db.execute(
            "SELECT coalesce(sum(amount), 0) FROM tender WHERE sale_id = ?", (cart.sale_id,)
        ).fetchone()[0]
    at.shown.append(Shown(cart.sale_id, total, paid))
    return f"sale {cart.sale_id[-6:]} of {total}"


def _wanted(at: TerminalMachine, sale_id: str, dice: random.Random) -> list[Wanted]:
    with at.till.vault.reader() as db:
        _, fact = recorded(db, at.till.identity, sale_id)
        earlier = refunds_of(db, at.till.identity, sale_id)
    if not isinstance(fact, SaleCompleted):
        return []
    left = refundable_lines(fact, earlier)
    if not left:
        return []
    line = dice.choice(left)
    quantity = line.quantity_milli if dice.random() < 0.6 else max(1, line.quantity_milli // 2)
    return [Wanted(line.line.position, quantity, restocked=dice.random() < 0.7)]
