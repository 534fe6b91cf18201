"""The page's frame: whose router this is, and how to sign out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import session, url_for

from sentra.web.frames import StatusFrame

if TYPE_CHECKING:
    from router_agent.bootstrap import Router


def status_frame(router: Router) -> StatusFrame:
    """The frame of the present request. Time and version stand among the page's own figures."""
    identity = router.identity
    signed_in = "person" in session
    return StatusFrame(
        title=f"{identity.name} · {identity.branch_name}",
        sign_out_url=url_for("status.sign_out") if signed_in else "",
    )
