"""F1: every key and what it does."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response
from flask_babel import gettext as _

from sentra.web.fragments import render
from sentra.web.permissions import SIGNED_IN, requires

routes = Blueprint("help", __name__, url_prefix="/help")


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """Keys under a heading: (key, what it does)."""

    title: str
    keys: tuple[tuple[str, str], ...]


@routes.get("/")
@requires(SIGNED_IN)
def keys() -> Response:
    """The page of keys."""
    return render(
        "pos_shell/help/keys.html", fragment="pos_shell/help/_keys.html", groups=_groups()
    )


def _groups() -> tuple[KeyGroup, ...]:
    return (
        KeyGroup(
            _("Find"),
            (
                ("F2", _("Search or scan; 3* before a code takes three")),
                ("F3", _("Price check, without selling")),
                ("Alt+N", _("Open item, with a price of your own")),
                ("F5", _("Find an earlier receipt, refund it")),
            ),
        ),
        KeyGroup(
            _("Cart"),
            (
                ("↑ ↓", _("Mark another line")),
                ("+ −", _("One more, one less")),
                ("Del", _("Take the line out")),
                ("F4", _("Quantity, price, discount and note of the line")),
                ("F6", _("Hold the cart, or take one up again")),
                ("F7", _("Discount on the whole sale")),
                ("F8", _("Note on the sale")),
                ("F10", _("Void the cart, with a reason")),
            ),
        ),
        KeyGroup(
            _("Money"),
            (
                ("F9", _("Pay; on the payment screen: exact cash")),
                ("F11", _("Drawer and shift: pay in and out, X report, close")),
                ("F12", _("Another cashier")),
            ),
        ),
    )
