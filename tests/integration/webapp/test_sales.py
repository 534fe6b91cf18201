"""Sales are found by every filter, paged without losing one, exported as seen, and told whole."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select, text

from sentra.cloud.tables import branch, sale, tender, void
from sentra.money import IDR
from tests.support.backoffice import Clients
from tests.support.chain import Chain
from webapp.archiving import archive_due
from webapp.config import Settings
from webapp.places import Place
from webapp.sales import queries
from webapp.sales.detail import read_sale
from webapp.sales.export import harmless
from webapp.sales.filters import SalesFilter, read_filter

OTHERS = ("JKT", "SGT", "JYP")


def places_of(connection: Connection, *codes: str) -> tuple[Place, ...]:
    b = branch.c
    rows = connection.execute(select(b.id, b.code, b.name, b.zone).where(b.code.in_(codes)))
    return tuple(Place(*row) for row in rows)


def one_sale(connection: Connection, *where: Any) -> Any:
    question = select(sale).where(sale.c.kind == "sale", *where).order_by(sale.c.sale_id.desc())
    return connection.execute(question.limit(1)).one()


def walk(connection: Connection, **wanted: Any) -> list[str]:
    """The ids of all pages, from the first to the last."""
    places, ids = places_of(connection, *OTHERS), []
    after = None
    while True:
        page = queries.read_sales(connection, SalesFilter(**wanted, after=after), places)
        ids += [row.sale_id for row in page.rows]
        if page.older is None:
            return ids
        after = page.older


@pytest.mark.parametrize("sort", ["-at", "at", "-total", "total", "-number", "number"])
def test_the_pages_together_have_every_sale_once_and_in_order(
    sort: str, chain_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_ROWS", 37)
    with chain_engine.connect() as connection:
        ids = walk(connection, sort=sort)
        column = {"at": "completed_at_ms", "total": "total", "number": "receipt_number"}
        order = f"{column[sort.lstrip('-')]} {'DESC' if sort[0] == '-' else ''}"
        tie = "DESC" if sort[0] == "-" else ""
        expected = connection.execute(
            text(f"SELECT sale_id::text FROM sale ORDER BY {order}, sale_id {tie}")  # noqa: S608 - words of this test
        ).scalars()
        assert ids == list(expected)


def test_going_back_a_page_shows_the_page_before(
    chain_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_ROWS", 20)
    with chain_engine.connect() as connection:
        places = places_of(connection, *OTHERS)
        first = queries.read_sales(connection, SalesFilter(), places)
        second = queries.read_sales(connection, SalesFilter(after=first.older), places)
        assert second.newer is not None
        back = queries.read_sales(connection, SalesFilter(before=second.newer), places)
        assert back.rows == first.rows
        assert back.newer is None
        assert first.newer is None


def test_each_filter_finds_just_what_it_names(chain_engine: Engine, chain: Chain) -> None:
    with chain_engine.connect() as connection:
        total = connection.execute(select(func.count()).select_from(sale)).scalar_one()
        refunds = walk(connection, kind="refund")
        sales = walk(connection, kind="sale")
        assert len(sales) + len(refunds) == total
        voids = connection.execute(select(void.c.sale_id)).scalars()
        assert set(walk(connection, kind="void")) == set(voids)
        day = walk(connection, first="2026-11-20", last="2026-11-21")
        assert day
        one = one_sale(connection)
        assert walk(connection, number=one.receipt_number.lower()) == [one.sale_id]
        for row in connection.execute(select(sale.c.cashier_name).distinct()).scalars():
            assert walk(connection, cashier=row.upper())
        by_card = connection.execute(
            select(func.count(func.distinct(tender.c.sale_id))).where(tender.c.kind == "card")
        ).scalar_one()
        assert len(walk(connection, tender="card")) == by_card > 0
        large = walk(connection, least=50_000, most=100_000)
        amounts = connection.execute(
            select(sale.c.total).where(sale.c.sale_id.in_(large))
        ).scalars()
        assert all(50_000 <= abs(amount) <= 100_000 for amount in amounts)


def test_a_percent_sign_is_looked_for_as_it_is(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        assert walk(connection, number="%") == []
        assert walk(connection, cashier="_") == []


@pytest.mark.parametrize(
    "address",
    [
        "/sales?after=nonsense",
        "/sales?after=01a20200-835b-72f4-851d-8aed111db765~99999999999999999999999999",
        "/sales?before=01a20200-835b-72f4-851d-8aed111db765~x",
        "/sales?from=yesterday&least=much",
        "/sales?branch='; DROP TABLE sale; --",
        "/sales?q=%00&sort=password",
        "/sales?from=2026-11-22&to=2026-11-01",
    ],
)
def test_an_address_that_makes_no_sense_still_gives_a_page(
    address: str, signed_in: Clients
) -> None:
    assert signed_in().get(address).status_code == 200


def test_a_date_that_is_none_is_named_on_the_page(signed_in: Clients) -> None:
    page = signed_in().get("/sales?from=22-11-2026").text
    assert "“22-11-2026” is not a date" in page


def test_the_summary_counts_what_the_list_shows(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        places = places_of(connection, *OTHERS)
        wanted = SalesFilter(first="2026-11-20", last="2026-11-22", tender="qris")
        summary = queries.read_summary(connection, wanted, places)
        ids = walk(connection, first="2026-11-20", last="2026-11-22", tender="qris")
        total = connection.execute(
            select(func.sum(sale.c.total)).where(sale.c.sale_id.in_(ids))
        ).scalar_one()
        assert summary == queries.Summary(len(ids), int(total))
        assert queries.read_summary(connection, SalesFilter(), places) is None


def test_the_file_has_what_the_list_shows(signed_in: Clients, chain_engine: Engine) -> None:
    answer = signed_in().get("/sales.csv?kind=refund")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    body = answer.get_data(as_text=True)
    assert body.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(body[1:])))
    with chain_engine.connect() as connection:
        expected = connection.execute(
            select(sale.c.receipt_number, sale.c.total).where(sale.c.kind == "refund")
        ).all()
        recorded = connection.execute(
            text("SELECT action FROM audit_entry ORDER BY seq DESC LIMIT 1")
        ).scalar_one()
    assert {(row["Receipt"], int(row["Total"])) for row in rows} == {tuple(e) for e in expected}
    assert recorded == "sales.export"


def test_an_indonesian_file_parts_its_columns_as_indonesian_spreadsheets_do(
    signed_in: Clients,
) -> None:
    body = signed_in().get("/sales.csv?lang=id&kind=void").get_data(as_text=True)
    assert body.splitlines()[0].startswith("\ufeffCabang;Struk;")


@pytest.mark.parametrize("name", ["=1+1", "+62", "-5", "@SUM(A1)", "\tx"])
def test_a_name_never_becomes_a_formula(name: str) -> None:
    assert harmless(name) == "'" + name
    assert harmless("Teh Botol") == "Teh Botol"


def test_a_file_that_would_be_too_large_is_refused_before_it_begins(
    signed_in: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "EXPORT_ROWS_MAX", 10)
    answer = signed_in().get("/sales.csv")
    assert answer.status_code == 422
    assert "more than 10 rows" in answer.text


def test_the_story_of_a_sale_is_whole(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        [place] = places_of(connection, "SGT")
        row = one_sale(connection, sale.c.branch_id == place.id)
        told = read_sale(connection, place, row.sale_id, "IDR")
    assert told is not None and told.way is not None
    assert sum(line.amount for line in told.lines) == told.goods_total
    assert sum(each.amount for each in told.tenders) == told.total + told.rounding
    assert sum(tax.amount for tax in told.taxes) == told.tax_total
    assert (told.way.hash_state, told.way.signature_state) == ("right", "right")
    assert told.way.router == "Router Sangatta"
    assert told.way.recorded_at_ms < (told.way.router_at_ms or 0) < (told.way.cloud_at_ms or 0)


def test_the_way_of_an_entry_ends_in_the_archive(
    signed_in: Clients, chain_engine: Engine, settings: Settings
) -> None:
    with chain_engine.connect() as connection:
        one = connection.execute(select(sale.c.branch_id, sale.c.sale_id).limit(1)).one()
    client, page = signed_in(), f"/sales/{one.branch_id}/{one.sale_id}"
    assert "within the hour" in client.get(page).text
    archive_due(settings, "company")
    assert "a verified copy is kept" in client.get(page).text


def test_a_refund_and_its_sale_point_at_each_other(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        row = connection.execute(select(sale).where(sale.c.kind == "refund").limit(1)).one()
        place = next(p for p in places_of(connection, *OTHERS) if p.id == row.branch_id)
        refund = read_sale(connection, place, row.sale_id, "IDR")
        assert refund is not None and refund.original is not None
        first = read_sale(connection, place, refund.original.sale_id, "IDR")
    assert first is not None
    assert [each.sale_id for each in first.refunds] == [row.sale_id]
    assert first.refunded_total == -refund.total > 0


def test_a_void_is_explained_by_its_entry(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        row = connection.execute(select(void).limit(1)).one()
        place = next(p for p in places_of(connection, *OTHERS) if p.id == row.branch_id)
        told = read_sale(connection, place, row.sale_id, "IDR")
    assert told is not None and told.way is not None
    assert told.kind == told.way.kind.replace("sale.voided", "void")
    assert told.way.hash_state == told.way.signature_state == "right"


def test_an_entry_that_was_altered_in_the_database_is_shown_as_such(
    chain_engine: Engine, as_owner: Engine, signed_in: Clients
) -> None:
    with chain_engine.connect() as connection:
        row = one_sale(connection)
    changed = text(
        "UPDATE journal_entry SET body = replace(convert_from(body, 'UTF8'),"
        " '\"total\"', '\"tutal\"')::bytea"
        " WHERE branch_id = :branch AND terminal_id = :terminal AND seq = :seq"
    )
    with as_owner.begin() as connection:
        connection.execute(
            changed, {"branch": row.branch_id, "terminal": row.terminal_id, "seq": row.seq}
        )
    page = signed_in().get(f"/sales/{row.branch_id}/{row.sale_id}").text
    assert "does NOT follow from the entry before" in page


def test_a_segment_that_was_altered_is_shown_as_such(
    chain_engine: Engine, as_owner: Engine, signed_in: Clients
) -> None:
    with chain_engine.connect() as connection:
        row = one_sale(connection)
    flipped = text(
        "UPDATE segment SET sealed = set_byte(sealed, length(sealed) - 1,"
        " get_byte(sealed, length(sealed) - 1) # 1)"
        " WHERE branch_id = :branch AND terminal_id = :terminal"
    )
    with as_owner.begin() as connection:
        connection.execute(flipped, {"branch": row.branch_id, "terminal": row.terminal_id})
    page = signed_in().get(f"/sales/{row.branch_id}/{row.sale_id}").text
    assert "NOT what the till signed" in page


def test_a_sale_of_a_second_machine_is_told_as_such(
    chain_engine: Engine, as_owner: Engine, signed_in: Clients
) -> None:
    with chain_engine.connect() as connection:
        row = one_sale(connection)
    with as_owner.begin() as connection:
        moved = text("UPDATE sale SET epoch = -1 WHERE sale_id = :sale")
        connection.execute(moved, {"sale": row.sale_id})
    page = signed_in().get(f"/sales/{row.branch_id}/{row.sale_id}").text
    assert "From a second machine" in page
    assert "does not have this entry" not in page


def test_another_branchs_sale_is_not_there_for_its_manager(
    chain_engine: Engine, signed_in: Clients, chain: Chain
) -> None:
    with chain_engine.connect() as connection:
        own = one_sale(connection, sale.c.branch_id == chain.branches["SGT"])
        other = one_sale(connection, sale.c.branch_id == chain.branches["JKT"])
    client = signed_in("budi")
    assert client.get(f"/sales/{own.branch_id}/{own.sale_id}").status_code == 200
    assert client.get(f"/sales/{other.branch_id}/{other.sale_id}").status_code == 404
    assert client.get(f"/sales/{own.branch_id}/{other.sale_id}").status_code == 404
    listed = client.get(f"/sales?q={other.receipt_number}").text
    assert "Nothing like that was sold" in listed
    exported = client.get("/sales.csv").get_data(as_text=True)
    assert "Sangatta" in exported and "Jakarta" not in exported


def test_a_filter_reads_amounts_as_people_write_them() -> None:
    assert read_filter({"least": "Rp 12.000"}, IDR).least == 12_000
