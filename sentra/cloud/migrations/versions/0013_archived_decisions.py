"""How far each feed is archived: a database made from the archive alone tells tills the same."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

TABLE = """
CREATE TABLE archive_feed (
    scope TEXT NOT NULL,
    timeline UUID NOT NULL,
    revision BIGINT NOT NULL,
    archived_at_ms BIGINT NOT NULL,
    PRIMARY KEY (scope)
);
GRANT SELECT, INSERT, UPDATE ON archive_feed TO sentra_app;
"""


def upgrade() -> None:
    op.execute(TABLE)
