"""F6: put the cart on hold, or take one up again."""

from __future__ import annotations

from flask import Blueprint, Response
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from pos_shell import forms
from pos_shell.parked.actions import hold_cart, resume_cart
from pos_shell.parked.queries import branch_orders, parked_rows
from pos_shell.sale.routes import cart_answer, screen_now
from pos_shell.web import person, till
from sentra.domain.permission import Permission
from sentra.web.fragments import render, with_toast
from sentra.web.permissions import requires

routes = Blueprint("parked", __name__, url_prefix="/parked")


@routes.get("/")
@requires(Permission.SALE_COMPLETE)
def show() -> Response:
    """The carts on hold, and the form that puts the open one there."""
    screen = screen_now()
    return render(
        "pos_shell/parked/parked.html",
        fragment="pos_shell/parked/_parked.html",
        shelf=screen.shelf,
        cart=screen.cart,
        parked=screen.parked,
        rows=parked_rows(till()),
        branch=branch_orders(till()),
        currency=till().identity.currency,
        zone=till().identity.zone,
    )


@routes.post("/")
@requires(Permission.SALE_COMPLETE)
def hold() -> BaseResponse:
    """Put the open cart on hold."""
    hold_cart(till(), person(), forms.text("label"))
    response = cart_answer()
    return with_toast(response, _("On hold.")) if isinstance(response, Response) else response


@routes.post("/<uuid:sale_id>")
@requires(Permission.SALE_COMPLETE)
def resume(sale_id: object) -> BaseResponse:
    """Take a cart up again."""
    resume_cart(till(), person(), str(sale_id))
    return cart_answer()
