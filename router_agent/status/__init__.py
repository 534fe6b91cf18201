"""The status page for branch IT: one page that answers at a glance, behind a PIN, offline too."""

from __future__ import annotations

from flask import Flask

from router_agent.parts import RouterParts
from router_agent.status.routes import StatusPages


def install_status(app: Flask, router: RouterParts) -> None:
    """Adds the page's routes and its sign-in."""
    StatusPages(router).register(app)
