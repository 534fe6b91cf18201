"""People with their roles and branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, any_, literal, or_, select

from sentra.cloud.tables import app_user, branch
from sentra.cloud.tables.columns import uuid_type
from webapp.roles import Member

PAGE_ROWS: Final = 60


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person. `branches` None: all of them; `login` None: works at tills only."""

    id: str
    name: str
    login: str | None
    roles: tuple[str, ...]
    branch_ids: tuple[str, ...] | None
    branches: tuple[str, ...] | None
    has_pin: bool
    has_password: bool
    active: bool
    locale: str


def read_people(
    connection: Connection, person: Member, *, text: str = "", role: str = "", page: int = 1
) -> tuple[tuple[PersonRow, ...], bool]:
    """Whom this person may see, by name: everybody, or those of the same branches."""
    question = _visible(person)
    if text:
        found = app_user.c.name.icontains(text, autoescape=True)
        question = question.where(or_(found, app_user.c.login.icontains(text, autoescape=True)))
    if role:
        question = question.where(literal(role) == any_(app_user.c.roles))
    rows = connection.execute(
        question.order_by(app_user.c.active.desc(), app_user.c.name, app_user.c.id)
        .limit(PAGE_ROWS + 1)
        .offset((page - 1) * PAGE_ROWS)
    ).all()
    names = _branch_names(connection)
    return tuple(_row(row, names) for row in rows[:PAGE_ROWS]), len(rows) > PAGE_ROWS


def read_person(connection: Connection, person: Member, person_id: str) -> PersonRow | None:
    """One person, if this person may see them."""
    row = connection.execute(_visible(person).where(app_user.c.id == person_id)).one_or_none()
    return None if row is None else _row(row, _branch_names(connection))


def _visible(person: Member) -> Select[Any]:
    question = select(app_user)
    if person.branch_ids is None:
        return question
    here = [literal(one, uuid_type) == any_(app_user.c.branch_ids) for one in person.branch_ids]
    return question.where(or_(app_user.c.id == person.id, *here))


def _branch_names(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(branch.c.id, branch.c.name))
    return {row.id: row.name for row in rows}


def _row(row: Any, names: dict[str, str]) -> PersonRow:
    ids = None if row.branch_ids is None else tuple(row.branch_ids)
    return PersonRow(
        row.id,
        row.name,
        row.login,
        tuple(row.roles),
        ids,
        None if ids is None else tuple(sorted(names.get(one, one) for one in ids)),
        row.pin_hash is not None,
        row.password_hash is not None,
        row.active,
        row.locale,
    )
