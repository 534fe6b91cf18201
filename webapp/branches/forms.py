"""What is typed about a branch, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask_babel import gettext

from sentra.instants import INDONESIAN_ZONES, ZoneUnknown, zone_of
from sentra.money import Currency, MoneyError, parse_amount_loosely, to_decimal_string

NAME_LENGTH_MAX: Final = 80
TEXT_LENGTH_MAX: Final = 400
"""Header and footer of a receipt: some lines of 32 characters."""

DIRECTIONS: Final = ("down", "up", "nearest")


@dataclass(frozen=True, slots=True)
class BranchForm:
    """The fields as they were typed, and after `read` what they mean."""

    texts: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all_errors(self) -> tuple[str, ...]:
        """Every sentence, for the top of the form."""
        return tuple(sentence for each in self.errors.values() for sentence in each)


FIELDS: Final = (
    "code",
    "name",
    "zone",
    "address",
    "cash_step",
    "cash_direction",
    "receipt_header",
    "receipt_footer",
    "void_limit",
)


def blank_form(zone: str) -> BranchForm:
    """The form of a new branch."""
    return BranchForm(
        dict.fromkeys(FIELDS, "") | {"zone": zone, "cash_direction": "down", "cash_step": "100"}
    )


def form_of(row: Any, currency: Currency) -> BranchForm:
    """The form of a branch as it is."""
    limit = "" if row.void_limit is None else to_decimal_string(row.void_limit, currency)
    return BranchForm(
        {
            "code": row.place.code,
            "name": row.place.name,
            "zone": row.place.zone,
            "address": row.address,
            "cash_step": to_decimal_string(row.cash_step, currency),
            "cash_direction": row.cash_direction,
            "receipt_header": row.receipt_header,
            "receipt_footer": row.receipt_footer,
            "void_limit": limit,
        }
    )


def read_form(form: Mapping[str, str], currency: Currency) -> BranchForm:
    """Check what was typed; `errors` by field where something is wrong."""
    texts = {name: form.get(name, "").replace("\0", "").strip() for name in FIELDS}
    errors: dict[str, tuple[str, ...]] = {}
    values: dict[str, Any] = {
        "code": texts["code"].upper(),
        "name": texts["name"],
        "address": texts["address"],
        "receipt_header": texts["receipt_header"],
        "receipt_footer": texts["receipt_footer"],
        "cash_direction": texts["cash_direction"],
    }
    if not 1 <= len(texts["name"]) <= NAME_LENGTH_MAX:
        errors["name"] = (gettext("Give the branch a name of up to 80 characters."),)
    for name in ("address", "receipt_header", "receipt_footer"):
        if len(texts[name]) > TEXT_LENGTH_MAX:
            errors[name] = (gettext("That is too long for a receipt."),)
    if texts["cash_direction"] not in DIRECTIONS:
        errors["cash_direction"] = (gettext("Choose how cash is rounded."),)
    try:
        values["zone"] = zone_of(texts["zone"]).key
    except ZoneUnknown as error:
        errors["zone"] = (error.told(gettext),)
    _amounts(texts, values, errors, currency)
    return BranchForm(texts, values, errors)


def _amounts(
    texts: dict[str, str],
    values: dict[str, Any],
    errors: dict[str, tuple[str, ...]],
    currency: Currency,
) -> None:
    for name, empty in (("cash_step", 1), ("void_limit", None)):
        try:
            amount = parse_amount_loosely(texts[name], currency) if texts[name] else empty
        except MoneyError as error:
            errors[name] = (error.told(gettext),)
            continue
        if amount is not None and (amount < 1 if name == "cash_step" else amount < 0):
            errors[name] = (gettext("This amount cannot be negative or zero."),)
        values[name] = amount


def zone_choices() -> list[tuple[str, str]]:
    """Zones to choose from: Indonesia's three by their own names."""
    return [(name, f"{short} · {name}") for short, name in INDONESIAN_ZONES.items()]
