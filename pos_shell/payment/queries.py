"""Reads of the payment screen: what is due, what was taken, what a customer may hand over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pos_shell.payment.store import load_offers
from pos_shell.sale.queries import CartView, cart_view
from pos_shell.till import Till
from sentra.domain.checkout import CartEmpty
from sentra.domain.drawer import denominations_of
from sentra.domain.payment import Offer, cash_due, quick_cash
from sentra.domain.rounding import rounding_of
from sentra.vault import catalogue

LIKELY_SHARE: Final = 20
"""Nobody tops an amount up with coins worth less than this share of it."""


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """The open cart and how it may be settled; amounts in minor units.

    `due` is what is left of the total, `cash` what cash has to pay of it after `rounding`.
    """

    cart: CartView
    sale_id: str
    total: int
    offers: Sequence[Offer]
    due: int
    cash: int
    rounding: int
    quick: Sequence[int]
    currency: str
    error: str = ""
    cash_typed: str = ""


def payment_page(till: Till, error: str = "", cash_typed: str = "") -> PaymentPage:
    """What the payment screen shows.

    Raises:
        CartEmpty: there is nothing to pay.
    """
    view = cart_view(till)
    if view.cart is None or view.totals is None:
        raise CartEmpty()
    currency = till.identity.currency
    with till.vault.reader() as db:
        offers = load_offers(db, view.cart.sale_id)
        rule = rounding_of(catalogue.branch(db))
    total = view.totals.total
    taken = sum(offer.amount for offer in offers)
    cash, rounding = cash_due(total, taken, rule)
    return PaymentPage(
        cart=view,
        sale_id=view.cart.sale_id,
        total=total,
        offers=offers,
        due=total - taken,
        cash=cash,
        rounding=rounding,
        quick=quick_cash(cash, _likely(denominations_of(currency), cash)),
        currency=currency,
        error=error,
        cash_typed=cash_typed,
    )


def _likely(denominations: Sequence[int], cash: int) -> Sequence[int]:
    """Notes and coins that a customer rounds an amount up with."""
    return [value for value in denominations if value * LIKELY_SHARE >= cash]
