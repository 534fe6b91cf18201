"""What people do to their own account."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, update

from sentra.cloud import people
from sentra.cloud.tables import app_user
from webapp.change import Change


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose password was right, and how that person likes to be addressed."""

    user_id: str
    name: str
    locale: str
    theme: str


def check_credentials(connection: Connection, login: str, password: str) -> Credentials | None:
    """Who has this login and password; None takes as long as a wrong password, for any reason."""
    row = people.find_by_login(connection, login)
    right = people.password_matches(row.password_hash if row else None, password)
    if row is None or not right:
        return None
    return Credentials(row.id, row.name, row.locale, row.theme)


def record_sign_in(change: Change, user_id: str) -> None:
    """Write down that somebody signed in."""
    change.audit("account.sign_in", "user", user_id)


def record_sign_out(change: Change, user_id: str) -> None:
    """Write down that somebody signed out."""
    change.audit("account.sign_out", "user", user_id)


def change_password(change: Change, user_id: str, password: str) -> None:
    """Set a new password; ending the person's other sessions is up to the caller.

    Raises:
        PasswordUnfit: too short or too long.
    """
    people.set_password(change.connection, user_id, password)
    change.audit("account.change_password", "user", user_id)


def save_looks(change: Change, user_id: str, *, locale: str, theme: str) -> None:
    """Keep language and theme with the account, for every machine that it is used on."""
    change.connection.execute(
        update(app_user).where(app_user.c.id == user_id).values(locale=locale, theme=theme)
    )
    change.audit("account.save_looks", "user", user_id, locale=locale, theme=theme)
