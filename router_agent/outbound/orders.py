"""Parked orders that the branch's tills offer each other, and who claims one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from router_agent.operations.leases import Leases
from sentra.instants import Clock
from sentra.protocol.branch import ORDERS_PER_TERMINAL_MAX, Offer, ParkedOrder
from sentra.protocol.errors import ProtocolError
from sentra.vault.database import Vault

CLAIM_MS: Final = 60_000
"""A till that was granted an order has it in its own vault, and says so, within a second."""

GONE_KEPT_MAX: Final = 5_000
"""Orders that are gone and still known by their id, weeks of a branch: a till that was away hears
that its order was taken up, and cannot offer it again."""

_ORDER: Final = ParkedOrder.__struct_fields__


class OrderTaken(ProtocolError):
    """Another terminal claims the order or has it already."""

    slug = "order-taken"


class OrderUnknown(ProtocolError):
    """No such order was offered here."""

    slug = "order-unknown"


class OrdersFull(ProtocolError):
    """A terminal offers more orders than a till keeps on hold."""

    slug = "orders-full"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that waits, and the terminal that offers it."""

    terminal: str
    order: ParkedOrder


@dataclass(frozen=True, slots=True)
class Gone:
    """An order that is gone, and the terminal that has it."""

    parking_id: str
    taken_by: str


class Orders:
    """All parked orders of the branch. Threads may share it: who writes takes the vault's turn."""

    def __init__(self, vault: Vault, ticks: Clock) -> None:
        """`ticks` are milliseconds of a clock that only goes forward."""
        self._vault = vault
        self._claims = Leases(ticks, CLAIM_MS)

    def board(self, terminal: str) -> tuple[Sequence[Waiting], Sequence[Gone]]:
        """All that wait, in the order in which they came, and those of the terminal that are gone:
        the latest of them, as many as a till could still hold."""
        with self._vault.reader() as db:
            waiting = db.execute(
                "SELECT terminal, summary FROM parked_order WHERE offer IS NOT NULL ORDER BY number"
            ).fetchall()
            gone = db.execute(
                "SELECT parking_id, taken_by FROM parked_order WHERE terminal = ?"
                " AND offer IS NULL ORDER BY number DESC LIMIT ?",
                (terminal, 2 * ORDERS_PER_TERMINAL_MAX),
            ).fetchall()
        orders = [Waiting(by, msgspec.json.decode(told, type=ParkedOrder)) for by, told in waiting]
        return orders, [Gone(*row) for row in gone]

    def offer(self, terminal: str, offer: Offer, body: bytes) -> bool:
        """Keeps an order, byte for byte as the till wrote it; whether it is new here.

        Raises OrdersFull.
        """
        summary = ParkedOrder(**{name: getattr(offer, name) for name in _ORDER})
        with self._vault.writer() as db:
            if self._row(db, offer.parking_id) is not None:
                return False
            count = db.execute(
                "SELECT count(*) FROM parked_order WHERE terminal = ? AND offer IS NOT NULL",
                (terminal,),
            ).fetchone()[0]
            if count >= ORDERS_PER_TERMINAL_MAX:
                raise OrdersFull(f"{count} orders of this till wait here already")
            db.execute(
                "INSERT INTO parked_order (parking_id, terminal, summary, offer)"
                " VALUES (?, ?, ?, ?)",
                (offer.parking_id, terminal, msgspec.json.encode(summary), body),
            )
        return True

    def claim(self, terminal: str, parking_id: str) -> bytes:
        """The order as it was offered, for this terminal alone until the claim is over.

        Raises OrderTaken, OrderUnknown.
        """
        with self._vault.writer() as db:
            row = self._row(db, parking_id)
            if row is None:
                raise OrderUnknown("no such order waits in this branch")
            offer, claimed_by, taken_by = row
            if offer is None and taken_by == terminal:
                raise OrderUnknown("this till has taken the order up already")
            if offer is None or self._is_claimed(parking_id, claimed_by, terminal):
                raise OrderTaken("another till takes this order up")
            self._claims.begin(parking_id)
            db.execute(
                "UPDATE parked_order SET claimed_by = ? WHERE parking_id = ?",
                (terminal, parking_id),
            )
        return bytes(offer)

    def settle(self, terminal: str, parking_id: str) -> bool:
        """The terminal has the order for good: as its own again, or taken up from another.

        Whether that is new. Raises OrderTaken.
        """
        with self._vault.writer() as db:
            row = self._row(db, parking_id)
            if row is None:
                return False
            offer, claimed_by, taken_by = row
            if offer is None and taken_by == terminal:
                return False
            if offer is None or self._is_claimed(parking_id, claimed_by, terminal):
                raise OrderTaken("another till has taken this order up")
            db.execute(
                "UPDATE parked_order SET offer = NULL, summary = x'', claimed_by = NULL,"
                " taken_by = ? WHERE parking_id = ?",
                (terminal, parking_id),
            )
            self._claims.end(parking_id)
            _forget(db)
        return True

    def _is_claimed(self, parking_id: str, claimed_by: str | None, terminal: str) -> bool:
        """Whether another terminal holds a claim that is not over."""
        return claimed_by not in (None, terminal) and self._claims.holds(parking_id)

    @staticmethod
    def _row(db: Any, parking_id: str) -> Any:
        return db.execute(
            "SELECT offer, claimed_by, taken_by FROM parked_order WHERE parking_id = ?",
            (parking_id,),
        ).fetchone()


def _forget(db: Any) -> None:
    db.execute(
        "DELETE FROM parked_order WHERE offer IS NULL AND number <="
        " (SELECT max(number) FROM parked_order) - ?",
        (GONE_KEPT_MAX,),
    )
