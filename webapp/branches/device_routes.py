"""Devices of a branch: codes that enrol them, other names, and shutting them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from sentra.cloud.tables import device, enrolment_code
from sentra.ids import is_id
from sentra.web.fragments import render
from sentra.web.permissions import requires
from webapp.branches import actions
from webapp.branches.device_page import read_device
from webapp.branches.routes import find_place
from webapp.change import changing, parts
from webapp.config import SETTINGS, Settings
from webapp.database import connection
from webapp.flash import say
from webapp.places import Place

blueprint = Blueprint("devices", __name__)

ROLES: Final = ("terminal", "router")
NAME_LENGTH_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class CodePage:
    """What `branches/code.html` shows, once. `address`: where the device finds the cloud."""

    place: Place
    role: str
    code_id: str
    code: str
    expires_at_ms: int
    address: str
    state: CodeState


@dataclass(frozen=True, slots=True)
class CodeState:
    """Whether a code was used meanwhile: `device` is the name it gave, "" while it waits."""

    branch_id: str
    code_id: str
    device: str
    is_over: bool


@blueprint.post("/branches/<branch_id>/codes")
@requires("devices.enrol")
def make_code(branch_id: str) -> Response:
    """Make a code and show it, this once."""
    place = find_place(branch_id)
    role = request.form.get("role", "")
    if role not in ROLES:
        abort(400)
    with changing() as change:
        made = actions.make_code(change, place.id, role, _name() or None)
    settings: Settings = current_app.extensions[SETTINGS]
    view = CodePage(
        place,
        role,
        made.id,
        made.code,
        made.expires_at_ms,
        settings.sync_url,
        CodeState(place.id, made.id, "", False),
    )
    return render("webapp/branches/code.html", view=view)


@blueprint.get("/branches/<branch_id>/codes")
@requires("devices.enrol")
def code_is_gone(branch_id: str) -> BaseResponse:
    """Whoever loads the page of a code again, or in the other language: it is shown once only."""
    place = find_place(branch_id)
    say(gettext("A code is shown only once. Make another one if you need it."))
    return redirect(url_for("branches.show", branch_id=place.id), 303)


@blueprint.get("/branches/<branch_id>/codes/<code_id>")
@requires("devices.enrol")
def code_state(branch_id: str, code_id: str) -> BaseResponse:
    """Whether a code was used meanwhile; asked by the page that shows it."""
    place = find_place(branch_id)
    if request.headers.get("HX-Request") != "true":
        return redirect(url_for("branches.show", branch_id=place.id), 303)
    return render("webapp/branches/_code_state.html", state=_state(place, code_id))


@blueprint.post("/branches/<branch_id>/codes/<code_id>/withdraw")
@requires("devices.enrol")
def withdraw_code(branch_id: str, code_id: str) -> BaseResponse:
    """End a code before its time."""
    place = find_place(branch_id)
    _state(place, code_id)
    with changing() as change:
        actions.withdraw_code(change, place.id, code_id)
    say(gettext("The code is worth nothing any more."))
    return redirect(url_for("branches.show", branch_id=place.id), 303)


@blueprint.get("/branches/<branch_id>/devices/<device_id>")
@requires("branches.view")
def show(branch_id: str, device_id: str) -> Response:
    """One device: how it is, how far its journal is, and up to where all hold the same."""
    place, _name = _device(branch_id, device_id)
    view = read_device(connection(), place, device_id, parts().clock())
    return render("webapp/branches/device.html", view=view)


@blueprint.post("/branches/<branch_id>/devices/<device_id>/revoke")
@requires("devices.revoke")
def revoke(branch_id: str, device_id: str) -> BaseResponse:
    """Shut a device out."""
    place, name = _device(branch_id, device_id)
    with changing() as change:
        actions.revoke_device(change, place.id, device_id)
    say(gettext("%(name)s is revoked. What it recorded stays.", name=name))
    return redirect(url_for("branches.show", branch_id=place.id), 303)


@blueprint.post("/branches/<branch_id>/devices/<device_id>/rename")
@requires("devices.enrol")
def rename(branch_id: str, device_id: str) -> BaseResponse:
    """Give a device another name."""
    place, _old = _device(branch_id, device_id)
    if name := _name():
        with changing() as change:
            actions.rename_device(change, place.id, device_id, name)
        say(gettext("It is called %(name)s now.", name=name))
    return redirect(url_for("branches.show", branch_id=place.id), 303)


def _name() -> str:
    return request.form.get("name", "").replace("\0", "").strip()[:NAME_LENGTH_MAX]


def _device(branch_id: str, device_id: str) -> tuple[Place, str]:
    place = find_place(branch_id)
    name = None
    if is_id(device_id):
        name = (
            connection()
            .execute(
                select(device.c.name).where(
                    device.c.id == device_id, device.c.branch_id == branch_id
                )
            )
            .scalar_one_or_none()
        )
    if name is None:
        abort(404)
    return place, name


def _state(place: Place, code_id: str) -> CodeState:
    c = enrolment_code.c
    row = None
    if is_id(code_id):
        row = (
            connection()
            .execute(
                select(c.expires_at_ms, c.used_at_ms, device.c.name)
                .select_from(enrolment_code.outerjoin(device, device.c.id == c.device_id))
                .where(c.id == code_id, c.branch_id == place.id)
            )
            .one_or_none()
        )
    if row is None:
        abort(404)
    is_over = row.used_at_ms is None and row.expires_at_ms <= parts().clock()
    return CodeState(place.id, code_id, row.name or "", is_over)
