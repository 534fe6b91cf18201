"""One terminal's tickets, recorded by the very actions that its screen uses.

What a person would do is done here in their place: open a shift for each business date, put the
lines into the cart, take payment, close the shift when the day is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from pos_shell.cashier.queries import approvers, cashiers
from pos_shell.payment.actions import record_sale
from pos_shell.replay.tickets import Ticket
from pos_shell.sale.actions import OwnLine, fill_cart
from pos_shell.shift.actions import close_shift, open_shift
from pos_shell.shift.queries import open_shift_of, summary_of
from pos_shell.till import Till
from sentra.domain.drawer import denominations_of
from sentra.domain.payment import CASH, Offer, cash_due
from sentra.domain.permission import Permission
from sentra.domain.rounding import CashRounding, rounding_of
from sentra.events import Person, ShiftOpened
from sentra.failures import Failure
from sentra.instants import from_datetime, local_date, parse_local
from sentra.vault import catalogue, state
from sentra.vault.driver import Connection

FLOAT_NOTES: Final = 2
"""Notes of the largest value in the drawer when a replayed shift opens."""

REPLAYED_DAY: Final = "replay/day"
"""The business date of the shift that a replay has open in this vault."""


class PeopleMissing(Failure):
    """A till that has not received who may sell at it."""

    code = "replay-people-missing"
    sentence = (
        "The till “%(terminal)s” of “%(branch)s” has nobody who may sell yet. Wait until its first "
        "feed has arrived, or add a cashier in the back office."
    )


class ShiftOfAPerson(Failure):
    """Somebody works at the till; their drawer is not the replay's to close."""

    code = "replay-shift-open"
    sentence = (
        "A shift is open at the till “%(terminal)s” of “%(branch)s”. Close it there, then replay."
    )


@dataclass(slots=True)
class SetClock:
    """A clock that stands where it is put, in epoch milliseconds."""

    now_ms: int = 0

    def __call__(self) -> int:
        """The instant it was put to."""
        return self.now_ms


class Lane:
    """One till on which tickets are recorded in the order of their time."""

    def __init__(self, till: Till, clock: SetClock) -> None:
        """Raises PeopleMissing, ShiftOfAPerson, CatalogueEmpty, NotEnrolled, VaultFailure."""
        self.till = till
        self._clock = clock
        identity = till.identity
        with till.vault.reader() as db:
            self._people = list(cashiers(db))
            approving = approvers(db, Permission.REFUND_APPROVE)
            self._rule = rounding_of(catalogue.branch(db))
            self._shift = open_shift_of(db, identity)
            self._done = _recorded_tickets(db, identity.device_id)
            replayed_day = state.get(db, REPLAYED_DAY)
        if self._shift is not None and self._shift.business_date != replayed_day:
            raise ShiftOfAPerson(terminal=identity.name, branch=identity.branch_name)
        if not self._people:
            raise PeopleMissing(terminal=identity.name, branch=identity.branch_name)
        self._approver = (approving or self._people)[0].id

    def at_ms(self, ticket: Ticket) -> int:
        """The instant of a ticket, whose time is the branch's unless it says an offset."""
        moment = datetime.fromisoformat(ticket.at)
        if moment.tzinfo is not None:
            return from_datetime(moment)
        return parse_local(ticket.at, self.till.identity.zone)

    def has(self, ticket: Ticket) -> bool:
        """Whether this terminal has recorded the ticket before."""
        return ticket.number in self._done

    def record(self, ticket: Ticket) -> None:
        """Record one ticket at its own time. Raises Failure where the till refuses it."""
        self._clock.now_ms = self.at_ms(ticket)
        day = local_date(self._clock.now_ms, self.till.identity.zone)
        if self._shift is not None and self._shift.business_date != day:
            self.close()
        if self._shift is None:
            self._shift = self._open(day)
        person = self._person(day)
        lines = [
            OwnLine(one.code, one.name, one.quantity_milli, one.unit_price) for one in ticket.lines
        ]
        # Cart and payment in one transaction: nobody looks at the cart in between.
        with self.till.book(note_head=False) as book:
            cart = fill_cart(self.till, book, person, lines, ticket.number)
            returns = any(line.quantity_milli < 0 for line in lines)
            record_sale(
                book,
                person,
                cart,
                lambda total: offers_for(total, ticket, self._rule),
                approved_by=self._approver if returns else None,
            )
        self._done.add(ticket.number)

    def close(self) -> None:
        """Close the open shift at the time of what was recorded last, its drawer as expected."""
        if self._shift is None:
            return
        identity = self.till.identity
        with self.till.vault.reader() as db:
            summary = summary_of(db, identity.branch_id, self._shift.shift_id)
        close_shift(
            self.till,
            self._person(self._shift.business_date),
            counted_cash=max(summary.expected_cash, 0),
        )
        self._shift = None
        self._note_day(None)

    def _open(self, day: str) -> ShiftOpened:
        # Noted first, so that a replay that was killed knows its own shift again.
        self._note_day(day)
        notes = denominations_of(self.till.identity.currency)
        return open_shift(self.till, self._person(day), FLOAT_NOTES * notes[0] if notes else 0)

    def _note_day(self, day: str | None) -> None:
        with self.till.vault.writer() as db:
            state.put(db, REPLAYED_DAY, day)

    def _person(self, day: str) -> Person:
        """Cashiers take turns by the day, so that a history has more than one name in it."""
        return self._people[date.fromisoformat(day).toordinal() % len(self._people)]


def _recorded_tickets(db: Connection, terminal: str) -> set[str]:
    rows = db.execute(
        "SELECT ticket FROM sale WHERE terminal_id = ? AND ticket IS NOT NULL", (terminal,)
    )
    return {number for (number,) in rows}


def offers_for(total: int, ticket: Ticket, rule: CashRounding) -> list[Offer]:
    """The ticket's payments as offers that settle the total: others first, cash for the rest.

    A payment whose lines come to nothing, or to the other sign (returns paid back in kind), takes
    no part; cash settles it.
    """
    sign = -1 if total < 0 else 1
    left, offers = total, []
    for kind, (amount, reference) in _by_payment(ticket).items():
        size = min(sign * amount, sign * left)
        if kind != CASH and size > 0:
            offers.append(Offer(kind, sign * size, reference))
            left -= sign * size
    due, _rounding = cash_due(total, total - left, rule)
    if left and due > 0:
        offers.append(Offer(CASH, due))
    return offers


def _by_payment(ticket: Ticket) -> dict[str, tuple[int, str | None]]:
    sums: dict[str, tuple[int, str | None]] = {}
    for line in ticket.lines:
        before, reference = sums.get(line.payment, (0, None))
        sums[line.payment] = (before + line.amount, line.reference or reference)
    return sums
