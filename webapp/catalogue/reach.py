"""How far a product's last change has come: which tills say that they have its revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, cast, func, select

from sentra.cloud.tables import branch, device, feed_item
from sentra.protocol.feed import COMPANY


@dataclass(frozen=True, slots=True)
class Reach:
    """Of `tills` in use, `reached` have the revision; `waiting` names some that do not."""

    product_id: str
    tills: int
    reached: int
    waiting: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every till has it."""
        return self.reached == self.tills


WAITING_SHOWN = 4
"""Tills that are named; the rest is a figure."""


def read_reach(connection: Connection, product_id: str, branch_ids: Sequence[str]) -> Reach:
    """How many of these branches' tills have the product as it is now."""
    c = feed_item.c
    revision: int | None = connection.execute(
        select(c.revision).where(c.scope == COMPANY, c.kind == "product", c.key == product_id)
    ).scalar_one_or_none()
    has = func.coalesce(cast(device.c.feed[COMPANY].astext, BigInteger), 0)
    rows = connection.execute(
        select(
            branch.c.name.label("branch"), device.c.name, (has >= (revision or 0)).label("reached")
        )
        .join_from(device, branch, branch.c.id == device.c.branch_id)
        .where(
            device.c.role == "terminal",
            device.c.status == "active",
            device.c.branch_id.in_(branch_ids),
        )
        .order_by(branch.c.name, device.c.number)
    ).all()
    waiting = [f"{row.branch} · {row.name}" for row in rows if not row.reached]
    return Reach(product_id, len(rows), len(rows) - len(waiting), tuple(waiting[:WAITING_SHOWN]))
