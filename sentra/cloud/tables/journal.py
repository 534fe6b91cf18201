"""Facts on their way up, decisions on their way down, and what needs a person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sentra.cloud.tables.columns import (
    BY_BRANCH,
    big,
    blob,
    key,
    metadata,
    ref,
    uuid_type,
    words,
)

feed_head = Table(
    "feed_head",
    metadata,
    Column("scope", Text, primary_key=True, doc="company, or a branch id"),
    big("revision"),
)

feed_revision = Table(
    "feed_revision",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    blob("sealed"),
    blob("signature"),
    Column("item_count", Integer, nullable=False),
    big("published_at_ms"),
)

feed_item = Table(
    "feed_item",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    big("revision"),
    blob("body"),
)

feed_snapshot = Table(
    "feed_snapshot",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("sha256", Text, primary_key=True, doc="of the packed bytes, hex"),
    big("revision"),
    Column("timeline", uuid_type, nullable=False),
    big("timeline_at_ms"),
    big("made_at_ms"),
    big("size"),
    words("signature"),
    blob("packed"),
)


def _entry_place() -> tuple[Column[Any], ...]:
    return (
        key("branch_id"),
        key("terminal_id"),
        Column("epoch", Integer, primary_key=True, autoincrement=False),
    )


def _custody() -> tuple[Column[Any], ...]:
    return (
        Column("custody_router", uuid_type, doc="the router that took it; null: none did"),
        big("custody_at_ms", null=True),
        ref("delivered_by"),
        big("received_at_ms"),
    )


journal_entry = Table(
    "journal_entry",
    metadata,
    *_entry_place(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    words("kind"),
    Column("schema", Integer, nullable=False),
    big("recorded_at_ms"),
    Column("business_date", Text, nullable=False, doc="as written, so never refused"),
    Column("body", LargeBinary, nullable=False, doc="byte for byte as the till wrote it"),
    blob("hash"),
    postgresql_partition_by=BY_BRANCH,
)

segment = Table(
    "segment",
    metadata,
    *_entry_place(),
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    big("first_seq"),
    blob("last_hash"),
    blob("sealed"),
    *_custody(),
    blob("sealed_sha256"),
    postgresql_partition_by=BY_BRANCH,
)

fork_segment = Table(
    "fork_segment",
    metadata,
    key("branch_id"),
    key("terminal_id"),
    Column("sealed_sha256", LargeBinary, primary_key=True),
    Column("epoch", Integer, nullable=False),
    big("first_seq"),
    big("last_seq"),
    blob("last_hash"),
    blob("sealed"),
    *_custody(),
    postgresql_partition_by=BY_BRANCH,
)

fork_projection = Table(
    "fork_projection",
    metadata,
    key("branch_id"),
    key("terminal_id"),
    Column("sealed_sha256", LargeBinary, primary_key=True),
    big("projected_at_ms"),
)

journal_head = Table(
    "journal_head",
    metadata,
    key("branch_id"),
    key("terminal_id"),
    Column("epoch", Integer, nullable=False),
    big("seq"),
    blob("hash"),
    Column("entry_count", BigInteger, nullable=False, server_default="0", doc="over all epochs"),
    big("moved_at_ms"),
)

proof = Table(
    "proof",
    metadata,
    key("branch_id"),
    key("terminal_id"),
    Column("epoch", Integer, nullable=False, server_default="1", doc="proved equal up to here"),
    big("seq", default="0"),
    blob("hash"),
    Column("entry_count", BigInteger, nullable=False, server_default="0", doc="proved in all"),
    Column("tenders", JSONB, nullable=False, server_default="{}", doc="kind: minor units"),
    Column("places", ARRAY(Text), nullable=False, server_default="{}", doc="who agreed last"),
    big("proved_at_ms", null=True),
    Column("till", JSONB(none_as_null=True), doc="what the till counted and is not yet compared"),
    Column("router", JSONB(none_as_null=True), doc="the same of its router"),
    big("looked_at_ms", null=True),
    Column("difference", JSONB(none_as_null=True), doc="what the last comparison found"),
)

exception = Table(
    "exception",
    metadata,
    key("branch_id"),
    key(),
    Column("kind", Text, nullable=False, doc="a stable word; the page has its sentence"),
    Column("severity", Text, nullable=False, doc="info, warning or error"),
    ref("terminal_id", null=True),
    Column("epoch", Integer),
    big("seq", null=True),
    Column("params", JSONB, nullable=False, server_default="{}", doc="values of the sentence"),
    Column("dedup_key", Text, nullable=False, doc="the same thing found twice is one row"),
    big("opened_at_ms"),
    big("resolved_at_ms", null=True),
    ref("resolved_by", "app_user", null=True),
    words("resolution", null=True),
    Column("projected_at_ms", BigInteger, doc="when its fact got its rows after all"),
    UniqueConstraint("branch_id", "dedup_key", name="exception_once"),
    Index("exception_open", "opened_at_ms", postgresql_where=text("resolved_at_ms IS NULL")),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    big("at_ms"),
    ref("user_id", null=True),
    words("user_name"),
    Column("action", Text, nullable=False, doc="subject.verb, as permissions name it"),
    words("subject_kind"),
    words("subject_key"),
    Column("branch_id", uuid_type),
    Column("detail", Text, nullable=False, doc="canonical JSON: the hash is over these bytes"),
    Column("address", Text, nullable=False, server_default="", doc="where the person was"),
    blob("hash"),
    Index("audit_entry_subject", "subject_kind", "subject_key", "seq"),
)
