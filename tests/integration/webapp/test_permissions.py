"""Every door says who may pass, and keeps everybody else out."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.routing import Rule

from sentra.web.permissions import SIGNED_IN, permission_of, unguarded_endpoints
from tests.support.backoffice import Clients, token_of
from tests.support.chain import Chain
from webapp.roles import PERMISSIONS, ROLES

PUBLIC = {
    "account.sign_in",
    "healthz",
    "home",
    "metrics",
    "preferences.choose",
    "readyz",
    "static",
}
"""What a stranger may reach; a new one is added here on purpose or not at all."""


def address_of(rule: Rule, chain: Chain) -> str:
    """An address of the rule with ids of the chain in it."""
    branch = next(iter(chain.branches.values()))
    values = dict.fromkeys(rule.arguments, branch)
    _, address = rule.build(values, append_unknown=False)  # type: ignore[misc]  # always built
    return str(address)


def guarded(app: Flask) -> list[tuple[Rule, str, str]]:
    """(rule, permission, method) of everything that is not public."""
    found = []
    for rule in app.url_map.iter_rules():
        permission = permission_of(app, rule.endpoint)
        if permission is not None:
            found += [(rule, permission, m) for m in rule.methods or () if m in ("GET", "POST")]
    return found


def test_every_endpoint_says_who_may_call_it(webapp: Flask) -> None:
    assert unguarded_endpoints(webapp) == []


def test_the_public_endpoints_are_those_that_were_meant_to_be(webapp: Flask) -> None:
    endpoints = {rule.endpoint for rule in webapp.url_map.iter_rules()}
    assert {name for name in endpoints if permission_of(webapp, name) is None} == PUBLIC


def test_every_permission_that_a_route_needs_exists_and_somebody_has_it(webapp: Flask) -> None:
    needed = {permission for _, permission, _ in guarded(webapp)} - {SIGNED_IN}
    assert needed <= set(PERMISSIONS)
    assert needed <= ROLES["owner"]


def test_a_stranger_is_sent_to_the_sign_in_page_from_everywhere(
    webapp: Flask, chain: Chain
) -> None:
    client = webapp.test_client()
    token = token_of(client, "/sign-in")
    for rule, _, method in guarded(webapp):
        data = {"csrf_token": token} if method == "POST" else None
        answer = client.open(address_of(rule, chain), method=method, data=data)
        assert answer.status_code == 303, f"{method} {rule} answered {answer.status_code}"
        assert answer.location.startswith("/sign-in"), str(rule)


def test_a_cashier_is_refused_whatever_needs_a_permission(
    webapp: Flask, chain: Chain, signed_in: Clients
) -> None:
    client = signed_in("kasir")
    token = token_of(client, "/account")
    for rule, permission, method in guarded(webapp):
        if permission == SIGNED_IN:
            continue
        data = {"csrf_token": token} if method == "POST" else None
        answer = client.open(address_of(rule, chain), method=method, data=data)
        assert answer.status_code == 403, f"{method} {rule} answered {answer.status_code}"


@pytest.mark.parametrize("login", ["lestari", "teguh"])
def test_a_role_opens_just_what_its_permissions_say(
    login: str, webapp: Flask, chain: Chain, signed_in: Clients
) -> None:
    role = {"lestari": "bookkeeper", "teguh": "branch_it"}[login]
    client = signed_in(login)
    for rule, permission, method in guarded(webapp):
        if method == "GET" and permission != SIGNED_IN:
            answer = client.get(address_of(rule, chain))
            is_refused = answer.status_code == 403
            assert is_refused == (permission not in ROLES[role]), f"{rule} for a {role}"


def test_a_form_without_its_token_is_refused(chain: Chain, signed_in: Clients) -> None:
    client = signed_in()
    branch = chain.branches["SGT"]
    assert client.post(f"/branches/{branch}/codes", data={"role": "terminal"}).status_code == 400


def test_the_menu_shows_only_what_is_open(signed_in: Clients) -> None:
    page = signed_in("teguh").get("/account").text
    assert 'href="/branches"' in page
    assert 'href="/sales"' not in page
    assert 'href="/people"' not in page
