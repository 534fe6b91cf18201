"""Odd requests at every door of the till: no 500, and a journal that holds."""

from __future__ import annotations

from werkzeug.routing import Rule

from pos_shell.payment.actions import complete_sale
from pos_shell.sale import actions
from sentra.domain.payment import Offer
from sentra.vault import journal
from tests.integration.pos_shell.test_pages import Browser, selling
from tests.support.knocking import assert_held, fields_of, knocks
from tests.support.shop import DEWI, KEY, RUDI_PIN

__all__ = ["selling"]

EACH = 3


def _ends_or_waits(rule: Rule) -> bool:
    """Who signs out or closes the shift finds the other doors closed; a stream does not end."""
    ends = ("cashier.", "shift.close", "enrolment.")
    return rule.endpoint.startswith(ends) or "stream" in rule.endpoint or "events" in rule.endpoint


def test_no_door_answers_an_odd_request_with_a_500(selling: Browser) -> None:
    shop, client = selling.shop, selling.client
    client.application.testing = False
    cart = actions.scan(shop.till, DEWI, shop.tea.code)
    sale = complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", 5_000)])
    true_values = (shop.tea.code, shop.tea.id, sale, DEWI.id, RUDI_PIN, "1", "cash", KEY)
    app = client.application
    for knock in knocks(
        app, fields_of("pos_shell"), true_values, each=EACH, seed=20261122, leave_out=_ends_or_waits
    ):
        assert_held(knock, client.open(knock.target, method=knock.method, **knock.options))
    with shop.till.vault.reader() as db:
        assert journal.verify(db, shop.till.identity) == []
