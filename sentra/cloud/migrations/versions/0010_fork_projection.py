"""Which segments of the fork lane have their rows: a second machine's sales are money too."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

TABLE = """
CREATE TABLE fork_projection (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    sealed_sha256 BYTEA NOT NULL,
    projected_at_ms BIGINT NOT NULL,
    PRIMARY KEY (branch_id, terminal_id, sealed_sha256)
);
GRANT SELECT, INSERT ON fork_projection TO sentra_app;
"""


def upgrade() -> None:
    op.execute(TABLE)
