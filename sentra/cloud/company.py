"""The one company of a database, and the taxes that it starts with."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, bindparam, func, select

from sentra.cloud import feed
from sentra.cloud.identity import new_id
from sentra.cloud.tables import company, tax
from sentra.domain.indonesia import PPN, standard_taxes
from sentra.domain.tax import UNTAXED
from sentra.events import Company
from sentra.failures import Failure
from sentra.protocol.feed import COMPANY, FeedItem

_RUPIAH: Final = "IDR"

# Asked at every hello; putting them together takes longer than PostgreSQL's answer.
_COMPANY: Final = select(
    company.c.id,
    company.c.name,
    company.c.currency,
    company.c.timeline,
    company.c.timeline_at_ms,
)
_FOLLOW_RESTORE: Final = select(func.follow_restore(bindparam("now_ms")))


class CompanyMissing(Failure):
    """The database has its tables and no company yet."""

    code = "company-missing"
    sentence = "This database has no company yet. Run `sentra db init` first."


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """Who this database belongs to. `timeline` changes when it is restored to an earlier point,
    at `timeline_at_ms`."""

    id: str
    name: str
    currency: str
    timeline: str
    timeline_at_ms: int


def default_tax(currency: str) -> str:
    """The code of the tax that new products have: PPN in Indonesia, none elsewhere."""
    return PPN if currency == _RUPIAH else UNTAXED


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
    facts = CompanyFacts(new_id(now_ms), name, currency, str(uuid.uuid4()), now_ms)
    connection.execute(
        company.insert().values(
            id=facts.id,
            name=name,
            currency=currency,
            timeline=facts.timeline,
            timeline_at_ms=now_ms,
            created_at_ms=now_ms,
        )
    )
    taxes = standard_taxes(lambda: new_id(now_ms)) if currency == _RUPIAH else ()
    if taxes:
        connection.execute(tax.insert(), [asdict(each) for each in taxes])
    items = [company_item(facts), *(feed.item("tax", each.id, each) for each in taxes)]
    feed.publish(connection, COMPANY, items, now_ms=now_ms, signing_key=signing_key)
    return facts


def find_company(connection: Connection) -> CompanyFacts | None:
    """The company, or None before `sentra db init`."""
    row = connection.execute(_COMPANY).one_or_none()
    return None if row is None else CompanyFacts(*row)


def follow_restore(connection: Connection, now_ms: int) -> bool:
    """Begin a new timeline if PostgreSQL itself says that this database was restored to an earlier
    moment, or is a copy; whether it was. Asked at every hello, so that nobody has to remember."""
    return bool(connection.execute(_FOLLOW_RESTORE, {"now_ms": now_ms}).scalar_one())


def begin_timeline(connection: Connection, now_ms: int) -> CompanyFacts:
    """Begin a new timeline by a person's word. Only the database's owner may."""
    later = func.greatest(now_ms, company.c.timeline_at_ms + 1)
    values = {"timeline": str(uuid.uuid4()), "timeline_at_ms": later}
    connection.execute(company.update().values(**values, origin=func.database_origin()))
    return the_company(connection)


def the_company(connection: Connection) -> CompanyFacts:
    """The company. Raises `CompanyMissing`."""
    found = find_company(connection)
    if found is None:
        raise CompanyMissing
    return found


def company_item(facts: CompanyFacts) -> FeedItem:
    """The company for the feed."""
    return feed.item("company", facts.id, Company(facts.id, facts.name, facts.currency))
