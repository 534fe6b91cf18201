"""The page's frame: whose router this is, and how to sign out."""

from __future__ import annotations

from flask import session, url_for

from router_agent.parts import RouterParts
from sentra.web.frames import StatusFrame


def status_frame(router: RouterParts) -> StatusFrame:
    """The frame of the present request. Time and version stand among the page's own figures."""
    identity = router.identity
    signed_in = "person" in session
    return StatusFrame(
        title=f"{identity.name} · {identity.branch_name}",
        sign_out_url=url_for("status.sign_out") if signed_in else "",
    )
