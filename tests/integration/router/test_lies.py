"""Input that lies at the router: a stable problem, logged once, counted, and nothing is changed."""

from __future__ import annotations

import secrets

import pytest
import structlog
from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from werkzeug.test import TestResponse

from sentra.protocol import signing
from sentra.protocol.answer import unpack_answer
from sentra.protocol.envelope import Parcel, pack, unpack
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import now_ms
from tests.support.journals import Journal
from tests.support.knocking import assert_held, fields_of, knocks, signed_noise
from tests.support.lies import HAD, LIES, Lie

TABLES = ("held_segment", "held_head", "cached_revision", "branch_item")


def _counts(served: Running) -> tuple[int, ...]:
    with served.router.vault.reader() as db:
        return tuple(
            db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - our own
            for name in TABLES
        )


def _counted(lie: Lie, router: str) -> float:
    name = {
        "request": "sentra_requests_refused_total",
        "journal": "sentra_router_journals_odd_total",
    }[lie.where]
    labels = {"problem": lie.problem}
    if lie.where == "journal":
        labels |= {"outcome": "refused", "router": router}
    return REGISTRY.get_sample_value(name, labels) or 0.0


def _send(client: FlaskClient, journal: Journal, lie: Lie) -> TestResponse:
    nonce = secrets.token_bytes(signing.NONCE_BYTES)
    signed = signing.sign(
        journal.key, journal.terminal, lie.method, lie.target, lie.body, now_ms(), nonce
    )
    return client.open(
        lie.target, method=lie.method, data=lie.body, headers={signing.HEADER: signed}
    )


@pytest.mark.usefixtures("other")
def test_every_lie_has_its_problem_is_logged_once_counted_and_changes_nothing(
    served: Running,
    journal: Journal,
    other: Journal,
    logged: list[structlog.types.EventDict],
) -> None:
    client = served.router.app(tls=True).test_client()
    journal.sell(2 * HAD)
    other.sell(HAD)
    first = Lie("POST", "/v1/journal", pack([Parcel(journal.sealed(1, HAD))]), "journal", "")
    assert _send(client, journal, first).status_code == 200
    held = _counts(served)
    for name, make in LIES.items():
        lie = make(journal, other)
        before, lines = _counted(lie, served.router.name), len(logged)
        answer = _send(client, journal, lie)
        if lie.where == "request":
            assert answer.status_code in (400, 403, 409), name
            assert answer.json is not None
            assert answer.json["type"] == f"urn:sentra:problem:{lie.problem}", name
        else:
            assert answer.status_code == 200, name
            outcomes = unpack_answer(answer.data, unpack(lie.body)).outcomes
            mine = [one for one in outcomes if one.problem is not None]
            assert [(one.outcome, one.problem) for one in mine] == [("refused", lie.problem)], name
        assert _counted(lie, served.router.name) == before + 1, name
        warned = [line for line in logged[lines:] if line["log_level"] == "warning"]
        assert [line["problem"] for line in warned] == [lie.problem], name
        assert _counts(served) == held, name


def test_noise_from_a_true_till_is_never_a_500_and_changes_nothing(
    served: Running, journal: Journal
) -> None:
    app = served.router.app(tls=True)
    client, held = app.test_client(), _counts(served)
    for knock in signed_noise(app, each=8, seed=20261122):
        if knock.target.startswith("/v1/stream"):
            continue
        nonce, body = secrets.token_bytes(signing.NONCE_BYTES), knock.options["data"]
        signed = signing.sign(
            journal.key, journal.terminal, knock.method, knock.target, body, now_ms(), nonce
        )
        headers = [*knock.options["headers"], (signing.HEADER, signed)]
        answer = client.open(knock.target, method=knock.method, data=body, headers=headers)
        assert_held(knock, answer)
    assert _counts(served) == held


def test_the_pages_of_a_router_answer_no_odd_request_with_a_500(served: Running) -> None:
    app = served.router.app(tls=False)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    for knock in knocks(
        app, fields_of("router_agent"), ("482913",), each=4, seed=20261122,
        leave_out=lambda rule: "stream" in rule.endpoint,
    ):  # fmt: skip
        assert_held(knock, client.open(knock.target, method=knock.method, **knock.options))
