"""Numbered pages of short lists: the number in the address, and the address of another page."""

from __future__ import annotations

from typing import Any, Final

from flask import request, url_for

PAGES_MAX: Final = 1_000
"""Beyond it nobody leafs; a filter finds what is older."""


def page_number() -> int:
    """The page that the address asks for, from 1; 1 for what is no number."""
    text = request.args.get("page", "1")[:8]
    number = int(text) if text.isascii() and text.isdigit() else 1
    return min(max(number, 1), PAGES_MAX)


def turned(page: int) -> str:
    """This very list at another page."""
    assert request.endpoint is not None  # noqa: S101 - called from a view
    values: dict[str, Any] = {**(request.view_args or {})}
    values |= {name: value for name, value in request.args.items() if name not in ("page", "lang")}
    return url_for(request.endpoint, **values, page=page)
