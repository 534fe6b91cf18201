"""Language and theme: chosen by a person, kept in a cookie, applied before the page is made."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import flask_babel
from babel.support import NullTranslations
from flask import Blueprint, Flask, Response, g, has_request_context, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from sentra import i18n
from sentra.web.permissions import public

LANGUAGES: Final = ("id", "en")
THEMES: Final = ("auto", "light", "dark")
LANGUAGE_COOKIE: Final = "sentra_language"
THEME_COOKIE: Final = "sentra_theme"

COOKIE_MAX_AGE_S: Final = 400 * 24 * 3600
"""The longest that browsers keep a cookie."""

NEXT_LENGTH_MAX: Final = 2048
"""Longest return address that is followed; browsers' own limit is about this."""


class _Domain(flask_babel.Domain):  # type: ignore[misc]  # flask-babel ships no types
    """Flask-Babel's source of translations, reading ours instead of .mo files."""

    def get_translations(self) -> NullTranslations:
        return i18n.translations(language())


def language() -> str:
    """The language of this request: `?lang=`, else the cookie, else the app's default."""
    if not has_request_context():
        return LANGUAGES[0]
    chosen: str | None = g.get("language")
    if chosen is None:
        asked = (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE))
        default: str = flask_babel.get_babel().default_locale
        chosen = next((code for code in asked if code in LANGUAGES), default) or default
        g.language = chosen
    return chosen


def theme() -> str:
    """The theme of this request: light, dark, or auto (what the device says)."""
    chosen = request.cookies.get(THEME_COOKIE, "") if has_request_context() else ""
    return chosen if chosen in THEMES else "auto"


def install_preferences(app: Flask, *, default_language: str, https: bool) -> None:
    """Choose language and theme per request, remember `?lang=`, and take the two small forms."""
    babel = flask_babel.Babel()
    babel.init_app(app, default_locale=default_language, locale_selector=language)
    babel.domain_instance = _Domain()
    app.jinja_env.globals.update(language=language, theme=theme, languages=LANGUAGES, themes=THEMES)
    app.register_blueprint(_forms(https))

    @app.after_request
    def remember(response: Response) -> Response:
        if request.args.get("lang") in LANGUAGES:
            _keep(response, LANGUAGE_COOKIE, request.args["lang"], https=https)
        return response


def _forms(https: bool) -> Blueprint:
    """`POST /preferences/language` and `/preferences/theme`: a value, and where to go back to."""
    forms = Blueprint("preferences", __name__, url_prefix="/preferences")

    @forms.post("/<any(language, theme):what>")
    @public("a choice of looks, kept in the visitor's own browser")
    def choose(what: str) -> BaseResponse:
        allowed, cookie = (
            (LANGUAGES, LANGUAGE_COOKIE) if what == "language" else (THEMES, THEME_COOKIE)
        )
        back = safe_next(request.form.get("next", "/"))
        response = redirect(back, 303)
        if request.headers.get("HX-Request") == "true":
            response = BaseResponse(status=204, headers={"HX-Refresh": "true"})
        if request.form.get("value") in allowed:
            _keep(response, cookie, request.form["value"], https=https)
        return response

    return forms


def _keep(response: BaseResponse, cookie: str, value: str, *, https: bool) -> None:
    # Readable by scripts: theme.js shows the choice at once. It holds nothing secret.
    response.set_cookie(cookie, value, max_age=COOKIE_MAX_AGE_S, samesite="Lax", secure=https)


def safe_next(target: str, default: str = "/") -> str:
    """The target if it is a path on this very server, else the default: no open redirects."""
    parts = urlsplit(target)
    is_path = target.startswith("/") and not target.startswith(("//", "/\\"))
    if len(target) > NEXT_LENGTH_MAX or parts.scheme or parts.netloc or not is_path:
        return default
    return default if any(ord(character) < 0x20 for character in target) else target
