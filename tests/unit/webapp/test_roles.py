"""Roles: what each may do, to whom they may be given, and in which branches they hold."""

from __future__ import annotations

import pytest

from sentra.domain import permission
from sentra.web.permissions import SIGNED_IN
from webapp.frame import ROLE_NAMES
from webapp.roles import GRANTS, PERMISSIONS, ROLES, Member


def member(*roles: str, branches: tuple[str, ...] | None = None) -> Member:
    return Member("1", "Somebody", "somebody", roles, branches, "id", "auto")


def test_every_permission_of_a_role_exists_and_the_owner_has_all() -> None:
    assert set().union(*ROLES.values()) == set(PERMISSIONS) == ROLES["owner"]


def test_roles_have_the_names_that_tills_and_routers_know() -> None:
    assert set(ROLES) == set(permission.ROLES)


def test_every_role_has_a_name_for_people() -> None:
    assert set(ROLE_NAMES) == set(ROLES)


@pytest.mark.parametrize("role", ["cashier", "supervisor"])
def test_who_works_at_tills_has_nothing_here_but_an_account(role: str) -> None:
    person = member(role)
    assert person.may(SIGNED_IN)
    assert not any(person.may(permission) for permission in PERMISSIONS)


def test_several_roles_add_up() -> None:
    person = member("branch_it", "bookkeeper")
    assert person.may("devices.revoke")
    assert person.may("sales.export")
    assert not person.may("people.edit")


def test_a_role_that_is_not_known_gives_nothing() -> None:
    assert not any(member("emperor").may(permission) for permission in PERMISSIONS)


def test_nobody_gives_out_a_role_with_more_permissions_than_their_own() -> None:
    for role, granted in GRANTS.items():
        for other in granted:
            assert ROLES[other] <= ROLES[role], f"{role} gives out {other}"


def test_branches_bound_what_is_seen_and_where_others_are_placed() -> None:
    everywhere, here = member("owner"), member("manager", branches=("a", "b"))
    assert everywhere.sees("z") and everywhere.may_place(None)
    assert here.sees("a") and not here.sees("z") and not here.sees(None)
    assert here.may_place(["a"]) and not here.may_place(["a", "z"]) and not here.may_place(None)
