"""Odd requests at every door of the back office, by somebody who may do everything."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import Rule

from tests.support.backoffice import Clients
from tests.support.chain import Chain
from tests.support.knocking import assert_held, fields_of, knocks

EACH = 2


def _ends_or_waits(rule: Rule) -> bool:
    """A session that ends would close the other doors; a stream does not end."""
    return any(word in rule.endpoint for word in ("sign_out", "stream", "live"))


def test_no_door_answers_an_odd_request_with_a_500(
    webapp: Flask, chain: Chain, signed_in: Clients
) -> None:
    client = signed_in()
    webapp.config["WTF_CSRF_ENABLED"] = False
    webapp.testing = False
    ids = [*chain.branches.values(), *chain.people.values(), *(t.id for t in chain.tills.values())]
    for knock in knocks(
        webapp, fields_of("webapp"), ids, each=EACH, seed=20261122, leave_out=_ends_or_waits
    ):
        assert_held(knock, client.open(knock.target, method=knock.method, **knock.options))
    assert client.get("/account").status_code == 200
