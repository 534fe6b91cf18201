"""How far each journal is archived, what the archive holds, and whence this database comes."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

HEADS = """
CREATE TABLE archive_head (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    epoch INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    last_key TEXT,
    moved_at_ms BIGINT NOT NULL,
    PRIMARY KEY (branch_id, terminal_id)
);
"""

OBJECTS = """
CREATE TABLE archive_object (
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    branch_id UUID,
    terminal_id UUID,
    size_bytes BIGINT NOT NULL,
    segment_count INTEGER NOT NULL,
    archived_at_ms BIGINT NOT NULL,
    PRIMARY KEY (key)
);

CREATE TABLE archived_fork (
    branch_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    sealed_sha256 BYTEA NOT NULL,
    object_key TEXT NOT NULL,
    PRIMARY KEY (branch_id, terminal_id, sealed_sha256)
);
"""

# A restore to an earlier moment lets the write-ahead log go on in a new timeline of PostgreSQL; a
# copy on another server, or under another name, has another identifier. Where the platform hides
# both, or on a replica, the answer is null and nothing follows from it.
ORIGIN = """
ALTER TABLE company ADD COLUMN timeline_at_ms BIGINT DEFAULT '0' NOT NULL;
ALTER TABLE company ADD COLUMN origin TEXT;
UPDATE company SET timeline_at_ms = created_at_ms;

CREATE FUNCTION database_origin() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_control_system())
        || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
        || '/' || (SELECT oid FROM pg_database WHERE datname = current_database());
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
"""

# Two that come at once: the second waits for the first's row, and finds that all is said.
FOLLOW = """
CREATE FUNCTION follow_restore(now_ms bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here text := public.database_origin();
    was text;
BEGIN
    SELECT origin INTO was FROM public.company;
    IF NOT FOUND OR here IS NULL OR here = was THEN
        RETURN false;
    END IF;
    UPDATE public.company SET origin = here WHERE origin IS NULL;
    UPDATE public.company SET origin = here, timeline = gen_random_uuid(),
        timeline_at_ms = greatest(now_ms, timeline_at_ms + 1)
    WHERE origin <> here;
    RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION database_origin(), follow_restore(bigint) FROM PUBLIC;
"""

RIGHTS = """
GRANT EXECUTE ON FUNCTION follow_restore(bigint) TO sentra_app;
GRANT SELECT, INSERT ON archive_object, archived_fork TO sentra_app;
GRANT SELECT, INSERT, UPDATE ON archive_head TO sentra_app;
"""


def upgrade() -> None:
    for statements in (HEADS, OBJECTS, ORIGIN, FOLLOW, RIGHTS):
        op.execute(statements)
