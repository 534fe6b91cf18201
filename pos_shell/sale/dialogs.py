"""The dialogs before the sale screen: a line, an open item, discount, note, void.

Each has an address: opened by htmx it comes alone, by a link with the screen behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from pos_shell import forms
from pos_shell.cashier.forms import offered_approval, read_approval
from pos_shell.cashier.queries import approvers
from pos_shell.sale import actions
from pos_shell.sale.queries import CartView, cart_view
from pos_shell.sale.routes import cart_answer, routes, screen_now
from pos_shell.web import person, till, told
from sentra.domain.cart import Cart, CartLine, line_of
from sentra.domain.checkout import CartEmpty, void_needs_approval
from sentra.domain.permission import Permission, may
from sentra.events import Person
from sentra.failures import Failure
from sentra.vault import catalogue
from sentra.web.fragments import render
from sentra.web.permissions import requires

__all__ = ["routes"]


@dataclass(frozen=True, slots=True)
class LineDialog:
    """One line's quantity, price, discount and note. `values` is what the form holds."""

    line: CartLine
    currency: str
    values: dict[str, str]
    approvers: Sequence[Person]
    needs_approval: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class ItemDialog:
    """Something that the catalogue does not have."""

    currency: str
    values: dict[str, str]
    approvers: Sequence[Person]
    needs_approval: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class CartDialog:
    """Discount, note or void of the whole cart. `needs_approval`: a supervisor must agree."""

    cart: CartView
    values: dict[str, str]
    approvers: Sequence[Person] = ()
    needs_approval: bool = False
    error: str = ""


def _shown(page: str, fragment: str, dialog: object, status: int = 200) -> Response:
    """A dialog alone, or before its screen; one with a mistake replaces the one that is open."""
    screen = screen_now()
    response = render(
        page,
        fragment=fragment,
        status=status,
        shelf=screen.shelf,
        cart=screen.cart,
        parked=screen.parked,
        dialog=dialog,
    )
    if status == 422:
        response.headers["HX-Retarget"] = "#dialog"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _open_view() -> CartView:
    view = cart_view(till())
    if view.is_empty:
        raise CartEmpty()
    return view


def _typed(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "") for name in names}


# --- One line -----------------------------------------------------------------------------------


@routes.get("/lines/<int:number>")
@requires(Permission.SALE_COMPLETE)
def line(number: int) -> Response:
    """The marked line's dialog."""
    return _line_dialog(number)


@routes.post("/lines/<int:number>")
@requires(Permission.SALE_COMPLETE)
def change_line(number: int) -> BaseResponse:
    """Change a line: all of it, or nothing where one field cannot be."""
    code = till().identity.currency
    try:
        approved_by = offered_approval(till(), Permission.REFUND_APPROVE)
        change = actions.LineChange(
            quantity_milli=forms.quantity("quantity"),
            unit_price=forms.amount("unit_price", code),
            discount=forms.discount(code),
            note=forms.text("note"),
        )
        actions.change_line(till(), number, change, approved_by=approved_by)
    except Failure as failure:
        return _line_dialog(number, told(failure), 422)
    return cart_answer()


def _line_dialog(number: int, error: str = "", status: int = 200) -> Response:
    cart = _open_view().cart
    assert isinstance(cart, Cart)  # noqa: S101 - a view that is not empty has one
    names = ("quantity", "unit_price", "discount", "discount_kind", "note")
    dialog = LineDialog(
        line=line_of(cart, number),
        currency=cart.currency,
        values=_typed(*names) if status == 422 else {},
        approvers=_approvers(Permission.REFUND_APPROVE),
        needs_approval=not may(person().roles, Permission.REFUND_APPROVE),
        error=error,
    )
    return _shown("pos_shell/sale/line.html", "pos_shell/sale/_line.html", dialog, status)


def _approvers(permission: Permission) -> Sequence[Person]:
    with till().vault.reader() as db:
        return approvers(db, permission)


# --- An open item -------------------------------------------------------------------------------


@routes.get("/open-item")
@requires(Permission.SALE_PRICE)
def open_item() -> Response:
    """The form of an open item."""
    return _item_dialog()


@routes.post("/open-item")
@requires(Permission.SALE_PRICE)
def add_open_item() -> BaseResponse:
    """Put an open item in."""
    code = till().identity.currency
    try:
        approved_by = offered_approval(till(), Permission.REFUND_APPROVE)
        actions.add_open_item(
            till(),
            person(),
            forms.text("name"),
            forms.amount("unit_price", code),
            forms.quantity("quantity"),
            approved_by=approved_by,
        )
    except Failure as failure:
        return _item_dialog(told(failure), 422)
    return cart_answer()


def _item_dialog(error: str = "", status: int = 200) -> Response:
    values = _typed("name", "unit_price", "quantity")
    if status == 200:
        values = {"name": request.args.get("name", ""), "unit_price": "", "quantity": "1"}
    dialog = ItemDialog(
        currency=till().identity.currency,
        values=values,
        approvers=_approvers(Permission.REFUND_APPROVE),
        needs_approval=not may(person().roles, Permission.REFUND_APPROVE),
        error=error,
    )
    return _shown("pos_shell/sale/open_item.html", "pos_shell/sale/_open_item.html", dialog, status)


# --- The whole cart -----------------------------------------------------------------------------


@routes.get("/discount")
@requires(Permission.SALE_DISCOUNT)
def discount() -> Response:
    """The discount on the whole sale."""
    return _discount_dialog()


@routes.post("/discount")
@requires(Permission.SALE_DISCOUNT)
def give_discount() -> BaseResponse:
    """Give the discount; an empty field takes it away."""
    try:
        actions.discount_all(till(), forms.discount(till().identity.currency))
    except Failure as failure:
        return _discount_dialog(told(failure), 422)
    return cart_answer()


def _discount_dialog(error: str = "", status: int = 200) -> Response:
    values = _typed("discount", "discount_kind") if status == 422 else {}
    dialog = CartDialog(_open_view(), values, error=error)
    return _shown("pos_shell/sale/discount.html", "pos_shell/sale/_discount.html", dialog, status)


@routes.get("/note")
@requires(Permission.SALE_COMPLETE)
def note() -> Response:
    """The note on the sale."""
    return _note_dialog()


@routes.post("/note")
@requires(Permission.SALE_COMPLETE)
def write_note() -> BaseResponse:
    """Write the note; an empty one takes it away."""
    try:
        actions.note_cart(till(), forms.text("note"))
    except Failure as failure:
        return _note_dialog(told(failure), 422)
    return cart_answer()


def _note_dialog(error: str = "", status: int = 200) -> Response:
    view = _open_view()
    kept = (view.cart.note or "") if view.cart else ""
    values = _typed("note") if status == 422 else {"note": kept}
    dialog = CartDialog(view, values, error=error)
    return _shown("pos_shell/sale/note.html", "pos_shell/sale/_note.html", dialog, status)


@routes.get("/void")
@requires(Permission.SALE_VOID)
def void() -> Response:
    """The reason for giving the cart up."""
    return _void_dialog()


@routes.post("/void")
@requires(Permission.SALE_VOID)
def give_up() -> BaseResponse:
    """Void the cart; above the branch's limit with a supervisor."""
    try:
        approved_by = None
        if _void_needs_approval(_open_view()):
            approved_by = read_approval(till(), Permission.SALE_VOID_ANY)
        reason = forms.text("other_reason") or forms.text("reason")
        actions.void_cart(till(), person(), reason, approved_by=approved_by)
    except Failure as failure:
        return _void_dialog(told(failure), 422)
    return cart_answer()


def _void_needs_approval(view: CartView) -> bool:
    with till().vault.reader() as db:
        limit = catalogue.branch(db).void_limit
    total = view.totals.total if view.totals else 0
    return void_needs_approval(total, limit)


def _void_dialog(error: str = "", status: int = 200) -> Response:
    view = _open_view()
    own = may(person().roles, Permission.SALE_VOID_ANY)
    dialog = CartDialog(
        cart=view,
        values=_typed("reason", "other_reason"),
        approvers=_approvers(Permission.SALE_VOID_ANY),
        needs_approval=_void_needs_approval(view) and not own,
        error=error,
    )
    return _shown("pos_shell/sale/void.html", "pos_shell/sale/_void.html", dialog, status)
