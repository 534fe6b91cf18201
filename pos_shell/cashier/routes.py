"""Choosing a name, typing a PIN, changing over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pos_shell.cashier.actions import PersonGone, leave, sign_in, unlock
from pos_shell.cashier.lockouts import load_lockout
from pos_shell.cashier.queries import approvers, cashiers, find_person
from pos_shell.web import till, told
from sentra.domain.lockout import PinLocked, wait_ms
from sentra.domain.permission import Permission
from sentra.events import Person
from sentra.failures import Failure
from sentra.vault.epochs import forked
from sentra.web.fragments import go_to, render
from sentra.web.permissions import public

routes = Blueprint("cashier", __name__, url_prefix="/cashier")
_WHY = "this is where people sign in; the loopback key guards it"


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Who may sell here, and who stands at the till now.

    `exists_twice`: another machine sells under this till's name.
    """

    people: Sequence[Person]
    present: Person | None
    exists_twice: bool


@dataclass(frozen=True, slots=True)
class PinPage:
    """One person's PIN pad. `wait_s` is how long no try is taken; 0: now."""

    person: Person
    wait_s: int
    locked: bool
    approvers: Sequence[Person]
    error: str = ""


@routes.get("/")
@public(_WHY)
def choose() -> Response:
    """The names."""
    with till().vault.reader() as db:
        page = PeoplePage(cashiers(db), till().desk.person, forked(db) is not None)
    return render("pos_shell/cashier/choose.html", page=page)


@routes.get("/<person_id>")
@public(_WHY)
def pin(person_id: str) -> Response:
    """The PIN pad of one person."""
    return render("pos_shell/cashier/pin.html", page=_pin_page(person_id))


@routes.post("/<person_id>")
@public(_WHY)
def enter(person_id: str) -> BaseResponse:
    """Sign in."""
    try:
        sign_in(till(), person_id, request.form.get("pin", "").strip())
    except Failure as failure:
        return _again(person_id, failure)
    return go_to(url_for("start.begin"))


@routes.post("/<person_id>/unlock")
@public(_WHY)
def open_again(person_id: str) -> BaseResponse:
    """A supervisor lets somebody try again."""
    approver, pin = request.form.get("approver", ""), request.form.get("approver_pin", "").strip()
    try:
        unlock(till(), person_id, approver, pin)
    except Failure as failure:
        return _again(person_id, failure)
    return go_to(url_for("cashier.pin", person_id=person_id))


@routes.post("/leave")
@public("leaving takes rights away and gives none")
def go() -> BaseResponse:
    """Nobody stands at the till any more."""
    leave(till())
    return go_to(url_for("cashier.choose"))


def _again(person_id: str, failure: Failure) -> BaseResponse:
    if isinstance(failure, PersonGone):
        return go_to(url_for("cashier.choose"))
    page = _pin_page(person_id, told(failure))
    return render("pos_shell/cashier/pin.html", page=page, status=422)


def _pin_page(person_id: str, error: str = "") -> PinPage:
    with till().vault.reader() as db:
        found = find_person(db, person_id)
        if found is None:
            raise PersonGone()
        state = load_lockout(db, person_id)
        people = approvers(db, Permission.PIN_UNLOCK)
    waiting_ms = wait_ms(state, till().clock())
    if state.locked and waiting_ms and not error:
        error = told(PinLocked())
    return PinPage(
        person=found,
        wait_s=-(-waiting_ms // 1000),
        locked=state.locked and waiting_ms > 0,
        approvers=[one for one in people if one.id != person_id],
        error=error,
    )
