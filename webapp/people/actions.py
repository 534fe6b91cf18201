"""What is decided about people; tills hear of it in the same transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from sentra.cloud import people
from sentra.cloud.people import LoginTaken
from sentra.cloud.tables import app_user
from webapp.change import Change
from webapp.people.forms import PersonForm


def create_person(change: Change, form: PersonForm) -> str:
    """Add a person; those with a PIN are at their tills within seconds.

    Raises:
        PersonError: the sign-in name is malformed or taken.
    """
    person_id = people.create_person(
        change.connection,
        name=form.name,
        roles=form.roles,
        keys=change.keys,
        now_ms=change.now_ms,
        login=form.login or None,
        password=form.password or None,
        pin=form.pin or None,
        branch_ids=form.branch_ids,
        locale=form.locale,
    )
    _publish(change, person_id)
    change.audit("people.create", "user", person_id, **_told(form))
    return person_id


def edit_person(change: Change, person_id: str, form: PersonForm) -> None:
    """Change a person, and their password or PIN where new ones were typed.

    Raises:
        PersonError: the sign-in name is malformed or taken.
    """
    if form.login:
        people.check_login(form.login)
    try:
        with change.connection.begin_nested():
            change.connection.execute(
                update(app_user)
                .where(app_user.c.id == person_id)
                .values(
                    name=form.name,
                    login=form.login or None,
                    roles=list(form.roles),
                    branch_ids=None if form.branch_ids is None else list(form.branch_ids),
                    active=form.active,
                    locale=form.locale,
                )
            )
    except IntegrityError as error:
        raise LoginTaken(given=form.login) from error
    if form.password:
        people.set_password(change.connection, person_id, form.password)
    if form.pin:
        people.set_pin(
            change.connection, person_id, form.pin, keys=change.keys, now_ms=change.now_ms
        )
    _publish(change, person_id)
    secrets: dict[str, Any] = {"new_password": bool(form.password), "new_pin": bool(form.pin)}
    change.audit("people.edit", "user", person_id, active=form.active, **_told(form), **secrets)


def _publish(change: Change, person_id: str) -> None:
    """Tell every branch where the person may work, and note which to wake."""
    heads = people.publish_person(
        change.connection,
        person_id,
        now_ms=change.now_ms,
        signing_key=change.keys.signing_key,
    )
    change.published(heads)


def _told(form: PersonForm) -> dict[str, Any]:
    branches = None if form.branch_ids is None else list(form.branch_ids)
    return {
        "name": form.name,
        "login": form.login,
        "roles": list(form.roles),
        "branches": branches,
    }
