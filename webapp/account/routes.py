"""Sign in, sign out, and the page of one's own account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import structlog
from flask import Blueprint, g, redirect, request, session, url_for
from flask_babel import gettext, refresh
from sqlalchemy import select
from werkzeug.wrappers import Response

from sentra.cloud.people import (
    PASSWORD_LENGTH_MAX,
    PASSWORD_LENGTH_MIN,
    PasswordUnfit,
    password_matches,
)
from sentra.cloud.tables import app_user
from sentra.web.fragments import go_to, render
from sentra.web.permissions import SIGNED_IN, public, requires
from sentra.web.preferences import (
    COOKIE_MAX_AGE_S,
    LANGUAGE_COOKIE,
    LANGUAGES,
    THEME_COOKIE,
    THEMES,
    safe_next,
)
from webapp.account import actions
from webapp.change import Actor, changing, open_change, parts
from webapp.database import connection, engine
from webapp.flash import say
from webapp.frame import first_page, role_name
from webapp.identity import current_member, member, read_member
from webapp.sessions import USER_KEY, RedisSession, end_sessions

blueprint = Blueprint("account", __name__)
_log = structlog.get_logger(__name__)

FAILED = 422


@dataclass(frozen=True, slots=True)
class SignInPage:
    """What `account/sign_in.html` shows: what was typed, and why it was refused."""

    login: str = ""
    next: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """What `account/show.html` shows."""

    name: str
    login: str
    roles: tuple[str, ...]
    locale: str
    theme: str
    current_errors: tuple[str, ...] = ()
    new_errors: tuple[str, ...] = ()


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public("whoever wants to sign in is not signed in yet")
def sign_in() -> Response:
    """The door: a name and a password in, a session and the first page out."""
    wanted = safe_next(request.values.get("next", ""), "")
    if request.method == "GET":
        person = current_member()
        if person is not None:
            return redirect(wanted or first_page(person), 303)
        return render("webapp/account/sign_in.html", view=SignInPage(next=wanted))
    login, password = request.form.get("login", ""), request.form.get("password", "")
    found = actions.check_credentials(connection(), login, password)
    if found is None:
        _log.warning("sign-in refused", login=login[:120], address=request.remote_addr)
        error = gettext("This name and password do not belong together. Check both and try again.")
        page = SignInPage(login[:120], wanted, error)
        return render("webapp/account/sign_in.html", status=FAILED, view=page)
    return _signed_in(found, wanted)


def _signed_in(found: actions.Credentials, wanted: str) -> Response:
    """Begin a session under a new id, and lead to the page that was wanted."""
    actor = Actor(found.user_id, found.name, request.remote_addr or "")
    with open_change(engine(), parts(), actor) as change:
        actions.record_sign_in(change, found.user_id)
    session.clear()
    cast(RedisSession, session).rotate()
    session[USER_KEY] = found.user_id
    g.member = person = read_member(connection(), found.user_id)
    assert person is not None  # noqa: S101 - read a moment ago
    answer = redirect(wanted or first_page(person), 303)
    if request.cookies.get(LANGUAGE_COOKIE) not in LANGUAGES:
        _remember(answer, LANGUAGE_COOKIE, found.locale)
    if request.cookies.get(THEME_COOKIE) not in THEMES:
        _remember(answer, THEME_COOKIE, found.theme)
    return answer


@blueprint.post("/sign-out")
@requires(SIGNED_IN)
def sign_out() -> Response:
    """End this session."""
    with changing() as change:
        actions.record_sign_out(change, member().id)
    session.clear()
    return go_to(url_for("account.sign_in"))


@blueprint.get("/account")
@requires(SIGNED_IN)
def show() -> Response:
    """The page of one's own account."""
    return render("webapp/account/show.html", view=_account_page())


@blueprint.post("/account/looks")
@requires(SIGNED_IN)
def save_looks() -> Response:
    """Keep language and theme with the account, and use them at once."""
    person = member()
    locale = _one_of(request.form.get("locale"), LANGUAGES, person.locale)
    theme = _one_of(request.form.get("theme"), THEMES, person.theme)
    with changing() as change:
        actions.save_looks(change, person.id, locale=locale, theme=theme)
    g.language = locale
    refresh()
    say(gettext("Saved. It holds on every machine you sign in on."))
    answer = redirect(url_for("account.show"), 303)
    _remember(answer, LANGUAGE_COOKIE, locale)
    _remember(answer, THEME_COOKIE, theme)
    return answer


@blueprint.post("/account/password")
@requires(SIGNED_IN)
def change_password() -> Response:
    """Take a new password from somebody who knows the present one."""
    person, form = member(), request.form
    stored = (
        connection()
        .execute(select(app_user.c.password_hash).where(app_user.c.id == person.id))
        .scalar_one()
    )
    wrong = not password_matches(stored, form.get("current", ""))
    current_errors = (gettext("That is not your present password."),) if wrong else ()
    new_errors = _new_password_errors()
    if current_errors or new_errors:
        page = _account_page(current_errors, new_errors)
        return render("webapp/account/show.html", status=FAILED, view=page)
    with changing() as change:
        actions.change_password(change, person.id, form["new"])
    kept = cast(RedisSession, session)
    kept.rotate()
    end_sessions(parts().redis, person.id)
    say(gettext("Your password is changed. Other machines have been signed out."))
    return redirect(url_for("account.show"), 303)


def _new_password_errors() -> tuple[str, ...]:
    new = request.form.get("new", "")
    if not PASSWORD_LENGTH_MIN <= len(new) <= PASSWORD_LENGTH_MAX:
        unfit = PasswordUnfit(least=PASSWORD_LENGTH_MIN, most=PASSWORD_LENGTH_MAX)
        return (unfit.told(gettext),)
    if new != request.form.get("again", ""):
        return (gettext("The two new passwords are not the same."),)
    return ()


def _account_page(
    current_errors: tuple[str, ...] = (), new_errors: tuple[str, ...] = ()
) -> AccountPage:
    person = member()
    roles = tuple(role_name(role) for role in person.roles)
    looks = (person.locale, person.theme)
    return AccountPage(person.name, person.login, roles, *looks, current_errors, new_errors)


def _one_of(asked: str | None, allowed: tuple[str, ...], otherwise: str) -> str:
    return asked if asked in allowed else otherwise


def _remember(answer: Response, cookie: str, value: str) -> None:
    answer.set_cookie(
        cookie, value, max_age=COOKIE_MAX_AGE_S, samesite="Lax", secure=request.is_secure
    )
