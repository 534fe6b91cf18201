"""Who is asking: the member of this request's session, read anew so that a change holds at once."""

from __future__ import annotations

from typing import cast

from flask import g, session
from sqlalchemy import Connection, select

from sentra.cloud.tables import app_user
from webapp.database import connection
from webapp.roles import Member
from webapp.sessions import USER_KEY


def current_member() -> Member | None:
    """Whoever is signed in, or None; a person who was shut out meanwhile is nobody."""
    if "member" not in g:
        user_id = session.get(USER_KEY)
        g.member = read_member(connection(), user_id) if user_id else None
    return cast("Member | None", g.member)


def member() -> Member:
    """Whoever is signed in, in a view that `requires` somebody."""
    found = current_member()
    assert found is not None, "this view needs @requires"  # noqa: S101 - a fault of ours
    return found


def read_member(connection: Connection, user_id: str) -> Member | None:
    """The member with this id, if the account is open and has a sign-in."""
    row = connection.execute(
        select(app_user).where(
            app_user.c.id == user_id, app_user.c.active, app_user.c.login.is_not(None)
        )
    ).one_or_none()
    if row is None:
        return None
    branches = None if row.branch_ids is None else tuple(row.branch_ids)
    return Member(row.id, row.name, row.login, tuple(row.roles), branches, row.locale, row.theme)
