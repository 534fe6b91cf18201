"""What the back office decided: the bodies of the feed's items, one class for each kind.

Decisions travel down and are replaced whole, so each body is the full present state of its key.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """`amount` minor units from `from_ms` on. `branch_id` None holds for every branch."""

    amount: int
    from_ms: int = 0
    branch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """Kind `product`, key = id. `weighed` products are sold by thousandths of their unit."""

    id: str
    code: str
    name: str
    category_id: str | None
    unit: str
    tax_code: str
    prices: tuple[Price, ...]
    barcodes: tuple[str, ...] = ()
    favourite: bool = False
    weighed: bool = False
    active: bool = True
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """Kind `category`, key = id."""

    id: str
    name: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Tax:
    """Kind `tax`, key = id: one dated rate of one tax code.

    The tax on an exclusive amount P is P x base_numerator/base_denominator x rate_permyriad/10000
    (PPN: 12 % on 11/12). Dates are ISO text in the branch's zone; `valid_to` is exclusive.
    """

    id: str
    code: str
    label: str
    rate_permyriad: int
    base_numerator: int
    base_denominator: int
    inclusive: bool
    valid_from: str
    valid_to: str | None = None
    branch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """Kind `company`, key = id."""

    id: str
    name: str
    currency: str


@dataclass(frozen=True, slots=True)
class Branch:
    """Kind `branch`, key = id, in the branch's own scope.

    Cash is rounded to `cash_step` minor units (1: not at all), `cash_direction` down, up or
    nearest.
    """

    id: str
    code: str
    name: str
    zone: str
    address: str
    cash_step: int
    cash_direction: str
    receipt_header: str = ""
    receipt_footer: str = ""
    void_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Kind `person`, key = id, in each branch's scope where the person may work at a till.

    `pin_hash` is argon2id over PIN and the company's pepper.
    """

    id: str
    name: str
    roles: tuple[str, ...]
    pin_hash: str
    locale: str = "id"


@dataclass(frozen=True, slots=True)
class Device:
    """Kind `device`, key = id, in the branch's scope: who may speak, with which key.

    `role` is terminal or router; `public_key` is 64 hex digits; `addresses` are host:port of a
    router on the branch's network.
    """

    id: str
    role: str
    number: int
    name: str
    public_key: str
    revoked: bool = False
    addresses: tuple[str, ...] = ()


Decision = Product | Category | Tax | Company | Branch | Person | Device
