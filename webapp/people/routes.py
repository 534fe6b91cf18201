"""The list of people, and the form of one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from sentra.cloud.people import LoginMalformed, PersonError
from sentra.ids import is_id
from sentra.web.fragments import render
from sentra.web.permissions import requires
from webapp.change import changing, parts
from webapp.database import connection
from webapp.flash import say
from webapp.frame import role_name
from webapp.identity import member
from webapp.paging import page_number, turned
from webapp.people import actions, forms, queries
from webapp.places import Place, visible_branches
from webapp.roles import ROLES
from webapp.sessions import end_sessions

blueprint = Blueprint("people", __name__)

FAILED = 422
TEXT_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """What `people/index.html` shows."""

    rows: tuple[queries.PersonRow, ...]
    text: str
    role: str
    roles: tuple[tuple[str, str], ...]
    newer_url: str
    older_url: str
    may_edit: bool


@dataclass(frozen=True, slots=True)
class PersonPage:
    """What `people/form.html` shows. `person` None: somebody new."""

    person: queries.PersonRow | None
    form: forms.PersonForm
    roles: tuple[tuple[str, str], ...]
    places: tuple[Place, ...]
    may_everywhere: bool
    is_self: bool


@blueprint.get("/people")
@requires("people.view")
def index() -> Response:
    """Everybody whom this person may see."""
    text = request.args.get("q", "").replace("\0", "").strip()[:TEXT_LENGTH_MAX]
    role = request.args.get("role", "")
    role = role if role in ROLES else ""
    page = page_number()
    rows, more = queries.read_people(connection(), member(), text=text, role=role, page=page)
    view = PeoplePage(
        rows=rows,
        text=text,
        role=role,
        roles=_roles(),
        newer_url=turned(page - 1) if page > 1 else "",
        older_url=turned(page + 1) if more else "",
        may_edit=member().may("people.edit"),
    )
    return render("webapp/people/index.html", fragment="webapp/people/_list.html", view=view)


@blueprint.get("/people/new")
@requires("people.edit")
def new() -> Response:
    """The form of somebody new."""
    places = visible_branches(connection(), member())
    only = (places[0].id,) if len(places) == 1 else ()
    return _form(None, forms.PersonForm(branch_ids=only))


@blueprint.post("/people")
@requires("people.edit")
def create() -> BaseResponse:
    """Add somebody."""
    form = _read(None)
    if form.errors:
        return _form(None, form, FAILED)
    try:
        with changing() as change:
            actions.create_person(change, form)
    except PersonError as error:
        return _form(None, _with_error(form, error), FAILED)
    say(gettext("%(name)s is added. Tills know the PIN within seconds.", name=form.name))
    return redirect(url_for("people.index"), 303)


@blueprint.get("/people/<person_id>")
@requires("people.edit")
def edit(person_id: str) -> Response:
    """The form of a person."""
    person = _find(person_id)
    return _form(person, forms.form_of(person))


@blueprint.post("/people/<person_id>")
@requires("people.edit")
def update(person_id: str) -> BaseResponse:
    """Change a person; who is shut out, or has a new password, is signed out everywhere."""
    person = _find(person_id)
    form = _read(person)
    if person.id == member().id and not form.active:
        form.errors["active"] = (gettext("You cannot shut yourself out."),)
    if form.errors:
        return _form(person, form, FAILED)
    try:
        with changing() as change:
            actions.edit_person(change, person.id, form)
    except PersonError as error:
        return _form(person, _with_error(form, error), FAILED)
    if form.password or not form.active:
        end_sessions(parts().redis, person.id)
    say(gettext("Saved. Tills know of it within seconds."))
    return redirect(url_for("people.index"), 303)


def _find(person_id: str) -> queries.PersonRow:
    person = queries.read_person(connection(), member(), person_id) if is_id(person_id) else None
    if person is None:
        abort(404)
    # Whose roles are above one's own is not one's to change.
    if person.id != member().id and not all(member().may_grant(role) for role in person.roles):
        abort(403)
    return person


def _read(old: queries.PersonRow | None) -> forms.PersonForm:
    places = [place.id for place in visible_branches(connection(), member())]
    return forms.read_form(request.form, member(), places, old)


def _form(person: queries.PersonRow | None, form: forms.PersonForm, status: int = 200) -> Response:
    editor = member()
    allowed = set(person.roles if person else ()) | {r for r in ROLES if editor.may_grant(r)}
    view = PersonPage(
        person=person,
        form=form,
        roles=tuple(each for each in _roles() if each[0] in allowed),
        places=visible_branches(connection(), editor),
        may_everywhere=editor.branch_ids is None,
        is_self=person is not None and person.id == editor.id,
    )
    return render("webapp/people/form.html", status=status, view=view)


def _roles() -> tuple[tuple[str, str], ...]:
    return tuple((role, role_name(role)) for role in ROLES)


def _with_error(form: forms.PersonForm, error: PersonError) -> forms.PersonForm:
    name = "login" if isinstance(error, LoginMalformed) or "login" in error.code else "name"
    return replace(form, errors={**form.errors, name: (error.told(gettext),)})
