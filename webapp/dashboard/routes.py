"""The dashboard, whole or as the fragment that fetches itself again when something has moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, request
from flask_babel import gettext
from werkzeug.wrappers import Response

from sentra.cloud.company import the_company
from sentra.instants import zone_label
from sentra.web.filters import clock
from sentra.web.fragments import render
from sentra.web.permissions import requires
from webapp.change import parts
from webapp.dashboard import attention, queries
from webapp.database import connection
from webapp.identity import member
from webapp.places import Place, visible_branches
from webapp.words import tender_name

blueprint = Blueprint("dashboard", __name__)


@dataclass(frozen=True, slots=True)
class DashboardPage:
    """What `dashboard/show.html` and its fragments show. `chosen`: a branch's id, "" for all.

    A fragment's page has only what that fragment shows; the rest is empty.
    """

    currency: str
    places: tuple[Place, ...]
    chosen: str
    date: str
    zones_text: str
    compared: queries.Compared = queries.NOTHING
    curve: queries.HourCurve = queries.NO_CURVE
    branches: tuple[queries.Share, ...] = ()
    tenders: tuple[queries.Share, ...] = ()
    products: tuple[queries.Share, ...] = ()
    cashiers: tuple[queries.Share, ...] = ()
    attention: attention.Attention = attention.QUIET

    @property
    def place_choices(self) -> list[tuple[str, str]]:
        """The branches for the choice at the top."""
        return [(place.id, place.name) for place in self.places]

    @property
    def hour_labels(self) -> list[str]:
        """The chart's hours, `07`, `08`, …"""
        return [f"{hour:02d}" for hour in self.curve.hours]

    @property
    def curves(self) -> list[dict[str, object]]:
        """The chart's two lines."""
        return [
            {"name": gettext("Today"), "values": list(self.curve.now)},
            {"name": gettext("A week ago"), "values": list(self.curve.then), "dashed": True},
        ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the request is about: all branches of the person, those chosen, their calendars."""

    everywhere: tuple[Place, ...]
    places: tuple[Place, ...]
    chosen: str
    days: tuple[queries.Calendar, ...]
    now_ms: int


@blueprint.get("/today")
@requires("dashboard.view")
def show() -> Response:
    """Today, over all branches of this person or over one of them."""
    asked = _asked()
    return render(
        "webapp/dashboard/show.html",
        fragment="webapp/dashboard/_today.html",
        view=replace(_figures(asked), **_curve(asked), **_details(asked)),
    )


@blueprint.get("/today/curve")
@requires("dashboard.view")
def curve() -> Response:
    """The chart alone; it is drawn again less often than the figures change."""
    asked = _asked()
    return render("webapp/dashboard/_curve.html", view=replace(_frame(asked), **_curve(asked)))


@blueprint.get("/today/details")
@requires("dashboard.view")
def details() -> Response:
    """What needs a person, and the day's parts."""
    asked = _asked()
    view = replace(_figures(asked), **_details(asked))
    return render("webapp/dashboard/_details.html", view=view)


def _asked() -> _Asked:
    everywhere = visible_branches(connection(), member())
    wanted = request.args.get("branch", "")
    chosen = wanted if any(place.id == wanted for place in everywhere) else ""
    places = tuple(place for place in everywhere if chosen in ("", place.id))
    now_ms = parts().clock()
    return _Asked(everywhere, places, chosen, queries.calendars(places, now_ms), now_ms)


def _frame(asked: _Asked) -> DashboardPage:
    return DashboardPage(
        currency=the_company(connection()).currency,
        places=asked.everywhere,
        chosen=asked.chosen,
        date=asked.days[0].today if asked.days else "",
        zones_text=", ".join(
            f"{zone_label(asked.now_ms, day.zone)} {clock(asked.now_ms, day.zone)}"
            for day in asked.days
        ),
    )


def _figures(asked: _Asked) -> DashboardPage:
    compared, branches = queries.read_compared(connection(), asked.places, asked.days)
    return replace(_frame(asked), compared=compared, branches=branches)


def _curve(asked: _Asked) -> dict[str, Any]:
    return {"curve": queries.read_curve(connection(), asked.places, asked.days)}


def _details(asked: _Asked) -> dict[str, Any]:
    db, places, days = connection(), asked.places, asked.days
    tenders = queries.read_tenders(db, places, days)
    return {
        "tenders": tuple(replace(each, label=tender_name(each.key)) for each in tenders),
        "products": queries.read_products(db, places, days),
        "cashiers": queries.read_cashiers(db, places, days),
        "attention": attention.read_attention(db, places, asked.now_ms),
    }
