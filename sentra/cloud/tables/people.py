"""Company, branches, people, and the devices that are enrolled."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sentra.cloud.tables.columns import big, blob, flag, key, metadata, ref, uuid_type, words

company = Table(
    "company",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    ref("id"),
    words("name"),
    Column("currency", Text, nullable=False, doc="ISO 4217"),
    Column("timeline", uuid_type, nullable=False, doc="new when restored to an earlier point"),
    big("created_at_ms"),
    big("timeline_at_ms", default="0"),
    Column("origin", Text, doc="server, its timeline, database: another after a restore"),
    CheckConstraint("singleton", name="company_is_one"),
)

branch = Table(
    "branch",
    metadata,
    key(),
    Column("code", Text, nullable=False, unique=True, doc="leads every receipt number"),
    words("name"),
    Column("zone", Text, nullable=False, doc="IANA name"),
    words("address", default=""),
    big("cash_step", default="1"),
    Column("cash_direction", Text, nullable=False, server_default="down", doc="down, up, nearest"),
    words("receipt_header", default=""),
    words("receipt_footer", default=""),
    Column("void_limit", BigInteger, doc="a larger void needs a supervisor; null: none does"),
    flag("active", default=True),
    big("created_at_ms"),
)

app_user = Table(
    "app_user",
    metadata,
    key(),
    Column("login", Text, unique=True, doc="lower case; null: works at tills only"),
    words("name"),
    words("password_hash", null=True),
    words("pin_hash", null=True),
    Column("roles", ARRAY(Text), nullable=False),
    Column("branch_ids", ARRAY(uuid_type), doc="null: every branch"),
    words("locale", default="id"),
    Column("theme", Text, nullable=False, server_default="auto", doc="auto, light, dark"),
    flag("active", default=True),
    big("created_at_ms"),
)

device = Table(
    "device",
    metadata,
    key(),
    Column("role", Text, nullable=False, doc="terminal or router"),
    ref("branch_id", "branch"),
    Column("number", Integer, nullable=False, doc="within its branch and role, from 1"),
    words("name"),
    Column("public_key", Text, nullable=False, unique=True, doc="Ed25519, 64 hex digits"),
    Column("certificate", Text, doc="PEM, routers only"),
    Column("status", Text, nullable=False, server_default="active", doc="active or revoked"),
    big("enrolled_at_ms"),
    big("revoked_at_ms", null=True),
    big("last_heard_at_ms", null=True),
    words("software", default=""),
    words("host", default=""),
    big("skew_ms", default="0"),
    Column("backlog", BigInteger, nullable=False, server_default="0", doc="entries waiting"),
    big("oldest_waiting_ms", null=True),
    Column("addresses", ARRAY(Text), nullable=False, server_default="{}", doc="host:port"),
    Column("via", uuid_type, doc="the router that spoke for it last; null: it spoke itself"),
    Column("feed", JSONB, nullable=False, server_default="{}", doc="scope: revision it has"),
    UniqueConstraint("branch_id", "role", "number", name="device_number"),
)

enrolment_code = Table(
    "enrolment_code",
    metadata,
    key(),
    Column("lookup", Text, nullable=False, doc="the first four characters"),
    blob("proof_key"),
    ref("branch_id", "branch"),
    Column("role", Text, nullable=False, doc="terminal or router"),
    Column("name", Text, doc="null: named after its number"),
    ref("created_by", "app_user", null=True),
    big("created_at_ms"),
    big("expires_at_ms"),
    big("used_at_ms", null=True),
    ref("device_id", "device", null=True),
    Column("wrong_proofs", Integer, nullable=False, server_default="0"),
    Index(
        "enrolment_code_open", "lookup", unique=True, postgresql_where=text("used_at_ms IS NULL")
    ),
    Index("enrolment_code_branch", "branch_id", "created_at_ms"),
)
