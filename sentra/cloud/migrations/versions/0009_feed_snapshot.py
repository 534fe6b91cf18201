"""Snapshots of the feed, and revisions that may be dropped because a snapshot covers them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

SNAPSHOT = """
CREATE TABLE feed_snapshot (
    scope TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    revision BIGINT NOT NULL,
    timeline UUID NOT NULL,
    timeline_at_ms BIGINT NOT NULL,
    made_at_ms BIGINT NOT NULL,
    size BIGINT NOT NULL,
    signature TEXT NOT NULL,
    packed BYTEA NOT NULL,
    PRIMARY KEY (scope, sha256)
);

ALTER TABLE feed_snapshot ALTER COLUMN packed SET STORAGE EXTERNAL;
"""

# The programs cannot remove a revision. They can ask for it, and this looks for itself whether a
# whole snapshot covers what goes, and goes from the oldest on, so that no reader meets a hole.
DROP = """
CREATE FUNCTION drop_feed_revisions(wanted text, keep bigint, before_ms bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    covered bigint := (
        SELECT max(s.revision) FROM public.feed_snapshot s, public.company c
        WHERE s.scope = wanted AND s.timeline = c.timeline
          AND encode(sha256(s.packed), 'hex') = s.sha256);
    head bigint := (SELECT h.revision FROM public.feed_head h WHERE h.scope = wanted);
    young bigint := (
        SELECT min(r.revision) FROM public.feed_revision r
        WHERE r.scope = wanted AND r.published_at_ms >= before_ms);
    last bigint := least(covered, head - greatest(keep, 0), young - 1);
    dropped bigint;
BEGIN
    IF covered IS NULL OR head IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM public.feed_revision r WHERE r.scope = wanted AND r.revision <= last;
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION drop_feed_revisions(text, bigint, bigint) FROM PUBLIC;
"""

RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_snapshot TO sentra_app;
GRANT EXECUTE ON FUNCTION drop_feed_revisions(text, bigint, bigint) TO sentra_app;
"""


def upgrade() -> None:
    for statements in (SNAPSHOT, DROP, RIGHTS):
        op.execute(statements)
