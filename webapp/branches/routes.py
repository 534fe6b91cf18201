"""Branches: the list, one branch with its devices, and its settings."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from sentra.cloud.branches import BranchError
from sentra.cloud.company import the_company
from sentra.ids import is_id
from sentra.money import Currency
from sentra.money import currency as currency_of
from sentra.web.fragments import render
from sentra.web.permissions import requires
from webapp.branches import actions, forms, queries
from webapp.change import changing, parts
from webapp.database import connection
from webapp.flash import say
from webapp.identity import member
from webapp.places import Place, visible_branches

blueprint = Blueprint("branches", __name__)

FAILED = 422


@dataclass(frozen=True, slots=True)
class BranchesPage:
    """What `branches/index.html` shows."""

    rows: tuple[queries.BranchRow, ...]
    may_create: bool


@dataclass(frozen=True, slots=True)
class BranchPage:
    """What `branches/show.html` shows."""

    branch: queries.BranchDetail
    currency: str
    devices: tuple[queries.DeviceRow, ...]
    codes: tuple[queries.OpenCode, ...]
    may_edit: bool
    may_enrol: bool
    may_revoke: bool


@dataclass(frozen=True, slots=True)
class BranchFormPage:
    """What `branches/form.html` shows. `place` None: a new branch."""

    place: Place | None
    form: forms.BranchForm
    currency: Currency
    zones: list[tuple[str, str]]


@blueprint.get("/branches")
@requires("branches.view")
def index() -> Response:
    """The branches with how their devices are."""
    db = connection()
    rows = queries.read_branches(db, visible_branches(db, member()), parts().clock())
    may_create = member().may("branches.edit") and member().branch_ids is None
    view = BranchesPage(rows, may_create)
    return render("webapp/branches/index.html", fragment="webapp/branches/_list.html", view=view)


@blueprint.get("/branches/<branch_id>")
@requires("branches.view")
def show(branch_id: str) -> Response:
    """One branch: its devices, live, and its settings."""
    view = branch_page(find_place(branch_id))
    return render("webapp/branches/show.html", fragment="webapp/branches/_devices.html", view=view)


@blueprint.get("/branches/new")
@requires("branches.edit")
def new() -> Response:
    """The form of a new branch."""
    _require_all_branches()
    return _form(None, forms.blank_form("Asia/Jakarta"))


@blueprint.post("/branches")
@requires("branches.edit")
def create() -> BaseResponse:
    """Make a branch."""
    _require_all_branches()
    form = forms.read_form(request.form, _currency())
    if form.errors:
        return _form(None, form, FAILED)
    try:
        with changing() as change:
            branch_id = actions.create_branch(change, form.values)
    except BranchError as error:
        return _form(None, _with_error(form, "code", error.told(gettext)), FAILED)
    say(gettext("%(name)s is made. Enrol its router and tills next.", name=form.values["name"]))
    return redirect(url_for("branches.show", branch_id=branch_id), 303)


@blueprint.get("/branches/<branch_id>/edit")
@requires("branches.edit")
def edit(branch_id: str) -> Response:
    """The form of a branch's settings."""
    place = find_place(branch_id)
    return _form(place, forms.form_of(queries.read_branch(connection(), place), _currency()))


@blueprint.post("/branches/<branch_id>/edit")
@requires("branches.edit")
def update(branch_id: str) -> BaseResponse:
    """Change a branch's settings."""
    place = find_place(branch_id)
    form = forms.read_form(request.form, _currency())
    if form.errors:
        return _form(place, form, FAILED)
    with changing() as change:
        actions.edit_branch(change, branch_id, form.values)
    say(gettext("Saved. The tills of %(name)s have it within seconds.", name=form.values["name"]))
    return redirect(url_for("branches.show", branch_id=branch_id), 303)


def find_place(branch_id: str) -> Place:
    """The branch, if it is this person's business; else there is nothing here."""
    if not is_id(branch_id):
        abort(404)
    places = visible_branches(connection(), member())
    place = next((each for each in places if each.id == branch_id), None)
    if place is None:
        abort(404)
    return place


def branch_page(place: Place) -> BranchPage:
    """What the page of a branch shows to this person."""
    db, person, now_ms = connection(), member(), parts().clock()
    may_enrol = person.may("devices.enrol")
    return BranchPage(
        branch=queries.read_branch(db, place),
        currency=the_company(db).currency,
        devices=queries.read_devices(db, [place.id], now_ms),
        codes=queries.read_open_codes(db, place.id, now_ms) if may_enrol else (),
        may_edit=person.may("branches.edit"),
        may_enrol=may_enrol,
        may_revoke=person.may("devices.revoke"),
    )


def _require_all_branches() -> None:
    """A new branch belongs to nobody's list; only who sees all of them can make one."""
    if member().branch_ids is not None:
        abort(403)


def _form(place: Place | None, form: forms.BranchForm, status: int = 200) -> Response:
    view = BranchFormPage(place, form, _currency(), forms.zone_choices())
    return render("webapp/branches/form.html", status=status, view=view)


def _with_error(form: forms.BranchForm, name: str, sentence: str) -> forms.BranchForm:
    return forms.BranchForm(form.texts, form.values, {**form.errors, name: (sentence,)})


def _currency() -> Currency:
    return currency_of(the_company(connection()).currency)
