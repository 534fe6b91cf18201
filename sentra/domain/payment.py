"""Settling a total: what was offered becomes tenders, cash rounding and change.

Only the part paid in cash is rounded; change is given in cash, from cash only. The tenders'
amounts add up to `total + rounding`, whatever the mix. A negative total (more returned than sold)
is paid out: offers then are negative, and what no offer covers leaves the drawer as cash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from sentra.domain.errors import DomainError
from sentra.domain.rounding import CashRounding, cash_rounding
from sentra.events import Tender

CASH: Final = "cash"
CARD: Final = "card"
QRIS: Final = "qris"
TRANSFER: Final = "transfer"
VOUCHER: Final = "voucher"
TENDER_KINDS: Final = (CASH, CARD, QRIS, TRANSFER, VOUCHER)

TENDERS_MAX: Final = 20
"""Tenders in one sale; a table that pays one by one needs about ten."""

CHANGE_MAX: Final = 10_000_000
"""Minor units of change in one sale (Rp 10.000.000: a hundred of the largest notes). More means
that a barcode was scanned into the cash field."""

REFERENCE_LENGTH_MAX: Final = 100


class PaymentError(DomainError):
    """The family: a payment that does not settle the total."""

    code = "payment"


class NotEnough(PaymentError):
    """Less was offered than is due; `missing` in minor units."""

    code = "payment-not-enough"
    sentence = "The payment is not complete: %(missing)s is still missing."
    amounts = ("missing",)


class TooMuchWithoutCash(PaymentError):
    """Cards and the like cannot give change."""

    code = "payment-too-much"
    sentence = "That is %(excess)s more than is due. Change can only be given for cash."
    amounts = ("excess",)


class CashNotNeeded(PaymentError):
    """Cash was offered, but everything is paid already."""

    code = "payment-cash-not-needed"
    sentence = "Everything is paid already; no cash is needed."


class ChangeTooLarge(PaymentError):
    """So much change that the amount must be a slip."""

    code = "payment-change-too-large"
    sentence = "The change would be %(change)s. Check the amount that was entered."
    amounts = ("change",)


class OfferRefused(PaymentError):
    """An offer of an unknown kind, of the wrong sign, or too many of them."""

    code = "payment-offer"
    sentence = "The payment “%(kind)s” of %(amount)s cannot be taken here."
    amounts = ("amount",)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a customer offers (or, negative, what goes back): `amount` in minor units.

    For cash it is what was handed over; for others what was charged, with the reference that the
    card terminal or the bank gave.
    """

    kind: str
    amount: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a total was settled: sum of `tenders` = `total + rounding`; `change` was handed back."""

    total: int
    rounding: int
    change: int
    tenders: tuple[Tender, ...]


def cash_due(total: int, others: int, rule: CashRounding) -> tuple[int, int]:
    """(what cash has to pay, the rounding in it) when other tenders pay `others` of the total."""
    rest = total - others
    rounding = cash_rounding(rest, rule)
    return rest + rounding, rounding


def settle(total: int, offers: Sequence[Offer], rule: CashRounding) -> Settlement:
    """Settle a total with what is offered.

    Raises:
        NotEnough: less than is due.
        TooMuchWithoutCash: more than is due by card, QRIS, transfer or voucher.
        CashNotNeeded, ChangeTooLarge, OfferRefused: as they say.
    """
    _check_offers(total, offers)
    others = sum(offer.amount for offer in offers if offer.kind != CASH)
    if abs(others) > abs(total):
        raise TooMuchWithoutCash(excess=abs(others) - abs(total))
    if others == total:
        return _without_cash(total, offers)
    cash_offers = [offer for offer in offers if offer.kind == CASH]
    due, rounding = cash_due(total, others, rule)
    if total < 0:
        given = due
    elif not cash_offers and due > 0:
        raise NotEnough(missing=total - others)
    else:
        given = sum(offer.amount for offer in cash_offers)
    change = max(given - due, 0)
    if given < due:
        raise NotEnough(missing=due - given)
    if change > CHANGE_MAX:
        raise ChangeTooLarge(change=change)
    cash = Tender(CASH, due, given, change, cash_offers[0].reference if cash_offers else None)
    return Settlement(total, rounding, change, (*_tenders_without_cash(offers), cash))


def exactly_in_cash(total: int, rule: CashRounding) -> tuple[Offer, ...]:
    """The offer of a customer who hands over exactly what is due in cash."""
    due, _rounding = cash_due(total, 0, rule)
    return (Offer(CASH, due),) if due > 0 else ()


def as_paid_out(settlement: Settlement) -> Settlement:
    """A settlement of a negative total in positive terms, as a refund writes it."""
    return Settlement(
        total=-settlement.total,
        rounding=-settlement.rounding,
        change=0,
        tenders=tuple(
            msgspec.structs.replace(tender, amount=-tender.amount, received=-tender.received)
            for tender in settlement.tenders
        ),
    )


def quick_cash(due: int, denominations: Sequence[int], count_max: int = 5) -> tuple[int, ...]:
    """Amounts that a customer is likely to hand over: exact, then rounded up to coins and notes.

    `denominations` are the face values in minor units; the result ascends and starts with `due`.
    """
    if due <= 0:
        return ()
    above = {-(-due // value) * value for value in denominations}
    return tuple(sorted({due, *above}))[:count_max]


def _without_cash(total: int, offers: Sequence[Offer]) -> Settlement:
    if any(offer.kind == CASH and offer.amount for offer in offers):
        raise CashNotNeeded()
    return Settlement(total, 0, 0, _tenders_without_cash(offers))


def _tenders_without_cash(offers: Sequence[Offer]) -> tuple[Tender, ...]:
    return tuple(
        Tender(offer.kind, offer.amount, offer.amount, 0, offer.reference)
        for offer in offers
        if offer.kind != CASH
    )


def _check_offers(total: int, offers: Sequence[Offer]) -> None:
    if len(offers) > TENDERS_MAX:
        raise OfferRefused(kind=offers[-1].kind, amount=offers[-1].amount)
    for offer in offers:
        known = offer.kind in TENDER_KINDS and len(offer.reference or "") <= REFERENCE_LENGTH_MAX
        cash_out = total < 0 and offer.kind == CASH and offer.amount != 0
        wrong_sign = offer.amount > 0 if total < 0 else offer.amount < 0
        empty = offer.amount == 0 and offer.kind != CASH
        if not known or wrong_sign or empty or cash_out:
            raise OfferRefused(kind=offer.kind, amount=offer.amount)
