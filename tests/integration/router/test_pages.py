"""The page's doors: who may see it, wrong PINs, forged forms, and a person who was removed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sentra.web.permissions import unguarded_endpoints
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import PIN, device_of, person
from tests.support.journals import Journal
from tests.support.tills import BRANCH

Until = Callable[..., None]
TECHNICIAN = person(1, "Rudi", "branch_it")
SUPERVISOR = person(2, "Sari", "supervisor")
CASHIER = person(3, "Dewi", "cashier")
OTHER_PIN = "906154"


@pytest.fixture
def app(running: Running, until: Until) -> Flask:
    """The page's app of a running router that knows three people."""
    running.cloud.publish_branch(device_of(Journal(1)), people=[TECHNICIAN, SUPERVISOR, CASHIER])
    until(lambda: running.router.shelf.feed_cursor(BRANCH) == 1)
    return running.router.app(tls=False)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token(client: FlaskClient) -> str:
    page = client.get("/sign-in?lang=en").get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page
    return found.group(1)


def try_pin(client: FlaskClient, who: str, pin: str) -> TestResponse:
    form = {"csrf_token": token(client), "person": who, "pin": pin}
    return client.post("/sign-in", data=form)


def test_every_address_says_who_may_see_it(app: Flask, running: Running) -> None:
    assert unguarded_endpoints(app) == []
    assert unguarded_endpoints(running.router.app(tls=True)) == []


@pytest.mark.parametrize("path", ["/", "/now", "/details"])
def test_a_stranger_is_sent_to_the_sign_in(path: str, client: FlaskClient) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    within = client.get(path, headers={"HX-Request": "true"})
    assert within.headers["HX-Redirect"] == "/sign-in"
    assert b"Kasir" not in within.data


def test_a_stranger_may_not_act(client: FlaskClient) -> None:
    answer = client.post("/try-now", data={"csrf_token": token(client)})
    assert (answer.status_code, answer.location) == (303, "/sign-in")


def test_branch_it_signs_in_with_the_pin_and_may_act(client: FlaskClient) -> None:
    assert try_pin(client, TECHNICIAN.id, PIN).location == "/"
    page = client.get("/")
    assert page.status_code == 200
    assert "SGT-R1" in page.get_data(as_text=True)
    assert client.post("/try-now", data={"csrf_token": token(client)}).location == "/"
    answer = client.post(
        "/try-now", data={"csrf_token": token(client)}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert "sentra:toast" in answer.headers["HX-Trigger"]
    assert b'id="now"' in answer.data


def test_a_supervisor_sees_the_page_and_may_not_act(client: FlaskClient) -> None:
    try_pin(client, SUPERVISOR.id, PIN)
    assert client.get("/").status_code == 200
    assert client.post("/try-now", data={"csrf_token": token(client)}).status_code == 403


def test_a_cashier_is_not_on_the_list_and_is_refused_when_named(client: FlaskClient) -> None:
    assert CASHIER.name not in client.get("/sign-in").get_data(as_text=True)
    answer = try_pin(client, CASHIER.id, PIN)
    assert answer.status_code == 422
    assert "Choose your name from the list" in answer.get_data(as_text=True)


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    answer = client.post("/sign-in", data={"person": TECHNICIAN.id, "pin": PIN})
    assert answer.status_code == 400
    assert client.get("/").status_code == 303


def test_the_wrong_pin_opens_nothing(client: FlaskClient) -> None:
    for pin in ("000000", "", "48291", "４８２９１３", "x" * 5_000):
        answer = try_pin(client, TECHNICIAN.id, pin)
        assert answer.status_code == 422
        assert "That PIN is not right" in answer.get_data(as_text=True)
        assert client.get("/").status_code == 303
    sixth = try_pin(client, TECHNICIAN.id, PIN).get_data(as_text=True)
    assert "Too many wrong PINs. Try again in" in sixth


def test_ten_wrong_pins_lock_the_name_also_for_the_right_pin_and_after_a_restart(
    client: FlaskClient, running: Running
) -> None:
    said = ""
    for _ in range(10):
        said = try_pin(client, TECHNICIAN.id, OTHER_PIN).get_data(as_text=True)
        running.clock.ahead_ms += 60 * 60_000  # Whoever guesses is patient.
    running.clock.ahead_ms -= 60 * 60_000
    said = try_pin(client, TECHNICIAN.id, PIN).get_data(as_text=True)
    assert "this name is locked at this router for 12 more hours" in said
    assert client.get("/").status_code == 303
    running.stop()
    running.start()
    again = running.router.app(tls=False).test_client()
    assert try_pin(again, TECHNICIAN.id, PIN).status_code == 422
    assert try_pin(again, SUPERVISOR.id, PIN).location == "/", "the others are not locked"
    running.clock.ahead_ms += 13 * 60 * 60_000
    assert try_pin(again, TECHNICIAN.id, PIN).location == "/"


def test_pins_tried_at_the_same_time_are_counted_one_by_one(app: Flask) -> None:
    said: list[str] = []

    def guess(pin: str) -> None:
        client = app.test_client()
        said.append(try_pin(client, TECHNICIAN.id, pin).get_data(as_text=True))

    guesses = [threading.Thread(target=guess, args=(f"{n:06}",)) for n in range(12)]
    for one in guesses:
        one.start()
    for one in guesses:
        one.join()
    looked_at = sum("That PIN is not right" in one for one in said)
    assert looked_at == 5, "four free tries, and the fifth brings the wait"


def test_somebody_removed_in_the_back_office_is_out_at_once(
    client: FlaskClient, running: Running, until: Until
) -> None:
    try_pin(client, TECHNICIAN.id, PIN)
    assert client.get("/").status_code == 200
    left = person(1, "Rudi", "cashier")
    running.cloud.publish(BRANCH, ("person", left))
    until(lambda: client.get("/").status_code == 303)


def test_signing_out_forgets_the_person(client: FlaskClient) -> None:
    try_pin(client, TECHNICIAN.id, PIN)
    assert client.post("/sign-out", data={"csrf_token": token(client)}).location == "/sign-in"
    assert client.get("/").status_code == 303


def test_signed_in_stays_signed_in_over_a_restart(client: FlaskClient, running: Running) -> None:
    try_pin(client, TECHNICIAN.id, PIN)
    cookie = client.get_cookie("sentra")
    assert cookie is not None
    running.stop()
    running.start()
    again = running.router.app(tls=False).test_client()
    again.set_cookie("sentra", cookie.value)
    assert again.get("/").status_code == 200


def test_the_page_on_the_network_signs_in_over_tls_alone(running: Running) -> None:
    assert running.router.app(tls=True).config["SESSION_COOKIE_SECURE"]


def test_the_protocol_is_not_served_without_tls(client: FlaskClient) -> None:
    assert client.post("/v1/hello", data=b"{}").status_code in (400, 404)
    assert client.get("/v1/feed").status_code == 404


def test_the_companys_certificate_can_be_fetched_and_no_key_with_it(
    client: FlaskClient, running: Running
) -> None:
    pem = client.get("/ca.pem").get_data(as_text=True)
    assert pem == running.cloud.authority.anchors
    assert "PRIVATE" not in pem


def test_both_languages(client: FlaskClient) -> None:
    assert "Masuk" in client.get("/sign-in?lang=id").get_data(as_text=True)
    assert "Sign in" in client.get("/sign-in?lang=en").get_data(as_text=True)
