"""What the tills of one branch share through their router, over the wire."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest

from sentra.link.branch import board, offer_order, settle_order
from sentra.link.errors import LinkRefused
from sentra.protocol.branch import (
    BOARD,
    ORDER_BYTES_MAX,
    ORDER_CLAIM,
    ORDER_SETTLE,
    ORDERS,
    ClaimedOrder,
    Offer,
    OrderWord,
)
from tests.integration.router.asking import raw, slug_of
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import device_of
from tests.support.journals import Journal
from tests.support.sharing import an_offer

OFFER = an_offer()
WORD = msgspec.json.encode(OrderWord(parking_id=OFFER.parking_id))
POSTED = (ORDERS, ORDER_CLAIM, ORDER_SETTLE)
Until = Callable[..., None]


def test_an_order_parked_at_one_till_is_taken_up_at_another_while_the_internet_is_out(
    served: Running, journal: Journal, other: Journal
) -> None:
    served.cloud.down = True
    one, two = served.link(journal), served.link(other)
    offer_order(one, OFFER)
    [seen] = board(two).orders
    assert (seen.label, seen.parked_by, seen.total) == ("Meja 1", "Dewi", 45_000)
    assert seen.terminal == journal.terminal
    claimed = msgspec.json.decode(two.ask(ORDER_CLAIM, WORD), type=ClaimedOrder)
    assert msgspec.json.decode(claimed.offer, type=Offer) == OFFER
    with pytest.raises(LinkRefused) as refused:
        one.ask(ORDER_CLAIM, WORD)
    assert (refused.value.slug, refused.value.problem.status) == ("order-taken", 409)
    settle_order(two, OFFER.parking_id)
    seen_now = board(two)
    assert (seen_now.orders, seen_now.taken) == ((), ())
    [gone] = board(one).taken
    assert (gone.parking_id, gone.terminal) == (OFFER.parking_id, other.terminal)


def test_what_a_newer_till_says_besides_is_passed_on_as_it_came(
    served: Running, journal: Journal, other: Journal
) -> None:
    told = msgspec.json.decode(msgspec.json.encode(OFFER)) | {"colour": "red"}
    served.link(journal).ask(ORDERS, msgspec.json.encode(told))
    claimed = msgspec.json.decode(served.link(other).ask(ORDER_CLAIM, WORD), type=ClaimedOrder)
    assert msgspec.json.decode(claimed.offer) == told


def test_the_other_tills_hear_of_an_order_and_the_one_that_parked_it_does_not(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    heard: dict[str, list[str]] = {journal.terminal: [], other.terminal: []}
    stop = threading.Event()

    def listen(one: Journal) -> None:
        for word in served.link(one).wakes(stop):
            heard[one.terminal].append(word)

    for one in (journal, other):
        threading.Thread(target=listen, args=(one,), daemon=True).start()
    until(lambda: served.router.streams.count == 2)
    offer_order(served.link(journal), OFFER)
    offer_order(served.link(journal), OFFER)
    served.router.streams.tell_feed("company")
    until(lambda: all("feed" in words for words in heard.values()))
    stop.set()
    assert heard == {journal.terminal: ["feed"], other.terminal: ["branch", "feed"]}


def test_nobody_but_the_branchs_own_terminals_is_answered(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    requests = [("GET", BOARD), *(("POST", path) for path in POSTED)]
    for method, path in requests:
        for by, signed, problem in (
            (journal, {"unsigned": True}, (401, "signature-wrong")),
            (journal, {"key": other.key}, (401, "signature-wrong")),
            (Journal(9), {}, (401, "device-unknown")),
        ):
            assert slug_of(raw(served, by, method, path, **signed)) == problem, path
    served.cloud.publish_branch(device_of(journal), device_of(other, revoked=True))
    until(lambda: any(device.revoked for device in served.router.devices.all()))
    for method, path in requests:
        assert slug_of(raw(served, other, method, path)) == (403, "device-revoked"), path


def test_a_body_that_is_none_is_malformed_and_changes_nothing(
    served: Running, journal: Journal
) -> None:
    bent = (b"", b"{}", b"[" * 5_000, b"\xff\xfe", WORD.replace(b"-", b"_"), b'{"parking_id":7}')
    for path in POSTED:
        for body in bent:
            answer = raw(served, journal, "POST", path, body)
            assert slug_of(answer) == (400, "malformed"), (path, body[:20])
    assert board(served.link(journal)).orders == ()


def test_an_order_that_is_too_large_is_refused(served: Running, journal: Journal) -> None:
    try:
        status, _ = raw(served, journal, "POST", ORDERS, b" " * (ORDER_BYTES_MAX + 1))
    except OSError:
        status = 413  # The router hung up before all of it was sent, which says the same.
    assert status == 413
    assert board(served.link(journal)).orders == ()
