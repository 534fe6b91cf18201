"""What the benches sell: products, and sales of three lines made by the till's own rules."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from sentra.domain.cart import ONE, Cart, CartLine
from sentra.domain.checkout import complete_sale
from sentra.domain.counter import Counter
from sentra.domain.indonesia import standard_taxes
from sentra.domain.payment import CASH, Offer, settle
from sentra.domain.rounding import DOWN, CashRounding
from sentra.domain.tax import rates_in_force
from sentra.domain.totals import total_up
from sentra.events import Price, Product, SaleCompleted
from sentra.ids import RANDOM_BYTES, uuid7
from sentra.instants import local_date
from sentra.vault.identity import Identity

LINES: Final = 3
START_MS: Final = 1_795_320_000_000
"""2026-11-22, noon in Sangatta."""

GAP_MS: Final = 60_000
"""Between two sales of a till: 1,440 a day, as in a branch of twelve tills that never closes."""

_NOTE: Final = 50_000
_SHOPPING_MS: Final = 45_000


def products(count: int, dice: random.Random) -> list[Product]:
    """A catalogue of taxed goods, the same for the same dice."""
    return [_product(number, dice) for number in range(count)]


def _product(number: int, dice: random.Random) -> Product:
    return Product(
        id=uuid7(START_MS, dice.randbytes(RANDOM_BYTES)),
        code=f"P{number:06}",
        name=f"Barang nomor {number}",
        category_id=None,
        unit="Pcs",
        tax_code="PPN",
        prices=(Price(1_000 + number * 37 % 90_000 // 100 * 100),),
        barcodes=(f"899{number:010}",),
    )


class Trade:
    """One terminal's customers, each with three products, paying in cash; from a seed."""

    def __init__(self, identity: Identity, goods: Sequence[Product], seed: int) -> None:
        self._dice = random.Random(seed)
        self._identity, self._goods = identity, goods
        self._taxes = standard_taxes(lambda: self._id(START_MS))
        self._shift_id, self._cashier_id = self._id(START_MS), self._id(START_MS)
        self._number = 0

    def sale(self) -> SaleCompleted:
        """The next customer's sale."""
        self._number += 1
        at_ms = START_MS + self._number * GAP_MS
        identity = self._identity
        day = local_date(at_ms, identity.zone)
        cart = self._cart(at_ms - _SHOPPING_MS)
        totals = total_up(cart, rates_in_force(self._taxes, identity.branch_id, day))
        offer = Offer(CASH, -(-totals.total // _NOTE) * _NOTE)
        prefix = f"{identity.branch_code}-{identity.number}"
        return complete_sale(
            cart,
            totals,
            settle(totals.total, [offer], CashRounding(100, DOWN)),
            Counter(
                self._shift_id, self._cashier_id, "Dewi", identity.currency, day, identity.zone
            ),
            receipt_number=f"{prefix}-{day[2:].replace('-', '')}-{self._number:04}",
            completed_at_ms=at_ms,
        )

    def _cart(self, at_ms: int) -> Cart:
        lines = tuple(
            CartLine(
                number=number,
                product_id=product.id,
                code=product.code,
                name=product.name,
                unit=product.unit,
                quantity_milli=self._dice.choice((1, 1, 1, 2, 3)) * ONE,
                unit_price=product.prices[0].amount,
                tax_code=product.tax_code,
            )
            for number, product in enumerate(self._dice.sample(self._goods, LINES), 1)
        )
        identity = self._identity
        return Cart(
            self._id(at_ms), identity.branch_id, identity.currency, at_ms, at_ms, lines=lines
        )

    def _id(self, at_ms: int) -> str:
        return uuid7(at_ms, self._dice.randbytes(RANDOM_BYTES))
