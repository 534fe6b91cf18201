"""The loopback page belongs to whoever started the till, not to every program of the machine.

The address that is printed, or opened in the window, carries a key of this start; it becomes a
cookie at once. The Host header must be the loopback's, so that no web page can reach the till by a
name of its own that resolves to 127.0.0.1.
"""

from __future__ import annotations

import hmac
from typing import Final

from flask import Flask, abort, redirect, request, session
from werkzeug.wrappers import Response

KEY_PARAMETER: Final = "key"
KEY_BYTES: Final = 24
"""Of randomness in the key, which lives as long as the process."""

_OPEN_ENDPOINTS: Final = frozenset({"static", "healthz", "readyz", "metrics"})
_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})


def install_access(app: Flask, key: str) -> None:
    """Refuse whoever has not shown the key in this browser."""

    @app.before_request
    def check() -> Response | None:
        if request.host.partition(":")[0] not in _HOSTS:
            abort(403)
        offered = request.args.get(KEY_PARAMETER)
        if offered is not None and hmac.compare_digest(offered.encode(), key.encode()):
            session["opened"] = True
            return redirect(request.path, 303)
        if request.endpoint in _OPEN_ENDPOINTS or session.get("opened"):
            return None
        abort(403)
