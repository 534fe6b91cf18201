"""Refund of a sale by lines."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pos_shell import forms
from pos_shell.cashier.actions import approval_by, approve
from pos_shell.refund.actions import refund_sale
from pos_shell.refund.queries import RefundPage, refund_page
from pos_shell.web import person, till, told
from sentra.domain.permission import Permission, may
from sentra.domain.refund import Wanted
from sentra.failures import Failure
from sentra.money import parse_quantity
from sentra.web.fragments import go_to, render
from sentra.web.permissions import requires

routes = Blueprint("refund", __name__, url_prefix="/refunds")


@routes.get("/<uuid:sale_id>")
@requires(Permission.REFUND_COMPLETE)
def choose(sale_id: object) -> Response:
    """What of the sale may come back."""
    return _screen(str(sale_id))


@routes.post("/<uuid:sale_id>")
@requires(Permission.REFUND_COMPLETE)
def give_back(sale_id: object) -> BaseResponse:
    """Give the chosen lines back."""
    original = str(sale_id)
    try:
        approved_by, by_pin = _approval()
        done = refund_sale(
            till(),
            person(),
            original,
            _wanted(refund_page(till(), original, ask=False)),
            refund_id=forms.text("refund"),
            reason=forms.text("other_reason") or forms.text("reason"),
            kind=forms.text("kind") or "cash",
            reference=forms.text("reference") or None,
            approved_by=approved_by,
            by_pin=by_pin,
        )
    except Failure as failure:
        return _screen(original, told(failure), 422)
    return go_to(url_for("receipt.show", sale_id=done, paid=1))


def _approval() -> tuple[str | None, bool]:
    """Who approves, and whether by a PIN typed for this refund: a supervisor's own counts too."""
    approver, pin = forms.text("approver"), forms.text("approver_pin")
    if approver and pin:
        return approve(till(), Permission.REFUND_APPROVE, approver, pin), True
    return approval_by(person(), Permission.REFUND_APPROVE), False


def _wanted(page: RefundPage) -> list[Wanted]:
    """The quantities that were typed; an empty field or a zero is a line that stays."""
    wanted = []
    for left in page.left:
        said = request.form.get(f"quantity_{left.line.position}", "").strip()
        quantity_milli = parse_quantity(said) if said else 0
        if quantity_milli:
            restocked = request.form.get(f"waste_{left.line.position}") != "1"
            wanted.append(Wanted(left.line.position, quantity_milli, restocked))
    return wanted


def _screen(sale_id: str, error: str = "", status: int = 200) -> Response:
    page = refund_page(till(), sale_id)
    return render(
        "pos_shell/refund/choose.html",
        page=page,
        typed=request.form,
        refund_id=request.form.get("refund") or page.refund_id,
        needs_approval=not may(person().roles, Permission.REFUND_APPROVE)
        or bool(page.sold_at and not page.is_heard),
        error=error,
        status=status,
    )
