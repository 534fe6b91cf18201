"""The programs' role may do what the programs do, and nothing that would undo a fact."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from sentra.cloud import audit, devices, people
from sentra.cloud.branches import create_branch
from sentra.cloud.company import the_company
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.tables import SHARED, journal_entry, sale
from tests.present import NOW_MS

FACTS = ("journal_entry", "segment", "fork_segment", "feed_revision", "audit_entry", *SHARED)
TERMINAL = "0190a0a0-0000-7000-8000-000000000001"


def refused(engine: Engine, statement: str) -> bool:
    with engine.connect() as connection:
        try:
            connection.execute(text(statement))
        except ProgrammingError as error:
            return "permission denied" in str(error)
    return False


@pytest.mark.parametrize("table", FACTS)
def test_no_fact_can_be_changed_or_removed(app_engine: Engine, engine: Engine, table: str) -> None:
    with engine.connect() as connection:
        query = (
            "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:t AS regclass) AND attnum = 1"
        )
        column = connection.execute(text(query), {"t": table}).scalar_one()
    assert refused(app_engine, f"UPDATE {table} SET {column} = {column}")  # noqa: S608
    assert refused(app_engine, f"DELETE FROM {table}")  # noqa: S608
    assert refused(app_engine, f"TRUNCATE {table}")


def test_a_partition_cannot_be_asked_directly(
    app_engine: Engine, make_branch: Callable[..., str]
) -> None:
    branch_id = make_branch()
    child = f'partition."sale_{branch_id.replace("-", "")}"'
    assert refused(app_engine, f"SELECT * FROM {child}")  # noqa: S608
    assert refused(app_engine, f"INSERT INTO {child} DEFAULT VALUES")


def test_no_table_can_be_made_or_dropped(app_engine: Engine) -> None:
    assert refused(app_engine, "CREATE TABLE mine (id integer)")
    with app_engine.connect() as connection, pytest.raises(ProgrammingError, match="owner"):
        connection.execute(text("DROP TABLE sale"))


def test_the_companys_currency_and_timeline_are_not_the_programs_to_change(
    app_engine: Engine,
) -> None:
    assert refused(app_engine, "UPDATE company SET currency = 'USD'")
    assert refused(app_engine, "UPDATE company SET timeline = id")


def test_everything_the_back_office_decides_works_with_the_programs_role(
    app_engine: Engine, company: object, company_keys: CompanyKeys
) -> None:
    key = company_keys.signing_key
    with app_engine.begin() as connection:
        branch_id = create_branch(
            connection, code="BDG", name="Bandung", zone="WIB", now_ms=NOW_MS, signing_key=key
        )
        person_id = people.create_person(
            connection,
            name="Sari",
            roles=("cashier",),
            pin="280462",
            keys=company_keys,
            now_ms=NOW_MS,
        )
        people.set_pin(connection, person_id, "730195", keys=company_keys, now_ms=NOW_MS)
        devices.create_code(connection, branch_id=branch_id, role=devices.TERMINAL, now_ms=NOW_MS)
        audit.record(
            connection,
            at_ms=NOW_MS,
            user_id=None,
            user_name="Sari",
            action="branch.create",
            subject_kind="branch",
            subject_key=branch_id,
        )
        assert the_company(connection).name == "Toko Uji"


def test_facts_are_added_through_the_parent_and_land_in_the_branchs_partition(
    app_engine: Engine, engine: Engine, make_branch: Callable[..., str]
) -> None:
    branch_id = make_branch()
    with app_engine.begin() as connection:
        connection.execute(
            journal_entry.insert().values(
                branch_id=branch_id,
                terminal_id=TERMINAL,
                epoch=1,
                seq=1,
                kind="sale.completed",
                schema=1,
                recorded_at_ms=NOW_MS,
                business_date="2026-11-22",
                body=b"{}",
                hash=bytes(32),
            )
        )
    with engine.connect() as connection:
        child = f"partition.journal_entry_{branch_id.replace('-', '')}"
        assert connection.execute(text(f"SELECT count(*) FROM {child}")).scalar_one() == 1  # noqa: S608


def test_a_query_for_one_branch_touches_one_partition(
    engine: Engine, make_branch: Callable[..., str]
) -> None:
    mine, _ = make_branch("SGT"), make_branch("BDG")
    with engine.connect() as connection:
        statement = sale.select().where(sale.c.branch_id == mine)
        compiled = statement.compile(engine, compile_kwargs={"literal_binds": True})
        plan = "\n".join(connection.execute(text(f"EXPLAIN {compiled}")).scalars())
    assert f"sale_{mine.replace('-', '')}" in plan
    assert plan.count("sale_") == plan.count(f"sale_{mine.replace('-', '')}")
