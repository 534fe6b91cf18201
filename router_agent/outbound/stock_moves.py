"""How much of each product left the shelves and came, as far as the ledger has read it.

Every function runs on a raw connection of the router's vault; nothing here commits. Quantities are
thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from router_agent.operations.sums import Sums

DAYS_KEPT: Final = 3
"""Days of each terminal by themselves; those before are added up under one row. A shift may last
over midnight, and a till may be a day behind."""

_EARLIER: Final = ""
"""In place of a business date: all days before those that are kept by themselves."""

_ADD: Final = (
    " ON CONFLICT (product_id, terminal, business_date) DO UPDATE SET"
    " sold_milli = sold_milli + excluded.sold_milli,"
    " moved_milli = moved_milli + excluded.moved_milli,"
    " counts = counts + excluded.counts"
)


@dataclass(slots=True)
class Moves:
    """Of one product at all terminals. `sold` is what sales took from the shelf less what refunds
    put back, `sold_on_day` that of one date; `moved` is what else came and went. `counts`: how
    many movements say what was there."""

    sold_on_day_milli: int = 0
    sold_milli: int = 0
    moved_milli: int = 0
    counts: int = 0


def add(db: Any, terminal: str, sums: Sums) -> None:
    """Counts more in, after the days themselves."""
    kept = _days_kept(db, terminal)
    rows = [
        (product, terminal, day if day in kept else _EARLIER, milli, 0, 0)
        for (product, day), milli in sums.sold.items()
    ]
    rows += [
        (product, terminal, _EARLIER, 0, milli, counts)
        for product, (milli, counts) in sums.moved.items()
    ]
    db.executemany(f"INSERT INTO ledger_product VALUES (?, ?, ?, ?, ?, ?){_ADD}", rows)  # noqa: S608


def fold(db: Any, terminal: str) -> None:
    """A day began: those that are kept no more by themselves are added to the earlier ones."""
    kept = [*_days_kept(db, terminal), _EARLIER]
    which = f"terminal = ? AND business_date NOT IN ({', '.join('?' for _ in kept)})"
    db.execute(
        "INSERT INTO ledger_product"  # noqa: S608 - our own text
        " SELECT product_id, terminal, '', sum(sold_milli), sum(moved_milli), sum(counts)"
        f" FROM ledger_product WHERE {which} GROUP BY product_id, terminal{_ADD}",
        (terminal, *kept),
    )
    db.execute(f"DELETE FROM ledger_product WHERE {which}", (terminal, *kept))  # noqa: S608


def moves_of(db: Any, product_id: str, business_date: str) -> Moves:
    """Of one product, at all terminals together."""
    rows = db.execute(
        "SELECT business_date, sold_milli, moved_milli, counts FROM ledger_product"
        " WHERE product_id = ?",
        (product_id,),
    ).fetchall()
    found = Moves()
    for day, sold, moved, counts in rows:
        found.sold_on_day_milli += sold if day == business_date else 0
        found.sold_milli += sold
        found.moved_milli += moved
        found.counts += counts
    return found


def keeps_day(db: Any, terminal: str, business_date: str) -> bool:
    """Whether what was sold on a day stands by itself."""
    kept = _days_kept(db, terminal)
    return len(kept) < DAYS_KEPT or business_date >= min(kept)


def _days_kept(db: Any, terminal: str) -> set[str]:
    rows = db.execute(
        "SELECT business_date FROM ledger_day WHERE terminal = ?"
        " ORDER BY business_date DESC LIMIT ?",
        (terminal, DAYS_KEPT),
    )
    return {row[0] for row in rows.fetchall()}
