"""Who is who, for the archive: what it takes to verify signatures and to project facts again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, insert, select, text

from sentra.cloud.archive.container import Columns, RegisterObject
from sentra.cloud.tables import branch, company, device

COMPANY_COLUMNS: Final = ("id", "name", "currency", "created_at_ms")
DEVICE_COLUMNS: Final = (
    "id",
    "role",
    "branch_id",
    "number",
    "name",
    "public_key",
    "certificate",
    "status",
    "enrolled_at_ms",
    "revoked_at_ms",
)
"""What a device says of itself from day to day is not kept: it will say so again."""


def read_register(connection: Connection, now_ms: int) -> RegisterObject:
    """The register as the tables have it."""
    (company_row,) = _rows(connection, company, COMPANY_COLUMNS)
    return RegisterObject(
        company=str(company_row["id"]),
        at_ms=now_ms,
        company_row=company_row,
        branches=tuple(_rows(connection, branch, branch.columns.keys())),
        devices=tuple(_rows(connection, device, DEVICE_COLUMNS)),
    )


def is_same(one: RegisterObject, other: RegisterObject) -> bool:
    """Whether they say the same, whenever they were written."""
    return msgspec.structs.replace(one, at_ms=0) == msgspec.structs.replace(other, at_ms=0)


def write_register(
    connection: Connection, register: RegisterObject, *, timeline: str, now_ms: int
) -> None:
    """Make the company, its branches with their partitions, and its devices, in empty tables."""
    values = {**register.company_row, "timeline": timeline, "timeline_at_ms": now_ms}
    connection.execute(insert(company).values(values))
    for row in register.branches:
        connection.execute(insert(branch).values(row))
        connection.execute(text("SELECT make_partitions(CAST(:id AS uuid))"), {"id": row["id"]})
    for row in register.devices:
        connection.execute(insert(device).values(row))


def _rows(connection: Connection, table: Table, names: Iterable[str]) -> list[Columns]:
    columns: list[Any] = [table.c[name] for name in names]
    found = connection.execute(select(*columns).order_by(table.c.id))
    return [dict(row) for row in found.mappings()]
