"""The index of refunds by their sale has none but refunds: a sale is not in it."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

INDEX = """
DROP INDEX ix_sale_original;
CREATE INDEX ix_sale_original ON sale (branch_id, original_sale_id)
WHERE original_sale_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(INDEX)
