"""Logs are JSON lines that hold no secret; requests are counted by endpoint."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from flask import Flask
from prometheus_client import REGISTRY

from sentra import telemetry


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the logs of a configured process go; the configuration is undone afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    telemetry.configure_logging("till", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_log_line_is_one_json_object(lines: io.StringIO) -> None:
    structlog.get_logger("sale").info("sale completed", total=13_500, receipt="SGT-1-261122-0147")
    (line,) = lines.getvalue().splitlines()
    said = json.loads(line)
    assert said["event"] == "sale completed"
    assert (said["program"], said["logger"], said["level"]) == ("till", "sale", "info")
    assert said["total"] == 13_500
    assert said["at"].endswith("Z")


def test_the_logs_of_libraries_have_the_same_shape(lines: io.StringIO) -> None:
    logging.getLogger("gunicorn.error").warning("worker %d left", 7)
    said = json.loads(lines.getvalue())
    assert said["event"] == "worker 7 left"
    assert said["program"] == "till"


def test_an_exception_is_one_line_with_its_traceback_in_it(lines: io.StringIO) -> None:
    try:
        raise ValueError("the drawer is stuck")
    except ValueError:
        structlog.get_logger("drawer").exception("could not open")
    (line,) = lines.getvalue().splitlines()
    assert "the drawer is stuck" in json.loads(line)["exception"]


@pytest.mark.parametrize(
    "name", ["pin", "password", "vault_key", "secret", "token", "proof", "Authorization", "tokens"]
)
def test_what_is_named_like_a_secret_is_blanked(lines: io.StringIO, name: str) -> None:
    structlog.get_logger("x").info("seen", **{name: "483920", "facts": {name: "483920"}})
    assert "483920" not in lines.getvalue()
    assert json.loads(lines.getvalue())[name] == telemetry.REDACTED


def test_what_only_sounds_like_a_secret_is_kept(lines: io.StringIO) -> None:
    structlog.get_logger("x").info("seen", public_key="abc", keyboard="id", spinning=True)
    said = json.loads(lines.getvalue())
    assert (said["public_key"], said["keyboard"], said["spinning"]) == ("abc", "id", True)


def test_requests_are_counted_by_endpoint_and_status() -> None:
    app = Flask("of_a_test")
    telemetry.install_request_metrics(app, "of_a_test")

    @app.get("/sales/<number>")
    def sale(number: str) -> str:
        return number

    client = app.test_client()
    client.get("/sales/1")
    client.get("/sales/2")
    client.get("/nowhere")
    assert _count(endpoint="sale", status="200") == 2
    assert _count(endpoint="unknown", status="404") == 1


def _count(**labels: str) -> float | None:
    every = {"program": "of_a_test", "method": "GET"} | labels
    return REGISTRY.get_sample_value("sentra_http_requests_total", every)
