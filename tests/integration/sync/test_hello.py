"""A hello at the app, good and bad: what it tells, and what is written down of it."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Engine, text

from sentra.cloud.keys import CompanyKeys
from sentra.protocol.envelope import Parcel, pack
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import (
    HelloAnswer,
    TerminalNote,
    watermark_is_true,
)
from tests.integration.sync.conftest import TestDevice
from tests.integration.sync.requests import a_hello, a_journal, slug_of
from tests.present import NOW_MS


def test_a_hello_tells_heads_feed_and_timeline_and_is_written_down(
    terminal: TestDevice, engine: Engine, company: object, company_keys: CompanyKeys
) -> None:
    journal = a_journal(terminal)
    terminal.post("/v1/journal", pack([Parcel(journal.sealed(1, 3))]))
    said = a_hello(
        terminal, clock_ms=NOW_MS + 200_000, backlog=7, oldest_waiting_ms=NOW_MS - 60_000
    )
    answered = terminal.post("/v1/hello", said)
    answer = msgspec.json.decode(answered.data, type=HelloAnswer)
    assert answer.protocol == 1
    assert answer.here[terminal.id].to_head() == journal.head
    assert watermark_is_true(answer.cloud[terminal.id], company_keys.signing_key.public_key())
    assert answer.feed[COMPANY] >= 1
    assert answer.feed[terminal.branch_id] >= 1
    assert answer.timeline == company.timeline  # type: ignore[attr-defined]  # CompanyFacts
    assert answer.notices == ("clock-off",)
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT * FROM device WHERE id = :id"), {"id": terminal.id}
        ).one()
    assert (row.software, row.backlog, row.skew_ms) == ("0.1.0", 7, 200_000)
    assert row.last_heard_at_ms == NOW_MS


def test_a_hello_before_the_first_sale_shows_an_empty_head(terminal: TestDevice) -> None:
    answered = terminal.post("/v1/hello", a_hello(terminal))
    answer = msgspec.json.decode(answered.data, type=HelloAnswer)
    assert answer.here[terminal.id].seq == 0
    assert answer.cloud == {}


def test_a_router_speaks_for_its_branch_and_its_address_is_told_to_the_tills(
    terminal: TestDevice, router: TestDevice, engine: Engine
) -> None:
    terminal.post("/v1/journal", pack([Parcel(a_journal(terminal).sealed(1, 3))]))
    before = msgspec.json.decode(
        router.post("/v1/hello", a_hello(router)).data, type=HelloAnswer
    ).feed[router.branch_id]
    said = a_hello(router, addresses=("192.168.1.10:8443",), waiting={terminal.id: 12})
    answer = msgspec.json.decode(router.post("/v1/hello", said).data, type=HelloAnswer)
    assert set(answer.cloud) == {terminal.id}
    assert answer.feed[router.branch_id] == before + 1
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT backlog, via::text FROM device WHERE id = :id"), {"id": terminal.id}
        ).one()
    assert tuple(row) == (12, router.id)


def test_what_tills_told_their_router_is_known_and_never_goes_back(
    terminal: TestDevice, router: TestDevice, engine: Engine
) -> None:
    own = {"company": 9, router.branch_id: 4}
    terminal.post("/v1/hello", a_hello(terminal, feed=own))
    note = TerminalNote(
        software="1.2",
        heard_ms_ago=5_000,
        skew_ms=-300,
        feed={"company": 12, router.branch_id: 2, "elsewhere": 7},
    )
    router.post("/v1/hello", a_hello(router, terminals={terminal.id: note}))
    with engine.connect() as connection:
        row = connection.execute(
            text(
                "SELECT software, skew_ms, feed, last_heard_at_ms, via::text FROM device"
                " WHERE id = :id"
            ),
            {"id": terminal.id},
        ).one()
    assert tuple(row) == (
        "1.2",
        -300,
        {"company": 12, router.branch_id: 4},
        NOW_MS,
        router.id,
    )


def test_a_hello_that_speaks_no_common_protocol_is_refused(terminal: TestDevice) -> None:
    answered = terminal.post("/v1/hello", a_hello(terminal, protocols=(99,)))
    assert (answered.status_code, slug_of(answered)) == (400, "protocol-unsupported")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"software": 1}', b"\xff\xfe", b'{"a":' * 2000])
def test_a_hello_that_is_no_hello_is_malformed(terminal: TestDevice, body: bytes) -> None:
    answered = terminal.post("/v1/hello", body)
    assert (answered.status_code, slug_of(answered)) == (400, "malformed")


def test_what_a_device_says_is_cut_to_what_the_database_takes(
    terminal: TestDevice, engine: Engine
) -> None:
    said = a_hello(
        terminal,
        software="x\0" * 500,
        backlog=2**62,
        clock_ms=-(2**62),
        addresses=tuple("a" * 5000 for _ in range(50)),
        feed={"company": 2**62, "another": 1},
        waiting={"nobody": 3},
    )
    assert terminal.post("/v1/hello", said).status_code == 200
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT * FROM device WHERE id = :id"), {"id": terminal.id}
        ).one()
    assert len(row.addresses) == 8
    assert list(row.feed) == ["company"]
