"""Who decided what, when and from where: each entry hashed over the one before.

Call `record` last in a transaction: it holds the trail's lock until the commit.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from sqlalchemy import Connection, Row, select, text

from sentra.cloud.tables import audit_entry

GENESIS: Final = bytes(32)
_TAG: Final = "sentra/audit/1"
_BATCH: Final = 1_000


def record(
    connection: Connection,
    *,
    at_ms: int,
    user_id: str | None,
    user_name: str,
    action: str,
    subject_kind: str,
    subject_key: str,
    branch_id: str | None = None,
    detail: dict[str, Any] | None = None,
    address: str = "",
) -> int:
    """Append one entry and return its number. `detail` is JSON: what changed, never a secret."""
    lock = "SELECT pg_advisory_xact_lock(hashtextextended('sentra audit', 0))"
    connection.execute(text(lock))
    newest = select(audit_entry.c.seq, audit_entry.c.hash).order_by(audit_entry.c.seq.desc())
    last = connection.execute(newest.limit(1)).one_or_none()
    seq: int = 1 if last is None else last.seq + 1
    row = {
        "seq": seq,
        "at_ms": at_ms,
        "user_id": user_id,
        "user_name": user_name,
        "action": action,
        "subject_kind": subject_kind,
        "subject_key": subject_key,
        "branch_id": branch_id,
        "detail": json.dumps(detail or {}, sort_keys=True, ensure_ascii=False),
        "address": address,
    }
    digest = _hash(GENESIS if last is None else bytes(last.hash), row)
    connection.execute(audit_entry.insert().values(**row, hash=digest))
    return seq


def first_altered(connection: Connection) -> int | None:
    """The number of the first entry that does not follow from the one before; None: all do."""
    expected, before = 1, GENESIS
    rows = connection.execution_options(yield_per=_BATCH).execute(
        select(audit_entry).order_by(audit_entry.c.seq)
    )
    for row in rows:
        if row.seq != expected or _hash(before, _plain(row)) != bytes(row.hash):
            return expected
        expected, before = row.seq + 1, bytes(row.hash)
    return None


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "hash"}


def _hash(before: bytes, row: dict[str, Any]) -> bytes:
    fields = json.dumps(row, sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(b"\n".join((_TAG.encode(), before, fields))).digest()
