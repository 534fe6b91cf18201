"""I7: for each shift, the same sums at till, router and cloud, and they explain the drawer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, select, text

from router_agent.outbound import store
from router_agent.outbound.bases import base_of
from sentra.cloud.tables import SHARED
from sentra.domain.payment import CASH
from sentra.events import CashMoved, Fact, RefundCompleted, SaleCompleted, ShiftClosed, ShiftOpened
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.segment import peek
from sentra.vault import journal
from sentra.vault.driver import Connection
from sentra.vault.entries import pruned_base
from simulation.checks.carts import sold_twice
from simulation.disks import looking
from simulation.world import World


@dataclass(slots=True)
class ShiftSums:
    """What a shift comes to, in minor units; refunds count negative."""

    sales: int = 0
    refunds: int = 0
    total: int = 0
    tax: int = 0
    rounding: int = 0
    tenders: Counter[str] = field(default_factory=Counter)
    change: int = 0
    moved: int = 0
    opened_with: int = 0
    expected: int | None = None

    def sold(self) -> tuple[object, ...]:
        """What both rows and facts of sales say."""
        return (
            (self.sales, self.refunds, self.total, self.tax, self.rounding, self.change),
            +self.tenders,
        )


Sums = dict[str, ShiftSums]
_Row = tuple[Any, ...]
_SALE = "SELECT sale_id, kind, shift_id, total, tax_total, rounding FROM sale"
_TENDER = "SELECT sale_id, shift_id, kind, amount, change_given FROM tender"


def check(world: World) -> Iterator[str]:
    """Till against cloud from their rows, against its router from the sealed facts; and the
    cloud's roll-ups against its rows, which a rebuild by the same code would not tell.

    Of a cart that two tills sold the cloud counts one sale: neither is compared. Nor is what came
    to the cloud on a stick from before a till was put back: the till itself knows nothing of it.
    """
    yield from _rollups(world)
    skipped = _in_lane_alone(world) | (sold_twice(world) if world.site.shares else set())
    cloud = _in_cloud(world, skipped)
    for terminal in (one for one in world.terminals if not one.is_cloned):
        with looking(terminal.folder) as db:
            till = _of_rows(db.execute(_SALE), db.execute(_TENDER), skipped)
            head, base = journal.head(db), pruned_base(db)
            journaled = _of_facts(
                (fact for _, fact in journal.facts(db, terminal.identity.device_id)), skipped
            )
        for shift, sums in till.items():
            if cloud.get(shift) != sums:
                yield f"I7 {terminal.name}: {shift} is {sums}, in the cloud {cloud.get(shift)}"
            facts = journaled.get(shift)
            if facts is None or facts.sold() != sums.sold():
                yield f"I7 {terminal.name}: {shift} has the rows of {sums} and the facts of {facts}"
        for shift, sums in journaled.items():
            cash = sums.opened_with + sums.moved + sums.tenders[CASH]
            # A drawer that was counted before lost sales were fetched back could not know them.
            if sums.expected not in (None, cash) and not (terminal.restores or skipped):
                yield f"I7 {terminal.name}: the drawer of {shift} should hold {cash}"
        for router in world.routers:
            with looking(router.folder) as db:
                state = store.journal(db, terminal.identity.device_id)
                forgets = base_of(db, terminal.identity.device_id) != base
                if state is None or state.here != head or forgets:
                    continue
                held = _of_facts(_facts_at(db, terminal.identity.device_id), skipped)
            if held != journaled:
                yield f"I7 {router.name} adds the shifts of {terminal.name} up otherwise"


_ROLLUPS: Final = {
    "hourly_sales": """
        SELECT terminal_id, sum(sale_count), sum(refund_count), sum(line_count), sum(total),
            sum(tax_total), sum(rounding)
        FROM hourly_sales GROUP BY 1 EXCEPT
        SELECT terminal_id, count(*) FILTER (WHERE kind = 'sale'),
            count(*) FILTER (WHERE kind = 'refund'), sum(line_count), sum(total), sum(tax_total),
            sum(rounding)
        FROM sale GROUP BY 1""",
    "hourly_tender": """
        SELECT terminal_id, kind, sum(amount) FROM hourly_tender GROUP BY 1, 2 EXCEPT
        SELECT terminal_id, t.kind, sum(t.amount) FROM tender t
        JOIN sale USING (branch_id, sale_id) GROUP BY 1, 2""",
    "daily_product": """
        SELECT terminal_id, code, sum(quantity_milli), sum(amount) FROM daily_product
        GROUP BY 1, 2 EXCEPT
        SELECT terminal_id, code, sum(quantity_milli), sum(amount) FROM sale_line
        JOIN sale USING (branch_id, sale_id) GROUP BY 1, 2""",
    "stock_level": """
        SELECT terminal_id, product_id, sum(quantity_milli) FROM stock_level GROUP BY 1, 2 EXCEPT
        SELECT terminal_id, product_id, sum(quantity_milli) FROM stock_movement GROUP BY 1, 2""",
}
"""By roll-up, what is in it and does not come from the rows."""


def _rollups(world: World) -> Iterator[str]:
    with world.cloud.engine.connect() as connection:
        for name, query in _ROLLUPS.items():
            found = connection.execute(text(query)).first()
            if found is not None:
                yield f"I7 {name} is not what the rows add up to: {tuple(found)}"


def _in_lane_alone(world: World) -> set[str]:
    """Sales in the cloud's fork lane that are on no till's disk."""
    sale = SHARED["sale"].c
    query = select(sale.sale_id).where(sale.epoch < 0)
    with world.cloud.engine.connect() as connection:
        found = set(connection.scalars(query))
    for terminal in world.terminals if found else ():
        with looking(terminal.folder) as db:
            found -= {sale_id for (sale_id,) in db.execute("SELECT sale_id FROM sale")}
    return found


def _in_cloud(world: World, skipped: Set[str]) -> Sums:
    sale, tender = SHARED["sale"].c, SHARED["tender"].c
    sales = select(
        sale.sale_id, sale.kind, sale.shift_id, sale.total, sale.tax_total, sale.rounding
    )
    tenders = select(
        tender.sale_id, tender.shift_id, tender.kind, tender.amount, tender.change_given
    )
    with world.cloud.engine.connect() as connection:
        return _of_rows(connection.execute(sales), connection.execute(tenders), skipped)


def refund_count(world: World) -> int:
    """How many refunds came to the cloud."""
    sale = SHARED["sale"]
    query = select(func.count()).select_from(sale).where(sale.c.kind == "refund")
    with world.cloud.engine.connect() as connection:
        return connection.execute(query).scalar_one()


def _of_rows(sales: Iterable[_Row], tenders: Iterable[_Row], skipped: Set[str]) -> Sums:
    found: Sums = {}
    for sale_id, kind, shift, total, tax, rounding in sales:
        if sale_id in skipped:
            continue
        sums = found.setdefault(shift, ShiftSums())
        sums.sales += kind == "sale"
        sums.refunds += kind == "refund"
        sums.total, sums.tax = sums.total + total, sums.tax + tax
        sums.rounding += rounding
    for sale_id, shift, kind, amount, change in tenders:
        if sale_id in skipped:
            continue
        sums = found.setdefault(shift, ShiftSums())
        sums.tenders[kind] += amount
        sums.change += change
    return found


def _facts_at(db: Connection, terminal: str) -> Iterator[Fact | None]:
    for sealed in store.segments_of(db, terminal):
        for _, kind, schema, body in peek(sealed):
            try:
                yield decode_fact(kind, schema, body)
            except (UnknownKind, BodyUnreadable):
                yield None


def _of_facts(facts: Iterable[Fact | None], skipped: Set[str]) -> Sums:
    """Of a fact that comes twice, as it may after an old copy was put back, the first counts."""
    found: Sums = {}
    seen = set(skipped)
    for fact in facts:
        if isinstance(fact, SaleCompleted | RefundCompleted):
            own_id = fact.sale_id if isinstance(fact, SaleCompleted) else fact.refund_id
            if own_id in seen:
                continue
            seen.add(own_id)
            _add(found.setdefault(fact.shift_id, ShiftSums()), fact)
        elif isinstance(fact, ShiftOpened):
            found.setdefault(fact.shift_id, ShiftSums()).opened_with = fact.opening_float
        elif isinstance(fact, CashMoved):
            found.setdefault(fact.shift_id, ShiftSums()).moved += fact.amount
        elif isinstance(fact, ShiftClosed):
            found.setdefault(fact.shift_id, ShiftSums()).expected = fact.expected_cash
    return found


def _add(sums: ShiftSums, fact: SaleCompleted | RefundCompleted) -> None:
    sign = 1 if isinstance(fact, SaleCompleted) else -1
    sums.sales += isinstance(fact, SaleCompleted)
    sums.refunds += isinstance(fact, RefundCompleted)
    sums.total += sign * fact.total
    sums.tax += sign * fact.tax_total
    sums.rounding += sign * fact.rounding
    for tender in fact.tenders:
        sums.tenders[tender.kind] += sign * tender.amount
        sums.change += tender.change
