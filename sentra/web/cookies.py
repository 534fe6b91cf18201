"""The signed session cookie, named after the port: browsers do not tell ports apart.

Two tills, a router's page and a demo's control page stand on one 127.0.0.1. With one name for all
their cookies, each page would overwrite the session of the others.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

_NAME: Final = "sentra"


class PortSessions(SecureCookieSessionInterface):
    """Flask's own sessions, each server's under a name of its own."""

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """`sentra` on a usual port, `sentra_8100` on another."""
        port = request.host.rpartition(":")[2] if ":" in request.host else ""
        return f"{_NAME}_{port}" if port.isdigit() else _NAME
