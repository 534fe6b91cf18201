"""Alembic's entry: runs the steps on the connection that `sentra.cloud.schema` hands over."""

from __future__ import annotations

from alembic import context

from sentra.cloud.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
