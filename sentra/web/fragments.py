"""One route, two answers: the whole page, or only the fragment that htmx asked for.

The page includes the very fragment that htmx gets, so a link, a reload and the back button show
the same thing. A route names both templates as literals.
"""

from __future__ import annotations

import json
from typing import Literal

from flask import Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

Tone = Literal["ok", "info", "wait", "bad"]


def wants_fragment() -> bool:
    """Whether htmx asks for a part of the page (not a boosted link, not the back button)."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def render(
    template: str, /, *, fragment: str | None = None, status: int = 200, **context: object
) -> Response:
    """The page, or the fragment where htmx asks for it and the route has one."""
    chosen = fragment if fragment is not None and wants_fragment() else template
    response = make_response(render_template(chosen, **context), status)
    response.vary.add("HX-Request")
    return response


def with_toast(response: Response, message: str, tone: Tone = "ok") -> Response:
    """Let the page show a short message after this answer is in place."""
    return with_event(response, "sentra:toast", {"message": message, "tone": tone})


def with_event(response: Response, name: str, detail: object = None) -> Response:
    """Fire an event in the page after this answer (`HX-Trigger`); several may be added."""
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    events[name] = detail
    response.headers["HX-Trigger"] = json.dumps(events, ensure_ascii=True)
    return response


def go_to(url: str) -> BaseResponse:
    """Send the browser to another page, from a plain form or from htmx alike."""
    if request.headers.get("HX-Request") == "true":
        return BaseResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url, 303)
