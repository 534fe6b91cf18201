"""The facts and the decisions, frozen; facts are named in the past tense.

No behaviour. Facts are structs of msgspec, made and read in half the time of dataclasses. A fact's
kind and schema are what the journal writes; a change of shape that old readers cannot take is a
new schema number here, never an edit.
"""

from __future__ import annotations

from sentra.events.decisions import (
    Branch,
    Category,
    Company,
    Decision,
    Device,
    Person,
    Price,
    Product,
    Tax,
)
from sentra.events.sales import (
    RefundCompleted,
    RefundLine,
    SaleCompleted,
    SaleLine,
    SaleVoided,
    TaxTotal,
    Tender,
)
from sentra.events.shifts import CashMoved, ShiftClosed, ShiftOpened, TenderCount
from sentra.events.stock import StockMoved

Fact = (
    SaleCompleted
    | RefundCompleted
    | SaleVoided
    | ShiftOpened
    | ShiftClosed
    | CashMoved
    | StockMoved
)

FACTS: dict[tuple[str, int], type[Fact]] = {
    ("sale.completed", 1): SaleCompleted,
    ("refund.completed", 1): RefundCompleted,
    ("sale.voided", 1): SaleVoided,
    ("shift.opened", 1): ShiftOpened,
    ("shift.closed", 1): ShiftClosed,
    ("cash.moved", 1): CashMoved,
    ("stock.moved", 1): StockMoved,
}
"""(kind, schema) as the journal writes them -> the fact's class."""

KINDS: dict[type[Fact], tuple[str, int]] = {fact: key for key, fact in FACTS.items()}

DECISIONS: dict[str, type[Decision]] = {
    "product": Product,
    "category": Category,
    "tax": Tax,
    "company": Company,
    "branch": Branch,
    "person": Person,
    "device": Device,
}
"""The feed item's kind -> the class of its body."""

__all__ = [
    "DECISIONS",
    "FACTS",
    "KINDS",
    "Branch",
    "CashMoved",
    "Category",
    "Company",
    "Decision",
    "Device",
    "Fact",
    "Person",
    "Price",
    "Product",
    "RefundCompleted",
    "RefundLine",
    "SaleCompleted",
    "SaleLine",
    "SaleVoided",
    "ShiftClosed",
    "ShiftOpened",
    "StockMoved",
    "Tax",
    "TaxTotal",
    "Tender",
    "TenderCount",
]
