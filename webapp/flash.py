"""A sentence that survives the redirect after a form: shown once, by the next page."""

from __future__ import annotations

from typing import Final

from flask import session

from sentra.web.fragments import Tone

_KEY: Final = "_said"


def say(message: str, tone: Tone = "ok") -> None:
    """Let the next page show a message at its top."""
    session[_KEY] = [message, tone]


def said() -> tuple[str, str] | None:
    """The message to show now, if there is one; it is forgotten by being asked for."""
    found = session.pop(_KEY, None) if _KEY in session else None
    return None if found is None else (found[0], found[1])
