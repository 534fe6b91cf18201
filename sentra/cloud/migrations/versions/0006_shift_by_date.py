"""Shifts of some days are found by their date; branch IT has one name in office and branch."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("UPDATE app_user SET roles = array_replace(roles, 'technician', 'branch_it')")
    op.execute("CREATE INDEX ix_shift_date ON shift (branch_id, business_date)")
