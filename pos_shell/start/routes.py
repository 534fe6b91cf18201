"""`/`: sends the browser to the step that is due."""

from __future__ import annotations

from flask import Blueprint, url_for
from werkzeug.wrappers import Response

from pos_shell.enrolment.queries import is_ready
from pos_shell.shift.queries import open_shift_of
from pos_shell.till import Till
from pos_shell.web import till
from sentra.web.fragments import go_to
from sentra.web.permissions import public

routes = Blueprint("start", __name__)


@routes.get("/")
@public("only sends on to the step that is due; the loopback key guards it")
def begin() -> Response:
    """The step that is due."""
    return go_to(url_for(_next_step(till())))


def _next_step(here: Till) -> str:
    if not here.is_enrolled:
        return "enrolment.enter"
    if not is_ready(here):
        return "enrolment.wait"
    if here.desk.person is None:
        return "cashier.choose"
    with here.vault.reader() as db:
        has_shift = open_shift_of(db, here.identity) is not None
    return "sale.screen" if has_shift else "shift.drawer"
