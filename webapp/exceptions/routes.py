"""The inbox, the page of one exception, and closing it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from sentra.ids import is_id
from sentra.projection.aside import FACT_UNKNOWN, SET_ASIDE
from sentra.web.errors import Problem
from sentra.web.fragments import render
from sentra.web.permissions import requires
from webapp.change import changing
from webapp.database import connection
from webapp.exceptions import actions, queries
from webapp.exceptions.words import WORDINGS, Wording, sentence_of
from webapp.flash import say
from webapp.identity import member
from webapp.paging import page_number, turned
from webapp.places import visible_branches

blueprint = Blueprint("exceptions", __name__)

FAILED = 422


@dataclass(frozen=True, slots=True)
class InboxPage:
    """What `exceptions/index.html` shows; `sentences` by exception id."""

    rows: tuple[queries.ExceptionRow, ...]
    sentences: dict[str, str]
    kinds: tuple[queries.ExceptionKind, ...]
    kind: str
    resolved: bool
    newer_url: str
    older_url: str


@dataclass(frozen=True, slots=True)
class ExceptionPage:
    """What `exceptions/show.html` shows. `wording` None: a kind that this version does not know."""

    row: queries.ExceptionRow
    sentence: str
    wording: Wording | None
    may_resolve: bool
    may_retry: bool
    note: str = ""
    errors: tuple[str, ...] = ()


@blueprint.get("/exceptions")
@requires("exceptions.view")
def index() -> Response:
    """What is open, or what was resolved."""
    db = connection()
    places = visible_branches(db, member())
    resolved, kind = request.args.get("state") == "resolved", request.args.get("kind", "")[:60]
    page = page_number()
    rows, more = queries.read_exceptions(db, places, resolved=resolved, kind=kind, page=page)
    view = InboxPage(
        rows=rows,
        sentences={row.id: sentence_of(row.kind, row.params) for row in rows},
        kinds=queries.read_kinds(db, places, resolved=resolved),
        kind=kind,
        resolved=resolved,
        newer_url=turned(page - 1) if page > 1 else "",
        older_url=turned(page + 1) if more else "",
    )
    return render(
        "webapp/exceptions/index.html", fragment="webapp/exceptions/_list.html", view=view
    )


@blueprint.get("/exceptions/<branch_id>/<exception_id>")
@requires("exceptions.view")
def show(branch_id: str, exception_id: str) -> Response:
    """One exception: what happened, what was done, what to do."""
    return render("webapp/exceptions/show.html", view=_page(branch_id, exception_id))


@blueprint.post("/exceptions/<branch_id>/<exception_id>/resolve")
@requires("exceptions.resolve")
def resolve(branch_id: str, exception_id: str) -> BaseResponse:
    """Close one exception with a note."""
    _page(branch_id, exception_id)
    note = request.form.get("note", "").replace("\0", "").strip()
    if not note:
        errors = (gettext("Write a few words on what you found or did."),)
        view = _page(branch_id, exception_id, errors=errors)
        return render("webapp/exceptions/show.html", status=FAILED, view=view)
    with changing() as change:
        if not actions.resolve_exception(change, branch_id, exception_id, note):
            raise Problem(
                "conflict", 409, gettext("Somebody has closed this meanwhile."), retry=False
            )
    say(gettext("Closed. It stays in the list of what was resolved."))
    return redirect(url_for("exceptions.index"), 303)


@blueprint.post("/exceptions/<branch_id>/<exception_id>/retry")
@requires("exceptions.resolve")
def retry(branch_id: str, exception_id: str) -> BaseResponse:
    """Read the entry again, and write its rows if that works now."""
    if not _page(branch_id, exception_id).may_retry:
        raise Problem("conflict", 409, gettext("There is nothing to try again here."), retry=False)
    with changing() as change:
        done = actions.retry_exception(change, branch_id, exception_id)
    if done.is_projected:
        say(gettext("The entry has been read; it stands in the reports now."))
    else:
        say(gettext("It still cannot be read: %(reason)s", reason=done.reason), "bad")
    return redirect(url_for("exceptions.show", branch_id=branch_id, exception_id=exception_id), 303)


def _page(branch_id: str, exception_id: str, *, errors: tuple[str, ...] = ()) -> ExceptionPage:
    if not (is_id(branch_id) and is_id(exception_id)):
        abort(404)
    places = visible_branches(connection(), member())
    place = next((each for each in places if each.id == branch_id), None)
    row = queries.read_exception(connection(), place, exception_id) if place else None
    if row is None:
        abort(404)
    may_act = member().may("exceptions.resolve")
    may_resolve = row.resolved_at_ms is None and may_act
    is_aside = row.kind in SET_ASIDE and row.projected_at_ms is None
    may_retry = is_aside and may_act and (row.resolved_at_ms is None or row.kind == FACT_UNKNOWN)
    sentence = sentence_of(row.kind, row.params)
    wording = WORDINGS.get(row.kind)
    note = request.form.get("note", "")
    return ExceptionPage(row, sentence, wording, may_resolve, may_retry, note, errors)
