"""The words for what facts and tables name by stable codes, in the language of the request."""

from __future__ import annotations

from typing import Final

from flask_babel import lazy_gettext

TENDERS: Final = {
    "cash": lazy_gettext("Cash"),
    "card": lazy_gettext("Card"),
    "qris": lazy_gettext("QRIS"),
    "transfer": lazy_gettext("Transfer"),
    "voucher": lazy_gettext("Voucher"),
}
"""Kinds of tender, as the till offers them."""

KINDS: Final = {
    "sale": lazy_gettext("Sale"),
    "refund": lazy_gettext("Refund"),
    "void": lazy_gettext("Void"),
}

DEVICE_ROLES: Final = {"terminal": lazy_gettext("Terminal"), "router": lazy_gettext("Router")}


def tender_name(kind: str) -> str:
    """A tender's word; a kind that this version does not know stands as it is."""
    return str(TENDERS.get(kind, kind))


def kind_name(kind: str) -> str:
    """The word for sale, refund or void."""
    return str(KINDS.get(kind, kind))


def device_role_name(role: str) -> str:
    """The word for till or router."""
    return str(DEVICE_ROLES.get(role, role))
