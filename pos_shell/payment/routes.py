"""F9: cash with change, card, QRIS and transfer by reference, and any mix of them."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pos_shell import forms
from pos_shell.payment.actions import complete_sale, drop_offer, take_offer
from pos_shell.payment.queries import payment_page
from pos_shell.sale.queries import cart_view
from pos_shell.web import person, till, told
from sentra.domain.errors import DomainError
from sentra.domain.payment import CASH, REFERENCE_LENGTH_MAX, Offer
from sentra.domain.permission import Permission
from sentra.failures import Failure
from sentra.web.fragments import go_to, render
from sentra.web.permissions import requires

routes = Blueprint("payment", __name__, url_prefix="/payment")


class ReferenceMissing(DomainError):
    """A charge that nobody could find again."""

    code = "payment-reference-missing"
    sentence = "Enter the reference that the card terminal, the bank or the voucher shows."


@routes.get("/")
@requires(Permission.SALE_COMPLETE)
def pay() -> BaseResponse:
    """The payment screen; without a cart there is nothing to pay."""
    if cart_view(till()).is_empty:
        return go_to(url_for("sale.screen"))
    return _screen()


def _screen(error: str = "", cash_typed: str = "", status: int = 200) -> Response:
    page = payment_page(till(), error, cash_typed)
    return render("pos_shell/payment/pay.html", page=page, status=status)


@routes.post("/")
@requires(Permission.SALE_COMPLETE)
def complete() -> BaseResponse:
    """Take cash (or nothing more) and record the sale; a second press finds it recorded."""
    # A quick amount is a button of the same form, and is meant even if something was typed.
    field = "quick" if forms.text("quick") else "cash"
    sale_id, typed = forms.text("sale"), forms.text(field)
    try:
        cash = [Offer(CASH, forms.amount(field, till().identity.currency))] if typed else []
        expected = int(forms.text("total")) if forms.text("total").lstrip("-").isdigit() else None
        done = complete_sale(
            till(),
            person(),
            sale_id,
            [offer for offer in cash if offer.amount],
            expected_total=expected,
        )
    except Failure as failure:
        return _refused(failure, typed)
    return go_to(url_for("receipt.show", sale_id=done, paid=1))


@routes.post("/tenders")
@requires(Permission.SALE_COMPLETE)
def tender() -> BaseResponse:
    """Note a card, a QRIS, a transfer or a voucher; the one that covers the rest completes."""
    sale_id = forms.text("sale")
    try:
        reference = forms.text("reference")[:REFERENCE_LENGTH_MAX]
        if not reference:
            raise ReferenceMissing()
        amount = forms.amount("amount", till().identity.currency)
        covered = take_offer(till(), sale_id, Offer(forms.text("kind"), amount, reference))
        if not covered:
            return go_to(url_for("payment.pay"))
        done = complete_sale(till(), person(), sale_id)
    except Failure as failure:
        return _refused(failure, "")
    return go_to(url_for("receipt.show", sale_id=done, paid=1))


@routes.post("/tenders/<int:place>/drop")
@requires(Permission.SALE_COMPLETE)
def drop(place: int) -> BaseResponse:
    """Take a tender back that was noted by mistake."""
    drop_offer(till(), forms.text("sale"), place)
    return go_to(url_for("payment.pay"))


def _refused(failure: Failure, typed: str) -> BaseResponse:
    if cart_view(till()).is_empty:
        raise failure
    return _screen(told(failure), typed or request.form.get("cash", ""), 422)
