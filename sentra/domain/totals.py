"""What a cart comes to: lines with discounts and tax, and their sums.

The sums are those of the lines, by construction: `goods_total` is the sum of the lines' amounts,
each tax the sum of its lines, `total` the goods and the taxes that come on top. Cash rounding is
no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sentra.domain.cart import Cart, CartLine
from sentra.domain.discount import (
    PERMYRIAD,
    cart_discount_shares,
    line_discount,
)
from sentra.domain.tax import tax_on, tax_on_top, tax_totals
from sentra.events import SaleLine, Tax, TaxTotal
from sentra.money import divide_half_away


@dataclass(frozen=True, slots=True)
class ServiceCharge:
    """A charge on top of the goods, in hundredths of a percent, under the name on the receipt.

    It becomes a line for each tax code in the cart, and so is in the base of that tax, as PBJT
    asks (UU 1/2022: the base is all that the customer pays).
    """

    permyriad: int
    name: str
    code: str = "SERVICE"


@dataclass(frozen=True, slots=True)
class Totals:
    """A cart worked out. Line n belongs to cart line `line_numbers[n]`, or to none if beyond.

    `count_milli` is how much is in the cart; `untaxed_codes` names the tax codes in it for which
    no rate is in force: the sale goes on without that tax, and someone should look.
    """

    lines: tuple[SaleLine, ...]
    line_numbers: tuple[int, ...]
    taxes: tuple[TaxTotal, ...]
    goods_total: int
    discount_total: int
    tax_total: int
    total: int
    count_milli: int
    untaxed_codes: tuple[str, ...] = ()


def total_up(cart: Cart, rates: Mapping[str, Tax], service: ServiceCharge | None = None) -> Totals:
    """Work a cart out with the rates in force (`tax.rates_in_force`)."""
    lines = _lines(cart, rates)
    if service is not None:
        lines += _service_lines(lines, rates, service)
    taxes = tax_totals(lines, rates)
    goods = sum(line.amount for line in lines)
    codes = dict.fromkeys(line.tax_code for line in lines if line.tax_code)
    return Totals(
        lines=lines,
        line_numbers=tuple(line.number for line in cart.lines),
        taxes=taxes,
        goods_total=goods,
        discount_total=sum(line.discount for line in lines),
        tax_total=sum(tax.amount for tax in taxes),
        total=goods + tax_on_top(taxes),
        count_milli=sum(line.quantity_milli for line in cart.lines),
        untaxed_codes=tuple(code for code in codes if code not in rates),
    )


def _lines(cart: Cart, rates: Mapping[str, Tax]) -> tuple[SaleLine, ...]:
    own = [line_discount(line.discount, line.gross) for line in cart.lines]
    net = [line.gross - taken for line, taken in zip(cart.lines, own, strict=True)]
    shares = cart_discount_shares(cart.discount, net)
    return tuple(
        _line(position, line, taken + share, rates.get(line.tax_code))
        for position, (line, taken, share) in enumerate(
            zip(cart.lines, own, shares, strict=True), 1
        )
    )


def _line(position: int, line: CartLine, discount: int, tax: Tax | None) -> SaleLine:
    amount = line.gross - discount
    taxed = tax_on(amount, tax)
    return SaleLine(
        position=position,
        product_id=line.product_id,
        code=line.code,
        name=line.name,
        unit=line.unit,
        quantity_milli=line.quantity_milli,
        unit_price=line.unit_price,
        discount=discount,
        amount=amount,
        tax_code=line.tax_code,
        tax_base=taxed.base,
        tax_amount=taxed.amount,
        price_overridden=line.price_overridden,
        promotion=line.promotion,
        note=line.note,
    )


def _service_lines(
    lines: tuple[SaleLine, ...], rates: Mapping[str, Tax], service: ServiceCharge
) -> tuple[SaleLine, ...]:
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.tax_code] = sums.get(line.tax_code, 0) + line.amount
    charges = {
        code: divide_half_away(amount * service.permyriad, PERMYRIAD)
        for code, amount in sums.items()
    }
    return tuple(
        _service_line(len(lines) + n, code, charge, service, rates.get(code))
        for n, (code, charge) in enumerate(
            ((code, charge) for code, charge in charges.items() if charge), 1
        )
    )


def _service_line(
    position: int, tax_code: str, charge: int, service: ServiceCharge, tax: Tax | None
) -> SaleLine:
    taxed = tax_on(charge, tax)
    return SaleLine(
        position=position,
        product_id=None,
        code=service.code,
        name=service.name,
        unit="",
        quantity_milli=1000 if charge > 0 else -1000,
        unit_price=abs(charge),
        discount=0,
        amount=charge,
        tax_code=tax_code,
        tax_base=taxed.base,
        tax_amount=taxed.amount,
    )
