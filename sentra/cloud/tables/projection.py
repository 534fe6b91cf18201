"""The tables that both databases share, partitioned, and the cloud's own roll-ups."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table, text

from sentra.cloud.tables.columns import BY_BRANCH, metadata
from sentra.projection import rollups as _rollups
from sentra.projection import tables as _shared


def _partitioned(table: Table) -> Table:
    copy = table.to_metadata(metadata)
    copy.dialect_options["postgresql"]["partition_by"] = BY_BRANCH
    return copy


SHARED: Final = {table.name: _partitioned(table) for table in _shared.SHARED}
"""By name: what `sentra.projection.rows` fills."""

sale, sale_line, sale_tax = SHARED["sale"], SHARED["sale_line"], SHARED["sale_tax"]
tender, void, stock_movement = SHARED["tender"], SHARED["void"], SHARED["stock_movement"]
shift, shift_close = SHARED["shift"], SHARED["shift_close"]
cash_movement = SHARED["cash_movement"]

hourly_sales = _rollups.hourly_sales.to_metadata(metadata)
hourly_tender = _rollups.hourly_tender.to_metadata(metadata)
daily_product = _partitioned(_rollups.daily_product)
stock_level = _partitioned(_rollups.stock_level)

# Few movements are counts: this finds the products whose level means something among all sold.
Index(
    "stock_movement_counted",
    stock_movement.c.branch_id,
    stock_movement.c.product_id,
    postgresql_where=text("kind IN ('receipt', 'count', 'adjustment')"),
)
Index("hourly_sales_date", hourly_sales.c.business_date)
Index("hourly_tender_date", hourly_tender.c.business_date)

PARTITIONED: Final = tuple(
    table
    for table in metadata.sorted_tables
    if table.dialect_options["postgresql"].get("partition_by")
)
"""Each of these gets one partition when a branch is made."""
