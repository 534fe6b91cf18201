"""What the archive holds, and how far each journal is in it."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, SmallInteger, Table, Text

from sentra.cloud.tables.columns import big, blob, key, metadata, ref, words

archive_head = Table(
    "archive_head",
    metadata,
    key("branch_id"),
    key("terminal_id"),
    Column("epoch", Integer, nullable=False),
    big("seq"),
    blob("hash"),
    Column("last_key", Text, doc="the object that reaches to the head; each names the one before"),
    big("moved_at_ms"),
)

archive_object = Table(
    "archive_object",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False, doc="journal, branch, register, feed; else a note"),
    ref("branch_id", null=True),
    ref("terminal_id", null=True),
    big("size_bytes"),
    Column("segment_count", Integer, nullable=False),
    big("archived_at_ms"),
)

archived_fork = Table(
    "archived_fork",
    metadata,
    key("branch_id"),
    key("terminal_id"),
    Column("sealed_sha256", LargeBinary, primary_key=True),
    words("object_key"),
)

archive_feed = Table(
    "archive_feed",
    metadata,
    Column("scope", Text, primary_key=True),
    ref("timeline"),
    big("revision"),
    big("archived_at_ms"),
)

archive_run = Table(
    "archive_run",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, doc="always 1"),
    big("ended_at_ms"),
    big("failed_count"),
    big("failing_since_ms", null=True),
)
