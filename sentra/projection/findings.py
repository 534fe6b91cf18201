"""What facts say that a person should look at: never a refusal of them.

A finding becomes an exception of the back office. The kinds are stable words, for each of which
there is a sentence; `params` are that sentence's values. The same thing found twice has the same
`dedup_key` and stays one row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sentra.events import Fact, RefundCompleted, SaleCompleted, StockMoved
from sentra.projection.rows import Place

PRODUCT_UNKNOWN: Final = "product-unknown"
STOCK_NEGATIVE: Final = "stock-negative"
REFUND_EXCESS: Final = "refund-excess"

_SOLD: Final = (SaleCompleted, RefundCompleted)


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the exceptions, without its id and time. `severity` is info, warning or error.

    `settled`: it is written down as resolved, for who looks it up; nobody has to do anything.
    """

    kind: str
    severity: str
    dedup_key: str
    terminal_id: str | None = None
    epoch: int | None = None
    seq: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a product was first named among facts, and how."""

    place: Place
    business_date: str
    code: str
    name: str


def mention(mentions: dict[str, Mention], place: Place, fact: Fact) -> None:
    """Note by their ids the products that a fact names and that none before it named."""
    if isinstance(fact, _SOLD):
        for line in fact.lines:
            if line.product_id is not None and line.product_id not in mentions:
                mentions[line.product_id] = Mention(place, fact.business_date, line.code, line.name)
    elif isinstance(fact, StockMoved) and fact.product_id not in mentions:
        mentions[fact.product_id] = Mention(place, fact.business_date, fact.code, fact.name)


def of_products(
    mentions: Mapping[str, Mention], unknown: Collection[str], negative: Mapping[str, int]
) -> Iterator[Finding]:
    """Of the products that were mentioned: those that the back office never made, and those of
    which there is less than nothing now (in thousandths)."""
    for product_id in sorted(unknown):
        yield _of_product(PRODUCT_UNKNOWN, product_id, mentions[product_id], product_id, {})
    for product_id, level in sorted(negative.items()):
        mentioned = mentions[product_id]
        # One a day for each product.
        key = f"{product_id}:{mentioned.business_date}"
        yield _of_product(STOCK_NEGATIVE, product_id, mentioned, key, {"quantity_milli": level})


@dataclass(frozen=True, slots=True)
class Excess:
    """A line of a sale of which more came back than was sold, in thousandths."""

    sale_id: str
    receipt_number: str
    position: int
    name: str
    sold_milli: int
    given_milli: int


def of_refunds(places: Mapping[str, Place], excess: Iterable[Excess]) -> Iterator[Finding]:
    """Of sales by the place of their own fact, or of a refund's: what came back too often.

    Two tills of a branch can give back the same while neither hears its router.
    """
    for one in excess:
        place = places[one.sale_id]
        params = {
            "sale_id": one.sale_id,
            "receipt": one.receipt_number,
            "name": one.name,
            "sold_milli": one.sold_milli,
            "given_milli": one.given_milli,
        }
        key = f"{REFUND_EXCESS}:{one.sale_id}:{one.position}"
        yield Finding(
            REFUND_EXCESS, "warning", key, place.terminal_id, place.epoch, place.seq, params
        )


def _of_product(
    kind: str, product_id: str, mentioned: Mention, key: str, params: dict[str, Any]
) -> Finding:
    named = {"product_id": product_id, "code": mentioned.code, "name": mentioned.name}
    place = mentioned.place
    return Finding(
        kind,
        "warning",
        f"{kind}:{key}",
        place.terminal_id,
        place.epoch,
        place.seq,
        {**named, **params},
    )
