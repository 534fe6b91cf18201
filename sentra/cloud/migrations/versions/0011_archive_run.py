"""What became of the archive's runs: a worker's process ends with its job, and its counters too."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

TABLE = """
CREATE TABLE archive_run (
    id SMALLINT NOT NULL,
    ended_at_ms BIGINT NOT NULL,
    failed_count BIGINT NOT NULL,
    failing_since_ms BIGINT,
    PRIMARY KEY (id)
);
GRANT SELECT, INSERT, UPDATE ON archive_run TO sentra_app;
"""


def upgrade() -> None:
    op.execute(TABLE)
