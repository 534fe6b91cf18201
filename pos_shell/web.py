"""What the routes of all subjects share: the till of this app, who is signed in, refusals."""

from __future__ import annotations

from typing import Final

from flask import Flask, current_app
from flask import Response as FlaskResponse
from flask_babel import gettext
from werkzeug.wrappers import Response

from pos_shell.till import Till
from sentra.domain.permission import may
from sentra.events import Person
from sentra.failures import Failure
from sentra.money import currency, quantity_to_decimal_string, to_decimal_string
from sentra.web.errors import Problem
from sentra.web.filters import money
from sentra.web.fragments import wants_fragment

_TILL: Final = "sentra-till"
_AMOUNTS: Final = frozenset({"missing", "excess", "change", "amount", "largest"})
"""Names under which failures carry minor units."""


def _plain_amount(minor: int, code: str) -> str:
    """An amount as a field holds it, without marks or groups: `12.50`."""
    return to_decimal_string(minor, currency(code))


class Signed:
    """The signed-in person, as the guard asks."""

    def __init__(self, person: Person) -> None:
        """Wrap a person of the feed."""
        self.person = person

    def may(self, permission: str) -> bool:
        """Whether the person's roles grant it."""
        return may(self.person.roles, permission)


def install_till(app: Flask, till: Till) -> None:
    """Make the till known to the routes, and its refusals readable."""
    app.extensions[_TILL] = till
    app.jinja_env.filters["plain_amount"] = _plain_amount
    app.jinja_env.filters["plain_quantity"] = quantity_to_decimal_string
    app.register_error_handler(Failure, _refuse)


def till() -> Till:
    """The till of this app."""
    found: Till = current_app.extensions[_TILL]
    return found


def person() -> Person:
    """Who stands at the till. The guard has made sure that somebody does."""
    found = till().desk.person
    assert found is not None  # noqa: S101 - a fault of ours: the route has no permission mark
    return found


def told(failure: Failure) -> str:
    """A refusal's sentence in the language of the request, amounts as money."""
    code = till().identity.currency if till().is_enrolled else "IDR"
    values = {
        name: money(value, code) if name in _AMOUNTS and isinstance(value, int) else value
        for name, value in failure.values.items()
    }
    return str(gettext(failure.sentence)) % values


def _refuse(failure: Failure) -> Response:
    """A refusal that no form shows: a toast in the page, or a page of its own."""
    sentence = told(failure)
    problem = (
        Problem(failure.code, 409, "", title=sentence, retry=failure.retry)
        if wants_fragment()
        else Problem(failure.code, 409, sentence, retry=failure.retry)
    )
    answer = current_app.handle_user_exception(problem)
    assert isinstance(answer, FlaskResponse)  # noqa: S101 - what our own handler returns
    return answer
