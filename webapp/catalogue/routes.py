"""Products: the list, its file, and the page of one product with its prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Blueprint, Response, abort, redirect, request, stream_with_context, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from sentra.cloud.company import default_tax, the_company
from sentra.ids import is_id
from sentra.instants import local_date
from sentra.money import Currency
from sentra.money import currency as currency_of
from sentra.web.fragments import render
from sentra.web.permissions import requires
from sentra.web.preferences import language
from webapp.catalogue import actions, forms, listing, queries
from webapp.catalogue.export import products_csv
from webapp.catalogue.reach import Reach, read_reach
from webapp.change import changing, parts
from webapp.database import connection, engine
from webapp.flash import say
from webapp.identity import member
from webapp.places import Place, visible_branches

blueprint = Blueprint("catalogue", __name__)

FAILED: Final = 422
ZONE_DEFAULT: Final = "Asia/Jakarta"
"""Whose midnight is meant while there is no branch yet."""

_PAGING: Final = ("after", "before", "lang")


@dataclass(frozen=True, slots=True)
class ProductsPage:
    """What `catalogue/index.html` shows."""

    currency: str
    wanted: listing.ProductsWanted
    found: listing.ProductsFound
    categories: tuple[queries.CategoryRow, ...]
    newer_url: str
    older_url: str
    export_url: str
    is_empty: bool
    may_edit: bool
    may_import: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    """What `catalogue/show.html` shows. `zone` is whose time a price for all branches means."""

    product: queries.ProductDetail
    currency: Currency
    form: forms.ProductForm
    price: forms.PriceForm
    categories: tuple[queries.CategoryRow, ...]
    taxes: list[tuple[str, str]]
    places: tuple[Place, ...]
    zone: str
    reach: Reach
    may_edit: bool
    may_price: bool
    everywhere: bool


@dataclass(frozen=True, slots=True)
class NewProductPage:
    """What `catalogue/new.html` shows."""

    currency: Currency
    form: forms.ProductForm
    categories: tuple[queries.CategoryRow, ...]
    taxes: list[tuple[str, str]]


@blueprint.get("/products")
@requires("catalogue.view")
def index() -> Response:
    """The list, by name unless asked otherwise."""
    db = connection()
    wanted = listing.read_wanted(request.args)
    found = listing.read_products(db, wanted, parts().clock())
    page = ProductsPage(
        currency=the_company(db).currency,
        wanted=wanted,
        found=found,
        categories=queries.read_categories(db),
        newer_url=_turned(before=found.newer) if found.newer else "",
        older_url=_turned(after=found.older) if found.older else "",
        export_url=url_for("catalogue.export", **_kept()),
        is_empty=not found.rows and not wanted.is_narrow,
        may_edit=may_decide("catalogue.edit"),
        may_import=may_decide("catalogue.import"),
    )
    return render("webapp/catalogue/index.html", fragment="webapp/catalogue/_list.html", view=page)


@blueprint.get("/products.csv")
@requires("catalogue.view")
def export() -> Response:
    """What the list shows, all of it, as a file that the import takes again."""
    db = connection()
    currency = currency_of(the_company(db).currency)
    wanted, now_ms, lang = listing.read_wanted(request.args), parts().clock(), language()

    def text() -> Iterator[str]:
        with engine().connect() as reading:
            rows = listing.every_product(reading, wanted, now_ms)
            yield from products_csv(rows, currency, lang)

    name = f"sentra-{gettext('products')}-{local_date(now_ms, _zone(_places()))}.csv"
    answer = Response(stream_with_context(text()), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@blueprint.get("/products/new")
@requires("catalogue.edit")
def new() -> Response:
    """The form of a new product."""
    require_everywhere()
    currency = the_company(connection()).currency
    return _new(forms.blank_form(default_tax(currency)))


@blueprint.post("/products")
@requires("catalogue.edit")
def create() -> BaseResponse:
    """Make a product."""
    require_everywhere()
    form = _read_form(is_new=True)
    if form.errors:
        return _new(form, FAILED)
    try:
        with changing() as change:
            product_id = actions.create_product(change, form.values)
    except actions.CodeTaken as error:
        return _new(replace(form, errors={"code": (error.told(gettext),)}), FAILED)
    say(gettext("%(name)s is made. Tills have it within seconds.", name=form.values["name"]))
    return redirect(url_for("catalogue.show", product_id=product_id), 303)


@blueprint.get("/products/<product_id>")
@requires("catalogue.view")
def show(product_id: str) -> Response:
    """One product: what it is, its prices, and how far its last change has come."""
    product = _find(product_id)
    form = forms.form_of(product, _currency())
    view = _page(product, form, forms.PriceForm({"start": "now"}))
    return render("webapp/catalogue/show.html", fragment="webapp/catalogue/_reach.html", view=view)


@blueprint.post("/products/<product_id>")
@requires("catalogue.edit")
def update(product_id: str) -> BaseResponse:
    """Change a product."""
    require_everywhere()
    product = _find(product_id)
    form = _read_form(is_new=False)
    form.texts["code"] = product.code
    if form.errors:
        return _show(product, form, forms.PriceForm({"start": "now"}), FAILED)
    with changing() as change:
        actions.edit_product(change, product_id, form.values)
    say(gettext("Saved. Tills have it within seconds."))
    return redirect(url_for("catalogue.show", product_id=product_id), 303)


@blueprint.post("/products/<product_id>/prices")
@requires("catalogue.edit")
def set_price(product_id: str) -> BaseResponse:
    """Let a price begin, now or later."""
    product, places = _find(product_id), _places()
    price = forms.read_price_form(
        request.form,
        _currency(),
        zones={place.id: place.zone for place in places},
        everywhere=member().branch_ids is None,
        zone=_zone(places),
        now_ms=parts().clock(),
    )
    if price.errors:
        return _show(product, forms.form_of(product, _currency()), price, FAILED)
    with changing() as change:
        actions.set_price(change, product_id, price.amount, price.branch_id, price.from_ms)
    if price.from_ms is None:
        say(gettext("The price holds from now on. Tills have it within seconds."))
    else:
        say(gettext("The price is planned. Tills know it already and change it by themselves."))
    return redirect(url_for("catalogue.show", product_id=product_id), 303)


@blueprint.post("/products/<product_id>/prices/<price_id>/withdraw")
@requires("catalogue.edit")
def withdraw_price(product_id: str, price_id: str) -> BaseResponse:
    """Take back a price that is planned, or a branch's own."""
    product = _find(product_id)
    price = next((each for each in product.prices if each.id == price_id), None)
    if price is None or not member().sees(price.branch_id):
        abort(404)
    try:
        with changing() as change:
            actions.withdraw_price(change, product_id, price_id)
        say(gettext("The price is taken back."))
    except actions.PriceGone as error:
        say(error.told(gettext), "bad")
    return redirect(url_for("catalogue.show", product_id=product_id), 303)


def may_decide(permission: str) -> bool:
    """Whether this person may decide for every branch: products are the whole company's."""
    return member().may(permission) and member().branch_ids is None


def require_everywhere() -> None:
    """Refuse whoever decides for some branches only."""
    if member().branch_ids is not None:
        abort(403)


def _find(product_id: str) -> queries.ProductDetail:
    found = None
    if is_id(product_id):
        found = queries.read_product(connection(), product_id, parts().clock())
    if found is None:
        abort(404)
    return found


def _page(
    product: queries.ProductDetail, form: forms.ProductForm, price: forms.PriceForm
) -> ProductPage:
    db, places = connection(), _places()
    seen = tuple(each for each in product.prices if each.branch_id is None or _sees(each.branch_id))
    return ProductPage(
        product=replace(product, prices=seen),
        currency=_currency(),
        form=form,
        price=price,
        categories=queries.read_categories(db),
        taxes=_taxes(),
        places=places,
        zone=_zone(places),
        reach=read_reach(db, product.id, [place.id for place in places]),
        may_edit=may_decide("catalogue.edit"),
        may_price=member().may("catalogue.edit"),
        everywhere=member().branch_ids is None,
    )


def _sees(branch_id: str) -> bool:
    return member().sees(branch_id)


def _show(
    product: queries.ProductDetail, form: forms.ProductForm, price: forms.PriceForm, status: int
) -> Response:
    view = _page(product, form, price)
    return render("webapp/catalogue/show.html", status=status, view=view)


def _new(form: forms.ProductForm, status: int = 200) -> Response:
    view = NewProductPage(_currency(), form, queries.read_categories(connection()), _taxes())
    return render("webapp/catalogue/new.html", status=status, view=view)


def _read_form(*, is_new: bool) -> forms.ProductForm:
    return forms.read_product_form(
        request.form,
        _currency(),
        categories=[row.id for row in queries.read_categories(connection())],
        taxes=[code for code, _label in _taxes()],
        is_new=is_new,
    )


def _taxes() -> list[tuple[str, str]]:
    return queries.tax_choices(connection(), gettext("No tax"))


def _currency() -> Currency:
    return currency_of(the_company(connection()).currency)


def _places() -> tuple[Place, ...]:
    return visible_branches(connection(), member())


def _zone(places: tuple[Place, ...]) -> str:
    """The zone of most of these branches."""
    common = Counter(place.zone for place in places).most_common(1)
    return common[0][0] if common else ZONE_DEFAULT


def _turned(**cursor: listing.Cursor) -> str:
    """This list's address at another page."""
    values = _kept() | {name: str(at) for name, at in cursor.items()}
    return url_for("catalogue.index", **values)


def _kept() -> dict[str, Any]:
    return {name: value for name, value in request.args.items() if name not in _PAGING}
