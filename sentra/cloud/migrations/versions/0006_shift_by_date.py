"""Shifts of some days are found by their date: lists and reports ask a branch for a period."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_shift_date ON shift (branch_id, business_date)")
