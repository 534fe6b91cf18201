"""Which price holds: effective-dated, a branch's own price before the company's.

Prices are evaluated at the till at an instant, so one that starts at midnight does, offline too.
"""

from __future__ import annotations

from sentra.domain.errors import DomainError
from sentra.events import Price, Product


class PriceMissing(DomainError):
    """No price of the product has begun at this branch."""

    code = "price-missing"
    sentence = (
        "“%(name)s” has no price at this branch yet. Sell it with a price of your own, or have one "
        "set in the back office."
    )


def price_at(product: Product, branch_id: str, at_ms: int) -> int:
    """Return the product's unit price, in minor units, at a branch and an instant.

    A branch price that has begun is taken before any company price; among those of one level the
    latest begun is taken, and the last listed of two that began together.

    Raises:
        PriceMissing: none has begun.
    """
    found = find_price(product.prices, branch_id, at_ms)
    if found is None:
        raise PriceMissing(name=product.name)
    return found.amount


def find_price(prices: tuple[Price, ...], branch_id: str, at_ms: int) -> Price | None:
    """The price that holds at a branch and an instant, or None where none has begun."""
    best: Price | None = None
    for price in prices:
        if price.from_ms > at_ms or price.branch_id not in (None, branch_id):
            continue
        if best is None or _rank(price) >= _rank(best):
            best = price
    return best


def next_change_at_ms(prices: tuple[Price, ...], branch_id: str, at_ms: int) -> int | None:
    """The first instant after `at_ms` at which another amount holds; None if none is planned."""
    present = find_price(prices, branch_id, at_ms)
    for start in sorted({price.from_ms for price in prices if price.from_ms > at_ms}):
        later = find_price(prices, branch_id, start)
        if later is not None and (present is None or later.amount != present.amount):
            return start
    return None


def _rank(price: Price) -> tuple[bool, int]:
    return price.branch_id is not None, price.from_ms
