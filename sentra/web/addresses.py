"""Addresses that templates make: this page again, or with other filters, order or page number."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, request


def url_with(**changes: object) -> str:
    """The present address with parts of its query changed; None takes a part away."""
    kept = [
        (name, value)
        for name, value in request.args.items(multi=True)
        if name not in changes and name != "lang"
    ]
    kept += [(name, str(value)) for name, value in changes.items() if value is not None]
    path = request.script_root + request.path
    return f"{path}?{urlencode(kept)}" if kept else path


def here() -> str:
    """The address to come back to after a choice of language or theme.

    A refused POST has no page of its own to come back to, so that is the page it came from.
    """
    return url_with() if request.method == "GET" else "/"


def install_addresses(app: Flask) -> None:
    """Give templates `url_with` and `here`."""
    app.jinja_env.globals.update(url_with=url_with, here=here)
