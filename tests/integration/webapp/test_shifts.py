"""Shifts: the drawer adds up or says by how much not, and till and cloud are compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from sentra.cloud.tables import branch, cash_movement, sale, shift, shift_close, tender
from tests.support.backoffice import Clients
from tests.support.chain import Chain
from webapp.places import Place
from webapp.shifts import queries


def places_of(connection: Connection) -> tuple[Place, ...]:
    b = branch.c
    return tuple(Place(*row) for row in connection.execute(select(b.id, b.code, b.name, b.zone)))


def a_closed_shift(connection: Connection) -> tuple[Place, str]:
    row: Any = connection.execute(
        select(shift_close.c.branch_id, shift_close.c.shift_id)
        .where(shift_close.c.difference != 0)
        .limit(1)
    ).one()
    return next(p for p in places_of(connection) if p.id == row.branch_id), row.shift_id


def test_every_shift_is_listed_once_newest_first(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        places, page, more = places_of(connection), 1, True
        found: list[queries.ShiftRow] = []
        while more:
            rows, more = queries.read_shifts(connection, places, page=page)
            found += rows
            page += 1
        assert len(found) == len(connection.execute(select(shift.c.shift_id)).all())
    assert [r.opened_at_ms for r in found] == sorted((r.opened_at_ms for r in found), reverse=True)
    assert {row.proof for row in found} == {"open", "equal"}
    assert all(row.difference is None for row in found if row.proof == "open")


def test_only_drawers_that_do_not_add_up_can_be_asked_for(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        rows, _ = queries.read_shifts(connection, places_of(connection), only_differences=True)
    assert len(rows) == 3
    assert {row.difference for row in rows} == {-15_000}


def test_a_proved_shift_says_what_was_compared(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        place, shift_id = a_closed_shift(connection)
        found = queries.read_shift(connection, place, shift_id)
    assert found is not None
    assert [side.name for side in found.proof_sides] == [
        "sales",
        "refunds",
        "voids",
        "total",
        "rounding",
    ]
    assert all(side.is_equal for side in found.proof_sides)
    assert found.hash_state == "equal"
    assert len(found.last_hash) == 64


def test_the_drawer_is_explained_by_float_cash_and_movements(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        place, shift_id = a_closed_shift(connection)
        found = queries.read_shift(connection, place, shift_id)
        assert found is not None
        cash = next(each.amount for each in found.tenders if each.kind == "cash")
        moved = connection.execute(
            select(cash_movement.c.amount).where(cash_movement.c.shift_id == shift_id)
        ).scalars()
        assert found.row.expected_cash == found.row.opening_float + cash + sum(moved)


def test_a_sale_that_is_missing_here_is_named_by_the_proof(
    chain_engine: Engine, as_owner: Engine, signed_in: Clients
) -> None:
    with as_owner.begin() as connection:
        place, shift_id = a_closed_shift(connection)
        lost = connection.execute(
            select(sale.c.sale_id).where(sale.c.shift_id == shift_id).limit(1)
        ).scalar_one()
        for table in (tender, sale):
            connection.execute(delete(table).where(table.c.sale_id == lost))
    with chain_engine.connect() as connection:
        found = queries.read_shift(connection, place, shift_id)
    assert found is not None
    assert found.row.proof == "differs"
    assert {side.name for side in found.proof_sides if not side.is_equal} & {"sales", "refunds"}
    page = signed_in().get(f"/shifts/{place.id}/{shift_id}").text
    assert "differs by" in page


def test_another_branchs_shift_is_not_there_for_its_manager(
    chain_engine: Engine, signed_in: Clients, chain: Chain
) -> None:
    with chain_engine.connect() as connection:
        other = connection.execute(
            select(shift.c.shift_id).where(shift.c.branch_id == chain.branches["JKT"]).limit(1)
        ).scalar_one()
    client = signed_in("budi")
    assert client.get(f"/shifts/{chain.branches['JKT']}/{other}").status_code == 404
    assert client.get(f"/shifts/{chain.branches['SGT']}/{other}").status_code == 404
    assert "Jakarta" not in client.get("/shifts").text


def test_filters_that_make_no_sense_still_give_a_page(signed_in: Clients) -> None:
    client = signed_in()
    for query in ("from=x", "page=0", "page=-1", "page=99999999999", "branch=x", "page=%00"):
        assert client.get(f"/shifts?{query}").status_code == 200, query
