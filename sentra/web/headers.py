"""The security headers of every answer: what a browser may load, and who may frame the page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Flask, Response, request

# `data:` in img-src is for the masks inside Tabler's style sheet. No script, style or handler may
# stand in the page itself, so nothing that slips into it can run.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

PERMISSIONS_POLICY: Final = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "geolocation", "microphone", "payment", "usb", "browsing-topics")
)

HSTS_MAX_AGE_S: Final = 365 * 24 * 3600
"""A year, the least that browsers' preload lists take."""

DEVICES: Final = "/v1/"
"""Under this path devices ask, no browsers: with a good answer, what a page may load and do is not
said, which would be half a kilobyte on the line for each live sale."""


def install_headers(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer; HSTS only where the public address is https."""

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("X-Content-Type-Options", "nosniff")
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store")
        if request.path.startswith(DEVICES) and response.status_code == HTTPStatus.OK:
            return response
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if https:
            headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_MAX_AGE_S}")
        return response
