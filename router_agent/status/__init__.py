"""The status page for branch IT: one page that answers at a glance, behind a PIN, offline too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from router_agent.bootstrap import Router


def install_status(app: Flask, router: Router) -> None:
    """Adds the page's routes and its sign-in."""
    from router_agent.status.routes import StatusPages

    StatusPages(router).register(app)
