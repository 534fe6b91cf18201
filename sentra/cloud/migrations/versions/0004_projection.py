"""What screens read: the shared tables, partitioned, and the roll-ups."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

SALE = """
CREATE TABLE sale (
    branch_id UUID NOT NULL,
    sale_id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    terminal_id UUID NOT NULL,
    epoch INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    receipt_number VARCHAR NOT NULL,
    shift_id UUID NOT NULL,
    cashier_id VARCHAR NOT NULL,
    cashier_name VARCHAR NOT NULL,
    business_date DATE NOT NULL,
    hour SMALLINT NOT NULL,
    opened_at_ms BIGINT NOT NULL,
    completed_at_ms BIGINT NOT NULL,
    currency VARCHAR NOT NULL,
    line_count INTEGER NOT NULL,
    goods_total BIGINT NOT NULL,
    discount_total BIGINT NOT NULL,
    tax_total BIGINT NOT NULL,
    total BIGINT NOT NULL,
    rounding BIGINT NOT NULL,
    original_sale_id UUID,
    note VARCHAR,
    ticket VARCHAR,
    PRIMARY KEY (branch_id, sale_id)
) PARTITION BY LIST (branch_id);

CREATE INDEX ix_sale_completed ON sale (branch_id, completed_at_ms);

CREATE INDEX ix_sale_original ON sale (branch_id, original_sale_id);

CREATE INDEX ix_sale_receipt ON sale (branch_id, receipt_number);

CREATE INDEX ix_sale_shift ON sale (branch_id, shift_id);
"""

SALE_LINE = """
CREATE TABLE sale_line (
    branch_id UUID NOT NULL,
    sale_id UUID NOT NULL,
    position INTEGER NOT NULL,
    product_id UUID,
    code VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    quantity_milli BIGINT NOT NULL,
    unit_price BIGINT NOT NULL,
    discount BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    tax_code VARCHAR NOT NULL,
    tax_base BIGINT NOT NULL,
    tax_amount BIGINT NOT NULL,
    original_position INTEGER,
    promotion VARCHAR,
    note VARCHAR,
    PRIMARY KEY (branch_id, sale_id, position)
) PARTITION BY LIST (branch_id);
"""

SALE_TAX = """
CREATE TABLE sale_tax (
    branch_id UUID NOT NULL,
    sale_id UUID NOT NULL,
    tax_code VARCHAR NOT NULL,
    label VARCHAR NOT NULL,
    inclusive BOOLEAN NOT NULL,
    base BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (branch_id, sale_id, tax_code)
) PARTITION BY LIST (branch_id);
"""

TENDER = """
CREATE TABLE tender (
    branch_id UUID NOT NULL,
    sale_id UUID NOT NULL,
    position INTEGER NOT NULL,
    shift_id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    amount BIGINT NOT NULL,
    received BIGINT NOT NULL,
    change_given BIGINT NOT NULL,
    reference VARCHAR,
    PRIMARY KEY (branch_id, sale_id, position)
) PARTITION BY LIST (branch_id);

CREATE INDEX ix_tender_shift ON tender (branch_id, shift_id);
"""

VOID = """
CREATE TABLE void (
    branch_id UUID NOT NULL,
    sale_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    receipt_number VARCHAR NOT NULL,
    shift_id UUID NOT NULL,
    cashier_id VARCHAR NOT NULL,
    cashier_name VARCHAR NOT NULL,
    business_date DATE NOT NULL,
    voided_at_ms BIGINT NOT NULL,
    line_count INTEGER NOT NULL,
    total BIGINT NOT NULL,
    reason VARCHAR NOT NULL,
    approved_by VARCHAR,
    PRIMARY KEY (branch_id, sale_id)
) PARTITION BY LIST (branch_id);

CREATE INDEX ix_void_shift ON void (branch_id, shift_id);
"""

SHIFT = """
CREATE TABLE shift (
    branch_id UUID NOT NULL,
    shift_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    number INTEGER NOT NULL,
    cashier_id VARCHAR NOT NULL,
    cashier_name VARCHAR NOT NULL,
    business_date DATE NOT NULL,
    opened_at_ms BIGINT NOT NULL,
    opening_float BIGINT NOT NULL,
    currency VARCHAR NOT NULL,
    PRIMARY KEY (branch_id, shift_id)
) PARTITION BY LIST (branch_id);
"""

SHIFT_CLOSE = """
CREATE TABLE shift_close (
    branch_id UUID NOT NULL,
    shift_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    cashier_id VARCHAR NOT NULL,
    cashier_name VARCHAR NOT NULL,
    business_date DATE NOT NULL,
    closed_at_ms BIGINT NOT NULL,
    sale_count INTEGER NOT NULL,
    refund_count INTEGER NOT NULL,
    void_count INTEGER NOT NULL,
    total BIGINT NOT NULL,
    rounding BIGINT NOT NULL,
    expected_cash BIGINT NOT NULL,
    counted_cash BIGINT NOT NULL,
    difference BIGINT NOT NULL,
    last_hash VARCHAR NOT NULL,
    note VARCHAR,
    PRIMARY KEY (branch_id, shift_id)
) PARTITION BY LIST (branch_id);
"""

CASH_MOVEMENT = """
CREATE TABLE cash_movement (
    branch_id UUID NOT NULL,
    movement_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    shift_id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    amount BIGINT NOT NULL,
    cashier_id VARCHAR NOT NULL,
    cashier_name VARCHAR NOT NULL,
    business_date DATE NOT NULL,
    moved_at_ms BIGINT NOT NULL,
    reason VARCHAR NOT NULL,
    approved_by VARCHAR,
    PRIMARY KEY (branch_id, movement_id)
) PARTITION BY LIST (branch_id);

CREATE INDEX ix_cash_movement_shift ON cash_movement (branch_id, shift_id);
"""

STOCK_MOVEMENT = """
CREATE TABLE stock_movement (
    branch_id UUID NOT NULL,
    source_id UUID NOT NULL,
    position INTEGER NOT NULL,
    terminal_id UUID NOT NULL,
    product_id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    quantity_milli BIGINT NOT NULL,
    moved_at_ms BIGINT NOT NULL,
    PRIMARY KEY (branch_id, source_id, position)
) PARTITION BY LIST (branch_id);

CREATE INDEX ix_stock_movement_product ON stock_movement (branch_id, product_id);

CREATE INDEX stock_movement_counted ON stock_movement (branch_id, product_id)
    WHERE kind IN ('receipt', 'count', 'adjustment');
"""

HOURLY_SALES = """
CREATE TABLE hourly_sales (
    branch_id UUID NOT NULL,
    business_date DATE NOT NULL,
    hour SMALLINT NOT NULL,
    terminal_id UUID NOT NULL,
    cashier_id VARCHAR NOT NULL,
    sale_count BIGINT NOT NULL,
    refund_count BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    total BIGINT NOT NULL,
    discount_total BIGINT NOT NULL,
    tax_total BIGINT NOT NULL,
    rounding BIGINT NOT NULL,
    refund_total BIGINT NOT NULL,
    PRIMARY KEY (branch_id, business_date, hour, terminal_id, cashier_id)
);

CREATE INDEX hourly_sales_date ON hourly_sales (business_date);
"""

HOURLY_TENDER = """
CREATE TABLE hourly_tender (
    branch_id UUID NOT NULL,
    business_date DATE NOT NULL,
    hour SMALLINT NOT NULL,
    terminal_id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    tender_count BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (branch_id, business_date, hour, terminal_id, kind)
);

CREATE INDEX hourly_tender_date ON hourly_tender (business_date);
"""

DAILY_PRODUCT = """
CREATE TABLE daily_product (
    branch_id UUID NOT NULL,
    business_date DATE NOT NULL,
    terminal_id UUID NOT NULL,
    code VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    quantity_milli BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (branch_id, business_date, terminal_id, code, name)
) PARTITION BY LIST (branch_id);
"""

STOCK_LEVEL = """
CREATE TABLE stock_level (
    branch_id UUID NOT NULL,
    product_id UUID NOT NULL,
    terminal_id UUID NOT NULL,
    quantity_milli BIGINT NOT NULL,
    PRIMARY KEY (branch_id, product_id, terminal_id)
) PARTITION BY LIST (branch_id);
"""


def upgrade() -> None:
    for statements in (
        SALE,
        SALE_LINE,
        SALE_TAX,
        TENDER,
        VOID,
        SHIFT,
        SHIFT_CLOSE,
        CASH_MOVEMENT,
        STOCK_MOVEMENT,
        HOURLY_SALES,
        HOURLY_TENDER,
        DAILY_PRODUCT,
        STOCK_LEVEL,
    ):
        op.execute(statements)
