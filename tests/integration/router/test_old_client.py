"""The recorded requests of an older till at the present router, and of a newer till and cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from router_agent.outbound import store
from sentra.protocol import signing
from sentra.protocol.answer import unpack_answer
from sentra.protocol.entry import EMPTY, make_entry
from sentra.protocol.envelope import Parcel, pack, unpack
from sentra.protocol.feed import FeedItem, open_revision, seal_revision, unpack_page
from sentra.protocol.segment import seal
from tests.skew import recording
from tests.skew.recording import REQUESTS, with_fields
from tests.support.fake_cloud import FakeCloud, a_router


@pytest.fixture
def router(cloud: FakeCloud, tmp_path: Path) -> Iterator[Router]:
    """A router of the recorded branch, which has heard of its terminal from an old cloud."""
    folder = tmp_path / "old"
    cloud_key = recording.CLOUD_KEY.public_key()
    a_router(folder, cloud, branch_id=recording.BRANCH, cloud_public_key=cloud_key)
    made = Router(RouterSettings(folder), lambda: recording.AT_MS, "0.1.0")
    _, (revision,) = unpack_page(recording.BRANCH, recording.ANSWERS["feed"])
    made.shelf.cache(revision, open_revision(revision, cloud_key))
    yield made
    made.stop()


@pytest.fixture
def client(router: Router) -> FlaskClient:
    return router.app(tls=True).test_client()


def _post(client: FlaskClient, target: str, body: bytes) -> bytes:
    """A body truly signed by the recorded terminal; what a good answer said."""
    nonce = len(body).to_bytes(signing.NONCE_BYTES, "big")
    signed = signing.sign(
        recording.TERMINAL_KEY, recording.TERMINAL, "POST", target, body, recording.AT_MS, nonce
    )
    answer = client.post(target, data=body, headers={signing.HEADER: signed})
    assert answer.status_code == 200, answer.text
    return bytes(answer.data)


def _held(router: Router) -> list[bytes]:
    with router.vault.reader() as db:
        return list(store.segments_of(db, recording.TERMINAL))


def test_an_old_tills_segments_are_kept_to_the_very_bytes(
    router: Router, client: FlaskClient
) -> None:
    asked = REQUESTS["journal"]
    answer = client.post(asked.target, data=asked.body, headers=asked.headers)
    parcels = unpack(asked.body)
    (outcome,) = unpack_answer(answer.data, parcels).outcomes
    assert (outcome.outcome, outcome.appended) == ("appended", 4)
    assert _held(router) == [parcel.sealed for parcel in parcels]


def test_an_old_hello_and_an_old_question_for_the_feed_are_answered(client: FlaskClient) -> None:
    hello = REQUESTS["hello"]
    said = client.post(hello.target, data=hello.body, headers=hello.headers)
    assert said.json is not None
    assert (said.json["protocol"], said.json["feed"][recording.BRANCH]) == (1, 1)
    feed = client.get(REQUESTS["feed"].target, headers=REQUESTS["feed"].headers)
    assert unpack_page(recording.BRANCH, feed.data) == unpack_page(
        recording.BRANCH, recording.ANSWERS["feed"]
    )


def test_a_newer_tills_hello_may_say_more_and_speak_more(client: FlaskClient) -> None:
    body = with_fields(REQUESTS["hello"].body, protocols=[1, 2], mood="fine")
    assert json.loads(_post(client, "/v1/hello", body))["protocol"] == 1


def test_what_a_newer_till_records_is_kept_as_it_came(router: Router, client: FlaskClient) -> None:
    entry = make_entry(
        recording.TERMINAL, EMPTY, "loyalty.earned", 7, recording.AT_MS, "2026-11-22", b'{"n":1}'
    )
    sealed = seal([entry], recording.TERMINAL_KEY)
    _post(client, "/v1/journal", pack([Parcel(sealed)]))
    assert _held(router) == [sealed]


def test_what_a_newer_cloud_decides_is_passed_on_as_it_came(
    router: Router, client: FlaskClient
) -> None:
    items = [FeedItem("horoscope", "x", b'{"sign":"leo"}'), FeedItem("device", "y", b'{"id":9}')]
    newer = seal_revision(recording.BRANCH, 2, items, recording.CLOUD_KEY)
    router.shelf.cache(newer, items)
    feed = client.get(REQUESTS["feed"].target, headers=REQUESTS["feed"].headers)
    _, revisions = unpack_page(recording.BRANCH, feed.data)
    assert revisions[-1] == newer
    assert router.devices.find_terminal(recording.TERMINAL) is not None
