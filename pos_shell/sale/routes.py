"""The sale screen: what may be sold at the left, the cart at the right."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pos_shell import forms
from pos_shell.parked.queries import parked_count
from pos_shell.sale import actions
from pos_shell.sale.branch_stock import CHECKED_MAX, BranchMoves, branch_moves
from pos_shell.sale.queries import CartView, Shelf, cart_view, shelf
from pos_shell.web import person, till
from sentra.domain.cart import ONE
from sentra.domain.permission import Permission
from sentra.vault import catalogue
from sentra.web.fragments import go_to, render, with_event
from sentra.web.permissions import requires

routes = Blueprint("sale", __name__, url_prefix="/sale")

CODE_LENGTH_MIN = 6
"""Digits alone of this length are a code that was scanned, never a word to search for."""


@dataclass(frozen=True, slots=True)
class SaleScreen:
    """Both halves of the screen."""

    shelf: Shelf
    cart: CartView
    parked: int


def screen_now() -> SaleScreen:
    """The screen as it is now; dialogs of this and other subjects stand before it."""
    asked = request.args.get("q", "").strip()
    return SaleScreen(
        shelf(till(), request.args.get("category"), asked), cart_view(till()), parked_count(till())
    )


def cart_answer() -> BaseResponse:
    """After a change: the cart again for htmx, with any dialog closed; else the whole screen."""
    if request.headers.get("HX-Request") != "true":
        return go_to(url_for("sale.screen"))
    response = render(
        "pos_shell/sale/sell.html",
        fragment="pos_shell/sale/_cart.html",
        cart=cart_view(till()),
        parked=parked_count(till()),
    )
    return with_event(response, "sentra:close-dialogs")


@routes.get("/")
@requires(Permission.SALE_COMPLETE)
def screen() -> Response:
    """Sell."""
    screen = screen_now()
    return render(
        "pos_shell/sale/sell.html", shelf=screen.shelf, cart=screen.cart, parked=screen.parked
    )


@routes.get("/waiting")
@requires(Permission.SALE_COMPLETE)
def waiting() -> BaseResponse:
    """How many carts are on hold, asked whenever the vault has changed: another till may have put
    one there."""
    if request.headers.get("HX-Request") != "true":
        return go_to(url_for("sale.screen"))
    return render(
        "pos_shell/sale/sell.html",
        fragment="pos_shell/sale/_waiting.html",
        parked=parked_count(till()),
    )


@routes.get("/shelf")
@requires(Permission.SALE_COMPLETE)
def find() -> BaseResponse:
    """The tiles of a category, or what a search finds."""
    if request.headers.get("HX-Request") != "true":
        return go_to(url_for("sale.screen") + "?" + request.query_string.decode())
    asked = forms.times(request.args.get("q", ""))[1]
    found = shelf(till(), request.args.get("category"), asked)
    return render("pos_shell/sale/sell.html", fragment="pos_shell/sale/_shelf.html", shelf=found)


@routes.post("/scan")
@requires(Permission.SALE_COMPLETE)
def scan() -> BaseResponse:
    """Enter in the search field: a code is sold, a word that finds one product too."""
    quantity_milli, code = forms.times(request.form.get("q", ""))
    if not code:
        return cart_answer()
    with till().vault.reader() as db:
        product = catalogue.by_scan(db, code)
        found = [] if product is not None else catalogue.search(db, code, 2)
    is_code = code.isdigit() and len(code) >= CODE_LENGTH_MIN
    if product is None and (is_code or not found):
        raise actions.ProductUnknown(code=code)
    if product is None and len(found) > 1:
        return _choose(code)
    chosen = product or found[0]
    actions.add_product(till(), person(), chosen.id, quantity_milli)
    return cart_answer()


def _choose(asked: str) -> BaseResponse:
    """Several products fit: show them instead of the tiles."""
    if request.headers.get("HX-Request") != "true":
        return go_to(url_for("sale.screen", q=asked))
    response = render(
        "pos_shell/sale/sell.html",
        fragment="pos_shell/sale/_shelf.html",
        shelf=shelf(till(), None, asked),
    )
    response.headers["HX-Retarget"] = "#shelf"
    return response


@routes.post("/lines")
@requires(Permission.SALE_COMPLETE)
def add() -> BaseResponse:
    """A tile was pressed; a number before a × in the search field says how many."""
    quantity_milli = forms.times(request.form.get("q", ""))[0]
    actions.add_product(till(), person(), forms.text("product"), quantity_milli)
    return cart_answer()


@routes.post("/lines/<int:number>/select")
@requires(Permission.SALE_COMPLETE)
def select(number: int) -> BaseResponse:
    """Mark a line, so that the keys act on it."""
    till().desk.selected = number
    return cart_answer()


@routes.post("/select/<any(up, down):direction>")
@requires(Permission.SALE_COMPLETE)
def walk(direction: str) -> BaseResponse:
    """Mark the line above or below."""
    view = cart_view(till())
    numbers = [row.line.number for row in view.rows]
    if view.selected in numbers:
        place = numbers.index(view.selected) + (-1 if direction == "up" else 1)
        till().desk.selected = numbers[max(0, min(place, len(numbers) - 1))]
    return cart_answer()


@routes.post("/lines/<int:number>/more")
@requires(Permission.SALE_COMPLETE)
def more(number: int) -> BaseResponse:
    """One more of a line."""
    actions.step_quantity(till(), number, 1)
    return cart_answer()


@routes.post("/lines/<int:number>/less")
@requires(Permission.SALE_COMPLETE)
def less(number: int) -> BaseResponse:
    """One less of a line."""
    actions.step_quantity(till(), number, -1)
    return cart_answer()


@routes.post("/lines/<int:number>/remove")
@requires(Permission.SALE_COMPLETE)
def remove(number: int) -> BaseResponse:
    """Take a line out."""
    actions.remove_line(till(), number)
    return cart_answer()


@routes.post("/refresh")
@requires(Permission.SALE_COMPLETE)
def refresh() -> BaseResponse:
    """Take the prices of now."""
    actions.refresh_prices(till())
    return cart_answer()


@routes.get("/price-check")
@requires(Permission.SALE_COMPLETE)
def price_check() -> Response:
    """What something costs, without selling it."""
    asked = request.args.get("check", "").strip()
    found: Shelf | None = None
    moved: BranchMoves | None = None
    if asked:
        with till().vault.reader() as db:
            product = catalogue.by_scan(db, asked)
        found = shelf(till(), None, product.code if product else asked)
        found = replace(found, tiles=found.tiles[:CHECKED_MAX])
        moved = branch_moves(till(), [tile.product.id for tile in found.tiles])
    screen = screen_now()
    return render(
        "pos_shell/sale/price_check.html",
        fragment="pos_shell/sale/_price_check.html",
        shelf=screen.shelf,
        cart=screen.cart,
        parked=screen.parked,
        asked=asked,
        found=found,
        moved=moved,
        one=ONE,
    )
