"""Facts that were set aside are projected after all: once, whoever asks and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select, text

from sentra.cloud import reproject
from sentra.cloud.reproject import Retried
from sentra.cloud.tables import exception
from sentra.events import StockMoved
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import head_of, make_entry
from sentra.protocol.envelope import Parcel, pack
from syncd.service.verify import verify_cloud
from tests.integration.sync.appending import LATER, upgraded
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS
from tests.support.journals import DAY, Journal, a_sale, an_id


def write(journal: Journal, kind: str, schema: int, body: bytes) -> None:
    made = make_entry(journal.terminal, journal.head, kind, schema, NOW_MS, DAY, body)
    journal.entries.append(made)
    journal.head = head_of(made)


def a_body(number: int, sale_number: int | None = None) -> bytes:
    fact = a_sale(number if sale_number is None else sale_number)
    return encode_fact(fact)[2]


@pytest.fixture
def journal(terminal: TestDevice) -> Journal:
    """Two sales; a later version's; a broken one; a doubled one; two sales. Already sent."""
    made = Journal()
    made.terminal, made.key = terminal.id, terminal.key
    made.sell(2)
    write(made, *LATER, a_body(3))
    write(made, "sale.completed", 1, b"{")
    write(made, "sale.completed", 1, a_body(5, sale_number=1))
    made.sell(2)
    answer = terminal.post("/v1/journal", pack([Parcel(made.sealed(1, 7))]))
    assert answer.status_code == 200
    return made


def aside(engine: Engine) -> dict[str, str]:
    """Exception ids of what was set aside, by kind."""
    e = exception.c
    with engine.connect() as connection:
        rows = connection.execute(select(e.kind, e.id).where(e.projected_at_ms.is_(None)))
        return {row.kind: row.id for row in rows}


def retry(engine: Engine, terminal: TestDevice, exception_id: str) -> Retried:
    with engine.begin() as connection:
        return reproject.retry(connection, terminal.branch_id, exception_id, NOW_MS, None)


def sums(engine: Engine) -> tuple[int, int]:
    """(sales, total) of the roll-up."""
    query = "SELECT sum(sale_count)::bigint, sum(total)::bigint FROM hourly_sales"
    with engine.connect() as connection:
        return tuple(connection.execute(text(query)).one())


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        return list(verify_cloud(connection).differences)


def test_one_bad_record_never_blocks_what_comes_behind_it(journal: Journal, engine: Engine) -> None:
    assert sums(engine) == (4, 4 * 4_500)
    assert set(aside(engine)) == {"fact-unknown", "fact-unreadable", "fact-duplicate"}
    assert differences(engine) == []


def test_a_parked_kind_is_projected_once_after_an_upgrade(
    journal: Journal, terminal: TestDevice, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked = aside(engine)["fact-unknown"]
    before = retry(engine, terminal, parked)
    assert (before.outcome, before.reason) == ("refused", "sale.completed schema 99")
    upgraded(monkeypatch)
    assert retry(engine, terminal, parked).outcome == "projected"
    assert sums(engine) == (5, 5 * 4_500)
    assert retry(engine, terminal, parked).outcome == "already"
    assert sums(engine) == (5, 5 * 4_500)
    assert differences(engine) == []
    with engine.connect() as connection:
        row = connection.execute(select(exception).where(exception.c.id == parked)).one()
    assert (row.resolved_at_ms, row.projected_at_ms) == (NOW_MS, NOW_MS)


def test_many_who_retry_at_once_add_it_once(
    journal: Journal, terminal: TestDevice, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    parked = aside(engine)["fact-unknown"]
    upgraded(monkeypatch)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: retry(engine, terminal, parked).outcome, range(4)))
    assert sorted(done) == ["already"] * 3 + ["projected"]
    assert sums(engine) == (5, 5 * 4_500)


def test_a_worker_projects_by_itself_what_its_version_has_learnt(
    journal: Journal, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reproject.retry_what_is_known_now(engine, NOW_MS) == 0
    upgraded(monkeypatch)
    assert reproject.retry_what_is_known_now(engine, NOW_MS) == 1
    assert reproject.retry_what_is_known_now(engine, NOW_MS) == 0
    assert sums(engine) == (5, 5 * 4_500)
    assert differences(engine) == []


def test_what_still_cannot_be_projected_keeps_its_reason_and_stays_open(
    journal: Journal, terminal: TestDevice, engine: Engine
) -> None:
    parked = aside(engine)
    assert "truncated" in retry(engine, terminal, parked["fact-unreadable"]).reason
    assert "duplicate key" in retry(engine, terminal, parked["fact-duplicate"]).reason
    assert sums(engine) == (4, 4 * 4_500)
    assert aside(engine) == parked
    assert differences(engine) == []


def test_an_exception_about_no_fact_cannot_be_retried(
    journal: Journal, terminal: TestDevice, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE exception SET kind = 'stock-negative'"))
        some = connection.execute(select(exception.c.id)).scalars().first()
    assert retry(engine, terminal, str(some)).outcome == "not-aside"


def test_what_was_accepted_is_left_alone_but_for_kinds_that_become_known(
    journal: Journal, engine: Engine
) -> None:
    with engine.begin() as connection:
        # The sale that is there twice, with the same contents, is settled from the beginning.
        assert len(reproject.parked(connection)) == 2
        connection.execute(text("UPDATE exception SET resolved_at_ms = 1"))
        (left,) = reproject.parked(connection)
    assert left[1] == aside(engine)["fact-unknown"]


def test_what_is_odd_about_a_fact_is_raised_also_when_it_is_projected_later(
    journal: Journal, terminal: TestDevice, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, who = an_id(600_001), (an_id(900_001), "Dewi")
    receipt = StockMoved(
        an_id(700_001), product, "X", "Kopi", "receipt", 500, *who, NOW_MS, DAY, "-"
    )
    sale = a_sale(8)
    sold = replace(sale, lines=(replace(sale.lines[0], product_id=product),))
    write(journal, *LATER, encode_fact(sold)[2])
    write(journal, *encode_fact(receipt))
    sent = journal.sealed(8, 9)
    assert terminal.post("/v1/journal", pack([Parcel(sent)])).status_code == 200
    assert of_products(engine) == [("product-unknown", 9, None)]
    upgraded(monkeypatch)
    with engine.begin() as connection:
        # As if nobody had named the product before.
        connection.execute(text("DELETE FROM exception WHERE kind = 'product-unknown'"))
    assert reproject.retry_what_is_known_now(engine, NOW_MS) == 2
    raised = [("product-unknown", 8, None), ("stock-negative", 8, -500)]
    assert of_products(engine) == raised
    assert reproject.retry_what_is_known_now(engine, NOW_MS) == 0
    assert of_products(engine) == raised


def of_products(engine: Engine) -> list[tuple[str, int, int | None]]:
    """(kind, entry, stock) of what was raised about products."""
    e = exception.c
    with engine.connect() as connection:
        rows = connection.execute(
            select(e.kind, e.seq, e.params).where(e.kind.in_(("product-unknown", "stock-negative")))
        )
        return sorted((row.kind, row.seq, row.params.get("quantity_milli")) for row in rows)
