"""What each role may do in the back office, and to which branches it applies.

A permission is `subject.verb`; a route names the one it needs. Roles are data here, people get
them in the database, and a person with several roles has all of their permissions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sentra.web.permissions import SIGNED_IN

PERMISSIONS: Final = (
    "dashboard.view",
    "sales.view",
    "sales.export",
    "shifts.view",
    "exceptions.view",
    "exceptions.resolve",
    "catalogue.view",
    "catalogue.edit",
    "catalogue.import",
    "branches.view",
    "branches.edit",
    "devices.enrol",
    "devices.revoke",
    "people.view",
    "people.edit",
    "courier.unpack",
)

_READ: Final = frozenset({"dashboard.view", "sales.view", "shifts.view", "exceptions.view"})
_MANAGE: Final = frozenset(
    {
        "sales.export",
        "exceptions.resolve",
        "catalogue.view",
        "catalogue.edit",
        "catalogue.import",
        "branches.view",
        "devices.enrol",
        "devices.revoke",
        "people.view",
        "people.edit",
        "courier.unpack",
    }
)

ROLES: Final[dict[str, frozenset[str]]] = {
    "owner": frozenset(PERMISSIONS),
    "manager": _READ | _MANAGE,
    "bookkeeper": _READ | {"sales.export", "catalogue.view"},
    "branch_it": frozenset({"branches.view", "devices.enrol", "devices.revoke", "courier.unpack"}),
    "supervisor": frozenset(),
    "cashier": frozenset(),
}
"""Supervisors and cashiers work at tills; here they see their own account only."""

TILL_ROLES: Final = ("cashier", "supervisor")
OFFICE_ROLES: Final = ("owner", "manager", "bookkeeper", "branch_it")

GRANTS: Final[dict[str, frozenset[str]]] = {
    "owner": frozenset(ROLES),
    "manager": frozenset(TILL_ROLES),
}
"""Which roles a role may give to others: nobody hands out more than he has."""


@dataclass(frozen=True, slots=True)
class Member:
    """Who is signed in. `branch_ids` None: every branch, those made later too."""

    id: str
    name: str
    login: str
    roles: tuple[str, ...]
    branch_ids: tuple[str, ...] | None
    locale: str
    theme: str

    def may(self, permission: str) -> bool:
        """Whether one of this person's roles has the permission."""
        if permission == SIGNED_IN:
            return True
        return any(permission in ROLES.get(role, ()) for role in self.roles)

    def sees(self, branch_id: str | None) -> bool:
        """Whether what belongs to this branch (None: to the company) is this person's business."""
        return self.branch_ids is None or branch_id in self.branch_ids

    def may_grant(self, role: str) -> bool:
        """Whether this person may give somebody the role, or change somebody who has it."""
        return any(role in GRANTS.get(own, ()) for own in self.roles)

    def may_place(self, branch_ids: Iterable[str] | None) -> bool:
        """Whether this person may let somebody work in these branches (None: in all)."""
        if self.branch_ids is None:
            return True
        return branch_ids is not None and set(branch_ids) <= set(self.branch_ids)
