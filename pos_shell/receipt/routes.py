"""Receipts: the list, one on the screen, and its PDF."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as BaseResponse

from pos_shell.receipt.pdf import receipt_pdf
from pos_shell.receipt.queries import receipt_list, receipt_page
from pos_shell.web import till
from sentra.domain.permission import Permission
from sentra.web.fragments import render
from sentra.web.permissions import requires

routes = Blueprint("receipt", __name__, url_prefix="/receipts")


@routes.get("/")
@requires(Permission.SALE_REPRINT)
def find() -> Response:
    """This till's receipts, newest first, those that hold what was asked, or another till's one."""
    return render(
        "pos_shell/receipt/find.html",
        fragment="pos_shell/receipt/_found.html",
        page=receipt_list(till(), request.args.get("q", "")),
    )


@routes.get("/<uuid:sale_id>")
@requires(Permission.SALE_COMPLETE)
def show(sale_id: object) -> Response:
    """One receipt; `?paid=1` is the screen right after payment, with the change in large."""
    page = receipt_page(till(), str(sale_id))
    if request.args.get("paid"):
        return render("pos_shell/receipt/paid.html", page=page)
    return render("pos_shell/receipt/receipt.html", page=page)


@routes.get("/<uuid:sale_id>.pdf")
@requires(Permission.SALE_COMPLETE)
def pdf(sale_id: object) -> BaseResponse:
    """The receipt for paper of 80 mm; one that is printed again says so."""
    again = request.args.get("copy") == "1"
    page = receipt_page(till(), str(sale_id), copy=again)
    number = page.receipt.number
    response = Response(
        receipt_pdf(page.rows, number, page.receipt.at_ms), content_type="application/pdf"
    )
    response.headers["Content-Disposition"] = f'inline; filename="{number}.pdf"'
    return response
