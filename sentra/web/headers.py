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
"""Under this path devices ask, with a signature that no browser can make. What a page may load and
do is not said with a good answer to them: it would be half a kilobyte on the line for each live
sale. A refusal says all of it, because anybody can cause one, also in a browser."""


def install_headers(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer; HSTS only where the public address is https."""

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        if request.path.startswith(DEVICES) and response.status_code == HTTPStatus.OK:
            if request.method != "POST":  # Nothing between keeps the answer to a POST.
                headers.setdefault("Cache-Control", "no-store")
            return response
        headers.setdefault("X-Content-Type-Options", "nosniff")
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if https:
            headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_MAX_AGE_S}")
        return response
