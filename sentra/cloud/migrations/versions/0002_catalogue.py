"""Catalogue and its imports."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

CATEGORY = """
CREATE TABLE category (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    position INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (name)
);
"""

TAX = """
CREATE TABLE tax (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    label TEXT NOT NULL,
    rate_permyriad INTEGER NOT NULL,
    base_numerator INTEGER DEFAULT '1' NOT NULL,
    base_denominator INTEGER DEFAULT '1' NOT NULL,
    inclusive BOOLEAN NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    branch_id UUID,
    PRIMARY KEY (id),
    FOREIGN KEY(branch_id) REFERENCES branch (id)
);

CREATE INDEX tax_code ON tax (code, valid_from);
"""

PRODUCT = """
CREATE TABLE product (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    category_id UUID,
    brand TEXT,
    unit TEXT DEFAULT '' NOT NULL,
    tax_code TEXT NOT NULL,
    cost BIGINT,
    stock_minimum_milli BIGINT,
    favourite BOOLEAN DEFAULT false NOT NULL,
    weighed BOOLEAN DEFAULT false NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    picture TEXT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (code),
    FOREIGN KEY(category_id) REFERENCES category (id)
);

CREATE INDEX product_category ON product (category_id);

CREATE INDEX product_name ON product (lower(name), id);
"""

PRODUCT_BARCODE = """
CREATE TABLE product_barcode (
    product_id UUID NOT NULL,
    barcode TEXT NOT NULL,
    PRIMARY KEY (product_id, barcode),
    FOREIGN KEY(product_id) REFERENCES product (id)
);

CREATE INDEX product_barcode_barcode ON product_barcode (barcode);
"""

PRODUCT_PRICE = """
CREATE TABLE product_price (
    id UUID NOT NULL,
    product_id UUID NOT NULL,
    branch_id UUID,
    amount BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    created_by UUID,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT product_price_once UNIQUE NULLS NOT DISTINCT (product_id, branch_id, from_ms),
    FOREIGN KEY(product_id) REFERENCES product (id),
    FOREIGN KEY(branch_id) REFERENCES branch (id),
    FOREIGN KEY(created_by) REFERENCES app_user (id)
);
"""

IMPORT_RUN = """
CREATE TABLE import_run (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    file_name TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    object_key TEXT,
    options JSONB DEFAULT '{}' NOT NULL,
    status TEXT NOT NULL,
    rows_total INTEGER DEFAULT '0' NOT NULL,
    rows_done INTEGER DEFAULT '0' NOT NULL,
    summary JSONB DEFAULT '{}' NOT NULL,
    findings JSONB DEFAULT '[]' NOT NULL,
    error TEXT,
    created_by UUID,
    created_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT,
    PRIMARY KEY (id),
    FOREIGN KEY(created_by) REFERENCES app_user (id)
);

CREATE INDEX import_run_created ON import_run (created_at_ms);
"""


def upgrade() -> None:
    for statements in (
        CATEGORY,
        TAX,
        PRODUCT,
        PRODUCT_BARCODE,
        PRODUCT_PRICE,
        IMPORT_RUN,
    ):
        op.execute(statements)
