"""`GET /v1/journal`: a terminal's own sealed segments come back as they went, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import Parcel, pack
from sentra.protocol.journal_page import PAGE_SEGMENTS_MAX, unpack_journal_page
from tests.integration.sync.conftest import TestDevice
from tests.support.journals import Journal


@pytest.fixture
def journal(terminal: TestDevice) -> Journal:
    made = Journal()
    made.terminal, made.key = terminal.id, terminal.key
    return made


def ask(device: TestDevice, epoch: object = 1, after: object = 0) -> TestResponse:
    return device.get(f"/v1/journal?epoch={epoch}&after={after}")


def slug(response: TestResponse) -> tuple[int, str]:
    problem = msgspec.json.decode(response.data)
    return response.status_code, problem["type"].rpartition(":")[2]


def test_the_bytes_come_back_in_order_page_by_page(terminal: TestDevice, journal: Journal) -> None:
    journal.sell(9)
    sealed = [journal.sealed(1, 4), journal.sealed(5, 5), journal.sealed(6, 9)]
    terminal.post("/v1/journal", pack([Parcel(one) for one in sealed]))
    page = unpack_journal_page(ask(terminal).data)
    assert (page.head, page.sealed) == (journal.head, sealed)
    assert unpack_journal_page(ask(terminal, after=4).data).sealed == sealed[1:]
    assert unpack_journal_page(ask(terminal, after=7).data).sealed == sealed[2:], "from its middle"
    assert unpack_journal_page(ask(terminal, after=9).data).sealed == []


def test_a_page_has_an_end(terminal: TestDevice, journal: Journal) -> None:
    journal.sell(PAGE_SEGMENTS_MAX + 1)
    sealed = [journal.sealed(n, n) for n in range(1, PAGE_SEGMENTS_MAX + 2)]
    terminal.post("/v1/journal", pack([Parcel(one) for one in sealed]))
    assert unpack_journal_page(ask(terminal).data).sealed == sealed[:PAGE_SEGMENTS_MAX]


def test_a_journal_that_never_began_is_empty(terminal: TestDevice) -> None:
    page = unpack_journal_page(ask(terminal).data)
    assert (page.head, page.sealed) == (EMPTY, [])


def test_nobody_reads_anothers_journal(
    terminal: TestDevice,
    router: TestDevice,
    journal: Journal,
    make_device: Callable[..., TestDevice],
) -> None:
    journal.sell(3)
    terminal.post("/v1/journal", pack([Parcel(journal.sealed(1, 3))]))
    other = make_device(terminal.branch_id, "terminal", 2)
    assert unpack_journal_page(ask(other).data).sealed == []
    assert slug(ask(router)) == (403, "scope-refused")


def test_a_router_reads_the_journals_of_its_own_branch_for_its_terminals(
    terminal: TestDevice,
    router: TestDevice,
    journal: Journal,
    make_device: Callable[..., TestDevice],
    make_branch: Callable[..., str],
    engine: Engine,
) -> None:
    journal.sell(3)
    terminal.post("/v1/journal", pack([Parcel(journal.sealed(1, 3))]))
    asked = f"/v1/journal?epoch=1&after=0&terminal={terminal.id}"
    page = unpack_journal_page(router.get(asked).data)
    assert (page.head, page.sealed) == (journal.head, [journal.sealed(1, 3)])
    assert unpack_journal_page(terminal.get(asked).data).head == journal.head
    neighbour = make_device(terminal.branch_id, "terminal", 2)
    stranger = make_device(make_branch("BPN"), "router", 1)
    for device, wanted in (
        (neighbour, terminal.id),
        (stranger, terminal.id),
        (router, router.id),
        (router, "nobody"),
        (router, ""),
    ):
        refused = device.get(f"/v1/journal?epoch=1&after=0&terminal={wanted}")
        assert slug(refused) == (403, "scope-refused"), wanted
    late = make_device(terminal.branch_id, "router", 2)
    with engine.begin() as connection:
        connection.execute(text("UPDATE device SET status = 'revoked' WHERE role = 'router'"))
    assert slug(late.get(asked)) == (403, "device-revoked")


def test_nobody_reads_without_a_true_signature(
    terminal: TestDevice, make_device: Callable[..., TestDevice], client: FlaskClient
) -> None:
    assert client.get("/v1/journal?epoch=1&after=0").status_code == 401
    thief = make_device(terminal.branch_id, "terminal", 3)
    thief.id = terminal.id
    assert slug(ask(thief)) == (401, "signature-wrong")


def test_a_head_from_the_future_and_a_cursor_that_is_none_are_named(
    terminal: TestDevice, journal: Journal
) -> None:
    journal.sell(2)
    terminal.post("/v1/journal", pack([Parcel(journal.sealed(1, 2))]))
    assert slug(ask(terminal, after=3)) == (409, "cursor-beyond")
    assert slug(ask(terminal, epoch=2)) == (409, "cursor-beyond")
    for epoch, after in ((0, 0), ("", ""), ("x", 1), (1, -1), (2**31, 0), (1, 10**30)):
        assert slug(ask(terminal, epoch, after)) == (400, "malformed")


def test_a_revoked_terminal_still_learns_what_it_wrote(
    terminal: TestDevice, journal: Journal, engine: Engine
) -> None:
    journal.sell(1)
    terminal.post("/v1/journal", pack([Parcel(journal.sealed(1, 1))]))
    with engine.begin() as connection:
        connection.execute(text("UPDATE device SET status = 'revoked'"))
    assert unpack_journal_page(ask(terminal).data).head == journal.head
