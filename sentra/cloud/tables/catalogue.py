"""What is sold, at which price and tax, and the runs that imported it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sentra.cloud.tables.columns import big, flag, key, metadata, ref, uuid_type, words

category = Table(
    "category",
    metadata,
    key(),
    Column("name", Text, nullable=False, unique=True),
    Column("position", Integer, nullable=False, server_default="0"),
)

tax = Table(
    "tax",
    metadata,
    key(),
    words("code"),
    words("label"),
    Column("rate_permyriad", Integer, nullable=False, doc="1200 is 12 %"),
    Column("base_numerator", Integer, nullable=False, server_default="1"),
    Column("base_denominator", Integer, nullable=False, server_default="1"),
    Column("inclusive", Boolean, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date, doc="exclusive; null: until further notice"),
    ref("branch_id", "branch", null=True),
    Index("tax_code", "code", "valid_from"),
)

product = Table(
    "product",
    metadata,
    key(),
    Column("code", Text, nullable=False, unique=True),
    words("name"),
    ref("category_id", "category", null=True),
    words("brand", null=True),
    words("unit", default=""),
    words("tax_code"),
    Column("cost", BigInteger, doc="minor units; null: unknown"),
    Column("stock_minimum_milli", BigInteger, doc="below it the product is low; null: none"),
    flag("favourite", default=False),
    flag("weighed", default=False),
    flag("active", default=True),
    words("picture", null=True),
    big("created_at_ms"),
    big("updated_at_ms"),
    Index("product_name", text("lower(name)"), "id"),
    Index("product_category", "category_id"),
)

product_barcode = Table(
    "product_barcode",
    metadata,
    Column("product_id", uuid_type, ForeignKey("product.id"), primary_key=True),
    Column("barcode", Text, primary_key=True),
    Index("product_barcode_barcode", "barcode"),
)

product_price = Table(
    "product_price",
    metadata,
    key(),
    ref("product_id", "product"),
    Column("branch_id", uuid_type, ForeignKey("branch.id"), doc="null: every branch"),
    big("amount"),
    big("from_ms"),
    ref("created_by", "app_user", null=True),
    big("created_at_ms"),
    UniqueConstraint(
        "product_id",
        "branch_id",
        "from_ms",
        name="product_price_once",
        postgresql_nulls_not_distinct=True,
    ),
)

import_run = Table(
    "import_run",
    metadata,
    key(),
    words("kind"),
    words("file_name"),
    Column("file_sha256", Text, nullable=False, doc="hex"),
    Column("object_key", Text, doc="where the object store has the file"),
    Column("options", JSONB, nullable=False, server_default="{}", doc="column map and the like"),
    Column("status", Text, nullable=False, doc="preview, queued, running, done, failed"),
    Column("rows_total", Integer, nullable=False, server_default="0"),
    Column("rows_done", Integer, nullable=False, server_default="0"),
    Column("summary", JSONB, nullable=False, server_default="{}"),
    Column("findings", JSONB, nullable=False, server_default="[]"),
    words("error", null=True),
    ref("created_by", "app_user", null=True),
    big("created_at_ms"),
    big("finished_at_ms", null=True),
    Index("import_run_created", "created_at_ms"),
)
