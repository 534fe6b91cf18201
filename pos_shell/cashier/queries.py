"""Reads of the people who may work at this till."""

from __future__ import annotations

from collections.abc import Sequence

from sentra.domain.permission import Permission, may
from sentra.events import Person
from sentra.vault import catalogue
from sentra.vault.driver import Connection


def cashiers(db: Connection) -> Sequence[Person]:
    """Who may sell here, by name."""
    people = catalogue.people(db)
    return [person for person in people if may(person.roles, Permission.SALE_COMPLETE)]


def approvers(db: Connection, permission: Permission) -> Sequence[Person]:
    """Whose PIN approves what needs this permission, by name."""
    return [person for person in catalogue.people(db) if may(person.roles, permission)]


def find_person(db: Connection, person_id: str) -> Person | None:
    """The person of that id, or None where the feed has none (any more)."""
    return next((person for person in catalogue.people(db) if person.id == person_id), None)
