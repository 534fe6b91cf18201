"""The recorded requests of an older till and router at the present service, and a newer till's."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from sentra.cloud import tables
from sentra.protocol import signing
from sentra.protocol.answer import unpack_answer
from sentra.protocol.entry import EMPTY, Entry, head_of, make_entry
from sentra.protocol.envelope import Parcel, pack, unpack
from sentra.protocol.feed import unpack_page
from sentra.protocol.segment import seal
from syncd.service.verify import verify_cloud
from tests.integration.sync.conftest import Clock
from tests.skew import recording
from tests.skew.recording import REQUESTS, Request, with_fields

DAY = "2026-11-22"


@pytest.fixture(autouse=True)
def at_that_time(
    clock: Clock,
    engine: Engine,
    make_branch: object,
    monkeypatch: pytest.MonkeyPatch,
    client: FlaskClient,  # the app, which is made before anything is asked of it
) -> None:
    """The service at the time of the recording, with its branch and its devices."""
    clock.now_ms = recording.AT_MS
    monkeypatch.setattr("sentra.cloud.branches.new_id", lambda _at_ms: recording.BRANCH)
    assert callable(make_branch)
    make_branch("SGT")
    devices = (
        (recording.TERMINAL, "terminal", recording.TERMINAL_KEY),
        (recording.ROUTER, "router", recording.ROUTER_KEY),
    )
    with engine.begin() as connection:
        for device, role, key in devices:
            connection.execute(
                tables.device.insert().values(
                    id=device,
                    role=role,
                    branch_id=recording.BRANCH,
                    number=1,
                    name=role,
                    public_key=key.public_key().public_bytes_raw().hex(),
                    enrolled_at_ms=recording.AT_MS,
                )
            )


def _send(client: FlaskClient, asked: Request) -> TestResponse:
    return client.open(asked.target, method=asked.method, data=asked.body, headers=asked.headers)


def _anew(body: bytes, target: str, number: int = 1) -> Request:
    """Another body, truly signed by the recorded terminal."""
    nonce = number.to_bytes(signing.NONCE_BYTES, "big")
    signed = signing.sign(
        recording.TERMINAL_KEY, recording.TERMINAL, "POST", target, body, recording.AT_MS, nonce
    )
    return Request("POST", target, body, signed)


def _stored(engine: Engine) -> list[tuple[bytes, bytes]]:
    with engine.connect() as connection:
        assert verify_cloud(connection).differences == []
        rows = connection.execute(text("SELECT hash, body FROM journal_entry ORDER BY seq"))
        return [(bytes(digest), bytes(body)) for digest, body in rows]


@pytest.mark.parametrize("name", ["journal", "journal of a router"])
def test_an_old_envelope_is_stored_to_the_very_bytes(
    client: FlaskClient, engine: Engine, name: str
) -> None:
    answer = _send(client, REQUESTS[name])
    (outcome,) = unpack_answer(answer.data, unpack(REQUESTS[name].body)).outcomes
    assert (outcome.outcome, outcome.appended) == ("appended", 4)
    assert _stored(engine) == list(zip(recording.HASHES, recording.BODIES, strict=True))
    with engine.connect() as connection:
        sales = connection.execute(text("SELECT count(*), sum(total) FROM sale")).one()
        assert connection.execute(text("SELECT count(*) FROM exception")).scalar_one() == 0
    assert tuple(sales) == (3, 216_000)


def test_an_old_hello_and_an_old_question_for_the_feed_are_answered(client: FlaskClient) -> None:
    hello = _send(client, REQUESTS["hello"])
    assert hello.status_code == 200
    assert hello.json is not None
    assert (hello.json["protocol"], hello.json["here"][recording.TERMINAL]["seq"]) == (1, 0)
    feed = _send(client, REQUESTS["feed"])
    head, revisions = unpack_page(recording.BRANCH, feed.data)
    assert head == len(revisions) > 0


def test_a_newer_tills_hello_may_say_more_and_speak_more(client: FlaskClient) -> None:
    body = with_fields(REQUESTS["hello"].body, protocols=[1, 2], mood="fine", lanes=[{"a": 1}])
    answer = _send(client, _anew(body, "/v1/hello"))
    assert answer.status_code == 200
    assert json.loads(answer.data)["protocol"] == 1


def test_what_a_newer_till_records_is_kept_as_it_came_and_set_aside(
    client: FlaskClient, engine: Engine
) -> None:
    known = json.loads(recording.BODIES[1]) | {"points_earned": 72}
    facts = (
        ("shift.opened", 1, recording.BODIES[0]),
        ("sale.completed", 1, json.dumps(known).encode()),
        ("loyalty.earned", 1, b'{"points":72,"of":["a","b"]}'),
        ("sale.completed", 9, b'{"sale":{"everything":"elsewhere"}}'),
    )
    entries: list[Entry] = []
    head = EMPTY
    for kind, schema, body in facts:
        made = make_entry(recording.TERMINAL, head, kind, schema, recording.AT_MS, DAY, body)
        entries.append(made)
        head = head_of(made)
    sent = pack([Parcel(seal(entries, recording.TERMINAL_KEY))])
    (outcome,) = unpack_answer(
        _send(client, _anew(sent, "/v1/journal")).data, unpack(sent)
    ).outcomes
    assert (outcome.outcome, outcome.appended) == ("appended", 4)
    assert _stored(engine) == [(entry.hash, entry.body) for entry in entries]
    with engine.connect() as connection:
        kinds = connection.execute(text("SELECT kind, seq FROM exception ORDER BY seq")).all()
        assert connection.execute(text("SELECT count(*) FROM sale")).scalar_one() == 1
    assert [tuple(row) for row in kinds] == [("fact-unknown", 3), ("fact-unknown", 4)]
