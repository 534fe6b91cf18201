"""One shape of error for machines, one designed page for people, a toast inside htmx.

Machines (anything under `/v1/`, or who asks for JSON) get `application/problem+json`. Nobody gets
a traceback: an unexpected error is logged with a reference that the page shows.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Final

import structlog
from flask import Flask, Response, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from sentra.failures import Failure
from sentra.web.fragments import wants_fragment
from sentra.web.preferences import language
from sentra.web.wordings import wording_of

REFERENCE_BYTES: Final = 4
"""Randomness of an error's reference: enough to find one among a day's errors in the log."""

_log = structlog.get_logger(__name__)


class Problem(Exception):
    """An error to answer with: stable slug, sentences for people, and whether a retry helps.

    `detail` is already in the reader's language. `members` are added to the JSON as they are.
    """

    def __init__(
        self,
        slug: str,
        status: int,
        detail: str,
        *,
        title: str = "",
        retry: bool = False,
        retry_after_s: int | None = None,
        members: dict[str, object] | None = None,
    ) -> None:
        super().__init__(f"{slug}: {detail}")
        self.slug = slug
        self.status = status
        self.detail = detail
        self.title = title
        self.retry = retry
        self.retry_after_s = retry_after_s
        self.members = members or {}


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What `errors/error.html` shows."""

    status: int
    title: str
    explanation: str
    advice: str
    icon: str
    reference: str = ""
    retry: bool = False


def install_errors(app: Flask) -> None:
    """Answer every error in the shape that whoever asked can use."""
    app.register_error_handler(Problem, answer_problem)
    app.register_error_handler(Failure, _answer_failure)
    app.register_error_handler(CSRFError, _answer_stale_form)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


def answer_problem(problem: Problem) -> Response:
    """The answer to a problem, in the shape that whoever asked can use."""
    return _answer(problem, reference="")


def _answer_failure(failure: Failure) -> Response:
    """A failure that no route has caught says its own sentence; 503 where a retry may help."""
    _log.warning("request failed", code=failure.code, path=request.path, exc_info=failure)
    status = 503 if failure.retry else 400
    return answer_problem(Problem(failure.code, status, failure.told(gettext), retry=failure.retry))


def _answer_stale_form(error: CSRFError) -> Response:
    """A form without a valid token: nearly always a page that was open longer than the session."""
    _log.info("form refused", reason=error.description, path=request.path)
    detail = gettext("This page was open for too long. Load it again and repeat what you did.")
    title = gettext("Please load the page again")
    return answer_problem(Problem("stale-form", 400, detail, title=title, retry=True))


def _answer_http(error: HTTPException) -> Response:
    """Turn werkzeug's error into a problem, keeping its headers (Allow, Retry-After)."""
    status = error.code or 500
    if error.response is not None and status < 400:
        return error.response  # type: ignore[return-value]  # a redirect raised as an exception
    words = wording_of(status)
    retry_after = getattr(error, "retry_after", None)
    problem = Problem(
        words.slug,
        status,
        words.explanation,
        title=words.title,
        retry=words.retry,
        retry_after_s=retry_after if isinstance(retry_after, int) else None,
    )
    response = _answer(problem, reference=_written_down(error) if status >= 500 else "")
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers.setdefault(name, value)
    return response


def _answer_unexpected(error: Exception) -> Response:
    reference = _written_down(error)
    words = wording_of(InternalServerError.code)
    problem = Problem(words.slug, 500, words.explanation, title=words.title, retry=True)
    return _answer(problem, reference=reference)


def _written_down(error: Exception) -> str:
    """Log an error with its traceback under a fresh reference, and return the reference."""
    reference = secrets.token_hex(REFERENCE_BYTES)
    _log.error(
        "request failed",
        reference=reference,
        method=request.method,
        path=request.path,
        exc_info=error,
    )
    return reference


def wants_problem_json() -> bool:
    """Whether a machine is asking: the API, or a client that prefers JSON to HTML."""
    if request.path.startswith("/v1/"):
        return True
    accepted = request.accept_mimetypes
    best = accepted.best_match(("text/html", "application/problem+json", "application/json"))
    return best is not None and best != "text/html"


def _answer(problem: Problem, *, reference: str) -> Response:
    if wants_problem_json():
        response = _as_json(problem, reference)
    elif wants_fragment():
        response = _as_toast(problem)
    else:
        response = _as_page(problem, reference)
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    response.headers["Content-Language"] = language()
    return response


def _as_json(problem: Problem, reference: str) -> Response:
    body: dict[str, object] = {
        "type": f"urn:sentra:problem:{problem.slug}",
        "title": problem.title or wording_of(problem.status).title,
        "detail": problem.detail,
        "status": problem.status,
        "retry": problem.retry,
    }
    if problem.retry_after_s is not None:
        body["retry_after_s"] = problem.retry_after_s
    if reference:
        body["reference"] = reference
    text = json.dumps(body | problem.members, ensure_ascii=False)
    return Response(text, problem.status, content_type="application/problem+json")


def _as_toast(problem: Problem) -> Response:
    """Leave the page as it is and say what went wrong; htmx fires the event on any status."""
    title = problem.title or wording_of(problem.status).title
    detail = {"message": title, "detail": problem.detail, "tone": "bad"}
    response = Response(status=problem.status, content_type="text/html; charset=utf-8")
    response.headers["HX-Reswap"] = "none"
    response.headers["HX-Trigger"] = json.dumps({"sentra:toast": detail}, ensure_ascii=True)
    return response


def _as_page(problem: Problem, reference: str) -> Response:
    words = wording_of(problem.status)
    page = ErrorPage(
        status=problem.status,
        title=problem.title or words.title,
        explanation=problem.detail,
        advice=words.advice,
        icon=words.icon,
        reference=reference,
        retry=problem.retry,
    )
    return Response(render_template("errors/error.html", page=page), problem.status)
