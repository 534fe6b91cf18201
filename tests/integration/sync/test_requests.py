"""Every request of the protocol, good and bad, at the app: bad input changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from sentra.cloud import devices
from sentra.cloud.keys import CompanyKeys
from sentra.protocol import signing
from sentra.protocol.answer import unpack_answer
from sentra.protocol.entry import make_entry
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Custody, Parcel, pack, unpack
from sentra.protocol.feed import COMPANY, open_revision, unpack_page
from sentra.protocol.messages import (
    HelloAnswer,
    watermark_is_true,
)
from sentra.protocol.segment import seal
from tests.integration.sync.conftest import Clock, TestDevice
from tests.integration.sync.requests import a_hello, a_journal, counts, refused_count, slug_of
from tests.present import NOW_MS
from tests.support.journals import DAY


@pytest.fixture
def unchanged(engine: Engine) -> Callable[[], bool]:
    """Whether the tables still hold nothing."""
    return lambda: not any(counts(engine).values())


def test_a_sale_is_appended_projected_and_acknowledged(
    terminal: TestDevice, engine: Engine, company_keys: CompanyKeys
) -> None:
    journal = a_journal(terminal)
    parcels = [Parcel(journal.sealed(1, 3))]
    answered = terminal.post("/v1/journal", pack(parcels))
    assert answered.status_code == 200
    (outcome,) = unpack_answer(answered.data, parcels).outcomes
    assert (outcome.outcome, outcome.appended) == ("appended", 3)
    assert outcome.here.to_head() == journal.head
    assert outcome.cloud is not None
    assert outcome.cloud.head.to_head() == journal.head
    assert watermark_is_true(outcome.cloud, company_keys.signing_key.public_key())
    assert counts(engine) == {
        "journal_entry": 3,
        "segment": 1,
        "fork_segment": 0,
        "sale": 3,
        "exception": 0,
        "hourly_sales": 1,
    }


def test_the_same_envelope_again_changes_nothing(terminal: TestDevice, engine: Engine) -> None:
    envelope = pack([Parcel(a_journal(terminal).sealed(1, 3))])
    terminal.post("/v1/journal", envelope)
    before = counts(engine)
    answered = terminal.post("/v1/journal", envelope)
    (outcome,) = unpack_answer(answered.data, unpack(envelope)).outcomes
    assert (outcome.outcome, outcome.appended) == ("already", 0)
    assert counts(engine) == before


def test_a_router_brings_its_branchs_journals_with_its_own_stamp(
    terminal: TestDevice, router: TestDevice, engine: Engine
) -> None:
    sealed = a_journal(terminal).sealed(1, 3)
    parcels = [Parcel(sealed, Custody(router.id, NOW_MS - 5_000))]
    answered = router.post("/v1/journal", pack(parcels))
    (outcome,) = unpack_answer(answered.data, parcels).outcomes
    assert outcome.outcome == "appended"
    with engine.connect() as connection:
        stamp = connection.execute(
            text("SELECT custody_router::text, custody_at_ms, delivered_by::text FROM segment")
        ).one()
        via = connection.execute(
            text("SELECT via::text FROM device WHERE id = :id"), {"id": terminal.id}
        ).scalar_one()
    assert tuple(stamp) == (router.id, NOW_MS - 5_000, router.id)
    assert via == router.id


def test_a_device_of_another_branch_brings_nothing(
    make_branch: Callable[..., str],
    make_device: Callable[..., TestDevice],
    terminal: TestDevice,
    unchanged: Callable[[], bool],
) -> None:
    stranger = make_device(make_branch("JYP"), "router", 1)
    parcels = [Parcel(a_journal(terminal).sealed(1, 3))]
    answered = stranger.post("/v1/journal", pack(parcels))
    (outcome,) = unpack_answer(answered.data, parcels).outcomes
    assert (outcome.outcome, outcome.problem) == ("refused", "device-unknown")
    assert unchanged()


def test_a_terminal_brings_no_other_terminals_journal(
    make_device: Callable[..., TestDevice], terminal: TestDevice, unchanged: Callable[[], bool]
) -> None:
    other = make_device(terminal.branch_id, "terminal", 2)
    parcels = [Parcel(a_journal(terminal).sealed(1, 3))]
    answered = other.post("/v1/journal", pack(parcels))
    (outcome,) = unpack_answer(answered.data, parcels).outcomes
    assert (outcome.outcome, outcome.problem) == ("refused", "device-unknown")
    assert unchanged()


def test_one_bad_journal_does_not_hold_the_others(
    make_device: Callable[..., TestDevice],
    terminal: TestDevice,
    router: TestDevice,
    engine: Engine,
) -> None:
    other = make_device(terminal.branch_id, "terminal", 2)
    good, bad = a_journal(terminal), a_journal(other)
    bad.key = Ed25519PrivateKey.generate()
    parcels = [Parcel(bad.sealed(1, 3)), Parcel(good.sealed(1, 3))]
    answered = router.post("/v1/journal", pack(parcels))
    outcomes = unpack_answer(answered.data, parcels).outcomes
    assert {one.terminal: (one.outcome, one.problem) for one in outcomes} == {
        terminal.id: ("appended", None),
        other.id: ("refused", "signature-wrong"),
    }
    assert counts(engine)["sale"] == 3


def test_a_segment_altered_at_rest_is_refused_and_changes_nothing(
    terminal: TestDevice, unchanged: Callable[[], bool]
) -> None:
    sealed = bytearray(a_journal(terminal).sealed(1, 3))
    sealed[len(sealed) // 2] ^= 1
    parcels = [Parcel(bytes(sealed))]
    answered = terminal.post("/v1/journal", pack(parcels))
    (outcome,) = unpack_answer(answered.data, parcels).outcomes
    assert outcome.outcome == "refused"
    assert outcome.problem in {"segment-damaged", "chain-broken"}
    assert unchanged()


@pytest.mark.parametrize("cut", [0, 3, 5, 40, -1])
def test_a_truncated_envelope_is_a_problem_and_changes_nothing(
    terminal: TestDevice, unchanged: Callable[[], bool], cut: int
) -> None:
    before = refused_count("envelope-damaged")
    body = pack([Parcel(a_journal(terminal).sealed(1, 3))])[:cut]
    answered = terminal.post("/v1/journal", body)
    problem = answered.get_json(force=True)
    assert answered.status_code == 400
    assert answered.mimetype == "application/problem+json"
    assert problem["type"] == "urn:sentra:problem:envelope-damaged"
    assert problem["retry"] is False
    assert refused_count("envelope-damaged") == before + 1
    assert unchanged()


def test_a_bit_flipped_on_the_way_fails_the_requests_signature(
    terminal: TestDevice, unchanged: Callable[[], bool]
) -> None:
    body = pack([Parcel(a_journal(terminal).sealed(1, 3))])
    signature = terminal.sign("POST", "/v1/journal", body)
    flipped = body[:-20] + bytes([body[-20] ^ 4]) + body[-19:]
    answered = terminal.client.post(
        "/v1/journal", data=flipped, headers={signing.HEADER: signature}
    )
    assert (answered.status_code, slug_of(answered)) == (401, "signature-wrong")
    assert unchanged()


def test_an_unsigned_request_is_refused(client: FlaskClient, company: object) -> None:
    for target in ("/v1/hello", "/v1/journal"):
        answered = client.post(target, data=b"{}")
        assert (answered.status_code, slug_of(answered)) == (401, "signature-wrong")
    for target in ("/v1/feed?scope=company", "/v1/stream"):
        answered = client.get(target)
        assert (answered.status_code, slug_of(answered)) == (401, "signature-wrong")


def test_a_device_that_nobody_enrolled_is_unknown(
    client: FlaskClient, terminal: TestDevice
) -> None:
    terminal.id = "01a20201-c480-7a5e-81ae-91983f389099"
    answered = terminal.get("/v1/feed?scope=company")
    assert (answered.status_code, slug_of(answered)) == (401, "device-unknown")
    answered = client.get("/v1/feed?scope=company", headers={signing.HEADER: "v1 x y z"})
    assert (answered.status_code, slug_of(answered)) == (401, "signature-wrong")


def test_an_old_clock_is_told_the_time_and_may_retry(terminal: TestDevice) -> None:
    wrong_ms = NOW_MS - signing.WINDOW_MS - 1
    answered = terminal.post("/v1/hello", a_hello(terminal), time_ms=wrong_ms)
    problem = answered.get_json(force=True)
    assert (answered.status_code, slug_of(answered)) == (401, "clock-skew")
    assert problem["server_time_ms"] == NOW_MS
    assert problem["retry"] is True


def test_a_replayed_request_is_refused(terminal: TestDevice, clock: Clock) -> None:
    nonce = secrets.token_bytes(signing.NONCE_BYTES)
    assert terminal.post("/v1/hello", a_hello(terminal), nonce=nonce).status_code == 200
    answered = terminal.post("/v1/hello", a_hello(terminal), nonce=nonce)
    assert (answered.status_code, slug_of(answered)) == (409, "nonce-replayed")


def test_an_oversized_body_is_refused_before_it_is_read(
    terminal: TestDevice, unchanged: Callable[[], bool]
) -> None:
    answered = terminal.post("/v1/journal", bytes(ENVELOPE_BYTES_MAX + 1))
    assert (answered.status_code, slug_of(answered)) == (413, "too-large")
    answered = terminal.post("/v1/hello", bytes(300_000))
    assert (answered.status_code, slug_of(answered)) == (413, "too-large")
    assert unchanged()


def test_the_feed_gives_the_companys_and_the_own_branchs_revisions(
    terminal: TestDevice, company_keys: CompanyKeys
) -> None:
    for scope in (COMPANY, terminal.branch_id):
        answered = terminal.get(f"/v1/feed?scope={scope}&after=0")
        head, revisions = unpack_page(scope, answered.data)
        assert [one.revision for one in revisions] == list(range(1, head + 1))
        for one in revisions:
            assert open_revision(one, company_keys.signing_key.public_key())
        assert unpack_page(scope, terminal.get(f"/v1/feed?scope={scope}&after={head}").data) == (
            head,
            [],
        )


def test_the_feed_of_another_branch_is_refused(
    terminal: TestDevice, make_branch: Callable[..., str]
) -> None:
    for scope in (make_branch("JYP"), "", "company'"):
        answered = terminal.get(f"/v1/feed?scope={scope}&after=0")
        assert (answered.status_code, slug_of(answered)) == (403, "scope-refused")


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30, "٣"])
def test_a_cursor_that_is_no_number_is_malformed(terminal: TestDevice, after: str) -> None:
    answered = terminal.get("/v1/feed?" + f"scope=company&after={after}")
    assert answered.status_code in (400, 401)
    if answered.status_code == 400:
        assert slug_of(answered) == "malformed"


def test_a_revoked_device_gets_no_feed_but_its_facts_are_taken_and_flagged(
    terminal: TestDevice, engine: Engine, company_keys: CompanyKeys, clock: Clock
) -> None:
    journal = a_journal(terminal)
    with engine.begin() as connection:
        devices.revoke(connection, terminal.id, now_ms=NOW_MS, signing_key=company_keys.signing_key)
    clock.now_ms += 6_000
    for target in ("/v1/feed?scope=company&after=0", "/v1/stream"):
        answered = terminal.get(target)
        assert (answered.status_code, slug_of(answered)) == (403, "device-revoked")
    hello = msgspec.json.decode(
        terminal.post("/v1/hello", a_hello(terminal)).data, type=HelloAnswer
    )
    assert (hello.feed, hello.notices) == ({}, ("device-revoked",))
    parcels = [Parcel(journal.sealed(1, 3))]
    answered = terminal.post("/v1/journal", pack(parcels))
    (outcome,) = unpack_answer(answered.data, parcels).outcomes
    assert outcome.outcome == "appended"
    with engine.connect() as connection:
        kinds = connection.execute(text("SELECT kind FROM exception")).scalars().all()
    assert kinds == ["device-revoked"]


def test_an_unknown_kind_is_kept_and_set_aside(terminal: TestDevice, engine: Engine) -> None:
    journal = a_journal(terminal, 0)
    entry = make_entry(terminal.id, journal.head, "coupon.used", 7, NOW_MS, DAY, b'{"a":1}')
    parcels = [Parcel(seal([entry], terminal.key))]
    answered = terminal.post("/v1/journal", pack(parcels))
    (outcome,) = unpack_answer(answered.data, parcels).outcomes
    assert outcome.outcome == "appended"
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, seq FROM exception")).all()
        body = connection.execute(text("SELECT body FROM journal_entry")).scalar_one()
    assert [tuple(row) for row in rows] == [("fact-unknown", 1)]
    assert bytes(body) == b'{"a":1}'


def test_health_readiness_and_metrics_answer_without_a_signature(
    client: FlaskClient, terminal: TestDevice
) -> None:
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.get_json() == {"ready": True, "parts": {"database": "ok", "redis": "ok"}}
    terminal.post("/v1/journal", pack([Parcel(a_journal(terminal).sealed(1, 3))]))
    told = client.get("/metrics").text
    assert "sentra_sync_entries_total" in told
    assert 'sentra_sync_journals_total{outcome="appended"}' in told
