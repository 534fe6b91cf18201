"""The digest of a segment's sealed bytes beside them: bits that change no entry are noticed too."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

COLUMN = """
ALTER TABLE segment ADD COLUMN sealed_sha256 BYTEA;
UPDATE segment SET sealed_sha256 = sha256(sealed);
ALTER TABLE segment ALTER COLUMN sealed_sha256 SET NOT NULL;
"""


def upgrade() -> None:
    op.execute(COLUMN)
