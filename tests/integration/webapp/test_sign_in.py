"""Signing in, staying signed in, and not being signed in any more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from tests.present import NOW_MS
from tests.support.backoffice import Clients, post, token_of
from tests.support.chain import PASSWORD
from webapp.bootstrap import create_webapp
from webapp.config import Settings
from webapp.sessions import IDLE_S, LIFETIME_S


def try_to_sign_in(client: FlaskClient, login: str, password: str, **fields: str) -> TestResponse:
    token = token_of(client, "/sign-in")
    data = {"login": login, "password": password, "csrf_token": token, **fields}
    return client.post("/sign-in", data=data)


def session_id(client: FlaskClient) -> str:
    cookie = client.get_cookie("sentra")
    return cookie.value if cookie else ""


def test_the_right_name_and_password_lead_to_the_first_page(webapp: Flask) -> None:
    answer = try_to_sign_in(webapp.test_client(), "RATNA ", PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/today")


def test_a_technician_lands_where_technicians_work(webapp: Flask) -> None:
    assert try_to_sign_in(webapp.test_client(), "teguh", PASSWORD).location == "/branches"


@pytest.mark.parametrize(
    ("login", "password"),
    [("ratna", "wrong password"), ("nobody", PASSWORD), ("", ""), ("Dewi", "246810")],
)
def test_whatever_is_wrong_the_answer_is_the_same(login: str, password: str, webapp: Flask) -> None:
    answer = try_to_sign_in(webapp.test_client(), login, password)
    assert answer.status_code == 422
    assert "do not belong together" in answer.text


def test_somebody_who_was_shut_out_cannot_sign_in_and_is_signed_out(
    webapp: Flask, signed_in: Clients, chain_engine: Engine
) -> None:
    client = signed_in("lestari")
    with chain_engine.begin() as connection:
        connection.execute(text("UPDATE app_user SET active = false WHERE login = 'lestari'"))
    assert client.get("/sales").location.startswith("/sign-in")
    assert try_to_sign_in(webapp.test_client(), "lestari", PASSWORD).status_code == 422


def test_the_page_that_was_wanted_opens_after_signing_in(webapp: Flask) -> None:
    client = webapp.test_client()
    asked = client.get("/sales?kind=refund")
    assert asked.location == "/sign-in?next=/sales?kind%3Drefund"
    answer = try_to_sign_in(client, "ratna", PASSWORD, next="/sales?kind=refund")
    assert answer.location == "/sales?kind=refund"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_led_to_another_site(target: str, webapp: Flask) -> None:
    answer = try_to_sign_in(webapp.test_client(), "ratna", PASSWORD, next=target)
    assert answer.location == "/today"


def test_the_session_gets_a_new_id_at_sign_in_and_the_old_one_is_worth_nothing(
    webapp: Flask,
) -> None:
    client = webapp.test_client()
    token_of(client, "/sign-in")
    planted = session_id(client)
    try_to_sign_in(client, "ratna", PASSWORD)
    assert session_id(client) not in ("", planted)
    thief = webapp.test_client()
    thief.set_cookie("sentra", planted)
    assert thief.get("/today").status_code == 303


def test_redis_does_not_know_the_id_that_the_cookie_has(
    signed_in: Clients, redis_client: RedisClient
) -> None:
    identity = session_id(signed_in())
    keys = [key.decode() for key in redis_client.keys("*")]  # type: ignore[union-attr]  # a single server answers at once
    assert keys
    assert not [key for key in keys if identity in key]


def test_signing_out_ends_the_session_for_good(webapp: Flask, signed_in: Clients) -> None:
    client = signed_in()
    identity = session_id(client)
    post(client, "/sign-out")
    client.set_cookie("sentra", identity)
    assert client.get("/today").status_code == 303


def test_a_session_ends_when_it_is_idle(signed_in: Clients, redis_client: RedisClient) -> None:
    client = signed_in()
    client.get("/account")
    lives = [redis_client.ttl(key) for key in redis_client.keys("session:*")]
    assert max(lives) == IDLE_S


def test_a_session_ends_at_its_absolute_end_however_it_is_used(
    settings: Settings, chain_engine: Engine, redis_client: RedisClient, company_keys: CompanyKeys
) -> None:
    now = [NOW_MS]
    app = create_webapp(
        settings,
        clock=lambda: now[0],
        engine=chain_engine,
        redis=redis_client,
        keys=company_keys,
    )
    client = app.test_client()
    try_to_sign_in(client, "ratna", PASSWORD)
    now[0] += LIFETIME_S * 1000 - 1
    assert client.get("/account").status_code == 200
    now[0] += 2
    assert client.get("/account").status_code == 303


def test_over_https_the_cookie_is_bound_to_the_host(
    settings: Settings, chain_engine: Engine, redis_client: RedisClient, company_keys: CompanyKeys
) -> None:
    app = create_webapp(
        replace(settings, public_url="https://office.example"),
        clock=lambda: NOW_MS,
        engine=chain_engine,
        redis=redis_client,
        keys=company_keys,
    )
    answer = app.test_client().get("/sign-in", base_url="https://office.example")
    [cookie] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-sentra=")]
    assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/" in cookie
    assert "SameSite=Lax" in cookie and "Domain" not in cookie


def test_guessing_at_one_account_is_stopped_and_others_go_on(webapp: Flask) -> None:
    client = webapp.test_client()
    token = token_of(client, "/sign-in")
    for _ in range(10):
        data = {"login": "budi", "password": "guess", "csrf_token": token}
        assert client.post("/sign-in", data=data).status_code == 422
    stopped = client.post(
        "/sign-in", data={"login": "Budi", "password": PASSWORD, "csrf_token": token}
    )
    assert stopped.status_code == 429
    assert try_to_sign_in(client, "ratna", PASSWORD).status_code == 303


def test_a_new_password_needs_the_present_one_and_ends_the_other_sessions(
    webapp: Flask, signed_in: Clients
) -> None:
    here, there = signed_in("lestari"), signed_in("lestari")
    new = "empat kata yang panjang"
    refused = post(here, "/account/password", current="wrong", new=new, again=new)
    assert refused.status_code == 422
    refused = post(here, "/account/password", current=PASSWORD, new="short", again="short")
    assert refused.status_code == 422
    refused = post(here, "/account/password", current=PASSWORD, new=new, again=new + "!")
    assert refused.status_code == 422
    assert post(here, "/account/password", current=PASSWORD, new=new, again=new).status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert try_to_sign_in(webapp.test_client(), "lestari", PASSWORD).status_code == 422
    assert try_to_sign_in(webapp.test_client(), "lestari", new).status_code == 303


def test_looks_are_kept_with_the_account(signed_in: Clients, chain_engine: Engine) -> None:
    client = signed_in()
    answer = post(client, "/account/looks", locale="id", theme="dark")
    assert answer.status_code == 303
    page = client.get("/account").text
    assert 'lang="id"' in page and 'data-bs-theme="dark"' in page
    assert "Tersimpan" in page
    with chain_engine.connect() as connection:
        row = connection.execute(
            text("SELECT locale, theme FROM app_user WHERE login = 'ratna'")
        ).one()
    assert tuple(row) == ("id", "dark")


def test_who_signed_in_is_in_the_audit_trail(signed_in: Clients, chain_engine: Engine) -> None:
    signed_in("budi")
    with chain_engine.connect() as connection:
        row = connection.execute(
            text("SELECT user_name, action, address FROM audit_entry ORDER BY seq DESC LIMIT 1")
        ).one()
    assert tuple(row) == ("Budi Santoso", "account.sign_in", "127.0.0.1")
