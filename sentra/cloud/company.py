"""The one company of a database, and the taxes that it starts with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select

from sentra.cloud import feed
from sentra.cloud.identity import new_id
from sentra.cloud.tables import company, tax
from sentra.events import Company, Tax
from sentra.failures import Failure
from sentra.protocol.feed import COMPANY, FeedItem

NO_TAX: Final = "NONE"
DEFAULT_TAX: Final = "PPN"


class CompanyMissing(Failure):
    """The database has its tables and no company yet."""

    code = "company-missing"
    sentence = "This database has no company yet. Run `sentra db init` first."


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """Who this database belongs to. `timeline` changes when it is restored to an earlier point."""

    id: str
    name: str
    currency: str
    timeline: str


@dataclass(frozen=True, slots=True)
class _Rate:
    code: str
    label: str
    rate_permyriad: int
    valid_from: str
    valid_to: str | None = None
    base: tuple[int, int] = (1, 1)


_FIRST_DAY = "2000-01-01"
_WITHOUT_TAX = (_Rate(NO_TAX, "-", 0, _FIRST_DAY),)

# UU 8/1983 (10 %), UU 7/2021 (11 % from April 2022), PMK 131/2024 (12 %, on 11/12 of the price
# but for luxury goods, from January 2025). Restaurants: PB1, since UU 1/2022 called PBJT.
_INDONESIAN = (
    _Rate("PPN", "PPN 10%", 1000, _FIRST_DAY, "2022-04-01"),
    _Rate("PPN", "PPN 11%", 1100, "2022-04-01", "2025-01-01"),
    _Rate("PPN", "PPN 12% × 11/12", 1200, "2025-01-01", base=(11, 12)),
    _Rate("PPN-LUX", "PPN 10%", 1000, _FIRST_DAY, "2022-04-01"),
    _Rate("PPN-LUX", "PPN 11%", 1100, "2022-04-01", "2025-01-01"),
    _Rate("PPN-LUX", "PPN 12%", 1200, "2025-01-01"),
    _Rate("PBJT", "PBJT 10%", 1000, _FIRST_DAY),
)


def default_tax(currency: str) -> str:
    """The code of the tax that new products have: PPN in Indonesia, none elsewhere."""
    return DEFAULT_TAX if currency == "IDR" else NO_TAX


def init_company(
    connection: Connection,
    *,
    name: str,
    currency: str,
    now_ms: int,
    signing_key: Ed25519PrivateKey,
) -> CompanyFacts:
    """Make the company with its first taxes and publish both; an existing one is left as it is."""
    found = find_company(connection)
    if found is not None:
        return found
    facts = CompanyFacts(new_id(now_ms), name, currency, str(uuid.uuid4()))
    connection.execute(
        company.insert().values(
            id=facts.id,
            name=name,
            currency=currency,
            timeline=facts.timeline,
            created_at_ms=now_ms,
        )
    )
    rates = _WITHOUT_TAX + (_INDONESIAN if currency == "IDR" else ())
    taxes = [_tax(rate, new_id(now_ms)) for rate in rates]
    connection.execute(tax.insert(), [_row(each) for each in taxes])
    items = [company_item(facts), *(feed.item("tax", each.id, each) for each in taxes)]
    feed.publish(connection, COMPANY, items, now_ms=now_ms, signing_key=signing_key)
    return facts


def find_company(connection: Connection) -> CompanyFacts | None:
    """The company, or None before `sentra db init`."""
    table = company.c
    row = connection.execute(
        select(table.id, table.name, table.currency, table.timeline)
    ).one_or_none()
    return None if row is None else CompanyFacts(row.id, row.name, row.currency, row.timeline)


def the_company(connection: Connection) -> CompanyFacts:
    """The company. Raises `CompanyMissing`."""
    found = find_company(connection)
    if found is None:
        raise CompanyMissing
    return found


def company_item(facts: CompanyFacts) -> FeedItem:
    """The company for the feed."""
    return feed.item("company", facts.id, Company(facts.id, facts.name, facts.currency))


def _tax(rate: _Rate, tax_id: str) -> Tax:
    numerator, denominator = rate.base
    return Tax(
        id=tax_id,
        code=rate.code,
        label=rate.label,
        rate_permyriad=rate.rate_permyriad,
        base_numerator=numerator,
        base_denominator=denominator,
        inclusive=True,
        valid_from=rate.valid_from,
        valid_to=rate.valid_to,
    )


def _row(each: Tax) -> dict[str, object]:
    return {column.name: getattr(each, column.name) for column in tax.columns}
