"""The migrations make what the metadata says, once, and a program refuses another schema."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from sentra.cloud.database import make_engine
from sentra.cloud.schema import SchemaDiffers, migrate, newest_revision, require_newest
from sentra.cloud.tables import metadata


def test_the_migrated_schema_is_the_metadata(engine: Engine) -> None:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_checks_and_partition_keys_are_the_metadatas_too(engine: Engine) -> None:
    partitioned = {
        table.name
        for table in metadata.sorted_tables
        if table.dialect_options["postgresql"].get("partition_by")
    }
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT c.relname, pg_get_partkeydef(c.oid) AS key FROM pg_class c "
                "WHERE c.relkind = 'p' AND c.relnamespace = 'public'::regnamespace"
            )
        ).all()
        checks = connection.execute(
            text("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conname = :name"),
            {"name": "company_is_one"},
        ).all()
    assert {row.relname for row in rows} == partitioned
    assert {row.key for row in rows} == {"LIST (branch_id)"}
    assert len(checks) == 1


def test_branch_id_leads_every_key_of_a_partitioned_table() -> None:
    for table in metadata.sorted_tables:
        if table.dialect_options["postgresql"].get("partition_by"):
            assert next(iter(table.primary_key)).name == "branch_id", table.name


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    assert migrate(engine) == (newest_revision(), newest_revision())


def test_two_that_migrate_at_once_wait_for_each_other(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(migrate, (engine, engine)))
    engine.dispose()
    assert sorted(outcomes, key=str) == [
        (newest_revision(), newest_revision()),
        (None, newest_revision()),
    ]


def test_a_program_refuses_a_database_without_its_schema(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    with engine.connect() as connection, pytest.raises(SchemaDiffers, match="sentra db migrate"):
        require_newest(connection)
    engine.dispose()
