"""The journal that comes up, the feed that goes down."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

FEED_HEAD = """
CREATE TABLE feed_head (
    scope TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (scope)
);
"""

FEED_REVISION = """
CREATE TABLE feed_revision (
    scope TEXT NOT NULL,
    revision BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    item_count INTEGER NOT NULL,
    published_at_ms BIGINT NOT NULL,
    PRIMARY KEY (scope, revision)
);
"""

FEED_ITEM = """
CREATE TABLE feed_item (
    scope TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    revision BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (scope, kind, key)
);
"""

JOURNAL_ENTRY = """
CREATE TABLE journal_entry (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    epoch INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    schema INTEGER NOT NULL,
    recorded_at_ms BIGINT NOT NULL,
    business_date TEXT NOT NULL,
    body BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (branch_id, terminal_id, epoch, seq)
) PARTITION BY LIST (branch_id);
"""

SEGMENT = """
CREATE TABLE segment (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    epoch INTEGER NOT NULL,
    last_seq BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_hash BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    custody_router UUID,
    custody_at_ms BIGINT,
    delivered_by UUID NOT NULL,
    received_at_ms BIGINT NOT NULL,
    PRIMARY KEY (branch_id, terminal_id, epoch, last_seq)
) PARTITION BY LIST (branch_id);
"""

FORK_SEGMENT = """
CREATE TABLE fork_segment (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    sealed_sha256 BYTEA NOT NULL,
    epoch INTEGER NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    last_hash BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    custody_router UUID,
    custody_at_ms BIGINT,
    delivered_by UUID NOT NULL,
    received_at_ms BIGINT NOT NULL,
    PRIMARY KEY (branch_id, terminal_id, sealed_sha256)
) PARTITION BY LIST (branch_id);
"""

JOURNAL_HEAD = """
CREATE TABLE journal_head (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    epoch INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    entry_count BIGINT DEFAULT '0' NOT NULL,
    moved_at_ms BIGINT NOT NULL,
    PRIMARY KEY (branch_id, terminal_id)
);
"""

EXCEPTION = """
CREATE TABLE exception (
    branch_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    terminal_id UUID,
    epoch INTEGER,
    seq BIGINT,
    params JSONB DEFAULT '{}' NOT NULL,
    dedup_key TEXT NOT NULL,
    opened_at_ms BIGINT NOT NULL,
    resolved_at_ms BIGINT,
    resolved_by UUID,
    resolution TEXT,
    PRIMARY KEY (branch_id, id),
    CONSTRAINT exception_once UNIQUE (branch_id, dedup_key),
    FOREIGN KEY(resolved_by) REFERENCES app_user (id)
);

CREATE INDEX exception_open ON exception (opened_at_ms) WHERE resolved_at_ms IS NULL;
"""


def upgrade() -> None:
    for statements in (
        FEED_HEAD,
        FEED_REVISION,
        FEED_ITEM,
        JOURNAL_ENTRY,
        SEGMENT,
        FORK_SEGMENT,
        JOURNAL_HEAD,
        EXCEPTION,
    ):
        op.execute(statements)
    # These are compressed already: trying again would only cost time.
    for table in ("segment", "fork_segment", "feed_revision"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN sealed SET STORAGE EXTERNAL")
