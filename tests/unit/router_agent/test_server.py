"""What the router's server writes into its log."""

from __future__ import annotations

import logging
import ssl

import structlog
from flask import Flask

from router_agent.inbound.server import ListeningServer


def test_a_line_that_breaks_within_tls_is_no_error_of_the_server() -> None:
    server = ListeningServer("127.0.0.1", 0, Flask("test"), threads=1, context=None)
    with structlog.testing.capture_logs() as logs:
        for error in (ssl.SSLZeroReturnError("closed"), ValueError("a fault of ours")):
            try:
                raise error
            except (ssl.SSLError, ValueError):
                server.error_log("Unhandled error", logging.ERROR, traceback=True)
    assert [line["log_level"] for line in logs] == ["debug", "error"]
