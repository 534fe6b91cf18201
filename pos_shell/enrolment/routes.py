"""Pages of a new till."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, current_app, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pos_shell.enrolment.actions import enrol, enrol_anew
from pos_shell.enrolment.queries import arrival, is_ready
from pos_shell.web import till, told
from sentra.failures import Failure
from sentra.vault.epochs import forked
from sentra.web.fragments import go_to, render
from sentra.web.permissions import public

routes = Blueprint("enrolment", __name__, url_prefix="/enrolment")
_WHY_ANEW = "a code from the back office is needed, and a till that exists twice"
_WHY = "a till that is not enrolled has no people yet; the loopback key guards it"


@dataclass(frozen=True, slots=True)
class CodePage:
    """What was typed, and what was wrong with it."""

    code: str
    address: str
    folder: str
    error: str = ""
    anew: bool = False


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


@routes.get("/anew")
@public(_WHY_ANEW)
def enter_anew() -> BaseResponse:
    """What happened to a till that exists twice, and the form for its new code."""
    with till().vault.reader() as db:
        if forked(db) is None:
            return go_to(url_for("start.begin"))
    page = CodePage("", till().identity.cloud_url, str(till().folder), anew=True)
    return render("pos_shell/enrolment/enter.html", page=page)


@routes.post("/anew")
@public(_WHY_ANEW)
def submit_anew() -> BaseResponse:
    """Exchange the code; the old vault is set aside."""
    with till().vault.reader() as db:
        if forked(db) is None:
            return go_to(url_for("start.begin"))
    code, address = request.form.get("code", ""), request.form.get("address", "").strip()
    try:
        enrol_anew(till(), address, code)
    except Failure as failure:
        page = CodePage(code, address, str(till().folder), told(failure), anew=True)
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
