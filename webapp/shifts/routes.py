"""The list of shifts and the page of one."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, abort, request
from flask_babel import gettext

from sentra.cloud.company import the_company
from sentra.ids import is_id
from sentra.instants import InstantError, parse_date
from sentra.web.fragments import render
from sentra.web.permissions import requires
from webapp.database import connection
from webapp.identity import member
from webapp.paging import page_number, turned
from webapp.places import Place, visible_branches
from webapp.shifts import queries

blueprint = Blueprint("shifts", __name__)


@dataclass(frozen=True, slots=True)
class ShiftsPage:
    """What `shifts/index.html` shows."""

    currency: str
    places: tuple[Place, ...]
    branch: str
    first: str
    last: str
    only_differences: bool
    rows: tuple[queries.ShiftRow, ...]
    newer_url: str
    older_url: str
    problems: tuple[str, ...]

    @property
    def place_choices(self) -> list[tuple[str, str]]:
        """The branches for the filter."""
        return [(place.id, place.name) for place in self.places]


@blueprint.get("/shifts")
@requires("shifts.view")
def index() -> Response:
    """Shifts, newest first."""
    db = connection()
    everywhere = visible_branches(db, member())
    problems: list[str] = []
    branch = request.args.get("branch", "")
    first, last = _day("from", problems), _day("to", problems)
    only = request.args.get("differences") == "1"
    page = page_number()
    places = tuple(place for place in everywhere if branch in ("", place.id))
    rows, more = queries.read_shifts(
        db, places, first=first, last=last, only_differences=only, page=page
    )
    view = ShiftsPage(
        currency=the_company(db).currency,
        places=everywhere,
        branch=branch,
        first=first,
        last=last,
        only_differences=only,
        rows=rows,
        newer_url=turned(page - 1) if page > 1 else "",
        older_url=turned(page + 1) if more else "",
        problems=tuple(problems),
    )
    return render("webapp/shifts/index.html", view=view)


@blueprint.get("/shifts/<branch_id>/<shift_id>")
@requires("shifts.view")
def show(branch_id: str, shift_id: str) -> Response:
    """One shift: its drawer, its cash, its proof."""
    if not (is_id(branch_id) and is_id(shift_id)):
        abort(404)
    places = visible_branches(connection(), member())
    place = next((each for each in places if each.id == branch_id), None)
    found = queries.read_shift(connection(), place, shift_id) if place else None
    if found is None:
        abort(404)
    return render("webapp/shifts/show.html", view=found)


def _day(name: str, problems: list[str]) -> str:
    text = request.args.get(name, "").strip()
    try:
        return parse_date(text) if text else ""
    except InstantError as error:
        problems.append(error.told(gettext))
        return ""
