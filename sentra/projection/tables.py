"""The tables that both databases share: what a screen reads of the facts.

Insert-only: each fact adds rows and changes none, so that a store may bulk-copy them and a
rebuild needs no order between journals. `branch_id` leads every key; PostgreSQL partitions by it.
Amounts are minor units, quantities thousandths, instants UTC milliseconds.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Uuid,
    text,
)

metadata = MetaData()

_id = Uuid(as_uuid=False)


def _ref(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, _id, primary_key=key, nullable=null)


def _amount(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, String, nullable=null)


sale = Table(
    "sale",
    metadata,
    _ref("branch_id", key=True),
    _ref("sale_id", key=True),
    Column("kind", String, nullable=False, doc="sale or refund; a refund's sums are negative"),
    _ref("terminal_id"),
    Column("epoch", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    _text("receipt_number"),
    _ref("shift_id"),
    _text("cashier_id"),
    _text("cashier_name"),
    Column("business_date", Date, nullable=False),
    Column("hour", SmallInteger, nullable=False, doc="of completion, in the branch's zone"),
    _amount("opened_at_ms"),
    _amount("completed_at_ms"),
    _text("currency"),
    Column("line_count", Integer, nullable=False),
    _amount("goods_total"),
    _amount("discount_total"),
    _amount("tax_total"),
    _amount("total"),
    _amount("rounding"),
    _ref("original_sale_id", null=True),
    _text("note", null=True),
    _text("ticket", null=True),
    Index("ix_sale_shift", "branch_id", "shift_id"),
    Index("ix_sale_completed", "branch_id", "completed_at_ms"),
    Index("ix_sale_receipt", "branch_id", "receipt_number"),
    # Of refunds alone. Where PostgreSQL knows nothing yet of a branch's sales, one index looks to
    # it like the other, and it would read every sale to know which were refunded.
    Index(
        "ix_sale_original",
        "branch_id",
        "original_sale_id",
        postgresql_where=text("original_sale_id IS NOT NULL"),
    ),
)

sale_line = Table(
    "sale_line",
    metadata,
    _ref("branch_id", key=True),
    _ref("sale_id", key=True),
    Column("position", Integer, primary_key=True),
    _ref("product_id", null=True),
    _text("code"),
    _text("name"),
    _text("unit"),
    _amount("quantity_milli"),
    _amount("unit_price"),
    _amount("discount"),
    _amount("amount"),
    _text("tax_code"),
    _amount("tax_base"),
    _amount("tax_amount"),
    Column("original_position", Integer, nullable=True),
    _text("promotion", null=True),
    _text("note", null=True),
)

sale_tax = Table(
    "sale_tax",
    metadata,
    _ref("branch_id", key=True),
    _ref("sale_id", key=True),
    Column("tax_code", String, primary_key=True),
    _text("label"),
    Column("inclusive", Boolean, nullable=False),
    _amount("base"),
    _amount("amount"),
)

tender = Table(
    "tender",
    metadata,
    _ref("branch_id", key=True),
    _ref("sale_id", key=True),
    Column("position", Integer, primary_key=True),
    _ref("shift_id"),
    _text("kind"),
    _amount("amount"),
    _amount("received"),
    _amount("change_given"),
    _text("reference", null=True),
    Index("ix_tender_shift", "branch_id", "shift_id"),
)

void = Table(
    "void",
    metadata,
    _ref("branch_id", key=True),
    _ref("sale_id", key=True),
    _ref("terminal_id"),
    _text("receipt_number"),
    _ref("shift_id"),
    _text("cashier_id"),
    _text("cashier_name"),
    Column("business_date", Date, nullable=False),
    _amount("voided_at_ms"),
    Column("line_count", Integer, nullable=False),
    _amount("total"),
    _text("reason"),
    _text("approved_by", null=True),
    Index("ix_void_shift", "branch_id", "shift_id"),
)

shift = Table(
    "shift",
    metadata,
    _ref("branch_id", key=True),
    _ref("shift_id", key=True),
    _ref("terminal_id"),
    Column("number", Integer, nullable=False),
    _text("cashier_id"),
    _text("cashier_name"),
    Column("business_date", Date, nullable=False),
    _amount("opened_at_ms"),
    _amount("opening_float"),
    _text("currency"),
    Index("ix_shift_date", "branch_id", "business_date"),
)

shift_close = Table(
    "shift_close",
    metadata,
    _ref("branch_id", key=True),
    _ref("shift_id", key=True),
    _ref("terminal_id"),
    _text("cashier_id"),
    _text("cashier_name"),
    Column("business_date", Date, nullable=False),
    _amount("closed_at_ms"),
    Column("sale_count", Integer, nullable=False),
    Column("refund_count", Integer, nullable=False),
    Column("void_count", Integer, nullable=False),
    _amount("total"),
    _amount("rounding"),
    _amount("expected_cash"),
    _amount("counted_cash"),
    _amount("difference"),
    _text("last_hash"),
    _text("note", null=True),
)

cash_movement = Table(
    "cash_movement",
    metadata,
    _ref("branch_id", key=True),
    _ref("movement_id", key=True),
    _ref("terminal_id"),
    _ref("shift_id"),
    _text("kind"),
    _amount("amount"),
    _text("cashier_id"),
    _text("cashier_name"),
    Column("business_date", Date, nullable=False),
    _amount("moved_at_ms"),
    _text("reason"),
    _text("approved_by", null=True),
    Index("ix_cash_movement_shift", "branch_id", "shift_id"),
)

stock_movement = Table(
    "stock_movement",
    metadata,
    _ref("branch_id", key=True),
    _ref("source_id", key=True),
    Column("position", Integer, primary_key=True, doc="line of the sale; 0 outside a sale"),
    _ref("terminal_id"),
    _ref("product_id"),
    Column("kind", String, nullable=False, doc="sale, refund, receipt, count, adjustment, waste"),
    _amount("quantity_milli"),
    _amount("moved_at_ms"),
    Index("ix_stock_movement_product", "branch_id", "product_id"),
)

SHARED = tuple(metadata.sorted_tables)
"""Every table of the shared projection; `rows.py` fills exactly these."""
