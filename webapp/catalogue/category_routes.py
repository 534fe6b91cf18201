"""Categories: the tiles of the tills, their names and their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from sentra.web.fragments import render
from sentra.web.permissions import requires
from webapp.catalogue import actions, queries
from webapp.catalogue.importing.values import tidy
from webapp.catalogue.routes import may_decide, require_everywhere
from webapp.change import changing
from webapp.database import connection
from webapp.flash import say

blueprint = Blueprint("categories", __name__)

FAILED: Final = 422
NAME_LENGTH_MAX: Final = 80
DIRECTIONS: Final = {"up": -1, "down": 1}


@dataclass(frozen=True, slots=True)
class CategoriesPage:
    """What `catalogue/categories.html` shows. `typed`: the name that could not be taken."""

    rows: tuple[queries.CategoryRow, ...]
    without: int
    typed: str
    errors: tuple[str, ...]
    may_edit: bool


@blueprint.get("/categories")
@requires("catalogue.view")
def index() -> Response:
    """The categories in the order of the tills' tiles."""
    return _page()


@blueprint.post("/categories")
@requires("catalogue.edit")
def create() -> BaseResponse:
    """Make a category."""
    require_everywhere()
    name = _name()
    if not name:
        return _page(errors=(gettext("Give the category a name."),))
    try:
        with changing() as change:
            actions.create_category(change, name)
    except actions.CategoryTaken as error:
        return _page(typed=name, errors=(error.told(gettext),))
    say(gettext("%(name)s is made.", name=name))
    return redirect(url_for("categories.index"), 303)


@blueprint.post("/categories/<category_id>")
@requires("catalogue.edit")
def rename(category_id: str) -> BaseResponse:
    """Give a category another name."""
    _require(category_id)
    name = _name()
    if name:
        try:
            with changing() as change:
                actions.rename_category(change, category_id, name)
        except actions.CategoryTaken as error:
            return _page(errors=(error.told(gettext),))
        say(gettext("It is called %(name)s now.", name=name))
    return redirect(url_for("categories.index"), 303)


@blueprint.post("/categories/<category_id>/move")
@requires("catalogue.edit")
def move(category_id: str) -> BaseResponse:
    """Move a category up or down by one."""
    _require(category_id)
    steps = DIRECTIONS.get(request.form.get("direction", ""))
    if steps is None:
        abort(400)
    with changing() as change:
        actions.move_category(change, category_id, steps)
    return redirect(url_for("categories.index"), 303)


@blueprint.post("/categories/<category_id>/delete")
@requires("catalogue.edit")
def remove(category_id: str) -> BaseResponse:
    """Remove a category that no product is in."""
    _require(category_id)
    try:
        with changing() as change:
            actions.delete_category(change, category_id)
        say(gettext("The category is removed."))
    except actions.CategoryInUse as error:
        say(error.told(gettext), "bad")
    return redirect(url_for("categories.index"), 303)


def _page(*, typed: str = "", errors: tuple[str, ...] = ()) -> Response:
    db = connection()
    view = CategoriesPage(
        rows=queries.read_categories(db),
        without=queries.count_without_category(db),
        typed=typed,
        errors=errors,
        may_edit=may_decide("catalogue.edit"),
    )
    status = FAILED if errors else 200
    return render("webapp/catalogue/categories.html", status=status, view=view)


def _require(category_id: str) -> None:
    require_everywhere()
    if all(row.id != category_id for row in queries.read_categories(connection())):
        abort(404)


def _name() -> str:
    return tidy(request.form.get("name", ""))[:NAME_LENGTH_MAX]
