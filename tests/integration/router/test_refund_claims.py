"""Refunds across the tills of a branch: found by the receipt, claimed, settled by the fact."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from router_agent.outbound import ledger
from router_agent.outbound.refund_claims import CLAIM_MS
from sentra.events import RefundCompleted, SaleCompleted
from sentra.link.client import Link
from sentra.link.errors import LinkRefused
from sentra.protocol.bodies import decode_fact
from sentra.protocol.branch import (
    REFUND_CLAIM,
    SALE,
    FactNote,
    FindSale,
    FoundSale,
    RefundClaim,
)
from sentra.protocol.envelope import Parcel
from tests.integration.router.asking import raw, slug_of
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import device_of
from tests.support.journals import Journal, a_refund, a_sale, an_id


def three_coffees() -> SaleCompleted:
    sale = a_sale(1)
    return replace(sale, lines=(replace(sale.lines[0], quantity_milli=3_000),))


def fact_of(note: FactNote) -> object:
    return decode_fact(note.kind, note.schema, bytes(note.body))


def find(link: Link, number: str) -> FoundSale:
    asked = msgspec.json.encode(FindSale(receipt_number=number))
    return msgspec.json.decode(link.ask(SALE, asked), type=FoundSale)


def claim(link: Link, sale: SaleCompleted, number: int, quantity_milli: int) -> None:
    wanted = RefundClaim(
        claim_id=an_id(400_000 + number), sale_id=sale.sale_id, lines={1: quantity_milli}
    )
    link.ask(REFUND_CLAIM, msgspec.json.encode(wanted))


def is_refused(link: Link, sale: SaleCompleted, number: int, quantity_milli: int) -> bool:
    try:
        claim(link, sale, number, quantity_milli)
    except LinkRefused as refused:
        assert (refused.slug, refused.problem.status) == ("refund-claimed", 409)
        return True
    return False


@pytest.fixture
def sold(served: Running, journal: Journal) -> SaleCompleted:
    """Three coffees, sold at terminal 1; the internet is out."""
    served.cloud.down = True
    sale = three_coffees()
    journal.write(sale)
    served.link(journal).send([Parcel(journal.sealed(1, 1))])
    return sale


def test_a_sale_of_another_till_is_found_as_that_till_wrote_it(
    served: Running, journal: Journal, other: Journal, sold: SaleCompleted
) -> None:
    found = find(served.link(other), sold.receipt_number)
    assert found.terminal == journal.terminal
    assert bytes(found.sale.body) == journal.entries[0].body
    assert fact_of(found.sale) == sold
    assert found.refunds == ()


def test_what_one_till_claims_no_other_gives_back(
    served: Running, journal: Journal, other: Journal, sold: SaleCompleted
) -> None:
    one, two = served.link(journal), served.link(other)
    claim(two, sold, 1, 2_000)
    claim(two, sold, 1, 2_000)
    assert is_refused(one, sold, 2, 2_000)
    claim(one, sold, 3, 1_000)
    assert is_refused(two, sold, 4, 1)


def test_the_fact_settles_its_claim_and_counts_from_then_on(
    served: Running, journal: Journal, other: Journal, sold: SaleCompleted
) -> None:
    one, two = served.link(journal), served.link(other)
    claim(two, sold, 1, 2_000)
    refund = a_refund(sold, 1, 2_000)
    other.write(refund)
    two.send([Parcel(other.sealed(1, 1))])
    [told] = find(one, sold.receipt_number).refunds
    assert isinstance(fact_of(told), RefundCompleted)
    assert fact_of(told) == refund
    assert is_refused(one, sold, 2, 2_000)
    claim(one, sold, 2, 1_000)
    claim(two, sold, 1, 2_000)  # Asked again after it was done: granted, and nothing changes.
    assert is_refused(two, sold, 5, 1)


def test_a_claim_without_a_fact_ends_by_the_routers_clock_that_only_goes_forward(
    served: Running, journal: Journal, other: Journal, sold: SaleCompleted
) -> None:
    claim(served.link(other), sold, 1, 3_000)
    assert is_refused(served.link(journal), sold, 2, 1_000)
    ticks = served.router.refunds._leases._ticks
    served.router.refunds._leases._ticks = lambda: ticks() + CLAIM_MS
    claim(served.link(journal), sold, 2, 1_000)


def test_a_question_reads_on_in_small_portions_before_it_is_answered(
    served: Running, journal: Journal, other: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "ENTRIES_AT_ONCE", 5)
    read_at_once: list[int] = []
    portions = ledger._portions

    def counted(db: Any) -> list[Any]:
        some = list(portions(db))
        read_at_once.append(sum(one.entry_count for one in some))
        return some

    monkeypatch.setattr(ledger, "_portions", counted)
    journal.sell(12)
    served.link(journal).send([Parcel(journal.sealed(n, n)) for n in range(1, 13)])
    last = a_sale(12)
    assert fact_of(find(served.link(other), last.receipt_number).sale) == last
    assert max(read_at_once) == 5
    assert sum(read_at_once) >= 12


def test_what_was_never_sold_here_is_unknown(served: Running, journal: Journal) -> None:
    link = served.link(journal)
    for ask in (
        lambda: find(link, "SGT-9-261122-0001"),
        lambda: find(link, ""),
        lambda: claim(link, a_sale(77), 1, 1_000),
    ):
        with pytest.raises(LinkRefused) as refused:
            ask()
        assert (refused.value.slug, refused.value.problem.status) == ("sale-unknown", 404)


def test_nobody_but_the_branchs_own_terminals_is_answered(
    served: Running, journal: Journal, other: Journal, sold: SaleCompleted
) -> None:
    asked = msgspec.json.encode(FindSale(receipt_number=sold.receipt_number))
    for path in (SALE, REFUND_CLAIM):
        assert slug_of(raw(served, journal, "POST", path, asked, unsigned=True))[0] == 401
        assert slug_of(raw(served, journal, "POST", path, asked, key=other.key))[0] == 401
        assert slug_of(raw(served, Journal(9), "POST", path, asked)) == (401, "device-unknown")


def test_a_revoked_terminal_is_told_nothing(
    served: Running, journal: Journal, other: Journal, until: object
) -> None:
    served.cloud.publish_branch(device_of(journal), device_of(other, revoked=True))
    assert callable(until)
    until(lambda: any(device.revoked for device in served.router.devices.all()))
    for path in (SALE, REFUND_CLAIM):
        assert slug_of(raw(served, other, "POST", path, b"{}")) == (403, "device-revoked")


def test_a_claim_that_is_none_is_malformed(
    served: Running, journal: Journal, sold: SaleCompleted
) -> None:
    good = {"claim_id": an_id(1), "sale_id": sold.sale_id, "lines": {"1": 1_000}}
    for bent in (
        {},
        good | {"lines": {}},
        good | {"lines": {"1": 0}},
        good | {"lines": {"1": -5}},
        good | {"lines": {"-1": 5}},
        good | {"lines": {"one": 5}},
        good | {"lines": {str(n): 1 for n in range(1_000)}},
        good | {"claim_id": "1"},
        good | {"sale_id": None},
    ):
        answer = raw(served, journal, "POST", REFUND_CLAIM, msgspec.json.encode(bent))
        assert slug_of(answer) == (400, "malformed"), bent
