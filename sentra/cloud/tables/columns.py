"""The metadata that all of the cloud's tables share, and short names for their columns."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    text,
)

metadata = MetaData()

PARTITION_SCHEMA: Final = "partition"
"""Where the partitions are. The programs' role has no rights there: only the parents are asked."""

BY_BRANCH: Final = "LIST (branch_id)"
uuid_type = Uuid(as_uuid=False)


def key(name: str = "id", **options: Any) -> Column[str]:
    """A UUID, canonical text, in the primary key."""
    return Column(name, uuid_type, primary_key=True, **options)


def ref(name: str, target: str | None = None, *, null: bool = False) -> Column[str]:
    """A UUID, canonical text, that points at `target`'s id, or at what no table holds."""
    foreign = () if target is None else (ForeignKey(f"{target}.id"),)
    return Column(name, uuid_type, *foreign, nullable=null)


def words(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    """Text of any length."""
    return Column(name, Text, nullable=null, server_default=default)


def big(name: str, *, null: bool = False, default: str | None = None) -> Column[int]:
    """A 64-bit integer: an amount, a quantity or an instant."""
    return Column(name, BigInteger, nullable=null, server_default=default)


def flag(name: str, *, default: bool) -> Column[bool]:
    """A boolean with a default."""
    return Column(name, Boolean, nullable=False, server_default=text(str(default).lower()))


def blob(name: str) -> Column[bytes]:
    """Bytes."""
    return Column(name, LargeBinary, nullable=False)
