"""Input that lies at the service: a stable problem, logged once, counted, nothing changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from flask import Flask
from prometheus_client import REGISTRY
from sqlalchemy import Engine, func, select, table

from sentra.protocol import signing
from sentra.protocol.answer import unpack_answer
from sentra.protocol.envelope import Parcel, pack, unpack
from tests.integration.sync.conftest import TestDevice
from tests.support.journals import Journal
from tests.support.knocking import assert_held, signed_noise
from tests.support.lies import HAD, LIES, Lie

TABLES = (
    "journal_entry", "segment", "fork_segment", "sale", "exception", "hourly_sales", "journal_head"
)  # fmt: skip


@pytest.fixture
def logged(app: Flask) -> Iterator[list[structlog.types.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def _counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
            for name in TABLES
        }


def _counted(lie: Lie) -> float:
    name = {
        "request": "sentra_requests_refused_total",
        "journal": "sentra_sync_segments_refused_total",
    }[lie.where]
    return REGISTRY.get_sample_value(name, {"problem": lie.problem}) or 0.0


def test_every_lie_has_its_problem_is_logged_once_counted_and_changes_nothing(
    terminal: TestDevice, engine: Engine, logged: list[structlog.types.EventDict]
) -> None:
    mine, other = Journal(1), Journal(2)
    mine.terminal, mine.key = terminal.id, terminal.key
    mine.sell(2 * HAD)
    other.sell(HAD)
    assert terminal.post("/v1/journal", pack([Parcel(mine.sealed(1, HAD))])).status_code == 200
    held = _counts(engine)
    for name, make in LIES.items():
        lie = make(mine, other)
        before, lines = _counted(lie), len(logged)
        send = terminal.get if lie.method == "GET" else lambda t, b=lie.body: terminal.post(t, b)
        answer = send(lie.target)
        if lie.where == "request":
            assert answer.status_code in (400, 403, 409), name
            assert answer.json is not None
            assert answer.json["type"] == f"urn:sentra:problem:{lie.problem}", name
        else:
            assert answer.status_code == 200, name
            (outcome,) = unpack_answer(answer.data, unpack(lie.body)).outcomes
            assert (outcome.outcome, outcome.problem) == ("refused", lie.problem), name
        assert _counted(lie) == before + 1, name
        warned = [line for line in logged[lines:] if line["log_level"] == "warning"]
        assert [line["problem"] for line in warned] == [lie.problem], name
        assert _counts(engine) == held, name


def test_noise_from_a_true_device_is_never_a_500_and_changes_nothing(
    app: Flask, terminal: TestDevice, engine: Engine
) -> None:
    held = _counts(engine)
    for number, knock in enumerate(signed_noise(app, each=8, seed=20261122)):
        if knock.target.startswith("/v1/stream"):
            continue
        nonce = number.to_bytes(signing.NONCE_BYTES, "big")
        signed = terminal.sign(knock.method, knock.target, knock.options["data"], {"nonce": nonce})
        headers = [*knock.options["headers"], (signing.HEADER, signed)]
        answer = terminal.client.open(
            knock.target, method=knock.method, data=knock.options["data"], headers=headers
        )
        assert_held(knock, answer)
    assert _counts(engine) == held
