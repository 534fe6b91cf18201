"""The branches that a person's pages are about."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from sentra.cloud.tables import branch
from webapp.roles import Member


@dataclass(frozen=True, slots=True)
class Place:
    """A branch as lists name it; `zone` is an IANA name."""

    id: str
    code: str
    name: str
    zone: str


def visible_branches(connection: Connection, person: Member) -> tuple[Place, ...]:
    """The branches whose business is this person's, by name; closed ones too, for their history."""
    table = branch.c
    question = select(table.id, table.code, table.name, table.zone).order_by(table.name)
    if person.branch_ids is not None:
        question = question.where(table.id.in_(person.branch_ids))
    return tuple(Place(*row) for row in connection.execute(question))
