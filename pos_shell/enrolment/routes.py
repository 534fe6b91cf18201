"""Pages of a new till."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, current_app, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pos_shell.enrolment.actions import enrol
from pos_shell.enrolment.queries import arrival, is_ready
from pos_shell.web import till, told
from sentra.failures import Failure
from sentra.web.fragments import go_to, render
from sentra.web.permissions import public

routes = Blueprint("enrolment", __name__, url_prefix="/enrolment")
_WHY = "a till that is not enrolled has no people yet; the loopback key guards it"


@dataclass(frozen=True, slots=True)
class CodePage:
    """What was typed, and what was wrong with it."""

    code: str
    address: str
    folder: str
    error: str = ""


@routes.get("/")
@public(_WHY)
def enter() -> BaseResponse:
    """The form for the code."""
    if till().is_enrolled:
        return go_to(url_for("start.begin"))
    address = current_app.config["SENTRA_CLOUD"]
    page = CodePage(request.args.get("code", ""), address, str(till().folder))
    return render("pos_shell/enrolment/enter.html", page=page)


@routes.post("/")
@public(_WHY)
def submit() -> BaseResponse:
    """Exchange the code."""
    code, address = request.form.get("code", ""), request.form.get("address", "").strip()
    try:
        enrol(till(), address, code)
    except Failure as failure:
        page = CodePage(code, address, str(till().folder), told(failure))
        return render("pos_shell/enrolment/enter.html", page=page, status=422)
    return go_to(url_for("enrolment.wait"))


@routes.get("/waiting")
@public(_WHY)
def wait() -> BaseResponse:
    """How far the first catalogue is; goes on by itself when it is here."""
    if is_ready(till()):
        return go_to(url_for("start.begin"))
    return _arrival()


def _arrival() -> Response:
    return render(
        "pos_shell/enrolment/wait.html",
        fragment="pos_shell/enrolment/_arrival.html",
        page=arrival(till()),
    )
