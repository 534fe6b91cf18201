"""What is typed about a product or a price, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_babel import gettext

from sentra.instants import InstantError, parse_local
from sentra.money import (
    Currency,
    MoneyError,
    parse_amount_loosely,
    parse_quantity,
    quantity_to_decimal_string,
    to_decimal_string,
)
from webapp.catalogue.importing.rows import BARCODE_LENGTH_MAX, CODE_LENGTH_MAX, NAME_LENGTH_MAX
from webapp.catalogue.importing.values import barcodes_of, tidy
from webapp.catalogue.queries import ProductDetail

FIELDS: Final = (
    "code",
    "name",
    "category",
    "brand",
    "unit",
    "tax",
    "cost",
    "stock_minimum",
    "barcodes",
    "price",
)
FLAGS: Final = ("favourite", "weighed", "active")
WORD_LENGTH_MAX: Final = 80
BARCODES_MAX: Final = 50
"""Of one product: a piece, its box, its predecessors; more is a mistake."""

AHEAD_MS_MAX: Final = 5 * 366 * 24 * 60 * 60 * 1000
"""Five years: a price that begins later is a typing mistake."""


@dataclass(frozen=True, slots=True)
class ProductForm:
    """The fields as they were typed, and after `read_product_form` what they mean."""

    texts: dict[str, str]
    flags: dict[str, bool]
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all_errors(self) -> tuple[str, ...]:
        """Every sentence, for the top of the form."""
        return tuple(sentence for each in self.errors.values() for sentence in each)


@dataclass(frozen=True, slots=True)
class PriceForm:
    """A new price: as it was typed, and what it means."""

    texts: dict[str, str]
    amount: int = 0
    branch_id: str | None = None
    from_ms: int | None = None
    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)


def blank_form(tax_code: str) -> ProductForm:
    """The form of a new product."""
    texts = dict.fromkeys(FIELDS, "") | {"tax": tax_code, "unit": "Pcs"}
    return ProductForm(texts, {"favourite": False, "weighed": False, "active": True})


def form_of(detail: ProductDetail, currency: Currency) -> ProductForm:
    """The form of a product as it is."""
    minimum = detail.stock_minimum_milli
    texts = {
        "code": detail.code,
        "name": detail.name,
        "category": detail.category_id or "",
        "brand": detail.brand,
        "unit": detail.unit,
        "tax": detail.tax_code,
        "cost": "" if detail.cost is None else to_decimal_string(detail.cost, currency),
        "stock_minimum": "" if minimum is None else quantity_to_decimal_string(minimum),
        "barcodes": "\n".join(detail.barcodes),
        "price": "",
    }
    return ProductForm(texts, {name: getattr(detail, name) for name in FLAGS})


def read_product_form(
    form: Mapping[str, str],
    currency: Currency,
    *,
    categories: Collection[str],
    taxes: Collection[str],
    is_new: bool,
) -> ProductForm:
    """Check what was typed; `errors` by field where something is wrong.

    `values` are columns of the product, with `barcodes` and, for a new one, `price` beside them.
    """
    texts = {name: form.get(name, "").replace("\0", "").strip() for name in FIELDS}
    flags = {name: form.get(name) == "1" for name in FLAGS}
    errors: dict[str, tuple[str, ...]] = {}
    values: dict[str, Any] = {
        **flags,
        "name": tidy(texts["name"]),
        "category_id": texts["category"] or None,
        "brand": tidy(texts["brand"]) or None,
        "unit": tidy(texts["unit"]),
        "tax_code": texts["tax"],
    }
    if not 1 <= len(values["name"]) <= NAME_LENGTH_MAX:
        errors["name"] = (gettext("Give the product a name of up to 200 characters."),)
    if texts["category"] and texts["category"] not in categories:
        errors["category"] = (gettext("That category is not there any more. Choose another."),)
    if texts["tax"] not in taxes:
        errors["tax"] = (gettext("That tax is not there any more. Choose another."),)
    for name in ("brand", "unit"):
        if len(texts[name]) > WORD_LENGTH_MAX:
            errors[name] = (gettext("That is too long: 80 characters are the most."),)
    _barcodes(texts, values, errors)
    _figures(texts, values, errors, currency)
    if is_new:
        _code_and_price(texts, values, errors, currency)
    return ProductForm(texts, flags, values, errors)


def read_price_form(
    form: Mapping[str, str],
    currency: Currency,
    *,
    zones: Mapping[str, str],
    everywhere: bool,
    zone: str,
    now_ms: int,
) -> PriceForm:
    """Check a new price. `zones`: branch id -> zone; `everywhere`: it may hold for every branch.

    A start is local time: of the branch, or of `zone` where the price holds everywhere.
    """
    texts = {
        name: form.get(name, "").replace("\0", "").strip()
        for name in ("amount", "branch", "start", "at")
    }
    errors: dict[str, tuple[str, ...]] = {}
    amount = _amount(texts["amount"], currency, "amount", errors)
    branch_id = texts["branch"] or None
    if branch_id not in zones and not (branch_id is None and everywhere):
        errors["branch"] = (gettext("Choose where the price holds."),)
    from_ms = None
    if texts["start"] == "later":
        from_ms = _start(texts["at"], zones.get(branch_id or "", zone), now_ms, errors)
    return PriceForm(texts, amount or 0, branch_id, from_ms, errors)


def _start(text: str, zone: str, now_ms: int, errors: dict[str, tuple[str, ...]]) -> int | None:
    try:
        from_ms = parse_local(text, zone)
    except InstantError:
        errors["at"] = (gettext("Choose the day and the time at which the price begins."),)
        return None
    if from_ms <= now_ms:
        errors["at"] = (gettext("That is past already. Choose “now” or a later time."),)
    elif from_ms > now_ms + AHEAD_MS_MAX:
        errors["at"] = (gettext("That is more than five years ahead."),)
    return from_ms


def _amount(
    text: str, currency: Currency, name: str, errors: dict[str, tuple[str, ...]]
) -> int | None:
    if not text:
        errors[name] = (gettext("Write the price."),)
        return None
    try:
        amount = parse_amount_loosely(text, currency)
    except MoneyError as error:
        errors[name] = (error.told(gettext),)
        return None
    if amount < 0:
        errors[name] = (gettext("A price cannot be below zero."),)
    return amount


def _barcodes(
    texts: dict[str, str], values: dict[str, Any], errors: dict[str, tuple[str, ...]]
) -> None:
    lines = ";".join(texts["barcodes"].splitlines())
    barcodes = tuple(tidy(each) for each in barcodes_of(lines))
    values["barcodes"] = tuple(dict.fromkeys(each for each in barcodes if each))
    if len(barcodes) > BARCODES_MAX:
        errors["barcodes"] = (gettext("Those are too many barcodes: 50 are the most."),)
    elif any(len(each) > BARCODE_LENGTH_MAX for each in barcodes):
        errors["barcodes"] = (gettext("A barcode has at most 64 characters."),)


def _figures(
    texts: dict[str, str],
    values: dict[str, Any],
    errors: dict[str, tuple[str, ...]],
    currency: Currency,
) -> None:
    cost = _amount(texts["cost"], currency, "cost", errors) if texts["cost"] else None
    values["cost"] = cost
    values["stock_minimum_milli"] = None
    if texts["stock_minimum"]:
        try:
            milli = parse_quantity(texts["stock_minimum"])
        except MoneyError as error:
            errors["stock_minimum"] = (error.told(gettext),)
        else:
            values["stock_minimum_milli"] = milli
            if milli < 0:
                errors["stock_minimum"] = (gettext("A minimum cannot be below zero."),)


def _code_and_price(
    texts: dict[str, str],
    values: dict[str, Any],
    errors: dict[str, tuple[str, ...]],
    currency: Currency,
) -> None:
    values["code"] = tidy(texts["code"])
    if not 1 <= len(values["code"]) <= CODE_LENGTH_MAX:
        errors["code"] = (gettext("Give the product a code of up to 64 characters."),)
    values["price"] = _amount(texts["price"], currency, "price", errors)
