"""Company, branches, people, devices."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

COMPANY = """
CREATE TABLE company (
    singleton BOOLEAN DEFAULT true NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    timeline UUID NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (singleton),
    CONSTRAINT company_is_one CHECK (singleton)
);
"""

BRANCH = """
CREATE TABLE branch (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    cash_step BIGINT DEFAULT '1' NOT NULL,
    cash_direction TEXT DEFAULT 'down' NOT NULL,
    receipt_header TEXT DEFAULT '' NOT NULL,
    receipt_footer TEXT DEFAULT '' NOT NULL,
    void_limit BIGINT,
    active BOOLEAN DEFAULT true NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (code)
);
"""

APP_USER = """
CREATE TABLE app_user (
    id UUID NOT NULL,
    login TEXT,
    name TEXT NOT NULL,
    password_hash TEXT,
    pin_hash TEXT,
    roles TEXT[] NOT NULL,
    branch_ids UUID[],
    locale TEXT DEFAULT 'id' NOT NULL,
    theme TEXT DEFAULT 'auto' NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (login)
);
"""

DEVICE = """
CREATE TABLE device (
    id UUID NOT NULL,
    role TEXT NOT NULL,
    branch_id UUID NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    certificate TEXT,
    status TEXT DEFAULT 'active' NOT NULL,
    enrolled_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT,
    last_heard_at_ms BIGINT,
    software TEXT DEFAULT '' NOT NULL,
    host TEXT DEFAULT '' NOT NULL,
    skew_ms BIGINT DEFAULT '0' NOT NULL,
    backlog BIGINT DEFAULT '0' NOT NULL,
    oldest_waiting_ms BIGINT,
    addresses TEXT[] DEFAULT '{}' NOT NULL,
    via UUID,
    feed JSONB DEFAULT '{}' NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT device_number UNIQUE (branch_id, role, number),
    FOREIGN KEY(branch_id) REFERENCES branch (id),
    UNIQUE (public_key)
);
"""

ENROLMENT_CODE = """
CREATE TABLE enrolment_code (
    id UUID NOT NULL,
    lookup TEXT NOT NULL,
    proof_key BYTEA NOT NULL,
    branch_id UUID NOT NULL,
    role TEXT NOT NULL,
    name TEXT,
    created_by UUID,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT,
    device_id UUID,
    wrong_proofs INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(branch_id) REFERENCES branch (id),
    FOREIGN KEY(created_by) REFERENCES app_user (id),
    FOREIGN KEY(device_id) REFERENCES device (id)
);

CREATE INDEX enrolment_code_branch ON enrolment_code (branch_id, created_at_ms);

CREATE UNIQUE INDEX enrolment_code_open ON enrolment_code (lookup) WHERE used_at_ms IS NULL;
"""

AUDIT_ENTRY = """
CREATE TABLE audit_entry (
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    user_id UUID,
    user_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    branch_id UUID,
    detail TEXT NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (seq)
);

CREATE INDEX audit_entry_subject ON audit_entry (subject_kind, subject_key, seq);
"""


def upgrade() -> None:
    for statements in (
        COMPANY,
        BRANCH,
        APP_USER,
        DEVICE,
        ENROLMENT_CODE,
        AUDIT_ENTRY,
    ):
        op.execute(statements)
