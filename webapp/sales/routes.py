"""The list of sales, its file, and the page of one sale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, abort, request, stream_with_context, url_for
from flask_babel import gettext

from sentra.cloud.company import the_company
from sentra.ids import is_id
from sentra.instants import local_date
from sentra.money import currency as currency_of
from sentra.web.errors import Problem
from sentra.web.fragments import render
from sentra.web.permissions import requires
from sentra.web.preferences import language
from webapp.change import changing, parts
from webapp.database import connection, engine
from webapp.identity import member
from webapp.places import Place, visible_branches
from webapp.sales import queries
from webapp.sales.detail import SaleDetail, read_sale
from webapp.sales.export import sales_csv
from webapp.sales.filters import KINDS, Cursor, SalesFilter, read_filter
from webapp.words import TENDERS, kind_name, tender_name

blueprint = Blueprint("sales", __name__)
_PAGING: Final = ("after", "before", "lang")


@dataclass(frozen=True, slots=True)
class SalesPage:
    """What `sales/index.html` shows. `texts` are the filter's fields as they were typed."""

    currency: str
    places: tuple[Place, ...]
    wanted: SalesFilter
    texts: dict[str, str]
    found: queries.SalesList
    summary: queries.Summary | None
    newer_url: str
    older_url: str
    export_url: str
    kinds: tuple[tuple[str, str], ...]
    tenders: tuple[tuple[str, str], ...]

    @property
    def place_choices(self) -> list[tuple[str, str]]:
        """The branches for the filter."""
        return [(place.id, place.name) for place in self.places]

    @property
    def has_zones(self) -> bool:
        """Whether the branches are in several zones, so that each time says its own."""
        return len({place.zone for place in self.places}) > 1

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list, so that an empty one can say so."""
        wanted = self.wanted
        return wanted.is_narrow or bool(wanted.branch or wanted.first or wanted.last)


@blueprint.get("/sales")
@requires("sales.view")
def index() -> Response:
    """The list, newest first unless asked otherwise."""
    db = connection()
    currency = currency_of(the_company(db).currency)
    everywhere = visible_branches(db, member())
    wanted = read_filter(request.args, currency)
    places = _chosen(everywhere, wanted)
    found = queries.read_sales(db, wanted, places)
    page = SalesPage(
        currency=currency.code,
        places=everywhere,
        wanted=wanted,
        texts={name: request.args.get(name, "") for name in ("q", "cashier", "least", "most")},
        found=found,
        summary=queries.read_summary(db, wanted, places),
        newer_url=_turned(before=found.newer) if found.newer else "",
        older_url=_turned(after=found.older) if found.older else "",
        export_url=_export_url() if member().may("sales.export") else "",
        kinds=tuple((kind, kind_name(kind)) for kind in KINDS),
        tenders=tuple((kind, tender_name(kind)) for kind in TENDERS),
    )
    return render("webapp/sales/index.html", fragment="webapp/sales/_list.html", view=page)


@blueprint.get("/sales.csv")
@requires("sales.export")
def export() -> Response:
    """What the list shows, all of it, as a file."""
    db, person = connection(), member()
    currency = currency_of(the_company(db).currency)
    everywhere = visible_branches(db, person)
    wanted = read_filter(request.args, currency)
    places = _chosen(everywhere, wanted)
    _refuse_too_many(wanted, places)
    with changing() as change:
        change.audit("sales.export", "sales", "csv", filter=dict(request.args))
    lang = language()

    def text() -> Iterator[str]:
        with engine().connect() as reading:
            yield from sales_csv(reading, wanted, places, currency, lang)

    name = f"sentra-{gettext('sales')}-{local_date(parts().clock(), places[0].zone)}.csv"
    answer = Response(stream_with_context(text()), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@blueprint.get("/sales/<branch_id>/<sale_id>")
@requires("sales.view")
def show(branch_id: str, sale_id: str) -> Response:
    """One sale, refund or void."""
    db = connection()
    found = _find(branch_id, sale_id, the_company(db).currency)
    return render("webapp/sales/show.html", view=found)


def _find(branch_id: str, sale_id: str, currency: str) -> SaleDetail:
    if not (is_id(branch_id) and is_id(sale_id)):
        abort(404)
    places = visible_branches(connection(), member())
    place = next((each for each in places if each.id == branch_id), None)
    if place is None:
        abort(404)  # Another branch's sale is nothing that this person learns to exist.
    found = read_sale(connection(), place, sale_id, currency)
    if found is None:
        abort(404)
    return found


def _chosen(everywhere: tuple[Place, ...], wanted: SalesFilter) -> tuple[Place, ...]:
    return tuple(place for place in everywhere if wanted.branch in ("", place.id))


def _turned(**cursor: Cursor) -> str:
    """This list's address at another page."""
    values = _kept() | {name: str(at) for name, at in cursor.items()}
    return url_for("sales.index", **values)


def _export_url() -> str:
    return url_for("sales.export", **_kept())


def _kept() -> dict[str, Any]:
    """The address's own choices, without its place among the pages."""
    return {name: value for name, value in request.args.items() if name not in _PAGING}


def _refuse_too_many(wanted: SalesFilter, places: tuple[Place, ...]) -> None:
    count = queries.count_up_to(connection(), wanted, places, queries.EXPORT_ROWS_MAX + 1)
    if not places or count > queries.EXPORT_ROWS_MAX:
        raise Problem(
            "export-too-large",
            422,
            gettext(
                "This would be more than %(count)s rows. Choose a shorter time, then try again.",
                count=f"{queries.EXPORT_ROWS_MAX:_}".replace("_", "."),
            ),
            title=gettext("That is too much for one file"),
        )
