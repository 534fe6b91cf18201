"""What till, router and cloud have proved equal; facts that were projected after all."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

PROOF = """
CREATE TABLE proof (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    epoch INTEGER DEFAULT '1' NOT NULL,
    seq BIGINT DEFAULT '0' NOT NULL,
    hash BYTEA NOT NULL,
    entry_count BIGINT DEFAULT '0' NOT NULL,
    tenders JSONB DEFAULT '{}' NOT NULL,
    places TEXT[] DEFAULT '{}' NOT NULL,
    proved_at_ms BIGINT,
    till JSONB,
    router JSONB,
    looked_at_ms BIGINT,
    difference JSONB,
    PRIMARY KEY (branch_id, terminal_id)
);
GRANT SELECT, INSERT, UPDATE ON proof TO sentra_app;
"""


def upgrade() -> None:
    op.execute(PROOF)
    op.execute("ALTER TABLE exception ADD COLUMN projected_at_ms BIGINT")
