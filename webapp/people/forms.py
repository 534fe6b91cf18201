"""What is typed about a person, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from sentra.cloud.people import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, PasswordUnfit
from sentra.domain.permission import BRANCH_IT
from sentra.domain.pin import check_pin
from sentra.failures import Failure
from sentra.i18n import LANGUAGES
from webapp.people.queries import PersonRow
from webapp.roles import OFFICE_ROLES, ROLES, TILL_ROLES, Member

NAME_LENGTH_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class PersonForm:
    """The fields as typed. `branch_ids` None: every branch. Password and PIN are never shown
    again; empty means: leave it as it is."""

    name: str = ""
    login: str = ""
    roles: tuple[str, ...] = ("cashier",)
    branch_ids: tuple[str, ...] | None = ()
    active: bool = True
    locale: str = "id"
    password: str = ""
    pin: str = ""
    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all_errors(self) -> tuple[str, ...]:
        """Every sentence, for the top of the form."""
        return tuple(sentence for each in self.errors.values() for sentence in each)


def form_of(row: PersonRow) -> PersonForm:
    """The form of a person as they are."""
    return PersonForm(row.name, row.login or "", row.roles, row.branch_ids, row.active, row.locale)


def read_form(
    form: MultiDict[str, str], editor: Member, places: Sequence[str], old: PersonRow | None
) -> PersonForm:
    """Check what was typed by `editor`, who may give out only what is theirs to give.

    `places` are the ids of the editor's branches; `old` the person as they are, None for a new
    one.
    """
    everywhere = form.get("everywhere") == "1"
    chosen = tuple(one for one in form.getlist("branches") if one in places)
    typed = PersonForm(
        name=form.get("name", "").replace("\0", "").strip(),
        login=form.get("login", "").strip().lower(),
        roles=tuple(role for role in ROLES if role in form.getlist("roles")),
        branch_ids=None if everywhere else chosen + _kept(old, places),
        active=form.get("active") == "1" or old is None,
        locale=form.get("locale", "id") if form.get("locale") in LANGUAGES else "id",
        password=form.get("password", ""),
        pin=form.get("pin", "").strip(),
    )
    errors = typed.errors
    if not 1 <= len(typed.name) <= NAME_LENGTH_MAX:
        errors["name"] = (gettext("Give a name of up to 80 characters."),)
    _check_roles(typed, editor, old, errors)
    if typed.branch_ids == () or not editor.may_place(chosen if not everywhere else None):
        errors["branches"] = (gettext("Choose the branches where this person works."),)
    _check_secrets(typed, old, errors)
    return typed


def _kept(old: PersonRow | None, places: Sequence[str]) -> tuple[str, ...]:
    """Branches of the person that the editor does not see: they stay as they are."""
    if old is None or old.branch_ids is None:
        return ()
    return tuple(one for one in old.branch_ids if one not in places)


def _check_roles(
    typed: PersonForm, editor: Member, old: PersonRow | None, errors: dict[str, tuple[str, ...]]
) -> None:
    before = set(old.roles) if old else set()
    changed = before ^ set(typed.roles)
    if not typed.roles:
        errors["roles"] = (gettext("Choose at least one role."),)
    elif not all(editor.may_grant(role) for role in changed):
        errors["roles"] = (gettext("You cannot give or take a role that is above your own."),)


def _check_secrets(
    typed: PersonForm, old: PersonRow | None, errors: dict[str, tuple[str, ...]]
) -> None:
    works_in_office = any(role in OFFICE_ROLES and role != BRANCH_IT for role in typed.roles)
    has_password, has_pin = (old.has_password, old.has_pin) if old else (False, False)
    if works_in_office and not typed.login:
        errors["login"] = (gettext("This role signs in here, so it needs a sign-in name."),)
    if BRANCH_IT in typed.roles and not (typed.login or typed.pin or has_pin):
        errors["login"] = (
            gettext("Branch IT needs a sign-in name here, or a PIN for the router."),
        )
    if typed.login and not (typed.password or has_password):
        errors["password"] = (gettext("Choose a first password."),)
    if typed.password and not PASSWORD_LENGTH_MIN <= len(typed.password) <= PASSWORD_LENGTH_MAX:
        unfit = PasswordUnfit(least=PASSWORD_LENGTH_MIN, most=PASSWORD_LENGTH_MAX)
        errors["password"] = (unfit.told(gettext),)
    if set(typed.roles) & set(TILL_ROLES) and not (typed.pin or has_pin):
        errors["pin"] = (gettext("Who works at a till needs a PIN."),)
    if typed.pin:
        try:
            check_pin(typed.pin)
        except Failure as failure:
            errors["pin"] = (failure.told(gettext),)
