"""The cloud's tables, as SQLAlchemy Core metadata; the migrations make them.

Instants are UTC epoch milliseconds, amounts minor units, quantities thousandths. Whatever grows
with sales is partitioned by branch, and `branch_id` leads each of its keys. The hourly roll-ups,
heads and exceptions stay whole: they are small, and are read over all branches at once.
"""

from __future__ import annotations

from sentra.cloud.tables.archive import (
    archive_feed,
    archive_head,
    archive_object,
    archive_run,
    archived_fork,
)
from sentra.cloud.tables.catalogue import (
    category,
    import_run,
    product,
    product_barcode,
    product_price,
    tax,
)
from sentra.cloud.tables.columns import PARTITION_SCHEMA, metadata
from sentra.cloud.tables.journal import (
    audit_entry,
    exception,
    feed_head,
    feed_item,
    feed_revision,
    feed_snapshot,
    fork_projection,
    fork_segment,
    journal_entry,
    journal_head,
    proof,
    segment,
)
from sentra.cloud.tables.people import (
    app_user,
    branch,
    company,
    device,
    enrolment_code,
)
from sentra.cloud.tables.projection import (
    PARTITIONED,
    SHARED,
    cash_movement,
    daily_product,
    hourly_sales,
    hourly_tender,
    sale,
    sale_line,
    sale_tax,
    shift,
    shift_close,
    stock_level,
    stock_movement,
    tender,
    void,
)

__all__ = [
    "PARTITIONED",
    "PARTITION_SCHEMA",
    "SHARED",
    "app_user",
    "archive_feed",
    "archive_head",
    "archive_object",
    "archive_run",
    "archived_fork",
    "audit_entry",
    "branch",
    "cash_movement",
    "category",
    "company",
    "daily_product",
    "device",
    "enrolment_code",
    "exception",
    "feed_head",
    "feed_item",
    "feed_revision",
    "feed_snapshot",
    "fork_projection",
    "fork_segment",
    "hourly_sales",
    "hourly_tender",
    "import_run",
    "journal_entry",
    "journal_head",
    "metadata",
    "product",
    "product_barcode",
    "product_price",
    "proof",
    "sale",
    "sale_line",
    "sale_tax",
    "segment",
    "shift",
    "shift_close",
    "stock_level",
    "stock_movement",
    "tax",
    "tender",
    "void",
]
